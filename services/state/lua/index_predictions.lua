-- Keeps which predictions an external id, or an entity, has: the newest of each, if nobody has taken the partition over.
-- KEYS: token, then an index (sorted set of prediction ids by the time of their events) per prediction.
-- ARGV: the writer's token, retention in ms, then per index: most ids that it keeps, time in seconds, prediction id,
--       minute of the prediction.
-- Returns 1, or 0 if the writer is fenced out: then nothing was written.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
local now = redis.call('TIME')[1] * 1000
for index = 2, #KEYS do
  local at = 4 * (index - 2) + 3
  local lifetime = (ARGV[at + 3] + 1) * 60000 + ARGV[2] - now
  if lifetime > 0 then
    redis.call('ZADD', KEYS[index], ARGV[at + 1], ARGV[at + 2])
    redis.call('ZREMRANGEBYRANK', KEYS[index], 0, -1 - ARGV[at])
    if redis.call('PTTL', KEYS[index]) < lifetime then
      redis.call('PEXPIRE', KEYS[index], string.format('%.0f', lifetime))
    end
  end
end
return 1
