"""Event loops, as seen from where there may be none. asyncio is imported by those who use it, not by this."""

import sys
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

T = TypeVar("T")


def running_loop() -> "AbstractEventLoop | None":
    """The loop that this thread is running; none can run before asyncio has been imported."""
    running = getattr(sys.modules.get("asyncio"), "_get_running_loop", None)
    loop: AbstractEventLoop | None = running() if running is not None else None
    return loop


def on_loop(loop: "AbstractEventLoop") -> bool:
    """Whether the caller runs on this loop, and would stop it by waiting."""
    return running_loop() is loop


class Home:
    """The loop that an asynchronous client belongs to: the one on which its store is made."""

    def __init__(self) -> None:
        loop = running_loop()
        if loop is None:
            raise RuntimeError("make the store of an asynchronous client on the event loop that the client belongs to")
        self._loop = loop

    def call(self, coroutine: "Coroutine[Any, Any, T]") -> T:
        """The result of a coroutine that runs on that loop, for all other threads."""
        from asyncio import run_coroutine_threadsafe

        if on_loop(self._loop) or self._loop.is_closed():
            coroutine.close()
            state = "is closed" if self._loop.is_closed() else "would be stopped by waiting; use the face for tasks"
            raise RuntimeError(f"the event loop that the store's client belongs to {state}")
        return run_coroutine_threadsafe(coroutine, self._loop).result()
