"""What a store is: documents that are saved only over the version that was loaded, logs that are only appended to, queues."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, NamedTuple, TypeVar

from racelint.runtime.forks import renew_after_fork
from racelint.runtime.gate import Gates
from racelint.runtime.stores.text import decode, encode

T = TypeVar("T")
THREADS = 32
"""How many calls of tasks a store has under way at once; more wait."""


class Versioned(NamedTuple):
    """A value as it was when it had this version."""

    value: Any
    version: int


class Taken(NamedTuple):
    """An item of a queue that somebody has, until its time is over."""

    id: str
    token: str
    """Of this taking: who has only an older one has lost the item."""
    value: Any
    tries: int
    """How often the item was taken, this time included."""


class Counters:
    """What `update_atomic` met with on a store; safe to count in many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Begin again at zero."""
        with self._lock:
            self.attempts = 0
            """How often something was loaded, changed and saved."""
            self.conflicts = 0
            """How many of these attempts found that somebody else had saved meanwhile."""
            self.waited = 0.0
            """Seconds between an attempt that failed and the next one."""

    def count(self, *, conflict: bool) -> None:
        """An attempt that is over."""
        with self._lock:
            self.attempts += 1
            self.conflicts += conflict

    def wait(self, seconds: float) -> None:
        """What will be waited before the next attempt."""
        with self._lock:
            self.waited += seconds


class Store(ABC):
    """Documents, logs and queues by key. Values are what JSON can say, keys are any text.

    What a store has to do is written once, for threads. The `a…` twins for tasks run it in a thread, unless a store's
    driver can do better. A store may be used by all threads, tasks and event loops of a process, and after a fork.
    """

    blocking = True
    """Whether a call may take time; if not, it is made on the event loop itself."""

    def __init__(self) -> None:
        self.counters = Counters()
        self.gates = Gates()
        """Who updates a key in this process, one at a time."""
        self.renew()
        renew_after_fork(self)

    def renew(self) -> None:
        """In a child that was forked, and at first: no locks, threads and connections of anybody else."""
        self._lock_of_pool = threading.Lock()
        self._pool_of_threads: ThreadPoolExecutor | None = None

    def close(self) -> None:
        """Let go of threads and connections; clients that the store was given stay open."""
        with self._lock_of_pool:
            pool, self._pool_of_threads = self._pool_of_threads, None
        if pool is not None:
            pool.shutdown(wait=False)

    # --- documents

    @abstractmethod
    def load(self, key: str) -> "Versioned | None":
        """The document of a key, and its version; None if there is none."""

    @abstractmethod
    def save(self, key: str, value: Any, expected: "int | None") -> "int | None":
        """Save a document if its version is still `expected`, in one atomic step; None means that there is none yet.

        Returns the new version, which is greater, or None if the version was another one and nothing was saved.
        """

    @abstractmethod
    def delete(self, key: str) -> None:
        """Forget the document and the log of a key."""

    # --- logs

    def append(self, key: str, *entries: Any, keep: "int | None" = None) -> None:
        """Add entries to the end of a key's log, all or none; the oldest beyond `keep` may be dropped."""
        self.append_texts(key, [encode(entry) for entry in entries], keep)

    @abstractmethod
    def append_texts(self, key: str, texts: Sequence[str], keep: "int | None" = None) -> None:
        """The same for entries that are JSON already."""

    @abstractmethod
    def entries(self, key: str, last: "int | None" = None) -> list[Any]:
        """The entries of a log, or the last ones of them, in order."""

    # --- queues

    @abstractmethod
    def put(self, queue: str, value: Any) -> None:
        """Add an item to the end of a queue."""

    @abstractmethod
    def take(self, queue: str, seconds: float) -> "Taken | None":
        """Take the first item that nobody has, in one atomic step; after `seconds` it can be taken again."""

    @abstractmethod
    def finish(self, queue: str, taken: Taken) -> bool:
        """Remove an item for good; False if its time was over and somebody else has taken or finished it."""

    @abstractmethod
    def retime(self, queue: str, taken: Taken, seconds: float) -> bool:
        """Let an item come back in `seconds` from now; False as for `finish`."""

    # --- for tasks

    async def call(self, function: Callable[..., T], *args: Any) -> T:
        """A method of the store, away from the event loop if it takes time."""
        if not self.blocking:
            return function(*args)
        from asyncio import wrap_future

        return await wrap_future(self._threads().submit(copy_context().run, function, *args))

    def _threads(self) -> ThreadPoolExecutor:
        """The store's own: a loop's executor may be full of threads that wait for a task which waits for this store."""
        with self._lock_of_pool:
            if self._pool_of_threads is None:
                self._pool_of_threads = ThreadPoolExecutor(THREADS, "store")
            return self._pool_of_threads

    async def aload(self, key: str) -> "Versioned | None":
        """`load` for tasks."""
        return await self.call(self.load, key)

    async def asave(self, key: str, value: Any, expected: "int | None") -> "int | None":
        """`save` for tasks. Who is cancelled meanwhile does not know whether it was saved; it was, or it was not."""
        return await self.call(self.save, key, value, expected)

    async def adelete(self, key: str) -> None:
        """`delete` for tasks."""
        await self.call(self.delete, key)

    async def aappend(self, key: str, *entries: Any, keep: "int | None" = None) -> None:
        """`append` for tasks."""
        await self.call(self.append_texts, key, [encode(entry) for entry in entries], keep)

    async def aentries(self, key: str, last: "int | None" = None) -> list[Any]:
        """`entries` for tasks."""
        return await self.call(self.entries, key, last)


def tail(items: list[T], last: "int | None") -> list[T]:
    """The last items of a list, or all of them."""
    return items if last is None else items[max(len(items) - last, 0) :]


def decoded(texts: "Iterable[str | bytes]") -> list[Any]:
    """The values of many texts."""
    return [decode(text) for text in texts]
