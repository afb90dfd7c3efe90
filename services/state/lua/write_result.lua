-- Keeps an analysis among its model's, and drops the oldest beyond what is kept.
-- KEYS: results (hash), ids (sorted set of '<id> <status>', all of score 0: ids order by time).
-- ARGV: id, status, result, least id that is kept, most results, most bytes of all, lifetime in seconds.
local id, body = ARGV[1], ARGV[3]
if redis.call('HEXISTS', KEYS[1], id) == 0 then
  redis.call('HSET', KEYS[1], id, body)
  redis.call('HINCRBY', KEYS[1], 'bytes', #body)
  redis.call('ZADD', KEYS[2], 0, id .. ' ' .. ARGV[2])
end
local function excess()
  local oldest = redis.call('ZRANGE', KEYS[2], 0, 0)[1]
  if not oldest or redis.call('ZCARD', KEYS[2]) == 1 then return nil end
  local many = redis.call('ZCARD', KEYS[2]) > tonumber(ARGV[5])
  local large = tonumber(redis.call('HGET', KEYS[1], 'bytes')) > tonumber(ARGV[6])
  local late = #redis.call('ZRANGEBYLEX', KEYS[2], '-', '(' .. ARGV[4], 'LIMIT', 0, 1) == 1
  return (many or large or late) and oldest or nil
end
local dropped = excess()
while dropped do
  local was = dropped:match('^%S+')
  redis.call('HINCRBY', KEYS[1], 'bytes', -redis.call('HSTRLEN', KEYS[1], was))
  redis.call('HDEL', KEYS[1], was)
  redis.call('ZREM', KEYS[2], dropped)
  dropped = excess()
end
redis.call('EXPIRE', KEYS[1], ARGV[7])
redis.call('EXPIRE', KEYS[2], ARGV[7])
return redis.status_reply('OK')
