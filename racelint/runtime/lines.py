"""The queues of a LogWriter: one for each key, as long as it is not empty."""

import threading
from collections import deque
from concurrent.futures import Future
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from asyncio import AbstractEventLoop


class Item:
    """What waits to be written: the JSON of an entry, or None for somebody who only wants to know when it is their turn."""

    __slots__ = ("let_in", "loop", "stored", "text", "waiter")

    def __init__(self, text: "str | None", loop: "AbstractEventLoop | None" = None) -> None:
        self.text = text
        self.stored: Future[None] = Future()
        self.loop = loop
        self.waiter: asyncio.Future[None] | None = None if loop is None else loop.create_future()
        """What a task of the loop waits for; told after `stored`, together with others of its loop."""
        self.let_in: Future[None] | None = None
        """Of an item that found no room: done when there is."""


class Line:
    """The items of one key, in the order of their arrival."""

    __slots__ = ("outside", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[Item] = deque()
        self.outside: deque[Item] = deque()
        """Those beyond `max_pending`."""


class Lines:
    """All lines of a writer. A line is there while somebody is busy with it: who enters first makes it, and has it written."""

    def __init__(self, max_pending: int, max_batch: int) -> None:
        self._max_pending, self._max_batch = max_pending, max_batch
        self._closed = False
        self.renew()

    def renew(self) -> None:
        """In a forked child: none."""
        self._lock = threading.Lock()
        self._lines: dict[str, Line] = {}

    def number(self) -> int:
        """How many keys have something to write."""
        return len(self._lines)

    def enter(self, key: str, item: Item) -> bool:
        """Put an item at the end of its line; whether the line is new, and the caller has to have it written."""
        with self._lock:
            if self._closed:
                raise RuntimeError("the LogWriter is closed")
            line = self._lines.get(key)
            is_new = line is None
            if line is None:
                line = self._lines[key] = Line()
            if len(line.waiting) < self._max_pending:
                line.waiting.append(item)
            else:
                item.let_in = Future()
                line.outside.append(item)
            return is_new

    def mark(self, key: "str | None", closing: bool = False) -> "list[Future[None]]":
        """For each line, or that of a key, what is done when all that is in it now is."""
        with self._lock:
            self._closed = self._closed or closing
            lines = [line for name, line in self._lines.items() if key in (None, name)]
            markers = [Item(None) for _ in lines]
            for line, marker in zip(lines, markers, strict=True):
                (line.outside or line.waiting).append(marker)
        return [marker.stored for marker in markers]

    def close(self) -> "list[Future[None]]":
        """Let nobody in any more; the marks of what is within."""
        return self.mark(None, closing=True)

    def take(self, key: str) -> "list[Item] | None":
        """The next batch, without what was cancelled; None if there is nothing more, and the line is gone."""
        with self._lock:
            line = self._lines.get(key)
            if line is None or not line.waiting:
                self._lines.pop(key, None)
                return None
            batch = [line.waiting.popleft() for _ in range(min(len(line.waiting), self._max_batch))]
            room = min(self._max_pending - len(line.waiting), len(line.outside))
            admitted = [line.outside.popleft() for _ in range(room)]
            line.waiting.extend(admitted)
        for item in admitted:
            if item.let_in is not None and item.let_in.set_running_or_notify_cancel():
                item.let_in.set_result(None)
        return [item for item in batch if item.stored.set_running_or_notify_cancel()]
