-- Ends a lease at once, if it is still the owner's. The token stays: whoever comes next gets a greater one.
-- KEYS: lease. ARGV: owner. Returns 1 if it was ended, else 0.
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
