-- Keeps a copy of an entry that could not be handled.
-- KEYS: dead letters, token.
-- ARGV: the owner's token, group, entry id, payload, why, most dead letters, lifetime of the dead letters in ms.
-- Returns 1, or 0 if the owner is fenced out.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
  return 0
end
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[6], '*', 'group', ARGV[2], 'entry', ARGV[3], 'why', ARGV[5],
  'payload', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[7])
return 1
