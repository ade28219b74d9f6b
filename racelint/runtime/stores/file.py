"""A store in a folder: a file for each document and each log, whatever process on this machine uses it."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from io import SEEK_END, FileIO
from typing import Any

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

from racelint.runtime.atomic_file import commit, sync_folder
from racelint.runtime.stores.base import Versioned, decoded, tail
from racelint.runtime.stores.document_queue import DocumentQueue
from racelint.runtime.stores.text import decode, digest, encode, first_version


class FileStore(DocumentQueue):
    """Files are named by digests of their keys, so a key is never a path.

    * `….json` is a document: its version and its key on the first line, then its value. It is only ever replaced.
    * `….log` has an entry a line; a line without its end was being written when somebody crashed. `….old` is the part of it
      that was full before, if the log is rotated.
    * `….lock` is locked by who writes; each writer opens it anew, so it keeps out threads as well as processes.
    * `….tmp` is the next document, written under the lock. One that a crash has left is overwritten.

    `durable` waits until what was saved would survive a loss of power. Network file systems are not what this is for.
    """

    def __init__(self, folder: "str | os.PathLike[str]", *, durable: bool = True) -> None:
        if fcntl is None:
            raise RuntimeError("FileStore needs file locks that this system does not have; use SQLiteStore")
        self._folder = os.path.abspath(folder)
        self._durable = durable
        self._locks: set[int] = set()
        os.makedirs(self._folder, exist_ok=True)
        super().__init__()

    def renew(self) -> None:
        """A child shares the open lock files of its parent, and would hold them after the parent has died."""
        super().renew()
        for descriptor in self._locks:
            os.close(descriptor)
        self._locks = set()

    def _path(self, key: str) -> str:
        """Without the ending."""
        return os.path.join(self._folder, digest(key))

    @contextmanager
    def _locked(self, path: str) -> Iterator[None]:
        descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        self._locks.add(descriptor)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            try:
                yield
            finally:  # said aloud, because a forked child may have the file open too
                fcntl.flock(descriptor, fcntl.LOCK_UN)
        finally:
            self._locks.discard(descriptor)
            os.close(descriptor)

    # --- documents

    def load(self, key: str) -> "Versioned | None":
        try:
            with open(f"{self._path(key)}.json", "rb") as file:
                head, body = file.read().split(b"\n", 1)
        except FileNotFoundError:
            return None
        return Versioned(decode(body), decode(head)["version"])

    def save(self, key: str, value: Any, expected: "int | None") -> "int | None":
        body, path = encode(value), self._path(key)
        with self._locked(path):
            if self._version(path) != expected:
                return None
            version = first_version() if expected is None else expected + 1
            self._replace(path, f"{encode({'version': version, 'key': key})}\n{body}".encode())
        return version

    def _version(self, path: str) -> "int | None":
        try:
            with open(f"{path}.json", "rb") as file:
                version: int = decode(file.readline())["version"]
                return version
        except FileNotFoundError:
            return None

    def _replace(self, path: str, content: bytes) -> None:
        with open(f"{path}.tmp", "wb") as file:
            file.write(content)
            file.flush()
            commit(file.fileno(), f"{path}.tmp", f"{path}.json", self._durable)

    def delete(self, key: str) -> None:
        path = self._path(key)
        with self._locked(path):
            for ending in ("json", "log", "old"):
                with suppress(FileNotFoundError):
                    os.unlink(f"{path}.{ending}")
            if self._durable:
                sync_folder(self._folder)

    # --- logs

    def append_texts(self, key: str, texts: Sequence[str], keep: "int | None" = None) -> None:
        path = self._path(key)
        with self._locked(path):
            if keep is not None and self._count(path) >= keep:
                os.replace(f"{path}.log", f"{path}.old")
            is_new = not os.path.exists(f"{path}.log")
            with open(f"{path}.log", "ab+", buffering=0) as file:
                self._extend(file, "".join(f"{text}\n" for text in texts).encode())
            if is_new and self._durable:
                sync_folder(self._folder)

    def _extend(self, file: FileIO, lines: bytes) -> None:
        """Write after the last whole line, all of it or nothing."""
        end = _end_of_lines(file)
        file.truncate(end)
        try:
            while lines:
                lines = lines[file.write(lines) :]
            if self._durable:
                os.fsync(file.fileno())
        except BaseException:  # no space, say
            file.truncate(end)
            raise

    def _count(self, path: str) -> int:
        return len(_lines(f"{path}.log"))

    def entries(self, key: str, last: "int | None" = None) -> list[Any]:
        path = self._path(key)
        with self._locked(path):
            lines = [*_lines(f"{path}.old"), *_lines(f"{path}.log")]
        kept = tail(lines, last)
        return decoded(kept)


def _lines(path: str) -> list[bytes]:
    """The whole lines of a file, if there is one."""
    try:
        with open(path, "rb") as file:
            return file.read().split(b"\n")[:-1]
    except FileNotFoundError:
        return []


def _end_of_lines(file: FileIO) -> int:
    """Where the last whole line of a log ends."""
    size = file.seek(0, SEEK_END)
    while size:
        start = max(size - 65_536, 0)
        file.seek(start)
        found = file.read(size - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        size = start
    return 0
