-- Counts how often an entry was tried, so that one that kills its readers is noticed by the next.
-- KEYS: token, attempts.
-- ARGV: the owner's token, entry id, 1 to count or -1 to take back or 0, why it failed (or ''), lifetime in ms.
-- Returns {count, why it last failed}, or false if the owner is fenced out.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return false
end
if redis.call('HGET', KEYS[2], 'entry') ~= ARGV[2] then
  redis.call('HSET', KEYS[2], 'entry', ARGV[2], 'count', 0, 'why', '')
end
local count = redis.call('HINCRBY', KEYS[2], 'count', ARGV[3])
if ARGV[4] ~= '' then
  redis.call('HSET', KEYS[2], 'why', ARGV[4])
end
redis.call('PEXPIRE', KEYS[2], ARGV[5])
return {count, redis.call('HGET', KEYS[2], 'why')}
