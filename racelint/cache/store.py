"""The file of the cache: one SQLite database, which several processes may use at once and a killed one leaves whole."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import cache
from typing import Generic, TypeVar

from racelint.cache.codec import decode, encode, shape_of
from racelint.cache.folder import prepare
from racelint.discovery import File, display
from racelint.facts import ModuleFacts
from racelint.frozen import dataclass, field
from racelint.source import read_bytes

Report = TypeVar("Report")
Answer = TypeVar("Answer")

NAME = "cache.sqlite3"
LARGEST = 256 * 2**20
"""Bytes; a larger file is emptied."""
KEPT_DAYS = 30
"""What was not used for so long goes."""
SETTLED = 2 * 10**9
"""Nanoseconds that a file must be older than the look at it: one that is written again within one tick of a clock would look the same."""
WAIT = 2.0
"""Seconds to wait for another process that writes; then nothing is kept of this run."""

_TABLES = """
CREATE TABLE IF NOT EXISTS imports (path TEXT PRIMARY KEY, state TEXT NOT NULL, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS graphs (top TEXT PRIMARY KEY, value TEXT NOT NULL, used INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, state TEXT NOT NULL, content BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS facts (key BLOB PRIMARY KEY, value TEXT NOT NULL, used INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS reports (key BLOB PRIMARY KEY, value TEXT NOT NULL, used INTEGER NOT NULL) WITHOUT ROWID;
"""

DAMAGE = (sqlite3.Error, ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError)
"""What a file that is not ours, or not whole, can raise."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of one file."""

    facts: ModuleFacts
    checksum: int
    commented: bool


@dataclass()
class Cache(Generic[Report]):
    """One run's view of the cache. Every method may find the file damaged: then it says so, once, and knows nothing."""

    path: str
    report_kind: type[Report]
    damaged: bool = False
    """The file could not be used and was thrown away."""
    _seen: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    """By path: what the system says of a settled file, and the hash of its content."""
    _fresh: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    """What of it is not in the database yet."""

    # what a run rests on

    def contents(self, files: Sequence[File]) -> dict[str, bytes]:
        """A hash of the content of each file, by path; files that cannot be read are left out. Only changed ones are read."""
        paths = [file.path for file in files if _storable(file.path)]

        def look(database: sqlite3.Connection) -> dict[str, tuple[str, bytes]]:
            known: dict[str, tuple[str, bytes]] = {}
            for part in _parts(paths):
                rows = database.execute(f"SELECT path, state, content FROM files WHERE path IN ({_marks(part)})", part)
                known.update((path, (state, content)) for path, state, content in rows)
            return known

        return self._read(files, self._ask(look, {}))

    def _read(self, files: Sequence[File], known: Mapping[str, tuple[str, bytes]]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        now = time.time_ns()
        for file in files:
            try:
                status = os.stat(file.path)
                state = state_of(status)
                old = known.get(file.path)
                if old is not None and old[0] == state and len(old[1]) == _SIZE:
                    found[file.path], self._seen[file.path] = old[1], old
                    continue
                found[file.path] = hashlib.blake2b(read_bytes(file.path), digest_size=_SIZE).digest()
            except OSError:  # it is reported where it is read
                continue
            if is_settled(status, now) and _storable(file.path):
                self._seen[file.path] = self._fresh[file.path] = state, found[file.path]
        return found

    def changed(self, files: Sequence[File], contents: Mapping[str, bytes]) -> set[str]:
        """The paths whose content is no longer what `contents` found."""
        now = self._read(files, dict(self._seen))
        return {file.path for file in files if now.get(file.path) != contents.get(file.path)}

    def imports(self, paths: Sequence[str]) -> dict[str, tuple[object, object]]:
        """By path: the state in which a file was when its imports were looked for, and what `imports.reader` wrote of them."""

        def look(database: sqlite3.Connection) -> dict[str, tuple[object, object]]:
            known: dict[str, tuple[object, object]] = {}
            for part in _parts([path for path in paths if _storable(path)]):
                rows = database.execute(f"SELECT path, state, value FROM imports WHERE path IN ({_marks(part)})", part)
                known.update((path, (state, value)) for path, state, value in rows)
            return known

        return self._ask(look, {})

    def keep_imports(self, rows: Sequence[tuple[str, str, str]]) -> None:
        """Keeps path, state and value of files."""

        def write(database: sqlite3.Connection) -> None:
            database.execute("BEGIN IMMEDIATE")
            storable = [row for row in rows if _storable(row[0])]
            database.executemany("INSERT OR REPLACE INTO imports VALUES (?, ?, ?)", storable)
            database.execute("COMMIT")

        self._ask(write, None)

    def graph(self, top: str) -> object:
        """What `imports.grapher` wrote of the project in a folder."""

        def look(database: sqlite3.Connection) -> object:
            row = database.execute("SELECT value FROM graphs WHERE top = ?", (top,)).fetchone()
            return None if row is None else json.loads(row[0])

        return self._ask(look, None) if _storable(top) else None

    def keep_graph(self, top: str, value: object) -> None:
        """Keeps it."""

        def write(database: sqlite3.Connection) -> None:
            database.execute("BEGIN IMMEDIATE")
            row = top, _json(value), _today()
            database.execute("INSERT OR REPLACE INTO graphs VALUES (?, ?, ?)", row)
            database.execute("COMMIT")

        if _storable(top):
            self._ask(write, None)

    # what is kept

    def report(self, key: bytes) -> Report | None:
        """The report that is kept for a key."""

        def look(database: sqlite3.Connection) -> Report | None:
            row = database.execute("SELECT value FROM reports WHERE key = ?", (key,)).fetchone()
            return None if row is None else decode(json.loads(row[0]), self.report_kind)

        return self._ask(look, None)

    def facts(self, keys: Mapping[str, bytes]) -> dict[str, Kept]:
        """What is kept of files, by path; `keys` has the key of each, as `facts_key` makes it."""
        paths = {key: path for path, key in keys.items()}

        def look(database: sqlite3.Connection) -> dict[str, Kept]:
            found: dict[str, Kept] = {}
            for part in _parts(list(paths)):
                rows = database.execute(f"SELECT key, value FROM facts WHERE key IN ({_marks(part)})", part)
                found.update((paths[key], decode(json.loads(value), Kept)) for key, value in rows)
            return found

        return self._ask(look, {})

    def facts_below(self, folder: str) -> dict[str, Kept]:
        """What is kept of the files below an absolute folder that are as they were, by path; as they are called from here."""
        top = os.path.join(folder, "")

        def look(database: sqlite3.Connection) -> list[tuple[str, str, bytes]]:
            rows = database.execute(
                "SELECT path, state, content FROM files WHERE path > ? AND path < ?", (top, _behind(top))
            )
            return rows.fetchall()

        keys: dict[str, bytes] = {}
        none: list[tuple[str, str, bytes]] = []
        for path, state, content in self._ask(look, none):
            try:
                if state_of(os.stat(path)) == state:
                    keys[path] = facts_key(File(path, display(path)), content)
            except OSError:  # it is gone
                continue
        return self.facts(keys)

    def keep(self, facts: Mapping[bytes, Kept], used: Iterable[bytes], key: bytes | None, report: Report) -> None:
        """Keeps new facts and, with a key, the report, and notes which old facts were used. Not if another process is writing."""
        today = _today()
        rows = [(one, _json(encode(kept, Kept)), today) for one, kept in facts.items() if _storable(kept.facts.path)]

        def write(database: sqlite3.Connection) -> None:
            database.execute("BEGIN IMMEDIATE")
            database.executemany(
                "INSERT OR REPLACE INTO files VALUES (?, ?, ?)",
                [(path, state, content) for path, (state, content) in self._fresh.items()],
            )
            database.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?, ?)", rows)
            for part in _parts(list(used)):
                marks = ",".join("?" * len(part))
                database.execute(
                    f"UPDATE facts SET used = ? WHERE used < ? AND key IN ({marks})", (today, today, *part)
                )
            if key is not None:
                value = _json(encode(report, self.report_kind))
                database.execute("INSERT OR REPLACE INTO reports VALUES (?, ?, ?)", (key, value, today))
            self._tidy(database, today)
            database.execute("COMMIT")

        self._ask(write, None)

    def _tidy(self, database: sqlite3.Connection, today: int) -> None:
        """Drops what is old; all of it if the file has grown too large."""
        (pages,) = database.execute("PRAGMA page_count").fetchone()
        (size,) = database.execute("PRAGMA page_size").fetchone()
        if pages * size > LARGEST:
            for table in ("graphs", "imports", "files", "facts", "reports"):
                database.execute(f"DELETE FROM {table}")
        for table in ("graphs", "facts", "reports"):
            database.execute(f"DELETE FROM {table} WHERE used < ?", (today - KEPT_DAYS,))
        # of reports only the latest are of use: any change of a file makes a new one
        database.execute("DELETE FROM reports WHERE key NOT IN (SELECT key FROM reports ORDER BY used DESC LIMIT 50)")

    def _ask(self, work: Callable[[sqlite3.Connection], Answer], otherwise: Answer) -> Answer:
        """What `work` finds in the database; `otherwise` if that cannot be had, and a damaged file is thrown away."""
        if self.damaged:
            return otherwise
        try:
            with closing(sqlite3.connect(self.path, timeout=WAIT, isolation_level=None)) as database:
                database.execute("PRAGMA trusted_schema = OFF")
                database.executescript(_TABLES)
                if _schema(database) != _own_schema():  # a view or trigger of somebody else's may never end
                    raise sqlite3.DatabaseError("there is more in it than our tables")
                return work(database)
        except sqlite3.OperationalError as error:
            if not any(word in str(error) for word in ("locked", "readonly", "unable to open", "full")):
                self._throw_away()
        except DAMAGE:
            self._throw_away()
        return otherwise

    def _throw_away(self) -> None:
        self.damaged = True
        try:
            os.unlink(self.path)
        except OSError:  # it is gone, or whoever may not remove it can still do without it
            return


def state_of(status: os.stat_result) -> str:
    """What the system says of a file, which is another one when the file was written."""
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"


def is_settled(status: os.stat_result, now: int) -> bool:
    """Whether a file that is written again would have another state; `now` is in nanoseconds."""
    return max(status.st_mtime_ns, status.st_ctime_ns) < now - SETTLED


def _behind(top: str) -> str:
    """The first text that sorts behind all that begin with `top`."""
    return top[:-1] + chr(ord(top[-1]) + 1)


def _schema(database: sqlite3.Connection) -> list[tuple[str, str, str]]:
    return sorted(database.execute("SELECT type, name, sql FROM sqlite_master"))


@cache
def _own_schema() -> list[tuple[str, str, str]]:
    """The tables of a database that is ours."""
    with closing(sqlite3.connect(":memory:")) as database:
        database.executescript(_TABLES)
        return _schema(database)


def opened(folder: str | os.PathLike[str], report_kind: type[Report]) -> Cache[Report] | None:
    """The cache in a folder; None if there can be none."""
    folder = os.fspath(folder)
    return Cache(os.path.join(folder, NAME), report_kind) if prepare(folder) else None


def existing(folder: str | os.PathLike[str], report_kind: type[Report]) -> Cache[Report] | None:
    """The cache that an earlier run has left in a folder; None if there is none."""
    return opened(folder, report_kind) if os.path.isfile(os.path.join(folder, NAME)) else None


# keys

_SIZE = 16


def facts_key(file: File, content: bytes) -> bytes:
    """The key of a file's facts: its content, what it is called, and who gathers them."""
    return _hash(racelint_itself(), shape_of(Kept), file.shown, content.hex())


def report_key(kind: type, settings: str, contents: Iterable[tuple[str, bytes]]) -> bytes:
    """The key of a report: everything that it rests on."""
    return _hash(
        racelint_itself(), shape_of(kind), settings, *(f"{name}\0{content.hex()}" for name, content in contents)
    )


def _hash(*parts: str) -> bytes:
    found = hashlib.blake2b(digest_size=_SIZE)
    for part in parts:
        data = part.encode("utf-8", "surrogateescape")
        found.update(len(data).to_bytes(8, "big"))
        found.update(data)
    return found.digest()


@cache
def racelint_itself() -> str:
    """What tells this racelint from any other: an older one's facts and findings may differ. Its files are not read."""
    package = os.path.dirname(os.path.dirname(__file__))
    states = [sys.version, sys.prefix]
    for folder, folders, names in os.walk(package):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(names):
            status = os.stat(os.path.join(folder, name))
            states.append(f"{name} {status.st_size} {status.st_mtime_ns}")
    return _hash(*states).hex()


def _today() -> int:
    return int(time.time() // 86400)


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _storable(path: str) -> bool:
    """Whether SQLite can hold a path: it takes no lone surrogates, which stand for bytes that are not UTF-8."""
    return path.isascii() or max(path) < "\udc80" or max(path) > "\udfff"


def _parts(values: Sequence[str] | Sequence[bytes]) -> Iterator[list[str] | list[bytes]]:
    """Lists that are short enough to be the parameters of one statement."""
    for start in range(0, len(values), 500):
        yield list(values[start : start + 500])  # type: ignore[misc]


def _marks(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))
