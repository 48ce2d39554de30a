// The list at the left: the person's rooms with what is unread in each, and the other people with their presence.

import { at, element, portrait } from './element.js';

const SIGNS = { c: '#', p: '◆' };

/** `open` is called with `{key, name, path}` of what was chosen. */
export class Rooms {
  constructor(open) {
    this.open = open;
    this.rooms = [];
    this.people = [];
    this.chosen = null;
    this.disabled = false;
    this.items = new Map();
    this.nothing = element('li', { class: 'soft waiting' }, 'You are in no room yet.');
  }

  /** Takes what the host's back end knows; direct rooms are told by their person. */
  take({ rooms, people }) {
    if (rooms.trouble) {
      at('rooms').replaceChildren(element('li', { class: 'soft waiting' }, `No rooms: ${rooms.trouble.title}`));
      return;
    }
    this.rooms = rooms.ok.filter((room) => room.kind !== 'd');
    const direct = new Map(rooms.ok.filter((room) => room.kind === 'd').map((room) => [room.name, room]));
    this.people = people.map((person) => ({ ...person, unread: (direct.get(person.name) || direct.get(person.username))?.unread || 0 }));
    this.draw();
  }

  /** A subscription changed, as Rocket.Chat's socket tells it. */
  unread({ rid, t, name, unread }) {
    const known = t === 'd' ? this.people.find((person) => person.username === name) : this.rooms.find((room) => room.id === rid);
    if (!known || known.unread === unread) return Boolean(known);
    known.unread = unread;
    this.draw();
    return true;
  }

  presence({ username, status }) {
    const known = this.people.find((person) => person.username === username);
    if (!known) return;
    Object.assign(known, { status, joined: true });
    this.draw();
  }

  choose(key) {
    this.chosen = key;
    this.draw();
    this.items.get(key)?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }

  first() { return this.rooms.length ? this.rooms[0] : null; }

  disable() {
    this.disabled = true;
    this.draw();
  }

  // Buttons stay the same elements from drawing to drawing, or a click that is under way would be lost.
  draw() {
    const rooms = this.rooms.map((room) => this.item(room.id, room, () => element('span', { class: 'sign', 'aria-hidden': 'true' }, SIGNS[room.kind] || '·')));
    show(at('rooms'), rooms.length ? rooms : [this.nothing]);
    show(at('people'), this.people.map((person) => this.item(`@${person.username}`, person, () => portrait(person, element('span', { class: 'presence' })))));
  }

  item(key, one, sign) {
    let item = this.items.get(key);
    if (!item) {
      const count = element('b', { class: 'unread', hidden: true });
      const button = element('button', { type: 'button', 'data-key': key }, sign(), element('span', { class: 'room-name' }, one.name), element('span', { class: 'unseen' }), count);
      button.addEventListener('click', () => this.open({ key, name: one.name, path: one.path }));
      item = element('li', {}, button);
      this.items.set(key, item);
    }
    const [button] = item.children;
    const [missing, open] = [one.joined === false, this.chosen === key];
    button.disabled = this.disabled || missing;
    button.title = missing ? `${one.name} has not been here yet` : '';
    if (open) button.setAttribute('aria-current', 'page'); else button.removeAttribute('aria-current');
    if (one.status) {
      button.dataset.status = one.status;
      button.querySelector('.presence').dataset.status = one.status;
      button.querySelector('.unseen').textContent = `, ${one.status}`;
    }
    const count = button.querySelector('.unread');
    count.hidden = !one.unread || open;
    count.textContent = one.unread;
    count.setAttribute('aria-label', `${one.unread} unread`);
    return item;
  }
}

/** Puts these elements into a list, and moves none that stands where it should. */
function show(list, items) {
  if (list.children.length === items.length && items.every((item, index) => list.children[index] === item)) return;
  list.replaceChildren(...items);
}
