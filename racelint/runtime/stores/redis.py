"""A store in Redis. Every operation is one Lua script, which Redis runs without a break (WATCH and MULTI take twice as long)."""

from collections.abc import Sequence
from inspect import iscoroutinefunction
from typing import Any
from uuid import uuid4

from racelint.runtime.loops import Home
from racelint.runtime.stores.base import Store, Taken, Versioned, decoded
from racelint.runtime.stores.drivers import driver
from racelint.runtime.stores.text import decode, encode, first_version, name_of

SAVE = """
local found = redis.call('HMGET', KEYS[1], 'version', 'writer')
if found[2] == ARGV[4] then return 1 end
if (found[1] or '') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'value', ARGV[1], 'version', ARGV[3], 'writer', ARGV[4])
return 1
"""
"""A client that loses its connection sends again what may have been done already: then `writer` is its own."""
APPEND = """
if redis.call('GET', KEYS[2]) == ARGV[1] then return end
redis.call('SET', KEYS[2], ARGV[1])
for i = 3, #ARGV do redis.call('RPUSH', KEYS[1], ARGV[i]) end
if ARGV[2] ~= '' then redis.call('LTRIM', KEYS[1], -tonumber(ARGV[2]), -1) end
"""
PUT = """
local id = redis.call('INCR', KEYS[1])
redis.call('ZADD', KEYS[2], id, id)
redis.call('HSET', KEYS[4], id .. ' value', ARGV[1])
"""
NOW = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
"""
TAKE = f"""{NOW}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now)) do
    redis.call('ZREM', KEYS[3], id)
    redis.call('ZADD', KEYS[2], id, id)
end
local id = redis.call('ZPOPMIN', KEYS[2])[1]
if not id then return false end
redis.call('ZADD', KEYS[3], now + ARGV[1], id)
redis.call('HSET', KEYS[4], id .. ' token', ARGV[2])
local tries = redis.call('HINCRBY', KEYS[4], id .. ' tries', 1)
return {{id, redis.call('HGET', KEYS[4], id .. ' value'), tries}}
"""
"""Items are in one of two sorted sets: those that can be taken by number, those that somebody has by when they come back."""
FINISH = """
local id = ARGV[1]
if redis.call('HGET', KEYS[4], id .. ' token') ~= ARGV[2] then return 0 end
redis.call('ZREM', KEYS[2], id)
redis.call('ZREM', KEYS[3], id)
redis.call('HDEL', KEYS[4], id .. ' value', id .. ' token', id .. ' tries')
return 1
"""
RETIME = f"""{NOW}
local id = ARGV[1]
if redis.call('HGET', KEYS[4], id .. ' token') ~= ARGV[2] then return 0 end
redis.call('ZREM', KEYS[2], id)
redis.call('ZADD', KEYS[3], now + ARGV[3], id)
return 1
"""


class RedisStore(Store):
    """`client` is a URL, or a `redis.Redis` or `redis.asyncio.Redis`, which is not closed. Keys begin with `prefix`.

    Redis keeps what it has acknowledged as well as it was told to: see its `appendfsync` and replication.
    """

    def __init__(self, client: Any, *, prefix: str = "racelint:") -> None:
        self._prefix = prefix
        self._owned = isinstance(client, str)
        self._client: Any = driver("redis", "redis").Redis.from_url(client) if isinstance(client, str) else client
        self._home = Home() if iscoroutinefunction(self._client.execute_command) else None
        super().__init__()

    def close(self) -> None:
        super().close()
        if self._owned:
            self._client.close()

    def _command(self, *words: Any) -> Any:
        if self._home is None:
            return self._client.execute_command(*words)
        return self._home.call(self._client.execute_command(*words))

    def _run(self, script: str, keys: Sequence[str], *arguments: Any) -> Any:
        return self._command("EVAL", script, len(keys), *keys, *arguments)

    def _keys(self, key: str, *parts: str) -> list[str]:
        """In a cluster, what is in braces decides where a key is kept: all parts are kept together."""
        return [f"{self._prefix}{{{name_of(key)}}}:{part}" for part in parts]

    # --- documents

    def load(self, key: str) -> "Versioned | None":
        value, version = self._command("HMGET", *self._keys(key, "document"), "value", "version")
        return None if version is None else Versioned(decode(value), int(version))

    def save(self, key: str, value: Any, expected: "int | None") -> "int | None":
        version = first_version() if expected is None else expected + 1
        before = "" if expected is None else expected
        saved = self._run(SAVE, self._keys(key, "document"), encode(value), before, version, uuid4().hex)
        return version if saved else None

    def delete(self, key: str) -> None:
        self._command("DEL", *self._keys(key, "document", "log", "writer"))

    # --- logs

    def append_texts(self, key: str, texts: Sequence[str], keep: "int | None" = None) -> None:
        self._run(APPEND, self._keys(key, "log", "writer"), uuid4().hex, "" if keep is None else keep, *texts)

    def entries(self, key: str, last: "int | None" = None) -> list[Any]:
        first = 0 if last is None else -last
        return decoded(self._command("LRANGE", *self._keys(key, "log"), first, -1))

    # --- queues

    def _queue(self, queue: str) -> list[str]:
        return self._keys(queue, "number", "ready", "taken", "items")

    def put(self, queue: str, value: Any) -> None:
        self._run(PUT, self._queue(queue), encode(value))

    def take(self, queue: str, seconds: float) -> "Taken | None":
        token = uuid4().hex
        found = self._run(TAKE, self._queue(queue), int(seconds * 1000), token)
        if found is None:
            return None
        number, text, tries = found
        return Taken(str(int(number)), token, decode(text), int(tries))

    def finish(self, queue: str, taken: Taken) -> bool:
        return bool(self._run(FINISH, self._queue(queue), taken.id, taken.token))

    def retime(self, queue: str, taken: Taken, seconds: float) -> bool:
        return bool(self._run(RETIME, self._queue(queue), taken.id, taken.token, int(seconds * 1000)))
