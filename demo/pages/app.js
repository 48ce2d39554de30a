// The host application's page. It knows its own back end and the frame, no JWT and no Rocket.Chat token.
'use strict';
(() => {
  const EVERY_MS = 3000;
  const WIDE = matchMedia('(min-width: 1080px)');
  const SIGNS = { c: '#', p: '◆', d: '@' };
  const at = (id) => document.getElementById(id);

  let chosen = null;
  let over = false;
  let tokens = [];

  function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== null && value !== false) made.setAttribute(name, value === true ? '' : value);
    }
    made.append(...children);
    return made;
  }

  // ---- rooms ----

  function drawRooms(rooms) {
    if (rooms.trouble) {
      at('rooms').replaceChildren(element('li', { class: 'soft waiting' }, `No rooms: ${rooms.trouble.title}`));
      return;
    }
    const list = rooms.ok.map((room) => {
      const open = chosen === room.id;
      const button = element('button', { type: 'button', 'aria-current': open ? 'page' : null, 'data-room': room.name },
        element('span', { class: 'sign', 'aria-hidden': 'true' }, SIGNS[room.kind] || '·'),
        element('span', { class: 'room-name' }, room.name));
      if (room.unread && !open) button.append(element('b', { class: 'unread', 'aria-label': `${room.unread} unread` }, String(room.unread)));
      button.addEventListener('click', () => { open_(room); drawRooms(rooms); });
      return element('li', {}, button);
    });
    // Redrawing takes the focus from a button that is in use; it gets it back.
    const focused = document.activeElement?.dataset?.room;
    at('rooms').replaceChildren(...(list.length ? list : [element('li', { class: 'soft waiting' }, 'You are in no room yet.')]));
    if (focused) at('rooms').querySelector(`[data-room="${CSS.escape(focused)}"]`)?.focus();
    if (!chosen && rooms.ok.length && WIDE.matches) { open_(rooms.ok[0]); drawRooms(rooms); }
  }

  function open_(room) {
    if (over) return;
    chosen = room.id;
    at('empty').hidden = true;
    const frame = at('room');
    frame.hidden = false;
    frame.title = `Chat room ${room.name}`;
    if (frame.src !== room.url) frame.src = room.url;
  }

  // ---- behind the scenes ----

  const pair = (name, value, note) => element('div', {}, element('dt', {}, name), element('dd', note ? { title: note } : {}, value));
  const fact = (good, text) => element('li', { class: good ? 'good' : 'bad' }, text);
  const light = (part, good) => { at(`dot-${part}`).className = good === null ? 'dot' : `dot ${good ? 'good' : 'bad'}`; };
  const short = (text) => (text.length > 14 ? `${text.slice(0, 12)}…` : text);
  const moment = (value) => { const date = new Date(value); return Number.isNaN(date.getTime()) ? String(value) : date.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' }); };

  function drawHost(state) {
    const left = Math.max(0, state.host.jwtExpires - state.host.now);
    light('host', true);
    at('host').replaceChildren(
      pair('you are', state.person.name),
      pair('host session', short(state.host.sid), state.host.sid),
      pair('JWT good for', `${Math.floor(left / 60)} min ${String(left % 60).padStart(2, '0')} s`, 'Renewed at half of its life'));
  }

  function drawGantry(gantry) {
    light('gantry', Boolean(gantry.ok));
    at('gantry').replaceChildren(...(gantry.ok
      ? [pair('session of', gantry.ok.username), pair('until', moment(gantry.ok.expiresAt), 'Each newer JWT extends it')]
      : [pair('session', 'none'), pair('it says', gantry.trouble.title)]));
  }

  function drawRocketChat(state) {
    light('rocketchat', state.rocketchat.user ? true : null);
    at('rocketchat').replaceChildren(
      pair('user', state.rocketchat.user ? state.person.username : 'not there yet'),
      pair('user id', state.rocketchat.user ? short(state.rocketchat.user) : '–', state.rocketchat.user),
      pair('live tokens', tokens.length ? `${tokens.length}, held by Gantry` : 'none', 'One for each browser you are logged in with'));
  }

  // Everything that a script of this page can read. Cookies ignore ports, so the frame's are among them.
  function readable() {
    const cookies = document.cookie.split(';').map((one) => one.trim()).filter(Boolean);
    const stores = [localStorage, sessionStorage].flatMap((store) => Object.keys(store).map((key) => [key, store.getItem(key)]));
    return { cookies, stores, values: [...cookies.map((one) => one.slice(one.indexOf('=') + 1)), ...stores.map(([, value]) => value)] };
  }

  async function fingerprint(text) {
    const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
    return btoa(String.fromCharCode(...new Uint8Array(digest)));
  }

  async function drawBrowser(sent) {
    const found = readable();
    const prints = await Promise.all(found.values.map(fingerprint));
    const leaked = prints.some((print) => tokens.includes(print));
    const clean = !leaked && !sent.tokenSent;
    light('browser', clean);
    at('browser').replaceChildren(
      fact(clean, clean ? 'No Rocket.Chat token in this browser' : 'A Rocket.Chat token is in this browser!'),
      fact(!sent.tokenSent, `Cookies it sends: ${sent.cookies.join(', ') || 'none'}`),
      fact(!leaked, `Cookies scripts can read: ${found.cookies.length || 'none'}`),
      fact(!leaked, `Values in script storage: ${found.stores.length || 'none'}`));
    document.body.dataset.token = clean ? 'none' : 'found';
  }

  function drawMe(person) {
    at('me').replaceChildren(element('span', { class: `face face-${person.number}`, 'aria-hidden': 'true' }, person.initial), element('span', { class: 'me-name' }, person.name));
    document.title = `${person.name} · Fernway`;
  }

  // ---- the end ----

  function end(title, facts) {
    over = true;
    document.body.classList.add('ended');
    at('over-title').textContent = title;
    at('over-facts').replaceChildren(...facts);
    at('over').hidden = false;
    at('logout').hidden = true;
    at('rooms').querySelectorAll('button').forEach((button) => { button.disabled = true; });
    for (const part of ['host', 'gantry', 'rocketchat']) light(part, null);
    at('host').replaceChildren(pair('you are', 'logged out'));
    at('gantry').replaceChildren(pair('session', 'ended'));
    // Asked once more, without a login: what the browser still sends.
    fetch('/app/state').then((answer) => answer.json()).then((state) => drawBrowser(state.browser), () => {});
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
      fact(told.tokenForgotten, told.tokenForgotten ? 'Rocket.Chat has forgotten the token' : 'Rocket.Chat has not been told yet; Gantry keeps trying'),
    ]);
    at('rocketchat').replaceChildren(pair('live tokens', told.tokensLeft ? `${told.tokensLeft}, of your other browsers` : 'none'));
  }

  // ---- going ----

  async function look() {
    if (over) return;
    try {
      const answer = await fetch('/app/state', { headers: { Accept: 'application/json' } });
      if (over) return;
      if (answer.status === 401) { end('You are logged out', [fact(true, 'The host application ended your session')]); return; }
      const state = await answer.json();
      tokens = state.rocketchat.tokens;
      drawMe(state.person);
      drawRooms(state.rooms);
      drawHost(state);
      drawGantry(state.gantry);
      drawRocketChat(state);
      await drawBrowser(state.browser);
    } catch {
      light('host', false);
    }
    setTimeout(look, EVERY_MS);
  }

  function showPanel(open) {
    document.body.classList.toggle('panel-open', open);
    at('panel-toggle').setAttribute('aria-expanded', String(open));
  }

  at('logout').addEventListener('click', logOut);
  at('panel-toggle').addEventListener('click', () => showPanel(!document.body.classList.contains('panel-open')));
  showPanel(WIDE.matches);
  WIDE.addEventListener('change', () => showPanel(WIDE.matches));
  look();
})();
