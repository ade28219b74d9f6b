"""What a text imports, seen in its lines without parsing it: enough to find the files that one leads to."""

from __future__ import annotations

import re
from collections.abc import Iterable

from racelint.facts import ATOMIC_REQUESTS
from racelint.frozen import dataclass

_IMPORTS = re.compile(
    rb"^[ \t]*(?:from[ \t]+([.\w]+)[ \t]+import[ \t]*(\([^)]*\)|[^\n(]*)|import[ \t]+([^\n]+))", re.MULTILINE
)
_COMMENT = re.compile(rb"#[^\n]*")
_SETTING = ATOMIC_REQUESTS.encode()


@dataclass(frozen=True, slots=True)
class Imported:
    """What a text imports."""

    origins: tuple[str, ...]
    """Dotted names, each once; what stands in strings and comments may be among them."""
    settings: bool
    """It may say how each request is run; nobody imports such settings: frameworks find them by their name."""
    size: int
    """Bytes of the text."""


def imported(text: bytes) -> Imported:
    """What a text imports."""
    return Imported(tuple(dict.fromkeys(_origins(text))), _SETTING in text, len(text))


def _origins(text: bytes) -> Iterable[str]:
    for match in _IMPORTS.finditer(text):
        package, names, plain = match.groups()
        if plain is not None:
            yield from (_name(part) for part in plain.split(b","))
            continue
        dots = package.decode("ascii", "replace")
        for part in _COMMENT.sub(b"", names).strip(b"() \t\r\n").split(b","):
            yield dots + _name(part) if dots.endswith(".") else f"{dots}.{_name(part)}"


def _name(part: bytes) -> str:
    words = part.split()
    return words[0].decode("ascii", "replace") if words else ""
