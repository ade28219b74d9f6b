"""A lock that threads, tasks and event loops share, and one such lock for each key."""

import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager

from racelint.runtime.forks import renew_after_fork
from racelint.runtime.loops import running_loop
from racelint.runtime.reentry import holding, waiting_for


class Gate:
    """Lets one holder in at a time, whether thread or task of any loop; who came first is let in first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held = False
        self._waiting: deque[Future[None]] = deque()

    def ticket(self) -> "Future[None] | None":
        """None if the caller is let in; else what becomes done when it is."""
        with self._lock:
            if not self._held:
                self._held = True
                return None
            ticket: Future[None] = Future()
            self._waiting.append(ticket)
            return ticket

    def give_up(self, ticket: "Future[None]") -> None:
        """Stop waiting; who has been let in meanwhile lets the next one in."""
        if not ticket.cancel():
            self.leave()

    def leave(self) -> None:
        """Let in whoever has waited longest."""
        with self._lock:
            heir = self._heir()
            self._held = heir is not None
        if heir is not None:
            heir.set_result(None)

    def _heir(self) -> "Future[None] | None":
        """The first of those that wait which has not given up; from now on `give_up` knows that it is inside."""
        while self._waiting:
            ticket = self._waiting.popleft()
            if ticket.set_running_or_notify_cancel():
                return ticket
        return None


class Gates:
    """A gate for each key, kept only while somebody wants it."""

    def __init__(self) -> None:
        renew_after_fork(self)
        self.renew()

    def renew(self) -> None:
        """All gates open: who held them does not exist in a forked child."""
        self._lock = threading.Lock()
        self._gates: dict[str, tuple[Gate, int]] = {}

    @asynccontextmanager
    async def hold(self, key: str) -> AsyncIterator[None]:
        """Be the only one within for this key. Raises `ReEntered` if the caller is within already, or is waited for."""
        with self._gate(key) as gate:
            ticket = gate.ticket()
            if ticket is not None:
                await self._wait(gate, ticket, key)
            try:
                with holding(gate):
                    yield
            finally:
                gate.leave()

    @contextmanager
    def hold_sync(self, key: str) -> Iterator[None]:
        """The same for a thread. On the thread of an event loop it does not wait: who is within may need that loop."""
        with self._gate(key) as gate:
            ticket = gate.ticket()
            if ticket is not None and running_loop() is not None:
                gate.give_up(ticket)
                yield
                return
            if ticket is not None:
                self._wait_sync(gate, ticket, key)
            try:
                with holding(gate):
                    yield
            finally:
                gate.leave()

    @contextmanager
    def _gate(self, key: str) -> Iterator[Gate]:
        with self._lock:
            gate, users = self._gates.get(key) or (Gate(), 0)
            self._gates[key] = gate, users + 1
        try:
            yield gate
        finally:
            self._forget(key, gate)

    def _forget(self, key: str, gate: Gate) -> None:
        with self._lock:
            found, users = self._gates.get(key, (None, 0))
            if found is not gate:  # of the time before a fork
                return
            if users == 1:
                del self._gates[key]
            else:
                self._gates[key] = gate, users - 1

    @staticmethod
    async def _wait(gate: Gate, ticket: "Future[None]", key: str) -> None:
        from asyncio import wrap_future

        try:
            with waiting_for(gate, repr(key)):
                await wrap_future(ticket)
        except BaseException:
            gate.give_up(ticket)
            raise

    @staticmethod
    def _wait_sync(gate: Gate, ticket: "Future[None]", key: str) -> None:
        try:
            with waiting_for(gate, repr(key)):
                ticket.result()
        except BaseException:  # ReEntered, KeyboardInterrupt
            gate.give_up(ticket)
            raise
