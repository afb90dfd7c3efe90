-- Writes down how an attempt at a delivery went, if nobody has taken the partition over.
-- KEYS: token, queue (hash), alerts (hash), dead letters (stream).
-- ARGV: the writer's token, id of the delivery, the delivery ('' if it waits no longer), lifetime of the queue in
-- seconds, id of the alert, the alert ('' to leave it), why it was given up ('' if it was not), the delivery that
-- was, most dead letters, their lifetime in seconds.
-- Returns 1, or 0 if the writer is fenced out: then nothing was written.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
if ARGV[3] == '' then
  redis.call('HDEL', KEYS[2], ARGV[2])
else
  redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
  redis.call('EXPIRE', KEYS[2], ARGV[4])
end
if ARGV[6] ~= '' and redis.call('HEXISTS', KEYS[3], ARGV[5]) == 1 then
  redis.call('HSET', KEYS[3], ARGV[5], ARGV[6])
end
if ARGV[7] ~= '' then
  redis.call('XADD', KEYS[4], 'MAXLEN', '~', ARGV[9], '*', 'delivery', ARGV[8], 'why', ARGV[7])
  redis.call('EXPIRE', KEYS[4], ARGV[10])
end
return 1
