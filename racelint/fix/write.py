"""A file is replaced in one step: whoever opens it sees the old text or the new one, also if the power fails.

Not replaced is a file that has been changed since it was read. Between the last look and the replacement there are still
some microseconds in which an editor could save; no system has a call that would close that gap. A file with several hard
links is taken off the others, as editors do.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from contextlib import suppress

from racelint.source import read_bytes


class Changed(Exception):
    """Somebody has changed the file meanwhile."""


def replace_file(path: str, old: bytes, new: bytes) -> None:
    """Writes `new` where `old` was; a link stays a link, to the replaced file. Mode and, if possible, owner are kept.

    Raises Changed if `old` is no longer there, OSError if it cannot be written; either way the file is as it was.
    """
    target = os.path.realpath(path)
    before = os.stat(target)
    if not os.access(target, os.W_OK):  # the folder may be writable, but whoever made the file read-only meant it
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
    descriptor, temporary = tempfile.mkstemp(prefix=".racelint-", dir=os.path.dirname(target))
    try:
        with open(descriptor, "wb") as file:
            file.write(new)
            file.flush()
            os.fsync(file.fileno())
        _dress(temporary, target, before)
        if _content(target) != old:
            raise Changed
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    _sync_folder(os.path.dirname(target))


def _dress(path: str, target: str, like: os.stat_result) -> None:
    """Owner and mode, in that order, for a new owner resets some of the mode; then what `setfacl` and others have added."""
    if hasattr(os, "chown"):
        with suppress(OSError):  # only root may give files away
            os.chown(path, like.st_uid, like.st_gid)
    os.chmod(path, stat.S_IMODE(like.st_mode))
    if hasattr(os, "listxattr"):
        with suppress(OSError):  # not all file systems have such attributes, and not all may be set by everybody
            for name in os.listxattr(target):
                os.setxattr(path, name, os.getxattr(target, name))


def _content(path: str) -> bytes | None:
    """The bytes of a file, None if it has gone."""
    try:
        return read_bytes(path)
    except FileNotFoundError:
        return None


def _sync_folder(path: str) -> None:
    """So that the replacement, too, outlives a power failure; not all systems can."""
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
