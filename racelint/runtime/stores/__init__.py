"""Where documents, logs and queues are kept. Each store is imported, with its driver, when it is first used."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from racelint.runtime.stores.base import Counters, Store, Taken, Versioned
    from racelint.runtime.stores.dynamodb import DynamoDBStore
    from racelint.runtime.stores.file import FileStore
    from racelint.runtime.stores.memory import MemoryStore
    from racelint.runtime.stores.postgres import PostgresStore
    from racelint.runtime.stores.redis import RedisStore
    from racelint.runtime.stores.sqlite import SQLiteStore

__all__ = [
    "Counters",
    "DynamoDBStore",
    "FileStore",
    "MemoryStore",
    "PostgresStore",
    "RedisStore",
    "SQLiteStore",
    "Store",
    "Taken",
    "Versioned",
]

_HOMES = {
    "Counters": "base",
    "DynamoDBStore": "dynamodb",
    "FileStore": "file",
    "MemoryStore": "memory",
    "PostgresStore": "postgres",
    "RedisStore": "redis",
    "SQLiteStore": "sqlite",
    "Store": "base",
    "Taken": "base",
    "Versioned": "base",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
