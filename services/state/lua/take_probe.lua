-- Takes the fleet's one lease on trying an ejected model.
-- KEYS: lease, ejections. ARGV: holder, ms that the lease lasts, model uid.
-- Returns {1 if it was taken else 0, ms now, entry of the model or ''}.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local taken = redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2])
return {taken and 1 or 0, now, redis.call('HGET', KEYS[2], ARGV[3]) or ''}
