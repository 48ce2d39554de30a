// Single logout with a real OpenID provider: whoever logs out there, in one tab of one browser, is logged out of Rocket.Chat everywhere.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Browser } from './support/browser.mjs';
import { eventually } from './support/eventually.mjs';
import { OpenIdProvider } from './support/provider.mjs';
import { Stage } from './support/stage.mjs';

let provider;
let stage;
let browser;

before(async () => {
  provider = await OpenIdProvider.start();
  stage = await Stage.set({
    // The host page is on 127.0.0.1: another site, which is trusted as if it had TLS.
    name: 'localhost',
    config: {
      issuers: [{
        issuer: provider.url, audiences: [provider.audience], logout_audiences: [provider.client], algorithms: ['RS256'], discovery: true,
      }],
      proxy: { allowed_origins: [provider.hostUrl], frame_ancestors: [provider.hostUrl] },
    },
  });
  await provider.serve(stage.url);
  browser = await Browser.start();
});

after(async () => {
  await browser?.stop();
  await stage?.stop();
  provider?.stop();
});

/** Logs in at the provider, unless the browser is logged in there already, and waits for the room. */
async function enter(page, person) {
  await page.goto(provider.hostUrl);
  await page.getByRole('button', { name: 'Log in' }).click();
  if (person) {
    await page.getByLabel('Name').fill(person);
    await page.getByRole('button', { name: 'Log in' }).click();
  }
  await page.frameLocator('iframe').getByRole('textbox', { name: 'Message' }).waitFor();
  return page.evaluate(() => window.jwt);
}

/** What Gantry says to this JWT: a status, and who it is for. */
async function me(jwt) {
  const answer = await fetch(`${stage.url}/api/v1/me`, { headers: { Authorization: `Bearer ${jwt}` } });
  return { ...await answer.json(), status: answer.status };
}

/** Opens a socket from the page and waits until it is connected; its close code is kept there. */
function connect(page) {
  return page.evaluate(async (url) => {
    const socket = new WebSocket(url, ['gantry.jwt', window.jwt]);
    socket.addEventListener('close', ({ code }) => { window.closedWith = code; });
    socket.addEventListener('open', () => socket.send('{"msg":"connect","version":"1","support":["1"]}'));
    await new Promise((resolve) => {
      socket.addEventListener('message', ({ data }) => { if (JSON.parse(data).msg === 'connected') resolve(); });
    });
  }, `${stage.url.replace('http', 'ws')}/websocket`);
}

async function say(page, words) {
  const room = page.frameLocator('iframe');
  await room.getByRole('textbox', { name: 'Message' }).fill(words);
  await room.getByRole('button', { name: 'Send' }).click();
  await room.getByText(words).waitFor();
}

async function logOut(page) {
  await page.getByRole('button', { name: 'Log out' }).click();
  await page.getByRole('heading', { name: 'Log out of everything?' }).waitFor();
  await page.getByRole('button', { name: 'Log out' }).click();
  await page.getByRole('heading', { name: 'You are logged out' }).waitFor();
}

test('logging out at the provider ends everything of that session, and nothing else', async () => {
  const [alice, elsewhere, bob] = [await browser.visit(), await browser.visit(), await browser.visit()];
  const jwt = await enter(alice.page, 'alice');
  const otherTab = await alice.newPage();
  const otherJwt = await enter(otherTab);
  const elsewheres = await enter(elsewhere.page, 'alice');
  const bobs = await enter(bob.page, 'bob');
  for (const page of [otherTab, elsewhere.page, bob.page]) await connect(page);
  await say(otherTab, 'Hello from the other tab');
  await bob.page.frameLocator('iframe').getByText('Hello from the other tab').waitFor();
  const { _id: userId } = await me(jwt);
  const [first] = stage.tokens().filter((minted) => minted.userId === userId);
  assert.ok(await stage.isAlive(first));

  await logOut(alice.page);

  assert.deepEqual(provider.failed, []);
  assert.deepEqual(provider.told.map(({ accountId }) => accountId), ['alice'], 'the provider itself sent one logout token');
  await otherTab.waitForFunction(() => window.closedWith === 4401);
  for (const token of [jwt, otherJwt]) assert.equal((await me(token)).status, 401);
  await eventually('Rocket.Chat forgets the token', async () => !await stage.isAlive(first));
  assert.match(stage.gantry.output, /"a session ended".*"cause":"backchannel-logout"|"cause":"backchannel-logout".*"a session ended"/);

  // Her session in the other browser is another one at the provider, and Bob's is his.
  for (const [token, username] of [[elsewheres, 'alice'], [bobs, 'bob']]) {
    const there = await me(token);
    assert.deepEqual([there.status, there.username], [200, username]);
  }
  for (const { page } of [elsewhere, bob]) assert.equal(await page.evaluate(() => window.closedWith), undefined);
  stage.assertSecretsKept([jwt, otherJwt, elsewheres, bobs]);
  for (const visit of [alice, elsewhere, bob]) stage.assertNoTokenIn(await visit.everythingSeen());

  // Whoever logs in again is there again.
  const again = await enter(alice.page, 'alice');
  assert.equal((await me(again)).status, 200);
  assert.equal((await me(jwt)).status, 401);
  for (const visit of [alice, elsewhere, bob]) await visit.close();
});
