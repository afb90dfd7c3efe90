-- Tells whoever watches of changes of a model's alerts, each once however often it is announced.
-- KEYS: announced (hash), firing (hash), changes (stream).
-- ARGV: model's uid, most changes kept, channel, then of each change, in order: its number, the alert's name, the
-- alert, and 1 if it fires, else 0.
-- Returns how many were new.
local last = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or 0)
local new = 0
for index = 4, #ARGV, 4 do
  local number = tonumber(ARGV[index])
  if number > last then
    redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[2], '*', 'alert', ARGV[index + 2])
    if ARGV[index + 3] == '1' then
      redis.call('HSET', KEYS[2], ARGV[index + 1], ARGV[index + 2])
    else
      redis.call('HDEL', KEYS[2], ARGV[index + 1])
    end
    redis.call('HSET', KEYS[1], ARGV[1], ARGV[index])
    last, new = number, new + 1
  end
end
if new > 0 then
  redis.call('PUBLISH', ARGV[3], new)
end
return new
