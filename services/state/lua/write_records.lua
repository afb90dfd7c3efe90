-- Writes records of one router and minute, if nobody has taken the partition over.
-- KEYS: token, records, ids, minutes.
-- ARGV: the writer's token, minute, retention in ms, then ids and records.
-- Returns 1, or 0 if the writer is fenced out: then nothing was written.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
local time = redis.call('TIME')
local now, retention = time[1] * 1000, tonumber(ARGV[3])
local lifetime = (ARGV[2] + 1) * 60000 + retention - now
if lifetime <= 0 then
  return 1 -- came after all of its time: nothing to keep
end
for index = 4, #ARGV, 2 do
  redis.call('HSET', KEYS[2], ARGV[index], ARGV[index + 1])
  redis.call('ZADD', KEYS[3], 0, ARGV[index])
end
redis.call('ZADD', KEYS[4], ARGV[2], ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', math.floor((now - retention) / 60000) - 1)
for index = 2, 4 do
  -- Routers of one partition share a minute's hash, and the one that keeps longest counts.
  if redis.call('PTTL', KEYS[index]) < lifetime then
    redis.call('PEXPIRE', KEYS[index], string.format('%.0f', lifetime))
  end
end
return 1
