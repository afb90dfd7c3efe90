-- Refuses a body with a field that the contract does not have: the transcoder would leave it out without a word. Of
-- an enum's value it would not say which there are.
-- The text is walked over and not parsed; what is no JSON is for the transcoder to say. Before this stand, made from
-- the contract: CALLS, by verb and what follows the last colon of a path: patterns of paths, and the message of their
-- body; FIELDS, of each message by both spellings: a message's name, `=` and an enum's, `*` and that of a map's values,
-- or true for what is not looked into, and of each `=` enum its values; NAMES, of each of them, for people.

-- Larger bodies are batches and images; a walk over one would keep others waiting.
local MOST_BYTES = 262144
local MOST_DEPTH = 64
-- Of a name that a caller made up.
local MOST_SAID = 200
local TIMEOUT = '^%d%d?%d?%d?%d?%d?%d?%d?[HMSmun]$'

-- Position of the quote that ends the string which begins at `from`.
local function closing(text, from)
  local at = from + 1
  while true do
    local found = string.find(text, '["\\]', at)
    if not found then error('no JSON') end
    if string.sub(text, found, found) == '"' then return found end
    at = found + 2
  end
end

-- Position after the object or array that begins at `from`.
local function past(text, from)
  local at, depth = from, 0
  repeat
    local found = string.find(text, '["{}%[%]]', at)
    if not found then error('no JSON') end
    local mark = string.sub(text, found, found)
    if mark == '"' then
      found = closing(text, found)
    elseif mark == '{' or mark == '[' then
      depth = depth + 1
    else
      depth = depth - 1
    end
    at = found + 1
  until depth == 0
  return at
end

-- What leads to where the walk is: names of fields, and places in lists from 0.
local trail = {}

-- The first `depth` of it, as people write it.
local function place_of(depth)
  local said = ''
  for at = 1, depth do
    local part = trail[at]
    if type(part) == 'number' then
      said = said .. '[' .. part .. ']'
    else
      said = said == '' and part or said .. '.' .. part
    end
  end
  return string.sub(said, 1, MOST_SAID)
end

-- Raises what is wrong with a text, as a table, unless it is a value of the enum or no name.
local function named(value, kind, depth)
  -- Small letters and hyphens are read too.
  local name = string.gsub(string.upper(value), '-', '_')
  if string.find(name, '^%u[%w_]*$') and not FIELDS[kind][name] then
    error({ place_of(depth) .. ': no value of ' .. string.sub(kind, 2) .. ', which has ' .. NAMES[kind] })
  end
end

-- Position after the value that begins at or after `from`, which is of `kind` and lies `depth` parts of the trail deep.
-- Raises a table with what is wrong with a field in it.
local function walked(text, from, kind, depth)
  local at = string.find(text, '%S', from)
  if not at or depth > MOST_DEPTH then error('no JSON') end
  local mark = string.sub(text, at, at)
  local sort = kind ~= true and string.sub(kind, 1, 1)
  if mark == '"' then
    local last = closing(text, at)
    if sort == '=' then named(string.sub(text, at + 1, last - 1), kind, depth) end
    return last + 1
  end
  if mark ~= '{' and mark ~= '[' then return string.find(text, '[,%]}]', at) or #text + 1 end
  if kind == true then return past(text, at) end
  if sort == '=' and mark == '{' then error('no JSON') end
  local place, each = 0, sort == '*' and string.sub(kind, 2)
  at = at + 1
  while true do
    at = string.find(text, '[^%s,]', at)
    if not at then error('no JSON') end
    local next = string.sub(text, at, at)
    if next == '}' or next == ']' then return at + 1 end
    if mark == '[' then
      trail[depth + 1] = place
      at = walked(text, at, kind, depth + 1)
      place = place + 1
    else
      if next ~= '"' then error('no JSON') end
      local last = closing(text, at)
      local name = string.sub(text, at + 1, last - 1)
      local _, colon = string.find(text, '^%s*:', last + 1)
      if not colon then error('no JSON') end
      trail[depth + 1] = name
      local known = each or FIELDS[kind][name]
      if not known then
        -- A name that is written with escapes is left to the transcoder.
        if string.find(name, '\\', 1, true) then error('no JSON') end
        error({ place_of(depth + 1) .. ': no field of ' .. kind .. ', which has ' .. NAMES[kind] })
      end
      at = walked(text, colon + 1, known, depth + 1)
    end
  end
end

local function message_of(verb, path)
  local bare = string.gsub(string.gsub(path, '%?.*$', ''), '/$', '')
  for _, call in ipairs(CALLS[verb .. (string.match(bare, ':%a+$') or '')] or {}) do
    if string.find(bare, call[1]) then return call[2] end
  end
end

function envoy_on_request(handle)
  local headers = handle:headers()
  if string.sub(headers:get('content-type') or '', 1, 16) == 'application/grpc' then return end
  local timeout = headers:get('grpc-timeout')
  if timeout and not string.find(timeout, TIMEOUT) then
    handle:respond({ [':status'] = '400' },
      'grpc-timeout: at most eight digits and a unit, H, M, S, m, u or n, such as 500m')
    return
  end
  local message = message_of(headers:get(':method'), headers:get(':path'))
  local body = message and handle:body()
  if not body or body:length() > MOST_BYTES then return end
  local fine, wrong = pcall(walked, body:getBytes(0, body:length()), 1, message, 0)
  if not fine and type(wrong) == 'table' then
    handle:respond({ [':status'] = '400' }, wrong[1])
  end
end
