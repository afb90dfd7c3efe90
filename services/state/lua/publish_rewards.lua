-- Publishes what a router has learnt, under a version that only grows.
-- KEYS: token, rewards. ARGV: the writer's token, version, format, snapshot, lifetime in ms, channel, notice.
-- Returns {'PUBLISHED'}, {'BEHIND', version that is there}, {'NEWER', format that is there} or {'FENCED'}.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return {'FENCED'}
end
local version = tonumber(redis.call('HGET', KEYS[2], 'version') or 0)
if tonumber(ARGV[2]) <= version then
  return {'BEHIND', version}
end
local format = tonumber(redis.call('HGET', KEYS[2], 'format') or 0)
if format > tonumber(ARGV[3]) then
  return {'NEWER', format}
end
redis.call('HSET', KEYS[2], 'version', ARGV[2], 'format', ARGV[3], 'snapshot', ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[5])
redis.call('PUBLISH', ARGV[6], ARGV[7])
return {'PUBLISHED'}
