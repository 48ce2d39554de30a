// The people of a room with their presence, and who of them is typing.

const STATUSES = ['offline', 'online', 'away', 'busy'];
const FAMILIES = { c: 'channels', p: 'groups', d: 'im' };
/** So many people are shown and watched; a room may have thousands. */
const SHOWN = 12;
/** How long somebody counts as typing after the last key. */
const TYPING_MS = 4000;

class People {
  constructor(room, self) {
    this.room = room;
    this.self = self;
    this.byId = new Map();
    this.typing = new Map();
    this.list = element('ul', { class: 'people', 'aria-label': 'People in this room' });
    this.note = element('p', { class: 'typing', 'aria-live': 'polite' });
  }

  async open() {
    this.activity = `${this.room._id}/user-activity`;
    connection.subscribe('stream-notify-room', this.activity);
    connection.on('stream-notify-room', ({ eventName, args }) => { if (eventName === this.activity) this.typed(args); });
    connection.on('stream-user-presence', ({ eventName, args: [[, status, text]] }) => this.see(eventName, STATUSES[status], text));
    await this.load();
  }

  async load() {
    const { members, total } = await read(`${FAMILIES[this.room.t]}.members?roomId=${encodeURIComponent(this.room._id)}&count=${SHOWN}`);
    this.more = total - members.length;
    const fresh = members.filter((member) => !this.byId.has(member._id));
    members.forEach((member) => { this.byId.set(member._id, { ...this.byId.get(member._id), ...member }); });
    if (fresh.length) connection.subscribe('stream-user-presence', '', { added: fresh.map((member) => member._id) });
    // Asked for after the watch has begun, so that no change falls between.
    const { users } = await read(`users.presence?ids=${encodeURIComponent([...this.byId.keys()].join(','))}`);
    users.forEach((user) => this.see(user._id, user.status, user.statusText));
  }

  /** Somebody new has come in. */
  async entered() { await this.load().catch(() => {}); }

  see(id, status, text) {
    const person = this.byId.get(id);
    if (!person) return;
    Object.assign(person, { status, statusText: text });
    this.draw();
  }

  draw() {
    const order = (person) => `${person.status === 'offline' ? 1 : 0}${person.username}`;
    const sorted = [...this.byId.values()].sort((one, other) => order(one).localeCompare(order(other)));
    const faces = sorted.map((person) => element('li', { 'data-user': person.username, 'data-status': person.status, title: [person.name, person.status, person.statusText].filter(Boolean).join(' · ') },
      face(person.username), element('span', { class: 'dot' }), element('span', { class: 'short-name' }, (person.name || person.username).split(' ')[0]), element('span', { class: 'unseen' }, `, ${person.status}`)));
    if (this.more > 0) faces.push(element('li', { class: 'more' }, `+${this.more}`));
    this.list.replaceChildren(...faces);
  }

  typed([username, activities]) {
    if (username === this.self?.username) return;
    clearTimeout(this.typing.get(username));
    this.typing.delete(username);
    if ((activities || []).includes('user-typing')) {
      this.typing.set(username, setTimeout(() => { this.typing.delete(username); this.drawTyping(); }, TYPING_MS));
    }
    this.drawTyping();
  }

  drawTyping() {
    const names = [...this.typing.keys()];
    this.note.textContent = names.length ? `${names.join(', ')} ${names.length > 1 ? 'are' : 'is'} typing…` : '';
  }

  /** Tells the others; at most once a second. */
  tellTyping(on) {
    const now = Date.now();
    if (!this.self || (on && now - (this.told || 0) < 1000)) return;
    this.told = on ? now : 0;
    connection.method('stream-notify-room', this.activity, this.self.username, on ? ['user-typing'] : [], {}).catch(() => {});
  }
}

/** Says whether somebody is looking at this page: away when it is hidden, or untouched for five minutes. */
function keepPresence() {
  const IDLE_MS = 300000;
  let said;
  let timer;
  const say = (status) => {
    if (said === status || !connection.loggedIn) return;
    said = status;
    connection.method(`UserPresence:${status}`).catch(() => {});
  };
  const touched = () => {
    clearTimeout(timer);
    if (document.hidden) { say('away'); return; }
    say('online');
    timer = setTimeout(() => say('away'), IDLE_MS);
  };
  connection.on('login', () => { said = 'online'; touched(); });
  for (const event of ['visibilitychange', 'keydown', 'pointerdown', 'pointermove']) document.addEventListener(event, touched, { passive: true });
}
