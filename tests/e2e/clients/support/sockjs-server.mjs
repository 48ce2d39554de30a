// A small Rocket.Chat on npm sockjs, the very server that a real one speaks SockJS with, set up as Meteor does: raw frames at
// /websocket, compression on offer. Beyond DDP it answers only what Gantry itself asks.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';

import permessageDeflate from 'permessage-deflate';
import sockjs from 'sockjs';

/** Often, so that a test need not wait for one; Meteor has 45 s. */
const HEARTBEAT_MS = 100;
/** A day, as far from now as no test runs. */
const TOKEN_LIFE_MS = 86_400_000;

const token = () => randomBytes(32).toString('base64url');

export class SockJsServer {
  static async start() {
    const server = new SockJsServer();
    server.userId = 'service';
    server.token = token();
    server.users = new Map([['service', { _id: 'service', username: 'service', active: true, type: 'bot', roles: ['bot'] }]]);
    server.tokens = new Map([[server.token, 'service']]);
    server.connections = [];
    server.http = createServer((request, response) => server.answer(request, response));
    const listener = sockjs.createServer({
      heartbeat_delay: HEARTBEAT_MS,
      faye_server_options: { extensions: [permessageDeflate] },
      log: () => {},
    });
    listener.on('connection', (connection) => server.connections.push(new Connection(server, connection)));
    listener.installHandlers(server.http, { prefix: '/sockjs' });
    // Last, to come before what npm sockjs has put there.
    server.http.prependListener('upgrade', redirectRaw);
    server.http.listen(0, '127.0.0.1');
    await once(server.http, 'listening');
    server.port = server.http.address().port;
    return server;
  }

  async answer(request, response) {
    const { pathname, searchParams } = new URL(request.url, 'http://localhost');
    if (pathname.startsWith('/sockjs')) return;
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = chunks.length === 0 ? {} : JSON.parse(Buffer.concat(chunks));
    const [status, answer] = this.route(`${request.method} ${pathname}`, request.headers, { ...Object.fromEntries(searchParams), ...body });
    response.writeHead(status, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify(answer));
  }

  route(route, headers, asked) {
    if (route === 'GET /api/info') return [200, { version: '8.7', success: true }];
    if (route === 'GET /api/v1/settings.public') {
      return [200, { settings: [{ _id: 'Accounts_LoginExpiration', value: 90 }], count: 1, offset: 0, total: 1, success: true }];
    }
    const sent = headers['x-auth-token'];
    const userId = headers['x-user-id'];
    if (sent === undefined || this.tokens.get(sent) !== userId) return [401, { success: false, status: 'error', message: 'You must be logged in to do this.' }];
    return this.asUser(route, userId, sent, asked);
  }

  asUser(route, userId, sent, asked) {
    const known = [...this.users.values()].find((user) => [user._id, user.username].includes(asked.username ?? asked.userId));
    switch (route) {
      case 'GET /api/v1/me':
        return [200, { ...this.users.get(userId), success: true }];
      case 'POST /api/v1/logout':
        this.tokens.delete(sent);
        return [200, { status: 'success', data: { message: 'You\'ve been logged out!' } }];
      case 'GET /api/v1/users.info':
        return known ? [200, { user: known, success: true }] : [400, { success: false, error: 'User not found.' }];
      case 'POST /api/v1/users.create': {
        const user = { _id: `id-of-${asked.username}`, username: asked.username, name: asked.name, active: true, type: 'user', roles: ['user'] };
        this.users.set(user._id, user);
        return [200, { user, success: true }];
      }
      case 'POST /api/v1/users.createToken': {
        const authToken = token();
        this.tokens.set(authToken, asked.userId);
        return [200, { data: { userId: asked.userId, authToken }, success: true }];
      }
      default:
        return [404, { success: false, error: 'Resource not found' }];
    }
  }

  /** Every text that DDP clients sent here, as it arrived. */
  received() {
    return this.connections.flatMap((connection) => connection.received);
  }

  stop() {
    for (const { socket } of this.connections) socket.close();
    this.http.close();
    this.http.closeAllConnections();
  }
}

/** Meteor's own redirection: sockjs has its raw endpoint below its prefix. */
function redirectRaw(request) {
  if (request.url.split('?')[0] === '/websocket') request.url = request.url.replace('/websocket', '/sockjs/websocket');
}

/** One DDP connection, in whichever framing. */
class Connection {
  constructor(server, socket) {
    this.server = server;
    this.socket = socket;
    this.received = [];
    this.send({ server_id: '0' });
    socket.on('data', (text) => {
      this.received.push(text);
      this.take(JSON.parse(text));
    });
  }

  send(...messages) {
    for (const message of messages) this.socket.write(JSON.stringify(message));
  }

  take({ msg, id, method, params, name }) {
    if (msg === 'connect') this.send({ msg: 'connected', session: 'of-the-small-one' });
    if (msg === 'ping') this.send({ msg: 'pong', id });
    if (msg === 'method') this.send(this.call(method, params, id), { msg: 'updated', methods: [id] });
    if (msg === 'sub') {
      const event = { eventName: params[0], args: [{ heard: this.userId ?? null, name }] };
      this.send({ msg: 'ready', subs: [id] }, { msg: 'changed', collection: name, id: 'id', fields: event });
    }
  }

  call(method, params, id) {
    const result = { msg: 'result', id };
    switch (method) {
      case 'login': {
        const userId = this.server.tokens.get(params[0].resume);
        if (userId === undefined) return { ...result, error: { isClientSafe: true, error: 403, reason: 'You\'ve been logged out by the server. Please log in again.', errorType: 'Meteor.Error' } };
        this.userId = userId;
        this.send({ msg: 'added', collection: 'users', id: userId, fields: { username: this.server.users.get(userId).username } });
        return { ...result, result: { id: userId, token: params[0].resume, tokenExpires: { $date: Date.now() + TOKEN_LIFE_MS }, type: 'resume' } };
      }
      case 'whoami':
        return { ...result, result: { userId: this.userId ?? null, params } };
      case 'goAway':
        this.socket.close(3000, 'Go away!');
        return result;
      default:
        return { ...result, error: { error: 404, reason: `Method '${method}' not found`, errorType: 'Meteor.Error' } };
    }
  }
}
