// A program under test: started, listened to until it says that it is ready, and ended by a signal.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** Longest wait for what a program says when it is ready. */
const START_MS = 30_000;
/** Longest wait for its end. */
const STOP_MS = 20_000;

export class Program {
  /** Starts one of our programs, and waits until its output matches. */
  static async start(name, args, ready) {
    const folder = process.env.GANTRY_PROGRAMS;
    if (!folder) throw new Error('GANTRY_PROGRAMS must name the folder of our programs; scripts/e2e.sh sets it');
    const path = join(folder, name);
    const program = new Program();
    program.output = '';
    program.process = spawn(path, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    program.process.stdout.setEncoding('utf8').on('data', (text) => { program.output += text; });
    program.said = await program.until(ready, path);
    return program;
  }

  until(ready, path) {
    return new Promise((resolve, reject) => {
      const fail = (what) => reject(new Error(`${path} ${what}: ${this.output}`));
      const timer = setTimeout(fail, START_MS, `was not ready within ${START_MS} ms`);
      const look = () => {
        const said = this.output.match(ready);
        if (said) { clearTimeout(timer); resolve(said); }
      };
      this.process.stdout.on('data', look);
      this.process.on('error', reject);
      this.process.on('exit', (code) => { clearTimeout(timer); fail(`ended with ${code}`); });
    });
  }

  /** Ends it as a person would; fails when it does not end, or not well. */
  async stop() {
    const ended = once(this.process, 'exit', { signal: AbortSignal.timeout(STOP_MS) });
    this.process.kill('SIGINT');
    try {
      const [code] = await ended;
      if (code !== 0) throw new Error(`the program ended with ${code}: ${this.output}`);
    } catch (error) {
      this.process.kill('SIGKILL');
      throw error;
    }
  }
}
