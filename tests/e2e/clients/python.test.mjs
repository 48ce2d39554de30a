// PyPI rocketchat-api and rocketchat-async, each as a program of its own that prints what it saw.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { Stage } from '../support/stage.mjs';

/** Longest that one of the programs may take. */
const PATIENCE_MS = 30_000;

let stage;

before(async () => { stage = await Stage.set(); });
after(() => stage?.stop());

async function run(script, ...args) {
  const python = process.env.GANTRY_PYTHON;
  assert.ok(python, 'GANTRY_PYTHON must name a Python with the clients; scripts/e2e.sh sets it');
  const path = fileURLToPath(new URL(`python/${script}`, import.meta.url));
  const { stdout } = await promisify(execFile)(python, [path, ...args], { timeout: PATIENCE_MS });
  return JSON.parse(stdout);
}

test('rocketchat-api lists, sends, reads and logs out with the JWT as its token', async () => {
  const jwt = stage.issuer.jwt('alice');

  const saw = await run('rocketchat_rest.py', stage.url, jwt);

  assert.equal(saw.me.username, 'alice');
  assert.match(saw.version, /^\d+\.\d+/);
  assert.ok(saw.rooms.includes('GENERAL'));
  assert.deepEqual(saw.senders, ['alice', 'alice']);
  for (const words of ['said by rocketchat-api', 'posted by rocketchat-api']) assert.ok(saw.history.includes(words));
  assert.equal(saw.farewell, 'success');
  await stage.assertForgotten(saw.me.id);
  stage.assertSecretsKept([jwt]);
});

test('rocketchat-async resumes with the JWT, and hears what another says', async () => {
  const jwts = [stage.issuer.jwt('bob'), stage.issuer.jwt('carol')];

  const saw = await run('rocketchat_live.py', `${stage.url.replace('http', 'ws')}/websocket`, ...jwts);

  assert.deepEqual(saw.heard, { sender: saw.bob, text: 'said by rocketchat-async' });
  assert.ok(saw.rooms.some(([id, kind]) => id === 'GENERAL' && kind === 'c'));
  assert.notEqual(saw.alice, saw.bob);
  for (const userId of [saw.alice, saw.bob]) assert.ok(await stage.isAlive({ userId, token: stage.tokenOf(userId) }));
  stage.assertSecretsKept(jwts);
});
