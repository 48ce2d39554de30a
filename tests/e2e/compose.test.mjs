// The set-up of config/compose, except for the containers: the real script makes a service account at a fresh workspace, and Gantry
// and the host application work with what it wrote.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { Browser } from './support/browser.mjs';
import { eventually } from './support/eventually.mjs';
import { Lookalike } from './support/lookalike.mjs';
import { Program } from './support/program.mjs';

const run = promisify(execFile);
const COMPOSE = fileURLToPath(new URL('../../config/compose/', import.meta.url));
const programs = process.env.GANTRY_PROGRAMS;
const read = (path) => readFile(new URL(`../../${path}`, import.meta.url), 'utf8');
const compose = await read('config/compose/compose.yaml');

/** What compose.yaml forces upon Rocket.Chat, as text. */
const forced = Object.fromEntries([...compose.matchAll(/^ +OVERWRITE_SETTING_(\w+): "?([^"\n]*)"?$/gm)].map(([, id, value]) => [id, value]));
const asSetting = (value) => (['true', 'false'].includes(value) ? value === 'true' : value);

let folder;
let rc;

/** One step of setup.mjs against the workspace, in these folders. */
async function setUp(step, more = {}) {
  const env = {
    PATH: process.env.PATH, TRIAL_FOLDER: join(folder, 'trial'), GANTRY_FOLDER: join(folder, 'gantry'),
    ROCKETCHAT_URL: rc.url, ADMIN_USERNAME: 'owner', CONFIG_FILE: join(COMPOSE, 'gantry.yaml'), ...more,
  };
  const { stdout } = await run(process.execPath, [join(COMPOSE, 'setup.mjs'), step], { env, timeout: 60_000 });
  return stdout;
}

const given = (name) => readFile(join(folder, 'gantry', name), 'utf8');
const trial = (name) => readFile(join(folder, 'trial', name), 'utf8');

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => { server.once('listening', resolve); });
  const { port } = server.address();
  await new Promise((resolve) => { server.close(resolve); });
  return port;
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gantry-compose-'));
  for (const name of ['trial', 'gantry']) await run('mkdir', [join(folder, name)]);
  // Before Rocket.Chat, as in compose.yaml.
  rc = { url: 'http://127.0.0.1:9' };
  await setUp('secrets');
  const settings = Object.entries(forced).map(([id, value]) => [id, asSetting(value)]);
  const args = ['--bare', '--admin', `owner=${await trial('admin-password')}`, '--secret', await trial('create-token-secret')];
  rc = await Lookalike.startWith(args, ...settings);
});

after(async () => {
  await rc?.stop?.();
  await rm(folder, { recursive: true, force: true });
});

test('secrets are made once, and are nobody else\'s to read at Gantry', async () => {
  const [password, secret] = [await trial('admin-password'), await trial('create-token-secret')];
  assert.match(password, /^[\da-f]{64}$/);
  assert.match(secret, /^[\da-f]{64}$/);
  assert.notEqual(password, secret);
  await setUp('secrets');
  assert.deepEqual([await trial('admin-password'), await trial('create-token-secret')], [password, secret]);
  assert.equal(await given('create-token-secret'), secret);
  assert.equal((await stat(join(folder, 'gantry', 'create-token-secret'))).mode & 0o777, 0o400);
  assert.deepEqual(await readdir(join(folder, 'gantry')), ['create-token-secret']);
});

test('a wrong administrator is told, and leaves nothing behind', async () => {
  await assert.rejects(setUp('account', { ADMIN_USERNAME: 'nobody' }), /login: Rocket.Chat answers 401/);
  assert.deepEqual(await readdir(join(folder, 'gantry')), ['create-token-secret']);
});

test('the account is made with the role and the permissions, and made again when its token is gone', async () => {
  assert.match(await setUp('account'), /made the service account gantry/);
  const authToken = await given('auth-token');
  const [, userId] = (await given('gantry.yaml')).match(/^ {4}user_id: (\S+)$/m);
  const by = { userId, authToken };
  const me = await rc.call('me', { by });
  assert.deepEqual([me.username, me.roles], ['gantry', ['bot']]);
  const { update } = await rc.call('permissions.listAll', { by });
  const readme = await read('README.md');
  const needed = [...readme.split('### 2. Make the service account')[1].split('###')[0].matchAll(/^\| `([\w-]+)` \|/gm)].map(([, id]) => id);
  assert.equal(needed.length, 6);
  for (const id of needed) {
    const { roles } = update.find(({ _id }) => _id === id);
    assert.ok(roles.includes('bot') && roles.includes('admin'), `${id}: ${roles}`);
  }

  assert.match(await setUp('account'), /is there/);
  assert.equal(await given('auth-token'), authToken, 'what works is left alone');

  await rc.call('users.removePersonalAccessToken', { by, body: { tokenName: 'gantry' } });
  assert.match(await setUp('account'), /made the service account gantry/);
  assert.notEqual(await given('auth-token'), authToken);
  assert.ok((await given('gantry.yaml')).includes(userId), 'the same account');
});

test('Gantry and the host application work with what was made', async () => {
  await setUp('account');
  const [hostPort, port, adminPort] = [await freePort(), await freePort(), await freePort()];
  const [host, gantry] = [`http://127.0.0.1:${hostPort}`, `http://127.0.0.1:${port}`];
  const config = join(folder, 'gantry', 'here.yaml');
  await writeFile(config, [
    ['0.0.0.0:8080', `127.0.0.1:${port}`], ['http://127.0.0.1:8080', gantry], ['http://127.0.0.1:8000', host],
    // Containers' names are this machine's here, and another than browsers know, as there.
    ['http://rocketchat:3000', rc.url], ['http://host:8000', `http://localhost:${hostPort}`],
  ].reduce((text, [there, here]) => text.replaceAll(there, here), `${await given('gantry.yaml')}\nadmin: { address: "127.0.0.1:${adminPort}" }\n`));
  await run(join(programs, 'gantry'), ['check', '--config', config]);
  const alone = ['host', '--address', `127.0.0.1:${hostPort}`, '--url', host, '--gantry', `http://localhost:${port}`, '--gantry-url', gantry];
  const hosting = await Program.start('gantry-demo', alone, /is at/);
  const serving = await Program.start('gantry', ['run', '--config', config], /gantry serves/);
  const browser = await Browser.start();
  try {
    await eventually('Gantry is ready', async () => (await fetch(`http://127.0.0.1:${adminPort}/readyz`)).ok);
    const visit = await browser.visit();
    const { page } = visit;
    await page.goto(host);
    // Rocket.Chat does not know her yet.
    await page.getByText('Carol Chen').click();
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.frameLocator('#room').getByRole('textbox', { name: 'Message' }).waitFor();
    await page.locator('body[data-live=true]').waitFor();

    const state = await page.evaluate(async () => (await fetch('/app/state')).json());
    assert.deepEqual(state.rooms.ok.map(({ name }) => name), ['general']);
    assert.equal(state.gantry.ok.username, 'carol');
    assert.equal(state.rocketchat.user, state.gantry.ok.userId);
    assert.equal(state.chat.url, gantry, 'browsers are told the name that they know');
    // Nobody tells the host application what tokens a real Rocket.Chat gave out, so its page claims nothing about them.
    assert.equal(state.rocketchat.tokens, null);
    await page.locator('body[data-token=unknown]').waitFor();
    await page.locator('#rocketchat', { hasText: 'known to Gantry alone' }).waitFor();
    if (process.env.GANTRY_PICTURE) await page.screenshot({ path: process.env.GANTRY_PICTURE });
    await page.getByRole('button', { name: 'Log out' }).click();
    const over = page.locator('#over-facts li');
    await over.first().waitFor();
    assert.deepEqual(await over.allTextContents(), ['Gantry ended the session', 'The old JWT is refused from now on (401)']);
    assert.deepEqual(await page.locator('#over-facts li.bad').count(), 0);
    assert.deepEqual(visit.complaints.filter((text) => !text.includes('401')), []);
  } finally {
    await browser.stop();
    await serving.stop();
    await hosting.stop();
  }
});

test('compose.yaml forces every setting that the README names', async () => {
  const readme = await read('README.md');
  const section = readme.split('### 1. Let Rocket.Chat mint tokens for others')[1].split('###')[0];
  const rows = [...section.matchAll(/^\| (`[\w`, ]+`)(?: \(environment `ROOT_URL`\))? \| (.*?) \|/gm)];
  assert.ok(rows.length >= 8, `${rows.length}`);
  for (const [, ids, value] of rows) {
    for (const [, id] of ids.matchAll(/`(\w+)`/g)) {
      if (id === 'Site_Url') { assert.match(compose, /^ +ROOT_URL: http:\/\/127\.0\.0\.1:8080$/m); continue; }
      assert.ok(id in forced, `${id} is not forced`);
      const [, exact] = value.match(/^`(.*)`$/) ?? [];
      if (exact && exact !== 'listen.public_url') assert.equal(forced[id], exact, id);
    }
  }
  const address = compose.match(/ipv4_address: (\S+) }/)[1];
  assert.equal(forced.Block_Multiple_Failed_Logins_Ip_Whitelist, address, 'Gantry\'s address');
});

test('compose.yaml holds no secret, and publishes two ports to this machine alone', () => {
  assert.doesNotMatch(compose, /(PASS|SECRET|TOKEN)\w*: /);
  const published = [...compose.matchAll(/^ +ports: \["([^"]+)"\]$/gm)].map(([, port]) => port);
  assert.deepEqual(published, ['127.0.0.1:8080:8080', '127.0.0.1:8000:8000']);
});
