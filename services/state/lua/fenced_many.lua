-- Writes many values at once, all or none, if nobody has taken the partition over.
-- KEYS: token, then one for each operation, in their order.
-- ARGV: the writer's token, then of each operation: its kind (SET, HSET, DEL or ZREM), lifetime in seconds, field of
-- a hash or member of a sorted set ('' else), value ('' for DEL and ZREM).
-- Returns 1, or 0 if the writer is fenced out: then nothing was written.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
for index = 2, #KEYS do
  local kind = ARGV[4 * index - 6]
  if kind ~= 'SET' and kind ~= 'HSET' and kind ~= 'DEL' and kind ~= 'ZREM' then
    return redis.error_reply('ERR an operation is SET, HSET, DEL or ZREM, not ' .. tostring(kind))
  end
end
for index = 2, #KEYS do
  local at = 4 * index - 6
  local kind, lifetime, field, value = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  if kind == 'SET' then
    redis.call('SET', KEYS[index], value, 'EX', lifetime)
  elseif kind == 'HSET' then
    redis.call('HSET', KEYS[index], field, value)
    redis.call('EXPIRE', KEYS[index], lifetime)
  elseif kind == 'ZREM' then
    redis.call('ZREM', KEYS[index], field)
  else
    redis.call('DEL', KEYS[index])
  end
end
return 1
