// The DDP connection (RC §6.3): logs in by itself whenever it opens, subscribes anew, and comes back after it was lost.

/** Silence after which the far end is asked whether it is there, and then again until the connection is given up. */
const SILENCE_MS = 17500;
/** Gantry's close code: the session is over, and coming back would be in vain. */
const SESSION_ENDED = 4401;
const LONGEST_PAUSE_MS = 30000;

class Connection extends EventTarget {
  constructor() {
    super();
    this.answers = new Map();
    this.subscriptions = new Map();
    this.ids = 0;
    this.attempt = 0;
    this.loggedIn = false;
    this.over = false;
  }

  tell(name, detail) { this.dispatchEvent(new CustomEvent(name, { detail })); }
  on(name, act) { this.addEventListener(name, ({ detail }) => act(detail)); }

  open() {
    let alive = true;
    const life = {
      opened: (send, close) => {
        this.sendText = send;
        this.closeSocket = close;
        this.listen();
        this.send({ msg: 'connect', version: '1', support: ['1', 'pre2', 'pre1'] });
      },
      heard: (text) => { if (alive) { this.listen(); this.hear(JSON.parse(text)); } },
      closed: (code) => { if (alive) { alive = false; this.lost(code); } },
    };
    this.tell('state', 'connecting');
    openTransport(life);
  }

  send(message) { this.sendText(JSON.stringify(message)); }

  listen() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.send({ msg: 'ping' });
      this.timer = setTimeout(() => this.closeSocket(), SILENCE_MS);
    }, SILENCE_MS);
  }

  hear(message) {
    switch (message.msg) {
      case 'connected': this.connected = true; this.resume(); break;
      case 'ping': this.send(message.id === undefined ? { msg: 'pong' } : { msg: 'pong', id: message.id }); break;
      case 'result': this.answer(message); break;
      case 'changed': this.tell(message.collection, message.fields); break;
      case 'ready': message.subs.forEach((id) => this.subscriptions.get(id)?.ready?.()); break;
      default:
    }
  }

  answer({ id, result, error }) {
    const asked = this.answers.get(id);
    this.answers.delete(id);
    if (error) asked?.reject(new Refused(error)); else asked?.resolve(result);
  }

  /** One of the methods that stay on the socket. */
  method(method, ...params) {
    if (!this.connected) return Promise.reject(new Error('there is no connection'));
    this.ids += 1;
    const id = String(this.ids);
    return new Promise((resolve, reject) => {
      this.answers.set(id, { resolve, reject });
      this.send({ msg: 'method', method, id, params });
    });
  }

  /** Logs in with the stored token, if there is one. */
  async resume() {
    const used = Token.value();
    if (!used || this.over) return;
    // Meteor looks at the expiry again when it comes back, and rather logs out than resumes a token that ends soon.
    if (this.resumed && Token.endsTooSoon()) {
      Token.forget();
      this.tell('loginFailed', null);
      return;
    }
    try {
      const login = await this.method('login', { resume: used });
      Token.keep(login);
      this.attempt = 0;
      this.loggedIn = true;
      this.resumed = true;
      this.subscriptions.forEach((subscription, id) => this.send({ msg: 'sub', id, ...subscription.wanted }));
      this.tell('state', 'live');
      this.tell('login', login);
    } catch (error) {
      if (!(error instanceof Refused)) return;
      // Too many at once says nothing about the token.
      if (error.passing) { this.closeSocket(); return; }
      if (Token.value() === used) Token.forget();
      this.loggedIn = false;
      this.tell('loginFailed', error);
    }
  }

  /** A subscription that outlives the socket. */
  subscribe(name, event, options = {}, ready = undefined) {
    this.ids += 1;
    const id = `s${this.ids}`;
    const wanted = { name, params: [event, { useCollection: false, args: [], ...options }] };
    this.subscriptions.set(id, { wanted, ready });
    if (this.loggedIn) this.send({ msg: 'sub', id, ...wanted });
    return () => {
      this.subscriptions.delete(id);
      if (this.loggedIn) this.send({ msg: 'unsub', id });
    };
  }

  /** The stored token is gone: Meteor then logs out at the server as well. */
  logOut() {
    this.loggedIn = false;
    this.subscriptions.clear();
    return this.method('logout').catch(() => {});
  }

  lost(code) {
    clearTimeout(this.timer);
    this.connected = false;
    this.loggedIn = false;
    this.answers.forEach(({ reject }) => reject(new Error('the connection was lost')));
    this.answers.clear();
    if (code === SESSION_ENDED) { this.end(); return; }
    if (this.over) return;
    this.tell('state', 'waiting');
    const pause = Math.min(LONGEST_PAUSE_MS, 500 * 2 ** this.attempt) * (0.5 + Math.random() / 2);
    this.attempt += 1;
    setTimeout(() => { if (!this.over) this.open(); }, pause);
  }

  /** Over for good: nothing is kept, nothing is tried again. */
  end() {
    if (this.over) return;
    this.over = true;
    Token.forget();
    this.tell('state', 'ended');
  }
}

const connection = new Connection();
