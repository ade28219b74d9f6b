"""Code under analysis, and what lies beside it, is read and never run; what it says cannot command a terminal."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

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
def test_escape_sequences_of_the_source_reach_no_output(tmp_path: Path, output_format: str) -> None:
    """In names of files, in strings and comments beside the race, in the text of the steps, with the timeline and without."""
    text = ROWS.replace("trap.models", "app").replace(
        "row.add(i, session)", "row.add(i, '\x1b]0;owned\x07\x1b[2J\u202e')"
    )
    text = text.replace("self.total + n", "self.total + n  # \x1b[31m").replace(
        "total = self.total\n", "total = self.total  # \x9b2J\n"
    )
    (tmp_path / "a\x1b[2Jb.py").write_text(text)
    done = racelint(tmp_path, "--no-cache", "--output-format", output_format, ".")
    assert done.returncode == 1
    assert "RL102" in done.stdout
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(done.stdout + done.stderr)


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
