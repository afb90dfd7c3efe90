-- Marks buckets of a partition as incomplete, if nobody has taken the partition over.
-- KEYS: token, gaps. ARGV: the writer's token, now, then per bucket: when it expires, its name. Times in seconds.
-- Returns 1, or 0 if the writer is fenced out: then nothing was written.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[2])
for index = 3, #ARGV, 2 do
  redis.call('ZADD', KEYS[2], ARGV[index], ARGV[index + 1])
end
local newest = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')
if newest[2] then redis.call('EXPIREAT', KEYS[2], newest[2]) end
return 1
