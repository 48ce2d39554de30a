// The demo's process: started on free ports, ended with Ctrl-C's signal.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Longest wait for the greeting. */
const START_MS = 30_000;
/** Longest wait for the end. */
const STOP_MS = 20_000;

export class Demo {
  static async start() {
    const demo = new Demo();
    const program = process.env.GANTRY_DEMO;
    if (!program) throw new Error('GANTRY_DEMO must name the demo\'s program; scripts/e2e.sh sets it');
    demo.folder = await mkdtemp(join(tmpdir(), 'gantry-demo-'));
    demo.tokensFile = join(demo.folder, 'tokens');
    demo.process = spawn(program, ['--port-base', '0', '--tokens-file', demo.tokensFile], { stdio: ['ignore', 'pipe', 'inherit'] });
    demo.greeting = '';
    demo.process.stdout.setEncoding('utf8').on('data', (text) => { demo.greeting += text; });
    await demo.greeted();
    [demo.url] = demo.greeting.match(/http:\/\/127\.0\.0\.1:\d+/);
    [, demo.gantry] = demo.greeting.match(/Gantry: (\S+)/);
    [, demo.rocketchat] = demo.greeting.match(/\(a lookalike\): (\S+)/);
    return demo;
  }

  greeted() {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no greeting within ${START_MS} ms: ${this.greeting}`)), START_MS);
      const done = (settle, value) => { clearTimeout(timer); settle(value); };
      this.process.stdout.on('data', () => { if (this.greeting.includes('Ctrl-C')) done(resolve); });
      this.process.on('error', (error) => done(reject, error));
      this.process.on('exit', (code) => done(reject, new Error(`the demo ended with ${code}: ${this.greeting}`)));
    });
  }

  /** Every auth token that Rocket.Chat ever made, dead ones and the service account's included. */
  async tokens() {
    return (await readFile(this.tokensFile, 'utf8')).trim().split('\n');
  }

  /** Looks for Rocket.Chat's tokens in everything that a visit saw; given what must be everywhere, knows that it saw anything. */
  async assertNoTokenIn(visit, userId = undefined) {
    const tokens = await this.tokens();
    const seen = await visit.everythingSeen();
    const leaks = seen.filter(([, text]) => tokens.some((token) => text.includes(token) || text.includes(encodeURIComponent(token))));
    assert.deepEqual(leaks.map(([where]) => where), []);
    if (userId === undefined) return;
    for (const place of ['a frame of', 'body of', 'storage ']) {
      assert.ok(seen.some(([where, text]) => where.startsWith(place) && text.includes(userId)), `the watch sees ${place.trim()}`);
    }
  }

  /** Ends it as a person would; fails when it does not end, or not well. */
  async stop() {
    await rm(this.folder, { recursive: true });
    const ended = once(this.process, 'exit', { signal: AbortSignal.timeout(STOP_MS) });
    this.process.kill('SIGINT');
    try {
      const [code] = await ended;
      if (code !== 0) throw new Error(`the demo ended with ${code}`);
    } catch (error) {
      this.process.kill('SIGKILL');
      throw error;
    }
  }
}
