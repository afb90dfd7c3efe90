-- Takes the one field out of a reply that its annotation (google.api.http, response_body) says is the body.
-- The text is walked over and not parsed, so that every number and every name stays as it was printed.

-- Position of the quote that ends the string which begins at `from`.
local function closing(text, from)
  local at = from + 1
  while true do
    local found = string.find(text, '["\\]', at)
    if not found then return #text end
    if string.sub(text, found, found) == '"' then return found end
    at = found + 2
  end
end

-- The value of a field of the object that `text` is; nil if it has none.
local function value_of(text, field)
  local at, depth, begun, expect_name = 1, 0, nil, false
  while true do
    local found = string.find(text, '["{}%[%],]', at)
    if not found then return nil end
    local mark = string.sub(text, found, found)
    at = found + 1
    if mark == '"' then
      local last = closing(text, found)
      at = last + 1
      if depth == 1 and expect_name then
        expect_name = false
        if string.sub(text, found + 1, last - 1) == field then
          begun = string.find(text, ':', at, true) + 1
          at = begun
        end
      end
    elseif mark == '{' or mark == '[' then
      depth = depth + 1
      expect_name = depth == 1
    elseif mark == ',' then
      if depth == 1 then
        if begun then return string.sub(text, begun, found - 1) end
        expect_name = true
      end
    else
      depth = depth - 1
      if depth == 0 then
        return begun and string.sub(text, begun, found - 1)
      end
    end
  end
end

function envoy_on_response(handle)
  local field = handle:metadata():get("field")
  local headers = handle:headers()
  if not field or headers:get(":status") ~= "200" or headers:get("content-type") ~= "application/json" then
    return
  end
  local body = handle:body()
  if not body then return end
  -- A field that is absent is an empty message.
  local length = body:setBytes(value_of(body:getBytes(0, body:length()), field) or "{}")
  -- Asked for anew: what was at hand before the body was awaited is gone.
  handle:headers():replace("content-length", length)
end
