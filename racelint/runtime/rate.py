"""Allow so many starts in a time and no more, however many processes ask: against limits checked before they count (RL501)."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from racelint.runtime.update import Unchanged, update_atomic, update_atomic_sync

if TYPE_CHECKING:
    from racelint.runtime.stores.base import Store

RETRIES = 1_000
"""Every conflict is a start that somebody else was allowed, so there are never more of them than starts."""


async def allow(store: "Store", name: str, *, limit: int, seconds: float) -> bool:
    """Whether one more may start now; if so it counts, in the same step.

    No `seconds` that end now have seen more than `limit` starts. The time is that of the process that asks: clocks of
    several hosts must agree as well as the limit shall be kept.
    """
    try:
        await update_atomic(store, _key(name), _start(limit, seconds), default=list, retries=RETRIES)
    except Unchanged:
        return False
    return True


def allow_sync(store: "Store", name: str, *, limit: int, seconds: float) -> bool:
    """`allow` for threads."""
    try:
        update_atomic_sync(store, _key(name), _start(limit, seconds), default=list, retries=RETRIES)
    except Unchanged:
        return False
    return True


def _key(name: str) -> str:
    return f"\0limit {name}"


def _start(limit: int, seconds: float) -> "Callable[[list[float]], list[float]]":
    """Adds a start to those of the last `seconds`, or raises `Unchanged`."""

    def start(starts: "list[float]") -> "list[float]":
        now = time.time()
        recent = [then for then in starts if then > now - seconds]
        if len(recent) >= limit:
            raise Unchanged
        return [*recent, now]

    return start
