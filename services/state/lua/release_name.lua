-- Frees a name, unless somebody else has it by now.
-- KEYS: names, listing. ARGV: name, uid. Returns 1 if it was freed, else 0.
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then
  return 0
end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
return 1
