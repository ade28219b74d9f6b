"""What would change, as a unified diff that `git apply` and `patch -p1` take."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator


def unified_diff(path: str, old: bytes, new: bytes) -> bytes:
    """The diff of one file; `path` is relative to where it is to be applied.

    It is bytes because the lines are those of the file, in its encoding and with its line ends.
    """
    name = os.fsencode(path).replace(os.fsencode(os.sep), b"/").lstrip(b"/")
    return b"".join(
        _ended(line)
        for line in difflib.diff_bytes(
            difflib.unified_diff, _lines(old), _lines(new), _name(b"a/" + name), _name(b"b/" + name)
        )
    )


def _lines(data: bytes) -> list[bytes]:
    r"""Split at `\n` only, as git does."""
    return re.findall(rb"[^\n]*\n|[^\n]+", data)


def _ended(line: bytes) -> bytes:
    return line if line.endswith(b"\n") else line + b"\n\\ No newline at end of file\n"


def _name(name: bytes) -> bytes:
    """A path as git writes it: quoted if it must be; a blank in it is told by a tab behind it."""
    if re.search(rb'[\x00-\x1f\x7f"\\]', name) or not _is_utf8(name):
        return b'"' + b"".join(_quoted(name)) + b'"'
    return name + b"\t" if b" " in name else name


def _quoted(name: bytes) -> Iterator[bytes]:
    for byte in name:
        character = bytes((byte,))
        if character in b'"\\':
            yield b"\\" + character
        else:
            yield character if 0x20 <= byte < 0x7F else b"\\%03o" % byte


def _is_utf8(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True
