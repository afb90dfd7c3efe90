-- Writes tallies of a day's panels, whole: again changes nothing.
-- KEYS: hash. ARGV: its lifetime in seconds, most fields, then fields and values.
-- Returns how many found no room.
local refused, most = 0, tonumber(ARGV[2])
for index = 3, #ARGV, 2 do
  if redis.call('HEXISTS', KEYS[1], ARGV[index]) == 1 or redis.call('HLEN', KEYS[1]) < most then
    redis.call('HSET', KEYS[1], ARGV[index], ARGV[index + 1])
  else
    refused = refused + 1
  end
end
redis.call('EXPIRE', KEYS[1], ARGV[1])
return refused
