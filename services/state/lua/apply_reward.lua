-- Counts one reward exactly once: replay, duplicate, reorder and retry leave the same state, byte for byte.
--
-- KEYS  1 statistics (hash)  2 window of the arm (string)  3 reports applied in the prediction's minute (hash)
-- ARGV  1 report: prediction id, row and measure  2 arm  3 place in the window: 20 bytes, id then row
--       4 value in millionths of the range, 0 to 1000000  5 observed, in microseconds  6 feedback id
--       7 rewards the window holds  8 now  9 end of the horizon  10 lifetime of KEYS[3]  11 of KEYS[1,2]
--       12 channel to tell of a change, or ''  13 message for it  14 format. Times from 8 on are in seconds.
-- Returns {status, version}; the version counts the distinct reports seen.
local MILLION, ENTRY, PLACE = 1000000, 24, 20
-- Nobody corrects one label so often; a reporter gone wild must not grow a record without end.
local REPORTS_KEPT, DIGEST = 32, 16
local ARMS_KEPT = 256

local report, arm, place, value, observed = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local limit, now, horizon = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])

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
local function units_at(window, index) return (struct.unpack('>I4', window, index * ENTRY + PLACE + 1)) end
local function place_at(window, index) return window:sub(index * ENTRY + 1, index * ENTRY + PLACE) end

-- Entries whose place is less than `place`: where it stands, or would.
local function position(window)
  local low, high = 0, #window / ENTRY
  if high > 0 and less(place_at(window, high - 1), place) then return high end
  while low < high do
    local middle = math.floor((low + high) / 2)
    if less(place_at(window, middle), place) then low = middle + 1 else high = middle end
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
if not (observed and observed >= 0 and limit and limit >= 1 and #place == PLACE) then
  return redis.error_reply('ERR observed, window or place is malformed')
end

local fields = {'n:', 'sum:', 'squares:', 'window_n:', 'window_sum:'}
for at, field in ipairs(fields) do fields[at] = field .. arm end
local stored = redis.call('HMGET', KEYS[1], 'version', 'arms', 'format', unpack(fields))
local version, arms = tonumber(stored[1] or 0), tonumber(stored[2] or 0)
local n, sum, squares = tonumber(stored[4] or 0), tonumber(stored[5] or 0), tonumber(stored[6] or 0)
local window_n, window_sum = tonumber(stored[7] or 0), tonumber(stored[8] or 0)

if tonumber(stored[3] or 0) > tonumber(ARGV[14]) then return {'NEWER_FORMAT', stored[3]} end

if now >= horizon then return {'EXPIRED', text(version)} end
if not stored[4] and arms >= ARMS_KEPT then return {'TOO_MANY_ARMS', text(version)} end

local status, was, digest = 'ACCEPTED', nil, redis.sha1hex(ARGV[6]):sub(1, DIGEST)
local known, winner = digest, ARGV[5] .. ' ' .. ARGV[4]
local id = ARGV[6]
local before = redis.call('HGET', KEYS[3], report)
if before then
  local then_observed, then_value, then_known, then_id = before:match('^(%d+) (%d+) (%x+) (.*)$')
  known = with_digest(then_known, digest)
  if not known then return {'DUPLICATE', text(version)} end
  if #known > REPORTS_KEPT * DIGEST then return {'TOO_MANY_REPORTS', text(version)} end
  then_observed, was = tonumber(then_observed), tonumber(then_value)
  if then_observed < observed or (then_observed == observed and less(then_id, id)) then
    status = 'CORRECTED'
  else
    status, value, id, winner = 'SUPERSEDED', was, then_id, before:match('^%d+ %d+')
  end
end

-- Everything is read and computed by here; what follows only writes.
local window = redis.call('GET', KEYS[2]) or ''
local at = position(window)
local head, tail = window:sub(1, at * ENTRY), window:sub(at * ENTRY + 1)
local entry = place .. struct.pack('>I4', value)
if was then
  sum, squares = sum + value - was, squares + squared(value) - squared(was)
  if tail:sub(1, PLACE) == place then
    window, window_sum = head .. entry .. tail:sub(ENTRY + 1), window_sum + value - was
  end
else
  n, sum, squares = n + 1, sum + value, squares + squared(value)
  window, window_n, window_sum = head .. entry .. tail, window_n + 1, window_sum + value
end
local surplus = math.max(window_n - limit, 0)
for index = 0, surplus - 1 do window_sum = window_sum - units_at(window, index) end
window, window_n = window:sub(surplus * ENTRY + 1), window_n - surplus

redis.call('HSET', KEYS[3], report, winner .. ' ' .. known .. ' ' .. id)
if redis.call('TTL', KEYS[3]) < tonumber(ARGV[10]) then redis.call('EXPIRE', KEYS[3], ARGV[10]) end
redis.call('HSET', KEYS[1], 'version', text(version + 1), 'arms', text(arms + (stored[4] and 0 or 1)),
  'format', ARGV[14],
  fields[1], text(n), fields[2], text(sum), fields[3], text(squares),
  fields[4], text(window_n), fields[5], text(window_sum))
redis.call('SET', KEYS[2], window)
redis.call('EXPIRE', KEYS[1], ARGV[11])
redis.call('EXPIRE', KEYS[2], ARGV[11])
if ARGV[12] ~= '' then redis.call('PUBLISH', ARGV[12], ARGV[13]) end
return {status, text(version + 1)}
