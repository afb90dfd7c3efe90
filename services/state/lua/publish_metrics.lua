-- Publishes metrics of models under the next version, with what they replace, or says that they were computed
-- again and are the same.
-- KEYS: token, metrics (hash), log (stream).
-- ARGV: the writer's token, the version, format, when it was computed, versions that the log keeps, what is
--       replaced, channel, then uids and values; an empty value removes. Without any, only the time is written.
-- Returns {'PUBLISHED'}, {'BEHIND', version that is there}, {'NEWER', format that is there} or {'FENCED'}.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return {'FENCED'}
end
local format = tonumber(redis.call('HGET', KEYS[2], 'format') or 0)
if format > tonumber(ARGV[3]) then
  return {'NEWER', format}
end
local version = tonumber(redis.call('HGET', KEYS[2], 'version') or 0)
local changes = #ARGV > 7
if tonumber(ARGV[2]) ~= version + (changes and 1 or 0) then
  return {'BEHIND', version}
end
redis.call('HSET', KEYS[2], 'format', ARGV[3], 'version', ARGV[2], 'computed', ARGV[4])
if not changes then
  return {'PUBLISHED'}
end
for index = 8, #ARGV, 2 do
  if ARGV[index + 1] == '' then
    redis.call('HDEL', KEYS[2], ARGV[index])
  else
    redis.call('HSET', KEYS[2], ARGV[index], ARGV[index + 1])
  end
end
redis.call('XADD', KEYS[3], 'MAXLEN', ARGV[5], ARGV[2] .. '-0', 'undo', ARGV[6])
redis.call('PUBLISH', ARGV[7], ARGV[2])
return {'PUBLISHED'}
