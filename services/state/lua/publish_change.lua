-- Tells everybody who follows the catalog that a resource changed.
-- KEYS: changes, names. ARGV: most changes to keep, kind, uid, generation, name that the uid must hold (or '').
-- Returns the position of the change, or false if the uid lost its name.
if ARGV[5] ~= '' and redis.call('HGET', KEYS[2], ARGV[5]) ~= ARGV[3] then
  return false
end
return redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'kind', ARGV[2], 'uid', ARGV[3],
  'generation', ARGV[4])
