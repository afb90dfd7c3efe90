-- Appends a batch of events to a partition's stream; a (writer, sequence) once, sequences in their order.
--
-- KEYS  1 stream  2 totals (hash)  3 last sequence of the writer (string)
-- ARGV  1 sequence  2 batch  3 events in it  4 events that its gap reports
--       5 most bytes in the stream  6 lifetime of the last sequence in ms
-- Returns {'APPENDED', entry id}, {'DUPLICATE', last sequence} or {'FULL', bytes in the stream}.
local sequence, events, lost = tonumber(ARGV[1]), tonumber(ARGV[3]), tonumber(ARGV[4])
local most, size = tonumber(ARGV[5]), #ARGV[2]
if not (sequence and sequence >= 1 and events and lost and most and tonumber(ARGV[6])) then
  return redis.error_reply('ERR sequence, events, lost, most bytes and lifetime must be numbers')
end
local last = tonumber(redis.call('GET', KEYS[3]) or 0)
if sequence <= last then return {'DUPLICATE', last} end

local counted = redis.call('HMGET', KEYS[2], 'bytes', 'bytes_trimmed')
local bytes, trimmed = tonumber(counted[1] or 0), tonumber(counted[2] or 0)
if bytes - trimmed + size > most then
  -- Readers trim without counting; the oldest entry that they left says how much went in before it.
  local oldest = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
  trimmed = oldest and tonumber(oldest[2][4]) or bytes
  -- Whatever its size, a batch fits into an empty stream: nothing may be stuck for ever.
  if oldest and bytes - trimmed + size > most then return {'FULL', bytes - trimmed} end
  redis.call('HSET', KEYS[2], 'bytes_trimmed', trimmed)
end
local id = redis.call('XADD', KEYS[1], '*', 'batch', ARGV[2], 'bytes_before', counted[1] or '0')
redis.call('HINCRBY', KEYS[2], 'entries', 1)
redis.call('HINCRBY', KEYS[2], 'events', events)
redis.call('HINCRBY', KEYS[2], 'events_lost', lost)
redis.call('HINCRBY', KEYS[2], 'bytes', size)
redis.call('SET', KEYS[3], ARGV[1], 'PX', ARGV[6])
return {'APPENDED', id}
