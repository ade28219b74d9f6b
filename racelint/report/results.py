"""What reporters are given: the results of a run, and how to show them."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from racelint.finding import Applicability, Finding, Problem
from racelint.frozen import dataclass
from racelint.source import read_source

UNREADABLE = "RL900"


class Results(Protocol):
    """What a run found; `racelint.run.Report` is one."""

    @property
    def findings(self) -> Sequence[Finding]:
        """What is reported, sorted by `sort_key`."""
        ...

    @property
    def problems(self) -> Sequence[Problem]:
        """What could not be read."""
        ...

    @property
    def files(self) -> int:
        """How many files were looked at."""
        ...

    @property
    def seconds(self) -> float:
        """How long that took."""
        ...


def read_lines(path: str) -> list[str] | None:
    """The lines of a file without their ends, or None if it is gone or cannot be decoded."""
    source = read_source(path)
    return None if isinstance(source, Problem) else [line.rstrip("\n") for line in source.lines]


@dataclass(frozen=True, slots=True)
class Explained:
    """The documentation of a rule."""

    summary: str
    """One line."""
    harm: str
    """The paragraphs about the harm."""
    text: str
    """All of it, for a terminal."""
    markdown: str
    """All of it, with code in blocks."""


def unexplained(code: str) -> Explained | None:
    """For whoever prints findings without the rules at hand."""
    return None


@dataclass(frozen=True, slots=True)
class Options:
    """How to show results."""

    color: bool = False
    width: int = 100
    """Columns of the terminal."""
    ascii: bool = False
    """Draw frames with ASCII only, where the output cannot show lines."""
    quiet: bool = False
    """Leave out the summary."""
    fixed: Sequence[Finding] | None = None
    """The findings that were repaired besides those that are shown; None if that was not asked for."""
    read: Callable[[str], Sequence[str] | None] = read_lines
    """The lines of a path as findings name it; for standard input the caller hands them over."""
    explained: Callable[[str], Explained | None] = unexplained
    """The documentation of the rule with a code."""
    version: str = ""
    """Of racelint."""


def drawable(encoding: str | None) -> bool:
    """Whether an output encoding has the characters that frames are drawn with."""
    try:
        "╭─┬│┆╰━…✗→←␛".encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def is_fixable(finding: Finding) -> bool:
    """Whether `--fix` repairs it without asking."""
    return finding.fix is not None and finding.fix.applicability is Applicability.SAFE


def needs_a_look(finding: Finding) -> bool:
    """Whether `--fix --unsafe-fixes` repairs it."""
    return finding.fix is not None and finding.fix.applicability is Applicability.UNSAFE


def in_order(results: Results) -> Iterator[Finding | Problem]:
    """Findings and problems by path and place."""
    entries: list[Finding | Problem] = [*results.findings, *results.problems]
    return iter(sorted(entries, key=_place))


def _place(entry: Finding | Problem) -> tuple[str, int, int, str, str]:
    if isinstance(entry, Problem):
        return (entry.path, entry.line, entry.column, UNREADABLE, entry.message)
    return entry.sort_key


def statistics(results: Results) -> Iterator[str]:
    """How often each rule was reported, most often first: count, code, `[*]` if all of it can be fixed, name."""
    counts = Counter((finding.code, finding.name) for finding in results.findings)
    manual = {finding.code for finding in results.findings if not is_fixable(finding)}
    if results.problems:
        counts[UNREADABLE, "unreadable-file"] = len(results.problems)
        manual.add(UNREADABLE)
    width = len(str(max(counts.values(), default=0)))
    marker = any(code not in manual for code, _ in counts)
    for (code, name), count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        fixable = ("[ ] " if code in manual else "[*] ") if marker else ""
        yield f"{count:>{width}}  {code}  {fixable}{name}\n"
    if marker:
        yield "[*] repaired with `racelint --fix`\n"


def clean(text: str) -> str:
    """The text with nothing in it that a terminal obeys: every such character becomes a visible one."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(visible, text))


def visible(character: str) -> str:
    """The character itself, or a stand-in for one that a terminal would obey or hide.

    Controls (escape sequences) get their Unicode picture; the marks that turn the direction of writing (with which
    source can be made to look like other source), other invisible format characters and lone surrogates become U+FFFD.
    """
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    if code < 0x7F:
        return character
    if code == 0x7F:
        return "␡"
    category = unicodedata.category(character)
    if category in {"Cc", "Cs", "Zl", "Zp"} or (
        category == "Cf" and character not in "\N{SOFT HYPHEN}\N{ZERO WIDTH JOINER}"
    ):
        return "\N{REPLACEMENT CHARACTER}"
    return character


def cells(character: str) -> int:
    """How many columns of a terminal a visible character takes: 0 if it joins the one before, 2 if it is wide."""
    if " " <= character <= "~":
        return 1
    if unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def width(text: str) -> int:
    """The columns that visible text takes."""
    return len(text) if text.isascii() else sum(map(cells, text))


def wrapped(text: str, columns: int) -> Iterable[str]:
    """The words of a text on lines of at most `columns`, but for words that are longer."""
    line = ""
    for word in text.split():
        if line and width(line) + 1 + width(word) > columns:
            yield line
            line = word
        else:
            line = f"{line} {word}" if line else word
    yield line
