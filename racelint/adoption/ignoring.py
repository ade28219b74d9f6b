"""`# racelint: ignore[RL102] reason` for each finding, as edits; `racelint.fix` writes them as it writes repairs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from racelint.finding import Applicability, Edit, Finding, Fix, Span
from racelint.frozen import dataclass, replace
from racelint.run import Report
from racelint.source import Source
from racelint.suppress import UNUSED, Above, Comments, Kind, Suppression, read_comments, suppressions_in

WIDTH = 88
"""Columns up to which a line may grow by a comment behind it; further ones would be broken, or complained of, by formatters."""


def with_ignores(report: Report, read: Callable[[str], Source | None], reason: str) -> Report:
    """The same findings, with comments that silence them as their fixes. `read` has the text in which they were found.

    Findings of one statement share one comment: the first of them has it as its fix, the others have none.
    """
    by_path: dict[str, list[Finding]] = {}
    for finding in report.findings:
        by_path.setdefault(finding.path, []).append(finding)
    found: list[Finding] = []
    for path, findings in by_path.items():
        source = read(path)
        found += findings if source is None else _with_comments(source, findings, reason)
    return replace(report, findings=tuple(found))


def _with_comments(source: Source, findings: Sequence[Finding], reason: str) -> list[Finding]:
    page = _Page.of(source)
    plain = [replace(finding, fix=None) for finding in findings]
    if page is None:
        return plain
    statements: dict[int, list[int]] = {}
    for number, finding in enumerate(plain):
        if finding.code != UNUSED:  # what silences nothing is taken away, not silenced
            statements.setdefault(page.start(finding.line), []).append(number)
    for line, numbers in statements.items():
        codes = sorted({plain[number].code for number in numbers})
        first = plain[numbers[0]]
        edit = page.longer_list(first.line, codes) or page.new_comment(line, codes, reason)
        plain[numbers[0]] = replace(first, fix=Fix("ignore it", Applicability.SAFE, (edit,)))
    return plain


@dataclass(frozen=True, slots=True)
class _Page:
    """A file with its comments."""

    lines: Sequence[str]
    comments: Comments
    above: Above

    @classmethod
    def of(cls, source: Source) -> _Page | None:
        """None if `tokenize` gives up on it: nobody knows then where a comment can stand."""
        lines = source.lines
        comments = read_comments(lines)
        return cls(lines, comments, Above(comments)) if comments.complete else None

    def start(self, line: int) -> int:
        """The first line of the statement, or of the header, that a line belongs to."""
        return self.comments.starts.get(line, line)

    def longer_list(self, line: int, codes: Sequence[str]) -> Edit | None:
        """More codes in the comment that covers the statement already, if there is one with a list."""
        directives = [one for comment in self.comments.all for one in suppressions_in(comment, noqa=False)]
        for directive in directives:
            comment = directive.comment
            covers = comment.first <= line <= comment.last or self.above.covers(comment, line)
            if covers and directive.kind is Kind.LINE and directive.closed and directive.codes:
                return _longer(directive, codes)
        return None

    def new_comment(self, start: int, codes: Sequence[str], reason: str) -> Edit:
        """Behind a statement of one short line without a comment; else on a line of its own above it.

        A comment above is right for every statement: inside of one that goes on in the next line, strings and backslashes
        leave no room.
        """
        comment = f"# racelint: ignore[{', '.join(codes)}] {reason}".rstrip()
        text = self.lines[start - 1].removesuffix("\n")
        code = text.rstrip()
        is_long = len(code) + 2 + len(comment) > WIDTH or start in self.comments.starts.values()
        if is_long or any(one.line == start for one in self.comments.all):
            indent = text[: len(text) - len(text.lstrip())]
            return Edit(Span(start, 1, start, 1), f"{indent}{comment}\n")
        return Edit(Span(start, len(code) + 1, start, len(text) + 1), f"  {comment}")


def _longer(directive: Suppression, codes: Sequence[str]) -> Edit:
    comment = directive.comment
    first, last = directive.codes_at
    span = Span(comment.line, comment.column + first + 1, comment.line, comment.column + last + 1)
    return Edit(span, ", ".join((*(directive.codes or ()), *codes)))
