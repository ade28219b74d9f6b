"""A path or standard input becomes a `Source`: decoded text with what is needed to write it back.

What cannot become one becomes a `Problem` that says what to do. Reading never waits: a FIFO, a device or a socket is
told by its kind and left alone.
"""

from __future__ import annotations

import codecs
import errno
import os
import re
import stat
import zlib

from racelint.finding import Problem
from racelint.frozen import dataclass

VENDORED = "# Vendored from racelint"
"""How a file begins that is a copy of ours, and no business of its owner's."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file, decoded.

    `path` is as it is shown to the user. `text` has its line ends as they are in the file (no translation) and no BOM.
    """

    path: str
    text: str
    encoding: str = "utf-8"
    bom: bool = False

    @property
    def lines(self) -> list[str]:
        r"""The lines with their ends, split where Python's tokenizer splits: at `\n`, `\r\n` and `\r` alone."""
        return split_lines(self.text)


def checksum(source: Source) -> int:
    """What tells whether a text is still the same."""
    return zlib.crc32(source.text.encode("utf-8", "surrogatepass"))


def split_lines(text: str) -> list[str]:
    r"""Split at `\n`, `\r\n` and `\r` only; `str.splitlines` would also split at form feeds and U+2028."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = [line + "\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    return lines


def shown(path: str) -> str:
    r"""A path that can be printed anywhere: bytes that are not UTF-8 as `\xe9`, controls as `\n` or `\x1b`."""
    if path.isascii() and path.isprintable():
        return path
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def read_source(path: str, name: str | None = None, *, named: bool = False) -> Source | Problem:
    """One file; `name` is the path that is shown, `named` whether the user gave it on the command line."""
    name = shown(path) if name is None else name
    try:
        data = read_bytes(path)
    except OSError as error:
        return Problem(name, 1, unreadable(error), named=named)
    return decode(data, name)


def read_bytes(path: str) -> bytes:
    """The bytes of a regular file.

    Raises OSError, at once, for anything else: opening a FIFO would wait for a writer, reading a terminal for a key.
    """
    _check_kind(os.stat(path).st_mode)
    # What was looked at may have been replaced before it is opened, so the opened file is looked at again.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    with open(os.open(path, flags), "rb") as file:
        _check_kind(os.fstat(file.fileno()).st_mode)
        return file.read()


_KINDS = (
    (stat.S_ISDIR, "it is a directory"),
    (stat.S_ISFIFO, "it is a pipe (FIFO); to lint what a program writes, pipe it to `racelint -`"),
    (stat.S_ISSOCK, "it is a socket"),
    (stat.S_ISCHR, "it is a device; to lint standard input, use `racelint -`"),
    (stat.S_ISBLK, "it is a device"),
)


def _check_kind(mode: int) -> None:
    if not stat.S_ISREG(mode):
        kinds = [text for is_kind, text in _KINDS if is_kind(mode)]
        raise OSError(errno.EINVAL, (kinds or ["it is no regular file"])[0])


def unreadable(error: OSError) -> str:
    """Why a path cannot be read, and what to do."""
    match error.errno:
        case errno.ENOENT:
            reason = "there is no such file (or it is a link to one that is gone); check the path"
        case errno.EACCES | errno.EPERM:
            reason = "permission denied; make it readable, or exclude it"
        case errno.ELOOP:
            reason = "its links lead round in a circle; remove the link, or exclude it"
        case errno.ENOTDIR:
            reason = "a part of the path is a file, not a directory; check the path"
        case errno.EINVAL:
            reason = error.strerror or str(error)
        case _:
            reason = f"{error.strerror or error}; check the path, or exclude it"
    return f"cannot read: {reason}"


def decode(data: bytes, name: str) -> Source | Problem:
    """The text of a file by its BOM or coding comment (PEP 263), UTF-8 without them."""
    bom = data.startswith(codecs.BOM_UTF8)
    if not bom and data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return Problem(name, 1, "cannot decode: the file is UTF-16, which Python does not read; save it as UTF-8")
    body = data[len(codecs.BOM_UTF8) :] if bom else data
    cookie = _cookie(body)
    encoding = cookie[0] if cookie else "utf-8"
    line = cookie[1] if cookie else 1
    try:
        text_encoding = codecs.lookup(encoding)
        if bom and text_encoding.name != "utf-8":
            message = f"it begins with a UTF-8 byte order mark but says `{encoding}`; write `utf-8`, or nothing"
            return Problem(name, line, f"cannot decode: {message}")
        text = body.decode(encoding)
    except LookupError:
        message = f"`{encoding}` is no encoding that Python knows; correct the coding comment, or save as UTF-8"
        return Problem(name, line, f"cannot decode: {message}")
    except UnicodeDecodeError as error:
        return _undecodable(error, name, cookie[0] if cookie else None)
    except Exception as error:  # some codecs, such as `undefined`, raise what they like
        message = f"the encoding `{encoding}` fails ({error}); correct the coding comment, or save as UTF-8"
        return Problem(name, line, f"cannot decode: {message}")
    if "\0" in text:
        line, column = _place(text[: text.index("\0")])
        message = "cannot parse: NUL byte; this is no Python source, or a damaged file: restore it, or exclude it"
        return Problem(name, line, message, column)
    return Source(name, text, text_encoding.name, bom)


_COOKIE = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_BLANK = re.compile(rb"^[ \t\f]*(?:#[^\r\n]*)?$")


def _cookie(data: bytes) -> tuple[str, int] | None:
    """The encoding that a comment in the first two lines gives, and its line.

    As `tokenize.detect_encoding`, which is not imported here: it would add half to the time of a short run.
    """
    if b"coding" not in data[:1000]:
        return None
    for number, line in enumerate(re.split(rb"\r\n|\r|\n", data[:1000])[:2], 1):
        if found := _COOKIE.match(line):
            return found[1].decode("ascii", "replace"), number
        if not _BLANK.match(line):
            break
    return None


def _undecodable(error: UnicodeDecodeError, name: str, said: str | None) -> Problem:
    line, column = _place(error.object[: error.start].decode("latin-1"))
    byte = f"byte 0x{error.object[error.start]:02x} on this line is not {said or 'UTF-8'}"
    advice = "correct the coding comment" if said else "name the encoding, as in `# -*- coding: latin-1 -*-`"
    return Problem(name, line, f"cannot decode: {byte}; {advice}, or save as UTF-8", column)


def _place(before: str) -> tuple[int, int]:
    """Line and column right behind `before`."""
    lines = split_lines(before)
    return len(lines), len(lines[-1]) + 1
