// Where RC's client keeps its token, and who else is told of it (RC §7.1): localStorage is the only place it is
// read from, and what is put there by others counts as much as what a login put there.

const config = window.__meteor_runtime_config__ || {};
const base = config.ROOT_URL_PATH_PREFIX || '';
const suffix = base ? `:${config.ROOT_URL}:${base}` : '';

const TOKEN_KEY = `Meteor.loginToken${suffix}`;
const USER_KEY = `Meteor.userId${suffix}`;
const EXPIRES_KEY = `Meteor.loginTokenExpires${suffix}`;
/** How often others' changes of the token are looked for. */
const POLL_MS = 3000;
/** A token that ends sooner is not worth a login: the cap of Meteor's "10 % of its life", for its default of 90 days. */
const TOO_LATE_MS = 3600000;

const Token = {
  // A sandboxed frame has no storage: it is like one in which nothing is stored.
  stored(key) { try { return localStorage.getItem(key); } catch { return null; } },

  value() { return Token.stored(TOKEN_KEY); },
  userId() { return Token.stored(USER_KEY); },

  keep({ id, token, tokenExpires }) {
    const expires = tokenExpires && tokenExpires.$date ? new Date(tokenExpires.$date) : new Date(Date.now() + 90 * 86400000);
    try {
      localStorage.setItem(USER_KEY, id);
      localStorage.setItem(TOKEN_KEY, token);
      localStorage.setItem(EXPIRES_KEY, String(expires));
    } catch { /* as above */ }
    Token.seen = token;
    Token.showCookies();
  },

  forget() {
    try { [TOKEN_KEY, USER_KEY, EXPIRES_KEY].forEach((key) => localStorage.removeItem(key)); } catch { /* as above */ }
    Token.seen = null;
    Token.showCookies();
  },

  endsTooSoon() {
    const expires = Token.stored(EXPIRES_KEY);
    return Boolean(expires) && new Date(expires) - Date.now() < TOO_LATE_MS;
  },

  // Pictures and files cannot carry headers, so they go by cookies that scripts set.
  showCookies() {
    const attributes = `; path=/; SameSite=Lax${location.protocol === 'https:' ? '; Secure' : ''}`;
    for (const [name, value] of [['rc_uid', Token.userId()], ['rc_token', Token.value()]]) {
      if (value) document.cookie = `${name}=${encodeURIComponent(value)}${attributes}`;
      else if (document.cookie.includes(`${name}=`)) document.cookie = `${name}=; Max-Age=0${attributes}`;
    }
  },

  /** Calls `changed` with each token that somebody else puts there, null for its removal. */
  watch(changed) {
    Token.seen = Token.value();
    setInterval(() => {
      const now = Token.value();
      if (now === Token.seen) return;
      Token.seen = now;
      Token.showCookies();
      changed(now);
    }, POLL_MS);
  },
};
