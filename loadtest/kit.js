// What the k6 scripts share: whom they load, and with whose JWTs.
//
//   TARGET=http://127.0.0.1:8080   Gantry's origin. Anything but loopback must be named once more:
//   ALLOW_TARGET=chat.example.com  yes, this host is meant
//   TOKENS=/path/to/tokens.txt     one JWT a line, as `gantry-loadtest tokens` writes them; a relative path begins at this folder
//   P99_MS=500                     what 99 of 100 may take; more fails the run (exit code 99)

import { SharedArray } from 'k6/data';

/** A whole number from the environment. */
export function number(name, otherwise) {
  const text = __ENV[name] || String(otherwise);
  if (!/^[1-9]\d*$/.test(text)) throw new Error(`${name}=${text} is no whole number above 0`);
  return Number(text);
}

/** Gantry's origin. A slip must not load a system that nobody meant: only loopback goes without saying. */
export function target() {
  const text = __ENV.TARGET || 'http://127.0.0.1:8080';
  const parts = /^(https?:\/\/)(\[[\da-f:.]+\]|[^\s\/:?#@\[\]\\]+)(:\d+)?\/?$/i.exec(text);
  if (!parts) throw new Error(`TARGET=${text} is no origin such as http://127.0.0.1:8080`);
  const [, scheme, host, port = ''] = parts;
  const isLoopback = /^(127\.\d{1,3}\.\d{1,3}\.\d{1,3}|localhost|\[::1\])$/i.test(host);
  if (!isLoopback && __ENV.ALLOW_TARGET !== host) {
    throw new Error(`${host} is not this machine: to load it, say ALLOW_TARGET=${host}`);
  }
  return `${scheme}${host}${port}`;
}

/** Everybody's JWTs; k6 keeps them once for all of its virtual users. */
export const tokens = new SharedArray('tokens', () => {
  const lines = open(__ENV.TOKENS || 'tokens.txt').split('\n').map((line) => line.trim()).filter(Boolean);
  if (!lines.length) throw new Error('TOKENS names a file without JWTs');
  return lines;
});

export const p99 = `p(99)<${number('P99_MS', 500)}`;
