-- Finds where a consumer group stands in a stream; makes group and stream where there are none.
-- KEYS: stream, token, totals. ARGV: the owner's token, group.
-- Returns the id of the last entry that the group has done, or false if the owner is fenced out.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
  return false
end
local length = 0
if redis.call('EXISTS', KEYS[1]) == 1 then
  for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
    local about = {}
    for index = 1, #group, 2 do
      about[group[index]] = group[index + 1]
    end
    if about['name'] == ARGV[2] then
      return about['last-delivered-id']
    end
  end
  length = redis.call('XLEN', KEYS[1])
end
redis.call('XGROUP', 'CREATE', KEYS[1], ARGV[2], '0', 'MKSTREAM')
-- Counts as done what is no longer there to do.
local appended = tonumber(redis.call('HGET', KEYS[3], 'entries') or 0)
redis.call('HSET', KEYS[3], 'done:' .. ARGV[2], math.max(0, appended - length))
return '0-0'
