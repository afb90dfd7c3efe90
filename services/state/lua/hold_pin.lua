-- KEYS: the pin. ARGV: the variant that would be drawn, seconds that the pin lasts, and the variant that it may
-- be taken from ('' for none). Returns the variant that is held from now on.
local held = redis.call('GET', KEYS[1])
if not held or held == ARGV[3] then
  redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
  return ARGV[1]
end
redis.call('EXPIRE', KEYS[1], ARGV[2])
return held
