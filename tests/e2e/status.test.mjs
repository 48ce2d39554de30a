// The status page on the admin listener, in a real browser: it shows sessions begin and end, and asks nobody else for anything.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Browser } from './support/browser.mjs';
import { Stage } from './support/stage.mjs';

const TOKEN = 'an admin token of the stage'.replaceAll(' ', '-').padEnd(40, '0');

let stage;
let admin;
let browser;

before(async () => {
  stage = await Stage.set({ config: { admin: { address: '127.0.0.1:0', token: TOKEN } } });
  admin = `http://127.0.0.1:${stage.gantry.output.match(/"admin":"127\.0\.0\.1:(\d+)"/)[1]}`;
  browser = await Browser.start();
});

after(async () => {
  await browser?.stop();
  await stage?.stop();
});

/** Waits until an element of the page says exactly this. */
const says = (visit, id, text) => visit.page.locator(id, { hasText: new RegExp(`^${text}$`) }).waitFor();

/** What the admin API answers. */
const ask = (path, method = 'GET') => fetch(`${admin}${path}`, { method, headers: { Authorization: `Bearer ${TOKEN}` } });

/** Something at Rocket.Chat as the bearer of this JWT. */
const use = (jwt) => fetch(`${stage.url}/api/v1/me`, { headers: { Authorization: `Bearer ${jwt}` } });

test('the page shows a session begin, fail and end, and loads nothing from elsewhere', async () => {
  const visit = await browser.visit();
  await visit.page.goto(`${admin}/`);
  await says(visit, '#state', 'Ready');
  await says(visit, '#live', '0');
  await visit.page.getByText('None yet.').waitFor();
  const jwt = stage.issuer.jwt('alice');
  assert.equal((await use(jwt)).status, 200);
  await says(visit, '#live', '1');
  await visit.page.locator('#median', { hasText: /^\d.* m?s$/ }).waitFor();
  assert.equal((await use('no.such.token')).status, 401);
  await visit.page.locator('#errors tr', { hasText: 'invalid-token' }).waitFor();

  const { sessions: [session] } = await (await ask('/sessions?user=alice')).json();
  assert.equal((await ask(`/sessions/${session.id}`, 'DELETE')).status, 204);
  await says(visit, '#live', '0');
  await visit.page.locator('#ended li', { hasText: /^revoked\s*1$/ }).waitFor();
  assert.equal((await use(jwt)).status, 401);
  await stage.assertForgotten(session.userId);

  const chart = visit.page.locator('[data-chart=sessions]');
  assert.equal(await chart.getAttribute('aria-label'), 'sessions: live 0');
  assert.ok(await chart.locator('path').count() > 0, 'the chart has a line');
  const elsewhere = visit.urls.filter((url) => !url.startsWith(`${admin}/`) && !url.startsWith('data:'));
  assert.deepEqual(elsewhere, []);
  assert.deepEqual(visit.complaints, [], 'the policy lets the page work');
  const seen = await visit.everythingSeen();
  stage.assertNoTokenIn(seen);
  assert.ok(!seen.some(([, text]) => text.includes('alice')), 'the page names nobody');
  await visit.close();
});

test('the page fits a phone and follows the scheme of its reader', async () => {
  const visit = await browser.visit();
  await visit.page.setViewportSize({ width: 360, height: 740 });
  await visit.page.goto(`${admin}/`);
  await says(visit, '#state', 'Ready');
  const width = await visit.page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(width <= 360, `${width} pixels are wider than the screen`);
  const ground = () => visit.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await visit.page.emulateMedia({ colorScheme: 'light' });
  const light = await ground();
  await visit.page.emulateMedia({ colorScheme: 'dark' });
  assert.notEqual(await ground(), light);
  await visit.close();
});
