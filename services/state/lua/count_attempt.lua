-- Counts how often an entry was tried, so that one that kills its readers is noticed by the next.
-- KEYS: token, attempts. ARGV: the owner's token, entry id, 1 to count or -1 to take back, lifetime in ms.
-- Returns the count, or -1 if the owner is fenced out.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return -1
end
if redis.call('HGET', KEYS[2], 'entry') ~= ARGV[2] then
  redis.call('HSET', KEYS[2], 'entry', ARGV[2], 'count', 0)
end
local count = redis.call('HINCRBY', KEYS[2], 'count', ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return count
