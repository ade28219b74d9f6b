"""The evaluated arguments of a call."""

from __future__ import annotations

from collections.abc import Iterable

import libcst as cst

from racelint.events import NO_IDS, Ids, Value
from racelint.expressions import expression
from racelint.frozen import dataclass

_PATH = expression(r"[A-Za-z_][\w.]*")


@dataclass(slots=True)
class Arguments:
    """The evaluated arguments of a call."""

    positional: list[Value]
    keywords: dict[str, Value]
    nodes: list[cst.Arg]
    starred: bool
    _stems: Ids | None = None
    """Asked for many times, and the same once all arguments are evaluated."""
    _texts: frozenset[str] | None = None

    @property
    def every(self) -> list[Value]:
        return [*self.positional, *self.keywords.values()]

    @property
    def stems(self) -> Ids:
        if self._stems is None:
            self._stems = NO_IDS.union(*[value.stems for value in self.every])
        return self._stems

    @property
    def texts(self) -> frozenset[str]:
        """Sources of the arguments that are names or attributes."""
        if self._texts is None:
            self._texts = frozenset(self._find_texts())
        return self._texts

    def _find_texts(self) -> set[str]:
        found: set[str] = set()
        for value in self.every:
            keys = value.part("keys")
            if keys is not None:
                found.update(word for word in keys.text.split() if not word.endswith("="))
            if value.text and _PATH.fullmatch(value.text) and value.text not in ("None", "True", "False"):
                found.add(value.text)
        return found

    def have(self, wanted: Iterable[str]) -> bool:
        """Whether a keyword is given, or a position: `2` for the third argument."""
        return any(name in self.keywords or (name.isdigit() and int(name) < len(self.positional)) for name in wanted)

    def at(self, index: int | None) -> Value | None:
        """The positional argument, if it is there."""
        if index is None:
            return None
        return self.positional[index] if 0 <= index < len(self.positional) else None
