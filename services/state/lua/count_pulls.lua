-- Adds draws and failures of the arms of a partition's routers, each stream entry exactly once.
--
-- KEYS  1 last entry counted (string)  2.. counts of a router (hash)
-- ARGV  1 the last entry that the caller believes counted, '' for none  2 last entry of these counts
--       3 lifetime of the counts in seconds  4 format  then, for each of KEYS[2..], since which place the caller
--       believes that draws count, '' for all  then triples: index in KEYS, field, by how much
-- Returns {1, last entry} when counted, {0, last entry} when the caller must recount from another entry on,
--         {-1, format} when a newer version counts here.
local last = redis.call('GET', KEYS[1]) or ''
if last ~= ARGV[1] then return {0, last} end
for index = 2, #KEYS do
  -- Reset meanwhile: some of these were drawn before it.
  if (redis.call('HGET', KEYS[index], 'since') or '') ~= ARGV[3 + index] then return {0, last} end
end
local first = 4 + #KEYS
for at = first, #ARGV, 3 do
  if not (KEYS[tonumber(ARGV[at]) or 0] and tonumber(ARGV[at + 2])) then
    return redis.error_reply('ERR counts come in triples of index, field and number')
  end
  local format = tonumber(redis.call('HGET', KEYS[tonumber(ARGV[at])], 'format') or 0)
  if format > tonumber(ARGV[4]) then return {-1, format} end
end
for at = first, #ARGV, 3 do
  local key = KEYS[tonumber(ARGV[at])]
  redis.call('HSET', key, 'format', ARGV[4])
  redis.call('HINCRBY', key, ARGV[at + 1], ARGV[at + 2])
  redis.call('EXPIRE', key, ARGV[3])
end
redis.call('SET', KEYS[1], ARGV[2])
return {1, ARGV[2]}
