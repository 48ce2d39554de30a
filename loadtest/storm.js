// The morning storm: everybody comes within a minute, and nobody has a session yet.
//
//   gantry-loadtest tokens --prefix "storm-$(date +%s)" ...   # users that Rocket.Chat does not know either
//   k6 run -e TOKENS=$PWD/tokens.txt -e WITHIN=60 loadtest/storm.js
//
//   WITHIN=60      seconds within which all of TOKENS come, once each
//   STAY=10        seconds that each stays, with a socket
//   P99_FIRST_MS=5000   what 99 of 100 first requests may take
//   and what kit.js reads: TARGET, ALLOW_TARGET, TOKENS, P99_MS
//
// The first request of each is an exchange: Gantry verifies the JWT, finds or creates the user and mints an auth token. Rocket.Chat hashes
// a password for every user it creates, so it is mostly Rocket.Chat's processors that are measured here.
//
// Look at, in k6: `first_request`, `http_req_failed` (503 means that Gantry's queue was full), `sockets_lost`.
// Look at, in Gantry: `gantry_exchange_duration_seconds`, `gantry_rocketchat_call_duration_seconds` by `operation` (which call is slow),
// `gantry_users_provisioned_total`, `gantry_rejections_total{problem="overloaded"}`: more than none of these asks for a larger
// `rocketchat.minting.queue` or `queue_timeout`, and for more `concurrency` only while Rocket.Chat has processors to spare.

import http from 'k6/http';
import { check } from 'k6';
import exec from 'k6/execution';
import { Counter, Trend } from 'k6/metrics';
import { number, p99, target, tokens } from './kit.js';
import { live } from './socket.js';

const TARGET = target();
const WITHIN = number('WITHIN', 60);
const STAY = number('STAY', 10);
const arrivals = new Counter('arrivals');
const firstRequest = new Trend('first_request', true);

export const options = {
  scenarios: {
    people: {
      executor: 'constant-arrival-rate',
      rate: tokens.length,
      timeUnit: `${WITHIN}s`,
      duration: `${WITHIN}s`,
      // One each, and one for the arrival too many (see below).
      preAllocatedVUs: Math.min(tokens.length + 1, 200),
      maxVUs: tokens.length + 1,
      gracefulStop: `${STAY + 60}s`,
    },
  },
  maxRedirects: 0,
  discardResponseBodies: true,
  summaryTrendStats: ['min', 'med', 'p(95)', 'p(99)', 'max'],
  thresholds: {
    http_req_failed: ['rate<0.001'],
    checks: ['rate>0.999'],
    first_request: [`p(99)<${number('P99_FIRST_MS', 5000)}`],
    round_trip: [p99],
    sockets_lost: ['count==0'],
    dropped_iterations: ['count==0'],
  },
};

export default function people() {
  const token = tokens[exec.scenario.iterationInTest];
  // A minute has room for one more arrival than asked for.
  if (token === undefined) return;
  const headers = { Authorization: `Bearer ${token}` };
  const first = http.get(`${TARGET}/api/v1/me`, { headers });
  arrivals.add(1);
  firstRequest.add(first.timings.duration);
  const rest = ['subscriptions.get', 'rooms.get', 'channels.messages?roomName=general&count=20'];
  const answers = http.batch(rest.map((name) => ['GET', `${TARGET}/api/v1/${name}`, null, { headers }]));
  check([first, ...answers], { 'everybody got in': (all) => all.every(({ status }) => status === 200) });
  live(TARGET, token, { until: Date.now() + STAY * 1000, every: 2000 });
}
