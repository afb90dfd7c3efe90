-- Publishes the verdict on a model, unless a later one is there, or removes it.
-- KEYS: verdicts (hash). ARGV: uid, verdict ('' to remove), its time in microseconds, format, channel.
-- Returns {version}, or {-1, format that is there}. The time stands in front of each verdict, so that two can be
-- compared here.
local format = tonumber(redis.call('HGET', KEYS[1], 'format') or 0)
if format > tonumber(ARGV[4]) then
  return {-1, format}
end
local there = redis.call('HGET', KEYS[1], ARGV[1])
local version = tonumber(redis.call('HGET', KEYS[1], 'version') or 0)
if ARGV[2] == '' then
  if not there then return {version} end
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  if there and tonumber(there:match('^%d+')) > tonumber(ARGV[3]) then return {version} end
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3] .. ' ' .. ARGV[2])
end
version = redis.call('HINCRBY', KEYS[1], 'version', 1)
redis.call('HSET', KEYS[1], 'format', ARGV[4])
redis.call('PUBLISH', ARGV[5], version)
return {version}
