"""The evaluated arguments of a call."""

from __future__ import annotations

import re
from collections.abc import Iterable

import libcst as cst

from racelint.events import NO_IDS, Ids, Value
from racelint.frozen import dataclass


@dataclass(slots=True)
class Arguments:
    """The evaluated arguments of a call."""

    positional: list[Value]
    keywords: dict[str, Value]
    nodes: list[cst.Arg]
    starred: bool

    @property
    def every(self) -> list[Value]:
        return [*self.positional, *self.keywords.values()]

    @property
    def stems(self) -> Ids:
        return NO_IDS.union(*(value.stems for value in self.every)) if self.every else NO_IDS

    @property
    def texts(self) -> frozenset[str]:
        """Sources of the arguments that are names or attributes."""
        listed = {
            word
            for v in self.every
            if (keys := v.part("keys")) is not None
            for word in keys.text.split()
            if not word.endswith("=")
        }
        return frozenset(listed) | frozenset(
            text
            for v in self.every
            if (text := v.text) and re.fullmatch(r"[A-Za-z_][\w.]*", text) and text not in ("None", "True", "False")
        )

    def have(self, wanted: Iterable[str]) -> bool:
        """Whether a keyword is given, or a position: `2` for the third argument."""
        return any(name in self.keywords or (name.isdigit() and int(name) < len(self.positional)) for name in wanted)

    def at(self, index: int | None) -> Value | None:
        """The positional argument, if it is there."""
        if index is None:
            return None
        return self.positional[index] if 0 <= index < len(self.positional) else None
