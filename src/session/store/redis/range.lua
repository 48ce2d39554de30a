-- A page of an index, with scores.
-- KEYS: the index. ARGV: the highest score, the most entries, and where the page begins after an entry its score and member.
local key, up_to, most = KEYS[1], ARGV[1], tonumber(ARGV[2])

-- By bytes, as Redis orders members; Lua's own comparison goes by the locale.
local function is_above(one, other)
  for n = 1, math.min(#one, #other) do
    local a, b = one:byte(n), other:byte(n)
    if a ~= b then return a > b end
  end
  return #one > #other
end

local first = 0
if ARGV[3] then
  local score, member = ARGV[3], ARGV[4]
  local beyond = redis.call('ZCOUNT', key, '-inf', score)
  first = redis.call('ZCOUNT', key, '-inf', '(' .. score)
  while first < beyond do
    local middle = math.floor((first + beyond) / 2)
    if is_above(redis.call('ZRANGE', key, middle, middle)[1], member) then
      beyond = middle
    else
      first = middle + 1
    end
  end
end
local last = math.min(first + most, redis.call('ZCOUNT', key, '-inf', up_to)) - 1
if last < first then return {} end
return redis.call('ZRANGE', key, first, last, 'WITHSCORES')
