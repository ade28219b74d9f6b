"""Append to logs from many tasks and threads: against appending by rewriting (RL104) and interleaved writes."""

import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from racelint.runtime.forks import renew_after_fork
from racelint.runtime.functions import is_coroutine_function
from racelint.runtime.lines import Item, Lines
from racelint.runtime.loops import on_loop, running_loop
from racelint.runtime.stores.base import Store
from racelint.runtime.stores.text import decode, encode

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Task

    from typing_extensions import Self

NOT_FOR_OTHERS = (StopIteration, CancelledError)
"""Exceptions that have a meaning of their own where they are raised."""
Write = Callable[[str, list[Any]], "Awaitable[object] | object"]


class LogWriter:
    """Writes the entries of each key in order, one batch at a time; keys do not wait for each other.

    `sink` is a store, or a function or coroutine function `write(key, entries)`. A coroutine function runs on the event
    loop where the writer was made or entered; all else in threads of the writer, `workers` of them at most.
    Of each key at most `max_pending` entries wait, of which `max_batch` are written at once, and with `max_entries` only
    the last ones are kept.
    """

    def __init__(
        self,
        sink: "Store | Write",
        *,
        max_pending: int = 10_000,
        max_batch: int = 1_000,
        max_entries: "int | None" = None,
        workers: int = 64,
    ) -> None:
        if min(max_pending, max_batch, workers, 1 if max_entries is None else max_entries) < 1:
            raise ValueError("max_pending, max_batch, max_entries and workers are at least 1")
        if max_entries is not None and not isinstance(sink, Store):
            raise ValueError("max_entries is for stores; a function keeps what it wants")
        self._sink, self._workers = sink, workers
        self._max_entries = max_entries
        self._lines = Lines(max_pending, max_batch)
        self._is_async = not isinstance(sink, Store) and (
            is_coroutine_function(sink) or is_coroutine_function(type(sink).__call__)
        )
        self._loop: AbstractEventLoop | None = None
        self._tasks: set[Task[None]] = set()
        self._find_loop()
        self.renew()
        renew_after_fork(self)

    def renew(self) -> None:
        """In a forked child: what waited is the parent's to write, and its threads do not exist here."""
        self._lock = threading.Lock()
        self._lines.renew()
        self._pool: ThreadPoolExecutor | None = None

    # --- for tasks

    async def append(self, key: str, entry: Any) -> None:
        """Return when the entry is stored; raises what the write raised. Who is cancelled cannot know: once, or not at all."""
        item = self._enter(key, entry, running_loop())
        assert item.waiter is not None
        try:
            await item.waiter
        except BaseException:
            item.stored.cancel()
            raise

    async def put(self, key: str, entry: Any) -> "Future[None]":
        """Return when the entry has its place in the queue; the future is done when it is stored, or has the failure."""
        item = self._enter(key, entry)
        if item.let_in is not None:
            try:
                await _settled(item.let_in)
            except BaseException:
                item.stored.cancel()
                raise
        return item.stored

    async def flush(self, key: "str | None" = None) -> None:
        """Return when all that came before, for a key or for all keys, has been written or has failed."""
        for marker in self._lines.mark(key):
            await _settled(marker)

    async def entries(self, key: str) -> list[Any]:
        """What is stored, in order."""
        return await self._store().aentries(key, self._max_entries)

    async def aclose(self) -> None:
        """Take no more entries, and return when all that were taken have been written or have failed."""
        for marker in self._lines.close():
            await _settled(marker)
        self._dismiss()

    async def __aenter__(self) -> "Self":
        self._find_loop()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    # --- for threads

    def append_sync(self, key: str, entry: Any) -> None:
        """`append` for threads."""
        self._check_may_wait()
        _settled_sync(self._enter(key, entry).stored)

    def put_sync(self, key: str, entry: Any) -> "Future[None]":
        """`put` for threads."""
        self._check_may_wait()
        item = self._enter(key, entry)
        if item.let_in is not None:
            try:
                _settled_sync(item.let_in)
            except BaseException:  # KeyboardInterrupt
                item.stored.cancel()
                raise
        return item.stored

    def flush_sync(self, key: "str | None" = None) -> None:
        """`flush` for threads."""
        self._check_may_wait()
        for marker in self._lines.mark(key):
            _settled_sync(marker)

    def entries_sync(self, key: str) -> list[Any]:
        """`entries` for threads."""
        return self._store().entries(key, self._max_entries)

    def close(self) -> None:
        """`aclose` for threads."""
        self._check_may_wait()
        for marker in self._lines.close():
            _settled_sync(marker)
        self._dismiss()

    def __enter__(self) -> "Self":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- the writing

    def _enter(self, key: str, entry: Any, loop: "AbstractEventLoop | None" = None) -> Item:
        """Put an entry, as it is now, at the end of its line, and have the line written if nobody does."""
        item = Item(encode(entry), loop)
        if self._lines.enter(key, item):
            self._start(key)
        return item

    def _start(self, key: str) -> None:
        """Have a line written, somewhere, until it is empty."""
        if self._is_async:
            self._start_on_loop(key)
        elif not self._may_take_time() or not self._submit(key):
            self._drain(key)

    def _may_take_time(self) -> bool:
        return not isinstance(self._sink, Store) or self._sink.blocking

    def _submit(self, key: str) -> bool:
        """Have a thread write it; False when the interpreter is about to end and gives no more of them."""
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._workers, "LogWriter")
            pool = self._pool
        try:
            pool.submit(self._drain, key)
        except RuntimeError:
            return False
        return True

    def _drain(self, key: str) -> None:
        """Write a line; if there are more lines than threads, each has its turn after every batch."""
        while (batch := self._lines.take(key)) is not None:
            _settle(batch, self._write(key, _texts(batch)))
            if self._pool is not None and self._lines.number() > self._workers and self._submit(key):
                return

    def _write(self, key: str, texts: Sequence[str]) -> "BaseException | None":
        """Write a batch; what went wrong is for those whose entries it has."""
        try:
            if isinstance(self._sink, Store):
                if texts:
                    self._sink.append_texts(key, texts, self._max_entries)
            elif texts:
                self._sink(key, list(map(decode, texts)))
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            return error
        return None

    def _start_on_loop(self, key: str) -> None:
        try:
            if self._loop is None:
                raise RuntimeError("make or enter a LogWriter with a coroutine function on an event loop")
            self._loop.call_soon_threadsafe(self._spawn, key)
        except RuntimeError as error:
            self._reject(key, error)

    def _spawn(self, key: str) -> None:
        from asyncio import get_running_loop

        task = get_running_loop().create_task(self._drain_on_loop(key))
        self._tasks.add(task)  # a loop does not keep its tasks alive
        task.add_done_callback(self._tasks.discard)

    async def _drain_on_loop(self, key: str) -> None:
        batch: list[Item] | None = []
        try:
            while (batch := self._lines.take(key)) is not None:
                _settle(batch, await self._write_on_loop(key, _texts(batch)))
        except BaseException as error:  # the loop is being shut down
            _settle(batch or [], error)
            self._reject(key, error)
            raise

    async def _write_on_loop(self, key: str, texts: Sequence[str]) -> "Exception | None":
        if not texts:
            return None
        try:
            await self._sink(key, list(map(decode, texts)))  # type: ignore[misc, operator]
        except Exception as error:  # noqa: BLE001 - raised where it is waited for
            return error
        return None

    def _reject(self, key: str, error: BaseException) -> None:
        """Nobody is left who could write this line."""
        while (batch := self._lines.take(key)) is not None:
            _settle(batch, error)

    def _find_loop(self) -> None:
        """The loop on which a coroutine function is to run: the first one on which the writer is seen."""
        if self._is_async and self._loop is None:
            self._loop = running_loop()

    def _check_may_wait(self) -> None:
        if self._loop is not None and on_loop(self._loop):
            raise RuntimeError("this would wait for its own event loop; await the method without _sync")

    def _store(self) -> Store:
        if not isinstance(self._sink, Store):
            raise TypeError("entries cannot be read back from a function")
        return self._sink

    def _dismiss(self) -> None:
        """Let the threads go; those at work end their work."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False)


async def _settled(future: "Future[None]") -> None:
    """Wait for an item; who stops waiting before its turn takes it out of the line."""
    from asyncio import wrap_future

    try:
        await wrap_future(future)
    except BaseException:
        future.cancel()
        raise


def _settled_sync(future: "Future[None]") -> None:
    try:
        future.result()
    except BaseException:  # KeyboardInterrupt
        future.cancel()
        raise


def _texts(batch: Sequence[Item]) -> list[str]:
    return [item.text for item in batch if item.text is not None]


def _settle(batch: Sequence[Item], error: "BaseException | None") -> None:
    """Tell those whose items were in a batch how it went; who only asked to be told when is told."""
    if error is not None and (not isinstance(error, Exception) or isinstance(error, NOT_FOR_OTHERS)):
        failure = RuntimeError(f"the write was interrupted by {error!r}")
        failure.__cause__ = error
        error = failure
    by_loop: dict[AbstractEventLoop, list[Item]] = {}
    for item in batch:
        if error is None or item.text is None:
            item.stored.set_result(None)
        else:
            item.stored.set_exception(error)
        if item.loop is not None:
            by_loop.setdefault(item.loop, []).append(item)
    for loop, items in by_loop.items():  # waking a loop costs more than all else: once for a batch
        _wake(loop, items)


def _wake(loop: "AbstractEventLoop", items: list[Item]) -> None:
    if on_loop(loop):
        _tell(items)
        return
    with suppress(RuntimeError):  # the loop is closed, and so are those who waited on it
        loop.call_soon_threadsafe(_tell, items)


def _tell(items: list[Item]) -> None:
    """On the loop of these items: pass on how it went, unless who waited has been cancelled."""
    for item in items:
        if item.waiter is not None and not item.waiter.done():
            error = item.stored.exception()
            if error is None:
                item.waiter.set_result(None)
            else:
                item.waiter.set_exception(error)
