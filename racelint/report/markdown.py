"""Markdown for a comment on a pull request: a table of what was found, then each finding with its bad order as a diagram.

The diagrams are Mermaid's, which GitHub and GitLab draw.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from racelint.finding import Finding, Problem, Role
from racelint.report.code import fix_diff
from racelint.report.results import UNREADABLE, Options, Results, clean, in_order
from racelint.report.words import harm_sentence
from racelint.timeline import Row, Timeline, timeline

LONGEST = 60_000
"""Characters: GitHub takes comments of 65,536."""
MOST_ROWS = 100
"""Of the table."""
MOST_CHANGED = 40
"""Lines of a fix."""


def markdown(results: Results, options: Options) -> Iterator[str]:
    """A summary, the table, and the findings; those for which a comment has no room are only counted."""
    entries = list(in_order(results))
    head = "".join(_head(results, entries))
    yield head
    size, left = len(head), 0
    for finding in results.findings:
        text = "".join(_details(finding, options))
        if size + len(text) > LONGEST:
            left += 1
            continue
        size += len(text)
        yield text
    if left:
        yield f"\nThe details of {left} more are too long for a comment.\n"


def _head(results: Results, entries: list[Finding | Problem]) -> Iterator[str]:
    files = _count(results.files, "file")
    if not entries:
        yield f"### racelint: no races found in {files}\n"
        return
    counts = Counter(finding.confidence.value for finding in results.findings)
    shades = ", ".join(f"{counts[shade]} {shade}" for shade in ("high", "medium", "low") if counts[shade])
    found = f"{_count(len(results.findings), 'finding')}{f' ({shades})' if shades else ''} in {files}"
    yield f"### racelint: {found}\n\n| rule | where | what goes wrong | confidence |\n| --- | --- | --- | --- |\n"
    for entry in entries[:MOST_ROWS]:
        if isinstance(entry, Problem):
            cells = [UNREADABLE, _code(f"{entry.path}:{entry.line}"), _prose(entry.message), ""]
        else:
            place = f"{_code(f'{entry.path}:{entry.line}')}{f' in {_code(entry.symbol)}' if entry.symbol else ''}"
            confidence = entry.confidence.value if entry.trace else ""
            cells = [f"{entry.code} {entry.name}", place, _prose(harm_sentence(entry)), confidence]
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"
    if len(entries) > MOST_ROWS:
        yield f"\n… and {len(entries) - MOST_ROWS} more.\n"


def _details(finding: Finding, options: Options) -> Iterator[str]:
    """One finding, folded."""
    title = f"{finding.code} {finding.name}"
    yield f"\n<details><summary>{_html(f'{finding.path}:{finding.line}')}: {_html(title)}</summary>\n\n"
    yield f"{_prose(finding.message)}.\n"
    lines = options.read(finding.path)
    picture = timeline(finding, lines)
    if picture is not None:
        yield f"\n```mermaid\n{''.join(f'{line}{chr(10)}' for line in mermaid(picture, finding.resource))}```\n"
    yield "\n"
    if finding.evidence:
        yield f"- **evidence**: {_prose(finding.evidence)}\n"
    if finding.fix is not None:
        yield f"- **write instead**: {_prose(finding.fix.title)}\n"
    changed = fix_diff(finding, lines, 1)
    if changed is not None and len(changed) <= MOST_CHANGED:
        fence = _fence(changed)
        yield f"\n{fence}diff\n{''.join(f'{clean(line)}{chr(10)}' for line in changed)}{fence}\n"
    yield "\n</details>\n"


def mermaid(picture: Timeline, resource: str) -> Iterator[str]:
    """A sequence diagram: the two units, what they share between them, and the outcome below."""
    left, right = picture.lanes
    yield "sequenceDiagram"
    for lane, middle in ((left, True), (right, False)):
        yield f"    participant {lane.letter} as {_label(lane.title)}{f'<br/>{_label(lane.symbol)}' if lane.symbol else ''}"
        if middle:
            yield f"    participant S as {_label(resource or 'shared')}"
    for row in picture.rows:
        yield f"    {_arrow(picture, row)}"
    yield f"    Note over {left.letter},{right.letter}: {_label(picture.outcome)}"


def _arrow(picture: Timeline, row: Row) -> str:
    letter = picture.lanes[row.lane].letter
    says = _label(f"{row.says}{f' (line {row.line})' if row.line else ''}")
    match row.role:
        case Role.READ | Role.CHECK:
            return f"S-->>{letter}: {says}"
        case Role.WRITE:
            return f"{letter}{'-x' if row.wrong else '->>'}S: {says}"
        case Role.ACT:
            return f"{letter}{'-x' if row.wrong else '->>'}{letter}: {says}"
        case Role.SWITCH:
            return f"Note over {letter}: {says}"


def _label(text: str) -> str:
    """Text in a diagram. For what means something to Mermaid or to HTML there are characters that look alike.

    Mermaid has numbers for them, too, but does not draw those in notes.
    """
    return clean(text).replace("%%", "% %").translate(_ALIKE)


_ALIKE = str.maketrans({";": ",", "#": "\uff03", "<": "\uff1c", ">": "\uff1e", "&": "\uff06", "`": ""})


def _prose(text: str) -> str:
    """A sentence: what stands in backticks stays code, and nothing else means anything to Markdown."""
    return "`".join(part if odd else _escaped(part) for odd, part in _alternating(clean(text).split("`")))


def _alternating(parts: list[str]) -> Iterable[tuple[bool, str]]:
    return ((number % 2 == 1 and number < len(parts) - 1, part) for number, part in enumerate(parts))


def _escaped(text: str) -> str:
    return re.sub(r"[*_\[\]~\\]", r"\\\g<0>", _html(text))


def _html(text: str) -> str:
    """Without tags, and without names that would be told of the comment."""
    return clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("@", "&#64;")


def _code(text: str) -> str:
    """A name as code, whatever is in it."""
    text = clean(text)
    return f"`{text}`" if "`" not in text else f"`` {text} ``"


def _fence(lines: list[str]) -> str:
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    return "`" * max(3, longest + 1)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
