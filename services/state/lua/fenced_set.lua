-- Writes whole values, if nobody has taken the partition over.
-- KEYS: token, then the keys to write. ARGV: the writer's token, lifetime in ms (0 for ever), then the values.
-- Returns 1, or 0 if the writer is fenced out: then nothing was written.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
local lifetime = tonumber(ARGV[2])
for index = 2, #KEYS do
  if lifetime > 0 then
    redis.call('SET', KEYS[index], ARGV[index + 1], 'PX', lifetime)
  else
    redis.call('SET', KEYS[index], ARGV[index + 1])
  end
end
return 1
