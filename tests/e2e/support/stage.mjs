// A workspace behind Gantry, with wires that listen in on both sides of it: what clients hold, and what Rocket.Chat is told.

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { eventually } from './eventually.mjs';
import { Issuer } from './issuer.mjs';
import { Program } from './program.mjs';
import { Wire } from './wire.mjs';

/** What users.createToken wants to hear from Rocket.Chat 8.0 on. */
const SECRET = 'a secret of the stage';

export class Stage {
  /**
   * Gantry before the lookalike, or before another Rocket.Chat: `{ port, userId, token, stop() }`. Browsers can be told another
   * name of this machine for it.
   */
  static async set({ rocketchat, config = {}, name = '127.0.0.1' } = {}) {
    const stage = new Stage();
    try {
      stage.near = await Wire.lay();
      stage.url = stage.near.url.replace('127.0.0.1', name);
      await stage.rise(rocketchat, config);
      return stage;
    } catch (error) {
      await stage.stop();
      throw error;
    }
  }

  async rise(rocketchat, config) {
    this.issuer = new Issuer();
    this.far = await Wire.lay();
    this.rocketchat = rocketchat ?? await lookalike(this.url);
    this.far.leadTo(this.rocketchat.port);
    this.folder = await mkdtemp(join(tmpdir(), 'gantry-e2e-'));
    await writeFile(join(this.folder, 'issuer.pem'), this.issuer.publicKey());
    const file = join(this.folder, 'gantry.yaml');
    // JSON is YAML, and quotes by itself.
    await writeFile(file, JSON.stringify({ ...this.config(), ...config }));
    this.gantry = await Program.start('gantry', ['run', '--config', file], /"address":"127\.0\.0\.1:(\d+)"/);
    this.near.leadTo(Number(this.gantry.said[1]));
    await eventually('Gantry is ready', async () => (await fetch(`${this.near.url}/api/info`)).ok);
  }

  config() {
    const { userId, token } = this.rocketchat;
    return {
      listen: { address: '127.0.0.1:0', public_url: this.url },
      admin: { address: '127.0.0.1:0' },
      rocketchat: {
        url: this.far.url,
        service_account: { user_id: userId, auth_token: token },
        create_token_secret: SECRET,
      },
      issuers: [{
        issuer: this.issuer.name, audiences: [this.issuer.audience], algorithms: ['ES256'],
        public_key_file: join(this.folder, 'issuer.pem'),
      }],
      telemetry: { log: { format: 'json', level: 'info' } },
    };
  }

  /** The tokens that Rocket.Chat answered for clients so far, each once and with its user. */
  tokens() {
    const answered = this.far.answers().flatMap((text) => [...text.matchAll(/\{"userId":"([^"]+)","authToken":"([^"]+)"/g)]);
    const users = new Map(answered.map(([, userId, token]) => [token, userId]));
    return [...users].map(([token, userId]) => ({ userId, token }));
  }

  /** The one token of a client's login. */
  tokenOf(userId) {
    const own = this.tokens().filter((minted) => minted.userId === userId);
    assert.equal(own.length, 1, `one token was minted for one login, and not ${own.length}`);
    return own[0].token;
  }

  /** Whether Rocket.Chat itself still takes a token. */
  async isAlive({ userId, token }) {
    const headers = { 'X-User-Id': userId, 'X-Auth-Token': token };
    const answer = await fetch(`http://127.0.0.1:${this.rocketchat.port}/api/v1/me`, { headers });
    assert.ok([200, 401].includes(answer.status), `Rocket.Chat answers with ${answer.status}`);
    return answer.status === 200;
  }

  /** What a login answered as token is neither the JWT again nor Rocket.Chat's own. */
  assertStandIn(token, jwt) {
    assert.match(token, /^[\w-]{40,}$/);
    assert.ok(![jwt, ...this.tokens().map((minted) => minted.token)].includes(token), 'a login is answered with a stand-in');
  }

  /** No token of Rocket.Chat's came anywhere near a client or the log, and no JWT anywhere near Rocket.Chat. */
  assertSecretsKept(jwts) {
    const tokens = this.tokens().map(({ token }) => token);
    assert.notEqual(tokens.length, 0, 'the wires see what passes');
    const near = [...this.near.requests(), ...this.near.answers(), this.gantry.output];
    const leaked = tokens.filter((token) => near.some((text) => text.includes(token)));
    assert.deepEqual(leaked, [], 'Rocket.Chat\'s own tokens reach no client and no log');
    const far = [...this.far.requests(), this.gantry.output];
    const passed = jwts.filter((jwt) => far.some((text) => text.includes(jwt)));
    assert.deepEqual(passed, [], 'JWTs reach neither Rocket.Chat nor the log');
  }

  /** None of what a browser saw, as pairs of where and what, holds a token of Rocket.Chat's. */
  assertNoTokenIn(seen) {
    const tokens = this.tokens().map(({ token }) => token);
    const leaks = seen.filter(([, text]) => tokens.some((token) => text.includes(token)));
    assert.deepEqual(leaks.map(([where]) => where), []);
  }

  /** Rocket.Chat forgets the token of a user who has logged out. */
  async assertForgotten(userId) {
    const token = this.tokenOf(userId);
    await eventually('Rocket.Chat forgets the token', async () => !await this.isAlive({ userId, token }));
  }

  async stop() {
    await this.gantry?.stop();
    await this.rocketchat?.stop();
    this.near?.stop();
    this.far?.stop();
    if (this.folder) await rm(this.folder, { recursive: true, force: true });
  }
}

async function lookalike(rootUrl) {
  const args = ['--port', '0', '--unlimited', '--secret', SECRET, '--root-url', rootUrl];
  const program = await Program.start('lookalike', args, /url: .*:(\d+)\nuser_id: (.*)\ntoken: (.*)\n/);
  const [, port, userId, token] = program.said;
  return { port: Number(port), userId, token, stop: () => program.stop() };
}
