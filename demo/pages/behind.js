// The panel "Behind the scenes": what the host, Gantry, Rocket.Chat and this browser have at the moment.

import { at, element } from './element.js';

/** Digests of the tokens that Rocket.Chat gave out; none when it is a real one, which tells nobody. */
let tokens = null;

const pair = (name, value, note) => element('div', {}, element('dt', {}, name), element('dd', note ? { title: note } : {}, value));
export const fact = (good, text) => element('li', { class: good ? 'good' : 'bad' }, text);
export const light = (part, good) => { at(`dot-${part}`).className = good === null ? 'dot' : `dot ${good ? 'good' : 'bad'}`; };
const short = (text) => (text.length > 14 ? `${text.slice(0, 12)}…` : text);
const moment = (value) => { const date = new Date(value); return Number.isNaN(date.getTime()) ? String(value) : date.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' }); };

export function drawBehind(state, live) {
  tokens = state.rocketchat.tokens;
  drawHost(state);
  drawGantry(state.gantry, live);
  drawRocketChat(state);
  return drawBrowser(state.browser);
}

export function drawLive(live) {
  const shown = at('gantry').querySelector('[data-live]');
  if (shown) shown.textContent = live ? 'open' : 'closed';
}

function drawHost(state) {
  const left = Math.max(0, state.host.jwtExpires - state.host.now);
  light('host', true);
  at('host').replaceChildren(
    pair('you are', state.person.name),
    pair('host session', short(state.host.sid), state.host.sid),
    pair('JWT good for', `${Math.floor(left / 60)} min ${String(left % 60).padStart(2, '0')} s`, 'Renewed at half of its life'));
}

function drawGantry(gantry, live) {
  light('gantry', Boolean(gantry.ok));
  const line = pair('live line', live ? 'open' : 'closed', 'The WebSocket of this page; the frame has one of its own');
  line.lastChild.dataset.live = '';
  at('gantry').replaceChildren(...(gantry.ok
    ? [pair('session of', gantry.ok.username), pair('until', moment(gantry.ok.expiresAt), 'Each newer JWT extends it'), line]
    : [pair('session', 'none'), pair('it says', gantry.trouble.title)]));
}

const held = () => (tokens.length ? `${tokens.length}, held by Gantry` : 'none');

function drawRocketChat(state) {
  light('rocketchat', state.rocketchat.user ? true : null);
  at('rocketchat').replaceChildren(
    pair('user', state.rocketchat.user ? state.person.username : 'not there yet'),
    pair('user id', state.rocketchat.user ? short(state.rocketchat.user) : '–', state.rocketchat.user),
    pair('live tokens', tokens ? held() : 'known to Gantry alone', 'One for each browser you are logged in with'));
}

export function drawEnd(tokensLeft) {
  for (const part of ['host', 'gantry', 'rocketchat']) light(part, null);
  at('host').replaceChildren(pair('you are', 'logged out'));
  at('gantry').replaceChildren(pair('session', 'ended'));
  const words = tokensLeft ? `${tokensLeft}, of your other browsers` : 'none';
  at('rocketchat').replaceChildren(pair('live tokens', tokensLeft == null ? 'not known here any more' : words));
}

// Everything that a script of this page can read. Cookies ignore ports, so the frame's are among them.
function readable() {
  const cookies = document.cookie.split(';').map((one) => one.trim()).filter(Boolean);
  const stores = [localStorage, sessionStorage].flatMap((store) => Object.keys(store).map((key) => [key, store.getItem(key)]));
  return { cookies, stores, values: [...cookies.map((one) => one.slice(one.indexOf('=') + 1)), ...stores.map(([, value]) => value)] };
}

// Cookies are written in URL form; what is not is looked at as it stands.
function decoded(text) { try { return decodeURIComponent(text); } catch { return text; } }

async function fingerprint(text) {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return btoa(String.fromCharCode(...new Uint8Array(digest)));
}

/** Without the tokens there is nothing to compare with: what is there is listed, and nothing claimed. */
function drawUnknown(sent, found) {
  light('browser', null);
  const names = found.cookies.map((one) => one.split('=')[0]);
  at('browser').replaceChildren(
    element('li', { class: 'unknown' }, `Cookies it sends: ${sent.cookies.join(', ') || 'none'}`),
    element('li', { class: 'unknown' }, `Cookies scripts can read: ${names.join(', ') || 'none'}`),
    element('li', { class: 'unknown' }, `Values in script storage: ${found.stores.length || 'none'}`));
  document.body.dataset.token = 'unknown';
}

export async function drawBrowser(sent) {
  const found = readable();
  if (!tokens) { drawUnknown(sent, found); return; }
  const prints = await Promise.all(found.values.map((value) => fingerprint(decoded(value))));
  const leaked = prints.some((print) => tokens.includes(print));
  const clean = !leaked && !sent.tokenSent;
  light('browser', clean);
  const names = found.cookies.map((one) => one.split('=')[0]);
  at('browser').replaceChildren(
    fact(clean, clean ? 'No Rocket.Chat token in this browser' : 'A Rocket.Chat token is in this browser!'),
    fact(!sent.tokenSent, `Cookies it sends: ${sent.cookies.join(', ') || 'none'}`),
    fact(!leaked, `Cookies scripts can read: ${names.length ? `${names.join(', ')} (with Gantry’s stand-in)` : 'none'}`),
    fact(!leaked, `Values in script storage: ${found.stores.length || 'none'}`));
  document.body.dataset.token = clean ? 'none' : 'found';
}
