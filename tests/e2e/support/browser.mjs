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
    visit.sockets = [];
    context.on('request', (request) => visit.urls.push(request.url()));
    context.on('response', (response) => visit.pending.push(visit.note(response)));
    context.on('weberror', (error) => visit.complaints.push(error.error().message));
    context.on('console', (message) => { if (message.type() === 'error') visit.complaints.push(message.text()); });
    visit.page = await visit.newPage();
    return visit;
  }

  /** One more tab, watched like the first. */
  async newPage() {
    const page = await this.context.newPage();
    page.on('websocket', (socket) => {
      const seen = { url: socket.url(), sent: [], received: [], closed: false };
      this.sockets.push(seen);
      socket.on('framesent', ({ payload }) => seen.sent.push(String(payload)));
      socket.on('framereceived', ({ payload }) => seen.received.push(String(payload)));
      socket.on('close', () => { seen.closed = true; });
    });
    return page;
  }

  async note(response) {
    const [asked, answered] = await Promise.all([response.request().allHeaders().catch(() => ({})), response.allHeaders().catch(() => ({}))]);
    this.texts.push([`request headers of ${response.url()}`, JSON.stringify(asked)], [`headers of ${response.url()}`, JSON.stringify(answered)]);
    // Redirects and answers that ended with their page have no body to read.
    this.texts.push([`body of ${response.url()}`, await response.text().catch(() => '')]);
  }

  /** Everything that was in this browser so far, as pairs of where and what. */
  async everythingSeen() {
    // A body that no script reads never ends; better a failure that says so than a wait without end.
    const late = new Promise((_, reject) => { setTimeout(reject, PATIENCE_MS, new Error('an answer never ended')).unref(); });
    await Promise.race([Promise.all(this.pending), late]);
    const cookies = (await this.context.cookies()).map((cookie) => [`cookie ${cookie.name}`, cookie.value]);
    const stored = (await this.stored()).map(([key, value]) => [`storage ${key}`, value]);
    const urls = this.urls.map((url) => ['a URL', url]);
    const frames = this.sockets.flatMap(({ url, sent, received }) => [...sent, ...received].map((text) => [`a frame of ${url}`, text]));
    return [...this.texts, ...cookies, ...stored, ...urls, ...this.sockets.map(({ url }) => ['a URL', url]), ...frames];
  }

  /** Begins the watch anew. */
  async forget() {
    await this.everythingSeen();
    [this.texts, this.sockets, this.urls] = [[], [], []];
  }

  /** Names and values that scripts can read, in every frame of every tab. */
  async stored() {
    const frames = this.context.pages().flatMap((page) => page.frames());
    const stores = await Promise.all(frames.map((frame) => frame.evaluate(() => {
      // A browser may deny a page its storage and its cookies.
      const attempt = (read) => { try { return read(); } catch { return []; } };
      const stores = [() => localStorage, () => sessionStorage].flatMap((store) => attempt(() => Object.entries(store())));
      const cookies = attempt(() => (document.cookie ? [['document.cookie', document.cookie]] : []));
      return [...stores, ...cookies];
    })));
    return stores.flat();
  }

  /** Nothing was loaded from elsewhere and the console has no complaint, such as of a broken content security policy. */
  assertQuiet(demo) {
    const ours = [demo.url, demo.gantry, 'data:', 'blob:', 'about:'];
    assert.deepEqual(this.urls.filter((url) => !ours.some((start) => url.startsWith(start))), []);
    assert.deepEqual(this.complaints, []);
  }

  close() {
    return this.context.close();
  }
}
