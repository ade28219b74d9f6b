"""Where text goes: standard output, standard error, a file; and what happens if it cannot."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import TextIO

from racelint.cli.failing import failure
from racelint.cli.wanted import CLEAN
from racelint.source import shown


def has_color(color: str, out: TextIO | None) -> bool:
    """As asked for; else NO_COLOR, then FORCE_COLOR, then whether it goes to a terminal. `out` is None for a file."""
    if color != "auto":
        return color == "always"
    if os.environ.get("NO_COLOR") or out is None:
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (out.isatty() and os.environ.get("TERM") != "dumb")


def say(message: str) -> None:
    sys.stderr.write(f"racelint: {plain(message)}\n")


def plain(text: str) -> str:
    """Text without anything that a terminal obeys: names in it may be those of somebody else's files and settings."""
    return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode("ascii") for c in text)


def print_text(text: str) -> int:
    write([text])
    return CLEAN


def write(pieces: Iterable[str], out: TextIO | None = None) -> None:
    """Text for standard output, or another stream."""
    out = out or sys.stdout
    if isinstance(out, TextIOWrapper):
        out.reconfigure(errors="backslashreplace")
    with _leaving(out):
        for piece in pieces:
            out.write(piece)
        out.flush()


def write_bytes(data: bytes) -> None:
    """Bytes for standard output: text in the encoding of a file that was read. A terminal gets text that it does not obey."""
    if sys.stdout.isatty():
        write([plain(data.decode("utf-8", "backslashreplace").replace("\r\n", "\n"))])
        return
    with _leaving(sys.stdout):
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


@contextmanager
def _leaving(out: TextIO) -> Iterator[None]:
    """If the reader of a stream has gone (`| head`), the rest is left out quietly."""
    try:
        yield
    except BrokenPipeError:
        # Python flushes once more when it exits, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
        raise failure(f"standard output cannot be written: {error.strerror}") from None


def write_file(path: str, pieces: Iterable[str]) -> None:
    """Replaces the file in one step, so that nobody reads a half of it; what is no regular file is written to."""
    import tempfile  # most runs write no file

    target = os.path.realpath(path)
    try:
        if os.path.exists(target) and not os.path.isfile(target):
            with open(target, "w", encoding="utf-8") as file:
                file.writelines(pieces)
            return
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", errors="backslashreplace", dir=os.path.dirname(target), prefix=".", delete=False
        ) as temporary:
            try:
                temporary.writelines(pieces)
                temporary.close()
                os.chmod(temporary.name, _mode(target))
                os.replace(temporary.name, target)
            except BaseException:
                os.unlink(temporary.name)
                raise
    except OSError as error:
        raise failure(f"{shown(path)} cannot be written: {error.strerror}") from None


def _mode(path: str) -> int:
    """The permissions of the file, or those a new one would get."""
    try:
        return stat.S_IMODE(os.stat(path).st_mode)
    except OSError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask
