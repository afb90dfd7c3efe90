-- Writes an API key, or revokes it, with the audit event of that, and tells everybody who follows the keys.
-- KEYS: keys, version, audit. ARGV: id, record ('' to revoke), most keys, channel, audit event, audit events to keep,
-- then ids of expired keys to forget.
-- Returns 'WRITTEN', 'GONE' (nothing to revoke) or 'FULL'.
local held = redis.call('HGET', KEYS[1], ARGV[1])
if ARGV[2] == '' and not held then
  return 'GONE'
end
if held and held == ARGV[2] then
  return 'WRITTEN' -- by this very run, whose reply was lost
end
for index = 7, #ARGV do
  redis.call('HDEL', KEYS[1], ARGV[index])
end
if ARGV[2] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then
    return 'FULL'
  end
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
end
local version = redis.call('INCR', KEYS[2])
redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[6], '*', 'event', ARGV[5])
redis.call('PUBLISH', ARGV[4], ARGV[1] .. ' ' .. version)
return 'WRITTEN'
