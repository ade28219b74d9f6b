"""A code frame: the lines of a finding, with its places underlined and labelled.

```
 10 │ async def add(self, n):
 11 │     total = self.total
    │             ────────── read here
    ┆
 14 │     self.total = total + n
    │     ━━━━━━━━━━━━━━━━━━━━━━ writes back the old value
```

Columns here count terminal cells from 0, after tabs are expanded and the indentation that all shown lines share is cut.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence

from racelint.finding import Span
from racelint.frozen import dataclass, replace
from racelint.report.results import Options, cells, visible, width

TAB = 4
LONGEST_BLOCK = 5
"""Lines of a multi-line span that are shown; the middle of a longer one is left out."""
ENOUGH = 30
"""Columns of a place that suffice to know it: then its end may be cut, rather than the beginning of the line."""
LEAD = 8
"""Columns shown before the first label of a line that is cut on the left."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A place to underline, and what to say of it."""

    span: Span
    label: str
    """Empty to underline only."""
    color: str
    strong: bool = False
    """The place of the finding itself."""


@dataclass(frozen=True, slots=True)
class Pen:
    """How to draw."""

    head: str
    rail: str
    gap: str
    foot: str
    line: str
    strong: str
    tee: str
    corner: str
    top: str
    bar: str
    cut: str
    cross: str
    forth: str
    back: str
    color: bool

    def paint(self, text: str, color: str | None, *, bold: bool = False) -> str:
        """The text in a colour, if colours are asked for."""
        if not self.color or not text.strip() or (color is None and not bold):
            return text
        import click  # a tenth of a run over one file, and output that is read by a program has no colours

        return click.style(text, fg=color, bold=bold or None)


def pen(options: Options) -> Pen:
    """What the options allow to draw with."""
    if options.ascii:
        return Pen("-->", "|", ":", "=", "-", "^", "+", "`-", ",", "|", "...", "x", ">", "<", options.color)
    return Pen("╭─", "│", "┆", "╰", "─", "━", "┬", "╰─", "╭", "│", "…", "✗", "→", "←", options.color)


@dataclass(frozen=True, slots=True)
class Row:
    """One source line, ready to be drawn."""

    number: int
    text: str
    """At most `room` columns wide."""
    segments: tuple[tuple[int, int, Mark], ...]
    """First and last column (exclusive) of the places in this line, in the order of the marks."""


@dataclass(frozen=True, slots=True)
class Block:
    """A mark over several lines: a bracket in a column of its own."""

    mark: Mark
    column: int


def draw(
    lines: Sequence[str], marks: Sequence[Mark], context: Iterable[int], gutter: int, options: Options
) -> Iterator[str]:
    """The rows of the frame without line ends; `context` are lines to show although nothing is marked in them."""
    ink = pen(options)
    blocks = _blocks(mark for mark in marks if mark.span.end_line > mark.span.line)
    brackets = 2 * (1 + max((block.column for block in blocks), default=-1))
    room = max(options.width - gutter - 4 - brackets, 20)
    shown = _shown_lines(len(lines), marks, context)
    rows = _rows(lines, shown, [mark for mark in marks if mark.span.end_line == mark.span.line], room, ink.cut)
    previous = rows[0].number
    for row in rows:
        active = [block for block in blocks if block.mark.span.line < row.number <= block.mark.span.end_line]
        if row.number > previous + 1:
            yield _line(" " * gutter, ink.gap, _bars(active, brackets, ink), "", ink)
        yield from _row(row, blocks, active, brackets, gutter, room, ink)
        previous = row.number


def _line(number: str, rail: str, brackets: str, text: str, ink: Pen) -> str:
    return f"{ink.paint(f'{number} {rail}', 'bright_blue')} {brackets}{text}".rstrip()


def _row(
    row: Row, blocks: Sequence[Block], active: Sequence[Block], brackets: int, gutter: int, room: int, ink: Pen
) -> Iterator[str]:
    """A source line with what is said of it below."""
    opened = [block for block in blocks if block.mark.span.line == row.number]
    closed = [block for block in active if block.mark.span.end_line == row.number]
    blank = " " * gutter
    bars = _bars(active, brackets, ink, opened)
    yield _line(f"{row.number:>{gutter}}", ink.rail, bars, row.text, ink)
    bars = _bars([*active, *opened], brackets, ink)
    for text in _labels(row.segments, room, ink):
        yield _line(blank, ink.rail, bars, text, ink)
    open_blocks = [*active, *opened]
    for block in sorted(closed, key=lambda block: -block.column):
        open_blocks.remove(block)
        before = _bars(open_blocks, 2 * block.column, ink)
        label = _cut(f"{ink.corner} {block.mark.label}", room + brackets - 2 * block.column, ink)
        hook = ink.paint(label, block.mark.color, bold=block.mark.strong)
        yield _line(blank, ink.rail, before, hook, ink)


def _blocks(marks: Iterable[Mark]) -> list[Block]:
    """Brackets side by side where they overlap, the outer one on the left."""
    blocks: list[Block] = []
    for mark in sorted(marks, key=lambda mark: (mark.span.line, -mark.span.end_line)):
        taken = {block.column for block in blocks if block.mark.span.end_line >= mark.span.line}
        blocks.append(Block(mark, next(column for column in range(len(blocks) + 1) if column not in taken)))
    return blocks


def _bars(active: Iterable[Block], brackets: int, ink: Pen, opened: Iterable[Block] = ()) -> str:
    drawn = {block.column: ink.paint(ink.bar, block.mark.color) for block in active}
    drawn |= {block.column: ink.paint(ink.top, block.mark.color) for block in opened}
    return "".join(drawn.get(column, " ") + " " for column in range(brackets // 2))


def _shown_lines(count: int, marks: Iterable[Mark], context: Iterable[int]) -> list[int]:
    """The numbers of the lines to show; a single line between two of them is shown too."""
    wanted = set(context)
    for mark in marks:
        first, last = mark.span.line, min(mark.span.end_line, count)
        if last - first < LONGEST_BLOCK:
            wanted.update(range(first, last + 1))
        else:
            wanted.update((first, first + 1, last))
    ordered = sorted(wanted)
    wanted.update(number + 1 for number, after in itertools.pairwise(ordered) if after == number + 2)
    return sorted(wanted)


def _rows(lines: Sequence[str], shown: Sequence[int], marks: Sequence[Mark], room: int, cut: str) -> list[Row]:
    expanded = {number: _expand(lines[number - 1]) for number in shown}
    common = min((_indent(characters) for characters in expanded.values() if characters), default=0)
    return [
        _window(number, expanded[number], [mark for mark in marks if mark.span.line == number], common, room, cut)
        for number in shown
    ]


Character = tuple[str, int]
"""What is shown for a character of the source, and how many columns it takes."""


def _expand(line: str) -> list[Character]:
    """The characters of a line; its trailing blanks are left out."""
    characters: list[Character] = []
    column = 0
    for character in line.rstrip():
        if character == "\t":
            size = TAB - column % TAB
            characters.append((" " * size, size))
        else:
            shown = visible(character)
            size = cells(shown)
            characters.append((shown, size))
        column += size
    return characters


def _indent(characters: Sequence[Character]) -> int:
    """The columns of blanks a line begins with."""
    column = 0
    for shown, size in characters:
        if shown.strip():
            break
        column += size
    return column


def _window(
    number: int, characters: Sequence[Character], marks: Sequence[Mark], common: int, room: int, cut: str
) -> Row:
    """The part of a line that has room and holds its marks, with `cut` where something is left out."""
    starts = [-common]
    for _, size in characters:
        starts.append(starts[-1] + size)
    places = [
        (
            _column(starts, mark.span.column),
            max(_column(starts, mark.span.end_column), _column(starts, mark.span.column) + 1),
            mark,
        )
        for mark in marks
    ]
    if starts[-1] <= room:
        return Row(number, _slice(characters, starts, 0, starts[-1]), tuple(places))
    left = _left_edge(places, room - len(cut))
    first, last = left + (len(cut) if left else 0), min(left + room - len(cut), starts[-1])
    text = (cut if left else "") + _slice(characters, starts, first, last) + (cut if last < starts[-1] else "")
    clipped = tuple(
        (max(start, first) - left, max(min(end, last), max(start, first) + 1) - left, mark)
        for start, end, mark in places
    )
    return Row(number, text, clipped)


def _left_edge(places: Sequence[tuple[int, int, Mark]], room: int) -> int:
    """The first column to show so that the places are seen, from their beginning at least."""
    if all(end <= room or start <= room - ENOUGH for start, end, _ in places):
        return 0
    first = min(start for start, _, _ in places)
    last = max(end for _, end, _ in places)
    return max(0, min(first - LEAD, last + LEAD - room) if last - first < room - LEAD else first - LEAD)


def _column(starts: Sequence[int], column: int) -> int:
    """Where a character, counted from 1, is shown; behind the end if the line is too short."""
    return starts[min(column - 1, len(starts) - 1)]


def _slice(characters: Sequence[Character], starts: Sequence[int], first: int, last: int) -> str:
    """What is shown in the columns from `first` to `last`; half of a wide character is a blank."""
    pieces = []
    for (shown, size), start in zip(characters, starts, strict=False):
        if start >= first and start + size <= last:
            pieces.append(shown)
        elif start < last and start + size > first:
            pieces.append(" " * (min(last, start + size) - max(first, start)))
    return "".join(pieces)


def _labels(segments: Sequence[tuple[int, int, Mark]], room: int, ink: Pen) -> Iterator[str]:
    """The rows below a source line: underlines with labels, those that overlap one below the other."""
    for layer in _layers(segments):
        yield from _layer(layer, room, ink)


def _layers(segments: Sequence[tuple[int, int, Mark]]) -> list[list[tuple[int, int, Mark]]]:
    layers: list[list[tuple[int, int, Mark]]] = []
    for start, end, mark in _merged(segments):
        free = (layer for layer in layers if all(end < other[0] or other[1] < start for other in layer))
        layer = next(free, None)
        if layer is None:
            layers.append([(start, end, mark)])
        else:
            layer.append((start, end, mark))
    return [sorted(layer, key=lambda segment: segment[0]) for layer in layers]


def _merged(segments: Iterable[tuple[int, int, Mark]]) -> list[tuple[int, int, Mark]]:
    """Marks of the same place become one, with their labels one after the other."""
    merged: dict[tuple[int, int], Mark] = {}
    for start, end, mark in segments:
        other = merged.get((start, end))
        if other is None:
            merged[start, end] = mark
        elif mark.label not in other.label:
            strongest = mark if mark.strong else other
            merged[start, end] = replace(strongest, label=f"{other.label}, {mark.label}")
    return [(start, end, mark) for (start, end), mark in merged.items()]


Canvas = dict[int, tuple[str, Mark]]
"""The characters of a row by column, each with the mark in whose colour it is painted."""


def _layer(layer: Sequence[tuple[int, int, Mark]], room: int, ink: Pen) -> Iterator[str]:
    """Underlines that do not overlap: the last label beside its line, the others hang below, from right to left."""
    canvas: Canvas = {}
    for start, end, mark in layer:
        canvas |= _stroke(start, (ink.strong if mark.strong else ink.line) * (end - start), mark)
    hanging = list(layer)
    _, end, mark = layer[-1]
    if not mark.label or end + 1 + width(mark.label) <= room:
        canvas |= _stroke(end + 1, mark.label, mark)
        hanging.pop()
    for start, end, mark in hanging:
        canvas |= _stroke(_anchor(start, end), ink.tee, mark)
    yield _drawn(canvas, ink)
    while hanging:
        start, end, mark = hanging.pop()
        canvas = {}
        for other_start, other_end, other in hanging:
            canvas |= _stroke(_anchor(other_start, other_end), ink.bar, other)
        text = _cut(f"{ink.corner} {mark.label}", room, ink)
        canvas |= _stroke(max(min(_anchor(start, end), room - width(text)), 0), text, mark)
        yield _drawn(canvas, ink)


def _cut(label: str, room: int, ink: Pen) -> str:
    return label if len(label) <= room else label[: room - len(ink.cut)] + ink.cut


def _anchor(start: int, end: int) -> int:
    """Where a label hangs from an underline: its middle, but near the beginning of a long one."""
    return start + min((end - start - 1) // 2, 3)


def _stroke(column: int, text: str, mark: Mark) -> Canvas:
    return {column + i: (character, mark) for i, character in enumerate(text)}


def _drawn(canvas: Canvas, ink: Pen) -> str:
    pieces = []
    last = -1
    for mark, run in itertools.groupby(sorted(canvas.items()), key=lambda item: item[1][1]):
        for start, text in _runs([(column, character) for column, (character, _) in run]):
            pieces += [" " * (start - last - 1), ink.paint(text, mark.color, bold=mark.strong)]
            last = start + len(text) - 1
    return "".join(pieces)


def _runs(characters: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Characters in neighbouring columns, joined: first column and text."""
    for _, run in itertools.groupby(enumerate(characters), key=lambda item: item[1][0] - item[0]):
        joined = [item[1] for item in run]
        yield joined[0][0], "".join(character for _, character in joined)
