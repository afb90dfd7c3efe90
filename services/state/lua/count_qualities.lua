-- Counts how right the answers to some rows were, each exactly once: replay, reorder and retry leave the same state.
-- KEYS  1 reports applied in the predictions' minute (hash)  2.. counts of the predictions' buckets of time (hash)
-- ARGV  1 lifetime of KEYS[1]  2 format of KEYS[2..]  3 fields that each of these holds  then the lifetime of each of
--       KEYS[2..], in seconds; then rows as JSON: name, observed in microseconds, feedback id, cells that count it (the
--       first one counts every row, the others segments), and pairs of a measure and what the row adds to it. Of two
--       reports of one row the one with the greater (observed, feedback id) counts.
-- Returns COUNTED, or {NEWER_FORMAT, format}. Numbers are texts in JSON.

-- The < of Lua follows the server's locale; ids must order as bytes everywhere.
local function less(a, b)
  for at = 1, math.min(#a, #b) do
    local x, y = a:byte(at), b:byte(at)
    if x ~= y then return x < y end
  end
  return #a < #b
end

local most, rows = tonumber(ARGV[3]), {}
for index = 2, #KEYS do
  local format = redis.call('HGET', KEYS[index], 'format')
  if tonumber(format or 0) > tonumber(ARGV[2]) then return {'NEWER_FORMAT', format} end
end
for index = 3 + #KEYS, #ARGV do rows[#rows + 1] = cjson.decode(ARGV[index]) end

-- Sums of all rows before they are written: a few fields for many rows. 250 rows of 36 bits are exact in a double.
local sums, length, lost = {}, {}, {}
for index = 2, #KEYS do
  sums[KEYS[index]], length[KEYS[index]] = {}, redis.call('HLEN', KEYS[index])
end

-- What found no room never will, as a bucket only grows: what is taken back and is not there was never counted. Labels
-- are refused before sums, and those of segments before what counts every row.
local function count(key, cell, at, measure, amount, taken)
  local field, there = cell .. measure, sums[key]
  if not there[field] then
    if redis.call('HEXISTS', key, field) == 0 then
      if taken then return end
      local label = measure:match('^[hfm]:')
      if length[key] >= (label and most / 2 or most) - (at > 1 and most / 4 or 0) then
        lost[#lost + 1] = {key, label and 'lost:labels' or 'lost:sums'}
        return
      end
      length[key] = length[key] + 1
    end
    there[field] = 0
  end
  there[field] = there[field] + (taken and -1 or 1) * tonumber(amount)
end

local function apply(key, cells, measures, first, taken)
  for at, cell in ipairs(cells) do
    for index = first, #measures, 2 do count(key, cell, at, measures[index], measures[index + 1], taken) end
  end
end

for _, row in ipairs(rows) do
  local name, observed, id, cells, measures = unpack(row)
  local before = redis.call('HGET', KEYS[1], name)
  local was = before and cjson.decode(before)
  local then_observed = was and tonumber(was[1]) or -1
  if tonumber(observed) > then_observed or (tonumber(observed) == then_observed and less(was[2], id)) then
    local said = {observed, id}
    for index = 1, #measures do said[#said + 1] = measures[index] end
    redis.call('HSET', KEYS[1], name, cjson.encode(said))
    for index = 2, #KEYS do
      if was then apply(KEYS[index], cells, was, 3, true) end
      apply(KEYS[index], cells, measures, 1, false)
    end
  end
end
for index = 2, #KEYS do
  local key = KEYS[index]
  for field, sum in pairs(sums[key]) do
    if sum ~= 0 then redis.call('HINCRBY', key, field, string.format('%.0f', sum)) end
  end
  if next(sums[key]) then
    redis.call('HSET', key, 'format', ARGV[2])
    redis.call('HINCRBY', key, 'version', 1)
    redis.call('EXPIRE', key, ARGV[2 + index])
  end
end
for _, one in ipairs(lost) do
  redis.call('HSET', one[1], one[2], '1')
  redis.call('HINCRBY', one[1], 'version', 1)
end
if redis.call('TTL', KEYS[1]) < tonumber(ARGV[1]) then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
return 'COUNTED'
