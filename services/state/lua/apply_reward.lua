-- Counts one reward exactly once: replay, duplicate, reorder and retry leave the same state.
--
-- KEYS  1 statistics (hash)  2 window of the arm (string)  3 reports applied in the prediction's minute (hash)
--       4.. outcomes of the prediction's buckets of time (hash), one for each cell that the report is counted in
-- ARGV  1 report: prediction id, row and measure  2 arm  3 place in the window: 20 bytes, id then row
--       4 value in millionths of the range, 0 to 1000000  5 observed, in microseconds  6 feedback id
--       7 rewards the window holds  8 now  9 end of the horizon  10 lifetime of KEYS[3]  11 of KEYS[1,2]
--       12 channel to tell of a change, or ''  13 message for it  14 format. Times from 8 on are in seconds.
--       15 what a second report does: REPLACE, FIRST or SUM  16 the value that stands for 0, in whole millionths
--       17 format of KEYS[4..]  18.. for each of them: its lifetime, how many cells it holds before a new one is
--       refused, the cell that the report is counted in, and the cell that takes in what is refused
-- Returns {status, version}; the version counts the distinct reports seen.
local MILLION, ENTRY, PLACE = 1000000, 24, 20
-- Nobody corrects one label so often; a reporter gone wild must not grow a record without end.
local REPORTS_KEPT, DIGEST = 32, 16
local ARMS_KEPT = 256
-- The window's string is cut when it is this much too long: rewriting it for every reward would add 24 kB a
-- reward to the server's log, appending adds 24 bytes. What is surplus is older than the window, and not read.
local SPARE = 250

local report, arm, place, value, observed = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local limit, now, horizon = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local repeats, zero = ARGV[15], tonumber(ARGV[16])
-- Observed later than anything: the verdict of a rule, which holds whatever is reported.
local FINAL = 9007199254740991
-- No reporter's id has a control character: what stands behind this one is a sum, and no id.
local SUM = '\31sum:'

-- The < of Lua follows the server's locale; ids and places must order as bytes everywhere.
local function less(a, b)
  for at = 1, math.min(#a, #b) do
    local x, y = a:byte(at), b:byte(at)
    if x ~= y then return x < y end
  end
  return #a < #b
end

local function text(number) return string.format('%.0f', number) end
local function squared(units) return math.floor((units * units + MILLION / 2) / MILLION) end

-- Entries of the window from `first` to `last`, counted from 0.
local function entries(first, last)
  return redis.call('GETRANGE', KEYS[2], first * ENTRY, (last + 1) * ENTRY - 1)
end

local function units_of(packed)
  local total = 0
  for at = PLACE + 1, #packed, ENTRY do total = total + struct.unpack('>I4', packed, at) end
  return total
end

-- How many entries stand before `place`. Almost always all of them do, so the last one is looked at first.
local function position(count)
  if count == 0 or less(entries(count - 1, count - 1):sub(1, PLACE), place) then return count end
  local packed, low, high = entries(0, count - 1), 0, count
  while low < high do
    local middle = math.floor((low + high) / 2)
    if less(packed:sub(middle * ENTRY + 1, middle * ENTRY + PLACE), place) then
      low = middle + 1
    else
      high = middle
    end
  end
  return low
end

-- The known ids of a report stay sorted, so that they too are the same in whatever order they came.
local function with_digest(known, digest)
  for at = 1, #known, DIGEST do
    local one = known:sub(at, at + DIGEST - 1)
    if one == digest then return nil end
    if less(digest, one) then return known:sub(1, at - 1) .. digest .. known:sub(at) end
  end
  return known .. digest
end

if not (value and value >= 0 and value <= MILLION and value % 1 == 0) then
  return redis.error_reply('ERR value must be whole millionths, 0 to 1000000')
end
if not (observed and observed >= 0 and limit and limit >= 1 and #place == PLACE and zero and zero % 1 == 0) then
  return redis.error_reply('ERR observed, window or place is malformed')
end

local stored = redis.call('HMGET', KEYS[1], 'version', 'arms', 'format', 'n:' .. arm, 'sum:' .. arm, 'squares:' .. arm,
  'window_n:' .. arm, 'window_sum:' .. arm, 'since')
local version, arms = tonumber(stored[1] or 0), tonumber(stored[2] or 0)
local n, sum, squares = tonumber(stored[4] or 0), tonumber(stored[5] or 0), tonumber(stored[6] or 0)
local window_n, window_sum = tonumber(stored[7] or 0), tonumber(stored[8] or 0)

if tonumber(stored[3] or 0) > tonumber(ARGV[14]) then return {'NEWER_FORMAT', stored[3]} end

if now >= horizon then return {'EXPIRED', text(version)} end
-- The rewards were reset since the prediction: it is counted by time, and no arm learns from it.
local forgotten = stored[9] and less(place, stored[9])
if not (stored[4] or forgotten) and arms >= ARMS_KEPT then return {'TOO_MANY_ARMS', text(version)} end

local status, was, digest = 'ACCEPTED', nil, redis.sha1hex(ARGV[6]):sub(1, DIGEST)
local known, winner = digest, ARGV[5] .. ' ' .. ARGV[4]
local id = ARGV[6]

local function held(units) return math.max(0, math.min(MILLION, units)) end

-- Whether a report counts instead of the one that holds.
local function wins(then_observed, then_id)
  if then_observed == FINAL or observed == FINAL then return observed > then_observed end
  if repeats == 'FIRST' then
    return observed < then_observed or (observed == then_observed and less(id, then_id))
  end
  return then_observed < observed or (then_observed == observed and less(then_id, id))
end

if repeats == 'SUM' and observed < FINAL then id = SUM .. text(value - zero) end
local before = redis.call('HGET', KEYS[3], report)
if before then
  local then_observed, then_value, then_known, then_id = before:match('^(%d+) (%d+) (%x+) (.*)$')
  known = with_digest(then_known, digest)
  if not known then return {'DUPLICATE', text(version)} end
  if #known > REPORTS_KEPT * DIGEST then return {'TOO_MANY_REPORTS', text(version)} end
  then_observed, was = tonumber(then_observed), tonumber(then_value)
  if repeats == 'SUM' and observed < FINAL and then_observed < FINAL then
    -- What was reported under another rule is the first of what is added up.
    local sum = (tonumber(then_id:match('^' .. SUM .. '(%-?%d+)$') or was - zero)) + value - zero
    value, id = held(sum + zero), SUM .. text(sum)
    winner = text(math.max(then_observed, observed)) .. ' ' .. text(value)
  elseif wins(then_observed, then_id) then
    status = 'CORRECTED'
  else
    status, value, id, winner = 'SUPERSEDED', was, then_id, before:match('^%d+ %d+')
  end
end

-- Which cell a report is in never changes: a bucket's hash only grows, so what found no room never will.
local cells = {}
for index = 4, #KEYS do
  local there = tonumber(redis.call('HGET', KEYS[index], 'format') or 0)
  if there > tonumber(ARGV[17]) then return {'NEWER_FORMAT', text(there)} end
  local about = 18 + 4 * (index - 4)
  local most, cell, elsewhere = tonumber(ARGV[about + 1]), ARGV[about + 2], ARGV[about + 3]
  local room = redis.call('HEXISTS', KEYS[index], 'n:' .. cell) == 1 or redis.call('HLEN', KEYS[index]) < 2 * most
  cells[index] = room and cell or elsewhere
end

-- The window of the arm with the report in it: where to write what, and its new sums.
local function windowed()
  local count = redis.call('STRLEN', KEYS[2]) / ENTRY
  local at = position(count)
  local first = math.max(count - limit, 0)
  if window_n ~= count - first then
    -- The router wants another number of rewards than it did.
    window_n, window_sum = count - first, units_of(entries(first, count - 1))
  end
  local entry, write = place .. struct.pack('>I4', value), false
  if was then
    sum, squares = sum + value - was, squares + squared(value) - squared(was)
    write = at < count and entries(at, at):sub(1, PLACE) == place and entry
    if write and at >= first then window_sum = window_sum + value - was end
  else
    n, sum, squares = n + 1, sum + value, squares + squared(value)
    if count - at < limit then
      write = entry .. (at < count and entries(at, count - 1) or '')
      window_n, window_sum = window_n + 1, window_sum + value
      if window_n > limit then
        -- Whoever falls out is the oldest, unless that is the new one itself, which is not written then.
        window_n, window_sum = limit, window_sum - units_of(entries(first, first))
      end
    end
  end
  return at, write
end

local at, write
if not forgotten then at, write = windowed() end

-- Everything is read and computed by here; what follows only writes.
if write then redis.call('SETRANGE', KEYS[2], at * ENTRY, write) end
redis.call('HSET', KEYS[3], report, winner .. ' ' .. known .. ' ' .. id)
if redis.call('TTL', KEYS[3]) < tonumber(ARGV[10]) then redis.call('EXPIRE', KEYS[3], ARGV[10]) end
if not forgotten then
  local count = redis.call('STRLEN', KEYS[2]) / ENTRY
  if count > limit + SPARE then redis.call('SET', KEYS[2], entries(count - limit, count - 1)) end
  version = version + 1
  redis.call('HSET', KEYS[1], 'version', text(version), 'arms', text(arms + (stored[4] and 0 or 1)),
    'format', ARGV[14], 'n:' .. arm, text(n), 'sum:' .. arm, text(sum), 'squares:' .. arm, text(squares),
    'window_n:' .. arm, text(window_n), 'window_sum:' .. arm, text(window_sum))
  redis.call('EXPIRE', KEYS[1], ARGV[11])
  redis.call('EXPIRE', KEYS[2], ARGV[11])
end
for index = 4, #KEYS do
  redis.call('HSET', KEYS[index], 'format', ARGV[17])
  redis.call('HINCRBY', KEYS[index], 'n:' .. cells[index], was and 0 or 1)
  redis.call('HINCRBY', KEYS[index], 'sum:' .. cells[index], text(was and value - was or value))
  redis.call('EXPIRE', KEYS[index], ARGV[18 + 4 * (index - 4)])
end
if forgotten then return {'FORGOTTEN', text(version)} end
if ARGV[12] ~= '' then redis.call('PUBLISH', ARGV[12], ARGV[13]) end
return {status, text(version)}
