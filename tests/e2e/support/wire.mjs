// A wire that listens in: forwards TCP between two sides, keeps what passed, and can be cut.

import { once } from 'node:events';
import { connect, createServer } from 'node:net';

export class Wire {
  /** Lays a wire on a free loopback port; it leads nowhere until told where to. */
  static async lay() {
    const wire = new Wire();
    wire.connections = new Set();
    wire.sent = [];
    wire.answered = [];
    wire.server = createServer((near) => wire.join(near));
    wire.server.listen(0, '127.0.0.1');
    await once(wire.server, 'listening');
    wire.host = `127.0.0.1:${wire.server.address().port}`;
    wire.url = `http://${wire.host}`;
    return wire;
  }

  /** Where connections go from now on. */
  leadTo(port) {
    this.port = port;
  }

  join(near) {
    const far = connect(this.port, '127.0.0.1');
    this.carry(near, far, this.sent);
    this.carry(far, near, this.answered);
    this.connections.add(near);
    near.on('close', () => this.connections.delete(near));
  }

  /** Each way of each connection is kept by itself, so that what was split over packets is whole again. */
  carry(from, to, kept) {
    const chunks = [];
    kept.push(chunks);
    from.on('data', (chunk) => chunks.push(chunk));
    from.on('error', () => to.destroy());
    from.pipe(to);
  }

  /** What went towards the far side: HTTP in clear, a client's frames masked. */
  requests() {
    return texts(this.sent);
  }

  /** What came back, all of it in clear. */
  answers() {
    return texts(this.answered);
  }

  /** Breaks every connection, as a network does. */
  cut() {
    for (const near of this.connections) near.destroy();
  }

  stop() {
    this.server.close();
    this.cut();
  }
}

const texts = (kept) => kept.map((chunks) => Buffer.concat(chunks).toString('latin1'));
