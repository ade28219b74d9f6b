"""Draws what racelint prints on a terminal, in its colours: docs/images/finding.svg and timeline.svg.

    python docs/images/draw.py

Run it when tests/test_readme.py says that a picture is old, and look at the picture.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
FOLDER = Path(__file__).parent
PICTURES = {
    "finding.svg": ("examples/racy/render_pipeline.py",),
    "timeline.svg": ("explain", "examples/racy/rate_limit.py:43"),
}
"""The arguments of the command that each shows."""

ADVANCE, LINE, PADDING, BAR = 8.43, 16, 18, 34
"""Pixels: of a character to the right, of a row down, around the text, and of the bar above it."""

FOREGROUND, BACKGROUND = "#d6deeb", "#11151c"
COLORS = {"31": "#ff6b6b", "33": "#f2c55c", "36": "#4fd6d6", "94": "#7aa2f7"}
"""By the terminal's number: red, yellow, cyan, bright blue."""

_STYLE = re.compile(r"\x1b\[([0-9;]*)m")


def output(arguments: Sequence[str]) -> str:
    """What the command prints, with its colours."""
    command = [sys.executable, "-m", "racelint", *arguments, "--color", "always"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False)
    return f"\x1b[36m$\x1b[0m \x1b[1mracelint {' '.join(arguments)}\x1b[0m\n{done.stdout}{done.stderr}"


def plain(text: str) -> str:
    """Without the colours."""
    return _STYLE.sub("", text)


def drawing(text: str) -> str:
    """Rows of text with colours as SVG."""
    rows = text.splitlines()
    columns = max(len(plain(row)) for row in rows)
    width, height = round(columns * ADVANCE + 2 * PADDING), BAR + len(rows) * LINE + 2 * PADDING
    pieces = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        '<g font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14">',
        f"<title>{escape(plain(rows[0]))}</title>",
        f'<rect width="{width}" height="{height}" rx="8" fill="{BACKGROUND}"/>',
    ]
    for number, color in enumerate(("#ff5f57", "#febc2e", "#28c840")):
        pieces.append(f'<circle cx="{PADDING + 6 + 20 * number}" cy="{BAR / 2 + 4:g}" r="6" fill="{color}"/>')
    for number, row in enumerate(rows):
        y = BAR + PADDING + number * LINE + 12
        pieces += [_piece(column, y, piece, style) for column, piece, style in _runs(row) if piece.strip()]
    return "\n".join([*pieces, "</g>", "</svg>", ""])


def _runs(row: str) -> Iterator[tuple[int, str, frozenset[str]]]:
    """The pieces of a row with one style each: column, text, numbers of the style."""
    style: frozenset[str] = frozenset()
    column = 0
    for number, part in enumerate(_STYLE.split(row)):
        if number % 2:
            style = frozenset() if part in ("", "0") else style | set(part.split(";"))
        else:
            yield column, part, style
            column += len(part)


def _piece(column: int, y: int, text: str, style: frozenset[str]) -> str:
    """A piece where it belongs; `textLength` keeps the columns with any font."""
    blanks = len(text) - len(text.lstrip())
    text = text.strip()
    color = next((COLORS[code] for code in sorted(style) if code in COLORS), FOREGROUND)
    weight = ' font-weight="bold"' if "1" in style else ""
    x, length = PADDING + (column + blanks) * ADVANCE, len(text) * ADVANCE
    return (
        f'<text x="{x:.1f}" y="{y}" textLength="{length:.1f}" lengthAdjust="spacingAndGlyphs" '
        f'fill="{color}"{weight} xml:space="preserve">{escape(text)}</text>'
    )


if __name__ == "__main__":
    for name, arguments in PICTURES.items():
        (FOLDER / name).write_text(drawing(output(arguments)), encoding="utf-8")
