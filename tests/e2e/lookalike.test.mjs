// The lookalike's page by itself, with tokens of its own: it must play the part of Rocket.Chat's web client where Gantry relies on
// what that client does (where it takes its token from, what it sends where, how it comes and goes).

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { after, before, test } from 'node:test';

import { Browser } from './support/browser.mjs';
import { Lookalike } from './support/lookalike.mjs';

let rc;
let browser;

before(async () => {
  rc = await Lookalike.start();
  browser = await Browser.start();
});

after(async () => {
  await browser?.stop();
  await rc?.stop();
});

/** A visit that finds a token in storage, as Gantry's boot script leaves one. */
async function visitWith(login, address, workspace = rc) {
  const visit = await browser.visit();
  await visit.context.addInitScript(([id, token, until]) => {
    if (sessionStorage.getItem('put')) return;
    sessionStorage.setItem('put', 'once');
    localStorage.setItem('Meteor.userId', id);
    localStorage.setItem('Meteor.loginToken', token);
    localStorage.setItem('Meteor.loginTokenExpires', new Date(Date.now() + until).toString());
  }, [login.userId, login.authToken, login.until ?? 86_400_000]);
  await visit.page.goto(`${workspace.url}${address}`);
  return visit;
}

const message = (visit) => visit.page.getByRole('textbox', { name: 'Message' });
const live = (visit) => visit.page.locator('.state[data-state=live]').waitFor();

for (const [framing, query, path] of [['SockJS', '', '/sockjs/'], ['raw', '&sdk_transport=on', '/websocket']]) {
  test(`with a stored token it logs in over the ${framing} socket and messages go live both ways`, async () => {
    const [alice, bob] = [await rc.logIn('alice'), await rc.logIn('bob')];
    const visit = await visitWith(alice, `/channel/general?layout=embedded${query}`);
    await message(visit).fill(`Hello over ${framing}`);
    await visit.page.getByRole('button', { name: 'Send' }).click();
    await visit.page.locator('.message:not(.pending)', { hasText: `Hello over ${framing}` }).waitFor();
    await live(visit);

    await rc.call('chat.postMessage', { by: bob, body: { roomId: 'GENERAL', text: `And back over ${framing}` } });

    await visit.page.locator('[data-by=socket]', { hasText: `And back over ${framing}` }).waitFor();
    assert.deepEqual(visit.sockets.map((socket) => new URL(socket.url).pathname.startsWith(path)), [true]);
    const logins = visit.sockets[0].sent.filter((text) => text.includes('resume'));
    assert.equal(logins.length, 1);
    assert.ok(visit.sockets[0].sent.every((text) => !text.includes('sendMessage')), 'methods go by REST');
    const cookies = Object.fromEntries((await visit.context.cookies()).map(({ name, value }) => [name, value]));
    assert.deepEqual(cookies, { rc_uid: alice.userId, rc_token: alice.authToken });
    assert.deepEqual(visit.complaints, []);
    await visit.close();
  });
}

test('presence of the people in the room follows their sockets', async () => {
  const [alice, bob] = [await rc.logIn('alice'), await rc.logIn('bob')];
  const watching = await visitWith(alice, '/channel/general');
  const bobs = (status) => watching.page.locator(`.people [data-user=bob][data-status=${status}]`).waitFor();
  await bobs('offline');

  const coming = await visitWith(bob, '/channel/general');

  await bobs('online');
  await message(coming).pressSequentially('hm');
  await watching.page.getByText('bob is typing…').waitFor();
  await coming.close();
  await bobs('offline');
  await watching.close();
});

test('the home page counts what is unread, and reading elsewhere clears it', async () => {
  const [alice, bob] = [await rc.logIn('alice'), await rc.logIn('bob')];
  await rc.call('subscriptions.read', { by: alice, body: { rid: 'GENERAL' } });
  const visit = await visitWith(alice, '/home');
  await visit.page.getByRole('link', { name: 'general' }).waitFor();

  await rc.call('chat.postMessage', { by: bob, body: { roomId: 'GENERAL', text: 'unread' } });

  await visit.page.getByLabel('1 unread').waitFor();
  await rc.call('subscriptions.read', { by: alice, body: { rid: 'GENERAL' } });
  await visit.page.getByLabel('1 unread').waitFor({ state: 'detached' });
  await visit.close();
});

test('without a token it shows the login form, which logs in by password', async () => {
  const visit = await browser.visit();
  await visit.page.goto(`${rc.url}/channel/general`);
  await visit.page.getByLabel('Email or username').fill('alice');
  await visit.page.getByLabel('Password').fill('alice-password');

  await visit.page.getByRole('button', { name: 'Login' }).click();

  await message(visit).waitFor();
  assert.ok(visit.urls.some((url) => url.endsWith('/api/v1/method.callAnon/login')), 'a login by password goes by REST');
  await visit.close();
});

test('a token that is refused, or ends within the hour, leads to the login form', async () => {
  for (const login of [{ userId: 'x', authToken: 'gone' }, { ...await rc.logIn('alice'), until: 3_000_000 }]) {
    const visit = await visitWith(login, '/channel/general');
    await visit.page.locator('.rcx-login-form').waitFor();
    assert.deepEqual((await visit.stored()).filter(([key]) => key.startsWith('Meteor.')), []);
    await visit.close();
  }
});

test('a token changed or removed by somebody else is followed within seconds', async () => {
  const [alice, bob] = [await rc.logIn('alice'), await rc.logIn('bob')];
  const visit = await visitWith(alice, '/channel/general');
  await message(visit).waitFor();

  await visit.page.evaluate((token) => localStorage.setItem('Meteor.loginToken', token), bob.authToken);

  await visit.page.waitForEvent('load');
  await message(visit).fill('this is bob');
  await visit.page.getByRole('button', { name: 'Send' }).click();
  await visit.page.locator('.message:not(.pending)', { hasText: 'this is bob' }).last().waitFor();
  assert.equal(await visit.page.evaluate(() => localStorage.getItem('Meteor.userId')), bob.userId);
  await visit.page.evaluate(() => localStorage.removeItem('Meteor.loginToken'));
  await visit.page.locator('.rcx-login-form').waitFor();
  assert.equal((await rc.call('me', { by: bob })).success, false, 'Meteor logs out at the server, too');
  await visit.close();
});

test('iframe authentication asks its API, and shows its page while that says no', async () => {
  const answers = { status: 401, body: {} };
  const host = createServer((request, response) => {
    const cors = { 'Access-Control-Allow-Origin': request.headers.origin ?? '', 'Access-Control-Allow-Credentials': 'true' };
    if (request.url === '/api') { response.writeHead(answers.status, { ...cors, 'Content-Type': 'application/json' }).end(JSON.stringify(answers.body)); return; }
    response.writeHead(200, { 'Content-Type': 'text/html' }).end('<p>The host asks who you are</p>');
  });
  await once(host.listen(0, '127.0.0.1'), 'listening');
  const at = `http://127.0.0.1:${host.address().port}`;
  const workspace = await Lookalike.start(['Accounts_iframe_enabled', true], ['Accounts_iframe_url', `${at}/page`], ['Accounts_Iframe_api_url', `${at}/api`], ['Iframe_Integration_receive_enable', true]);
  const alice = await workspace.logIn('alice');
  const visit = await browser.visit();
  await visit.page.goto(`${workspace.url}/channel/general`);
  await visit.page.frameLocator('.login-frame').getByText('The host asks who you are').waitFor();

  await visit.page.evaluate((token) => postMessage({ event: 'login-with-token', loginToken: token }), alice.authToken);
  await message(visit).waitFor();

  Object.assign(answers, { status: 200, body: { loginToken: (await workspace.logIn('bob')).authToken } });
  await visit.page.evaluate(() => postMessage({ externalCommand: 'logout' }));
  await visit.page.locator('.people [data-user=bob][data-status=online]').waitFor();
  await visit.close();
  await workspace.stop();
  host.close();
});
