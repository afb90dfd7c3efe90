-- Writes what a look has come to, all or none, if nobody has taken the partition over.
-- KEYS: token, memory (string), alerts (hash), their ids (sorted set, all of score 0), queue (hash).
-- ARGV: the writer's token, memory, lifetime of memory and alerts in seconds, of the queue in seconds, most alerts,
-- how many alerts follow, then id and alert of each, then id and delivery of each.
-- Ids of alerts order by time: beyond the most that are kept, the oldest go.
-- Returns 1, or 0 if the writer is fenced out: then nothing was written.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
local alerts = tonumber(ARGV[6])
redis.call('SET', KEYS[2], ARGV[2], 'EX', ARGV[3])
for index = 7, 6 + 2 * alerts, 2 do
  redis.call('HSET', KEYS[3], ARGV[index], ARGV[index + 1])
  redis.call('ZADD', KEYS[4], 0, ARGV[index])
end
if alerts > 0 then
  local excess = redis.call('HLEN', KEYS[3]) - tonumber(ARGV[5])
  if excess > 0 then
    for _, oldest in ipairs(redis.call('ZRANGE', KEYS[4], 0, excess - 1)) do
      redis.call('HDEL', KEYS[3], oldest)
      redis.call('ZREM', KEYS[4], oldest)
    end
  end
  redis.call('EXPIRE', KEYS[3], ARGV[3])
  redis.call('EXPIRE', KEYS[4], ARGV[3])
end
for index = 7 + 2 * alerts, #ARGV, 2 do
  redis.call('HSET', KEYS[5], ARGV[index], ARGV[index + 1])
  redis.call('EXPIRE', KEYS[5], ARGV[4])
end
return 1
