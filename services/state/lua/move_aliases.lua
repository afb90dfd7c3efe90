-- Gives aliases to a model and takes others from it, if their holders are still those that were seen.
-- KEYS: aliases, audit, changes, request (only with a request id).
-- ARGV: model that gets them, audit event, audit events to keep, changes to keep, answer, lifetime of the answer in ms,
--       then for each alias: its name, the holder that was seen ('' for none), 1 to give it or 0 to take it.
-- Returns {'MOVED'}, {'STALE', alias} or {'ANSWERED', answer}.
if KEYS[4] then
  local answered = redis.call('HGET', KEYS[4], 'answer')
  if answered then
    return {'ANSWERED', answered}
  end
end
for index = 7, #ARGV, 3 do
  if (redis.call('HGET', KEYS[1], ARGV[index]) or '') ~= ARGV[index + 1] then
    return {'STALE', ARGV[index]}
  end
end
for index = 7, #ARGV, 3 do
  if ARGV[index + 2] == '1' then
    redis.call('HSET', KEYS[1], ARGV[index], ARGV[1])
  else
    redis.call('HDEL', KEYS[1], ARGV[index])
  end
end
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[3], '*', 'event', ARGV[2])
redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[4], '*', 'kind', 'aliases', 'uid', '', 'generation', '0')
if KEYS[4] then
  redis.call('HSET', KEYS[4], 'answer', ARGV[5])
  redis.call('PEXPIRE', KEYS[4], ARGV[6])
end
return {'MOVED'}
