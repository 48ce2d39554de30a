// npm @embeddedchat/react in a real browser, on a page of another origin: REST with preflights, and DDP.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Browser } from '../../support/browser.mjs';
import { eventually } from '../../support/eventually.mjs';
import { Stage } from '../../support/stage.mjs';
import { HostPage } from './page.mjs';

let host;
let stage;
let browser;

before(async () => {
  host = await HostPage.serve();
  stage = await Stage.set({ config: { proxy: { allowed_origins: [host.origin] } } });
  browser = await Browser.start();
});

after(async () => {
  await browser?.stop();
  await stage?.stop();
  host?.stop();
});

/** Somebody whose page has drawn the room and hears it. */
async function visit(t, jwt) {
  const visit = await browser.visit();
  t.after(() => visit.close());
  const connected = visit.page.waitForEvent('console', (message) => message.text().startsWith('Connected to RocketChat'));
  await visit.page.goto(host.url({ host: stage.url, jwt }));
  await connected;
  await visit.page.getByPlaceholder('Message').waitFor();
  return visit;
}

async function say({ page }, words) {
  await page.getByPlaceholder('Message').fill(words);
  await page.getByPlaceholder('Message').press('Enter');
}

const tokenKept = ({ page }) => page.evaluate(() => localStorage.getItem('ec_token'));

test('EmbeddedChat logs in with a JWT, lets two people talk, and keeps a stand-in', async (t) => {
  const [aliceJwt, bobJwt] = [stage.issuer.jwt('alice'), stage.issuer.jwt('bob')];
  const [alice, bob] = [await visit(t, aliceJwt), await visit(t, bobJwt)];

  await say(alice, 'Hello from Alice');
  await bob.page.getByText('Hello from Alice').waitFor();
  await say(bob, 'Hello from Bob');
  await alice.page.getByText('Hello from Bob').waitFor();

  assert.ok(stage.near.requests().some((text) => text.includes('OPTIONS /api/v1/login ')), 'the browser asks before it sends');
  stage.assertStandIn(await tokenKept(alice), aliceJwt);
  stage.assertSecretsKept([aliceJwt, bobJwt]);
  assert.equal(stage.tokens().length, 2, 'one token for each login');
  for (const visit of [alice, bob]) stage.assertNoTokenIn(await visit.everythingSeen());
});

test('EmbeddedChat logs out, and Rocket.Chat forgets the token', async (t) => {
  const jwt = stage.issuer.jwt('carol');
  const carol = await visit(t, jwt);
  const standIn = await tokenKept(carol);
  const headers = { 'X-User-Id': 'unknown', 'X-Auth-Token': standIn };
  const { _id: userId } = await (await fetch(`${stage.url}/api/v1/me`, { headers })).json();

  // Its buttons have no names: the second one opens the menu.
  await carol.page.getByRole('button').nth(1).click();
  await carol.page.getByText('Logout').click();

  await carol.page.getByRole('button', { name: 'JOIN' }).waitFor();
  await eventually('the stand-in is gone from the browser', async () => await tokenKept(carol) === null);
  await stage.assertForgotten(userId);
  assert.equal((await fetch(`${stage.url}/api/v1/me`, { headers })).status, 401);
  stage.assertSecretsKept([jwt]);
});
