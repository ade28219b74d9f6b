"""A store in the memory of one process: for tests, and for state that need not outlive it."""

import threading
from collections.abc import Sequence
from typing import Any

from racelint.runtime.stores.base import Versioned, decoded, tail
from racelint.runtime.stores.document_queue import DocumentQueue
from racelint.runtime.stores.text import decode, encode, first_version


class MemoryStore(DocumentQueue):
    """Keeps JSON, not objects: what was loaded is the caller's own, and what others change does not reach the store."""

    blocking = False

    def __init__(self) -> None:
        self._documents: dict[str, tuple[str, int]] = {}
        self._logs: dict[str, list[str]] = {}
        super().__init__()

    def renew(self) -> None:
        super().renew()
        self._lock = threading.Lock()

    def load(self, key: str) -> "Versioned | None":
        found = self._documents.get(key)
        return None if found is None else Versioned(decode(found[0]), found[1])

    def save(self, key: str, value: Any, expected: "int | None") -> "int | None":
        text = encode(value)
        with self._lock:
            found = self._documents.get(key)
            if (None if found is None else found[1]) != expected:
                return None
            version = first_version() if expected is None else expected + 1
            self._documents[key] = text, version
        return version

    def delete(self, key: str) -> None:
        with self._lock:
            self._documents.pop(key, None)
            self._logs.pop(key, None)

    def append_texts(self, key: str, texts: Sequence[str], keep: "int | None" = None) -> None:
        with self._lock:
            log = self._logs.setdefault(key, [])
            log.extend(texts)
            log[:] = tail(log, keep)

    def entries(self, key: str, last: "int | None" = None) -> list[Any]:
        with self._lock:
            log = list(self._logs.get(key, ()))
        kept = tail(log, last)
        return decoded(kept)
