// Ways in for who has no token: iframe authentication where it is set up (RC §7.3), else the login form.

const IFRAME_SETTINGS = ['Accounts_iframe_enabled', 'Accounts_iframe_url', 'Accounts_Iframe_api_url', 'Accounts_Iframe_api_method'];

/** Meteor's login with a stored or handed-over token: always on the socket. */
function logInWithToken(token) {
  try { localStorage.setItem(TOKEN_KEY, token); } catch { /* a sandboxed frame has no storage */ }
  Token.seen = token;
  if (connection.connected) connection.resume();
}

/** Every other login goes through the tunnel, and its token then to the socket (RC §6.5). */
async function logInOtherwise(params) {
  const login = await call('login', params);
  Token.keep(login);
  if (connection.connected) await connection.resume();
}

async function digest(text) {
  const bytes = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

const IframeLogin = {
  enabled() { return IFRAME_SETTINGS.every((id) => settings[id]); },

  /** Asks the API URL; what it does not give, the login page at the iframe URL must. */
  async attempt() {
    try {
      const answer = await fetch(settings.Accounts_Iframe_api_url, { method: settings.Accounts_Iframe_api_method, credentials: 'include' });
      if (answer.status !== 200) throw new Error(`status ${answer.status}`);
      await IframeLogin.take(await answer.json());
    } catch { IframeLogin.show(); }
  },

  async take({ loginToken, token }) {
    if (typeof loginToken === 'string') logInWithToken(loginToken);
    else if (typeof token === 'string') await logInOtherwise({ iframe: true, token }).catch((error) => IframeLogin.failed(error));
    else throw new Error('no token came');
  },

  failed(error) {
    IframeLogin.show();
    IframeLogin.frame.contentWindow?.postMessage({ event: 'login-error', response: error.message }, '*');
  },

  show() {
    if (!IframeLogin.frame?.isConnected) {
      IframeLogin.frame = element('iframe', { class: 'login-frame', title: 'Login', src: settings.Accounts_iframe_url });
      root.replaceChildren(IframeLogin.frame);
    }
  },
};

function signInPage() {
  const problem = element('div', { role: 'alert' });
  const field = (name, type, autocomplete) => element('input', { name, type, autocomplete, required: true });
  const user = field('usernameOrEmail', 'text', 'username');
  const password = field('password', 'password', 'current-password');
  const submit = async (event) => {
    event.preventDefault();
    problem.textContent = '';
    const named = user.value.includes('@') ? { email: user.value } : { username: user.value };
    try {
      await logInOtherwise({ user: named, password: { digest: await digest(password.value), algorithm: 'sha-256' } });
    } catch (error) {
      problem.textContent = error instanceof LoggedOut ? 'Nobody may log in here.' : error.message || 'That did not work.';
    }
  };
  root.replaceChildren(element('main', { class: 'page' }, element('h1', {}, 'Sign in to the workspace'), element('p', {}, 'This is a Rocket.Chat lookalike for tests and demos.'),
    element('form', { class: 'sign-in rcx-login-form', onsubmit: submit }, element('label', {}, 'Email or username', user), element('label', {}, 'Password', password), problem, element('button', { type: 'submit' }, 'Login'))));
}

/** Nobody is logged in, now or any more. */
function loggedOut(error) {
  shownFor = null;
  if (connection.over) return;
  if (!IframeLogin.enabled()) signInPage();
  else if (error) IframeLogin.failed(error);
  else IframeLogin.attempt();
}

async function logOutHere() {
  await connection.logOut();
  Token.forget();
  loggedOut();
}
