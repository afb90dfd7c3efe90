-- Compares a model with baselines: one for all of its traffic, and one each for segments of it.
-- KEYS: active baselines.
-- ARGV: uid of the model, most segments, then by baseline: segment ('' for all traffic), 'id uid' or '' for none,
--       and which one it must take the place of ('' for any; otherwise what is active stays).
-- The field of a model has a line for all traffic, 'id uid' or '', then lines 'id uid segment'.
-- Returns {'DONE'}, or {'FULL'} where that would be too many segments.
local whole, segments, order = '', {}, {}
local stored = redis.call('HGET', KEYS[1], ARGV[1]) or ''
local number = 0
for line in (stored .. '\n'):gmatch('(.-)\n') do
  number = number + 1
  if number == 1 then
    whole = line
  else
    local active, segment = line:match('^(%S+ %S+) (.*)$')
    segments[segment] = active
    order[#order + 1] = segment
  end
end
for i = 3, #ARGV, 3 do
  local segment, new, expected = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local old = whole
  if segment ~= '' then old = segments[segment] end
  if expected == '' or expected == old then
    if segment == '' then
      whole = new
    else
      if not old then order[#order + 1] = segment end
      segments[segment] = new
    end
  end
end
local lines = {whole}
for _, segment in ipairs(order) do
  if segments[segment] ~= '' then lines[#lines + 1] = segments[segment] .. ' ' .. segment end
end
if #lines - 1 > tonumber(ARGV[2]) then return {'FULL'} end
redis.call('HSET', KEYS[1], ARGV[1], table.concat(lines, '\n'))
return {'DONE'}
