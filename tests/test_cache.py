"""What earlier runs found is used again, and only while it is still true."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from racelint.analyse import collect
from racelint.cache import FOLDER, Kept, grapher, imports, opened, reader, store
from racelint.cache.codec import decode, encode, shape_of
from racelint.config import Config
from racelint.context import context
from racelint.discovery import File
from racelint.facts import ModuleFacts
from racelint.run import Report
from racelint.source import Source

FIXTURES = Path(__file__).parent / "fixtures"

COUNTER = """
import asyncio


class Counter:
    def __init__(self) -> None:
        self.total = 0

    async def add(self) -> None:
        before = self.total
        await asyncio.sleep(0)
        self.total = before + 1


async def main(counter: Counter) -> None:
    await asyncio.gather(*(counter.add() for _ in range(3)))
"""
READ = "        before = self.total\n"
WAIT = "        await asyncio.sleep(0)\n"
REPAIRED = COUNTER.replace(READ + WAIT, WAIT + READ)
LONG_AGO = time.time() - 3600


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one race, written long ago, and the cache in its usual place."""
    monkeypatch.delenv("RACELINT_CACHE_DIR")
    write(tmp_path / "counter.py", COUNTER)
    write(tmp_path / "quiet.py", "def double(n: int) -> int:\n    return 2 * n\n")
    return tmp_path


def write(path: Path, text: str, when: float = LONG_AGO) -> None:
    """Writes a file and says that it was done at a time."""
    path.write_text(text, encoding="utf-8")
    os.utime(path, (when, when))


def racelint(project: Path, *arguments: str) -> tuple[int, str, str]:
    """Exit status, output and errors of a run in the project."""
    done = subprocess.run(command(*arguments), cwd=project, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout, done.stderr


def command(*arguments: str) -> list[str]:
    """The command in this environment's Python, with short output."""
    return [sys.executable, "-m", "racelint", "check", "--output-format", "concise", *arguments]


def entries(project: Path, table: str) -> int:
    """How much a table of the cache holds."""
    with closing(sqlite3.connect(project / FOLDER / "cache.sqlite3")) as database:
        (count,) = database.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(count)


def tamper(project: Path, *statements: tuple[str, tuple[object, ...]]) -> None:
    """Changes the database behind racelint's back."""
    with closing(sqlite3.connect(project / FOLDER / "cache.sqlite3")) as database:
        for statement, values in statements:
            database.execute(statement, values)
        database.commit()


def test_an_unchanged_tree_is_answered_from_what_is_kept(project: Path) -> None:
    """The report that is kept is the one that is shown."""
    status, first, _ = racelint(project)
    assert status == 1
    assert "RL102 `self.total`" in first
    tamper(project, ("UPDATE reports SET value = replace(value, '`self.total`', '`what.is.kept`')", ()))
    assert racelint(project)[1] == first.replace("`self.total`", "`what.is.kept`") != first


def test_a_changed_file_is_looked_at_again(project: Path) -> None:
    """With another content, and back with the old one."""
    assert racelint(project)[0] == 1
    write(project / "counter.py", REPAIRED)
    assert racelint(project)[0] == 0
    write(project / "counter.py", COUNTER)
    assert racelint(project)[0] == 1


@pytest.mark.parametrize(("age", "known"), [(1, 0), (3, 1)], ids=["just-written", "settled"])
def test_what_has_just_been_written_is_not_known_by_its_times(
    project: Path, age: int, known: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file may be written twice within one tick of the clock: then nothing that the system says of it differs."""
    file = File(str(project / "quiet.py"), "quiet.py")
    now = os.stat(file.path).st_ctime_ns + age * 10**9
    monkeypatch.setattr("racelint.cache.store.time.time_ns", lambda: now)
    cache = opened(project / FOLDER, Report)
    assert cache is not None
    assert cache.contents([file]).keys() == {file.path}
    cache.keep({}, [], None, Report((), (), 0, 0.0))
    assert entries(project, "files") == known


def test_settings_and_other_files_count(project: Path) -> None:
    """The report of other settings, or of another set of files, is not this one's."""
    assert racelint(project)[0] == 1
    assert racelint(project, "--ignore", "RL102")[0] == 0
    assert racelint(project, "quiet.py")[0] == 0
    assert racelint(project)[0] == 1
    assert entries(project, "reports") == 3
    assert entries(project, "facts") == 2


def test_a_named_file_is_judged_with_what_its_neighbours_say_now(project: Path) -> None:
    """The starter in another module decides: when it goes, the report that rested on it is not used."""
    write(project / "pyproject.toml", "")
    write(project / "counter.py", COUNTER.partition("async def main")[0])
    starter = "import asyncio\nfrom counter import Counter\n\n\nasync def main(counter: Counter) -> None:\n    {}\n"
    write(project / "starter.py", starter.format("await asyncio.gather(*(counter.add() for _ in range(3)))"))
    assert racelint(project, "counter.py")[0] == 1
    write(project / "starter.py", starter.format("await asyncio.sleep(0)"))
    assert racelint(project, "counter.py")[0] == 0


def test_imports_of_unchanged_files_are_not_looked_for_again(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To find the neighbours of a named file only those are read that have changed."""
    write(project / "starter.py", "from counter import Counter\n\ncounter = Counter()\n")
    files = [File(str(path), path.name) for path in sorted(project.glob("*.py"))]
    monkeypatch.setattr(store, "SETTLED", 0)
    cache = opened(project / FOLDER, Report)
    assert cache is not None
    first = list(reader(cache)(files))
    assert {file.shown: found.origins for file, found in first} == {
        "counter.py": ("asyncio",),
        "quiet.py": (),
        "starter.py": ("counter.Counter",),
    }
    read: list[str] = []

    def watched(path: str) -> bytes:
        read.append(Path(path).name)
        return Path(path).read_bytes()

    monkeypatch.setattr(imports, "read_bytes", watched)
    assert list(reader(cache)(files)) == first
    write(project / "starter.py", "import quiet\n", LONG_AGO + 1)
    tamper(project, ("UPDATE imports SET value = x'07' WHERE path LIKE '%quiet.py'", ()))
    again = dict(reader(cache)(files))
    assert again[files[2]].origins == ("quiet",)
    assert sorted(read) == ["quiet.py", "starter.py"]


GRAPH = {
    "pyproject.toml": "",
    "src/shop/__init__.py": "from .orders import place\n",
    "src/shop/orders.py": "from shop import stock\nfrom ..shop.stock import Shelf\nimport json\n",
    "src/shop/stock.py": "class Shelf: ...\n",
    "src/shop/views/__init__.py": "",
    "src/shop/views/page.py": "from .. import orders\nfrom . import parts\nfrom shop.nowhere import nothing\n",
    "src/shop/views/parts.py": "import shop.stock as s\n",
    "src/settings.py": "ATOMIC_REQUESTS = True\n",
    "scripts/load.py": "from shop.orders import place\n",
    "orphan.py": "",
}
EDITS: list[dict[str, str | None]] = [
    {},
    {"src/shop/stock.py": "from shop.views import page\n"},
    {"src/shop/nowhere.py": "from shop import views\n"},
    {"src/shop/nowhere.py": None, "src/shop/nowhere/__init__.py": "import settings\n"},
    {"scripts/shop.py": "import orphan\n"},
    {"src/settings.py": "DEBUG = True\n"},
    {"src/shop/views/parts.py": None, "src/shop/views/pieces.py": "import shop.stock as s\n"},
    {"src/shop/stock.pyw": "import orphan\n"},
    {"src/shop/views/__init__.py": None},
]


@pytest.mark.parametrize("few", [0, 50])
def test_neighbours_are_those_that_are_found_anew(few: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was remembered, and whichever files have changed, come or gone since."""
    monkeypatch.setattr(imports, "FEW", few)
    monkeypatch.chdir(tmp_path)
    for name, text in GRAPH.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        write(tmp_path / name, text)
    cache = opened(tmp_path / FOLDER, Report)
    assert cache is not None
    asked = 0
    for number, edit in enumerate(EDITS):
        for name, new in edit.items():
            if new is None:
                (tmp_path / name).unlink()
                continue
            (tmp_path / name).parent.mkdir(exist_ok=True)
            write(tmp_path / name, new, LONG_AGO + number)
        for path in sorted(tmp_path.rglob("*.py")):
            named = [File(str(path), str(path.relative_to(tmp_path)), named=True)]
            monkeypatch.setattr(store, "SETTLED", 0 if asked % 3 else 10**18)
            known = context(named, Config(), read=reader(cache), graph=grapher(cache))
            assert known == context(named, Config())
            asked += bool(known)
    assert asked > 50


@pytest.mark.parametrize(
    "value", ["7", "[]", "[[]]", "{", "null", '["", [[1, 2, 3, 4, 5]]]', '["", [["", "", "", [9], true]]]']
)
def test_a_damaged_graph_is_found_anew(project: Path, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As any other entry."""
    monkeypatch.setattr(imports, "FEW", 0)
    write(project / "starter.py", "from counter import Counter\n\ncounter = Counter()\n")
    (project / "pyproject.toml").touch()
    monkeypatch.chdir(project)
    cache = opened(project / FOLDER, Report)
    assert cache is not None
    named = [File(str(project / "counter.py"), "counter.py", named=True)]
    first = context(named, Config(), read=reader(cache), graph=grapher(cache))
    assert [file.shown for file in first] == ["starter.py"]
    value = value.replace('["",', f'["{store.racelint_itself()}",')
    tamper(project, ("UPDATE graphs SET value = ?", (value,)))
    assert context(named, Config(), read=reader(cache), graph=grapher(cache)) == first


@pytest.mark.parametrize(
    "damage", [b"", b"no database", b"SQLite format 3\0 but no more"], ids=["empty", "text", "cut"]
)
def test_a_damaged_file_is_made_anew(project: Path, damage: bytes) -> None:
    """Whatever is in the file: the run says what it would say without it."""
    first = racelint(project)
    (project / FOLDER / "cache.sqlite3").write_bytes(damage)
    assert racelint(project)[:2] == first[:2]
    assert racelint(project)[:2] == first[:2]
    assert entries(project, "reports") == 1


@pytest.mark.parametrize("value", ["[]", "{", '{"a": 1}', "[[[]]]", "null", "[" * 50_000], ids=lambda text: text[:8])
def test_wrong_entries_are_thrown_away(project: Path, value: str) -> None:
    """JSON of another shape, or none at all, is no report and no facts; it is said once, and the next run has a cache again."""
    first = racelint(project)
    tamper(project, ("UPDATE reports SET value = ?", (value,)), ("UPDATE facts SET value = ?", (value,)))
    again = racelint(project)
    assert again[:2] == first[:2]
    assert "damaged" in again[2]
    assert racelint(project)[:2] == first[:2]
    third = racelint(project)
    assert third[:2] == first[:2]
    assert "damaged" not in third[2]


def test_a_link_is_not_followed(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """In a repository of somebody else it may lead anywhere: nothing is written there."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (project / FOLDER).symlink_to(elsewhere)
    status, _, errors = racelint(project, "--verbose")
    assert status == 1
    assert "cannot be used as a cache" in errors
    assert list(elsewhere.iterdir()) == []


def test_nothing_is_kept_if_it_is_not_wanted(project: Path) -> None:
    """Neither with --no-cache nor of standard input."""
    assert racelint(project, "--no-cache")[0] == 1
    done = subprocess.run(
        command("-"), cwd=project, input=COUNTER, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 1
    assert not (project / FOLDER).exists()


def test_fixing_works_on_what_the_files_hold(project: Path) -> None:
    """A kept report says nothing of the text: it is read anew, repaired, and looked at again."""
    text = COUNTER.replace(
        READ + WAIT + "        self.total = before + 1", "        self.total += await asyncio.sleep(0, 1)"
    )
    assert text != COUNTER
    write(project / "counter.py", text)
    assert racelint(project)[0] == 1
    assert racelint(project)[0] == 1
    status, output, _ = racelint(project, "--fix")
    assert status == 0, output
    assert racelint(project)[0] == 0


def test_runs_at_once_do_not_spoil_it(project: Path) -> None:
    """Each of them says the same, and so does the next."""
    status, output, _ = racelint(project, "--no-cache")
    running = [subprocess.Popen(command(), cwd=project, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [(one.communicate(timeout=120)[0], one.returncode) for one in running] == [(output, status)] * 3
    assert racelint(project)[:2] == (status, output)


def test_a_killed_run_does_not_spoil_it(project: Path) -> None:
    """Wherever it is killed, the next one says the same as without a cache."""
    expected = racelint(project, "--no-cache")[:2]
    for number in range(5):
        write(project / "quiet.py", f"n = {number}\n")
        running = subprocess.Popen(command(), cwd=project, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 0.2 * number
        while time.monotonic() < deadline and running.poll() is None:
            time.sleep(0.01)
        running.send_signal(signal.SIGKILL)
        running.wait()
    again = racelint(project)
    assert again[:2] == expected
    assert "damaged" not in again[2]


def test_clean_removes_it(project: Path) -> None:
    """And nothing that is no cache of ours."""
    assert racelint(project)[0] == 1
    clean = [sys.executable, "-m", "racelint", "clean"]
    assert subprocess.run(clean, cwd=project, capture_output=True, timeout=60, check=False).returncode == 0
    assert not (project / FOLDER).exists()
    (project / FOLDER).mkdir()
    write(project / FOLDER / "mine.txt", "mine")
    refused = subprocess.run(clean, cwd=project, capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode == 2
    assert "no cache of racelint" in refused.stderr
    assert (project / FOLDER / "mine.txt").exists()


def test_others_leave_the_folder_alone(project: Path) -> None:
    """Git and backups know it by what is in it."""
    racelint(project)
    assert (project / FOLDER / ".gitignore").read_text(encoding="utf-8") == "*\n"
    assert (project / FOLDER / "CACHEDIR.TAG").read_bytes().startswith(b"Signature: 8a477f597d28d172789f06886806bc55\n")


def test_facts_come_back_as_they_were() -> None:
    """Written as JSON and read again they are equal, for every fixture."""
    paths = sorted(FIXTURES.glob("*/*/*.py"))
    assert len(paths) > 300
    for path in paths:
        kept = Kept(collect(Source(path.name, path.read_text(encoding="utf-8"))), 7, True)
        assert decode(json.loads(json.dumps(encode(kept, Kept))), Kept) == kept


def test_the_shape_names_every_field() -> None:
    """A version with another field cannot read what this one has kept."""
    shape = shape_of(ModuleFacts)
    assert "CallSite(" in shape
    assert all(name in shape for name in ("local_names", "awaited", "within"))
