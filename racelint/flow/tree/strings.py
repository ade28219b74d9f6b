"""String literals as they are written: their neighbours, and the fields of f-strings.

`ast` joins neighbours, keeps only the values of texts, and before Python 3.12 tells wrong columns within f-strings.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_START = re.compile(r"([A-Za-z]*)('''|\"\"\"|'|\")")
_BETWEEN = re.compile(r"(?:[ \t\f\r\n\\]|#[^\n]*)*")
_PLAIN_ENDS = {quote: re.compile(rf"(?:\\.|(?!{quote}).)*{quote}", re.DOTALL) for quote in ("'''", '"""', "'", '"')}
_TEXT = re.compile(r"[^\\{}'\"]+")
_CODE = re.compile(r"[^\[\](){}'\"!:=#]+")
_DEBUG = re.compile(r"=\s*(?=[!:}])")
_CONVERSION = re.compile(r"!\s*\w+\s*")
_NAMED = re.compile(r"\\N\{[^}]*\}")


class Field(NamedTuple):
    """A replacement field: where its expression begins and ends, and the parts of its format."""

    begin: int
    end: int
    parts: list[str | Field]


class Literal(NamedTuple):
    """One literal; `parts` are the texts and fields of an f-string, None for any other."""

    begin: int
    end: int
    start: str
    """Prefix and quotes."""
    parts: list[str | Field] | None


def literals(text: str) -> list[Literal]:
    """The neighbours that a string is put together of; places count from the beginning of the text.

    Raises ValueError if it is no string.
    """
    found: list[Literal] = []
    at = 0
    while at < len(text):
        start = _START.match(text, at)
        if start is None:
            raise ValueError(f"no string at {at}")
        prefix, quote = start.groups()
        if "f" in prefix.lower():
            parts, end = _parts(text, start.end(), quote, "r" in prefix.lower())
            end += len(quote)
        else:
            match = _PLAIN_ENDS[quote].match(text, start.end())
            if match is None:
                raise ValueError("a string without end")
            parts, end = None, match.end()
        found.append(Literal(at, end, start.group(), parts))
        between = _BETWEEN.match(text, end)
        at = between.end() if between is not None else end
    return found


def _parts(text: str, at: int, quote: str, raw: bool) -> tuple[list[str | Field], int]:
    """The parts up to the quotes that end the string, or up to the `}` that ends a format (`quote` is "" there)."""
    found: list[str | Field] = []
    begin = at
    while True:
        match = _TEXT.match(text, at)
        at = match.end() if match is not None else at
        if at >= len(text):
            raise ValueError("a string without end")
        char = text[at]
        if (quote and text.startswith(quote, at)) or (not quote and char == "}"):
            break
        if char == "\\":
            named = None if raw else _NAMED.match(text, at)
            at = named.end() if named is not None else at + (1 if raw and text[at + 1 : at + 2] in "{}" else 2)
        elif char == "{" and text.startswith("{{", at) and quote:
            at += 2
        elif char == "{":
            if at > begin:
                found.append(text[begin:at])
            field, at = _field(text, at + 1)
            found.append(field)
            begin = at
        else:
            at += 1
    if at > begin:
        found.append(text[begin:at])
    return found, at


def _field(text: str, begin: int) -> tuple[Field, int]:
    """A field and where it ends, behind its `}`."""
    end = at = _code(text, begin)
    debug = _DEBUG.match(text, at)
    at = debug.end() if debug is not None else at
    conversion = _CONVERSION.match(text, at)
    at = conversion.end() if conversion is not None else at
    parts: list[str | Field] = []
    if text.startswith(":", at):
        parts, at = _parts(text, at + 1, "", False)
    if not text.startswith("}", at):
        raise ValueError("a field without end")
    return Field(begin, end, parts), at + 1


def _code(text: str, at: int) -> int:
    """Where the expression of a field ends."""
    depth = 0
    while True:
        match = _CODE.match(text, at)
        at = match.end() if match is not None else at
        if at >= len(text):
            raise ValueError("a field without end")
        char = text[at]
        if char in "'\"":
            at = _string(text, at)
        elif char in "([{":
            depth += 1
            at += 1
        elif char in ")]}":
            if not depth:
                return at
            depth -= 1
            at += 1
        elif char == "#":
            at = text.find("\n", at)
            if at < 0:
                raise ValueError("a field without end")
        elif depth:
            at += 1
        elif (
            char == ":"
            or (char == "!" and text[at + 1] != "=")
            or (char == "=" and text[at - 1] not in "=!<>" and text[at + 1] != "=" and _DEBUG.match(text, at))
        ):
            return at
        else:
            at += 1


def _string(text: str, at: int) -> int:
    """Where a string within an expression ends; `at` is its first quote."""
    prefix = re.search(r"[A-Za-z]*$", text[max(at - 3, 0) : at])
    quote = next(quote for quote in ("'''", '"""', "'", '"') if text.startswith(quote, at))
    letters = prefix.group().lower() if prefix is not None else ""
    if "f" in letters:
        return _parts(text, at + len(quote), quote, "r" in letters)[1] + len(quote)
    match = _PLAIN_ENDS[quote].match(text, at + len(quote))
    if match is None:
        raise ValueError("a string without end")
    return match.end()
