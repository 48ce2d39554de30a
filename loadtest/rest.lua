-- wrk: everybody reads what a chat client reads, as fast as Gantry answers.
--
--   wrk --threads 2 --connections 64 --duration 30s --latency --script loadtest/rest.lua http://127.0.0.1:8080 -- tokens.txt
--
--   ALLOW_TARGET=chat.example.com   in the environment, when the target is not this machine
--
-- wrk waits for each answer before it asks again on that connection: what it finds is the most that goes through, and its latencies are
-- those of a system at its limit. For latencies at a given rate use rest.js.
--
-- Look at: requests a second, the 99 % row, and the line about answers other than 200 (exit code 1 when there are more than one in a
-- thousand). The first requests of each user are exchanges: run it twice with the same JWTs and believe the second run.
-- In Gantry: `gantry_request_duration_seconds{route="api"}`, and its processor time: requests a second for each core it uses is the figure to
-- plan with.

local READS = { '/api/v1/me', '/api/v1/subscriptions.get', '/api/v1/rooms.get', '/api/v1/channels.messages?roomName=general&count=20' }

local function refuse(why)
  io.stderr:write('rest.lua: ' .. why .. '\n')
  os.exit(2)
end

-- A slip must not load a system that nobody meant: only loopback goes without saying.
local host = wrk.host:lower():gsub('^%[(.*)%]$', '%1')
local is_loopback = host == 'localhost' or host == '::1' or host:match('^127%.%d+%.%d+%.%d+$')
if not is_loopback and os.getenv('ALLOW_TARGET') ~= host then
  refuse(host .. ' is not this machine: to load it, say ALLOW_TARGET=' .. host)
end

local threads = {}

function setup(thread)
  thread:set('number', #threads)
  table.insert(threads, thread)
end

local requests = {}
local turn = 0

function init(arguments)
  local file = io.open(arguments[1] or 'tokens.txt')
  if not file then refuse('behind --, name the file with the JWTs, one a line') end
  for token in file:lines() do
    if token ~= '' then
      for _, path in ipairs(READS) do
        table.insert(requests, wrk.format('GET', path, { ['Host'] = wrk.headers['Host'], ['Authorization'] = 'Bearer ' .. token }))
      end
    end
  end
  file:close()
  if #requests == 0 then refuse('the file with the JWTs is empty') end
  -- Threads begin with different users.
  turn = number * 7919
  answered, other = 0, 0
end

function request()
  turn = turn + 1
  return requests[turn % #requests + 1]
end

function response(status)
  answered = answered + 1
  if status ~= 200 then other = other + 1 end
end

function done(summary, latency)
  local answered, other = 0, 0
  for _, thread in ipairs(threads) do
    answered = answered + thread:get('answered')
    other = other + thread:get('other')
  end
  local errors = summary.errors
  local lost = errors.connect + errors.read + errors.write + errors.timeout
  io.write(string.format('%d answers, %d of them other than 200, %d requests without an answer; p50 %.1f ms, p99 %.1f ms\n',
    answered, other, lost, latency:percentile(50) / 1000, latency:percentile(99) / 1000))
  if answered == 0 or other + lost > answered / 1000 then os.exit(1) end
end
