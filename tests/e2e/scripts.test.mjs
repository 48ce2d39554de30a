// The scripts that Gantry serves to browsers, each by itself: what they store, ask and say, with everything around them made up.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { createContext, runInContext } from 'node:vm';

const URL_OF_GANTRY = 'https://chat.example.com';
const HOST = 'https://app.example.com';
const read = (path) => readFile(new URL(`../../${path}`, import.meta.url), 'utf8');
const asset = (name) => read(`src/endpoints/assets/${name}`);
const run = (text) => import(`data:text/javascript,${encodeURIComponent(text)}`);
const served = JSON.stringify(`${URL_OF_GANTRY}/_gantry/gantry.js`);
const library = await run((await asset('gantry.js')).replace('import.meta.url', served));
const { Gantry, GantryError, address, expiry, renewalDelay } = library;

/** A JWT that says when it expires, in seconds. */
const jwt = (exp, more = {}) => `x.${Buffer.from(JSON.stringify({ exp, ...more })).toString('base64url')}.x`;
const settled = () => new Promise((resolve) => setImmediate(resolve));

// ---- boot.js ----

class Storage {
  constructor(entries = {}) { this.entries = new Map(Object.entries(entries)); }
  getItem(key) { return this.entries.get(key) ?? null; }
  setItem(key, value) { this.entries.set(key, String(value)); }
  removeItem(key) { this.entries.delete(key); }
  clear() { this.entries.clear(); }
}

async function boot(stored, { session = {}, cookie = '', forbidden = false } = {}) {
  const cookies = [];
  const deleted = [];
  const surroundings = {
    localStorage: new Storage(stored),
    sessionStorage: new Storage(session),
    indexedDB: {
      databases: async () => [{ name: 'e2e-keys' }, { name: 'other' }],
      deleteDatabase: (name) => deleted.push(name),
    },
    document: Object.defineProperty({}, 'cookie', { get: () => cookie, set: (text) => cookies.push(text) }),
  };
  surroundings.window = surroundings;
  if (forbidden) {
    for (const name of ['localStorage', 'sessionStorage']) {
      Object.defineProperty(surroundings, name, { configurable: true, get() { throw new Error('SecurityError'); } });
    }
  }
  const known = { userId: 'alice', token: 'a stand-in' };
  runInContext(`${(await asset('boot.js')).trimEnd()}(${JSON.stringify(known)});`, createContext(surroundings));
  await settled();
  return { surroundings, cookies, deleted };
}

const LOGGED_IN = {
  'Meteor.userId': 'alice',
  'Meteor.loginToken': 'a stand-in',
  'gantry.userId': 'alice',
};

/** What is stored besides the expiry, which must be far. */
function kept(entries) {
  const { 'Meteor.loginTokenExpires': expires, ...rest } = Object.fromEntries(entries);
  assert.ok(Date.parse(expires) > Date.now() + 24 * 60 * 60 * 1000, expires);
  return rest;
}

test('the boot script stores the login where the client looks for it', async () => {
  const { surroundings, cookies, deleted } = await boot({ theme: 'dark' });
  assert.deepEqual(kept(surroundings.localStorage.entries), { theme: 'dark', ...LOGGED_IN });
  assert.deepEqual([cookies, deleted], [[], []]);
});

for (const forbidden of [false, true]) {
  test(`the client cannot shorten what it believes of its login's end${forbidden ? ', in a storage of its own either' : ''}`, async () => {
    const { surroundings: { localStorage } } = await boot({}, { forbidden });
    localStorage.setItem('Meteor.loginTokenExpires', new Date(Date.now() + 1000).toString());
    localStorage.setItem('Meteor.loginToken', 'newer');
    assert.equal(localStorage.getItem('Meteor.loginToken'), 'newer');
    assert.ok(Date.parse(localStorage.getItem('Meteor.loginTokenExpires')) > Date.now() + 24 * 60 * 60 * 1000);
  });
}

test('what the same person stored stays', async () => {
  const { surroundings, deleted } = await boot({ ...LOGGED_IN, 'Meteor.loginToken': 'old', draft: 'x' }, { session: { tab: '1' }, cookie: 'rc_uid=alice' });
  assert.deepEqual(kept(surroundings.localStorage.entries), { draft: 'x', ...LOGGED_IN });
  assert.equal(surroundings.sessionStorage.getItem('tab'), '1');
  assert.deepEqual(deleted, []);
});

for (const [how, stored, cookie] of [
  ['is still logged in', { 'Meteor.userId': 'bob', 'Meteor.loginToken': 'theirs' }],
  ['has logged out', { 'gantry.userId': 'bob' }],
  ['left a cookie only', {}, 'theme=dark; rc_uid=b%6Fb'],
]) {
  test(`nothing of a previous person who ${how} is left`, async () => {
    const { surroundings, cookies, deleted } = await boot({ ...stored, private_key: 'x' }, { session: { tab: '1' }, cookie });
    assert.deepEqual(kept(surroundings.localStorage.entries), LOGGED_IN);
    assert.equal(surroundings.sessionStorage.entries.size, 0);
    assert.deepEqual(deleted, ['e2e-keys', 'other']);
    for (const name of ['rc_uid', 'rc_token', 'rc_rid', 'rc_room_type']) {
      assert.ok(cookies.some((text) => text.startsWith(`${name}=; Path=/; Max-Age=0`)), name);
    }
  });
}

test('where the browser denies storage, the page gets one that lasts as long as itself', async () => {
  const { surroundings: { localStorage, sessionStorage } } = await boot({}, { forbidden: true });
  assert.deepEqual(kept(Object.entries(localStorage)), LOGGED_IN);
  assert.equal(localStorage.getItem('Meteor.userId'), 'alice');
  for (const nothing of ['other', 'getItem', 'length', 'toString']) assert.equal(localStorage.getItem(nothing), null);
  sessionStorage.setItem('n', 1);
  assert.deepEqual([sessionStorage.length, sessionStorage.key(0), sessionStorage.key(1), sessionStorage.n], [1, 'n', null, '1']);
  sessionStorage.removeItem('n');
  localStorage.clear();
  assert.deepEqual([sessionStorage.length, localStorage.length], [0, 0]);
});

// ---- page.js ----

async function loginPage(answers) {
  const calls = [];
  const posted = [];
  const told = { textContent: '' };
  const handlers = {};
  const parent = { postMessage: (...said) => posted.push(['parent', ...said]) };
  const window = { parent, top: { postMessage: (...said) => posted.push(['top', ...said]) }, addEventListener: (name, handler) => { handlers[name] = handler; } };
  const surroundings = {
    window,
    location: { origin: URL_OF_GANTRY },
    document: {
      hidden: false,
      querySelector: () => ({ content: HOST }),
      getElementById: () => told,
      addEventListener: () => {},
    },
    fetch: async (path, options) => {
      calls.push({ path, body: options.body });
      const [status, body] = answers.shift() ?? [401, {}];
      return { ok: status === 200, json: async () => body };
    },
    setTimeout: () => 0,
    clearTimeout: () => {},
  };
  runInContext(await asset('page.js'), createContext(surroundings));
  await settled();
  const say = async (origin, data) => { handlers.message({ origin, data }); await settled(); };
  return { calls, posted, told, say };
}

const plain = (value) => JSON.parse(JSON.stringify(value));

test('the login page logs its parent in when a cookie says who is there', async () => {
  const { posted, told } = await loginPage([[200, { loginToken: 'a stand-in' }]]);
  assert.deepEqual(plain(posted.filter(([to]) => to === 'parent')), [
    ['parent', { event: 'login-with-token', loginToken: 'a stand-in' }, URL_OF_GANTRY],
  ]);
  assert.equal(told.textContent, 'Signed in.');
});

test('the login page waits, and hears tickets from host pages and nobody else', async () => {
  const { calls, posted, say } = await loginPage([[401, {}], [200, { loginToken: 'a stand-in' }]]);
  assert.deepEqual(plain(posted), [['top', { gantry: 'waiting' }, '*']], 'nothing secret');
  await say('https://evil.example', { gantry: 'ticket', ticket: 'theirs' });
  await say(HOST, { gantry: 'ticket', ticket: { toString: 'x' } });
  await say(HOST, 'ticket');
  assert.equal(calls.length, 1);
  await say(HOST, { gantry: 'ticket', ticket: 'ours' });
  assert.deepEqual(calls[1], { path: '/_gantry/iframe/login', body: 'ours' });
  assert.equal(posted.at(-1)[1].loginToken, 'a stand-in');
});

// ---- gantry.js ----

let calls;
let beacons;
let answer;

beforeEach(() => {
  calls = [];
  beacons = [];
  answer = () => [200, { ticket: 'a ticket', userId: 'alice' }];
  globalThis.window = new EventTarget();
  Object.defineProperty(globalThis, 'navigator', { configurable: true, value: { sendBeacon: (...said) => beacons.push(said) } });
  globalThis.document = { createElement: (name) => frame(name) };
  globalThis.fetch = async (url, { method, headers, credentials }) => {
    const call = { path: url.replace(`${URL_OF_GANTRY}/_gantry/`, ''), method, bearer: headers.Authorization, credentials };
    calls.push(call);
    const [status, body] = await answer(call);
    return { status, ok: status < 300, json: async () => body };
  };
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_000_000_000_000 });
});

afterEach(() => mock.timers.reset());

function frame(name = 'iframe') {
  const made = new EventTarget();
  const posted = [];
  return Object.assign(made, { tagName: name.toUpperCase(), posted, contentWindow: { postMessage: (...said) => posted.push(said) } });
}

/** A Gantry with what it told so far, by name. */
function watched(options) {
  const gantry = new Gantry(options);
  const told = [];
  for (const name of ['ready', 'expired', 'ended', 'error', 'unread-changed']) {
    gantry.addEventListener(name, ({ detail }) => told.push([name, detail]));
  }
  return { gantry, told, names: () => told.map(([name]) => name) };
}

const seconds = () => Date.now() / 1000;
const say = (message) => window.dispatchEvent(Object.assign(new Event('message'), message));

test('expiry is read without trust in what is there', () => {
  assert.equal(expiry(jwt(7)), 7000);
  assert.equal(expiry(jwt(7, { name: 'Zoë ÿ>?' })), 7000);
  for (const bad of ['', 'x', 'x.y.z', 'x..z', jwt('7'), jwt(null)]) assert.equal(expiry(bad), undefined, bad);
});

test('a JWT is renewed ahead of its end, and never before it is used', () => {
  assert.equal(renewalDelay(600_000, 0), 540_000);
  assert.equal(renewalDelay(30_000, 0), 25_000);
  assert.equal(renewalDelay(1_000, 0), 0);
  assert.equal(renewalDelay(0, 1_000), 0);
  assert.equal(renewalDelay(1e15, 0), 1e15 - 60_000);
});

test('an address is below Gantry, whatever the path', () => {
  assert.equal(address('https://c', '/x?y=1'), 'https://c/x?y=1');
  assert.equal(address('https://c', '/x?y=1&z', 't'), 'https://c/_gantry/enter?ticket=t&to=%2Fx%3Fy%3D1%26z');
  for (const bad of ['x', '//evil.example', 'https://evil.example', '']) assert.throws(() => address('https://c', bad), TypeError);
});

test('a room is opened by ticket, and told ready when it has loaded', async () => {
  const token = jwt(seconds() + 600);
  const { gantry, names } = watched({ token: async () => token });
  const place = { tagName: 'DIV', append(child) { this.child = child; } };
  const shown = await gantry.open(place, '/channel/general');
  assert.equal(place.child, shown);
  assert.equal(shown.referrerPolicy, 'origin');
  assert.equal(shown.src, address(URL_OF_GANTRY, '/channel/general?layout=embedded', 'a ticket'));
  assert.deepEqual(calls, [{ path: 'ticket', method: 'POST', bearer: `Bearer ${token}`, credentials: 'omit' }]);
  shown.dispatchEvent(new Event('load'));
  assert.deepEqual(names(), ['ready']);
});

test('with a shared cookie a room is opened directly', async () => {
  const { gantry } = watched({});
  const shown = await gantry.open(frame(), '/group/x?layout=full');
  assert.equal(shown.src, `${URL_OF_GANTRY}/group/x?layout=full`);
  assert.deepEqual(calls, []);
});

test('a newer JWT is shown to Gantry before the last one expires', async () => {
  const tokens = [jwt(seconds() + 600), jwt(seconds() + 1200)];
  const { gantry, names } = watched({ token: () => (tokens.length > 1 ? tokens.shift() : tokens[0]) });
  await gantry.ticket();
  mock.timers.tick(539_000);
  await settled();
  assert.equal(calls.length, 1);
  mock.timers.tick(1_000);
  await settled();
  assert.deepEqual(calls[1], { path: 'session', method: 'GET', bearer: `Bearer ${tokens[0]}`, credentials: 'omit' });
  assert.deepEqual(names(), []);
});

test('a JWT that lasts longer than any timer is renewed all the same', async () => {
  const tokens = [jwt(seconds() + 30 * 86_400), jwt(seconds() + 60 * 86_400)];
  const { gantry } = watched({ token: () => (tokens.length > 1 ? tokens.shift() : tokens[0]) });
  await gantry.ticket();
  mock.timers.tick(25 * 86_400_000);
  await settled();
  assert.equal(calls.length, 1);
  mock.timers.tick(5 * 86_400_000 - 60_000);
  await settled();
  assert.equal(calls.length, 2);
});

test('without a newer JWT the end is told', async () => {
  const token = jwt(seconds() + 60);
  for (const given of [token, () => token]) {
    const { gantry, names } = watched({ token: given });
    await gantry.ticket();
    for (let passed = 0; passed < 62; passed += 1) {
      mock.timers.tick(1_000);
      await settled();
    }
    assert.deepEqual(names(), ['expired']);
    mock.timers.setTime(1_000_000_000_000);
  }
});

test('a session that Gantry refuses to go on with has ended', async () => {
  let newest = jwt(seconds() + 60);
  const { gantry, told, names } = watched({ token: () => newest });
  const shown = await gantry.open(frame(), '/channel/general');
  newest = jwt(seconds() + 120);
  answer = () => [401, { title: 'The token is not valid', type: 'https://x/problems/invalid-token', instance: '7' }];
  mock.timers.tick(60_000);
  await settled();
  assert.deepEqual(names(), ['error', 'ended']);
  const { error } = told[0][1];
  assert.ok(error instanceof GantryError);
  assert.deepEqual([error.status, error.slug, error.requestId], [401, 'invalid-token', '7']);
  assert.equal(shown.src, 'about:blank');
});

test('logging out takes the cookies along, and does without where they contradict the JWT', async () => {
  const token = jwt(seconds() + 600);
  const { gantry, names } = watched({ token });
  await gantry.ticket();
  answer = ({ credentials }) => (credentials === 'include' ? [401, {}] : [204]);
  await gantry.logout();
  const ends = calls.slice(1).map(({ path, method, credentials }) => [path, method, credentials]);
  assert.deepEqual(ends, [['logout', 'POST', 'include'], ['logout', 'POST', 'omit']]);
  assert.deepEqual(names(), ['ended']);
});

test('a page that goes away releases by beacon when it is asked to, and not when it may come back', async () => {
  const token = jwt(seconds() + 600);
  const leave = (persisted) => window.dispatchEvent(Object.assign(new Event('pagehide'), { persisted }));
  const { gantry } = watched({ token, releaseOnLeave: true });
  await gantry.ticket();
  leave(true);
  assert.deepEqual(beacons, []);
  leave(false);
  assert.deepEqual(beacons, [[`${URL_OF_GANTRY}/_gantry/release`, token]]);
  gantry.close();
  await watched({ token }).gantry.ticket();
  leave(false);
  assert.equal(beacons.length, 1, 'others of the same host session would lose theirs');
});

test("Rocket.Chat's events pass when they come from its frame and origin", async () => {
  const { gantry, told } = watched({ token: jwt(seconds() + 600) });
  const { contentWindow: source } = await gantry.open(frame(), '/channel/general');
  const data = { eventName: 'unread-changed', data: 3 };
  say({ origin: 'https://evil.example', source, data });
  say({ origin: URL_OF_GANTRY, source: {}, data });
  say({ origin: URL_OF_GANTRY, source, data: 'x' });
  say({ origin: URL_OF_GANTRY, source, data: { eventName: 'ended' } });
  assert.deepEqual(told, []);
  say({ origin: URL_OF_GANTRY, source, data });
  assert.deepEqual(told, [['unread-changed', 3]]);
});

test('a login page inside the room is given a ticket, and no other frame is', async () => {
  const { gantry } = watched({ token: jwt(seconds() + 600) });
  const { contentWindow: room } = await gantry.open(frame(), '/channel/general');
  const posted = [];
  const inner = (parent) => ({ parent, postMessage: (...said) => posted.push(said) });
  say({ origin: URL_OF_GANTRY, source: inner({}), data: { gantry: 'waiting' } });
  say({ origin: 'https://evil.example', source: inner(room), data: { gantry: 'waiting' } });
  await settled();
  assert.equal(calls.length, 1);
  say({ origin: URL_OF_GANTRY, source: inner(room), data: { gantry: 'waiting' } });
  await settled();
  assert.deepEqual(posted, [[{ gantry: 'ticket', ticket: 'a ticket' }, URL_OF_GANTRY]]);
});

test('the documented example runs', async () => {
  const docs = await read('docs/embedding.md');
  const [, example] = docs.match(/<!-- example -->\s+```js\n([\s\S]*?)```/);
  const statement = "import { Gantry } from 'https://chat.example.com/_gantry/gantry.js';";
  assert.ok(example.includes(statement));
  const clicks = {};
  const places = {
    '#chat': { tagName: 'DIV', append(child) { this.child = child; } },
    '#log-out': { addEventListener: (name, handler) => { clicks[name] = handler; } },
  };
  const classes = [];
  document.body = { classList: { add: (name) => classes.push(`+${name}`), remove: (name) => classes.push(`-${name}`) } };
  document.querySelector = (selector) => places[selector];
  const visited = [];
  globalThis.location = { assign: (path) => visited.push(path) };
  const token = jwt(seconds() + 600);
  const gantrys = globalThis.fetch;
  globalThis.fetch = (url, options) => (url === '/chat-token' ? { text: async () => token } : gantrys(url, options));
  globalThis.library = library;

  await run(example.replace(statement, 'const { Gantry } = globalThis.library;'));

  const { child: room } = places['#chat'];
  assert.equal(room.src, address(URL_OF_GANTRY, '/channel/general?layout=embedded', 'a ticket'));
  assert.equal(room.title, 'Chat with the team');
  room.dispatchEvent(new Event('load'));
  say({ origin: URL_OF_GANTRY, source: room.contentWindow, data: { eventName: 'unread-changed', data: 2 } });
  assert.equal(document.title, '(2) My app');
  answer = () => [204];
  await clicks.click();
  assert.deepEqual(classes, ['+chat-is-here', '-chat-is-here']);
  assert.deepEqual(visited, ['/logged-out']);
  assert.deepEqual(calls.map(({ path, bearer }) => [path, bearer]), [['ticket', `Bearer ${token}`], ['logout', `Bearer ${token}`]]);
});
