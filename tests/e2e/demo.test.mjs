// The demo's story in a real browser: people log in at the host application, talk in the embedded room, and log out. The browser
// is watched all the time: what it loads, what it stores, what passes over its sockets, what its console says.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Browser } from './support/browser.mjs';
import { Demo } from './support/demo.mjs';

let demo;
let browser;

before(async () => {
  demo = await Demo.start();
  browser = await Browser.start();
});

after(async () => {
  await browser?.stop();
  await demo?.stop();
});

async function logIn(person, visit = undefined) {
  const here = visit ?? await browser.visit();
  await here.page.goto(demo.url);
  await here.page.getByText(person).click();
  await here.page.getByRole('button', { name: 'Log in' }).click();
  await here.page.locator('[data-key=GENERAL]').waitFor();
  return here;
}

/** The embedded room, ready to be written in. */
async function room(page) {
  const frame = page.frameLocator('#room');
  await frame.getByRole('textbox', { name: 'Message' }).waitFor();
  return frame;
}

async function say(frame, words) {
  await frame.getByRole('textbox', { name: 'Message' }).fill(words);
  await frame.getByRole('button', { name: 'Send' }).click();
  await frame.locator('.message:not(.pending)', { hasText: words }).waitFor();
}

/** The host page's own line is open. */
const live = (page) => page.locator('body[data-live=true]').waitFor();
/** Somebody in the list at the left. */
const person = (page, username) => page.locator(`[data-key="@${username}"]`);
/** What the host application's page is told. */
const state = (visit) => visit.page.evaluate(async () => (await fetch('/app/state')).json());

test('two people talk live, and neither browser ever holds a Rocket.Chat token', async () => {
  const [alice, bob] = [await logIn('Alice Archer'), await logIn('Bob Barlow')];
  const [alices, bobs] = [await room(alice.page), await room(bob.page)];
  await Promise.all([live(alice.page), live(bob.page)]);

  await say(alices, 'Hello from Alice');
  await say(bobs, 'Hello from Bob');

  await bobs.locator('[data-by=socket]', { hasText: 'Hello from Alice' }).waitFor();
  await alices.locator('[data-by=socket]', { hasText: 'Hello from Bob' }).waitFor();
  for (const visit of [alice, bob]) {
    const [line, framed] = ['/websocket', '/sockjs/'].map((path) => visit.sockets.find((socket) => new URL(socket.url).pathname.startsWith(path)));
    assert.ok(line && framed, 'the host page speaks raw, the client in the frame SockJS');
    assert.ok(framed.sent.some((text) => text.includes('resume')), 'the client logs in by itself, with what it found in storage');
    await visit.page.getByText('No Rocket.Chat token in this browser').waitFor();
    await demo.assertNoTokenIn(visit, (await state(visit)).rocketchat.user);
    visit.assertQuiet(demo);
  }
  assert.equal((await state(alice)).rocketchat.tokens.length, 1, 'one token for one login');
  await alice.close();
  await bob.close();
});

test('who is there and what is unread is told live, without asking', async () => {
  const alice = await logIn('Alice Archer');
  await live(alice.page);
  const bob = await logIn('Bob Barlow');
  await room(bob.page);
  await alice.page.locator('[data-key="@bob"][data-status=online]').waitFor();
  const bobSeen = (await room(alice.page)).locator('.people [data-user=bob]');
  await bobSeen.and(alice.page.frameLocator('#room').locator('[data-status=online]')).waitFor();

  await person(bob.page, 'alice').click();
  await say(await room(bob.page), 'Only for you');

  await person(alice.page, 'bob').getByLabel('1 unread').waitFor();
  await alice.page.waitForFunction(() => document.title === '(1) Alice Archer · Fernway', null, { timeout: 20_000 });
  const line = alice.sockets.find((socket) => new URL(socket.url).pathname === '/websocket');
  assert.ok(line.received.some((text) => text.includes('subscriptions-changed')), 'it came by the socket');
  await person(alice.page, 'bob').click();
  await (await room(alice.page)).getByText('Only for you').waitFor();
  await alice.page.locator('[data-key="@bob"] .unread').waitFor({ state: 'hidden' });
  await bob.close();
  await alice.page.locator('[data-key="@bob"][data-status=offline]').waitFor();
  await alice.close();
});

test('a lost connection comes back by itself, and nobody meets a login form', async () => {
  const visit = await browser.visit();
  const lines = [];
  await visit.context.routeWebSocket(/\/sockjs\//, (line) => { line.connectToServer(); lines.push(line); });
  await logIn('Dana Diaz', visit);
  const frame = await room(visit.page);
  await frame.locator('.state[data-state=live]').waitFor();

  await lines[0].close({ code: 3001, reason: 'lost on the way' });

  await frame.locator('.state[data-state=waiting]').waitFor();
  await frame.locator('.state[data-state=live]').waitFor();
  assert.equal(lines.length, 2);
  await say(frame, 'Back again');
  await frame.locator('.rcx-login-form').waitFor({ state: 'detached' });
  await visit.close();
});

test('logging out in one tab ends everything, visibly in the other, and for that person alone', async () => {
  const earlier = await demo.tokens();
  const [alice, bob] = [await logIn('Alice Archer'), await logIn('Bob Barlow')];
  const second = await alice.newPage();
  await second.goto(`${demo.url}/app`);
  const [alices, seconds, bobs] = [await room(alice.page), await room(second), await room(bob.page)];
  await Promise.all([live(alice.page), live(second)]);
  const jwt = (await alice.context.cookies()).find((cookie) => cookie.name === 'host_jwt').value;
  const { rocketchat } = await state(alice);

  await alice.page.getByRole('button', { name: 'Log out' }).click();

  await second.getByText('Gantry closed this page’s connection at once').waitFor();
  for (const page of [alice.page, second]) await page.getByRole('heading', { name: 'You are logged out' }).waitFor();
  for (const frame of [alices, seconds]) await frame.getByText('Your session has ended').waitFor();
  for (const fact of ['Gantry ended the session', 'The old JWT is refused', 'Rocket.Chat has forgotten the token']) {
    await alice.page.locator('.good', { hasText: fact }).waitFor();
  }
  assert.deepEqual(await alice.context.cookies(), [], 'no cookie is left');
  assert.deepEqual((await alice.stored()).filter(([key]) => key.startsWith('Meteor.')), [], 'nor a stand-in');
  assert.ok(alice.sockets.every((socket) => socket.closed));
  const refused = await fetch(`${demo.gantry}/api/v1/me`, { headers: { Authorization: `Bearer ${jwt}` } });
  assert.equal(refused.status, 401);
  for (const token of (await demo.tokens()).filter((made) => !earlier.includes(made))) {
    const gone = await fetch(`${demo.rocketchat}/api/v1/me`, { headers: { 'X-User-Id': rocketchat.user, 'X-Auth-Token': token } });
    assert.equal(gone.status, 401, 'no token of this login is left at Rocket.Chat');
  }
  await demo.assertNoTokenIn(alice);
  await say(bobs, 'Bob is still here');

  await alice.page.getByRole('link', { name: 'Log in again' }).click();
  await alice.page.getByRole('button', { name: 'Log in' }).click();
  await (await room(alice.page)).getByText('Bob is still here').waitFor();
  await alice.close();
  await bob.close();
});

test('the next person on the same browser is themselves', async () => {
  const visit = await logIn('Alice Archer');
  await room(visit.page);
  await visit.page.getByRole('button', { name: 'Log out' }).click();
  await visit.page.getByRole('heading', { name: 'You are logged out' }).waitFor();

  await logIn('Carol Chen', visit);

  await say(await room(visit.page), 'This is Carol');
  const mine = (await room(visit.page)).locator('.message', { hasText: 'This is Carol' });
  await mine.getByText('@carol').waitFor();
  const kept = Object.fromEntries(await visit.stored());
  assert.equal(kept['Meteor.userId'], (await state(visit)).rocketchat.user);
  await visit.close();
});

test('a wrong password is told on the login page and logs nobody in', async () => {
  const visit = await browser.visit();
  await visit.page.goto(demo.url);
  await visit.page.getByLabel('Password').fill('guess');

  await visit.page.getByRole('button', { name: 'Log in' }).click();

  await visit.page.getByText('That is not the password').waitFor();
  assert.deepEqual(await visit.context.cookies(), []);
  await visit.close();
});

test('the pages fit a narrow screen', async () => {
  const visit = await logIn('Carol Chen');
  await visit.page.setViewportSize({ width: 360, height: 640 });
  await visit.page.locator('[data-key=GENERAL]').click();
  const frame = await room(visit.page);
  await frame.locator('.people li').first().waitFor();

  const outside = await visit.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  const inside = await frame.locator('html').evaluate((html) => html.scrollWidth - html.clientWidth);

  assert.ok(outside <= 0 && inside <= 0, `${outside} and ${inside} px too wide`);
  await visit.page.getByRole('button', { name: 'Log out' }).click({ trial: true });
  await visit.close();
});

test('the printed curl line works', async () => {
  const [, jwt, url] = demo.greeting.match(/curl -H 'Authorization: Bearer (\S+)' (\S+)/);

  const answer = await fetch(url, { headers: { Authorization: `Bearer ${jwt}` } });

  assert.equal(answer.status, 200);
  assert.equal((await answer.json()).username, 'dana');
});
