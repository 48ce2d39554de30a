// The host application's page. It knows its own back end, the frame, and a live line to Gantry; no JWT and no Rocket.Chat token.

import { Chat } from './chat.js';
import { drawBehind, drawBrowser, drawEnd, drawLive, fact, light } from './behind.js';
import { at, element, portrait } from './element.js';
import { Rooms } from './rooms.js';

/** What the back end knows is asked for so often; what the live line tells comes at once. */
const EVERY_MS = 3000;
const WIDE = matchMedia('(min-width: 1080px)');

let over = false;
let live = false;
let chat = null;
/** Gantry's own module at work. The cookie that it shares with us tells it who this is, so it is given no JWT. */
let gantry = null;
let unread = 0;
let name = '';
let timer;

const rooms = new Rooms(openRoom);

function openRoom({ key, name: room, path }) {
  if (over) return;
  rooms.choose(key);
  at('empty').hidden = true;
  const frame = at('room');
  frame.hidden = false;
  frame.title = `Chat: ${room}`;
  gantry.open(frame, path).catch(() => light('gantry', false));
}

async function meet({ url }) {
  if (gantry) return;
  const { Gantry } = await import(`${url}/_gantry/gantry.js`);
  gantry = new Gantry({ url });
  gantry.addEventListener('unread-changed', ({ detail }) => { unread = Number(detail) || 0; drawTitle(); });
}

// ---- the live line ----

function listen(state) {
  if (chat || !state.rocketchat.user) return;
  chat = new Chat(state.chat.socket, state.rocketchat.user);
  chat.addEventListener('live', ({ detail }) => { live = detail; drawLive(live); document.body.dataset.live = String(live); });
  // A room that the list does not know yet: the back end does.
  chat.addEventListener('unread', ({ detail }) => { if (!rooms.unread(detail)) look(); });
  chat.addEventListener('presence', ({ detail }) => rooms.presence(detail));
  chat.addEventListener('ended', ended);
}

/** What the back end says of this login; read to its end whatever the status, or the browser would keep the answer waiting. */
async function ask() {
  const answer = await fetch('/app/state', { headers: { Accept: 'application/json' } });
  return { status: answer.status, state: await answer.json() };
}

/** Gantry closed the line because the session is over: whose doing was it? */
async function ended() {
  if (over) return;
  const closed = fact(true, 'Gantry closed this page’s connection at once');
  const told = await ask().catch(() => null);
  if (over) return;
  if (told?.status === 401) end('You are logged out', [fact(true, 'The host application ended your session'), closed]);
  else end('Your chat session has ended', [closed]);
}

// ---- the end ----

function end(title, facts, tokensLeft) {
  over = true;
  clearTimeout(timer);
  chat?.close();
  gantry?.close();
  document.body.classList.add('ended');
  at('over-title').textContent = title;
  at('over-facts').replaceChildren(...facts);
  at('over').hidden = false;
  at('logout').hidden = true;
  rooms.disable();
  drawEnd(tokensLeft);
  // Asked once more, without a login: what the browser still sends.
  ask().then(({ state }) => drawBrowser(state.browser), () => {});
}

async function logOut() {
  at('logout').disabled = true;
  over = true;
  let told;
  try {
    const answer = await fetch('/app/logout', { method: 'POST' });
    told = await answer.json();
  } catch {
    over = false;
    at('logout').disabled = false;
    return;
  }
  if (!told.gantry) { end('You are logged out', []); return; }
  const refused = told.oldJwtStatus === 401;
  end('You are logged out', [
    fact(Boolean(told.gantry.ok), told.gantry.ok ? 'Gantry ended the session' : `Gantry did not end the session: ${told.gantry.trouble.title}`),
    fact(refused, refused ? 'The old JWT is refused from now on (401)' : `The old JWT was answered ${told.oldJwtStatus ?? 'not at all'}`),
    ...(told.tokenForgotten == null ? [] : [fact(told.tokenForgotten, told.tokenForgotten ? 'Rocket.Chat has forgotten the token' : 'Rocket.Chat has not been told yet; Gantry keeps trying')]),
  ], told.tokensLeft);
}

// ---- going ----

async function look() {
  clearTimeout(timer);
  if (over) return;
  try {
    const { status, state } = await ask();
    if (over) return;
    if (status === 401) { end('You are logged out', [fact(true, 'The host application ended your session')]); return; }
    drawMe(state.person);
    await meet(state.chat);
    rooms.take(state);
    listen(state);
    await drawBehind(state, live);
    if (!rooms.chosen && rooms.first() && WIDE.matches) { const first = rooms.first(); openRoom({ key: first.id, ...first }); }
  } catch {
    light('host', false);
  }
  clearTimeout(timer);
  if (!over) timer = setTimeout(look, EVERY_MS);
}

function drawMe(person) {
  at('me').replaceChildren(portrait(person), element('span', { class: 'me-name' }, person.name));
  ({ name } = person);
  drawTitle();
}

function drawTitle() { document.title = `${unread ? `(${unread}) ` : ''}${name} · Fernway`; }

function showPanel(open) {
  document.body.classList.toggle('panel-open', open);
  at('panel-toggle').setAttribute('aria-expanded', String(open));
}

at('logout').addEventListener('click', logOut);
at('panel-toggle').addEventListener('click', () => showPanel(!document.body.classList.contains('panel-open')));
showPanel(WIDE.matches);
WIDE.addEventListener('change', () => showPanel(WIDE.matches));
look();
