// The Rocket.Chat lookalike as a process of its own, with people whose passwords are `<name>-password`.

import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** Longest wait for its first lines. */
const START_MS = 30_000;

export class Lookalike {
  static start(...settings) {
    return Lookalike.startWith([], ...settings);
  }

  /** With more arguments of the program's own. */
  static async startWith(more, ...settings) {
    const program = process.env.GANTRY_LOOKALIKE;
    if (!program) throw new Error('GANTRY_LOOKALIKE must name the lookalike\'s program; scripts/e2e.sh sets it');
    const people = ['alice', 'bob'].flatMap((name) => ['--person', name]);
    const chosen = settings.flatMap(([id, value]) => ['--setting', `${id}=${JSON.stringify(value)}`]);
    const rc = new Lookalike();
    rc.process = spawn(program, ['--port', '0', '--unlimited', ...more, ...people, ...chosen], { stdio: ['ignore', 'pipe', 'inherit'] });
    let told = '';
    const signal = AbortSignal.timeout(START_MS);
    rc.process.stdout.setEncoding('utf8').on('data', (text) => { told += text; });
    while (!told.includes('password: ')) await once(rc.process.stdout, 'data', { signal });
    rc.service = Object.fromEntries(told.trim().split('\n').map((line) => line.split(': ')));
    rc.url = rc.service.url;
    return rc;
  }

  /** A REST call as somebody; the answer's JSON. */
  async call(path, { by, body } = {}) {
    const headers = { 'Content-Type': 'application/json' };
    if (by) Object.assign(headers, { 'X-User-Id': by.userId, 'X-Auth-Token': by.authToken });
    const answer = await fetch(`${this.url}/api/v1/${path}`, { method: body ? 'POST' : 'GET', headers, body: body && JSON.stringify(body) });
    return answer.json();
  }

  /** Logs a person in over REST, as a host's back end might. */
  async logIn(name) {
    return (await this.call('login', { body: { user: name, password: `${name}-password` } })).data;
  }

  async stop() {
    const ended = once(this.process, 'exit');
    this.process.kill('SIGINT');
    await ended;
  }
}
