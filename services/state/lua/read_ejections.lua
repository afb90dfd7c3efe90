-- Reads what is known of ejections, and the time that their expiries are to be compared with.
-- KEYS: ejections. Returns {ms now, uid, entry, uid, entry, ...}.
local time = redis.call('TIME')
local reply = {time[1] * 1000 + math.floor(time[2] / 1000)}
for _, part in ipairs(redis.call('HGETALL', KEYS[1])) do
  reply[#reply + 1] = part
end
return reply
