// npm @rocket.chat/sdk: what bots and the mobile app are built on. It logs in over DDP, or over REST and then over DDP.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import sdk from '@rocket.chat/sdk';

import { eventually } from '../support/eventually.mjs';
import { Stage } from '../support/stage.mjs';

/** The SDK tells its logger everything, tokens included. */
const SILENT = Object.fromEntries(['debug', 'info', 'warn', 'warning', 'error'].map((level) => [level, () => {}]));

let stage;

before(async () => { stage = await Stage.set(); });
after(() => stage?.stop());

function client(t) {
  const rocketchat = new sdk.Rocketchat({ host: stage.url, useSsl: false, logger: SILENT });
  t.after(() => leave(rocketchat));
  return rocketchat;
}

async function leave(rocketchat) {
  await rocketchat.disconnect();
  // What has been closed already is not closed again, and its timers go on.
  const { ddp } = await rocketchat.socket;
  ddp.reopen = async () => {};
  for (const timer of [ddp.reopenInterval, ddp.openTimeout, ddp.pingTimeout]) clearTimeout(timer);
}

/** Everything that a client hears in a room, from now on. */
async function listen(rocketchat) {
  const heard = [];
  await rocketchat.subscribeRoom('GENERAL');
  await rocketchat.onMessage((message) => heard.push(`${message.u.username}: ${message.msg}`));
  return heard;
}

test('@rocket.chat/sdk logs in over REST with a JWT and goes on over DDP with what it is answered', async (t) => {
  const jwt = stage.issuer.jwt('alice');
  const alice = client(t);
  await alice.connect();

  const login = await alice.login({ resume: jwt });
  const heard = await listen(alice);
  const { update } = await alice.get('rooms.get', {});
  await alice.sendMessage('said over REST', 'GENERAL');
  await alice.methodCall('sendMessage', { _id: 'said-by-the-sdk-1', rid: 'GENERAL', msg: 'said over DDP' });

  assert.equal(alice.currentLogin.username, 'alice');
  stage.assertStandIn(alice.currentLogin.authToken, jwt);
  assert.equal(login.id, alice.currentLogin.userId);
  assert.ok(update.some((room) => room._id === 'GENERAL'));
  await eventually('both messages are heard', () => ['alice: said over REST', 'alice: said over DDP'].every((words) => heard.includes(words)));
  await alice.logout();
  await stage.assertForgotten(login.id);
  stage.assertSecretsKept([jwt]);
});

test('@rocket.chat/sdk resumes with a JWT over DDP, hears others, and logs out over DDP', async (t) => {
  const [bobJwt, carolJwt] = [stage.issuer.jwt('bob'), stage.issuer.jwt('carol')];
  const [bob, carol] = [client(t), client(t)];
  await Promise.all([bob.connect(), carol.connect()]);

  const [login, carolLogin] = await Promise.all([bob.resume({ token: bobJwt }), carol.resume({ token: carolJwt })]);
  const heard = await listen(bob);
  await carol.methodCall('sendMessage', { _id: 'said-by-carol-001', rid: 'GENERAL', msg: 'hello, Bob' });

  stage.assertStandIn(login.token, bobJwt);
  await eventually('the message is heard', () => heard.includes('carol: hello, Bob'));
  const rooms = await bob.methodCall('rooms/get');
  assert.ok(rooms.some((room) => room._id === 'GENERAL'));
  // Not Bob: this SDK waits for an answer to each end of a subscription before it logs out, and hears none from Rocket.Chat either.
  await (await carol.socket).logout();
  await stage.assertForgotten(carolLogin.id);
  stage.assertSecretsKept([bobJwt, carolJwt]);
});
