"""PyPI rocketchat-api: handed a JWT where it takes a token, it lists, sends, reads, and logs out. Prints what it saw, as JSON."""

import json
import sys

from rocketchat_API.rocketchat import RocketChat

url, jwt = sys.argv[1:]
# Without a user id it would send no token at all; it need not be the right one.
client = RocketChat(server_url=url, auth_token=jwt, user_id="unknown")
me = client.me()
rooms = client.rooms_get()["update"]
sent = client.chat_send_message({"rid": "GENERAL", "msg": "said by rocketchat-api"})
posted = client.chat_post_message("posted by rocketchat-api", channel="#general")
messages = list(client.channels_history("GENERAL"))
farewell = client.logout()
print(json.dumps({
    "version": client.info()["version"],
    "me": {"id": me["_id"], "username": me["username"]},
    "rooms": [room["_id"] for room in rooms],
    "senders": [sent["message"]["u"]["username"], posted["message"]["u"]["username"]],
    "history": [message["msg"] for message in messages],
    "farewell": farewell["status"],
}))
