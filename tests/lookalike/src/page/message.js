// How a message looks.

const SYSTEM = { uj: 'has joined the channel', ul: 'has left the channel', au: 'was added' };
/** Messages of one person that come closer together stand under one head. */
const TOGETHER_MS = 300000;

function attachments(message) {
  return (message.attachments || []).map((one) => element('div', { class: 'attachment' },
    one.title ? element('a', { href: local(one.title_link) || '#', target: '_blank', rel: 'noopener' }, one.title) : null,
    one.image_url ? element('img', { src: local(one.image_url), alt: one.title || '', loading: 'lazy' }) : null));
}

function drawn(message, previous) {
  const at = millis(message.ts);
  if (message.t) return element('li', { class: 'message system', 'data-id': message._id }, element('b', {}, message.u.username), ` ${SYSTEM[message.t] || message.t}`);
  const follows = previous && !previous.t && previous.u.username === message.u.username && at - millis(previous.ts) < TOGETHER_MS;
  const text = message.msg ? element('div', { class: 'text' }, ...rich(message.msg)) : null;
  const left = follows ? element('span', { class: 'when-short' }, clock(at, { hourCycle: 'h23' })) : face(message.u.username);
  const head = follows ? null : element('div', { class: 'head' },
    element('span', { class: 'who' }, message.u.name || message.u.username), element('span', { class: 'name' }, `@${message.u.username}`),
    element('time', { datetime: new Date(at).toISOString() }, clock(at)));
  const state = ['follows', 'pending', 'failed'].filter((name) => (name === 'follows' ? follows : message[name]));
  return element('li', { class: ['message', ...state].join(' '), 'data-id': message._id, 'data-by': message.by },
    left, element('div', {}, ...[head, text].filter(Boolean), ...attachments(message)));
}

/** The rows of a room: messages in order, with the days between them. */
function rows(messages) {
  const sorted = [...messages].filter((message) => !message.tmid).sort((one, other) => millis(one.ts) - millis(other.ts));
  const made = [];
  let previous;
  for (const message of sorted) {
    if (!previous || day(millis(previous.ts)) !== day(millis(message.ts))) {
      made.push(element('li', { class: 'day' }, day(millis(message.ts))));
      previous = undefined;
    }
    made.push(drawn(message, previous));
    previous = message;
  }
  return made.length ? made : [element('li', { class: 'empty' }, 'No messages yet. Say hello!')];
}
