// A Chromium, and people's visits in it: each with cookies and storage of its own, and watched.

import assert from 'node:assert/strict';

import { chromium } from 'playwright-core';

const FLAGS = ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
/** Above what a busy machine needs; a working page needs a fraction. */
const PATIENCE_MS = 20_000;

export class Browser {
  static async start() {
    const browser = new Browser();
    browser.chromium = await chromium.launch({ executablePath: process.env.CHROMIUM, args: FLAGS });
    return browser;
  }

  async visit() {
    const context = await this.chromium.newContext({ viewport: { width: 1280, height: 800 } });
    context.setDefaultTimeout(PATIENCE_MS);
    return Visit.begin(context);
  }

  stop() {
    return this.chromium.close();
  }
}

/** One person's browser window. */
class Visit {
  static async begin(context) {
    const visit = new Visit();
    visit.context = context;
    visit.urls = [];
    visit.complaints = [];
    visit.texts = [];
    visit.pending = [];
    context.on('request', (request) => visit.urls.push(request.url()));
    context.on('response', (response) => visit.pending.push(visit.note(response)));
    context.on('weberror', (error) => visit.complaints.push(error.error().message));
    context.on('page', (page) => page.on('websocket', (socket) => {
      visit.urls.push(socket.url());
      for (const way of ['framesent', 'framereceived']) socket.on(way, ({ payload }) => visit.texts.push(payload.toString()));
    }));
    context.on('console', (message) => { if (message.type() === 'error') visit.complaints.push(message.text()); });
    visit.page = await context.newPage();
    return visit;
  }

  async note(response) {
    const headers = await response.allHeaders().catch(() => ({}));
    this.texts.push(...Object.values(headers));
    // Redirects and answers that ended with their page have no body to read.
    this.texts.push(await response.text().catch(() => ''));
  }

  /** Everything that came, over sockets too. */
  async heard() {
    await Promise.all(this.pending);
    return this.texts;
  }

  /** Begins the watch anew. */
  async forget() {
    await this.heard();
    this.texts = [];
  }

  /** Every piece of text as long as a token in what came, over sockets too, in the cookies, and in what scripts stored. */
  async everythingSeen() {
    const texts = await this.heard();
    const cookies = (await this.context.cookies()).map((cookie) => cookie.value);
    const stored = (await this.stored()).map(([, value]) => value);
    const urls = this.urls;
    const pieces = [...texts, ...cookies, ...stored, ...urls].flatMap((text) => text.match(/[\w-]{16,}/g) ?? []);
    return [...new Set(pieces)];
  }

  /** Names and values in the script storage of every frame that may have one. */
  async stored() {
    const stores = await Promise.all(this.page.frames().map((frame) => frame.evaluate(() => {
      try {
        return [localStorage, sessionStorage].flatMap((store) => Object.entries(store));
      } catch {
        return [];
      }
    })));
    return stores.flat();
  }

  /** Nothing was loaded from elsewhere and the console has no complaint, such as of a broken content security policy. */
  assertQuiet(demo) {
    const ours = [demo.url, demo.gantry, demo.gantry.replace('http', 'ws'), 'data:', 'blob:', 'about:'];
    assert.deepEqual(this.urls.filter((url) => !ours.some((start) => url.startsWith(start))), []);
    assert.deepEqual(this.complaints, []);
  }

  close() {
    return this.context.close();
  }
}
