-- Appends a truth unless it is known, or a later one is.
-- KEYS: stream, seen, totals, held: the truths that hold.
-- ARGV: field (prediction, row and metric), observed at (microseconds), digest of the truth, feedback id, payload,
--       most entries in the stream, when the field may be forgotten (ms since 1970).
-- Returns {'APPENDED' or 'CORRECTED', entry id}, {'DUPLICATE'}, {'ID_REUSED'}: the feedback id came before with another
-- truth; {'SUPERSEDED'}, {'FULL'} or {'TOO_MANY_REPORTS'}.
local observed, digest, feedback = tonumber(ARGV[2]), ARGV[3], ARGV[4]
-- As for rewards: nobody corrects one label so often, and what is remembered of it must end somewhere. Of each report
-- so many digits of a digest of its id, and of a digest of its truth the rest.
local REPORTS_KEPT, DIGEST, ID = 32, 16, 11

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

-- What is known of the report with the id of this one, or nil.
local function same_id(ids, one)
  for index = 1, #ids, DIGEST do
    if string.sub(ids, index, index + ID - 1) == string.sub(one, 1, ID) then
      return string.sub(ids, index, index + DIGEST - 1)
    end
  end
end

-- winner: 'observed digest' and the id of the report that holds; ids: digests of every report's id.
local function remember(winner, ids, id)
  redis.call('HSET', KEYS[2], ARGV[1], winner .. ' /' .. ids .. ' ' .. id)
  local now = redis.call('TIME')[1] * 1000
  for _, key in ipairs({KEYS[2], KEYS[4]}) do
    local lifetime = redis.call('PTTL', key)
    if lifetime < 0 or lifetime < ARGV[7] - now then
      redis.call('PEXPIREAT', key, ARGV[7])
    end
  end
end

-- A report without an id is not told from another by it.
local own = ''
if feedback ~= '' then
  own = string.sub(redis.sha1hex(feedback), 1, ID) .. string.sub(digest, 1, DIGEST - ID)
end
local winner, ids = ARGV[2] .. ' ' .. digest, own
local seen = redis.call('HGET', KEYS[2], ARGV[1])
if seen then
  local at, known, earlier_ids, id = string.match(seen, '^(%d+) (%x+) /(%x*) (.*)$')
  at = tonumber(at)
  -- A retry may carry a new time of receipt: it changes nothing all the same, least of all a correction since.
  local before = own ~= '' and same_id(earlier_ids, own)
  if before then
    return {before == own and 'DUPLICATE' or 'ID_REUSED'}
  end
  local same = known == digest or (observed == at and id == feedback)
  if #earlier_ids + #own > REPORTS_KEPT * DIGEST then
    return {same and 'DUPLICATE' or 'TOO_MANY_REPORTS'}
  end
  ids = earlier_ids .. own
  local earlier = observed < at or (observed == at and less(feedback, id))
  if same or earlier then
    if known == digest and not earlier then
      remember(winner, ids, feedback) -- the same seen later by another: what lies between is superseded
    elseif own ~= '' then
      remember(string.match(seen, '^%d+ %x+'), ids, id)
    end
    return {same and 'DUPLICATE' or 'SUPERSEDED'}
  end
end
if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[6]) then
  return {'FULL'}
end
redis.call('HINCRBY', KEYS[3], 'entries', 1)
local entry = redis.call('XADD', KEYS[1], '*', 'truth', ARGV[5])
redis.call('HSET', KEYS[4], ARGV[1], ARGV[5])
remember(winner, ids, feedback)
return {seen and 'CORRECTED' or 'APPENDED', entry}
