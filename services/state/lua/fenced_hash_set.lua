-- Writes fields of a hash, if nobody has taken the partition over.
-- KEYS: token, hash. ARGV: the writer's token, lifetime in ms (0 leaves it as it is), then fields and values.
-- Returns 1, or 0 if the writer is fenced out: then nothing was written.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
for index = 3, #ARGV, 2 do
  redis.call('HSET', KEYS[2], ARGV[index], ARGV[index + 1])
end
if tonumber(ARGV[2]) > 0 then
  redis.call('PEXPIRE', KEYS[2], ARGV[2])
end
return 1
