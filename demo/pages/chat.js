// The page's own live line to Rocket.Chat, through Gantry: unread counts, presence, and the end of the session at once. Rooms are shown
// by Gantry's module; this is what a page does that wants to know more than a frame tells.
//
// It holds no token of any kind. The browser sends the host's cookie with the handshake, Gantry knows from it who this is, and logs
// the line in when it first needs to be.

const STATUSES = ['offline', 'online', 'away', 'busy'];
/** Gantry's close code for "the session is over". */
const SESSION_ENDED = 4401;
const LONGEST_PAUSE_MS = 15000;

/** Events: `live` (detail: whether the line is open), `unread` (a subscription of Rocket.Chat), `presence` ({username, status}), `ended`. */
export class Chat extends EventTarget {
  constructor(url, userId) {
    super();
    this.url = url;
    this.userId = userId;
    this.attempt = 0;
    this.open();
  }

  tell(name, detail) { this.dispatchEvent(new CustomEvent(name, { detail })); }

  open() {
    this.socket = new WebSocket(this.url);
    const send = (message) => this.socket.send(JSON.stringify(message));
    const subscribe = (id, name, event) => send({ msg: 'sub', id, name, params: [event, { useCollection: false, args: [] }] });
    this.socket.onopen = () => send({ msg: 'connect', version: '1', support: ['1'] });
    this.socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.msg === 'ping') send(message.id === undefined ? { msg: 'pong' } : { msg: 'pong', id: message.id });
      if (message.msg === 'connected') {
        subscribe('unread', 'stream-notify-user', `${this.userId}/subscriptions-changed`);
        subscribe('presence', 'stream-notify-logged', 'user-status');
      }
      if (message.msg === 'ready') { this.attempt = 0; this.tell('live', true); }
      if (message.msg === 'changed') this.hear(message.collection, message.fields);
    };
    this.socket.onclose = ({ code }) => {
      this.tell('live', false);
      if (code === SESSION_ENDED) { this.tell('ended'); return; }
      if (this.closed) return;
      const pause = Math.min(LONGEST_PAUSE_MS, 500 * 2 ** this.attempt) * (0.5 + Math.random() / 2);
      this.attempt += 1;
      setTimeout(() => { if (!this.closed) this.open(); }, pause);
    };
  }

  hear(collection, { eventName, args }) {
    if (collection === 'stream-notify-user' && eventName === `${this.userId}/subscriptions-changed`) this.tell('unread', args[1]);
    if (collection === 'stream-notify-logged' && eventName === 'user-status') {
      for (const [, username, status] of args) this.tell('presence', { username, status: STATUSES[status] });
    }
  }

  close() {
    this.closed = true;
    this.socket.close();
  }
}
