// A room: its history, what is said live, and the place to write.

class RoomPage {
  constructor(room, self) {
    this.room = room;
    this.self = self;
    this.messages = new Map();
    this.latest = 0;
    this.people = new People(room, self);
  }

  async open() {
    // A direct room is made by being looked up, so its subscription may be younger than our list.
    if (!subscriptions.of(this.room._id)) await subscriptions.load();
    const mine = subscriptions.of(this.room._id);
    this.member = Boolean(mine);
    this.title = mine ? mine.fname || mine.name : this.room.fname || this.room.name;
    subscriptions.title = this.title;
    this.draw();
    connection.on('state', (state) => this.show(state));
    connection.on('stream-room-messages', ({ eventName, args }) => { if (eventName === this.room._id) this.hear(args); });
    const history = await call('loadHistory', this.room._id, null, 50, null);
    this.takeAll(history.messages.reverse());
    connection.subscribe('stream-room-messages', this.room._id, {}, () => this.catchUp());
    this.read();
    document.addEventListener('visibilitychange', () => this.read());
    this.people.open().catch(() => {});
    tellParent('room-opened', { ...this.room });
  }

  draw() {
    this.state = element('span', { class: 'state', role: 'status' });
    this.list = element('ol', { class: 'messages', 'aria-live': 'polite', 'aria-label': 'Messages' });
    this.foot = element('div');
    const home = element('a', { class: 'back', href: `${base}/home`, 'aria-label': 'Home' }, '‹');
    const bar = element('header', { class: 'bar' }, home, element('h1', {}, sign(this.room.t), ` ${this.title}`), element('p', {}, this.room.topic || ''));
    const strip = element('div', { class: 'strip' }, this.people.list, this.state);
    root.replaceChildren(element('main', { class: 'room' }, embedded ? null : bar, strip, this.list, this.people.note, this.foot));
    this.show('live');
    if (this.member) this.drawComposer(); else this.drawJoin();
  }

  drawComposer() {
    const text = element('textarea', { rows: 1, placeholder: `Message ${this.title}`, 'aria-label': 'Message' });
    const send = element('button', { type: 'submit', disabled: true }, 'Send');
    const file = element('input', { type: 'file', hidden: true });
    const attach = element('button', { type: 'button', class: 'quiet', title: 'Attach a file', 'aria-label': 'Attach a file', onclick: () => file.click() }, '+');
    const fit = () => { send.disabled = !text.value.trim(); text.style.height = 'auto'; text.style.height = `${text.scrollHeight}px`; };
    const submit = (event) => {
      event.preventDefault();
      const words = text.value.trim();
      if (!words) return;
      text.value = '';
      fit();
      this.people.tellTyping(false);
      this.say(words);
    };
    text.addEventListener('input', () => { fit(); this.people.tellTyping(true); });
    text.addEventListener('keydown', (event) => { if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) submit(event); });
    file.addEventListener('change', () => { if (file.files[0]) this.upload(file.files[0]); file.value = ''; });
    this.foot.replaceChildren(element('form', { class: 'composer', onsubmit: submit }, attach, file, text, send));
    if (!embedded) text.focus();
  }

  drawJoin() {
    const join = element('button', { type: 'button', onclick: async () => { await call('joinRoom', this.room._id); this.member = true; this.drawComposer(); } }, 'Join');
    this.foot.replaceChildren(element('div', { class: 'notice' }, `You are viewing ${this.title}`, join));
  }

  // Everything there is up to the newest of these: after a lost connection the next question begins there. What we said
  // ourselves, or heard live, does not count: others may have written before it.
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

  hear(messages) {
    this.take(messages.map((message) => ({ ...message, by: 'socket' })));
    for (const message of messages) {
      tellParent('new-message', message);
      if (message.t === 'uj') this.people.entered();
      else this.people.typed([message.u.username]);
    }
    if (messages.some((message) => message.u._id !== this.self?._id)) this.read();
  }

  /** What was said between the history, or the loss of the last connection, and now. */
  async catchUp() {
    const missed = await call('loadMissedMessages', this.room._id, { $date: Math.max(this.latest - 1, 0) }).catch(() => []);
    this.takeAll(missed || []);
  }

  read() {
    if (!document.hidden && this.member && !connection.over) call('readMessages', this.room._id).catch(() => {});
  }

  drawMessages() {
    const atEnd = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < 60;
    this.list.replaceChildren(...rows(this.messages.values()));
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
      this.messages.set(message._id, { ...shown, pending: false, failed: true, msg: `${msg}\n(not sent: ${error instanceof LoggedOut ? 'you are logged out' : error.message})` });
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
      this.state.textContent = `${file.name} was not sent`;
    }
  }

  show(state) {
    this.state.dataset.state = state;
    this.state.textContent = { live: 'live', ended: 'ended' }[state] || 'reconnecting…';
    if (state === 'ended') this.foot.replaceChildren(element('div', { class: 'notice ended', role: 'alert' }, element('b', {}, 'Your session has ended'), element('span', {}, 'Log in again to go on. Nothing you wrote is lost.')));
  }
}
