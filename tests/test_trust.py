"""Code under analysis, and what lies beside it, is read and never run; what it says cannot command a terminal."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from racelint import cli
from racelint.config import OUTPUT_FORMATS

TRAP = "import pathlib\npathlib.Path(__file__).with_name('SPRUNG').write_text('ran')\nraise SystemExit(99)\n"
"""What must not run."""

ROWS = """\
import asyncio
from sqlalchemy.orm import Session
from trap.models import Base
from libcst import parse_module


class Row(Base):
    def __init__(self):
        self.total = 0

    async def add(self, n, session: Session):
        total = self.total
        await asyncio.sleep(0)
        self.total = total + n
        session.commit()


async def main(row, session):
    await asyncio.gather(*(row.add(i, session) for i in range(9)))
"""


def racelint(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, as somebody runs it in a repository that is not theirs, whose folder is on the path."""
    code = f"import sys; sys.path.append({str(folder)!r}); from racelint.__main__ import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


Run = Callable[..., tuple[int, str, str]]
"""Runs the command in this process, in a folder: status, standard output, standard error."""


@pytest.fixture
def run_in(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Much faster than a process, for what hangs nowhere; the cache is where users have it."""
    monkeypatch.delenv("RACELINT_CACHE_DIR")

    def ran(folder: Path, *arguments: str) -> tuple[int, str, str]:
        monkeypatch.chdir(folder)
        status = cli.run(arguments)
        return (status, *capsys.readouterr())

    return ran


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository whose every module, configuration of Python included, is a trap."""
    for name in ("trap/__init__.py", "trap/models.py", "conftest.py", "setup.py", "sitecustomize.py", "celery.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(TRAP)
    (tmp_path / "trap" / "models.pth").write_text("import trap\n")
    (tmp_path / "rows.py").write_text(ROWS)
    return tmp_path


def test_neither_the_code_nor_what_it_imports_is_run(folder: Path) -> None:
    """Not even the package of a base class whose source is looked at to see whether its objects are rows."""
    for arguments in (("rows.py",), (".",), ("--diff", "--unsafe-fixes", "."), ("repro", "rows.py:13")):
        done = racelint(
            folder, *arguments, *(() if arguments[0] == "repro" else ("--no-cache", "--min-confidence", "low"))
        )
        assert "Traceback" not in done.stderr
        assert done.returncode in (0, 1), done.stderr
    assert not list(folder.rglob("SPRUNG"))


def test_modules_of_the_current_folder_are_not_imported(tmp_path: Path) -> None:
    """`python -m racelint` in a folder whose files are named like modules that racelint uses."""
    for name in ("json", "ast", "click", "re", "tomllib", "libcst", "sqlglot", "difflib"):
        (tmp_path / f"{name}.py").write_text(TRAP)
    (tmp_path / "rows.py").write_text(ROWS)
    command = [sys.executable, "-m", "racelint", "--isolated", "--no-cache", "--diff", "--unsafe-fixes", "."]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode in (0, 1), done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.rglob("SPRUNG"))


def test_astroid_reads_a_package_without_importing_it(folder: Path) -> None:
    """Asked for its bases by name, as the analysis does."""
    code = (
        f"import sys; sys.path.append({str(folder)!r})\n"
        "from racelint.resolve import outside_bases\n"
        "print(sorted(outside_bases('trap.models.Base')), 'trap' in sys.modules)"
    )
    (folder / "trap" / "models.py").write_text(f"class Root: ...\nclass Base(Root): ...\n{TRAP}")
    done = subprocess.run([sys.executable, "-c", code], cwd="/", capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split()[-1] == "False"
    assert "trap.models.Root" in done.stdout
    assert not list(folder.rglob("SPRUNG"))


@pytest.mark.parametrize("output_format", sorted(OUTPUT_FORMATS))
def test_escape_sequences_of_the_source_reach_no_output(run_in: Run, tmp_path: Path, output_format: str) -> None:
    """In names of files, in strings and comments beside the race, in the text of the steps, with the timeline and without."""
    text = ROWS.replace("trap.models", "app").replace(
        "row.add(i, session)", "row.add(i, '\x1b]0;owned\x07\x1b[2J\u202e')"
    )
    text = text.replace("self.total + n", "self.total + n  # \x1b[31m").replace(
        "total = self.total\n", "total = self.total  # \x9b2J\n"
    )
    (tmp_path / "a\x1b[2Jb.py").write_text(text)
    status, out, err = run_in(tmp_path, "--no-cache", "--output-format", output_format, ".")
    assert status == 1
    assert "RL102" in out
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(out + err)


@pytest.mark.parametrize(
    "settings", ["models = ['models.py']", "models = ['/etc/passwd']", "models = ['../../../etc/passwd']"]
)
def test_a_table_of_models_is_data(folder: Path, settings: str) -> None:
    """What is no TOML is refused without showing what stands in it, and without running it."""
    (folder / "models.py").write_text(TRAP)
    (folder / "racelint.toml").write_text(settings + "\n")
    done = racelint(folder, "rows.py")
    assert done.returncode == 2
    assert "root:" not in done.stdout + done.stderr
    assert not list(folder.rglob("SPRUNG"))


OBEYED = {"\x1b", "\x07", "\x9b", "\u202e"}
KEYED = """\
import asyncio


class Counter:
    def __init__(self):
        self.total = {}

    async def add(self, n):
        total = self.total["\x1b]0;owned\x07\u202e"]
        await asyncio.sleep(0)
        self.total["\x1b]0;owned\x07\u202e"] = total + n


async def main(counter):
    await asyncio.gather(*(counter.add(i) for i in range(9)))
"""
"""A race on an entry whose name is a command to a terminal."""


@pytest.mark.parametrize(
    "arguments",
    [("check", "--statistics", "."), ("explain", "keyed.py:11"), ("repro", "keyed.py:11"), ("report", "-o", "-", ".")],
)
def test_escape_sequences_reach_no_command(run_in: Run, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Whatever is asked about the race."""
    (tmp_path / "keyed.py").write_text(KEYED)
    status, out, err = run_in(tmp_path, *arguments)
    assert status in (0, 1), err
    assert "RL102" in out
    assert not OBEYED & set(out + err)


def test_escape_sequences_do_not_reach_flake8(tmp_path: Path) -> None:
    """It prints messages as they are."""
    (tmp_path / "keyed.py").write_text(KEYED)
    command = [sys.executable, "-m", "flake8", "--isolated", "--select", "RL", "keyed.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert "RL102" in done.stdout
    assert not OBEYED & set(done.stdout + done.stderr)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("racelint.toml", '"ex\\u001b[2Jclude" = []'),
        ("racelint.toml", 'select = ["\\u001b[2J"]'),
        ("racelint.toml", 'output-format = "\\u001b[2J"'),
        ("racelint.toml", 'models = ["\\u001b[2J.toml"]'),
        ("racelint.toml", 'baseline = "\\u001b[2J.json"'),
        ("pyproject.toml", '[tool.racelint]\n"\\u001b[2J" = 1'),
    ],
)
def test_escape_sequences_of_settings_reach_no_error(run_in: Run, tmp_path: Path, name: str, text: str) -> None:
    """TOML can write any character."""
    (tmp_path / name).write_text(text)
    (tmp_path / "a.py").write_text("x = 1\n")
    status, out, err = run_in(tmp_path, "--no-cache", ".")
    assert status == 2
    assert "[2J" in err
    assert not OBEYED & set(out + err)


def test_a_diff_on_a_terminal_commands_nothing(tmp_path: Path) -> None:
    """In a pipe it is what git applies, byte for byte; on a terminal it is read by people."""
    pty = pytest.importorskip("pty")
    (tmp_path / "keyed.py").write_text(KEYED)
    piped = racelint(tmp_path, "--no-cache", "--diff", "--unsafe-fixes", ".")
    assert "\x1b]0;owned" in piped.stdout
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "racelint", "--no-cache", "--diff", "--unsafe-fixes", "."]
    subprocess.run(command, cwd=tmp_path, stdout=slave, stderr=subprocess.PIPE, timeout=60, check=False)
    os.close(slave)
    shown = os.read(master, 100_000).decode()
    os.close(master)
    assert "+            self.total" in shown
    assert "\\x1b]0;owned" in shown
    assert not OBEYED & set(shown)


def test_a_name_ends_no_docstring_of_a_written_test(run_in: Run, tmp_path: Path) -> None:
    """What `repro` writes is run later: nothing in the code under analysis may become code of the test."""
    key = '\'""" + print(1) + """\''
    (tmp_path / "keyed.py").write_text(KEYED.replace('"\x1b]0;owned\x07\u202e"', key))
    status, out, _ = run_in(tmp_path, "repro", "keyed.py:11")
    assert status == 0
    compile(out, "test", "exec")
    assert "''' + print(1) + '''" in out
    assert '""" + print' not in out


# What a repository brings must not lead out of it


@pytest.mark.parametrize("key", ["baseline = {}", "models = [{}]"])
@pytest.mark.parametrize("way", ["above", "absolute", "link"])
def test_settings_lead_to_nothing_outside(run_in: Run, tmp_path: Path, key: str, way: str) -> None:
    """Neither up, nor by an absolute path, nor by a link: what is there is neither read nor written."""
    project = tmp_path / "project"
    project.mkdir()
    secret = tmp_path / "secret.toml"
    secret.write_text("password = 'hunter2'\n")
    (project / "link").symlink_to(secret)
    name = {"above": "../secret.toml", "absolute": str(secret), "link": "link"}[way]
    (project / "racelint.toml").write_text(key.format(json.dumps(name)) + "\n")
    (project / "rows.py").write_text(ROWS)
    for arguments in ((), ("--update-baseline",)) if key.startswith("baseline") else ((),):
        status, _, err = run_in(project, "--no-cache", *arguments, ".")
        assert status == 2
        assert "leads out of the project" in err
        assert "password" not in err
        assert secret.read_text() == "password = 'hunter2'\n"


def test_settings_may_lead_to_the_rest_of_the_repository(run_in: Run, tmp_path: Path) -> None:
    """One baseline for several packages is no trick; and what the user names on the command line is the user's affair."""
    (tmp_path / "all" / ".git").mkdir(parents=True)
    package = tmp_path / "all" / "one"
    package.mkdir()
    (package / "racelint.toml").write_text('baseline = "../known.json"\n')
    (package / "rows.py").write_text(ROWS)
    assert run_in(package, "--no-cache", "--update-baseline", ".")[0] == 0
    assert run_in(package, "--no-cache", ".")[0] == 0
    assert run_in(package, "--no-cache", "--baseline", "../../mine.json", "--update-baseline", ".")[0] == 0
    assert (tmp_path / "mine.json").exists()


@pytest.mark.parametrize("name", ["cache.sqlite3", ".gitignore", "CACHEDIR.TAG", "cache.sqlite3-journal"])
def test_a_link_in_the_cache_is_not_followed(run_in: Run, tmp_path: Path, name: str) -> None:
    """A repository may bring the folder; what its files lead to is neither made nor changed nor removed."""
    project = tmp_path / "project"
    cache = project / ".racelint_cache"
    cache.mkdir(parents=True)
    (project / "rows.py").write_text(ROWS)
    for there in (True, False):
        mine = tmp_path / f"mine{there}"
        if there:
            mine.write_text("mine\n" * 1_000)
        (cache / name).unlink(missing_ok=True)
        (cache / name).symlink_to(mine)
        assert "RL102" in run_in(project, ".")[1]
        assert (mine.read_text() == "mine\n" * 1_000) if there else not mine.exists()


@pytest.mark.parametrize(
    "harm",
    [
        "CREATE VIEW reports AS WITH RECURSIVE n(x) AS (VALUES(1) UNION ALL SELECT x FROM n) SELECT x AS key, x AS value FROM n",
        "CREATE TABLE mine (x); CREATE VIEW facts AS WITH RECURSIVE n(x) AS (VALUES(1) UNION ALL SELECT x FROM n) SELECT x FROM n",
        (
            "CREATE TABLE files (path TEXT PRIMARY KEY, state TEXT NOT NULL, content BLOB NOT NULL) WITHOUT ROWID;"
            "CREATE TRIGGER t AFTER INSERT ON files BEGIN INSERT INTO files WITH RECURSIVE n(x) AS "
            "(VALUES(1) UNION ALL SELECT x + 1 FROM n) SELECT x, x, x FROM n; END"
        ),
    ],
    ids=["view", "other view", "trigger"],
)
def test_a_database_that_never_ends_is_thrown_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: str) -> None:
    """A cache that somebody else has made is read as far as it has our tables and nothing else."""
    monkeypatch.delenv("RACELINT_CACHE_DIR")
    (tmp_path / ".racelint_cache").mkdir()
    (tmp_path / "rows.py").write_text(ROWS)
    database = sqlite3.connect(tmp_path / ".racelint_cache" / "cache.sqlite3")
    database.executescript(harm)
    database.close()
    done = racelint(tmp_path, ".")
    assert "RL102" in done.stdout
    assert "was damaged; it is made anew" in done.stderr
    assert "damaged" not in racelint(tmp_path, ".").stderr


def test_no_repair_goes_through_a_link_that_leads_out(run_in: Run, tmp_path: Path) -> None:
    """What is found behind it is told; who wants it repaired names it."""
    project = tmp_path / "project"
    project.mkdir()
    mine = tmp_path / "mine.py"
    mine.write_text(ROWS)
    (project / "link.py").symlink_to(mine)
    for option in ("--fix", "--add-ignore"):
        _, _, err = run_in(project, "--no-cache", option, "--unsafe-fixes", ".")
        assert option != "--fix" or "link to a file outside" in err
        assert mine.read_text() == ROWS
    run_in(project, "--no-cache", "--fix", "--unsafe-fixes", "link.py")
    assert mine.read_text() != ROWS


# What must not keep us busy for ever


@pytest.mark.parametrize("name", ["racelint.toml", ".gitignore"])
def test_no_pattern_of_a_repository_takes_long(tmp_path: Path, name: str) -> None:
    """Forty stars cost no more than one."""
    pattern = "*" + "a*" * 40 + "b"
    (tmp_path / name).write_text(
        pattern if name == ".gitignore" else f'exclude = ["{pattern}"]\nper-file-ignores = {{"{pattern}" = ["RL1"]}}'
    )
    (tmp_path / ("a" * 200 + ".py")).write_text(ROWS)
    assert "RL102" in racelint(tmp_path, "--no-cache", ".").stdout


def test_a_baseline_that_is_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """Nor one of which each entry counts a million times."""
    (tmp_path / "racelint.toml").write_text("baseline = 'known.json'\n")
    (tmp_path / "rows.py").write_text(ROWS)
    os.mkfifo(tmp_path / "known.json")
    done = racelint(tmp_path, "--no-cache", ".")
    assert done.returncode == 2
    assert "it is a pipe" in done.stderr
    (tmp_path / "known.json").unlink()
    entry = {"path": "a", "code": "RL102", "symbol": "", "resource": "", "statements": [], "confidence": "high"}
    (tmp_path / "known.json").write_text(json.dumps({"version": 1, "findings": [{**entry, "count": 10**12}]}))
    done = racelint(tmp_path, "--no-cache", ".")
    assert done.returncode == 2
    assert "finding 1 is not as racelint writes them" in done.stderr


def test_a_pipe_beside_a_named_file_is_not_waited_for(tmp_path: Path) -> None:
    """The project of a named file is looked through for what imports it."""
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "rows.py").write_text(ROWS)
    os.mkfifo(tmp_path / "pipe.py")
    assert "RL102" in racelint(tmp_path, "--no-cache", "rows.py").stdout


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("racelint.toml", "jobs = " + "1" * 5_000),
        ("racelint.toml", "select = " + "[" * 5_000),
        ("pyproject.toml", "[tool.racelint]\nx = " + "1" * 5_000),
        ("known.json", '{"version": ' + "1" * 5_000 + "}"),
        ("known.json", "[" * 100_000),
    ],
)
def test_numbers_of_thousands_of_digits_are_an_error_like_others(
    run_in: Run, tmp_path: Path, name: str, text: str
) -> None:
    """Python refuses to read them, and says so in another way than of the rest."""
    (tmp_path / "racelint.toml").write_text("baseline = 'known.json'\n")
    (tmp_path / name).write_text(text)
    (tmp_path / "a.py").write_text("x = 1\n")
    if name == "pyproject.toml":
        (tmp_path / "racelint.toml").unlink()
    status, _, err = run_in(tmp_path, "--no-cache", ".")
    assert status == 2
    assert "Traceback" not in err
    assert name in err
