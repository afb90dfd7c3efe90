-- Appends predictions that were made elsewhere to a partition's stream, as one batch; each of them once.
--
-- KEYS  1 stream  2 totals (hash), then two of each prediction: its id by the key that it is known by (string),
--       records of its minute (hash)
-- ARGV  1 head of the batch  2 most bytes in the stream, then three of each prediction: its id, how long it is
--       known by its key in ms, itself as a field of the batch
-- Returns {'FULL'}, or {'DONE'} and of each prediction the id that it was logged under before, or ''.
-- Entries are as append_batch.lua writes them: whoever reads one kind reads the other.
local count = (#ARGV - 2) / 3
local most, size = tonumber(ARGV[2]), #ARGV[1]
local told, fresh, taken = {'DONE'}, {}, {}
for index = 1, count do
  local known, records = KEYS[2 * index + 1], KEYS[2 * index + 2]
  local id, before = ARGV[3 * index], taken[known] or redis.call('GET', known)
  if not before and redis.call('HEXISTS', records, id) == 1 then before = id end
  told[index + 1] = before or ''
  if not before then
    taken[known] = id
    fresh[#fresh + 1] = index
    size = size + #ARGV[3 * index + 2]
  end
end
if #fresh == 0 then return told end

local counted = redis.call('HMGET', KEYS[2], 'bytes', 'bytes_trimmed')
local bytes, trimmed = tonumber(counted[1] or 0), tonumber(counted[2] or 0)
if bytes - trimmed + size > most then
  -- Readers trim without counting; the oldest entry that they left says how much went in before it.
  local oldest = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
  trimmed = oldest and tonumber(oldest[2][4]) or bytes
  if oldest and bytes - trimmed + size > most then return {'FULL'} end
  redis.call('HSET', KEYS[2], 'bytes_trimmed', trimmed)
end
local parts = {ARGV[1]}
for _, index in ipairs(fresh) do
  parts[#parts + 1] = ARGV[3 * index + 2]
  redis.call('SET', KEYS[2 * index + 1], ARGV[3 * index], 'PX', ARGV[3 * index + 1])
end
-- Fields of a message that follow each other are one message.
redis.call('XADD', KEYS[1], '*', 'batch', table.concat(parts), 'bytes_before', counted[1] or '0')
redis.call('HINCRBY', KEYS[2], 'entries', 1)
redis.call('HINCRBY', KEYS[2], 'events', #fresh)
redis.call('HINCRBY', KEYS[2], 'bytes', size)
return told
