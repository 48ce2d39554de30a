// The demo's process: started on free ports, ended with Ctrl-C's signal.

import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** Longest wait for the greeting. */
const START_MS = 30_000;
/** Longest wait for the end. */
const STOP_MS = 20_000;

export class Demo {
  /** Starts it, with more options if wanted. */
  static async start(...options) {
    const demo = new Demo();
    const program = process.env.GANTRY_DEMO;
    if (!program) throw new Error('GANTRY_DEMO must name the demo\'s program; scripts/e2e.sh sets it');
    demo.process = spawn(program, ['--port-base', '0', ...options], { stdio: ['ignore', 'pipe', 'inherit'] });
    demo.greeting = '';
    demo.process.stdout.setEncoding('utf8').on('data', (text) => { demo.greeting += text; });
    await demo.greeted();
    [demo.url] = demo.greeting.match(/http:\/\/127\.0\.0\.1:\d+/);
    [, demo.gantry] = demo.greeting.match(/Gantry: (\S+)/);
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

  /** Ends it as a person would; fails when it does not end, or not well. */
  async stop() {
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
