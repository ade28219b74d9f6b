"""Load a document, change it and save it as one step: against lost updates (RL103, RL105, RL107, RL501)."""

from time import sleep

TYPE_CHECKING = False  # as typing's, which takes a while to import
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TypeVar

    from racelint.runtime.stores.base import Store, Versioned

    Value = TypeVar("Value")
LONGEST_WAIT = 0.1
"""Seconds; where the doubling of waits ends: who waits longer than others are busy only comes later, not more often first."""


class Conflict(Exception):
    """Somebody else has saved the document during each of `tries` attempts; it is as they left it."""

    def __init__(self, key: str, tries: int) -> None:
        super().__init__(key, tries)
        self.key, self.tries = key, tries

    def __str__(self) -> str:
        return f"{self.key!r} was saved by others during each of {self.tries} attempts to update it"


class Unchanged(Exception):
    """Raised by a change that has nothing to save."""


async def update_atomic(
    store: "Store",
    key: str,
    change: "Callable[[Value], Value | Awaitable[Value]]",
    *,
    default: "Callable[[], Value] | None" = None,
    retries: int = 100,
    backoff: float = 0.002,
) -> "Value":
    """Save what `change` makes of a document, in one step as others see it, and return it.

    `change` is a function or a coroutine function. It is called again with a fresh document if another process has saved
    one meanwhile: it should have no other effects. What it raises is raised here, and nothing is saved.
    `default()` is the document of a key that has none; without it that is a KeyError.
    `backoff` is the longest first wait between attempts, in seconds; it doubles with each, and chance decides how much of
    it is waited. Raises `Conflict` after 1 + `retries` attempts.
    """
    async with store.gates.hold(key):
        for attempt in range(retries + 1):
            if attempt:
                from asyncio import sleep as pause

                await pause(_wait(store, backoff, attempt))
            found = await store.aload(key)
            changed = change(_value(found, key, default))
            value: Value = await changed if hasattr(changed, "__await__") else changed
            if _saved(store, await store.asave(key, value, found and found.version)):
                return value
    raise Conflict(key, retries + 1)


def update_atomic_sync(
    store: "Store",
    key: str,
    change: "Callable[[Value], Value]",
    *,
    default: "Callable[[], Value] | None" = None,
    retries: int = 100,
    backoff: float = 0.002,
) -> "Value":
    """`update_atomic` for threads, and for code that is not asynchronous yet."""
    with store.gates.hold_sync(key):
        for attempt in range(retries + 1):
            if attempt:
                sleep(_wait(store, backoff, attempt))
            found = store.load(key)
            value = change(_value(found, key, default))
            if _saved(store, store.save(key, value, found and found.version)):
                return value
    raise Conflict(key, retries + 1)


def _value(found: "Versioned | None", key: str, default: "Callable[[], Value] | None") -> "Value":
    """The document to change."""
    if found is not None:
        return found.value  # type: ignore[no-any-return]
    if default is None:
        raise KeyError(key)
    return default()


def _saved(store: "Store", version: "int | None") -> bool:
    """Whether it was saved, which is counted."""
    store.counters.count(conflict=version is None)
    return version is not None


def _wait(store: "Store", backoff: float, attempt: int) -> float:
    """Seconds until the next attempt: by chance, so that those who met do not meet again, and longer each time."""
    from random import uniform  # most updates meet nobody, and do not need it

    seconds = uniform(0, min(backoff * 2 ** (attempt - 1), LONGEST_WAIT))
    store.counters.wait(seconds)
    return seconds
