-- Keeps a baseline under an id that is free; the same request again answers what the first one did.
-- KEYS: baselines, ids, request (only with a request id).
-- ARGV: id, baseline, time of creation, most baselines, fingerprint of the request, lifetime of the request in ms.
-- Returns {'CREATED', id}, {'TAKEN'}, {'FULL'}, {'REUSED'}, or {'ANSWERED', id, 'activated' or ''}.
if KEYS[3] then
  local kept = redis.call('HMGET', KEYS[3], 'fingerprint', 'id', 'activated')
  if kept[1] then
    if kept[1] ~= ARGV[5] then return {'REUSED'} end
    return {'ANSWERED', kept[2], kept[3] or ''}
  end
end
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then return {'TAKEN'} end
if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[4]) then return {'FULL'} end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
if KEYS[3] then
  redis.call('HSET', KEYS[3], 'fingerprint', ARGV[5], 'id', ARGV[1])
  redis.call('PEXPIRE', KEYS[3], ARGV[6])
end
return {'CREATED', ARGV[1]}
