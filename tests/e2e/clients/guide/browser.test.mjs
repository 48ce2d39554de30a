// The frontend of docs/custom-frontend.md in a real browser, on a page of another origin than Gantry's.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Browser } from '../../support/browser.mjs';
import { Stage } from '../../support/stage.mjs';
import { HostPage } from './page.mjs';

let host;
let stage;
let browser;
/** What the host application has signed so far. */
const jwts = [];

before(async () => {
  host = await HostPage.serve();
  stage = await Stage.set({ config: { proxy: { allowed_origins: [host.origin] } } });
  host.gantry = stage.url;
  host.jwt = (person) => jwts[jwts.push(stage.issuer.jwt(person)) - 1];
  browser = await Browser.start();
});

after(async () => {
  await browser?.stop();
  await stage?.stop();
  host?.stop();
});

/** Somebody whose page hears the room. */
async function come(t, person) {
  const visit = await browser.visit();
  t.after(() => visit.close());
  await visit.page.goto(`${host.origin}/?person=${person}`);
  await visit.page.locator('body[data-live=true]').waitFor();
  return visit;
}

async function say({ page }, words) {
  await page.getByLabel('Message').fill(words);
  await page.getByRole('button', { name: 'Send' }).click();
}

test('two people talk on pages of the guide\'s, with files, and no token of Rocket.Chat\'s comes near them', async (t) => {
  const [alice, bob] = [await come(t, 'alice'), await come(t, 'bob')];

  await say(alice, 'Hello from Alice');
  await bob.page.getByText('alice: Hello from Alice').waitFor();
  await say(bob, 'Hello from Bob');
  await alice.page.getByText('bob: Hello from Bob').waitFor();
  await alice.page.getByLabel('File').setInputFiles({ name: 'menu.txt', mimeType: 'text/plain', buffer: Buffer.from('tomato soup') });
  const link = bob.page.getByRole('link', { name: 'menu.txt' });
  await link.waitFor();
  assert.equal(await link.evaluate(async ({ href }) => (await fetch(href)).text()), 'tomato soup');

  const carol = await come(t, 'carol');
  await carol.page.getByText('alice: Hello from Alice').waitFor();
  assert.equal(stage.tokens().length, 3, 'one token for each login');
  for (const visit of [alice, bob, carol]) {
    stage.assertNoTokenIn(await visit.everythingSeen());
    assert.deepEqual(visit.complaints, []);
  }
  stage.assertSecretsKept(jwts);
});

test('the page comes back by itself after its connection broke', async (t) => {
  const visit = await come(t, 'dana');

  stage.near.cut();

  await visit.page.locator('body[data-live=false]').waitFor();
  await visit.page.locator('body[data-live=true]').waitFor();
  await say(visit, 'back again');
  await visit.page.getByText('dana: back again').waitFor();
});

test('logging out in one tab tells the other ones', async (t) => {
  const jwt = stage.issuer.jwt('erin');
  const { jwt: sign } = host;
  host.jwt = () => jwt;
  t.after(() => { host.jwt = sign; });
  const visit = await come(t, 'erin');
  const other = await visit.newPage();
  await other.goto(`${host.origin}/?person=erin`);
  await other.locator('body[data-live=true]').waitFor();

  await visit.page.getByRole('button', { name: 'Log out' }).click();

  await visit.page.locator('body[data-live="logged out"]').waitFor();
  await other.locator('body[data-live=ended]').waitFor();
  const refused = await fetch(`${stage.url}/api/v1/me`, { headers: { Authorization: `Bearer ${jwt}` } });
  assert.equal(refused.status, 401);
});
