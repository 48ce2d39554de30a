"""PyPI rocketchat-async: two people resume with their JWTs, and one hears what the other says. Prints what they saw, as JSON."""

import asyncio
import json
import sys

from rocketchat_async import RocketChat

# Above what a busy machine needs.
PATIENCE_SECONDS = 10


async def log_in(url, username, jwt):
    client = RocketChat()
    await client.resume(url, username, jwt)
    return client


async def main(url, alice_jwt, bob_jwt):
    alice = await log_in(url, "alice", alice_jwt)
    bob = await log_in(url, "bob", bob_jwt)
    heard = asyncio.get_running_loop().create_future()

    def hear(_channel, sender, _id, _thread, text, *_more):
        if not heard.done():
            heard.set_result({"sender": sender, "text": text})

    await alice.subscribe_to_channel_messages("GENERAL", hear)
    # This client does not wait until a subscription is ready; what is answered after it came after it.
    rooms = await alice.get_channels()
    await bob.send_typing_event("GENERAL")
    await bob.send_message("said by rocketchat-async", "GENERAL")
    message = await asyncio.wait_for(heard, PATIENCE_SECONDS)
    print(json.dumps({"alice": alice.user_id, "bob": bob.user_id, "rooms": rooms, "heard": message}))


asyncio.run(main(*sys.argv[1:]))
