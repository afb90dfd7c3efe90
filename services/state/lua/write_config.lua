-- Writes a resource if it is still the one that was read, and keeps the generation, the answer and the audit event.
-- KEYS: config, generations, audit, answer (only with a request id).
-- ARGV: etag that was read ('' if there was none), format, generation, etag, name, message,
--       generations to keep, lifetime of the answer in ms, lifetime of the resource in ms (0 for ever),
--       audit event, audit events to keep.
-- Returns {'WRITTEN'}, {'STALE'} or {'ANSWERED', message}.
if KEYS[4] then
  local answered = redis.call('HGET', KEYS[4], 'message')
  if answered then
    return {'ANSWERED', answered}
  end
end
local etag = redis.call('HGET', KEYS[1], 'etag') or ''
if etag == ARGV[4] then
  return {'WRITTEN'} -- by this very run, whose reply was lost
end
if etag ~= ARGV[1] then
  return {'STALE'}
end
local generation, keep, lifetime = tonumber(ARGV[3]), tonumber(ARGV[7]), tonumber(ARGV[9])
-- What does not count as a new generation is not what made this one.
if redis.call('HGET', KEYS[1], 'generation') ~= ARGV[3] then
  redis.call('HSET', KEYS[2], ARGV[3] .. ':by', ARGV[10])
end
redis.call('HSET', KEYS[1], 'format', ARGV[2], 'generation', ARGV[3], 'etag', ARGV[4], 'name', ARGV[5],
  'message', ARGV[6])
redis.call('HSET', KEYS[2], ARGV[3], ARGV[6])
redis.call('HDEL', KEYS[2], generation - keep, (generation - keep) .. ':by')
redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[11], '*', 'event', ARGV[10])
for index = 1, 2 do
  if lifetime > 0 then
    redis.call('PEXPIRE', KEYS[index], lifetime)
  else
    redis.call('PERSIST', KEYS[index])
  end
end
if KEYS[4] then
  redis.call('HSET', KEYS[4], 'format', ARGV[2], 'message', ARGV[6])
  redis.call('PEXPIRE', KEYS[4], ARGV[8])
end
return {'WRITTEN'}
