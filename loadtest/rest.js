// REST: everybody reads what a chat client reads, at a fixed rate that does not wait for answers.
//
//   k6 run -e TOKENS=$PWD/tokens.txt -e RATE=500 -e DURATION=60 loadtest/rest.js
//
//   RATE=200       requests a second
//   DURATION=60    seconds
//   and what kit.js reads: TARGET, ALLOW_TARGET, TOKENS, P99_MS
//
// Before the load, everybody makes one request, so that sessions are there: what is measured is Gantry with known sessions. (For the
// other case there is storm.js.)
//
// Look at, in k6: `http_req_duration` (p99 must stay flat while RATE grows), `http_req_failed`, `dropped_iterations` (k6 could not keep
// up: too few virtual users, or answers too slow). 429 is Rocket.Chat's own rate limiter: see docs/load-testing.md.
// Look at, in Gantry: `gantry_request_duration_seconds{route="api"}` minus `gantry_upstream_request_duration_seconds` is what Gantry
// itself adds; `gantry_session_lookups_total{result="miss"}` must stand still; `gantry_rejections_total` says what was refused and why.

import http from 'k6/http';
import { check } from 'k6';
import exec from 'k6/execution';
import { number, p99, target, tokens } from './kit.js';

const TARGET = target();
const RATE = number('RATE', 200);
const DURATION = number('DURATION', 60);

const READS = ['/api/v1/me', '/api/v1/subscriptions.get', '/api/v1/rooms.get', '/api/v1/channels.messages?roomName=general&count=20'];

export const options = {
  scenarios: {
    reads: {
      executor: 'constant-arrival-rate',
      rate: RATE,
      timeUnit: '1s',
      duration: `${DURATION}s`,
      // What is made only when it is needed comes too late for the iteration that needs it.
      preAllocatedVUs: Math.min(RATE * DURATION, 200),
      maxVUs: Math.max(RATE, 200),
    },
  },
  setupTimeout: '10m',
  // Whatever is redirected elsewhere is not ours to load.
  maxRedirects: 0,
  discardResponseBodies: true,
  summaryTrendStats: ['min', 'med', 'p(95)', 'p(99)', 'max'],
  thresholds: {
    'http_req_failed{scenario:reads}': ['rate<0.001'],
    'http_req_duration{scenario:reads}': [p99],
    'checks{scenario:reads}': ['rate>0.999'],
    dropped_iterations: [`count<${Math.max(1, Math.ceil(RATE * DURATION * 0.01))}`],
  },
};

const by = (token) => ({ headers: { Authorization: `Bearer ${token}` } });

export function setup() {
  for (let at = 0; at < tokens.length; at += 16) {
    const some = [];
    for (let one = at; one < Math.min(at + 16, tokens.length); one += 1) some.push(['GET', `${TARGET}/api/v1/me`, null, by(tokens[one])]);
    const bad = http.batch(some).find((answer) => answer.status !== 200);
    if (bad) exec.test.abort(`before the load, somebody was answered ${bad.status || bad.error}`);
  }
}

export default function reads() {
  const turn = exec.scenario.iterationInTest;
  const path = READS[turn % READS.length];
  // By turns of all reads, so that everybody makes every one of them.
  const token = tokens[Math.floor(turn / READS.length) % tokens.length];
  const { status } = http.get(TARGET + path, by(token));
  check(status, {
    'answered 200': (status) => status === 200,
    "not slowed down by Rocket.Chat's rate limiter": (status) => status !== 429,
  });
}
