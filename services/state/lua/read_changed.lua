-- Reads those of some texts that do not begin as they did.
-- KEYS: the texts. ARGV: how each began when it was read last, one after the other, each behind a byte that
-- says how long that is: 0 where it was not read.
-- Returns for each 1 if it begins so still; else the text, or nil where there is none.
local reply, at = {}, 1
for index, key in ipairs(KEYS) do
  local size = string.byte(ARGV[1], at)
  local before = string.sub(ARGV[1], at + 1, at + size)
  at = at + 1 + size
  if size > 0 and redis.call('GETRANGE', key, 0, size - 1) == before then
    reply[index] = 1
  else
    reply[index] = redis.call('GET', key)
  end
end
return reply
