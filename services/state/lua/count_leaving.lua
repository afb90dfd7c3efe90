-- Counts the deletions of a name that are under way; where none is left, nothing is.
-- KEYS: leaving. ARGV: 1 or -1, seconds that a forgotten count lasts.
if redis.call('INCRBY', KEYS[1], ARGV[1]) > 0 then
  redis.call('EXPIRE', KEYS[1], ARGV[2])
else
  redis.call('DEL', KEYS[1])
end
