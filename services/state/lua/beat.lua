-- Reports that somebody is alive, by the server's clock, and forgets those who have not reported for long.
-- KEYS: heartbeats, and (for replicas) their reports.
-- ARGV: id, ms after which silence means death, ms that the keys outlive the last beat, most to keep, report.
-- Returns the ids of the living.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], now, ARGV[1])
local dead = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
local excess = redis.call('ZCARD', KEYS[1]) - #dead - ARGV[4]
if excess > 0 then
  for _, id in ipairs(redis.call('ZRANGE', KEYS[1], #dead, #dead + excess - 1)) do
    dead[#dead + 1] = id
  end
end
if KEYS[2] then
  redis.call('HSET', KEYS[2], ARGV[1], ARGV[5])
  redis.call('PEXPIRE', KEYS[2], ARGV[3])
end
for _, id in ipairs(dead) do
  redis.call('ZREM', KEYS[1], id)
  if KEYS[2] then
    redis.call('HDEL', KEYS[2], id)
  end
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return redis.call('ZRANGE', KEYS[1], 0, -1)
