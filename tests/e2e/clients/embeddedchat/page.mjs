// A host application that serves one page: EmbeddedChat, bundled as its own documentation says, for whoever has a JWT.

import { once } from 'node:events';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';

export class HostPage {
  static async serve() {
    const page = new HostPage();
    page.script = await bundle();
    page.server = createServer((request, response) => page.answer(request, response));
    page.server.listen(0, '127.0.0.1');
    await once(page.server, 'listening');
    page.origin = `http://127.0.0.1:${page.server.address().port}`;
    return page;
  }

  answer(request, response) {
    const { pathname, searchParams } = new URL(request.url, this.origin);
    if (pathname === '/page.js') return response.writeHead(200, { 'Content-Type': 'text/javascript; charset=utf-8' }).end(this.script);
    if (pathname !== '/') return response.writeHead(204).end();
    response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' });
    const settings = JSON.stringify(Object.fromEntries(searchParams)).replaceAll('<', '\\u003c');
    return response.end(`<!doctype html><title>Host</title><div id="chat"></div>
<script type="application/json" id="settings">${settings}</script><script src="/page.js"></script>`);
  }

  /** Where the page is for somebody. */
  url(settings) {
    return `${this.origin}/?${new URLSearchParams(settings)}`;
  }

  stop() {
    this.server.close();
    this.server.closeAllConnections();
  }
}

async function bundle() {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('page.jsx', import.meta.url))],
    bundle: true, write: false, jsx: 'automatic', logLevel: 'error',
    // Its dependencies look at `process`, which browsers have not.
    define: { 'process.env.NODE_ENV': '"production"', 'process.env': '{}', global: 'window' },
    loader: { '.svg': 'dataurl', '.woff': 'dataurl', '.woff2': 'dataurl', '.ttf': 'dataurl', '.eot': 'dataurl' },
  });
  return outputFiles[0].text;
}
