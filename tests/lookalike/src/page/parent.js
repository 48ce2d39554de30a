// What RC and the page around it tell each other (RC §7.4), each way only when a setting says so.

let settings = {};

async function loadSettings() {
  const all = await call('public-settings/get').catch(() => []);
  settings = Object.fromEntries((all || []).map(({ _id, value }) => [_id, value]));
}

function tellParent(eventName, data) {
  if (!settings.Iframe_Integration_send_enable || window.parent === window) return;
  window.parent.postMessage({ eventName, data }, settings.Iframe_Integration_send_target_origin || '*');
}

const COMMANDS = {
  go: ({ path }) => { if (typeof path === 'string') navigate(path); },
  logout: () => { logOutHere(); },
  'login-with-token': ({ token }) => { if (typeof token === 'string') logInWithToken(token); },
  'set-user-status': ({ status }) => { connection.method('setUserStatus', status).catch(() => {}); },
};

function allowed(origin) {
  const origins = settings.Iframe_Integration_receive_origin || '*';
  return origins === '*' || origins.split(',').map((one) => one.trim()).includes(origin);
}

function listenToParent() {
  window.addEventListener('message', ({ data, origin }) => {
    if (!data || typeof data !== 'object') return;
    if (settings.Iframe_Integration_receive_enable && allowed(origin)) COMMANDS[data.externalCommand]?.(data);
    if (!IframeLogin.enabled()) return;
    if (data.event === 'try-iframe-login') IframeLogin.attempt();
    if (data.event === 'login-with-token') IframeLogin.take(data);
  });
}
