// One client's socket: logs in over DDP, listens, and pings.

import exec from 'k6/execution';
import { Counter, Trend } from 'k6/metrics';
import { clearInterval, clearTimeout, setInterval, setTimeout } from 'k6/timers';
import { WebSocket } from './websocket.js';

export const roundTrips = new Counter('round_trips');
export const roundTrip = new Trend('round_trip', true);
export const ddpLogin = new Trend('ddp_login', true);
export const socketsOpened = new Counter('sockets_opened');
export const socketsLost = new Counter('sockets_lost');

/** How long a login in a socket may take until it counts as lost: Gantry's own `websocket.login_timeout`. */
const LOGIN_MS = 10_000;

/**
 * Opens a socket, logs in with the JWT as Rocket.Chat's own clients do with their token, listens to the user's notifications and sends
 * a ping every few seconds, until `until` (ms since 1970). A socket that is refused or that closes earlier is counted as lost.
 */
export function live(origin, token, { until, every }) {
  const socket = new WebSocket(`${origin.replace(/^http/, 'ws')}/websocket`);
  const send = (message) => socket.send(JSON.stringify(message));
  const sent = new Map();
  let began = Date.now();
  let isOver = false;
  let pinging;
  let ending;

  const end = (why) => {
    if (isOver) return;
    isOver = true;
    clearInterval(pinging);
    clearTimeout(ending);
    if (why) {
      socketsLost.add(1);
      // One line says enough: thousands of sockets may be lost for the same reason.
      if (exec.vu.idInTest <= 3) console.warn(`a socket was lost: ${why}`);
    }
    socket.close();
  };

  socket.onopen = () => {
    socketsOpened.add(1);
    ending = setTimeout(() => end('no answer to the login'), LOGIN_MS);
    send({ msg: 'connect', version: '1', support: ['1'] });
  };
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    if (message.msg === 'connected') {
      began = Date.now();
      send({ msg: 'method', method: 'login', id: 'login', params: [{ resume: token }] });
    } else if (message.msg === 'result' && message.id === 'login') {
      if (message.error) return end(`the login was refused: ${message.error.reason || message.error.error}`);
      ddpLogin.add(Date.now() - began);
      clearTimeout(ending);
      ending = setTimeout(() => end(), Math.max(0, until - Date.now()));
      send({ msg: 'sub', id: 'notifications', name: 'stream-notify-user', params: [`${message.result.id}/notification`, { useCollection: false, args: [] }] });
      let id = 0;
      pinging = setInterval(() => {
        id += 1;
        sent.set(String(id), Date.now());
        send({ msg: 'ping', id: String(id) });
      }, every);
    } else if (message.msg === 'ping') {
      send(message.id === undefined ? { msg: 'pong' } : { msg: 'pong', id: message.id });
    } else if (message.msg === 'pong' && sent.has(message.id)) {
      roundTrips.add(1);
      roundTrip.add(Date.now() - sent.get(message.id));
      sent.delete(message.id);
    }
  };
  socket.onerror = ({ error }) => end(error || 'an error');
  socket.onclose = ({ code }) => end(`closed with ${code}`);
}
