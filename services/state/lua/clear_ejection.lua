-- Ends an ejection, unless a newer one has begun. What is left is a mark that it is over: silence would not be one.
-- KEYS: ejections. ARGV: model uid, number of the ejection, times, by, format, ms that the mark stays, channel.
-- Returns {'CLEARED', ms now, entry}, {'OTHER', ms now, entry that is there} or {'NEWER', format that is there}.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local number = tonumber(ARGV[2])
local held = redis.call('HGET', KEYS[1], ARGV[1])
if held then
  local old = cjson.decode(held)
  if old.format > tonumber(ARGV[5]) then
    return {'NEWER', old.format}
  end
  if old.number > number or (old.number == number and old.cleared ~= 0) then
    return {'OTHER', now, held}
  end
end
local entry = {
  format = tonumber(ARGV[5]), number = number, times = tonumber(ARGV[3]), span = 0, expires = now, began = now,
  cleared = now, reason = '', by = ARGV[4],
}
local written = cjson.encode(entry)
redis.call('HSET', KEYS[1], ARGV[1], written)
redis.call('PEXPIRE', KEYS[1], math.max(redis.call('PTTL', KEYS[1]), ARGV[6]))
redis.call('PUBLISH', ARGV[7], cjson.encode({uid = ARGV[1], now = now, entry = entry}))
return {'CLEARED', now, written}
