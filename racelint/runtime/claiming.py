"""Take the next item of a queue, one worker each: against items that two workers take, or none (RL502)."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self

    from racelint.runtime.stores.base import Store, Taken


class ClaimLost(Exception):
    """The time of a claim was over before the work was: another worker may have done it too."""


class Claim:
    """An item that is the caller's for a time. As a context manager: finished at the end, given back after an exception."""

    def __init__(self, store: "Store", queue: str, taken: "Taken") -> None:
        self._store, self._queue, self._taken = store, queue, taken

    @property
    def value(self) -> Any:
        """The item."""
        return self._taken.value

    @property
    def tries(self) -> int:
        """How often it was claimed, this time included: more than once if a worker gave it back, crashed or was slow."""
        return self._taken.tries

    async def finish(self) -> bool:
        """Remove the item for good; False if it is not the caller's any more."""
        return await self._store.call(self.finish_sync)

    async def extend(self, seconds: float) -> bool:
        """Keep it until `seconds` from now; False if it is not the caller's any more."""
        return await self._store.call(self.extend_sync, seconds)

    async def give_back(self) -> bool:
        """Let the next worker have it at once; False if it is not the caller's any more."""
        return await self.extend(0)

    def finish_sync(self) -> bool:
        """`finish` for threads."""
        return self._store.finish(self._queue, self._taken)

    def extend_sync(self, seconds: float) -> bool:
        """`extend` for threads."""
        return self._store.retime(self._queue, self._taken, seconds)

    def give_back_sync(self) -> bool:
        """`give_back` for threads."""
        return self.extend_sync(0)

    def __enter__(self) -> "Self":
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self.give_back_sync()
        elif not self.finish_sync():
            raise self._lost()

    async def __aenter__(self) -> "Self":
        return self

    async def __aexit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            await self.give_back()
        elif not await self.finish():
            raise self._lost()

    def _lost(self) -> ClaimLost:
        return ClaimLost(f"an item of {self._queue!r} was not finished in its time: claim for longer, or `extend`")


async def enqueue(store: "Store", queue: str, value: Any) -> None:
    """Add an item to the end of a queue."""
    await store.call(store.put, queue, value)


async def claim(store: "Store", queue: str, *, seconds: float = 60) -> "Claim | None":
    """The first item that nobody has, for `seconds`; None if there is none.

    An item that is not finished by then comes back: its worker may have crashed. So an item is claimed at least once, and
    by one worker at a time as long as workers keep to their time.
    """
    taken = await store.call(store.take, queue, seconds)
    return None if taken is None else Claim(store, queue, taken)


def enqueue_sync(store: "Store", queue: str, value: Any) -> None:
    """`enqueue` for threads."""
    store.put(queue, value)


def claim_sync(store: "Store", queue: str, *, seconds: float = 60) -> "Claim | None":
    """`claim` for threads."""
    taken = store.take(queue, seconds)
    return None if taken is None else Claim(store, queue, taken)
