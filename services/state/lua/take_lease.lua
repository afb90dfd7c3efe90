-- Takes or renews the lease on a partition. A new owner gets a greater token than all before.
-- KEYS: lease, token. ARGV: owner, ms that the lease lasts.
-- Returns the token of the lease, or 0 if it is somebody else's.
local holder = redis.call('GET', KEYS[1])
if holder == ARGV[1] then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return tonumber(redis.call('GET', KEYS[2]))
end
if holder then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return redis.call('INCR', KEYS[2])
