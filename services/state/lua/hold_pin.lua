-- KEYS: the pin. ARGV: what would be held: the variant that would be drawn and, after a space, the probability of
-- that; seconds that the pin lasts; and the variant that it may be taken from ('' for none).
-- Returns what is held from now on, and 1 if that is new, else 0.
local held = redis.call('GET', KEYS[1])
local variant = held and string.match(held, '^(%S+) ')
if not variant or variant == ARGV[3] then
  redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
  return {ARGV[1], 1}
end
redis.call('EXPIRE', KEYS[1], ARGV[2])
return {held, 0}
