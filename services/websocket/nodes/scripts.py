"""What happens to the presence keys, each script as one step. Its keys: nodes, online, epoch, gone, people, untold.

- ``nodes``: a sorted set of the nodes by the millisecond (Redis' clock) in which they count as dead
- ``online``: a hash of people to the number of nodes they are on
- ``people:<node>``: the set of a node's people; ``gone``: dead nodes whose people are still to be counted out
- ``untold:<node>``: a hash of people to the change that node is still to tell chat, as ``<time> <1 or 0>``; should it
  die before, it is told by whoever counts its people out
- ``epoch``: made up by whoever finds none; another one means that Redis was emptied

Times are Redis' (Unix seconds with six digits behind the point, so they compare as text): of two changes chat believes
the later, and they were made in Redis' order, whatever the nodes' clocks say and however long one could not reach it.
"""

from __future__ import annotations

CLOCK = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local at = string.format('%d.%06d', time[1], time[2])
"""

# ARGV: node, milliseconds to live, an epoch should there be none
REGISTER = f"""{CLOCK}
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('SET', KEYS[3], ARGV[3], 'NX')
return redis.call('GET', KEYS[3])
"""

# ARGV: node, milliseconds to live, the number of arrivals, those who arrived, those who left.
# Answers the time, and on how many nodes each of them is now: asked twice, it counts the same.
SYNC = f"""{CLOCK}
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return false end
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
local arrivals = tonumber(ARGV[3])
local answer = {{at}}
for i = 4, #ARGV do
    local step = 0
    if i - 3 <= arrivals then
        step = redis.call('SADD', KEYS[5], ARGV[i])
    else
        step = -redis.call('SREM', KEYS[5], ARGV[i])
    end
    local count = tonumber(redis.call('HGET', KEYS[2], ARGV[i]) or 0) + step
    if count > 0 then redis.call('HSET', KEYS[2], ARGV[i], count) else redis.call('HDEL', KEYS[2], ARGV[i]) end
    if i - 3 <= arrivals and count == 1 then redis.call('HSET', KEYS[6], ARGV[i], at .. ' 1') end
    if i - 3 > arrivals and count <= 0 then redis.call('HSET', KEYS[6], ARGV[i], at .. ' 0') end
    answer[#answer + 1] = count
end
return answer
"""

# ARGV: node, milliseconds it may still be missed
LEAVE = f"""{CLOCK}
redis.call('ZADD', KEYS[1], 'XX', now + ARGV[2], ARGV[1])
return 1
"""

# Keys: untold. ARGV: people, each with the change chat has been told.
FORGET = """
for i = 1, #ARGV, 2 do
    if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then redis.call('HDEL', KEYS[1], ARGV[i]) end
end
return 1
"""

# ARGV: how many people at most, the start of the keys of nodes' people, that of their untold changes, the node.
# Answers whether there is more, then what is now that node's to tell: people, each with the change. A dead node is
# taken off the list first: should it live after all, it must register under a new name.
REAP = f"""{CLOCK}
for _, node in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)) do
    redis.call('ZREM', KEYS[1], node)
    redis.call('SADD', KEYS[4], node)
end
local node = redis.call('SRANDMEMBER', KEYS[4])
if not node then return {{0}} end
local people, untold, own = ARGV[2] .. node, ARGV[3] .. node, ARGV[3] .. ARGV[4]
local answer = {{1}}
local function take(person, change)
    if (redis.call('HGET', own, person) or '') > change then return end
    redis.call('HSET', own, person, change)
    answer[#answer + 1] = person
    answer[#answer + 1] = change
end
local left = redis.call('HRANDFIELD', untold, ARGV[1], 'WITHVALUES')
for i = 1, #left, 2 do
    redis.call('HDEL', untold, left[i])
    take(left[i], left[i + 1])
end
for _, person in ipairs(redis.call('SPOP', people, ARGV[1])) do
    if redis.call('HINCRBY', KEYS[2], person, -1) <= 0 then
        redis.call('HDEL', KEYS[2], person)
        take(person, at .. ' 0')
    end
end
if redis.call('EXISTS', people, untold) == 0 then redis.call('SREM', KEYS[4], node) end
return answer
"""
