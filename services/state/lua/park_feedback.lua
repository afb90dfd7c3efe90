-- Keeps feedback whose prediction is not recorded yet, to be tried again when it is due.
--
-- KEYS  1 due times (sorted set)  2 items (hash)
-- ARGV  1 id  2 item  3 due, in seconds  4 most items  5 lifetime in seconds  6 '1' to make room when full
-- Returns {'PARKED'}, {'DUPLICATE', the item that is kept}, {'FULL'}, or {'EVICTED'} when another item had to go.
local kept = redis.call('HGET', KEYS[2], ARGV[1])
if kept then return {'DUPLICATE', kept} end
local status = 'PARKED'
if redis.call('HLEN', KEYS[2]) >= tonumber(ARGV[4]) then
  if ARGV[6] ~= '1' then return {'FULL'} end
  -- Waits grow with age, so the farthest due is the one that has waited in vain for longest.
  local gone = redis.call('ZPOPMAX', KEYS[1])
  redis.call('HDEL', KEYS[2], gone[1])
  status = 'EVICTED'
end
redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[5])
redis.call('EXPIRE', KEYS[2], ARGV[5])
return {status}
