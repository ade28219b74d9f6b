"""A client of a render farm that allows a number of starts within a window.

`start` looks whether another start is allowed, hands the scene to the farm and records the start when the farm has
answered. Requests that arrive while another waits for the farm are checked against a count that lacks it: 250 starts
are allowed, 252 happen.
"""

import asyncio
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol


class RateLimited(Exception):
    """The farm takes no more starts in this window."""


class Farm(Protocol):
    async def submit(self, scene: str) -> str:
        """Start a render and return its id."""
        ...


class RenderClient:
    """Starts renders within the farm's contract; what exceeds it is billed at ten times the price."""

    def __init__(
        self, farm: Farm, limit: int = 250, window: float = 3600.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._farm = farm
        self._limit = limit
        self._window = window  # seconds
        self._clock = clock
        self._starts: deque[float] = deque()

    async def start(self, scene: str) -> str:
        self._forget_old_starts()
        if len(self._starts) >= self._limit:
            raise RateLimited(f"{self._limit} renders started within {self._window:.0f} s")
        render_id = await self._farm.submit(scene)
        self._starts.append(self._clock())
        return render_id

    def _forget_old_starts(self) -> None:
        oldest = self._clock() - self._window
        while self._starts and self._starts[0] <= oldest:
            self._starts.popleft()


class LocalFarm:
    """A farm that answers in the next turn of the event loop and counts what it has started."""

    def __init__(self) -> None:
        self.started: list[str] = []

    async def submit(self, scene: str) -> str:
        self.started.append(scene)
        render_id = f"render-{len(self.started)}"
        await asyncio.sleep(0)
        return render_id


async def main() -> int:
    farm = LocalFarm()
    client = RenderClient(farm, limit=250)
    for number in range(249):
        await client.start(f"scene-{number}")

    answers = await asyncio.gather(
        *(client.start(scene) for scene in ("trailer", "poster", "credits")), return_exceptions=True
    )
    refused = sum(isinstance(answer, RateLimited) for answer in answers)

    print("expected: 250 started, 2 refused")
    print(f"there:    {len(farm.started)} started, {refused} refused")
    print(f"250 allowed, {len(farm.started)} started")
    return 0 if len(farm.started) == 252 else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
