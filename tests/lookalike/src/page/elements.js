// Small pieces of page, built from nodes: nothing that people write becomes markup.

const root = document.getElementById('react-root');
const embedded = new URLSearchParams(location.search).get('layout') === 'embedded';

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) made.setAttribute(name, value === true ? '' : value);
  }
  made.append(...children.filter((child) => child !== undefined && child !== null));
  return made;
}

const millis = (date) => (date && typeof date === 'object' ? date.$date : Date.parse(date));
const clock = (at, options) => new Date(at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', ...options });
const day = (at) => new Date(at).toLocaleDateString([], { weekday: 'long', month: 'long', day: 'numeric' });
const newId = () => Array.from(crypto.getRandomValues(new Uint8Array(17)), (byte) => '23456789ABCDEFGHJKLMNPQRSTWXYZabcdefghijkmnopqrstuvwxyz'[byte % 55]).join('');
const local = (path) => (path && path.startsWith('/') ? base + path : path);
const face = (username) => element('img', { class: 'face', alt: '', src: `${base}/avatar/${encodeURIComponent(username)}` });

/** Text with links and mentions. */
function rich(text) {
  const pieces = [];
  for (const piece of text.split(/(https?:\/\/[^\s<>"]+|(?<![\w@])@[\w.-]*\w)/g)) {
    if (/^https?:\/\//.test(piece)) pieces.push(element('a', { href: piece, target: '_blank', rel: 'noopener noreferrer' }, piece));
    else if (/^@\w/.test(piece)) pieces.push(element('span', { class: 'mention' }, piece));
    else if (piece) pieces.push(piece);
  }
  return pieces;
}

/** The mark before a room's name: drawn for groups, because not every machine has a letter with a lock on it. */
function sign(kind) {
  if (kind !== 'p') return element('span', { class: 'sign' }, kind === 'd' ? '@' : '#');
  const lock = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  lock.setAttribute('viewBox', '0 0 16 16');
  lock.setAttribute('class', 'sign');
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  path.setAttribute('d', 'M5 7V5a3 3 0 0 1 6 0v2h1v7H4V7zm1.5 0h3V5a1.5 1.5 0 0 0-3 0z');
  lock.append(path);
  return lock;
}

function textPage(title, words, ...more) {
  root.replaceChildren(element('main', { class: 'page' }, element('h1', {}, title), element('p', {}, words), ...more));
}
