"""The edits of findings, applied to a text. What is outside the edits stays as it is, character for character."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from racelint.finding import Applicability, Edit, Finding, Span
from racelint.source import Source


def apply_fixes(
    source: Source, findings: Sequence[Finding], applicability: Applicability = Applicability.SAFE
) -> tuple[str, tuple[Finding, ...]]:
    """One round: the new text, and the findings whose fixes are in it.

    `findings` are those of this source. Of fixes that touch each other only the first, in the order of the findings, is
    applied: what the others should be is for the rules to say when they see the new text. A fix is applied whole or not
    at all; one with a place that is not in the text is not.
    """
    places = _Places(source.text)
    taken: list[_Cut] = []
    applied: list[Finding] = []
    for finding in findings:
        cuts = _cuts(finding, applicability, places)
        if cuts and not _touch(cuts, taken):
            taken += cuts
            applied.append(finding)
    text = source.text
    for cut in sorted(taken, key=lambda cut: cut.start, reverse=True):
        text = text[: cut.start] + cut.text + text[cut.end :]
    return text, tuple(applied)


def has_edits(finding: Finding, applicability: Applicability) -> bool:
    """Whether a fix of that applicability can be applied by us."""
    return finding.fix is not None and finding.fix.applicability is applicability and bool(finding.fix.edits)


@dataclass(frozen=True, slots=True)
class _Cut:
    """An edit by offsets in the text; `end` is exclusive."""

    start: int
    end: int
    text: str


def _cuts(finding: Finding, applicability: Applicability, places: _Places) -> list[_Cut]:
    """What a finding's fix does; nothing if it may not, cannot, or contradicts itself."""
    if finding.fix is None or not has_edits(finding, applicability):
        return []
    cuts: list[_Cut] = []
    for edit in finding.fix.edits:
        cut = places.cut(edit)
        if cut is None or _touch([cut], cuts):
            return []
        cuts.append(cut)
    return cuts


def _touch(some: Sequence[_Cut], others: Sequence[_Cut]) -> bool:
    """Whether two edits overlap, or insert at the same place, where their order would be a guess."""
    return any(
        (one.start < other.end and other.start < one.end) or one.start == other.start
        for one in some
        for other in others
    )


class _Places:
    """Lines and columns of a text as offsets."""

    def __init__(self, text: str) -> None:
        ends = list(re.finditer(r"\r\n|\r|\n", text))
        self._starts = [0, *(end.end() for end in ends)]
        """Where each line begins; behind a last line end there is an empty line."""
        self._stops = [*(end.start() for end in ends), len(text)]
        self._ends = [end[0] for end in ends]

    def cut(self, edit: Edit) -> _Cut | None:
        """The edit, with the line ends of the file; None if its place is not in the text."""
        start, end = self._range(edit.span)
        if start is None or end is None or start > end:
            return None
        return _Cut(start, end, edit.text.replace("\n", self._line_end(edit.span.line)))

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
