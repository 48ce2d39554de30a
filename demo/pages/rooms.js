// The list at the left: the person's rooms with what is unread in each, and the other people with their presence.

import { at, element, portrait } from './element.js';

const SIGNS = { c: '#', p: '◆' };

/** `open` is called with `{key, name, url}` of what was chosen. */
export class Rooms {
  constructor(open) {
    this.open = open;
    this.rooms = [];
    this.people = [];
    this.chosen = null;
    this.disabled = false;
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
  }

  first() { return this.rooms.length ? this.rooms[0] : null; }

  disable() {
    this.disabled = true;
    this.draw();
  }

  draw() {
    // Redrawing takes the focus from a button that is in use; it gets it back.
    const focused = document.activeElement?.dataset?.key;
    const rooms = this.rooms.map((room) => this.button(room.id, room, room.name, element('span', { class: 'sign', 'aria-hidden': 'true' }, SIGNS[room.kind] || '·')));
    at('rooms').replaceChildren(...(rooms.length ? rooms : [element('li', { class: 'soft waiting' }, 'You are in no room yet.')]));
    at('people').replaceChildren(...this.people.map((person) => this.button(`@${person.username}`, person, person.name,
      portrait(person, element('span', { class: 'presence', 'data-status': person.status })))));
    if (focused) document.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  }

  button(key, one, name, sign) {
    const open = this.chosen === key;
    const missing = one.joined === false;
    const button = element('button', {
      type: 'button', 'data-key': key, 'data-status': one.status, 'aria-current': open ? 'page' : null,
      disabled: this.disabled || missing, title: missing ? `${name} has not been here yet` : null,
    }, sign, element('span', { class: 'room-name' }, name), one.status ? element('span', { class: 'unseen' }, `, ${one.status}`) : null);
    if (one.unread && !open) button.append(element('b', { class: 'unread', 'aria-label': `${one.unread} unread` }, String(one.unread)));
    button.addEventListener('click', () => this.open({ key, name, url: one.url }));
    return element('li', {}, button);
  }
}
