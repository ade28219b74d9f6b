"""Stores by what they are called: `file:/tmp/x`. A process that a test starts makes the same store from the same text."""

from __future__ import annotations

from racelint.runtime.stores import FileStore, MemoryStore, SQLiteStore, Store


def make(spec: str) -> Store:
    """The store that a text stands for."""
    kind, _, where = spec.partition(":")
    if kind == "memory":
        return MemoryStore()
    if kind == "file":
        return FileStore(where)
    if kind == "sqlite":
        return SQLiteStore(where)
    raise ValueError(spec)
