-- Gives a name to a uid, if nobody has it or the one who had it is known to be gone.
-- KEYS: names, listing. ARGV: name, uid, uid that is gone (or '').
-- Returns the uid that holds the name now.
local holder = redis.call('HGET', KEYS[1], ARGV[1])
if holder and holder ~= ARGV[2] and holder ~= ARGV[3] then
  return holder
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], 0, ARGV[1])
return ARGV[2]
