"""Places in a text, between ours and those of the protocol.

Ours count lines and characters from 1; theirs count from 0, in units that client and server have agreed upon: UTF-16 unless the
client can do better. Lines end where Python ends them, as the protocol has it, too.
"""

from __future__ import annotations

from collections.abc import Sequence

from lsprotocol.types import Position, Range
from pygls.workspace import PositionCodec

from racelint.finding import Span


class Places:
    """The places of one text."""

    def __init__(self, lines: Sequence[str], codec: PositionCodec) -> None:
        """`lines` are those of a `Source`."""
        self._lines = lines
        self._codec = codec

    def range(self, span: Span) -> Range:
        """A piece of the text, as the client counts."""
        return Range(self.position(span.line, span.column), self.position(span.end_line, span.end_column))

    def position(self, line: int, column: int) -> Position:
        """A place, as the client counts; one behind the text is its end."""
        if line > len(self._lines):
            line, column = len(self._lines), len(self._lines[-1]) + 1
        before = self._lines[line - 1].removesuffix("\n")[: column - 1]
        return Position(line - 1, self._codec.client_num_units(before))

    def whole(self) -> Range:
        """All of the text."""
        return Range(Position(0, 0), self.position(len(self._lines), len(self._lines[-1]) + 1))


def overlap(one: Range, other: Range) -> bool:
    """Whether two pieces have a place in common; a cursor at the end of one is in it."""
    return _key(one.start) <= _key(other.end) and _key(other.start) <= _key(one.end)


def _key(position: Position) -> tuple[int, int]:
    return position.line, position.character
