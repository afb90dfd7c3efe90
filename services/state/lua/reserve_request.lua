-- Keeps what a request id was first used for, for a day.
-- KEYS: the request. ARGV: fingerprint, uid, lifetime in ms.
-- Returns {fingerprint, uid} of the first use.
local kept = redis.call('HMGET', KEYS[1], 'fingerprint', 'uid')
if kept[1] then
  return kept
end
redis.call('HSET', KEYS[1], 'fingerprint', ARGV[1], 'uid', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return {ARGV[1], ARGV[2]}
