// npm @rocket.chat/ddp-client: the client that Rocket.Chat's own web client is growing into. It logs in over DDP, and calls REST
// with the token that the login answered.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import clients from '@rocket.chat/ddp-client';
import WebSocket from 'ws';

import { eventually } from '../support/eventually.mjs';
import { Stage } from '../support/stage.mjs';

// Node.js 20 has none of its own, and this client looks nowhere else.
globalThis.WebSocket ??= WebSocket;

let stage;

before(async () => { stage = await Stage.set(); });
after(() => stage?.stop());

/** A client that has logged in with a JWT and hears a room, for as long as a test runs. */
async function logIn(t, jwt) {
  const sdk = await clients.DDPSDK.createAndConnect(stage.url);
  t.after(() => leave(sdk));
  const login = await sdk.account.loginWithToken(jwt);
  const heard = [];
  await sdk.stream('room-messages', 'GENERAL', (message) => heard.push(message)).ready();
  return { sdk, login, heard };
}

function leave(sdk) {
  sdk.connection.close();
  // A frame that is still on its way would set the timers of the heartbeat again.
  sdk.connection.ws.onmessage = null;
  sdk.timeoutControl.stop();
}

const hears = (client, words) => eventually(`"${words}" is heard`, () => client.heard.find((message) => message.msg === words));

test('@rocket.chat/ddp-client logs in with a JWT, and talks over DDP and REST with the stand-in it got', async (t) => {
  const [aliceJwt, bobJwt] = [stage.issuer.jwt('alice'), stage.issuer.jwt('bob')];

  const [alice, bob] = [await logIn(t, aliceJwt), await logIn(t, bobJwt)];

  assert.equal(alice.sdk.account.user.username, 'alice');
  stage.assertStandIn(alice.sdk.account.user.token, aliceJwt);
  assert.ok(alice.sdk.account.user.tokenExpires > new Date(), 'the token is good for a while');
  const { update } = await alice.sdk.rest.get('/v1/rooms.get');
  assert.ok(update.some((room) => room._id === 'GENERAL'));
  assert.ok((await alice.sdk.call('rooms/get')).some((room) => room._id === 'GENERAL'));

  await alice.sdk.call('sendMessage', { _id: 'said-over-ddp-1', rid: 'GENERAL', msg: 'said over DDP' });
  await bob.sdk.rest.post('/v1/chat.sendMessage', { message: { rid: 'GENERAL', msg: 'said over REST' } });

  for (const client of [alice, bob]) {
    assert.equal((await hears(client, 'said over DDP')).u.username, 'alice');
    assert.equal((await hears(client, 'said over REST')).u.username, 'bob');
  }
  stage.assertSecretsKept([aliceJwt, bobJwt]);
});

test('@rocket.chat/ddp-client comes back by itself after its connection broke', async (t) => {
  const [carol, dana] = [await logIn(t, stage.issuer.jwt('carol')), await logIn(t, stage.issuer.jwt('dana'))];
  const back = Promise.all([carol, dana].map(({ sdk }) => new Promise((resolve) => { sdk.connection.once('connected', resolve); })));

  stage.near.cut();

  await back;
  // Sent again until it is heard: only the client knows when its subscription is there again.
  let said = 0;
  await eventually('a message is heard again', async () => {
    said += 1;
    await dana.sdk.rest.post('/v1/chat.sendMessage', { message: { rid: 'GENERAL', msg: `back again ${said}` } });
    return carol.heard.some((message) => message.msg.startsWith('back again'));
  });
  assert.equal((await carol.sdk.rest.get('/v1/me')).username, 'carol');
  stage.tokenOf(carol.login.id);
});

test('@rocket.chat/ddp-client logs out, and its token is worth nothing afterwards', async (t) => {
  const jwt = stage.issuer.jwt('erin');
  const erin = await logIn(t, jwt);
  const userId = erin.login.id;
  assert.ok(await stage.isAlive({ userId, token: stage.tokenOf(userId) }));

  await erin.sdk.account.logout();

  assert.equal(erin.sdk.account.user, undefined);
  await stage.assertForgotten(userId);
  const headers = { 'X-User-Id': userId, 'X-Auth-Token': erin.login.token };
  assert.equal((await fetch(`${stage.url}/api/v1/me`, { headers })).status, 401);
  stage.assertSecretsKept([jwt]);
});
