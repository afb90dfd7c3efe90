-- Counts rewards of one arm exactly once each: replay, duplicate, reorder and retry leave the same state.
--
-- KEYS  1 statistics (hash)  2 window of the arm (string)  3 reports applied in the predictions' minute (hash)
--       4 minutes whose rewards drift has still to look at (sorted set, by when the first one came, in ms)
--       5.. outcomes of the predictions' buckets of time (hash), one for each cell that the reports are counted in
-- ARGV  1 arm  2 end of every report's name: learner and measure  3 rewards the window holds
--       4 lifetime of KEYS[3]  5 of KEYS[1,2]  6 channel to tell of a change, or ''  7 message for it  8 format
--       9 what a second report does: REPLACE, FIRST or SUM  10 the value that stands for 0, in whole millionths
--       11 format of KEYS[5..]  12 'now minute': the time in ms and what the minute is noted as in KEYS[4], or ''
--       13 how many reports, each of which has two arguments, from 14 on: 'units observed name id', where units are
--       the value in millionths of the range, 0 to 1000000, observed is in microseconds, and the name is prediction
--       and row; and its place in the window: 20 bytes, id then row. Behind them, for each of KEYS[5..]: its lifetime,
--       how many cells it holds before a new one is refused, the cell that the reports are counted in, and the cell
--       that takes in what is refused. Lifetimes are in seconds.
-- Returns the status of each report, or {'NEWER_FORMAT', format}.
local MILLION, ENTRY, PLACE = 1000000, 24, 20
-- Nobody corrects one label so often; a reporter gone wild must not grow a record without end.
local REPORTS_KEPT = 32
-- What is known of a report: so many digits of a digest of its id (two ids of 32 are the same once in 10^10 rows), and
-- its value in the five that are left.
local DIGEST, ID = 16, 11
local ARMS_KEPT = 256
-- Some days of one router where no drift runs that takes them away: then the oldest goes.
local MINUTES_KEPT = 5000
-- The window's string is cut when it is this much too long: rewriting it for every reward would add 24 kB a
-- reward to the server's log, appending adds 24 bytes. What is surplus is older than the window, and not read.
local SPARE = 250

local arm, suffix, limit = ARGV[1], ARGV[2], tonumber(ARGV[3])
local repeats, zero, noted, reports = ARGV[9], tonumber(ARGV[10]), ARGV[12], tonumber(ARGV[13])
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
local function position(count, place)
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

-- The known ids of a report stay sorted, so that they too are the same in whatever order they came. Nil if this one is
-- among them, and whether it came with another value then.
local function with_digest(known, digest)
  for at = 1, #known, DIGEST do
    local one = known:sub(at, at + DIGEST - 1)
    if one:sub(1, ID) == digest:sub(1, ID) then return nil, one ~= digest end
    if less(digest, one) then return known:sub(1, at - 1) .. digest .. known:sub(at) end
  end
  return known .. digest
end

-- Everything is checked before the first write: an error keeps what was written before it.
if not (limit and limit >= 1 and zero and zero % 1 == 0 and reports and #ARGV == 13 + 2 * reports + 4 * (#KEYS - 4)) then
  return redis.error_reply('ERR window or arguments are malformed')
end
local told = {}
for index = 1, reports do
  local units, observed, name, id = ARGV[12 + 2 * index]:match('^(%-?%d+) (%-?%d+) (%S+) (.*)$')
  local value, at, place = tonumber(units), tonumber(observed), ARGV[13 + 2 * index]
  if not (value and value >= 0 and value <= MILLION) then
    return redis.error_reply('ERR value must be whole millionths, 0 to 1000000')
  end
  if not (at and at >= 0 and #place == PLACE) then
    return redis.error_reply('ERR observed or place is malformed')
  end
  told[index] = {value = value, observed = at, said = observed, report = name .. suffix, id = id, place = place}
end
local stored = redis.call('HMGET', KEYS[1], 'version', 'arms', 'format', 'n:' .. arm, 'sum:' .. arm, 'squares:' .. arm,
  'window_n:' .. arm, 'window_sum:' .. arm, 'since')
if tonumber(stored[3] or 0) > tonumber(ARGV[8]) then return {'NEWER_FORMAT', stored[3]} end
-- Which cell a report is in never changes: a bucket's hash only grows, so what found no room never will.
local cells = {}
for index = 5, #KEYS do
  local there = tonumber(redis.call('HGET', KEYS[index], 'format') or 0)
  if there > tonumber(ARGV[11]) then return {'NEWER_FORMAT', text(there)} end
  local about = 14 + 2 * reports + 4 * (index - 5)
  local most, cell, elsewhere = tonumber(ARGV[about + 1]), ARGV[about + 2], ARGV[about + 3]
  local room = redis.call('HEXISTS', KEYS[index], 'n:' .. cell) == 1 or redis.call('HLEN', KEYS[index]) < 2 * most
  cells[index] = room and cell or elsewhere
end

local version, arms = tonumber(stored[1] or 0), tonumber(stored[2] or 0)
local n, sum, squares = tonumber(stored[4] or 0), tonumber(stored[5] or 0), tonumber(stored[6] or 0)
local window_n, window_sum = tonumber(stored[7] or 0), tonumber(stored[8] or 0)
local count = redis.call('STRLEN', KEYS[2]) / ENTRY
if window_n ~= math.min(count, limit) then
  -- The router wants another number of rewards than it did.
  window_n = math.min(count, limit)
  window_sum = units_of(entries(count - window_n, count - 1))
end

local function held(units) return math.max(0, math.min(MILLION, units)) end

-- Whether a report counts instead of the one that holds.
local function wins(one, then_observed, then_id)
  if then_observed == FINAL or one.observed == FINAL then return one.observed > then_observed end
  if repeats == 'FIRST' then
    return one.observed < then_observed or (one.observed == then_observed and less(one.id, then_id))
  end
  return then_observed < one.observed or (then_observed == one.observed and less(then_id, one.id))
end

-- What a report comes to beside those that are known: its status, what it was worth before (nil for nothing), what
-- it is now, and what is remembered of it (nil where that stays).
local function judged(one)
  local digest = redis.sha1hex(one.id):sub(1, ID) .. string.format('%05x', one.value)
  local adds = repeats == 'SUM' and one.observed < FINAL
  local before = redis.call('HGET', KEYS[3], one.report)
  if not before then
    local id = adds and SUM .. text(one.value - zero) or one.id
    return 'ACCEPTED', nil, one.value, one.said .. ' ' .. text(one.value) .. ' ' .. digest .. ' ' .. id
  end
  local said, units, then_known, then_id = before:match('^(%d+) (%d+) (%x+) (.*)$')
  local then_observed, was = tonumber(said), tonumber(units)
  local known, other = with_digest(then_known, digest)
  -- The verdict of a rule is no reporter's word: another rule makes another one of it.
  if not known then return other and one.observed < FINAL and 'ID_REUSED' or 'DUPLICATE' end
  if #known > REPORTS_KEPT * DIGEST then return 'TOO_MANY_REPORTS' end
  if adds and then_observed < FINAL then
    -- What was reported under another rule is the first of what is added up.
    local total = (tonumber(then_id:match('^' .. SUM .. '(%-?%d+)$')) or was - zero) + one.value - zero
    local worth = held(total + zero)
    local last = text(math.max(then_observed, one.observed))
    return 'ACCEPTED', was, worth, last .. ' ' .. text(worth) .. ' ' .. known .. ' ' .. SUM .. text(total)
  end
  if wins(one, then_observed, then_id) then
    return 'CORRECTED', was, one.value, one.said .. ' ' .. text(one.value) .. ' ' .. known .. ' ' .. one.id
  end
  return 'SUPERSEDED', was, was, said .. ' ' .. units .. ' ' .. known .. ' ' .. then_id
end

-- Learns from a report: sums and window. The window's string is written at once, its length is kept in mind.
local function learn(one, was, value)
  local at, first = position(count, one.place), math.max(count - limit, 0)
  local entry = one.place .. struct.pack('>I4', value)
  if was then
    sum, squares = sum + value - was, squares + squared(value) - squared(was)
    if at < count and entries(at, at):sub(1, PLACE) == one.place then
      redis.call('SETRANGE', KEYS[2], at * ENTRY, entry)
      if at >= first then window_sum = window_sum + value - was end
    end
    return
  end
  n, sum, squares = n + 1, sum + value, squares + squared(value)
  if count - at >= limit then return end
  -- Whoever falls out is the oldest.
  if window_n == limit then window_sum = window_sum - units_of(entries(first, first)) else window_n = window_n + 1 end
  window_sum = window_sum + value
  redis.call('SETRANGE', KEYS[2], at * ENTRY, entry .. (at < count and entries(at, count - 1) or ''))
  count = count + 1
end

local statuses, learnt, counted, earned, changed, new = {}, 0, 0, 0, false, not stored[4]
for index, one in ipairs(told) do
  -- The rewards were reset since the prediction: it is counted by time, and no arm learns from it.
  local forgotten = stored[9] and less(one.place, stored[9])
  if new and not forgotten and arms >= ARMS_KEPT then
    statuses[index] = 'TOO_MANY_ARMS'
  else
    local status, was, value, remembered = judged(one)
    if remembered then
      redis.call('HSET', KEYS[3], one.report, remembered)
      counted, earned = counted + (was and 0 or 1), earned + value - (was or 0)
      changed = changed or was ~= value
      if not forgotten then
        learn(one, was, value)
        learnt = learnt + 1
      end
    end
    statuses[index] = remembered and forgotten and 'FORGOTTEN' or status
  end
end

if learnt > 0 then
  if count > limit + SPARE then redis.call('SET', KEYS[2], entries(count - limit, count - 1)) end
  redis.call('HSET', KEYS[1], 'version', text(version + learnt), 'arms', text(arms + (new and 1 or 0)),
    'format', ARGV[8], 'n:' .. arm, text(n), 'sum:' .. arm, text(sum), 'squares:' .. arm, text(squares),
    'window_n:' .. arm, text(window_n), 'window_sum:' .. arm, text(window_sum))
  redis.call('EXPIRE', KEYS[1], ARGV[5])
  redis.call('EXPIRE', KEYS[2], ARGV[5])
  if ARGV[6] ~= '' then redis.call('PUBLISH', ARGV[6], ARGV[7]) end
end
if counted ~= 0 or earned ~= 0 or learnt > 0 then
  if redis.call('TTL', KEYS[3]) < tonumber(ARGV[4]) then redis.call('EXPIRE', KEYS[3], ARGV[4]) end
  local now, minute = noted:match('^(%d+) (.*)$')
  if changed and minute and redis.call('ZADD', KEYS[4], 'NX', now, minute) == 1 then
    redis.call('ZREMRANGEBYRANK', KEYS[4], 0, -MINUTES_KEPT - 1)
    redis.call('EXPIRE', KEYS[4], ARGV[5])
  end
  for index = 5, #KEYS do
    redis.call('HSET', KEYS[index], 'format', ARGV[11])
    redis.call('HINCRBY', KEYS[index], 'n:' .. cells[index], text(counted))
    redis.call('HINCRBY', KEYS[index], 'sum:' .. cells[index], text(earned))
    redis.call('EXPIRE', KEYS[index], ARGV[14 + 2 * reports + 4 * (index - 5)])
  end
end
return statuses
