"""Replace a file in one step: readers see the old content or the new, never a part (RL103 and RL701 on files)."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Any, BinaryIO, TextIO, overload
from uuid import uuid4

try:
    import fcntl
except ImportError:  # Windows: leftovers of crashes stay
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import Literal


@overload
def atomic_write(
    path: "str | os.PathLike[str]",
    mode: "Literal['w']" = "w",
    *,
    encoding: str = "utf-8",
    newline: "str | None" = None,
    durable: bool = True,
) -> "AbstractContextManager[TextIO]": ...
@overload
def atomic_write(
    path: "str | os.PathLike[str]", mode: "Literal['wb']", *, durable: bool = True
) -> "AbstractContextManager[BinaryIO]": ...
def atomic_write(
    path: "str | os.PathLike[str]",
    mode: str = "w",
    *,
    encoding: "str | None" = None,
    newline: "str | None" = None,
    durable: bool = True,
) -> "AbstractContextManager[Any]":
    """A file to write to, which takes the place of the one at `path` when the block ends without an exception.

    `durable` waits until it would survive a loss of power. Permissions are kept, and a symbolic link stays one. What an
    earlier process that crashed has left beside the file is removed.
    """
    if mode not in ("w", "wb"):
        raise ValueError(f"the mode of atomic_write is 'w' or 'wb', not {mode!r}")
    text = {"encoding": encoding or "utf-8", "newline": newline} if mode == "w" else {}
    return _replacement(os.path.realpath(path), mode, text, durable)


@contextmanager
def _replacement(target: str, mode: str, text: "dict[str, Any]", durable: bool) -> "Iterator[IO[Any]]":
    _remove_leftovers(target)
    descriptor, temporary = _new_temporary(target)
    try:
        with open(descriptor, mode, **text) as file:
            yield file
            file.flush()
            _copy_mode(target, file.fileno(), temporary)
            commit(file.fileno(), temporary, target, durable)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def commit(descriptor: int, temporary: str, target: str, durable: bool) -> None:
    """Put a written file in the place of another: content first, then the name, then the folder that says so."""
    if durable:
        os.fsync(descriptor)
    os.replace(temporary, target)
    if durable:
        sync_folder(os.path.dirname(target))


def sync_folder(folder: str) -> None:
    """Wait until the names in a folder would survive a loss of power."""
    if os.name == "nt":  # folders cannot be opened there
        return
    descriptor = os.open(folder or ".", os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _new_temporary(target: str) -> tuple[int, str]:
    """A new file beside the target, locked by this process for as long as it is open."""
    folder, name = os.path.split(target)
    while True:
        temporary = os.path.join(folder, f".{name[:100]}.{uuid4().hex}.tmp")
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        if _is_locked_now(descriptor, temporary):
            return descriptor, temporary
        os.close(descriptor)


def _is_locked_now(descriptor: int, temporary: str) -> bool:
    """Lock a new file; False if somebody has taken it for a leftover before that."""
    if fcntl is None:
        return True
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return os.path.exists(temporary)


def _remove_leftovers(target: str) -> None:
    """Remove temporary files of this target that no process holds open: the lock of a process ends with it."""
    if fcntl is None:
        return
    folder, name = os.path.split(target)
    start = f".{name[:100]}."
    for found in os.listdir(folder or "."):
        if found.startswith(start) and found.endswith(".tmp") and len(found) == len(start) + 36:
            _remove_if_left(os.path.join(folder, found))


def _remove_if_left(temporary: str) -> None:
    with suppress(OSError):  # in use, or gone, or not ours
        descriptor = os.open(temporary, os.O_RDWR)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(temporary)
        finally:
            os.close(descriptor)


def _copy_mode(target: str, descriptor: int, temporary: str) -> None:
    """Give the new file the permissions, and if we may the owner, of the old one."""
    try:
        old = os.stat(target)
    except FileNotFoundError:
        return
    if hasattr(os, "fchown"):
        with suppress(PermissionError):
            os.fchown(descriptor, old.st_uid, old.st_gid)
    os.chmod(temporary, old.st_mode & 0o7777)
