-- Takes a model out of service, or keeps it out for longer: the expiry of an ejection only ever moves away.
-- KEYS: ejections. ARGV: model uid, number of the ejection, times, ms that it lasts, ms since it began, reason,
-- by, format, ms that an entry outlives its end, channel.
-- Returns {'EJECTED', ms now, entry} or {'NEWER', format that is there}.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local number, times, span = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local entry = {
  format = tonumber(ARGV[8]), number = number, times = times, span = span, expires = now + span,
  began = now - tonumber(ARGV[5]), cleared = 0, reason = ARGV[6], by = ARGV[7],
}
local held = redis.call('HGET', KEYS[1], ARGV[1])
if held then
  local old = cjson.decode(held)
  if old.format > entry.format then
    return {'NEWER', old.format}
  end
  if old.cleared ~= 0 then
    -- Whoever had not heard that an ejection is over begins the next one.
    entry.number = math.max(number, old.number + 1)
  else
    -- Several replicas saw the same failures: one ejection.
    entry.number = math.max(number, old.number)
    entry.times = math.max(times, old.times)
    entry.began = math.min(entry.began, old.began)
    if old.expires > entry.expires then
      entry.expires, entry.span = old.expires, math.max(old.span, span)
    end
  end
end
local stale = {}
local all = redis.call('HGETALL', KEYS[1])
for place = 1, #all, 2 do
  local one = cjson.decode(all[place + 1])
  if one.format <= entry.format and math.max(one.expires, one.cleared) + ARGV[9] < now then
    stale[#stale + 1] = all[place]
  end
end
for _, uid in ipairs(stale) do
  redis.call('HDEL', KEYS[1], uid)
end
local written = cjson.encode(entry)
redis.call('HSET', KEYS[1], ARGV[1], written)
redis.call('PEXPIRE', KEYS[1], math.max(redis.call('PTTL', KEYS[1]), span + ARGV[9]))
redis.call('PUBLISH', ARGV[10], cjson.encode({uid = ARGV[1], now = now, entry = entry}))
return {'EJECTED', now, written}
