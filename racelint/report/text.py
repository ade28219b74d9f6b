"""Findings for people: what can happen, shown in the code, then why it is believed and what to write instead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from racelint.expressions import expression
from racelint.finding import Applicability, Finding, Fix, Problem, Role, Span
from racelint.frozen import replace
from racelint.report.code import fix_diff, is_intact
from racelint.report.frame import Mark, Pen, draw, pen
from racelint.report.lanes import small
from racelint.report.results import (
    UNREADABLE,
    Options,
    Results,
    clean,
    in_order,
    is_fixable,
    needs_a_look,
    width,
    wrapped,
)
from racelint.report.words import harm_sentence, step_labels
from racelint.timeline import timeline

NARROWEST = 50
"""Columns; a narrower terminal wraps by itself."""

COLORS: Mapping[Role, str] = {
    Role.READ: "cyan",
    Role.CHECK: "cyan",
    Role.SWITCH: "yellow",
    Role.WRITE: "red",
    Role.ACT: "red",
}


def full(results: Results, options: Options) -> Iterator[str]:
    """A code frame a finding, then a summary; nothing if nothing was found or repaired."""
    options = replace(options, width=max(options.width, NARROWEST))
    path: str | None = None
    lines: Sequence[str] | None = None
    separator = ""
    for entry in in_order(results):
        if entry.path != path:
            path, lines = entry.path, options.read(entry.path)
        rows = _problem(entry, lines, options) if isinstance(entry, Problem) else framed(entry, lines, options)
        yield separator + "".join(f"{row}\n" for row in rows)
        separator = "\n"
    if (separator or options.fixed) and not options.quiet:
        yield separator + _summary(results, options)


def framed(
    finding: Finding, lines: Sequence[str] | None, options: Options, *, with_timeline: bool = True
) -> Iterator[str]:
    """The rows of a finding: message, code frame, timeline, notes."""
    ink = pen(options)
    marks = _marks(finding)
    gutter = 1 + max(len(str(mark.span.end_line)) for mark in marks)
    intact = lines is not None and is_intact(finding, lines)
    yield from _title(f"{finding.code} {finding.name}", finding.message, options)
    yield _head(finding, gutter, ink)
    yield _rail(gutter, ink)
    if lines is not None and intact:
        yield from draw(lines, marks, _context(marks, lines), gutter, options)
    else:
        yield from _steps(finding, marks, gutter, options, ink)
    yield _rail(gutter, ink)
    if with_timeline:
        yield from _timeline(finding, lines if intact else None, gutter, options, ink)
    yield from _foot(finding, gutter, options, ink)


def _timeline(finding: Finding, lines: Sequence[str] | None, gutter: int, options: Options, ink: Pen) -> Iterator[str]:
    """How two units do it, by the lines of the frame."""
    picture = timeline(finding, lines)
    if picture is None:
        return
    rail = f"{' ' * gutter} {ink.paint(ink.rail, 'bright_blue')}"
    name = "timeline"
    for row in small(picture, replace(options, width=options.width - gutter - 18)):
        yield f"{rail} {ink.paint(f'{name:<13}', None, bold=True)}  {row}".rstrip()
        name = ""
    yield rail


def _problem(problem: Problem, lines: Sequence[str] | None, options: Options) -> Iterator[str]:
    ink = pen(options)
    yield from _title(f"{UNREADABLE} unreadable-file", problem.message, options)
    gutter = 1 + len(str(problem.line))
    yield _place(problem.path, problem.line, problem.column, "", gutter, ink)
    if lines is None or problem.line > len(lines) or problem.column > len(lines[problem.line - 1]) + 1:
        return
    yield _rail(gutter, ink)
    span = Span(problem.line, problem.column, problem.line, problem.column + 1)
    yield from draw(lines, [Mark(span, "", "red", strong=True)], (), gutter, options)


def _title(code: str, message: str, options: Options) -> Iterator[str]:
    """The rule and the message, wrapped at the width of the terminal."""
    ink = pen(options)
    first, *others = wrapped(f"{code}: {clean(message)}", options.width - 2)
    yield ink.paint(code, "red", bold=True) + ink.paint(first[len(code) :], None, bold=True)
    yield from (ink.paint(f"  {line}", None, bold=True) for line in others)


def _head(finding: Finding, gutter: int, ink: Pen) -> str:
    return _place(finding.path, finding.line, finding.column, finding.symbol, gutter, ink)


def _place(path: str, line: int, column: int, symbol: str, gutter: int, ink: Pen) -> str:
    where = f" in {clean(symbol)}" if symbol else ""
    return f"{' ' * gutter} {ink.paint(ink.head, 'bright_blue')} {clean(path)}:{line}:{column}{where}"


def _rail(gutter: int, ink: Pen) -> str:
    return " " * gutter + ink.paint(f" {ink.rail}", "bright_blue")


def _steps(finding: Finding, marks: Sequence[Mark], gutter: int, options: Options, ink: Pen) -> Iterator[str]:
    """The steps as they were when the file was analysed; it has changed or gone since."""
    room = options.width - gutter - 5 - max(len(mark.label) for mark in marks)
    texts = [_cut(clean(step.text), max(room, 10), ink.cut) for step in finding.trace] or [""]
    column = max(map(width, texts))
    for mark, text in zip(marks, texts, strict=False):
        padded = text + " " * (column - width(text))
        label = ink.paint(mark.label, mark.color, bold=mark.strong)
        yield f"{ink.paint(f'{mark.span.line:>{gutter}} {ink.rail}', 'bright_blue')} {padded}  {label}"
    yield f"{' ' * gutter} {ink.paint(ink.rail, 'bright_blue')} (the file is not as it was analysed)"


def _cut(text: str, room: int, cut: str) -> str:
    if width(text) <= room:
        return text
    while width(text) > room - len(cut):
        text = text[:-1]
    return text + cut


def _foot(finding: Finding, gutter: int, options: Options, ink: Pen) -> Iterator[str]:
    notes = [("harm", harm_sentence(finding)), ("evidence", finding.evidence)] if finding.trace else []
    if finding.fix is not None:
        notes.append(("write instead", _advice(finding.fix)))
    if finding.trace:
        notes.append(("confidence", finding.confidence.value))
    notes = [(name, text) for name, text in notes if text]
    for name, text in notes:
        rail = ink.foot if name == notes[-1][0] else ink.rail
        if name == "confidence":
            yield from _change(finding, gutter, options, ink)
        first, *others = wrapped(clean(text), options.width - gutter - 18)
        yield f"{' ' * gutter} {ink.paint(rail, 'bright_blue')} {ink.paint(f'{name:<13}', None, bold=True)}  {first}"
        for line in others:
            yield f"{' ' * gutter} {ink.paint(ink.rail, 'bright_blue')} {'':13}  {line}"


MOST_CHANGED = 14
"""Lines of a fix that are shown; `--diff` shows all."""


def _change(finding: Finding, gutter: int, options: Options, ink: Pen) -> Iterator[str]:
    """What the fix does, as a small diff without line numbers: they move with every fix."""
    changed = fix_diff(finding, options.read(finding.path))
    if changed is None:
        return
    common = min((_indent(row[1:]) for row in changed if row[0] in "+-" and row[1:].strip()), default=0)
    rail = f"{' ' * gutter} {ink.paint(ink.rail, 'bright_blue')}"
    yield rail
    for row in changed[:MOST_CHANGED]:
        if row[0] in "+-":
            text = _cut(clean(row[1:][common:].expandtabs(4)), options.width - gutter - 6, ink.cut)
            yield f"{rail} {ink.paint(f'{row[0]} {text}'.rstrip(), 'red' if row[0] == '-' else 'green')}"
        elif row is not changed[0]:
            yield f"{' ' * gutter} {ink.paint(ink.gap, 'bright_blue')}"
    if len(changed) > MOST_CHANGED:
        yield f"{' ' * gutter} {ink.paint(ink.gap, 'bright_blue')} and {len(changed) - MOST_CHANGED} more; --diff shows all"
    yield rail


def _advice(fix: Fix) -> str:
    match fix.applicability:
        case Applicability.SAFE:
            return f"{fix.title} (--fix does it)"
        case Applicability.UNSAFE:
            return f"{fix.title} (--fix --unsafe-fixes does it)"
        case Applicability.MANUAL:
            return fix.title


def _marks(finding: Finding) -> list[Mark]:
    """The steps with their labels, numbered if they do not run from top to bottom; else the place of the finding."""
    steps = finding.trace
    places = [(step.span.line, step.span.column) for step in steps]
    numbered = places != sorted(places)
    strong = _strongest(finding)
    marks = [
        Mark(step.span, f"{number}. {label}" if numbered else label, COLORS[step.role], number - 1 == strong)
        for number, (step, label) in enumerate(zip(steps, step_labels(finding), strict=True), 1)
    ]
    if strong is None:
        marks.append(Mark(finding.span, "by this call" if steps else finding.harm, "red", strong=True))
    return marks


def _strongest(finding: Finding) -> int | None:
    """The index of the step that the finding points at; None if it points at a call that does it."""
    steps = finding.trace
    exact = [i for i, step in enumerate(steps) if step.span == finding.span]
    near = [i for i, step in enumerate(steps) if step.span.line == finding.line and step.role is not Role.SWITCH]
    found = exact or near
    return found[-1] if found else None


def _context(marks: Sequence[Mark], lines: Sequence[str]) -> set[int]:
    """The lines of the `def`s that hold the steps, as the indentation tells."""
    found = (_definition(mark.span.line, lines) for mark in marks)
    return {number for number in found if number is not None}


def _definition(line: int, lines: Sequence[str]) -> int | None:
    """The nearest `def` above a line that is indented less than every line between."""
    indent = _indent(lines[line - 1])
    for number in range(line - 1, 0, -1):
        text = lines[number - 1]
        if text.strip() and _indent(text) < indent and not text.lstrip().startswith(("#", ")", "]", "}")):
            indent = _indent(text)
            if _DEFINITION.match(text):
                return number
    return None


_DEFINITION = expression(r"\s*(?:async\s+)?def\s")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _summary(results: Results, options: Options) -> str:
    counts = Counter(finding.confidence.value for finding in results.findings)
    shades = ", ".join(f"{counts[shade]} {shade}" for shade in ("high", "medium", "low") if counts[shade])
    safe, unsafe = sum(map(is_fixable, results.findings)), sum(map(needs_a_look, results.findings))
    if options.fixed:
        number = len(options.fixed) + len(results.findings)
        more = f", {unsafe} more with --unsafe-fixes" if unsafe else ""
        sentence = f"Found {_count(number, _noun(results, options))} ({len(options.fixed)} fixed{more}); "
        sentence += f"{len(results.findings)} left ({shades})" if shades else "none left"
    else:
        sentence = f"{_count(len(results.findings), 'finding')} ({shades})" if shades else "no findings"
    sentence += f" in {_count(results.files, 'file')}"
    if results.problems:
        sentence += f", {_count(len(results.problems), 'problem')} reading them"
    if options.fixed is None and safe + unsafe:
        sentence += f"; --fix repairs {safe}"
        sentence += f", {unsafe} more with --unsafe-fixes" if unsafe else ""
    more = f"; more: racelint rule {results.findings[0].code}" if results.findings else ""
    return f"{pen(options).paint(sentence, None, bold=True)}{more}\n"


def _noun(results: Results, options: Options) -> str:
    """What was found: races, unless there are comments among them that silence nothing."""
    every = [*results.findings, *(options.fixed or ())]
    return "finding" if any(finding.harm == "" or not finding.trace for finding in every) else "race"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
