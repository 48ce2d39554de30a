// SockJS as Rocket.Chat's web client speaks it, with npm sockjs behind Gantry and npm sockjs-client in front of it.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import SockJs from 'sockjs-client';
import WebSocket from 'ws';

import { eventually } from '../support/eventually.mjs';
import { Stage } from '../support/stage.mjs';
import { SockJsServer } from './support/sockjs-server.mjs';

const CONNECT = { msg: 'connect', version: '1', support: ['1', 'pre2', 'pre1'] };
const login = (resume) => ({ msg: 'method', id: 'login', method: 'login', params: [{ resume }] });
const whoami = (id, ...params) => ({ msg: 'method', id, method: 'whoami', params });

let rocketchat;
let stage;

before(async () => {
  rocketchat = await SockJsServer.start();
  stage = await Stage.set({ rocketchat });
});
// The stage stops its Rocket.Chat as well.
after(() => stage?.stop());

/** The messages of a connection: those that came, and waiting for one. */
class Messages {
  all = [];

  take(text) {
    this.all.push(JSON.parse(text));
  }

  /** The message that holds all of these. */
  holding(wanted) {
    const fits = (message) => Object.entries(wanted).every(([key, value]) => message[key] === value);
    return eventually(`a message with ${JSON.stringify(wanted)}`, () => this.all.find(fits));
  }
}

/** A connection of npm sockjs-client, as Meteor's client makes it. */
async function sockJsClient(t) {
  const socket = new SockJs(`${stage.url}/sockjs`, null, { transports: ['websocket'] });
  t.after(() => socket.close());
  const messages = new Messages();
  socket.onmessage = ({ data }) => messages.take(data);
  let end;
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onclose = (event) => { end = event; reject(new Error(`closed with ${event.code}: ${event.reason}`)); };
  });
  const closed = () => eventually('the connection is closed', () => end);
  return { messages, closed, send: (message) => socket.send(JSON.stringify(message)) };
}

/** A connection whose texts are ours to form. */
async function textClient(t, path) {
  const socket = new WebSocket(`${stage.url.replace('http', 'ws')}${path}`);
  t.after(() => socket.terminate());
  const texts = [];
  socket.on('message', (data) => texts.push(data.toString()));
  let beats = 0;
  socket.on('ping', () => { beats += 1; });
  const heartbeat = () => eventually('a heartbeat comes', () => beats > 0);
  await new Promise((resolve, reject) => { socket.on('open', resolve).on('error', reject); });
  return { socket, texts, heartbeat };
}

function assertKept(jwts) {
  stage.assertSecretsKept(jwts);
  const leaked = jwts.filter((jwt) => rocketchat.received().some((text) => text.includes(jwt)));
  assert.deepEqual(leaked, [], 'no JWT arrives inside of frames');
}

test('a client of npm sockjs-client logs in with a JWT, calls, subscribes and hears', async (t) => {
  const jwt = stage.issuer.jwt('alice');
  const client = await sockJsClient(t);

  for (const message of [CONNECT, login(jwt), whoami('1', 'ü "quoted" \\ \u2028'), { msg: 'sub', id: 's', name: 'stream-notify-user', params: ['x'] }]) client.send(message);

  const { result } = await client.messages.holding({ msg: 'result', id: 'login' });
  stage.assertStandIn(result.token, jwt);
  assert.equal(result.id, 'id-of-alice');
  const who = await client.messages.holding({ msg: 'result', id: '1' });
  assert.deepEqual(who.result, { userId: 'id-of-alice', params: ['ü "quoted" \\ \u2028'] });
  const changed = await client.messages.holding({ msg: 'changed' });
  assert.deepEqual(changed.fields.args, [{ heard: 'id-of-alice', name: 'stream-notify-user' }]);
  assert.deepEqual(client.messages.all[0], { server_id: '0' });
  assertKept([jwt]);
});

test('a client of npm sockjs-client comes back with the stand-in, and is the same user', async (t) => {
  const jwt = stage.issuer.jwt('bob');
  const first = await sockJsClient(t);
  for (const message of [CONNECT, login(jwt)]) first.send(message);
  const { result } = await first.messages.holding({ msg: 'result', id: 'login' });

  const second = await sockJsClient(t);
  for (const message of [CONNECT, login(result.token), whoami('1')]) second.send(message);

  assert.equal((await second.messages.holding({ msg: 'result', id: '1' })).result.userId, 'id-of-bob');
  stage.tokenOf('id-of-bob');
  assertKept([jwt]);
});

test('several messages in one SockJS frame are taken apart, and heartbeats pass', async (t) => {
  const jwt = stage.issuer.jwt('carol');
  const { socket, texts, heartbeat } = await textClient(t, '/sockjs/042/of-carol/websocket');

  socket.send(JSON.stringify([CONNECT, login(jwt), whoami('1'), { msg: 'ping', id: 'p' }].map((message) => JSON.stringify(message))));

  const messages = await eventually('all is answered', () => {
    const all = texts.filter((text) => text.startsWith('a')).flatMap((text) => JSON.parse(text.slice(1))).map((text) => JSON.parse(text));
    return all.some((message) => message.msg === 'pong') && all;
  });
  assert.equal(texts[0], 'o');
  const results = messages.filter((message) => message.msg === 'result');
  assert.deepEqual(results.map((message) => message.id), ['login', '1'], 'in the order in which they were asked');
  stage.assertStandIn(results[0].result.token, jwt);
  assert.equal(results[1].result.userId, 'id-of-carol');
  // Over a WebSocket npm sockjs has no frame of its own for it: it pings, and closes where no pong comes.
  await heartbeat();
  assert.equal(socket.extensions, '', 'frames that Gantry has to read are not compressed');
  assertKept([jwt]);
});

test('a raw client of the same server logs in with a JWT, too', async (t) => {
  const jwt = stage.issuer.jwt('dana');
  const { socket, texts } = await textClient(t, '/websocket');

  for (const message of [CONNECT, login(jwt), whoami('1')]) socket.send(JSON.stringify(message));

  const messages = await eventually('all is answered', () => {
    const all = texts.map((text) => JSON.parse(text));
    return all.some((message) => message.msg === 'result' && message.id === '1') && all;
  });
  const [loggedIn, who] = messages.filter((message) => message.msg === 'result');
  stage.assertStandIn(loggedIn.result.token, jwt);
  assert.equal(who.result.userId, 'id-of-dana');
  assertKept([jwt]);
});

test('SockJS\' own goodbye passes with its code and reason', async (t) => {
  const jwt = stage.issuer.jwt('erin');
  const client = await sockJsClient(t);
  for (const message of [CONNECT, login(jwt)]) client.send(message);
  await client.messages.holding({ msg: 'result', id: 'login' });

  client.send({ msg: 'method', id: 'away', method: 'goAway', params: [] });

  const { code, reason } = await client.closed();
  assert.deepEqual([code, reason], [3000, 'Go away!']);
});

test('a SockJS connection ends with its session, and Rocket.Chat forgets the token', async (t) => {
  const jwt = stage.issuer.jwt('frank');
  const client = await sockJsClient(t);
  for (const message of [CONNECT, login(jwt)]) client.send(message);
  const { result } = await client.messages.holding({ msg: 'result', id: 'login' });

  await fetch(`${stage.url}/_gantry/logout`, { method: 'POST', headers: { Authorization: `Bearer ${jwt}` } });

  assert.equal((await client.closed()).code, 4401);
  await stage.assertForgotten(result.id);
  assertKept([jwt]);
});

test('the fallbacks of SockJS over HTTP are refused', async () => {
  for (const transport of ['xhr', 'xhr_send', 'xhr_streaming', 'eventsource', 'htmlfile', 'jsonp']) {
    const answer = await fetch(`${stage.url}/sockjs/042/of-nobody/${transport}`, { method: 'POST' });
    assert.equal(answer.status, 404, transport);
  }
});
