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
    """The loop that a client belongs to; threads and tasks of other loops have their calls made there."""

    def __init__(self, loop: "AbstractEventLoop") -> None:
        self.loop = loop

    def call(self, coroutine: "Coroutine[Any, Any, T]") -> T:
        """The result of a coroutine, for threads."""
        from asyncio import run_coroutine_threadsafe

        if on_loop(self.loop):
            coroutine.close()
            raise RuntimeError(
                "the store's client lives on this event loop, and waiting would stop it; use the async face"
            )
        return run_coroutine_threadsafe(coroutine, self.loop).result()

    async def acall(self, coroutine: "Coroutine[Any, Any, T]") -> T:
        """The same for tasks."""
        from asyncio import run_coroutine_threadsafe, wrap_future

        if on_loop(self.loop):
            return await coroutine
        return await wrap_future(run_coroutine_threadsafe(coroutine, self.loop))
