-- Writes what a model was asked for by the predictions of one partition, each bucket whole, unless a later one is
-- there. The fence of that partition lies in another slot; what was folded up to an entry of its stream is the same
-- whoever folded it, so the later entry wins.
-- KEYS: counts of the model's buckets of time (hash).
-- ARGV: field, then of each bucket: entry, lifetime in seconds, value.
local function parts(entry)
  local ms, seq = entry:match('^(%d+)-(%d+)')
  return tonumber(ms or 0), tonumber(seq or 0)
end

for index, key in ipairs(KEYS) do
  local entry, lifetime, value = ARGV[3 * index - 1], ARGV[3 * index], ARGV[3 * index + 1]
  local there_ms, there_seq = parts(redis.call('HGET', key, ARGV[1]) or '')
  local ms, seq = parts(entry)
  if ms > there_ms or (ms == there_ms and seq > there_seq) then
    redis.call('HSET', key, ARGV[1], entry .. ' ' .. value)
    redis.call('EXPIRE', key, lifetime)
  end
end
return 1
