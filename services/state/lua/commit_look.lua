-- Writes what a look has come to, all or none, if nobody has taken the partition over.
-- KEYS: token, memory (string), alerts (hash), their ids (sorted set, all of score 0), queue (hash), dead letters
-- (stream).
-- ARGV: the writer's token, memory, lifetime of memory and alerts in seconds, of the queue in seconds, most alerts,
-- how many alerts follow, most deliveries that wait, most dead letters, their lifetime in seconds, then id and alert
-- of each alert, then id and delivery of each delivery.
-- Ids of alerts order by time: beyond the most that are kept, the oldest go. Deliveries for which there is no room
-- are dead at once.
-- Returns how many those are, or -1 if the writer is fenced out: then nothing was written.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return -1
end
local alerts = tonumber(ARGV[6])
redis.call('SET', KEYS[2], ARGV[2], 'EX', ARGV[3])
for index = 10, 9 + 2 * alerts, 2 do
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
local dead = 0
for index = 10 + 2 * alerts, #ARGV, 2 do
  if redis.call('HLEN', KEYS[5]) < tonumber(ARGV[7]) or redis.call('HEXISTS', KEYS[5], ARGV[index]) == 1 then
    redis.call('HSET', KEYS[5], ARGV[index], ARGV[index + 1])
    redis.call('EXPIRE', KEYS[5], ARGV[4])
  else
    redis.call('XADD', KEYS[6], 'MAXLEN', '~', ARGV[8], '*', 'delivery', ARGV[index + 1], 'why', 'too many wait')
    redis.call('EXPIRE', KEYS[6], ARGV[9])
    dead = dead + 1
  end
end
return dead
