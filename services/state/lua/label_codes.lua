-- Gives each label a number that it keeps: 1 and up in the order of their coming, 0 once there are too many.
-- KEYS: codes (hash). ARGV: most labels, lifetime in seconds, then labels. Returns their numbers.
local codes = redis.call('HMGET', KEYS[1], unpack(ARGV, 3))
local known = redis.call('HLEN', KEYS[1])
for index = 1, #codes do
  local label = ARGV[index + 2]
  -- Once more: the same label may stand twice in one call.
  local code = codes[index] or redis.call('HGET', KEYS[1], label)
  if not code and known < tonumber(ARGV[1]) then
    known = known + 1
    code = known
    redis.call('HSET', KEYS[1], label, code)
  end
  codes[index] = tonumber(code or 0)
end
redis.call('EXPIRE', KEYS[1], ARGV[2])
return codes
