-- Applies a batch wholly or not at all.
-- KEYS: the stream of words, then one key for each expectation and each change, in their order.
-- ARGV: the number of expectations and what each needs, the number of changes and what each needs, the most words to keep, the words.
local keys_read, args_read = 1, 0
local function next_key()
  keys_read = keys_read + 1
  return KEYS[keys_read]
end
local function next_arg()
  args_read = args_read + 1
  return ARGV[args_read]
end

for _ = 1, tonumber(next_arg()) do
  local kind, value = next_arg(), redis.call('GET', next_key())
  if kind == 'is' then
    if value ~= next_arg() then return 0 end
  elseif kind == 'present' then
    if not value then return 0 end
  elseif value then
    return 0
  end
end

-- A script that fails half-way is not undone: everything that could be of a wrong type is touched before the first change.
local changes = {}
for n = 1, tonumber(next_arg()) do
  local change = { kind = next_arg(), key = next_key() }
  if change.kind == 'put' then
    change.value, change.life = next_arg(), next_arg()
  elseif change.kind == 'enter' then
    change.score, change.member = next_arg(), next_arg()
    redis.call('ZCARD', change.key)
  elseif change.kind == 'leave' then
    change.member = next_arg()
    redis.call('ZCARD', change.key)
  end
  changes[n] = change
end
local most = next_arg()
local before = '0-0'
if args_read < #ARGV then
  local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
  if last then before = last[1] end
end

for _, change in ipairs(changes) do
  if change.kind == 'put' then
    if change.life == '' then
      redis.call('SET', change.key, change.value)
    else
      redis.call('SET', change.key, change.value, 'PX', change.life)
    end
  elseif change.kind == 'remove' then
    redis.call('DEL', change.key)
  elseif change.kind == 'enter' then
    redis.call('ZADD', change.key, change.score, change.member)
  else
    redis.call('ZREM', change.key, change.member)
  end
end

-- Each word says which entry came before it, so that whoever hears it knows whether one is missing.
for n = args_read + 1, #ARGV do
  before = redis.call('XADD', KEYS[1], 'MAXLEN', '~', most, '*', 'word', ARGV[n], 'after', before)
end
return 1
