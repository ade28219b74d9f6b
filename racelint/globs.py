"""Patterns for paths, as regular expressions.

The patterns are somebody's: a repository that is looked at brings its own. A star that becomes `.*` makes the time of a match
grow with the power of the number of stars, and twenty of them never end. So each star but the last takes the first place where
what follows it fits, and stays there (a lookahead keeps no other ways open). That loses no match: what lies behind a later
place lies behind the first one, too.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence

from racelint.expressions import expression
from racelint.frozen import dataclass

_TOKEN = expression(r"\*\*/|\*+|\?|\[!?\]?[^\]]*\]|.", re.DOTALL)
_SPECIAL = expression(r"([\[\\^&|~])")


def compiled(patterns: Iterable[str]) -> re.Pattern[str] | None:
    """One expression for globs of which any may match a whole text, None if there are none.

    `*` and `?` also match a slash; `**/` matches folders or nothing where a name begins.
    """
    numbers = itertools.count()
    expressions = [f"(?:{_expression(pattern, numbers)})" for pattern in patterns]
    return re.compile("|".join(expressions), re.DOTALL) if expressions else None


def _expression(pattern: str, numbers: Iterator[int]) -> str:
    """A glob as a regular expression."""
    pieces: list[str] = []
    wild: list[int] = []
    for token in _TOKEN.findall(pattern):
        at_name = not pieces or pieces[-1] in ("/", "(?:.*?/)??")
        if token == "**/" and at_name:
            wild.append(len(pieces))
            pieces.append("(?:.*?/)??")
        elif token.startswith("*"):
            if not (pieces and pieces[-1] == ".*?"):
                wild.append(len(pieces))
                pieces.append(".*?")
            pieces += ["/"] * token.endswith("/")
        else:
            pieces.append(_piece(token))
    return _first_places(pieces, wild, numbers)


def _first_places(pieces: Sequence[str], wild: Sequence[int], numbers: Iterator[int]) -> str:
    """The pieces one behind the other; those at `wild` match lazily, and all but the last keep to their first place."""
    if not wild:
        return "".join(pieces)
    parts = ["".join(pieces[: wild[0]])]
    for start, end in itertools.pairwise(wild):
        parts.append(_kept("".join(pieces[start:end]), numbers))
    return "".join([*parts, *pieces[wild[-1] :]])


def _kept(expression: str, numbers: Iterator[int]) -> str:
    """What matches only the first thing that the expression matches; Python has atomic groups from 3.11 on."""
    number = next(numbers)
    return f"(?=(?P<g{number}>{expression}))(?P=g{number})"


def _piece(token: str) -> str:
    if token == "?":
        return "."
    if len(token) == 1:
        return re.escape(token)
    negated = token.startswith("[!")
    characters = _SPECIAL.sub(r"\\\1", token[2:-1] if negated else token[1:-1])
    expression = f"[{'^' if negated else ''}{characters}]"
    try:
        re.compile(expression)
    except re.error:  # a range the wrong way round
        return re.escape(token)
    return expression


# What git reads


@dataclass(frozen=True, slots=True)
class IgnoreLine:
    """A line of a `.gitignore` that says something."""

    names: re.Pattern[str]
    """Matches a whole path, relative to the folder of the file, with slashes."""
    ignores: bool
    """False if the line begins with `!`."""
    folders_only: bool


def read_ignore_line(line: str) -> IgnoreLine | None:
    """What a line says; None for a blank one, a comment, and one that git does not understand."""
    text = _without_blanks(line)
    negated = text.startswith("!")
    text = text[negated:]
    if not text or line.startswith("#"):
        return None
    tokens = _git_tokens(text)
    if tokens is None:
        return None
    folders_only = tokens[-1] == "/"
    if folders_only:
        tokens.pop()
    anchored = "/" in text.removesuffix("/")
    if tokens and tokens[0] == "/":
        tokens.pop(0)
    if not tokens or any(pair == ("/", "/") for pair in itertools.pairwise(["/", *tokens, "/"])):
        return None  # no path has a name without letters
    numbers = itertools.count()
    segments = [list(part) for slash, part in itertools.groupby(tokens, lambda token: token == "/") if not slash]
    if not anchored:
        segments.insert(0, ["**"])
        segments[1] = ["*" if token == "**" else token for token in segments[1]]
    return IgnoreLine(re.compile(_path(segments, numbers), re.DOTALL), not negated, folders_only)


def _without_blanks(line: str) -> str:
    """Blanks at the end do not count, unless a backslash stands before them."""
    text = line.rstrip(" ")
    backslashes = len(text) - len(text.rstrip("\\"))
    return text + " " if backslashes % 2 and len(text) < len(line) else text


def _git_tokens(text: str) -> list[str] | None:
    """Slashes, runs of stars and expressions for one character each; None if git would match nothing."""
    found: list[str] = []
    at = 0
    while at < len(text):
        if text[at] == "*":
            end = next((i for i in range(at, len(text)) if text[i] != "*"), len(text))
            found.append("*" if end - at == 1 else "**")
        elif text[at] == "[":
            bracket = _Bracket(text, at + 1)
            if not bracket.closed:
                return None
            found.append(bracket.expression)
            end = bracket.end
        elif text[at] == "\\":
            if at + 1 == len(text):
                return None
            found.append(re.escape(text[at + 1]) if text[at + 1] != "/" else "/")
            end = at + 2
        else:
            found.append({"/": "/", "?": "[^/]"}.get(text[at]) or re.escape(text[at]))
            end = at + 1
        at = end
    return found


_CLASSES = {
    "alnum": "0-9A-Za-z", "alpha": "A-Za-z", "blank": " \\t", "cntrl": "\\x00-\\x1f\\x7f", "digit": "0-9",
    "graph": "\\x21-\\x7e", "lower": "a-z", "print": "\\x20-\\x7e", "punct": "!-/:-@\\[-`{-~", "space": "\\s",
    "upper": "A-Z", "xdigit": "0-9A-Fa-f",
}  # fmt: skip


class _Bracket:
    """A class of characters, from behind its `[`."""

    def __init__(self, text: str, at: int) -> None:
        self.closed = False
        negated = text[at : at + 1] in ("!", "^")
        at += negated
        parts: list[str] = []
        first = True
        while at < len(text) and (first or text[at] != "]"):
            first = False
            if text.startswith("[:", at):
                end = text.find(":]", at)
                if end < 0 or text[at + 2 : end] not in _CLASSES:
                    return
                parts.append(_CLASSES[text[at + 2 : end]])
                at = end + 2
                continue
            low, at = _character(text, at)
            if text[at : at + 1] == "-" and text[at + 1 : at + 2] not in ("", "]"):
                high, at = _character(text, at + 1)
                parts += [f"{re.escape(low)}-{re.escape(high)}"] * (low <= high)
            else:
                parts.append(re.escape(low))
        self.closed = at < len(text)
        self.end = at + 1
        inner = "".join(parts)
        self.expression = f"(?!/)[{'^' if negated else ''}{inner}]" if inner else "[^/]" if negated else "(?!)"


def _character(text: str, at: int) -> tuple[str, int]:
    """A character of a class, or the one that is written with a backslash, and where the next begins."""
    at += text[at] == "\\" and at + 1 < len(text)
    return text[at], at + 1


def _path(segments: Sequence[Sequence[str]], numbers: Iterator[int]) -> str:
    """Names with slashes between; `**` stands for any folders, and at the end for all that is below."""
    parts: list[str] = []
    names: list[str] = []
    below = False
    """Whether `**` comes before the names that are being gathered."""
    for number, segment in enumerate(segments):
        last = number == len(segments) - 1
        if list(segment) != ["**"]:
            names.append(_name(segment, numbers) + "/" * (not last))
        elif last:
            names.append(".+")
        else:
            parts.append(_folders(names, below, numbers))
            names, below = [], True
    return "".join(parts) + ("(?:.*/)?" * below) + "".join(names)


def _folders(names: Sequence[str], below: bool, numbers: Iterator[int]) -> str:
    """Some names that `**` comes behind: where they first fit is as good as any other place."""
    if not names:
        return ""
    return _kept("(?:.*?/)??" + "".join(names), numbers) if below else "".join(names)


def _name(segment: Sequence[str], numbers: Iterator[int]) -> str:
    """A part of a path without slashes."""
    pieces = ["[^/]*?" if token.startswith("*") else token for token in segment]
    return _first_places(pieces, [at for at, token in enumerate(segment) if token.startswith("*")], numbers)
