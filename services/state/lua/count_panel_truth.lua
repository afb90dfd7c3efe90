-- Counts who of a panel was right about one row, exactly once: replay, reorder and retry leave the same state.
-- KEYS  1 reports applied in the prediction's minute (hash)  2 counts of the panel's hour (hash)
-- ARGV  1 report: prediction id, row  2 observed, in microseconds  3 feedback id  4 now  5 end of the horizon
--       6 lifetime of KEYS[1]  7 of KEYS[2]  8 format  9 fields that KEYS[2] holds before a new report is refused
--       10.. fields to count the row in. Times from 4 on are in seconds.
-- Returns ACCEPTED, CORRECTED, SUPERSEDED, EXPIRED, FULL, or {NEWER_FORMAT, format}.

-- The < of Lua follows the server's locale; ids must order as bytes everywhere.
local function less(a, b)
  for at = 1, math.min(#a, #b) do
    local x, y = a:byte(at), b:byte(at)
    if x ~= y then return x < y end
  end
  return #a < #b
end

local format = tonumber(redis.call('HGET', KEYS[2], 'format') or 0)
if format > tonumber(ARGV[8]) then return {'NEWER_FORMAT', tostring(format)} end
if tonumber(ARGV[4]) >= tonumber(ARGV[5]) then return {'EXPIRED'} end

local observed, id, status, changes = tonumber(ARGV[2]), ARGV[3], 'ACCEPTED', {}
local before = redis.call('HGET', KEYS[1], ARGV[1])
if before then
  local was = cjson.decode(before)
  local then_observed = tonumber(was[1])
  if then_observed > observed or (then_observed == observed and not less(was[2], id)) then return {'SUPERSEDED'} end
  status = 'CORRECTED'
  for index = 3, #was do changes[was[index]] = -1 end
elseif redis.call('HLEN', KEYS[2]) >= tonumber(ARGV[9]) then
  return {'FULL'}
end
-- As text: JSON would round a number of microseconds.
local said = {ARGV[2], id}
for index = 10, #ARGV do
  said[#said + 1] = ARGV[index]
  changes[ARGV[index]] = (changes[ARGV[index]] or 0) + 1
end

-- Everything is read and computed by here; what follows only writes.
redis.call('HSET', KEYS[1], ARGV[1], cjson.encode(said))
if redis.call('TTL', KEYS[1]) < tonumber(ARGV[6]) then redis.call('EXPIRE', KEYS[1], ARGV[6]) end
redis.call('HSET', KEYS[2], 'format', ARGV[8])
for field, change in pairs(changes) do
  if change ~= 0 then redis.call('HINCRBY', KEYS[2], field, change) end
end
redis.call('EXPIRE', KEYS[2], ARGV[7])
return {status}
