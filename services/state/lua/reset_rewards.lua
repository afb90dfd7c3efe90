-- Makes the arms of a router start anew: what was predicted until now is not learnt from any more.
--
-- KEYS  1 statistics (hash)  2 draws (hash)  3 audit (stream)  4 answer to this change (hash)
--       5.. windows of the arms (string)
-- ARGV  1 arms that the caller knows of  2 the least place of what is predicted from now on: 20 bytes
--       3 now, in whole milliseconds  4 lifetime of KEYS[1,2] in seconds  5 format of KEYS[1]  6 format of KEYS[2]
--       7 format of the answer  8 lifetime of the answer in ms, 0 where the change has no id
--       9 audit event, '' for none  10 audit events to keep  11 channel to tell  12 message for it
-- Returns {'RESET' or 'ANSWERED', how often the rewards were reset, when the last time}, {'NEWER_FORMAT', format, which}
-- or {'ANOTHER_ARM'}: the caller looks again.
local ENTRY, PLACE = 24, 20

local function less(a, b)
  for at = 1, math.min(#a, #b) do
    local x, y = a:byte(at), b:byte(at)
    if x ~= y then return x < y end
  end
  return #a < #b
end

if tonumber(ARGV[8]) > 0 then
  local answered = redis.call('HMGET', KEYS[4], 'resets', 'reset_at')
  if answered[1] then return {'ANSWERED', answered[1], answered[2]} end
end
local stored = redis.call('HMGET', KEYS[1], 'version', 'resets', 'arms', 'format', 'since')
if tonumber(stored[4] or 0) > tonumber(ARGV[5]) then return {'NEWER_FORMAT', stored[4], 'reward state'} end
local draws = redis.call('HGET', KEYS[2], 'format') or '0'
if tonumber(draws) > tonumber(ARGV[6]) then return {'NEWER_FORMAT', draws, 'count of draws'} end
if tonumber(stored[3] or 0) ~= tonumber(ARGV[1]) or #KEYS - 4 ~= tonumber(ARGV[1]) then return {'ANOTHER_ARM'} end

-- Clocks differ: what was learnt from is forgotten, also where its prediction is from a clock that runs ahead. The
-- greatest ids are the last of each window; a byte on top of one makes the place behind it.
local since = ARGV[2]
if stored[5] and less(since, stored[5]) then since = stored[5] end
for index = 5, #KEYS do
  local count = redis.call('STRLEN', KEYS[index]) / ENTRY
  if count > 0 then
    local last = redis.call('GETRANGE', KEYS[index], (count - 1) * ENTRY, (count - 1) * ENTRY + PLACE - 1)
    if not less(last, since) then since = last .. '\0' end
  end
end

local version = string.format('%.0f', tonumber(stored[1] or 0) + 1)
local resets = string.format('%.0f', tonumber(stored[2] or 0) + 1)
for index = 1, #KEYS do
  if index < 3 or index > 4 then redis.call('DEL', KEYS[index]) end
end
redis.call('HSET', KEYS[1], 'format', ARGV[5], 'version', version, 'resets', resets, 'since', since)
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('HSET', KEYS[2], 'format', ARGV[6], 'since', since)
redis.call('EXPIRE', KEYS[2], ARGV[4])
if tonumber(ARGV[8]) > 0 then
  redis.call('HSET', KEYS[4], 'format', ARGV[7], 'resets', resets, 'reset_at', ARGV[3])
  redis.call('PEXPIRE', KEYS[4], ARGV[8])
end
if ARGV[9] ~= '' then redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[10], '*', 'event', ARGV[9]) end
if ARGV[11] ~= '' then redis.call('PUBLISH', ARGV[11], ARGV[12]) end
return {'RESET', resets, ARGV[3]}
