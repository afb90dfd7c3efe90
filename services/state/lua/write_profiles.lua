-- Writes profile buckets whole, if nobody has taken the partition over.
-- KEYS: token, buckets, then a profile per bucket.
-- ARGV: the writer's token, now, then per bucket: its name, when it expires, the profile. Times in seconds.
-- Returns 1, or 0 if the writer is fenced out: then nothing was written.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[2])
for index = 3, #KEYS do
  local at = 3 * (index - 2)
  redis.call('SET', KEYS[index], ARGV[at + 2])
  redis.call('EXPIREAT', KEYS[index], ARGV[at + 1])
  redis.call('ZADD', KEYS[2], ARGV[at + 1], ARGV[at])
end
local newest = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')
if newest[2] then redis.call('EXPIREAT', KEYS[2], newest[2]) end
return 1
