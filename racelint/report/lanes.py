"""A timeline on a terminal: two columns, time downwards.

Large, with the source, as `racelint explain PATH:LINE` shows it:

```
    task A                       task B
    Cart.add                     Cart.add
    │                            │
 12 │ total = self.total         │
    │   reads 100                │
 13 │ await self.audit(n)        │
    ├─ waits, B runs ───────────→┤
 12 │                            │ total = self.total
    │                            │   reads 100, too
 14 │                            │ self.total = total + n
    │                            │   writes 150
    ├←───────────────────────────┤
 14 │ self.total = total + n     │
    │ ✗ writes 130               │

 ✗ B's update is lost: 130, expected 180
```

Small, without the source, for below a frame that shows the source already.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from racelint.finding import Role
from racelint.report.frame import Pen, pen
from racelint.report.results import Options, clean, width, wrapped
from racelint.timeline import Row, Timeline

WIDEST = 60
"""Columns of a lane: wider ones would be apart too far to be read as one picture."""
NARROWEST = 26
"""Columns of a lane; with less room the lanes are told by their letters, one below the other."""

COLORS = ("cyan", "yellow")
"""Of the two lanes."""


def small(picture: Timeline, options: Options) -> Iterator[str]:
    """The rows by their line numbers and what they do, in `options.width` columns; then the outcome."""
    ink = pen(options)
    rows = [row for row in picture.rows if row.role is not Role.SWITCH or row.line or "B runs in" not in row.says]
    digits = max(len(str(row.line or "")) for row in rows)
    texts = [f"{row.line or '':>{digits}} {clean(row.says)}{f' {ink.cross}' if row.wrong else ''}" for row in rows]
    left = max((width(text) for row, text in zip(rows, texts, strict=True) if row.lane == 0), default=0)
    right = max((width(text) for row, text in zip(rows, texts, strict=True) if row.lane == 1), default=0)
    titles = _titles(picture, digits + 1, left, right, options.width)
    second = max(left, digits + 1 + width(titles[0])) + 3
    if second + right <= options.width:
        pad = " " * (digits + 1)
        between = " " * (second - len(pad) - width(titles[0]))
        one, two = (ink.paint(title, color, bold=True) for title, color in zip(titles, COLORS, strict=True))
        yield f"{pad}{one}{between}{pad}{two}"
        for row, text in zip(rows, texts, strict=True):
            yield " " * (second if row.lane else 0) + _painted(row, text, ink)
    else:
        for row, text in zip(rows, texts, strict=True):
            letter = ink.paint(picture.lanes[row.lane].letter, COLORS[row.lane], bold=True)
            first, *others = wrapped(text.strip(), options.width - digits - 5)
            yield f"{letter} {' ' * (width(text) - width(text.lstrip()))}{_painted(row, first, ink)}"
            yield from (f"{' ' * (digits + 3)}{_painted(row, other, ink)}" for other in others)
    yield from (ink.paint(line, "red") for line in wrapped(clean(picture.outcome), options.width))


def _titles(picture: Timeline, pad: int, left: int, right: int, room: int) -> tuple[str, str]:
    """What stands above the lanes: with the functions if they are two, and there is room for their names."""
    one, two = picture.lanes
    if two.symbol and one.symbol != two.symbol:
        named = tuple(f"{lane.title} {clean(lane.symbol)}".strip() for lane in picture.lanes)
        if max(left, pad + width(named[0])) + 3 + max(right, pad + width(named[1])) <= room:
            return named[0], named[1]
    return one.title, two.title


def _painted(row: Row, text: str, ink: Pen) -> str:
    return ink.paint(text, "red", bold=True) if row.wrong else ink.paint(text, COLORS[row.lane])


def large(picture: Timeline, options: Options) -> Iterator[str]:
    """The rows with their source, in `options.width` columns; then the outcome."""
    ink = pen(options)
    gutter = 1 + max(len(str(row.line or "")) for row in picture.rows)
    room = min((options.width - gutter - 2) // 2, WIDEST)
    if room < NARROWEST:
        yield from _stacked(picture, gutter, options, ink)
    else:
        yield from _side_by_side(picture, gutter, room, ink)
    yield ""
    for number, line in enumerate(wrapped(clean(picture.outcome), options.width - 4)):
        yield ink.paint(f" {ink.cross if number == 0 else ' '} {line}", "red", bold=True)


def _side_by_side(picture: Timeline, gutter: int, room: int, ink: Pen) -> Iterator[str]:
    blank = " " * gutter
    one, two = picture.lanes
    for left, right in ((one.title, two.title), (clean(one.symbol), clean(two.symbol))):
        if left or right:
            cells = (_cell(text, room, ink, color) for text, color in zip((left, right), COLORS, strict=True))
            yield f"{blank} {''.join(cells)}".rstrip()
    yield _lanes(blank, ("", ""), room, ink)
    lane = picture.rows[0].lane
    for row, after in itertools.pairwise((*picture.rows, None)):
        assert row is not None
        if row.lane != lane:
            yield _lanes(blank, _arrow(row.lane, "", room, ink), room, ink, joined=True)
            lane = row.lane
        number = f"{row.line or '':>{gutter}}"
        if row.text:
            yield _lanes(number, _placed(row.lane, clean(row.text)), room, ink)
            number = blank
        if row.role is Role.SWITCH and after is not None and after.lane != row.lane:
            yield _lanes(number, _arrow(after.lane, clean(row.says), room, ink), room, ink, joined=True)
            lane = after.lane
        else:
            for line, says in enumerate(wrapped(clean(row.says), room - 6)):
                mark = f"{ink.cross} " if row.wrong and line == 0 else "  "
                yield _lanes(number, _placed(row.lane, mark + says), room, ink, wrong=row.wrong)
                number = blank


def _placed(lane: int, text: str) -> tuple[str, str]:
    return ("", text) if lane else (text, "")


def _arrow(towards: int, says: str, room: int, ink: Pen) -> tuple[str, str]:
    """What is drawn across the first lane to show that the other one goes on."""
    text = f" {says} " if says else ""
    dashes = ink.line * max(room - 2 - width(text), 1)
    if towards:
        return f"{ink.line}{text}{dashes[:-1]}{ink.forth}"[: room - 1], ""
    return f"{ink.back}{dashes}{text}"[: room - 1], ""


def _lanes(
    number: str, texts: tuple[str, str], room: int, ink: Pen, *, joined: bool = False, wrong: bool = False
) -> str:
    """A row of the picture: the line number, and the two lanes with their rails."""
    rails = [ink.paint(ink.rail, color) for color in COLORS]
    left, right = texts
    if joined:
        return f"{number} {rails[0]}{ink.paint(left, 'bright_blue')}{rails[1]}"
    cells = (_cell(f" {text}" if text else "", room - 1, ink, "red" if wrong else None) for text in (left, right))
    first, second = cells
    return f"{ink.paint(number, 'bright_blue')} {rails[0]}{first}{rails[1]}{second}".rstrip()


def _cell(text: str, room: int, ink: Pen, color: str | None) -> str:
    """The text in exactly so many columns, cut if it is longer."""
    if width(text) >= room:
        while width(text) > room - 1 - len(ink.cut):
            text = text[:-1]
        text += ink.cut
    return ink.paint(text, color, bold=color is not None) + " " * (room - width(text))


def _stacked(picture: Timeline, gutter: int, options: Options, ink: Pen) -> Iterator[str]:
    """For narrow terminals: one step below the other, each with the letter of its lane."""
    for lane, color in zip(picture.lanes, COLORS, strict=True):
        of = f": {clean(lane.symbol)}" if lane.symbol else ""
        yield f"{' ' * gutter} {ink.paint(lane.title, color, bold=True)}{of}"
    yield ""
    room = max(options.width - gutter - 5, 10)
    for row in picture.rows:
        head = f"{row.line or '':>{gutter}} {ink.paint(picture.lanes[row.lane].letter, COLORS[row.lane], bold=True)}"
        if row.text:
            yield f"{head} {_cell(clean(row.text), room, ink, None)}".rstrip()
            head = " " * (gutter + 2)
        for line, says in enumerate(wrapped(clean(row.says), room - 4)):
            mark = f"{ink.cross} " if row.wrong and line == 0 else "  "
            yield f"{head} {ink.paint(mark + says, 'red' if row.wrong else None)}"
            head = " " * (gutter + 2)
