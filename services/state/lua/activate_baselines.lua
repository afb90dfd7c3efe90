-- Says which baselines a model is compared with, and which ones are counted beside them: of all traffic and of segments.
-- KEYS: active baselines.
-- ARGV: uid of the model, most segments, then by baseline: place, 'id uid' or '' for none, and when: '' always, 'free' where
--       nobody else is there and it is not the active one, or the 'id uid' whose place it takes (otherwise that stays).
-- A place is '' for all traffic, a segment ["name", "value"], or {"beside": true, "of": null or a segment}.
-- The field of a model has a line for all traffic, 'id uid' or '', then lines 'id uid place'.
-- Returns {'DONE'}, {'FULL'} where that would be too many segments, or {'TAKEN', who is there}.
local held, order = {[''] = ''}, {''}
local stored = redis.call('HGET', KEYS[1], ARGV[1]) or ''
local first = true
for line in (stored .. '\n'):gmatch('(.-)\n') do
  if first then
    held[''], first = line, false
  else
    local baseline, place = line:match('^(%S+ %S+) (.*)$')
    held[place] = baseline
    order[#order + 1] = place
  end
end
local function part_of(place)
  local part = place:match('^{"beside": true, "of": (.*)}$') or place
  return part == 'null' and '' or part
end
for i = 3, #ARGV, 3 do
  local place, new, when = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local old, goes = held[place] or '', false
  if when == 'free' then
    goes = held[part_of(place)] ~= new
    if goes and old ~= '' and old ~= new then return {'TAKEN', old} end
  else
    goes = when == '' or when == old
  end
  if goes then
    if not held[place] then order[#order + 1] = place end
    held[place] = new
  end
end
local lines, parts, segments = {held['']}, {}, 0
for _, place in ipairs(order) do
  if place ~= '' and held[place] ~= '' then
    lines[#lines + 1] = held[place] .. ' ' .. place
    local part = part_of(place)
    if part ~= '' and not parts[part] then
      parts[part] = true
      segments = segments + 1
    end
  end
end
if segments > tonumber(ARGV[2]) then return {'FULL'} end
redis.call('HSET', KEYS[1], ARGV[1], table.concat(lines, '\n'))
return {'DONE'}
