// REST, and the methods tunnelled through it: the web client sends nearly all of them this way (RC §6.5).

class LoggedOut extends Error {}

class Refused extends Error {
  constructor(error, status) {
    super(error.reason || error.message || error.error || `status ${status}`);
    this.code = error.error;
    this.status = status;
    this.details = error.details;
  }

  /** Too many calls, or trouble behind the server: the same call may work later. */
  get passing() { return this.status === 429 || this.code === 'too-many-requests' || this.status >= 500; }
}

async function request(path, options = {}) {
  const headers = { ...options.headers };
  if (Token.value()) {
    headers['X-Auth-Token'] = Token.value();
    headers['X-User-Id'] = Token.userId() || '';
  }
  const answer = await fetch(`${base}/api/v1/${path}`, { ...options, headers, credentials: 'same-origin' });
  if (answer.status === 401) throw new LoggedOut();
  return answer;
}

async function read(path) {
  const answer = await request(path);
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused({ error: body.errorType, reason: body.error || body.title }, answer.status);
  return body;
}

let calls = 0;
/** A method through the tunnel; by `callAnon` while nobody is logged in. */
async function call(method, ...params) {
  calls += 1;
  const message = JSON.stringify({ msg: 'method', id: String(calls), method, params });
  const route = Token.value() ? 'method.call' : 'method.callAnon';
  const answer = await request(`${route}/${encodeURIComponent(method.replace(/\//g, ':'))}`, {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ message }),
  });
  const body = await answer.json().catch(() => ({}));
  if (typeof body.message !== 'string') throw new Refused({ error: body.errorType, reason: body.error || body.title }, answer.status);
  const inner = JSON.parse(body.message);
  if (inner.error) throw new Refused(inner.error, answer.status);
  return inner.result;
}
