-- Keeps baselines under ids that are free, all or none; the same request again answers what the first one did.
-- KEYS: baselines, ids, request (only with a request id).
-- ARGV: time of creation, most baselines, fingerprint of the request, lifetime of the request in ms, then id and
--       baseline of each.
-- Returns {'CREATED'}, {'TAKEN', id}, {'FULL'}, {'REUSED'}, or {'ANSWERED', 'activated' or '', ids}.
if KEYS[3] then
  local kept = redis.call('HMGET', KEYS[3], 'fingerprint', 'id', 'activated')
  if kept[1] then
    if kept[1] ~= ARGV[3] then return {'REUSED'} end
    return {'ANSWERED', kept[3] or '', kept[2]}
  end
end
local ids = {}
for i = 5, #ARGV, 2 do
  if redis.call('HEXISTS', KEYS[1], ARGV[i]) == 1 then return {'TAKEN', ARGV[i]} end
  ids[#ids + 1] = ARGV[i]
end
if redis.call('HLEN', KEYS[1]) + #ids > tonumber(ARGV[2]) then return {'FULL'} end
for i = 5, #ARGV, 2 do
  redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
  redis.call('ZADD', KEYS[2], ARGV[1], ARGV[i])
end
if KEYS[3] then
  redis.call('HSET', KEYS[3], 'fingerprint', ARGV[3], 'id', table.concat(ids, ' '))
  redis.call('PEXPIRE', KEYS[3], ARGV[4])
end
return {'CREATED'}
