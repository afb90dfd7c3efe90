-- Reads the reports of those who are alive by the server's clock.
-- KEYS: heartbeats, reports. ARGV: ms after which silence means death. Returns the reports.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local reports = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. string.format('%d', now - ARGV[1]), '+inf')) do
  reports[#reports + 1] = redis.call('HGET', KEYS[2], id) or nil
end
return reports
