// The scripts of docs/custom-frontend.md that need no page, each in a Node.js of its own.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { eventually } from '../../support/eventually.mjs';
import { Stage } from '../../support/stage.mjs';
import { configuration, example, names, scripts } from './examples.mjs';

/** What each says, for whoever its JWT is of. */
const SAID = {
  'ddp-client.js': [/^alice, until 20\d\d-/, 'alice says: hello', 'alice says: goodbye', 'logged out'],
  'sdk.js': ['alice', 'alice says: hello', 'alice says: goodbye', 'logged out'],
  'api-client.js': ['alice', 'alice says: the menu', 'logged out'],
  'session.js': [/^alice, until 20\d\d-/, 'alice by stand-in'],
};

let stage;

before(async () => { stage = await Stage.set(); });
after(() => stage?.stop());

/** A script's process, whose host application answers this JWT. */
async function run(t, name, jwt) {
  // Here its imports find Rocket.Chat's libraries.
  const folder = await mkdtemp(fileURLToPath(new URL('../node_modules/.guide-', import.meta.url)));
  t.after(() => rm(folder, { recursive: true }));
  const [around, script] = [join(folder, 'around.mjs'), join(folder, 'script.mjs')];
  await writeFile(around, `
    import WebSocket from 'ws';
    globalThis.WebSocket ??= WebSocket;
    globalThis.File ??= (await import('node:buffer')).File;
    const real = globalThis.fetch;
    globalThis.fetch = async (url, options) => (url === 'https://app.example.com/chat-token' ? new Response('${jwt}') : real(url, options));
  `);
  await writeFile(script, example(name, stage.url));
  // Newer versions of Node.js warn of what older libraries use.
  const env = { ...process.env, NODE_NO_WARNINGS: '1' };
  const child = spawn(process.execPath, ['--import', around, script], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  t.after(() => child.kill('SIGKILL'));
  const said = { out: '', wrong: '' };
  child.stdout.setEncoding('utf8').on('data', (text) => { said.out += text; });
  child.stderr.setEncoding('utf8').on('data', (text) => { said.wrong += text; });
  return said;
}

for (const [name, lines] of Object.entries(SAID)) {
  test(`the guide's ${name} does what it says`, async (t) => {
    const jwt = stage.issuer.jwt('alice');

    const said = await run(t, name, jwt);

    for (const line of lines) {
      const isSaid = (one) => (line instanceof RegExp ? line.test(one) : line === one);
      await eventually(`${name} says ${line}`, () => {
        assert.equal(said.wrong, '');
        return said.out.split('\n').some(isSaid);
      });
    }
    stage.assertSecretsKept([jwt]);
    if (!lines.includes('logged out')) return;
    const { token, userId } = stage.tokens().at(-1);
    await eventually('Rocket.Chat forgets the token', async () => !await stage.isAlive({ userId, token }));
  });
}

test('every script of the guide is tried', () => {
  const tried = [...Object.keys(SAID), 'chat.js', 'page.js'];
  assert.deepEqual(names().sort(), tried.sort());
  assert.equal(scripts, tried.length);
});

test('the guide\'s configuration is valid', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'gantry-guide-'));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, 'gantry.yaml');
  await writeFile(file, `${configuration}
rocketchat: { service_account: { user_id: gantry, auth_token: a-token-for-this-test } }
issuers: [{ issuer: https://app.example.com, audiences: [chat], algorithms: [HS256], secret: ${'s'.repeat(64)} }]
`, { mode: 0o600 });
  const child = spawn(join(process.env.GANTRY_PROGRAMS, 'gantry'), ['check', '--config', file]);
  let told = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => { told += text; });
  const code = await new Promise((resolve) => { child.on('close', resolve); });
  assert.equal(code, 0, told);
});

test('a newer JWT extends the session, and the stand-in stays the same', async () => {
  const [older, newer] = [{ life: 60 }, { life: 600 }].map((how) => stage.issuer.jwt('bob', { sid: 'the login of Bob', ...how }));
  const ask = async (method, jwt) => {
    const answer = await fetch(`${stage.url}/_gantry/session`, { method, headers: { Authorization: `Bearer ${jwt}` } });
    return answer.json();
  };
  const first = await ask('POST', older);

  const extended = await ask('GET', newer);

  const gained = (Date.parse(extended.expiresAt) - Date.parse(first.expiresAt)) / 1000;
  assert.ok(gained > 500, `${gained} s gained`);
  assert.equal((await ask('POST', newer)).token, first.token);
});
