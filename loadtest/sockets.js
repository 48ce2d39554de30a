// Sockets: everybody holds one, logged in, listening and pinging.
//
//   k6 run -e TOKENS=$PWD/tokens.txt -e SOCKETS=1000 -e DURATION=60 loadtest/sockets.js
//
//   SOCKETS=100    how many, by turns of the JWTs
//   RAMP=10        seconds within which they are opened
//   DURATION=60    seconds that the last one stays
//   EVERY=2        seconds between two pings of one socket
//   and what kit.js reads: TARGET, ALLOW_TARGET, TOKENS, P99_MS
//
// Look at, in k6: `sockets_lost` (must be none), `ddp_login`, `round_trip` (a ping through Gantry to Rocket.Chat and back).
// Look at, in Gantry: `gantry_websocket_connections` (as many as opened), `gantry_ddp_logins_total` (anything but ok), and its memory:
// what it holds divided by the number of sockets is what one costs. Files: each socket takes two descriptors at Gantry, so
// `ulimit -n` must be above twice their number, and `listen.limits.connections` above it.

import { sleep } from 'k6';
import exec from 'k6/execution';
import { number, p99, target, tokens } from './kit.js';
import { live } from './socket.js';

const TARGET = target();
const SOCKETS = number('SOCKETS', 100);
const RAMP = number('RAMP', 10);
const DURATION = number('DURATION', 60);
const EVERY = number('EVERY', 2);

export const options = {
  scenarios: {
    sockets: {
      executor: 'per-vu-iterations',
      vus: SOCKETS,
      iterations: 1,
      maxDuration: `${RAMP + DURATION + 30}s`,
    },
  },
  summaryTrendStats: ['min', 'med', 'p(95)', 'p(99)', 'max'],
  thresholds: {
    sockets_lost: ['count==0'],
    sockets_opened: [`count==${SOCKETS}`],
    round_trips: ['count>0'],
    round_trip: [p99],
  },
};

export default function sockets() {
  const number = exec.vu.idInTest - 1;
  sleep((RAMP * number) / SOCKETS);
  const until = exec.scenario.startTime + (RAMP + DURATION) * 1000;
  live(TARGET, tokens[number % tokens.length], { until, every: EVERY * 1000 });
}
