"""Errors instead of deadlocks: code that waits, perhaps through others, for something that only itself can let go."""

import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from racelint.runtime.forks import renew_after_fork


class ReEntered(RuntimeError):
    """Code would wait for itself: it was called by what it would have to wait for, or that waits for its caller."""


class _Held:
    """Something that is held by the code which runs in this context; no longer when `active` is false."""

    __slots__ = ("active", "thing")

    def __init__(self, thing: Hashable) -> None:
        self.thing = thing
        self.active = True


_held: "ContextVar[tuple[_Held, ...]]" = ContextVar("racelint_held", default=())


@contextmanager
def holding(thing: Hashable) -> Iterator[None]:
    """Hold a thing; so do the tasks that are started in the block, until it is over."""
    held = _Held(thing)
    before = _held.set((*_held.get(), held))
    try:
        yield
    finally:
        held.active = False
        _held.reset(before)


@contextmanager
def waiting_for(thing: Hashable, name: str) -> Iterator[None]:
    """Wait for a thing. Raises `ReEntered` if it waits for something that is held here, or is itself held here."""
    mine = [held.thing for held in _held.get() if held.active]
    if not mine:
        yield
        return
    _waits.add(mine, thing, name)
    try:
        yield
    finally:
        _waits.remove(mine, thing)


class _Waits:
    """Which things are held by code that waits for which other ones."""

    def __init__(self) -> None:
        renew_after_fork(self)
        self.renew()

    def renew(self) -> None:
        """In a forked child: nobody waits."""
        self._lock = threading.Lock()
        self._waits: dict[Hashable, list[Hashable]] = {}

    def add(self, holding: list[Hashable], thing: Hashable, name: str) -> None:
        with self._lock:
            if self._reached(thing) & {*holding}:
                raise ReEntered(
                    f"{name} was called, perhaps through others, from within itself, and would wait for itself"
                )
            for held in holding:
                self._waits.setdefault(held, []).append(thing)

    def remove(self, holding: list[Hashable], thing: Hashable) -> None:
        with self._lock:
            for held in holding:
                targets = self._waits.get(held, [thing])
                targets.remove(thing)
                if not targets:
                    self._waits.pop(held, None)

    def _reached(self, thing: Hashable) -> set[Hashable]:
        """What must be let go before `thing` is."""
        reached, todo = {thing}, [thing]
        while todo:
            for target in self._waits.get(todo.pop(), ()):
                if target not in reached:
                    reached.add(target)
                    todo.append(target)
        return reached


_waits = _Waits()
