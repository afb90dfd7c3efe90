-- Replaces the settings of a model's alerts, once per request, if they are still what was seen.
-- KEYS: settings (hash), the request (hash; the same key again where there is no request id).
-- ARGV: model's uid, settings that were seen ('' for none), new settings ('' to remove them), fingerprint of the
-- request ('' for none), its answer, lifetime of the answer in ms.
-- Returns {'WRITTEN'}, {'CHANGED'} if somebody else came first, or {'ANSWERED', fingerprint, answer}.
if ARGV[4] ~= '' then
  local kept = redis.call('HMGET', KEYS[2], 'fingerprint', 'answer')
  if kept[1] then return {'ANSWERED', kept[1], kept[2]} end
end
if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return {'CHANGED'} end
if ARGV[3] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
end
redis.call('HINCRBY', KEYS[1], 'version', 1)
if ARGV[4] ~= '' then
  redis.call('HSET', KEYS[2], 'fingerprint', ARGV[4], 'answer', ARGV[5])
  redis.call('PEXPIRE', KEYS[2], ARGV[6])
end
return {'WRITTEN'}
