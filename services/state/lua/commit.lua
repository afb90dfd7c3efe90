-- Records that a group has done everything up to an entry, and drops what every group has done.
-- KEYS: stream, token, attempts, totals.
-- ARGV: the owner's token, group, entry id, entries done since the last commit, then all groups of the stream.
-- Returns 1, or 0 if the owner is fenced out: then nothing changed.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
  return 0
end
local done = {}
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local about = {}
  for index = 1, #group, 2 do
    about[group[index]] = group[index + 1]
  end
  done[about['name']] = about['last-delivered-id']
end
if done[ARGV[2]] ~= ARGV[3] then -- else it is this commit once more, whose reply was lost
  redis.call('XGROUP', 'SETID', KEYS[1], ARGV[2], ARGV[3])
  redis.call('HINCRBY', KEYS[4], 'done:' .. ARGV[2], ARGV[4])
  done[ARGV[2]] = ARGV[3]
end
redis.call('DEL', KEYS[3])
local least_ms, least_seq
for index = 5, #ARGV do
  local id = done[ARGV[index]]
  if not id then
    return 1 -- a group that has not begun still needs everything
  end
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  ms, seq = tonumber(ms), tonumber(seq)
  if not least_ms or ms < least_ms or (ms == least_ms and seq < least_seq) then
    least_ms, least_seq = ms, seq
  end
end
-- The id after the least one: MINID keeps the entry that it names.
redis.call('XTRIM', KEYS[1], 'MINID', string.format('%.0f-%.0f', least_ms, least_seq + 1))
return 1
