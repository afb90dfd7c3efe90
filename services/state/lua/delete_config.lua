-- Forgets a resource and its generations if it is still the one that was read; keeps the answer and the audit event.
-- KEYS: config, generations, audit, answer (only with a request id).
-- ARGV: etag that was read, format, message, lifetime of the answer in ms, audit event, audit events to keep.
-- Returns {'WRITTEN'}, {'STALE'} or {'ANSWERED', message}.
if KEYS[4] then
  local answered = redis.call('HGET', KEYS[4], 'message')
  if answered then
    return {'ANSWERED', answered}
  end
end
if (redis.call('HGET', KEYS[1], 'etag') or '') ~= ARGV[1] then
  return {'STALE'}
end
redis.call('DEL', KEYS[1], KEYS[2])
redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[6], '*', 'event', ARGV[5])
if KEYS[4] then
  redis.call('HSET', KEYS[4], 'format', ARGV[2], 'message', ARGV[3])
  redis.call('PEXPIRE', KEYS[4], ARGV[4])
end
return {'WRITTEN'}
