-- Writes whole values, each with a lifetime of its own, if nobody has taken the partition over.
-- KEYS: token, then the keys to write. ARGV: the writer's token, then per key: lifetime in seconds, value.
-- Returns 1, or 0 if the writer is fenced out: then nothing was written.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
for index = 2, #KEYS do
  redis.call('SET', KEYS[index], ARGV[2 * index - 1], 'EX', ARGV[2 * index - 2])
end
return 1
