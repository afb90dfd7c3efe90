-- Forgets a resource and its generations if it is still the one that was read, and keeps the answer.
-- KEYS: config, generations, answer (only with a request id).
-- ARGV: etag that was read, format, message, lifetime of the answer in ms.
-- Returns {'WRITTEN'}, {'STALE'} or {'ANSWERED', message}.
if KEYS[3] then
  local answered = redis.call('HGET', KEYS[3], 'message')
  if answered then
    return {'ANSWERED', answered}
  end
end
if (redis.call('HGET', KEYS[1], 'etag') or '') ~= ARGV[1] then
  return {'STALE'}
end
redis.call('DEL', KEYS[1], KEYS[2])
if KEYS[3] then
  redis.call('HSET', KEYS[3], 'format', ARGV[2], 'message', ARGV[3])
  redis.call('PEXPIRE', KEYS[3], ARGV[4])
end
return {'WRITTEN'}
