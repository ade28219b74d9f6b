"""A stand-in for something that a call works with and a test does not have."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from types import TracebackType
from typing import Any, TypeAlias

Call: TypeAlias = tuple[str, tuple[object, ...], dict[str, object]]
"""What was called, and with what."""


class StandIn:
    """Takes every call, and remembers it in `calls`, which counts as state that can be seen.

    What it returns is a stand-in again. It can be awaited, and then suspends once, as what talks to the world does; it can
    be entered by `with` and `async with`. For anything else write a class of your own.
    """

    def __init__(self, name: str, calls: list[Call] | None = None) -> None:
        """`name` is how it appears in `calls`."""
        self._name = name
        self.first = calls is None
        self.calls: list[Call] = [] if calls is None else calls

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        made = StandIn(f"{self._name}.{name}", self.calls)
        self.__dict__[name] = made  # the same each time, as an attribute is
        return made

    def __call__(self, *args: object, **named: object) -> Any:
        self.calls.append((self._name, args, named))
        return StandIn(f"{self._name}()", self.calls)

    def __await__(self) -> Generator[Any, None, Any]:
        yield from asyncio.sleep(0).__await__()
        return self

    def __enter__(self) -> Any:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        return None

    async def __aenter__(self) -> Any:
        await asyncio.sleep(0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await asyncio.sleep(0)

    def __repr__(self) -> str:
        return f"<{self._name}>"
