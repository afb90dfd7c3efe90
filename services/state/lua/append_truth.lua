-- Appends a truth unless it is known, or a later one is.
-- KEYS: stream, seen, totals.
-- ARGV: field (prediction, row and metric), observed at (microseconds), digest of the truth, feedback id, payload,
--       most entries in the stream, when the field may be forgotten (ms since 1970).
-- Returns {'APPENDED' or 'CORRECTED', entry id}, {'DUPLICATE'}, {'SUPERSEDED'} or {'FULL'}.
local observed, digest, feedback = tonumber(ARGV[2]), ARGV[3], ARGV[4]

-- Byte by byte: Lua's < follows the server's locale.
local function less(a, b)
  for index = 1, math.min(#a, #b) do
    local x, y = string.byte(a, index), string.byte(b, index)
    if x ~= y then
      return x < y
    end
  end
  return #a < #b
end

local function remember()
  redis.call('HSET', KEYS[2], ARGV[1], ARGV[2] .. ' ' .. digest .. ' ' .. feedback)
  local time = redis.call('TIME')
  local lifetime = redis.call('PTTL', KEYS[2])
  if lifetime < 0 or lifetime < ARGV[7] - time[1] * 1000 then
    redis.call('PEXPIREAT', KEYS[2], ARGV[7])
  end
end

local seen = redis.call('HGET', KEYS[2], ARGV[1])
if seen then
  local at, known, id = string.match(seen, '^(%d+) (%x+) (.*)$')
  at = tonumber(at)
  local earlier = observed < at or (observed == at and less(feedback, id))
  if known == digest or (observed == at and id == feedback) then
    if not earlier and known == digest then
      remember() -- the same once more, seen later: what lies between is superseded
    end
    return {'DUPLICATE'}
  end
  if earlier then
    return {'SUPERSEDED'}
  end
end
if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[6]) then
  return {'FULL'}
end
redis.call('HINCRBY', KEYS[3], 'entries', 1)
local entry = redis.call('XADD', KEYS[1], '*', 'truth', ARGV[5])
remember()
return {seen and 'CORRECTED' or 'APPENDED', entry}
