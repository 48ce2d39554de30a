// A host page on another site than Gantry, with everything that its chat needs: as strict browsers see it, the one is third to the other.

import { createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

const programs = process.env.GANTRY_PROGRAMS ?? dirname(process.env.GANTRY_DEMO);
const AUDIENCE = 'chat';
const CREATE_TOKEN_SECRET = 'a secret of the workspace';
/** Above what a busy machine needs to start. */
const PATIENCE_MS = 30_000;

export class HostPage {
  #children = [];
  #key = randomBytes(32).toString('hex');

  static async start() {
    const hostPage = new HostPage();
    try {
      await hostPage.#start();
    } catch (error) {
      await hostPage.stop();
      throw error;
    }
    return hostPage;
  }

  async #start() {
    const port = await freePort();
    // `localhost` and `127.0.0.1` lead to this machine and are two sites; both are trusted as if they had TLS.
    this.gantry = `http://localhost:${port}`;
    const rocketchat = await this.#rocketchat();
    await this.#hostPage();
    await this.#gantry(port, rocketchat);
  }

  async #rocketchat() {
    const child = this.#spawn('lookalike', ['--port', '0', '--secret', CREATE_TOKEN_SECRET, '--root-url', this.gantry, '--unlimited']);
    const told = {};
    for await (const line of createInterface({ input: child.stdout })) {
      const [name, value] = line.split(': ');
      told[name] = value;
      if (told.url && told.user_id && told.token) break;
    }
    child.stdout.resume();
    return told;
  }

  async #hostPage() {
    const html = await readFile(new URL('host-page.html', import.meta.url), 'utf8');
    this.#host = createServer((request, response) => {
      const { pathname, searchParams } = new URL(request.url, this.url);
      if (pathname === '/token') return response.end(this.jwt(searchParams.get('person')));
      response.setHeader('Content-Type', 'text/html');
      return response.end(pathname === '/' ? html.replaceAll('{{GANTRY}}', this.gantry) : '');
    });
    this.#host.listen(0, '127.0.0.1');
    await once(this.#host, 'listening');
    const { port } = this.#host.address();
    this.url = `http://127.0.0.1:${port}`;
    /** The same page on Gantry's own site, where browsers deny nothing. */
    this.nearUrl = `http://localhost:${port}`;
  }

  #host;

  async #gantry(port, rocketchat) {
    this.#directory = await mkdtemp(join(tmpdir(), 'gantry-'));
    const config = join(this.#directory, 'gantry.yaml');
    await writeFile(config, JSON.stringify({
      listen: { address: `127.0.0.1:${port}`, public_url: this.gantry },
      admin: { address: '127.0.0.1:0' },
      rocketchat: {
        url: rocketchat.url,
        service_account: { user_id: rocketchat.user_id, auth_token: rocketchat.token },
        create_token_secret: CREATE_TOKEN_SECRET,
      },
      issuers: [{ issuer: this.url, audiences: [AUDIENCE], algorithms: ['HS256'], secret: this.#key }],
      proxy: { allowed_origins: [this.url, this.nearUrl], frame_ancestors: [this.url, this.nearUrl] },
    }));
    this.#spawn('gantry', ['run', '--config', config]).stdout.resume();
    const deadline = Date.now() + PATIENCE_MS;
    // Until it knows Rocket.Chat's version, it mints nothing.
    while (!(await this.#mints())) {
      if (Date.now() > deadline) throw new Error('Gantry does not become ready');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  #directory;

  async #mints() {
    const headers = { Authorization: `Bearer ${this.jwt('nobody')}` };
    const answer = await fetch(`${this.gantry}/_gantry/session`, { method: 'POST', headers }).catch(() => undefined);
    return answer?.ok;
  }

  /** What the host application signs for a person. */
  jwt(person) {
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      iss: this.url, aud: AUDIENCE, sub: person, sid: person, iat: now, exp: now + 600,
      preferred_username: person, name: person, email: `${person}@example.com`, email_verified: true,
    };
    const signed = [{ alg: 'HS256', typ: 'JWT' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
    return `${signed}.${createHmac('sha256', this.#key).update(signed).digest('base64url')}`;
  }

  #spawn(program, args) {
    const child = spawn(join(programs, program), args, { env: {}, stdio: ['ignore', 'pipe', 'inherit'] });
    this.#children.push(child);
    return child;
  }

  async stop() {
    this.#host?.close();
    this.#host?.closeAllConnections();
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    if (this.#directory) await rm(this.#directory, { recursive: true });
  }
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
