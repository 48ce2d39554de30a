// npm @rocket.chat/api-client: REST only. It has no login of its own: it sends the headers and the token that it is given.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import clients from '@rocket.chat/api-client';

import { Stage } from '../support/stage.mjs';

let stage;

before(async () => { stage = await Stage.set(); });
after(() => stage?.stop());

const baseUrl = () => stage.url;
const message = (msg) => ({ message: { rid: 'GENERAL', msg } });

async function history(rest) {
  const { messages } = await rest.get('/v1/channels.messages', { roomId: 'GENERAL' });
  return messages.map(({ msg, u }) => `${u.username}: ${msg}`);
}

test('@rocket.chat/api-client lists, sends, uploads and logs out with the JWT as its token', async () => {
  const jwt = stage.issuer.jwt('alice');
  // The user id is Rocket.Chat's to know: a client that has only a JWT has to make one up.
  const rest = new clients.RestClient({ baseUrl: baseUrl(), credentials: { 'X-User-Id': 'unknown', 'X-Auth-Token': jwt } });

  const me = await rest.get('/v1/me');
  const { update } = await rest.get('/v1/rooms.get');
  const sent = await rest.post('/v1/chat.sendMessage', message('said with a JWT as token'));
  const form = new FormData();
  form.append('file', new File(['tomato soup'], 'menu.txt', { type: 'text/plain' }));
  const uploaded = await rest.post('/v1/rooms.media/GENERAL', form);
  await rest.post(`/v1/rooms.mediaConfirm/GENERAL/${uploaded.file._id}`, { msg: 'the menu' });

  assert.equal(me.username, 'alice');
  assert.ok(update.some((room) => room._id === 'GENERAL'));
  assert.equal(sent.message.u.username, 'alice');
  const said = await history(rest);
  assert.ok(said.includes('alice: said with a JWT as token'));
  assert.ok(said.includes('alice: the menu'));
  const credentials = rest.getCredentialsAsHeaders();
  const download = await fetch(new URL(uploaded.file.url, stage.url), { headers: credentials });
  assert.equal(await download.text(), 'tomato soup');

  assert.equal((await rest.post('/v1/logout')).status, 'success');

  await stage.assertForgotten(me._id);
  stage.assertSecretsKept([jwt]);
});

test('@rocket.chat/api-client works with the JWT as bearer, without any token', async () => {
  const jwt = stage.issuer.jwt('bob');
  const rest = new clients.RestClient({ baseUrl: baseUrl(), headers: { Authorization: `Bearer ${jwt}` } });

  const me = await rest.get('/v1/me');
  await rest.post('/v1/chat.sendMessage', message('said with a bearer'));

  assert.equal(me.username, 'bob');
  assert.ok((await history(rest)).includes('bob: said with a bearer'));
  stage.assertSecretsKept([jwt]);
});

/** The bodies of `POST /api/v1/login` that can carry a JWT. */
const LOGINS = {
  'as a token to resume': (jwt) => ({ resume: jwt }),
  'as an access token': (jwt) => ({ serviceName: 'hostapp', accessToken: jwt, expiresIn: 600 }),
  'as EmbeddedChat puts it': (jwt) => ({ service: 'hostapp', access_token: jwt }),
};

for (const [how, body] of Object.entries(LOGINS)) {
  test(`@rocket.chat/api-client logs in with the JWT ${how}, and goes on with what it is answered`, async () => {
    const jwt = stage.issuer.jwt('carol');
    const rest = new clients.RestClient({ baseUrl: baseUrl() });

    const login = await rest.post('/v1/login', body(jwt));
    rest.setCredentials({ 'X-User-Id': login.data.userId, 'X-Auth-Token': login.data.authToken });
    const me = await rest.get('/v1/me');
    await rest.post('/v1/chat.sendMessage', message(`said after a login ${how}`));

    assert.equal(login.status, 'success');
    assert.equal(login.data.me.username, 'carol');
    stage.assertStandIn(login.data.authToken, jwt);
    assert.equal(me._id, login.data.userId);
    assert.ok((await history(rest)).includes(`carol: said after a login ${how}`));

    await rest.post('/v1/logout');

    await assert.rejects(rest.get('/v1/me'), (answer) => answer.status === 401);
    stage.assertSecretsKept([jwt]);
  });
}
