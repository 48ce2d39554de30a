// The module that host pages import, in a real browser: on another site, with third-party cookies as strict as it has them, and on one.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Browser } from './support/browser.mjs';
import { HostPage } from './support/host-page.mjs';

let hostPage;
let browser;

before(async () => {
  hostPage = await HostPage.start();
  browser = await Browser.start();
});

after(async () => {
  await browser?.stop();
  await hostPage?.stop();
});

const KEYS = ['Meteor.userId', 'Meteor.loginToken', 'Meteor.loginTokenExpires', 'gantry.userId'];

/** The embedded room of this person, ready to be written in. */
async function enter(visit, person, url = hostPage.url) {
  await visit.page.goto(`${url}/?person=${person}`);
  const shown = visit.page.frameLocator('iframe');
  await shown.getByRole('textbox', { name: 'Message' }).waitFor();
  return shown;
}

async function say(shown, words) {
  await shown.getByRole('textbox', { name: 'Message' }).fill(words);
  await shown.getByRole('button', { name: 'Send' }).click();
}

const room = (visit) => visit.page.frames().find((frame) => frame.url().startsWith(hostPage.gantry));

/** What the room's page has stored. */
const stored = (visit) => room(visit).evaluate(() => ({ ...localStorage }));

test('a room on another site is entered by ticket, and holds a stand-in only', async () => {
  const [alice, bob] = [await browser.visit(), await browser.visit()];
  const rooms = [await enter(alice, 'alice'), await enter(bob, 'bob')];
  await say(rooms[0], 'Hello from Alice');
  await say(rooms[1], 'Hello from Bob');
  for (const shown of rooms) {
    await shown.getByText('Hello from Alice').waitFor();
    await shown.getByText('Hello from Bob').waitFor();
  }
  const cookies = await alice.context.cookies();
  const session = cookies.find(({ name }) => name === 'gantry_session');
  assert.deepEqual(
    [session.httpOnly, session.secure, session.sameSite, session.path],
    [true, true, 'None', '/'],
  );
  const kept = await stored(alice);
  assert.deepEqual(Object.keys(kept).sort(), [...KEYS].sort());
  assert.equal(kept['Meteor.loginToken'], session.value, 'the same stand-in in both places');
  assert.deepEqual(alice.complaints, []);
  await alice.close();
  await bob.close();
});

test('the next person in the same browser finds nothing of the one before', async () => {
  for (const url of [hostPage.url, hostPage.nearUrl]) {
    const visit = await browser.visit();
    await enter(visit, 'carol', url);
    const carols = await stored(visit);
    await room(visit).evaluate(() => {
      localStorage.setItem('private', 'key');
      sessionStorage.setItem('private', 'key');
      for (const pair of ['rc_uid=carol', 'rc_room_type=c']) document.cookie = `${pair}; Path=/; Secure; SameSite=None; Partitioned`;
    });
    await enter(visit, 'dave', url);
    const daves = await stored(visit);
    assert.deepEqual(Object.keys(daves).sort(), [...KEYS].sort());
    for (const key of ['Meteor.userId', 'Meteor.loginToken', 'gantry.userId']) assert.notEqual(daves[key], carols[key], key);
    assert.equal(await room(visit).evaluate(() => sessionStorage.length), 0);
    const cookies = (await visit.context.cookies()).filter(({ name, value }) => name === 'rc_room_type' || value === 'carol');
    assert.deepEqual(cookies, []);
    await visit.close();
  }
});

test('logging out empties the room and the browser', async () => {
  const visit = await browser.visit();
  await enter(visit, 'erin');
  await visit.page.getByRole('button', { name: 'Log out' }).click();
  await visit.page.getByText('ended').waitFor();
  assert.ok(!(await visit.context.cookies()).some(({ name }) => name === 'gantry_session'));
  assert.equal(await visit.page.locator('iframe').getAttribute('src'), 'about:blank');
  await visit.close();
});
