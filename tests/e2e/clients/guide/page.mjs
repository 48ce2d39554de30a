// A host application whose page is the guide's frontend.

import { once } from 'node:events';
import { createServer } from 'node:http';

import { example } from './examples.mjs';

const PAGE = `<!doctype html><title>Host</title><link rel="icon" href="data:,">
<ul id="messages"></ul>
<form id="form"><input id="words" aria-label="Message"><button>Send</button></form>
<input type="file" id="file" aria-label="File">
<button id="log-out">Log out</button>
<script type="module" src="/page.js"></script>`;

export class HostPage {
  /** Whom the page is for: a person's JWT, as the host application would sign it now. */
  jwt = () => undefined;
  gantry;

  static async serve() {
    const page = new HostPage();
    page.server = createServer((request, response) => page.answer(request.url, response));
    page.server.listen(0, '127.0.0.1');
    await once(page.server, 'listening');
    page.origin = `http://127.0.0.1:${page.server.address().port}`;
    return page;
  }

  answer(url, response) {
    const person = new URL(url, this.origin).searchParams.get('person');
    if (person) return response.writeHead(200, { 'Content-Type': 'text/html', 'Set-Cookie': `person=${person}` }).end(PAGE);
    if (url === '/chat-token') return response.end(this.jwt(response.req.headers.cookie.replace('person=', '')));
    return response.writeHead(200, { 'Content-Type': 'text/javascript' }).end(example(url.slice(1), this.gantry));
  }

  stop() {
    this.server.close();
    this.server.closeAllConnections();
  }
}
