/* scripts: the Lua that Redis runs for us.
 *
 * Called by push, refill, board and audit. Invariants: a script touches only the keys it is given, and these share one
 * hash tag, so that all of them run on a cluster; and the head is written last: a script that fails halfway, on a key
 * of the wrong type, leaves a head that vouches for too little, and the next push finds out. Strings are passed on as
 * they came wherever possible: Lua hashes every byte of every string that it makes. Those that write may do so beyond
 * maxmemory (allow-oom): a full Redis must not hide orders from kitchens, and what they write is bounded by the open
 * orders and the events kept. What is left out instead, items.c says.
 * https://redis.io/docs/latest/develop/programmability/lua-api/#script-flags */
#include "scripts.h"

/* Appends one location's events. KEYS  1 head, 2 stream, 3 open tickets, then the snapshot's key of each order. ARGV
 * 1 what the head must begin with, 2 the head afterwards, 3 the channel, 4 seq of the first note, 5 notes,
 * 6 seconds that a closed order's snapshot lives, 7 events kept; then the notes; then for each order: the place of
 * its newest note, and its ticket number when it is open or "" when it is closed. A head inside of the item, or
 * beyond it, is fine when it shows the same history: its hash is that of our note. */
const char LIVE_SCRIPT_PUSH[] =
    "#!lua flags=allow-oom\n"
    "local call = redis.call\n"
    "local first, count = tonumber(ARGV[4]), tonumber(ARGV[5])\n"
    "local from, newer = 1, nil\n"
    "local head = call('GET', KEYS[1])\n"
    "if not head then\n"
    "  if first ~= 1 then return 2 end\n"
    "  call('DEL', KEYS[2], KEYS[3])\n"
    "  newer = function(key, note)\n" /* no head vouches for the snapshots that are here: the newer ones stay */
    "    local version = call('GETRANGE', key, 40, 47)\n"
    "    return #version < 8 or struct.unpack('>I8', version) <= struct.unpack('>I8', note, 41)\n"
    "  end\n"
    "elseif string.sub(head, 1, #ARGV[1]) ~= ARGV[1] then\n"
    "  local at, hash = string.match(head, '^(%d+) (%x+) ')\n"
    "  at = tonumber(at)\n"
    "  if not at or at < first then return 2 end\n"
    "  if at < first + count then\n"
    "    from = at - first + 2\n"
    "    local ours = string.gsub(string.sub(ARGV[6 + from], 9, 40), '.', function(c)\n"
    "      return string.format('%02x', string.byte(c))\n"
    "    end)\n"
    "    if ours ~= hash then return 2 end\n"
    "    if from > count then return 1 end\n"
    "  else\n"
    "    local id = string.format('%d-0', first + count - 1)\n"
    "    local entry = call('XRANGE', KEYS[2], id, id)[1]\n"
    "    if not entry or string.sub(entry[2][2], 9, 40) ~= string.sub(ARGV[7 + count], 9, 40) then return 2 end\n"
    "    return 1\n"
    "  end\n"
    "end\n"
    "for i = from, count - 1 do\n"
    "  call('XADD', KEYS[2], string.format('%d-0', first + i - 1), 'n', ARGV[7 + i])\n"
    "end\n"
    "call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[7], string.format('%d-0', first + count - 1), 'n', ARGV[7 + count])\n"
    "local add, rem = {}, {}\n"
    "for k = 4, #KEYS do\n"
    "  local at = 7 + count + 2 * (k - 4)\n"
    "  local i, number = tonumber(ARGV[at + 1]), ARGV[at + 2]\n"
    "  if i >= from then\n"
    "    local key, note = KEYS[k], ARGV[7 + i]\n"
    "    local set = not newer or newer(key, note)\n"
    "    if number ~= '' then\n"
    "      add[#add + 1] = number\n"
    "      add[#add + 1] = string.sub(key, -36)\n"
    "      if set then call('SET', key, note) end\n"
    "    else\n"
    "      rem[#rem + 1] = string.sub(key, -36)\n"
    "      if set then call('SET', key, note, 'EX', ARGV[6]) end\n"
    "    end\n"
    "  end\n"
    "end\n"
    "if #add > 0 then call('ZADD', KEYS[3], unpack(add)) end\n"
    "if #rem > 0 then call('ZREM', KEYS[3], unpack(rem)) end\n"
    "call('SET', KEYS[1], ARGV[2])\n"
    "for i = from, count do call('SPUBLISH', ARGV[3], ARGV[7 + i]) end\n"
    "return 0\n";

/* Replaces all that is kept of a location.
 * KEYS  1 head, 2 stream, 3 open tickets, then the snapshots to write, then those to forget.
 * ARGV  1 what the head must begin with, "" when there must be none, 2 the new head, 3 the channel, 4 the word for the
 *       hubs, 5 seq of the first event, 6 events, 7 snapshots, 8 open tickets; then the events, the snapshots, and for
 *       each ticket its number and its order.
 * A head that can't be read counts as none: nothing vouches for it. */
const char LIVE_SCRIPT_REFILL[] =
    "#!lua flags=allow-oom\n"
    "local head = redis.pcall('GET', KEYS[1])\n"
    "if type(head) ~= 'string' or not string.match(head, '^%d+ %x+ %x+ %d+ %d+$') then head = false end\n"
    "if ARGV[1] == '' then\n"
    "  if head then return 0 end\n"
    "elseif not head or string.sub(head, 1, #ARGV[1]) ~= ARGV[1] then\n"
    "  return 0\n"
    "end\n"
    "local first, events = tonumber(ARGV[5]), tonumber(ARGV[6])\n"
    "local snapshots, tickets = tonumber(ARGV[7]), tonumber(ARGV[8])\n"
    "redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])\n"
    "for k = 4 + snapshots, #KEYS do redis.call('DEL', KEYS[k]) end\n"
    "for i = 1, events do\n"
    "  redis.call('XADD', KEYS[2], string.format('%d-0', first + i - 1), 'n', ARGV[8 + i])\n"
    "end\n"
    "for i = 1, snapshots do redis.call('SET', KEYS[3 + i], ARGV[8 + events + i]) end\n"
    "local at = 8 + events + snapshots\n"
    "for i = 1, 2 * tickets, 1000 do\n"
    "  redis.call('ZADD', KEYS[3], unpack(ARGV, at + i, at + math.min(i + 999, 2 * tickets)))\n"
    "end\n"
    "redis.call('SET', KEYS[1], ARGV[2])\n"
    "redis.call('SPUBLISH', ARGV[3], ARGV[4])\n"
    "return 1\n";

/* Writes a partition's tick. KEYS  1 the tick.  ARGV  1 its text. */
const char LIVE_SCRIPT_TICK[] =
    "#!lua flags=allow-oom\n"
    "return redis.call('SET', KEYS[1], ARGV[1])\n";

/* Reads a board in one piece. Since a script may touch only the keys it is given, the reader says which snapshots it
 * expects and learns which there are; it asks again until both are the same.
 * KEYS  1 head, 2 open tickets, then the expected snapshots in order.  ARGV  1 most tickets. */
const char LIVE_SCRIPT_BOARD[] =
    "local head = redis.call('GET', KEYS[1])\n"
    "if not head then return {} end\n"
    "local ids = redis.call('ZRANGE', KEYS[2], 0, ARGV[1] - 1)\n"
    "if #ids ~= #KEYS - 2 then return {head, ids} end\n"
    "for i = 1, #ids do\n"
    "  if string.sub(KEYS[2 + i], -36) ~= ids[i] then return {head, ids} end\n"
    "end\n"
    "if #ids == 0 then return {head, ids, {}} end\n"
    "return {head, ids, redis.call('MGET', unpack(KEYS, 3))}\n";
