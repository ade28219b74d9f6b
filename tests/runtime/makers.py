"""Stores by what they are called: `file:/tmp/x`. A process that a test starts makes the same store from the same text."""

from __future__ import annotations

import os
from typing import Any

from racelint.runtime.stores import DynamoDBStore, FileStore, MemoryStore, PostgresStore, RedisStore, SQLiteStore, Store

POSTGRES = os.environ.get("RACELINT_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/test")
REDIS = os.environ.get("RACELINT_TEST_REDIS", "redis://127.0.0.1:6379/0")


TABLES = ("documents", "entries", "queue")


def dynamodb_client(port: str) -> Any:
    """A client of moto's server."""
    import boto3

    return boto3.client(
        "dynamodb",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="eu-central-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def make(spec: str) -> Store:
    """The store that a text stands for."""
    kind, _, where = spec.partition(":")
    if kind == "memory":
        return MemoryStore()
    if kind == "file":
        return FileStore(where)
    if kind == "sqlite":
        return SQLiteStore(where)
    if kind == "postgres":
        return PostgresStore(POSTGRES, table=where)
    if kind == "redis":
        return RedisStore(REDIS, prefix=where)
    port, _, table = where.partition("/")
    return DynamoDBStore(dynamodb_client(port), table=table)


def create(store: Store) -> None:
    """Make what a store needs before it can be used."""
    if isinstance(store, PostgresStore):
        store.create_tables()
    elif isinstance(store, DynamoDBStore):
        store.create_table()


def drop(store: Store) -> None:
    """Remove all that a test has left on a server; of PostgreSQL the tables stay for the next one."""
    if isinstance(store, PostgresStore):
        for name in TABLES:
            store._rows(f"DELETE FROM {{t}}_{name}")
    elif isinstance(store, RedisStore):
        keys = list(store._client.scan_iter(f"{store._prefix}*", count=1_000))
        if keys:
            store._client.delete(*keys)
    elif isinstance(store, DynamoDBStore):
        store._client.delete_table(TableName=store._table)
        store._client.close()
    store.close()


def answers(kind: str) -> bool:
    """Whether the server of a store is there."""
    store: Store = PostgresStore(POSTGRES, table="nothing") if kind == "postgres" else RedisStore(REDIS)
    try:
        if isinstance(store, PostgresStore):
            store._rows("SELECT 1")
        else:
            store.load("a")
    except Exception:  # noqa: BLE001 - whatever the driver calls it
        return False
    finally:
        store.close()
    return True
