/**
 * Shows Rocket.Chat inside a host page, as the person that the host application says.
 *
 *     import { Gantry } from 'https://chat.example.com/_gantry/gantry.js';
 *
 * Events: `ready` (a room has loaded), `expired` (no newer JWT is to be had), `ended` (the session is over), `error`, and by their
 * own names those that Rocket.Chat sends to the page around it, such as `unread-changed`.
 */

/** What Gantry itself tells; Rocket.Chat's events of the same names are left out. */
const OWN_EVENTS = ['ready', 'expired', 'ended', 'error'];
/** Browsers take no longer timer than this. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** How long before its end a JWT is renewed: a tenth of what is left to it, but within these. */
const LEAST_MARGIN_MS = 5_000;
const MOST_MARGIN_MS = 60_000;
/** Between attempts that failed for no fault of the JWT. */
const RETRY_MS = 15_000;

/**
 * @typedef {object} Options
 * @property {string | (() => string | Promise<string>)} [token] The host application's JWT, or where to get one whenever one is
 *   needed. Without it, a cookie that Gantry and the host page share says who is there.
 * @property {string} [url] Where Gantry is; by default where this file came from.
 * @property {boolean} [releaseOnLeave] Log out at Rocket.Chat when the page goes away; false by default, because other pages of the
 *   same host session would lose theirs.
 *
 * @typedef {object} Session
 * @property {string} userId
 * @property {string} username
 * @property {string} token Stands in for Rocket.Chat's auth token, with Gantry only.
 * @property {string} expiresAt RFC 3339.
 */

/** A refusal of Gantry's, or of whatever stands before it. */
export class GantryError extends Error {
  /**
   * @param {number} status
   * @param {{title?: string, detail?: string, type?: string, instance?: string}} [problem]
   */
  constructor(status, problem = {}) {
    super(problem.detail ?? problem.title ?? `Gantry answered with status ${status}`);
    this.name = 'GantryError';
    this.status = status;
    /** What went wrong, in one word. */
    this.slug = problem.type?.split('/').pop() ?? '';
    /** Under which its log has the request. */
    this.requestId = problem.instance;
  }
}

/**
 * When a JWT expires, in milliseconds since 1970; `undefined` when it does not say.
 * @param {string} jwt
 * @returns {number | undefined}
 */
export function expiry(jwt) {
  try {
    const claims = jwt.split('.')[1].replaceAll('-', '+').replaceAll('_', '/');
    const { exp } = JSON.parse(atob(claims));
    return typeof exp === 'number' ? exp * 1000 : undefined;
  } catch {
    return undefined;
  }
}

/**
 * How long to wait before a JWT is renewed.
 * @param {number} expires @param {number} now Both in milliseconds since 1970.
 */
export function renewalDelay(expires, now) {
  const left = Math.max(0, expires - now);
  const margin = Math.min(MOST_MARGIN_MS, Math.max(LEAST_MARGIN_MS, left / 10));
  return Math.max(0, left - margin);
}

/**
 * The address of a page of Rocket.Chat's: by ticket, or directly.
 * @param {string} url @param {string} path @param {string} [ticket]
 */
export function address(url, path, ticket) {
  if (!path.startsWith('/') || path.startsWith('//')) throw new TypeError('the path must begin with one slash');
  if (!ticket) return url + path;
  return `${url}/_gantry/enter?${new URLSearchParams({ ticket, to: path })}`;
}

export class Gantry extends EventTarget {
  #url;
  #token;
  /** The JWT that was used last. */
  #jwt = '';
  #timer;
  #frames = new Set();
  #over = false;
  #releaseOnLeave;

  /** @param {Options} [options] */
  constructor({ token, url = new URL(import.meta.url).origin, releaseOnLeave = false } = {}) {
    super();
    this.#url = url.replace(/\/+$/, '');
    this.#token = token;
    this.#releaseOnLeave = releaseOnLeave;
    window.addEventListener('message', this.#hear);
    window.addEventListener('pagehide', this.#leave);
  }

  /**
   * Begins or continues the session; for scripts that call Rocket.Chat's API through Gantry themselves.
   * @param {{cookie?: boolean}} [options] `cookie`: let the browser keep the session as a cookie, too.
   * @returns {Promise<Session>}
   */
  async session({ cookie = false } = {}) {
    const jwt = await this.#newest();
    const session = await this.#call('POST', cookie ? 'session?cookie=1' : 'session', jwt, cookie);
    this.#watch(jwt);
    return session;
  }

  /** A ticket for one page, good for half a minute. */
  async ticket() {
    const jwt = await this.#newest();
    const { ticket } = await this.#call('POST', 'ticket', jwt);
    this.#watch(jwt);
    return /** @type {string} */ (ticket);
  }

  /**
   * Shows a page of Rocket.Chat's in an iframe: the given one, or a new one in the given element.
   * @param {HTMLElement} place
   * @param {string} [path] Such as `/channel/general`.
   * @param {{embedded?: boolean}} [options] `embedded`: the room alone, without Rocket.Chat's own navigation; true by default.
   * @returns {Promise<HTMLIFrameElement>}
   */
  async open(place, path = '/home', { embedded = true } = {}) {
    const page = embedded && !/[?&]layout=/.test(path)
      ? `${path}${path.includes('?') ? '&' : '?'}layout=embedded`
      : path;
    try {
      const ticket = this.#token === undefined ? undefined : await this.ticket();
      const frame = place.tagName === 'IFRAME' ? place : this.#frame();
      this.#over = false;
      if (!this.#frames.has(frame)) frame.addEventListener('load', () => this.#loaded(frame));
      this.#frames.add(frame);
      // Gantry takes a ticket from pages only that tell their origin, whatever this page tells others.
      frame.referrerPolicy = 'origin';
      frame.src = address(this.#url, page, ticket);
      // Only now, so that no empty page is called ready.
      if (frame !== place) place.append(frame);
      return /** @type {HTMLIFrameElement} */ (frame);
    } catch (error) {
      this.#fail(error);
      throw error;
    }
  }

  /**
   * Leads the rooms that are shown to another page, without loading anew; needs Rocket.Chat's `Iframe_Integration_receive_enable`.
   * @param {string} path
   */
  go(path) {
    for (const frame of this.#frames) frame.contentWindow?.postMessage({ externalCommand: 'go', path }, this.#url);
  }

  /** Shows Gantry the host's newest JWT, which extends the session. Called by itself before the last one expires. */
  async renew() {
    const jwt = await this.#newest();
    await this.#call('GET', 'session', jwt);
    this.#watch(jwt);
  }

  /** Ends the session at Rocket.Chat; the same JWT may begin a new one. */
  async release() {
    await this.#end('release');
  }

  /** Ends the host session for good: its JWTs up to now are refused, and what the browser stored is cleared. */
  async logout() {
    await this.#end('logout');
  }

  /** Stops listening and renewing; the session goes on. */
  close() {
    clearTimeout(this.#timer);
    window.removeEventListener('message', this.#hear);
    window.removeEventListener('pagehide', this.#leave);
    this.#frames.clear();
  }

  async #newest() {
    if (typeof this.#token !== 'function') return this.#token ?? '';
    return this.#token();
  }

  /** With a JWT no cookie goes along, unless wanted: a cookie with another JWT would make the request ambiguous. */
  async #call(method, endpoint, jwt, cookies = false) {
    const answer = await fetch(`${this.#url}/_gantry/${endpoint}`, {
      method,
      headers: jwt ? { Authorization: `Bearer ${jwt}` } : {},
      credentials: jwt && !cookies ? 'omit' : 'include',
      cache: 'no-store',
      keepalive: method === 'POST',
    });
    const body = answer.status === 204 ? undefined : await answer.json().catch(() => undefined);
    if (!answer.ok) throw new GantryError(answer.status, body);
    return body;
  }

  async #end(endpoint) {
    clearTimeout(this.#timer);
    const jwt = this.#jwt || (await this.#newest());
    try {
      // The cookies are expired by the answer, where they may go along.
      await this.#call('POST', endpoint, jwt, true).catch((error) => {
        if (!jwt || error.status !== 401) throw error;
        return this.#call('POST', endpoint, jwt);
      });
    } catch (error) {
      this.#fail(error);
      throw error;
    }
    this.#finish();
  }

  /** Renews before this JWT expires. */
  #watch(jwt) {
    clearTimeout(this.#timer);
    this.#jwt = jwt;
    this.#over = false;
    const expires = jwt ? expiry(jwt) : undefined;
    if (expires === undefined) return;
    const now = Date.now();
    const due = typeof this.#token === 'function' ? now + renewalDelay(expires, now) : expires;
    this.#at(due, () => this.#due(jwt, expires));
  }

  #at(time, action) {
    const left = Math.max(0, time - Date.now());
    const again = left > LONGEST_TIMER_MS ? () => this.#at(time, action) : action;
    this.#timer = setTimeout(again, Math.min(left, LONGEST_TIMER_MS));
  }

  async #due(jwt, expires) {
    if (typeof this.#token === 'function') {
      try {
        const newest = await this.#newest();
        if (newest !== jwt) {
          await this.#call('GET', 'session', newest);
          return this.#watch(newest);
        }
      } catch (error) {
        this.#fail(error);
        if (error instanceof GantryError && [401, 403].includes(error.status)) return this.#finish();
      }
    }
    if (Date.now() >= expires) return this.#tell('expired');
    this.#at(Math.min(Date.now() + RETRY_MS, expires), () => this.#due(jwt, expires));
  }

  #frame() {
    const frame = document.createElement('iframe');
    frame.title = 'Chat';
    frame.allow = 'camera; microphone; fullscreen; clipboard-write';
    return frame;
  }

  #loaded(frame) {
    if (!this.#over) this.#tell('ready', { frame });
  }

  #finish() {
    clearTimeout(this.#timer);
    if (this.#over) return;
    this.#over = true;
    this.#jwt = '';
    for (const frame of this.#frames) frame.src = 'about:blank';
    this.#tell('ended');
  }

  #fail(error) {
    this.#tell('error', { error });
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  #hear = async ({ origin, source, data }) => {
    // Anybody may post a message here: only Gantry's own origin, in a frame of ours, is heard.
    if (origin !== this.#url || !data || typeof data !== 'object') return;
    const frames = [...this.#frames].map((frame) => frame.contentWindow).filter(Boolean);
    if (data.gantry === 'waiting') {
      // Rocket.Chat shows its login frame inside ours, and that one asks.
      if (this.#token === undefined || this.#over || !frames.includes(source?.parent)) return;
      try {
        source.postMessage({ gantry: 'ticket', ticket: await this.ticket() }, this.#url);
      } catch (error) {
        this.#fail(error);
      }
      return;
    }
    if (typeof data.eventName !== 'string' || OWN_EVENTS.includes(data.eventName) || !frames.includes(source)) return;
    this.#tell(data.eventName, data.data);
  };

  #leave = ({ persisted }) => {
    // A page that the browser keeps may come back.
    if (persisted || !this.#releaseOnLeave || this.#over) return;
    // A beacon is sent even though the page is gone, but carries no header: the JWT goes as its text.
    navigator.sendBeacon(`${this.#url}/_gantry/release`, this.#jwt);
  };
}
