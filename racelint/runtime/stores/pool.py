"""Connections of one process to a database: one for each thread that is at work, kept open for the next."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar


class Closable(Protocol):
    """A connection, as far as a pool looks at it."""

    def close(self) -> None:
        """Give it back to the system."""


C = TypeVar("C", bound=Closable)


class Pool(Generic[C]):
    """Lends each connection to one user at a time; one whose user failed is closed, as nobody knows what state it is in."""

    def __init__(self, connect: "Callable[[], C]") -> None:
        self._connect = connect
        self._parents: list[C] = []
        """A child that closes, or lets go of, what it shares with its parent would close it for the parent too."""
        self._open: list[C] = []
        self.renew()

    def renew(self) -> None:
        """Begin anew in a forked child."""
        self._parents += self._open
        self._open = []
        self._idle: list[C] = []
        self._lock = threading.Lock()

    @contextmanager
    def connection(self) -> "Iterator[C]":
        """A connection for the length of the block."""
        with self._lock:
            found = self._idle.pop() if self._idle else None
        connection = found or self._new()
        try:
            yield connection
        except BaseException:
            self._discard(connection)
            raise
        with self._lock:
            self._idle.append(connection)

    def _new(self) -> C:
        connection = self._connect()
        with self._lock:
            self._open.append(connection)
        return connection

    def _discard(self, connection: C) -> None:
        with self._lock:
            self._open.remove(connection)
        connection.close()

    def close(self) -> None:
        """Close all that nobody uses."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            self._discard(connection)
