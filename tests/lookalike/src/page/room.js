// The room page of the lookalike: a small real client of its REST and DDP interfaces.
//
// Like RC's own client it speaks methods over REST (method.call), which the REST rate limiter leaves alone.
// It sends a token only if the client's usual place holds one (localStorage); else it relies on whatever
// stands in front to say who it is. With a token it also opens the WebSocket and gets messages live; without
// live messages it asks for new ones every two seconds.
(() => {
  'use strict';

  const config = window.__meteor_runtime_config__ || {};
  const base = config.ROOT_URL_PATH_PREFIX || '';
  const suffix = base ? `:${config.ROOT_URL}:${base}` : '';
  const POLL_MS = 2000;
  const root = document.getElementById('react-root');
  const embedded = new URLSearchParams(location.search).get('layout') === 'embedded';

  // ---- who we are, and how we call ----

  const stored = (key) => { try { return localStorage.getItem(key + suffix); } catch { return null; } };
  const store = (key, value) => { try { value === null ? localStorage.removeItem(key + suffix) : localStorage.setItem(key + suffix, value); } catch { /* a sandboxed frame has no storage */ } };
  const KEYS = ['Meteor.loginToken', 'Meteor.userId', 'Meteor.loginTokenExpires'];
  const token = () => stored('Meteor.loginToken');
  const forget = () => { KEYS.forEach((key) => store(key, null)); showCookies(); };

  // Pictures and files cannot carry headers: with a token of our own they go by cookies, as in RC's client.
  function showCookies() {
    const attributes = `; path=/; SameSite=Lax${location.protocol === 'https:' ? '; Secure' : ''}`;
    for (const [name, value] of [['rc_uid', stored('Meteor.userId')], ['rc_token', token()]]) {
      if (token()) document.cookie = `${name}=${encodeURIComponent(value || '')}${attributes}`;
      else if (document.cookie.includes(`${name}=`)) document.cookie = `${name}=; Max-Age=0${attributes}`;
    }
  }

  class LoggedOut extends Error {}
  class Refused extends Error {
    constructor(error, status) { super(error.reason || error.message || error.error || `status ${status}`); this.code = error.error; this.status = status; this.details = error.details; }
  }

  async function request(path, options) {
    const headers = { ...options.headers };
    const used = token();
    if (used) { headers['X-Auth-Token'] = used; headers['X-User-Id'] = stored('Meteor.userId') || ''; }
    const answer = await fetch(`${base}/api/v1/${path}`, { ...options, headers, credentials: 'same-origin' });
    if (answer.status !== 401) return answer;
    // A token that is no longer good must not hide what stands in front of us: drop it and ask once more.
    if (used && token() === used) { forget(); return request(path, options); }
    throw new LoggedOut();
  }

  let calls = 0;
  async function call(method, ...params) {
    calls += 1;
    const message = JSON.stringify({ msg: 'method', id: String(calls), method, params });
    const answer = await request(`method.call/${encodeURIComponent(method.replace(/\//g, ':'))}`, {
      method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ message }),
    });
    const body = await answer.json().catch(() => ({}));
    if (typeof body.message !== 'string') throw new Refused({ error: body.errorType, reason: body.error || body.title }, answer.status);
    const inner = JSON.parse(body.message);
    if (inner.error) throw new Refused(inner.error, answer.status);
    return inner.result;
  }

  // ---- small pieces of page ----

  function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
      else if (value !== undefined && value !== false) made.setAttribute(name, value === true ? '' : value);
    }
    made.append(...children.filter((child) => child !== undefined && child !== null));
    return made;
  }

  const millis = (date) => (date && typeof date === 'object' ? date.$date : Date.parse(date));
  const clock = (at, options) => new Date(at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', ...options });
  const day = (at) => new Date(at).toLocaleDateString([], { weekday: 'long', month: 'long', day: 'numeric' });
  const newId = () => Array.from(crypto.getRandomValues(new Uint8Array(17)), (byte) => '23456789ABCDEFGHJKLMNPQRSTWXYZabcdefghijkmnopqrstuvwxyz'[byte % 55]).join('');

  // Text with links and mentions; built from nodes, so nothing that people write becomes markup.
  function rich(text) {
    const pieces = [];
    for (const piece of text.split(/(https?:\/\/[^\s<>"]+|(?<![\w@])@[\w.-]*\w)/g)) {
      if (/^https?:\/\//.test(piece)) pieces.push(element('a', { href: piece, target: '_blank', rel: 'noopener noreferrer' }, piece));
      else if (/^@\w/.test(piece)) pieces.push(element('span', { class: 'mention' }, piece));
      else if (piece) pieces.push(piece);
    }
    return pieces;
  }

  // The mark before a room's name: drawn for groups, because not every machine has a letter with a lock on it.
  function sign(kind) {
    if (kind !== 'p') return element('span', { class: 'sign' }, kind === 'd' ? '@' : '#');
    const lock = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    lock.setAttribute('viewBox', '0 0 16 16');
    lock.setAttribute('class', 'sign');
    const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
    path.setAttribute('d', 'M5 7V5a3 3 0 0 1 6 0v2h1v7H4V7zm1.5 0h3V5a1.5 1.5 0 0 0-3 0z');
    lock.append(path);
    return lock;
  }

  const local = (path) => (path && path.startsWith('/') ? base + path : path);

  function attachments(message) {
    return (message.attachments || []).map((one) => element('div', { class: 'attachment' },
      one.title ? element('a', { href: local(one.title_link) || '#', target: '_blank', rel: 'noopener' }, one.title) : null,
      one.image_url ? element('img', { src: local(one.image_url), alt: one.title || '', loading: 'lazy' }) : null));
  }

  const SYSTEM = { uj: 'has joined the channel', ul: 'has left the channel', au: 'was added' };

  function drawn(message, previous) {
    const at = millis(message.ts);
    if (message.t) return element('li', { class: 'message system', 'data-id': message._id }, element('b', {}, message.u.username), ` ${SYSTEM[message.t] || message.t}`);
    const follows = previous && !previous.t && previous.u.username === message.u.username && at - millis(previous.ts) < 300000;
    const text = message.msg ? element('div', { class: 'text' }, ...rich(message.msg)) : null;
    const left = follows ? element('span', { class: 'when-short' }, clock(at, { hourCycle: 'h23' })) : element('img', { class: 'face', alt: '', src: `${base}/avatar/${encodeURIComponent(message.u.username)}` });
    const head = follows ? null : element('div', { class: 'head' }, element('span', { class: 'who' }, message.u.name || message.u.username), element('span', { class: 'name' }, `@${message.u.username}`), element('time', { datetime: new Date(at).toISOString() }, clock(at)));
    return element('li', { class: `message${follows ? ' follows' : ''}${message.pending ? ' pending' : ''}${message.failed ? ' failed' : ''}`, 'data-id': message._id },
      left, element('div', {}, ...[head, text].filter(Boolean), ...attachments(message)));
  }

  // ---- a room ----

  class RoomPage {
    constructor(room) {
      this.room = room;
      this.messages = new Map();
      this.latest = 0;
      this.ended = false;
      this.live = false;
    }

    async open(subscriptions) {
      const mine = subscriptions.find((subscription) => subscription.rid === this.room._id);
      this.member = Boolean(mine);
      this.title = mine ? mine.fname || mine.name : this.room.fname || this.room.name;
      document.title = this.title;
      this.draw();
      const history = await call('loadHistory', this.room._id, null, 50, null);
      this.takeAll(history.messages.reverse());
      if (this.member) call('readMessages', this.room._id).catch(() => {});
      this.poll();
      this.connect();
    }

    draw() {
      this.state = element('span', { class: 'state', 'data-state': 'polling' }, 'connected');
      this.list = element('ol', { class: 'messages', 'aria-live': 'polite', 'aria-label': 'Messages' });
      this.foot = element('div');
      const bar = element('header', { class: 'bar' }, element('h1', {}, sign(this.room.t), ` ${this.title}`), element('p', {}, this.room.topic || ''), this.state);
      root.replaceChildren(element('main', { class: 'room' }, embedded ? null : bar, this.list, this.foot));
      this.member ? this.drawComposer() : this.drawJoin();
    }

    drawComposer() {
      const text = element('textarea', { rows: 1, placeholder: `Message ${this.title}`, 'aria-label': 'Message' });
      const send = element('button', { type: 'submit', disabled: true }, 'Send');
      const file = element('input', { type: 'file', hidden: true });
      const attach = element('button', { type: 'button', class: 'quiet', title: 'Attach a file', 'aria-label': 'Attach a file', onclick: () => file.click() }, '+');
      const fit = () => { send.disabled = !text.value.trim(); text.style.height = 'auto'; text.style.height = `${text.scrollHeight}px`; };
      const submit = (event) => { event.preventDefault(); const words = text.value.trim(); if (!words) return; text.value = ''; fit(); this.say(words); };
      text.addEventListener('input', fit);
      text.addEventListener('keydown', (event) => { if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) submit(event); });
      file.addEventListener('change', () => { if (file.files[0]) this.upload(file.files[0]); file.value = ''; });
      this.foot.replaceChildren(element('form', { class: 'composer', onsubmit: submit }, attach, file, text, send));
      if (!embedded) text.focus();
    }

    drawJoin() {
      const join = element('button', { type: 'button', onclick: async () => { await call('joinRoom', this.room._id); this.member = true; this.drawComposer(); } }, 'Join');
      this.foot.replaceChildren(element('div', { class: 'notice' }, `You are viewing ${this.title}`, join));
    }

    // Everything there is up to the newest of these: the next question begins there. What we said ourselves, or heard live,
    // does not count: others may have written before it.
    takeAll(messages) {
      for (const message of messages) this.latest = Math.max(this.latest, millis(message._updatedAt || message.ts));
      this.take(messages);
    }

    take(messages) {
      let fresh = false;
      for (const message of messages) {
        const known = this.messages.get(message._id);
        if (known && !known.pending && millis(known._updatedAt) === millis(message._updatedAt)) continue;
        this.messages.set(message._id, message);
        fresh = true;
      }
      if (fresh || !this.list.childElementCount) this.drawMessages();
    }

    drawMessages() {
      const atEnd = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < 60;
      const sorted = [...this.messages.values()].filter((message) => !message.tmid).sort((one, other) => millis(one.ts) - millis(other.ts));
      const rows = [];
      let previous;
      for (const message of sorted) {
        if (!previous || day(millis(previous.ts)) !== day(millis(message.ts))) { rows.push(element('li', { class: 'day' }, day(millis(message.ts)))); previous = undefined; }
        rows.push(drawn(message, previous));
        previous = message;
      }
      if (!rows.length) rows.push(element('li', { class: 'empty' }, 'No messages yet. Say hello!'));
      this.list.replaceChildren(...rows);
      if (atEnd || this.mine) { this.list.scrollTop = this.list.scrollHeight; this.mine = false; }
    }

    async say(msg) {
      const message = { _id: newId(), rid: this.room._id, msg };
      const shown = { ...message, ts: { $date: Date.now() }, u: this.self || { username: 'me' }, pending: true };
      this.messages.set(message._id, shown);
      this.mine = true;
      this.drawMessages();
      try {
        this.take([await call('sendMessage', message)]);
      } catch (error) {
        if (error instanceof LoggedOut) return this.end();
        this.messages.set(message._id, { ...shown, pending: false, failed: true, msg: `${msg}\n(not sent: ${error.message})` });
        this.drawMessages();
      }
    }

    async upload(file) {
      try {
        const form = new FormData();
        form.append('file', file);
        const answer = await request(`rooms.media/${this.room._id}`, { method: 'POST', body: form });
        const body = await answer.json();
        if (!body.success) throw new Refused(body, answer.status);
        const confirmed = await request(`rooms.mediaConfirm/${this.room._id}/${body.file._id}`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{}' });
        const { message } = await confirmed.json();
        this.mine = true;
        if (message) this.take([message]);
      } catch (error) {
        if (error instanceof LoggedOut) this.end();
      }
    }

    // Asks for what is new, one call after the other, unless messages come live.
    async poll() {
      let wait = POLL_MS;
      if (!this.live && !this.ended) {
        try {
          const fresh = await call('loadMissedMessages', this.room._id, { $date: Math.max(this.latest - 1, 0) });
          this.takeAll(fresh || []);
          this.show('polling', 'connected');
        } catch (error) {
          if (error instanceof LoggedOut) return this.end();
          wait = (error.details && error.details.timeToReset) || POLL_MS * 3;
          this.show('waiting', 'reconnecting…');
        }
      }
      if (!this.ended) setTimeout(() => this.poll(), wait);
    }

    connect(attempt = 0) {
      if (!token() || this.ended) return;
      const socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${base}/websocket`);
      const send = (message) => socket.send(JSON.stringify(message));
      let refused = false;
      socket.onopen = () => send({ msg: 'connect', version: '1', support: ['1', 'pre2', 'pre1'] });
      socket.onmessage = ({ data }) => {
        const message = JSON.parse(data);
        if (message.msg === 'ping') send({ msg: 'pong', id: message.id });
        if (message.msg === 'connected') send({ msg: 'method', method: 'login', id: 'login', params: [{ resume: token() }] });
        if (message.msg === 'result' && message.id === 'login') {
          if (message.error) { refused = true; socket.close(); return; }
          attempt = 0;
          send({ msg: 'sub', id: 'room', name: 'stream-room-messages', params: [this.room._id, { useCollection: false, args: [] }] });
        }
        if (message.msg === 'ready' && message.subs.includes('room')) {
          this.live = true;
          this.show('live', 'live');
          call('loadMissedMessages', this.room._id, { $date: Math.max(this.latest - 1, 0) }).then((fresh) => this.takeAll(fresh || []), () => {});
        }
        if (message.msg === 'changed' && message.collection === 'stream-room-messages' && message.fields.eventName === this.room._id) this.take(message.fields.args);
      };
      socket.onclose = () => {
        this.live = false;
        if (!refused && !this.ended) setTimeout(() => this.connect(attempt + 1), Math.min(30000, 1000 * 2 ** attempt));
      };
    }

    show(state, words) {
      this.state.dataset.state = state;
      this.state.textContent = words;
    }

    end() {
      this.ended = true;
      this.show('ended', 'ended');
      this.foot.replaceChildren(element('div', { class: 'notice', role: 'alert' }, 'Your session has ended.'));
    }
  }

  // ---- the other pages ----

  function signInPage() {
    const problem = element('div', { role: 'alert' });
    const field = (name, type, autocomplete) => element('input', { name, type, autocomplete, required: true });
    const user = field('usernameOrEmail', 'text', 'username');
    const password = field('password', 'password', 'current-password');
    const submit = async (event) => {
      event.preventDefault();
      const answer = await fetch(`${base}/api/v1/login`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ user: user.value, password: password.value }) });
      const body = await answer.json().catch(() => ({}));
      if (!answer.ok || !body.data) { problem.textContent = body.message || body.error || 'That did not work.'; return; }
      store('Meteor.userId', body.data.userId);
      store('Meteor.loginToken', body.data.authToken);
      showCookies();
      location.reload();
    };
    root.replaceChildren(element('main', { class: 'page' }, element('h1', {}, 'Sign in to the workspace'), element('p', {}, 'This is a Rocket.Chat lookalike for tests and demos.'),
      element('form', { class: 'sign-in rcx-login-form', onsubmit: submit }, element('label', {}, 'Email or username', user), element('label', {}, 'Password', password), problem, element('button', { type: 'submit' }, 'Login'))));
  }

  function textPage(title, words) {
    root.replaceChildren(element('main', { class: 'page' }, element('h1', {}, title), element('p', {}, words)));
  }

  const KINDS = { channel: 'c', group: 'p', direct: 'd' };
  const PATHS = { c: 'channel', p: 'group', d: 'direct' };

  function homePage(subscriptions) {
    const rooms = subscriptions.map((one) => element('li', {}, element('a', { href: `${base}/${PATHS[one.t]}/${encodeURIComponent(one.name)}${location.search}` },
      sign(one.t), one.fname || one.name, one.unread ? element('b', {}, String(one.unread)) : null)));
    root.replaceChildren(element('main', { class: 'page' }, element('h1', {}, 'Home'), element('p', {}, rooms.length ? 'Your rooms' : 'You are in no room yet.'), element('ul', { class: 'list' }, ...rooms)));
  }

  async function start() {
    const [kind, ...rest] = location.pathname.slice(base.length).split('/').filter(Boolean).map(decodeURIComponent);
    try {
      const subscriptions = await call('subscriptions/get');
      if (!KINDS[kind] || !rest.length) return homePage(subscriptions);
      const room = await call('getRoomByTypeAndName', KINDS[kind], rest[0]);
      const page = new RoomPage(room);
      page.self = subscriptions.length ? subscriptions[0].u : undefined;
      await page.open(subscriptions);
    } catch (error) {
      if (error instanceof LoggedOut) return signInPage();
      if (error.status === 429 || error.code === 'too-many-requests' || error.status >= 500) { textPage('One moment', 'The server is busy; trying again…'); setTimeout(start, 3000); return; }
      if (error instanceof Refused) return textPage('Room not found', 'It does not exist, or it is not yours to see.');
      textPage('One moment', 'The server cannot be reached; trying again…');
      setTimeout(start, 3000);
    }
  }

  showCookies();
  start();
})();
