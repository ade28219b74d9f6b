"""A text with some of its places replaced; all else stays as it is, character for character."""

from __future__ import annotations

import re
from collections.abc import Sequence

from racelint.finding import Edit, Span
from racelint.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Cut:
    """An edit by offsets in the text; `end` is exclusive."""

    start: int
    end: int
    text: str


def cuts_of(edits: Sequence[Edit], places: Places) -> list[Cut]:
    """The edits of one fix by offsets; none if one has no place in the text or two contradict each other."""
    cuts: list[Cut] = []
    for edit in edits:
        cut = places.cut(edit)
        if cut is None or touch([cut], cuts):
            return []
        cuts.append(cut)
    return cuts


def touch(some: Sequence[Cut], others: Sequence[Cut]) -> bool:
    """Whether two edits overlap, or insert at the same place, where their order would be a guess."""
    return any(
        (one.start < other.end and other.start < one.end) or one.start == other.start
        for one in some
        for other in others
    )


def cut_text(text: str, cuts: Sequence[Cut]) -> str:
    """The text after edits that do not touch each other."""
    for cut in sorted(cuts, key=lambda cut: cut.start, reverse=True):
        text = text[: cut.start] + cut.text + text[cut.end :]
    return text


def rewritten(text: str, edits: Sequence[Edit]) -> str | None:
    """The text after the edits of one fix; None if they do not fit it."""
    cuts = cuts_of(edits, Places(text))
    return cut_text(text, cuts) if cuts else None


class Places:
    """Lines and columns of a text as offsets."""

    def __init__(self, text: str) -> None:
        ends = list(re.finditer(r"\r\n|\r|\n", text))
        self._starts = [0, *(end.end() for end in ends)]
        """Where each line begins; behind a last line end there is an empty line."""
        self._stops = [*(end.start() for end in ends), len(text)]
        self._ends = [end[0] for end in ends]

    def cut(self, edit: Edit) -> Cut | None:
        """The edit, with the line ends of the file; None if its place is not in the text."""
        start, end = self._range(edit.span)
        if start is None or end is None or start > end:
            return None
        return Cut(start, end, edit.text.replace("\n", self._line_end(edit.span.line)))

    def _range(self, span: Span) -> tuple[int | None, int | None]:
        return self._offset(span.line, span.column), self._offset(span.end_line, span.end_column)

    def _offset(self, line: int, column: int) -> int | None:
        if not 1 <= line <= len(self._starts) or column < 1:
            return None
        offset = self._starts[line - 1] + column - 1
        return offset if offset <= self._stops[line - 1] else None

    def _line_end(self, line: int) -> str:
        """That of the line, or of the first line where this is the last; files may mix them."""
        ends = self._ends[line - 1 : line] or self._ends[:1]
        return ends[0] if ends else "\n"
