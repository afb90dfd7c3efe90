-- Removes a baseline, if it is still the one that was read.
-- KEYS: baselines, ids. ARGV: id, the baseline as it was read. Returns 1, or 0 if it is gone or another one.
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
return 1
