// The demo's story in a real browser: two people log in at the host application, talk in the embedded room, and log out.
// The browser is watched all the time: what it loads, what it stores, what its console says.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
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

async function logIn(person) {
  const visit = await browser.visit();
  await visit.page.goto(demo.url);
  await visit.page.getByText(person).click();
  await visit.page.getByRole('button', { name: 'Log in' }).click();
  await visit.page.getByRole('button', { name: 'general' }).waitFor();
  return visit;
}

/** The embedded room, ready to be written in. */
async function room(visit) {
  const frame = visit.page.frameLocator('#room');
  await frame.getByRole('textbox', { name: 'Message' }).waitFor();
  return frame;
}

async function say(frame, words) {
  await frame.getByRole('textbox', { name: 'Message' }).fill(words);
  await frame.getByRole('button', { name: 'Send' }).click();
}

const fingerprint = (text) => createHash('sha256').update(text).digest('base64');

/** What the host application's page is told; Rocket.Chat's tokens as fingerprints. */
const state = (visit) => visit.page.evaluate(async () => (await fetch('/app/state')).json());

test('two people talk, and neither browser ever holds a Rocket.Chat token', async () => {
  const [alice, bob] = [await logIn('Alice Archer'), await logIn('Bob Barlow')];
  const [aliceRoom, bobRoom] = [await room(alice), await room(bob)];

  // Both at once: what one says must not hide what the other said just before.
  await say(aliceRoom, 'Hello from Alice');
  await say(bobRoom, 'Hello from Bob');
  for (const frame of [aliceRoom, bobRoom]) {
    await frame.getByText('Hello from Alice').waitFor();
    await frame.getByText('Hello from Bob').waitFor();
  }

  await alice.page.getByText('No Rocket.Chat token in this browser').waitFor();
  for (const visit of [alice, bob]) {
    const { rocketchat } = await state(visit);
    assert.equal(rocketchat.tokens.length, 1, 'one token for one login');
    const seen = await visit.everythingSeen();
    assert.ok(seen.includes(rocketchat.user), 'the watch sees what passes');
    const leaked = seen.filter((text) => rocketchat.tokens.includes(fingerprint(text)));
    assert.deepEqual(leaked, []);
    const cookies = await visit.context.cookies();
    assert.deepEqual(cookies.map((cookie) => cookie.name).sort(), ['host_jwt', 'host_session']);
    assert.ok(cookies.every((cookie) => cookie.httpOnly), 'scripts can read no cookie');
    assert.deepEqual(await visit.stored(), [], 'nothing is stored for scripts');
    visit.assertQuiet(demo);
    await visit.close();
  }
});

test('logging out at the host ends everything, visibly, and for that person alone', async () => {
  const [alice, bob] = [await logIn('Alice Archer'), await logIn('Bob Barlow')];
  const [aliceRoom, bobRoom] = [await room(alice), await room(bob)];
  const second = await alice.context.newPage();
  await second.goto(`${demo.url}/app`);
  await second.getByRole('button', { name: 'general' }).waitFor();
  const jwt = (await alice.context.cookies()).find((cookie) => cookie.name === 'host_jwt').value;

  await alice.page.getByRole('button', { name: 'Log out' }).click();

  await alice.page.getByRole('heading', { name: 'You are logged out' }).waitFor();
  for (const fact of ['Gantry ended the session', 'The old JWT is refused', 'Rocket.Chat has forgotten the token']) {
    await alice.page.locator('.good', { hasText: fact }).waitFor();
  }
  await aliceRoom.getByText('Your session has ended').waitFor();
  await second.getByRole('heading', { name: 'You are logged out' }).waitFor();
  assert.deepEqual(await alice.context.cookies(), [], 'both cookies are gone');
  const refused = await fetch(`${demo.gantry}/api/v1/me`, { headers: { Authorization: `Bearer ${jwt}` } });
  assert.equal(refused.status, 401);
  await say(bobRoom, 'Bob is still here');
  await bobRoom.locator('.message:not(.pending)', { hasText: 'Bob is still here' }).waitFor();

  await alice.page.getByRole('link', { name: 'Log in again' }).click();
  await alice.page.getByRole('button', { name: 'Log in' }).click();
  await (await room(alice)).getByText('Bob is still here').waitFor();
  await alice.close();
  await bob.close();
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

test('the page fits a narrow screen', async () => {
  const visit = await logIn('Carol Chen');
  await visit.page.setViewportSize({ width: 360, height: 640 });
  await visit.page.getByRole('button', { name: 'general' }).click();
  await room(visit);

  const overflow = await visit.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);

  assert.ok(overflow <= 0, `${overflow} px too wide`);
  await visit.page.getByRole('button', { name: 'Log out' }).click({ trial: true });
  await visit.close();
});

test('the printed curl line works', async () => {
  const [, jwt, url] = demo.greeting.match(/curl -H 'Authorization: Bearer (\S+)' (\S+)/);

  const answer = await fetch(url, { headers: { Authorization: `Bearer ${jwt}` } });

  assert.equal(answer.status, 200);
  assert.equal((await answer.json()).username, 'dana');
});
