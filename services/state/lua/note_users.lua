-- Keeps which routers of a partition a model served, if nobody has taken the partition over.
-- KEYS: token, routers (sorted set by the last minute of it).
-- ARGV: the writer's token, lifetime in ms, most routers, then minutes and routers.
-- Returns 1, or 0 if the writer is fenced out: then nothing was written.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
for index = 4, #ARGV, 2 do
  redis.call('ZADD', KEYS[2], 'GT', ARGV[index], ARGV[index + 1])
end
redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -1 - ARGV[3])
if redis.call('PTTL', KEYS[2]) < tonumber(ARGV[2]) then
  redis.call('PEXPIRE', KEYS[2], ARGV[2])
end
return 1
