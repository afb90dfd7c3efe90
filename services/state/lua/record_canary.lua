-- Writes what is remembered of a canary, and the events that it knows of from then on, if nobody has taken the
-- partition over.
-- KEYS: token, memory, events. ARGV: the writer's token, lifetime in ms, most events, what was remembered before
-- (empty for nothing), what is remembered now, then the events.
-- Returns 1; 0 if the writer is fenced out, -1 if something else is remembered: then nothing was written.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
local there = redis.call('GET', KEYS[2]) or ''
if there ~= ARGV[4] then
  -- Our own words, whose acknowledgement was lost: the events are there too.
  if there == ARGV[5] then
    return 1
  end
  return -1
end
for index = 6, #ARGV do
  redis.call('XADD', KEYS[3], 'MAXLEN', ARGV[3], '*', 'event', ARGV[index])
end
redis.call('SET', KEYS[2], ARGV[5], 'PX', ARGV[2])
if #ARGV >= 6 then
  redis.call('PEXPIRE', KEYS[3], ARGV[2])
end
return 1
