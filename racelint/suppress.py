"""Comments that silence findings: `# racelint: ignore[stale-write] reason` first, `# noqa: RL102` second.

The one call is

    apply_suppressions(source, findings, *, enabled, known, noqa=True) -> list[Finding]

* `# racelint: ignore[RL102, stale-write] reason` silences findings of its own logical line (all physical lines of a
  statement, or of a header such as `async with …:`); as a comment of its own those of the statement right below.
  Without brackets it silences every rule.
* `# racelint: ignore-file[RL102]` before the first statement (a docstring may come first) silences the whole file.
* `# noqa` and `# noqa: RL102` are read as flake8 reads them: they cover the logical line on which a finding is
  reported, and `RL1` stands for all codes that start with it.

Only real comments count, not strings that look like one.
"""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from token import tok_name
from typing import TYPE_CHECKING

from racelint.expressions import expression
from racelint.finding import Applicability, Confidence, Edit, Finding, Fix, Span, World
from racelint.frozen import dataclass, field
from racelint.source import Source

if TYPE_CHECKING:
    from tokenize import TokenInfo

UNREADABLE = "RL900"
UNUSED = "RL901"


class Kind(Enum):
    """What a comment covers."""

    LINE = "racelint: ignore"
    FILE = "racelint: ignore-file"
    NOQA = "noqa"


@dataclass(frozen=True, slots=True)
class Comment:
    """One `#` comment; columns count from 0 as in `tokenize`."""

    line: int
    column: int
    text: str
    alone: bool
    """Nothing but the comment stands on its line."""
    removal: Span
    """What to delete to take the comment out: with the blanks before it, or with its line."""
    first: int
    last: int
    """The physical lines of the logical line the comment belongs to."""
    leading: bool
    """No statement comes before it but a docstring."""


@dataclass(frozen=True, slots=True)
class Comments:
    """The comments of a file in order, and what is needed to say which lines they cover."""

    all: tuple[Comment, ...]
    starts: Mapping[int, int]
    """The first line of the logical line, for the other physical lines of those that have several."""
    complete: bool
    """False if `tokenize` gave up: the comments are then guessed, and none is called unused."""


@dataclass(slots=True)
class Suppression:
    """One directive of a comment, and what it has silenced so far."""

    kind: Kind
    comment: Comment
    start: int
    end: int
    """The directive with its reason, as offsets in the comment's text."""
    codes: tuple[str, ...] | None
    """As written; None without a list: every code."""
    codes_at: tuple[int, int]
    """Where the list stands, as offsets in the comment's text."""
    closed: bool = True
    """False if the closing bracket is missing; the directive then silences nothing."""
    used: set[str] = field(default_factory=set)
    """The codes of the findings it has silenced."""


_DIRECTIVE = expression(
    r"#\s*racelint:\s*ignore(?P<file>-file)?(?![\w-])(?:\s*(?P<open>\[)(?P<codes>[^\]]*)(?P<close>\])?)?"
)
_NOQA = expression(r"#\s*noqa\b(?::\s?(?P<codes>[A-Z]+[0-9]+(?:[,\s]+[A-Z]+[0-9]+)*))?", re.IGNORECASE)
_NOQA_OF_OURS = expression(r"#\s*noqa\b[^\n]*\bRL[0-9]", re.IGNORECASE)
_NEXT_PART = expression(r"\s+#(?=\s|noqa|type:)")
_CODE = expression(r"[^\s,]+")


def apply_suppressions(
    source: Source,
    findings: Sequence[Finding],
    *,
    enabled: Collection[str],
    known: Mapping[str, str],
    noqa: bool = True,
) -> list[Finding]:
    """The findings that no comment silences, and an RL901 for each comment that silences nothing, sorted.

    `findings` are those of one file for the enabled rules in *all* confidences: a comment on a finding below the
    confidence that is shown is not unused. `enabled` are the codes that were looked for in this file; only for them a
    suppression can be unused, and nothing is reported unless RL901 is one of them. `known` maps every code to its
    rule's name. With `noqa=False`, `# noqa` is left to flake8.
    """
    if not _worth_reading(source.text, findings, noqa):
        return list(findings)
    comments = read_comments(source.lines)
    suppressions = [part for comment in comments.all for part in suppressions_in(comment, noqa)]
    if not suppressions:
        return list(findings)
    near = _Near(suppressions, comments)
    kept = [finding for finding in findings if not _silence(finding, near, known)]
    if comments.complete and UNUSED in enabled:
        reports = [_report(source.path, suppression, enabled, known) for suppression in suppressions]
        near = _Near([one for one in suppressions if _names(one, UNUSED, known)], comments)
        kept += [report for report in reports if report and not _silence(report, near, known)]
    return sorted(kept, key=lambda finding: finding.sort_key)


def addresses_us(text: str) -> bool:
    """Whether there may be comments that silence findings of racelint and nothing else."""
    return "racelint:" in text or ("RL" in text.upper() and bool(_NOQA_OF_OURS.search(text)))


def _worth_reading(text: str, findings: Sequence[Finding], noqa: bool) -> bool:
    """Whether tokenizing can change anything; it is the slowest step of a file without findings."""
    if "racelint:" in text:
        return True
    if not noqa:
        return False
    return bool(_NOQA.search(text)) if findings else "RL" in text.upper() and bool(_NOQA_OF_OURS.search(text))


def read_comments(lines: Sequence[str]) -> Comments:
    """The comments of a file."""
    import tokenize  # most files have no such comment, and it is slow to import

    try:
        return _sorted_out(tokenize.generate_tokens(io.StringIO("".join(lines), newline="").readline), lines)
    except (tokenize.TokenError, SyntaxError, RecursionError):
        return _guessed(lines)


def _sorted_out(tokens: Iterable[TokenInfo], lines: Sequence[str]) -> Comments:
    """The comments among the tokens of a file."""
    found: list[Comment] = []
    starts: dict[int, int] = {}
    pending: list[tuple[int, int]] = []
    first = 0
    """The first line of the logical line we are in; 0 between two of them."""
    leading = True
    for token in tokens:
        line, column = token.start
        kind = tok_name[token.type]
        if kind == "COMMENT" and first:
            pending.append((line, column))
        elif kind == "COMMENT":
            found.append(_comment(lines, line, column, line, line, leading))
        elif kind in ("NEWLINE", "ENDMARKER"):
            found += [_comment(lines, *place, first, line, leading) for place in pending]
            starts.update((inner, first) for inner in range(first + 1, line + 1) if first)
            pending, first = [], 0
        elif kind not in ("NL", "INDENT", "DEDENT"):
            first = first or line
            leading = leading and kind == "STRING"
    return Comments(tuple(found), starts, complete=True)


def _guessed(lines: Sequence[str]) -> Comments:
    """Every `#` counts and each line stands for itself: a suppression written in a string may silence."""
    found = []
    leading = True
    for line, text in enumerate(lines, 1):
        column = text.find("#")
        leading = leading and not text[: max(column, 0)].strip() and (column >= 0 or not text.strip())
        if column >= 0:
            found.append(_comment(lines, line, column, line, line, leading))
    return Comments(tuple(found), {}, complete=False)


def _comment(lines: Sequence[str], line: int, column: int, first: int, last: int, leading: bool) -> Comment:
    text = lines[line - 1].rstrip("\n")
    before = text[:column].rstrip()
    whole_line = not before and lines[line - 1].endswith("\n")
    removal = Span(line, 1, line + 1, 1) if whole_line else Span(line, len(before) + 1, line, len(text) + 1)
    return Comment(line, column, text[column:].rstrip(), not before, removal, first, last, leading)


def suppressions_in(comment: Comment, noqa: bool) -> Iterator[Suppression]:
    """The directives of a comment; those of flake8 only if `noqa`."""
    for match in _DIRECTIVE.finditer(comment.text):
        codes = match["codes"]
        yield Suppression(
            kind=Kind.FILE if match["file"] else Kind.LINE,
            comment=comment,
            start=match.start(),
            end=_end_of_part(comment.text, match.end()),
            codes=None if match["open"] is None else tuple(_CODE.findall(codes)),
            codes_at=match.span("codes"),
            closed=match["open"] is None or match["close"] is not None,
        )
    if noqa:
        for match in _NOQA.finditer(comment.text):
            codes = match["codes"]
            yield Suppression(
                kind=Kind.NOQA,
                comment=comment,
                start=match.start(),
                end=_end_of_part(comment.text, match.end()),
                codes=None if codes is None else tuple(_CODE.findall(codes)),
                codes_at=match.span("codes"),
            )


def _end_of_part(text: str, start: int) -> int:
    """Where a directive's reason ends: at the next ` # ` or with the comment."""
    following = _NEXT_PART.search(text, start)
    return following.start() if following else len(text)


class Above:
    """Which comments stand, on lines of their own, right above a line or above the statement it belongs to."""

    def __init__(self, comments: Comments) -> None:
        """The comments of a file."""
        self._starts = comments.starts
        self._tops: dict[int, int] = {}
        """For each line right below comments of their own: the first line of these comments."""
        for comment in comments.all:
            if comment.alone:
                self._tops[comment.line + 1] = self._tops.get(comment.line, comment.line)

    def lines(self, below: int) -> range:
        """The lines of the comments right above a line."""
        return range(self._tops.get(below, below), below)

    def covers(self, comment: Comment, line: int) -> bool:
        """Whether the comment is one of those above `line`."""
        lines = {line, self._starts.get(line, line)}
        return comment.alone and any(self._tops.get(below, below) <= comment.line < below for below in lines)


class _Near:
    """The suppressions of a file by place: where there are thousands, few of them can cover a finding."""

    def __init__(self, suppressions: Iterable[Suppression], comments: Comments) -> None:
        self.above = Above(comments)
        self._starts = comments.starts
        self._of_file: list[Suppression] = []
        self._by_line: dict[int, list[Suppression]] = {}
        """By the first line of the logical line of the comment."""
        for one in suppressions:
            if one.kind is Kind.FILE:
                self._of_file.append(one)
            else:
                self._by_line.setdefault(one.comment.first, []).append(one)

    def to(self, finding: Finding) -> Iterator[Suppression]:
        """Those that may cover a finding, and perhaps others."""
        yield from self._of_file
        line, end = finding.span.line, finding.span.end_line
        starts = {self._starts.get(line, line), self._starts.get(end, end)}
        lines = {
            *starts,
            *(above for below in (line, self._starts.get(line, line)) for above in self.above.lines(below)),
        }
        for one in sorted(lines):
            yield from self._by_line.get(one, ())


def _silence(finding: Finding, near: _Near, known: Mapping[str, str]) -> bool:
    """Whether a suppression covers the finding; each that does takes note of it."""
    silenced = False
    for suppression in near.to(finding):
        if _covers(suppression, finding, near.above) and _names(suppression, finding.code, known):
            suppression.used.add(finding.code)
            silenced = True
    return silenced


def _covers(suppression: Suppression, finding: Finding, above: Above) -> bool:
    comment = suppression.comment
    if suppression.kind is Kind.FILE:
        return comment.leading
    if comment.first <= finding.span.line <= comment.last:
        return True
    if suppression.kind is Kind.NOQA:
        return False
    return comment.first <= finding.span.end_line <= comment.last or above.covers(comment, finding.span.line)


def _names(suppression: Suppression, code: str, known: Mapping[str, str]) -> bool:
    if not suppression.closed:
        return False
    if suppression.codes is None:
        return code != UNUSED or suppression.kind is not Kind.LINE
    if suppression.kind is Kind.NOQA:
        return code.startswith(tuple(written.upper() for written in suppression.codes))
    return any(_code(written, known) == code for written in suppression.codes)


def _code(written: str, known: Mapping[str, str]) -> str | None:
    """The code that a user means by a code or a name, in any case."""
    if written.upper() in known:
        return written.upper()
    return next((code for code, name in known.items() if name == written.lower()), None)


def _report(path: str, suppression: Suppression, enabled: Collection[str], known: Mapping[str, str]) -> Finding | None:
    """The RL901 of a suppression, if it silences nothing or not all that it lists."""
    if suppression.kind is Kind.NOQA:
        return _report_noqa(path, suppression, enabled, known)
    if not suppression.closed:
        return _unused(path, suppression, "the list of codes has no closing bracket, so nothing is silenced", None)
    if suppression.kind is Kind.FILE and not suppression.comment.leading:
        return _unused(path, suppression, "`ignore-file` counts only before the first statement of a file", ())
    if suppression.codes is None:
        races = known.keys() - {UNREADABLE, UNUSED}
        if suppression.used or not races or not races <= set(enabled):
            return None
        return _unused(path, suppression, "nothing is reported here that this comment could silence", ())
    if not suppression.codes:
        return _unused(path, suppression, "the list of codes is empty, so nothing is silenced", ())
    unknown = [written for written in suppression.codes if _code(written, known) is None]
    idle = [written for written in suppression.codes if _is_idle(_code(written, known), suppression, enabled)]
    return _report_codes(path, suppression, unknown, idle, known)


def _report_noqa(
    path: str, suppression: Suppression, enabled: Collection[str], known: Mapping[str, str]
) -> Finding | None:
    """Only whole codes of ours are our business; a prefix such as `RL` and other tools' codes are not."""
    ours = [written for written in suppression.codes or () if written.upper() in known]
    return _report_codes(
        path, suppression, [], [written for written in ours if _is_idle(written.upper(), suppression, enabled)], known
    )


def _is_idle(code: str | None, suppression: Suppression, enabled: Collection[str]) -> bool:
    return code is not None and code in enabled and code not in suppression.used and code != UNUSED


def _report_codes(
    path: str, suppression: Suppression, unknown: Sequence[str], idle: Sequence[str], known: Mapping[str, str]
) -> Finding | None:
    sentences = []
    if unknown:
        sentences.append(_unknown_message(unknown, known))
    if idle:
        sentences.append(f"{_join(idle)} {'is' if len(idle) == 1 else 'are'} not reported here, so nothing is silenced")
    if not sentences:
        return None
    keep = tuple(code for code in suppression.codes or () if code not in unknown and code not in idle)
    return _unused(path, suppression, "; ".join(sentences), keep)


def _unknown_message(unknown: Sequence[str], known: Mapping[str, str]) -> str:
    import difflib  # only for a mistake

    names = [name for names in known.items() for name in names]
    hints = [hint for code in unknown for hint in difflib.get_close_matches(code, names, n=1)]
    what = f"{_join(unknown)} {'is no rule' if len(unknown) == 1 else 'are no rules'}"
    return f"{what} (did you mean {_join(hints)}?)" if hints else what


def _join(codes: Sequence[str]) -> str:
    quoted = [f"`{code}`" for code in codes]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"


def _unused(path: str, suppression: Suppression, message: str, keep: tuple[str, ...] | None) -> Finding:
    """An RL901; `keep` are the codes that stay, none of them removes the directive, None leaves it to the reader."""
    fix = Fix("close the bracket") if keep is None else _removal(suppression, keep)
    return Finding(
        code=UNUSED,
        name="unused-suppression",
        path=path,
        symbol="",
        span=_span(suppression.comment, suppression.start, suppression.end),
        world=World.TASKS,  # every finding has one; this one holds in all
        resource="",
        confidence=Confidence.HIGH,
        message=message,
        harm="hidden findings",
        evidence="",
        trace=(),
        fix=fix,
    )


def _removal(suppression: Suppression, keep: tuple[str, ...]) -> Fix:
    if keep:
        edit = Edit(_span(suppression.comment, *suppression.codes_at), ", ".join(keep))
        return Fix("remove what silences nothing", Applicability.SAFE, (edit,))
    return Fix("remove the comment", Applicability.SAFE, (Edit(_removed(suppression), ""),))


def _removed(suppression: Suppression) -> Span:
    """The directive with the blanks that set it off; the other parts of the comment stay."""
    comment, start, end = suppression.comment, suppression.start, suppression.end
    before, after = comment.text[:start].rstrip(), comment.text[end:].lstrip()
    if before:
        return _span(comment, len(before), end)
    return _span(comment, start, len(comment.text) - len(after)) if after else comment.removal


def _span(comment: Comment, start: int, end: int) -> Span:
    """Offsets in the comment's text as a place in the file."""
    return Span(comment.line, comment.column + start + 1, comment.line, comment.column + end + 1)
