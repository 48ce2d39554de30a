// Where the page begins: who is logged in, and what the address asks for.

const KINDS = { channel: 'c', group: 'p', direct: 'd' };
const PATHS = { c: 'channel', p: 'group', d: 'direct' };
const TRY_AGAIN_MS = 3000;
/** The user whom the page shows; null while nobody is logged in. */
let shownFor = null;

function homePage() {
  const draw = () => {
    const rooms = subscriptions.all().map((one) => element('li', {}, element('a', { href: `${base}/${PATHS[one.t]}/${encodeURIComponent(one.t === 'd' ? one.rid : one.name)}${location.search}` },
      sign(one.t), one.fname || one.name, one.unread ? element('b', { 'aria-label': `${one.unread} unread` }, String(one.unread)) : null)));
    root.replaceChildren(element('main', { class: 'page' }, element('h1', {}, 'Home'), element('p', {}, rooms.length ? 'Your rooms' : 'You are in no room yet.'), element('ul', { class: 'list' }, ...rooms)));
  };
  draw();
  subscriptions.addEventListener('change', draw);
}

async function route() {
  const [kind, ...rest] = location.pathname.slice(base.length).split('/').filter(Boolean).map(decodeURIComponent);
  try {
    if (!KINDS[kind] || !rest.length) { homePage(); return; }
    const room = await call('getRoomByTypeAndName', KINDS[kind], rest[0]);
    const known = subscriptions.all();
    const me = known.length ? known[0].u : { _id: Token.userId() };
    await new RoomPage(room, me).open();
  } catch (error) {
    if (error instanceof LoggedOut) { loggedOut(); return; }
    if (error instanceof Refused && !error.passing) { textPage('Room not found', 'It does not exist, or it is not yours to see.'); return; }
    textPage('One moment', 'The server is busy or cannot be reached; trying again…');
    setTimeout(route, TRY_AGAIN_MS);
  }
}

/** Goes to another place of the workspace, in the layout we are in. */
function navigate(path) {
  const target = new URL(path.replace(/^\/+/, ''), `${location.origin}${base}/`);
  if (embedded) target.searchParams.set('layout', 'embedded');
  if (target.origin === location.origin) location.assign(target);
}

async function loggedIn({ id }) {
  if (shownFor === id) return;
  // Somebody else, or the same person after a logout: everything of before must go.
  if (shownFor !== null) { location.reload(); return; }
  shownFor = id;
  await loadSettings();
  await subscriptions.open(id).catch(() => {});
  tellParent('startup', true);
  await route();
}

/** `?resumeToken=` logs in and leaves the address (RC §7.2). */
function takeTokenFromAddress() {
  const address = new URL(location.href);
  const token = address.searchParams.get('resumeToken');
  if (!token) return;
  ['resumeToken', 'userId'].forEach((name) => address.searchParams.delete(name));
  history.replaceState(null, '', address);
  logInWithToken(token);
}

async function start() {
  if (Token.endsTooSoon()) Token.forget();
  takeTokenFromAddress();
  Token.showCookies();
  textPage('One moment', 'Connecting…');
  keepPresence();
  connection.on('login', loggedIn);
  connection.on('loginFailed', loggedOut);
  connection.on('state', (state) => {
    if (state === 'ended' && !root.querySelector('.room')) textPage('Your session has ended', 'Log in again to go on.');
  });
  Token.watch(async (token) => {
    if (connection.over) return;
    if (token) { if (connection.connected) connection.resume(); return; }
    await connection.logOut();
    loggedOut();
  });
  listenToParent();
  connection.open();
  if (!Token.value()) {
    await loadSettings();
    if (!Token.value()) loggedOut();
  }
}

start();
