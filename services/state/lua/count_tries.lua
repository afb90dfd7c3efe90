-- Sets how often an owner has tried an entry, so that one that kills its readers is noticed by the next.
-- KEYS: token, attempts.
-- ARGV: the owner's token, entry id, its tries of the entry, why the last one failed (or ''), lifetime in ms.
-- Returns {tries by all owners, why the last one failed}, or false if the owner is fenced out: then it can only
-- take back what it counted itself.
local own = 'tries:' .. ARGV[1]
local fenced = redis.call('GET', KEYS[1]) ~= ARGV[1]
if redis.call('HGET', KEYS[2], 'entry') ~= ARGV[2] then
  if fenced then return false end
  redis.call('DEL', KEYS[2])
  redis.call('HSET', KEYS[2], 'entry', ARGV[2], 'why', '')
elseif fenced and tonumber(redis.call('HGET', KEYS[2], own) or 0) <= tonumber(ARGV[3]) then
  return false
end
redis.call('HSET', KEYS[2], own, ARGV[3])
if fenced then return false end
if ARGV[4] ~= '' then
  redis.call('HSET', KEYS[2], 'why', ARGV[4])
end
redis.call('PEXPIRE', KEYS[2], ARGV[5])
local found, tries, why = redis.call('HGETALL', KEYS[2]), 0, ''
for index = 1, #found, 2 do
  if string.sub(found[index], 1, 6) == 'tries:' then
    tries = tries + tonumber(found[index + 1])
  elseif found[index] == 'why' then
    why = found[index + 1]
  end
end
return {tries, why}
