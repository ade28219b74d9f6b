"""benchmarks/accuracy.py: what it counts, on a small package and a small repository that are made up here."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

PROGRAM = Path(__file__).parent.parent / "benchmarks" / "accuracy.py"

POOLED = """

def prepare_often(cache: PageCache, path: str) -> None:
    with Pool() as pool:
        for _ in range(4):
            pool.apply_async(cache.prepare, (path,))
"""
RACY = """import os
from multiprocessing import Pool

class PageCache:
    def prepare(self, path: str) -> None:
        if not os.path.isdir(path):
            os.mkdir(path)
"""
RACY += POOLED
FIXED = """import os
from multiprocessing import Pool

class PageCache:
    def prepare(self, path: str) -> None:
        os.makedirs(path, exist_ok=True)
"""
FIXED += POOLED


def load() -> ModuleType:
    """The program as a module; it belongs to no package."""
    spec = importlib.util.spec_from_file_location("accuracy", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["accuracy"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


accuracy = load()
PREPARE = accuracy.Found("shop/pages.py", "PageCache.prepare", "RL701", "path")


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """A folder with one package in it, as an unpacked wheel."""
    folder = tmp_path / "packages"
    (folder / "shop" / "shop").mkdir(parents=True)
    (folder / "shop" / "shop" / "pages.py").write_text(RACY)
    (folder / "shop" / "shop-1.2.dist-info").mkdir()
    (folder / "shop" / "shop-1.2.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: shop\nVersion: 1.2\n"
    )
    return folder


def commit(repository: Path, text: str) -> str:
    """Commits the file with this text; the commit's name."""
    (repository / "pages.py").write_text(text)
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    for arguments in (["add", "."], [*who, "commit", "-qm", "change"]):
        subprocess.run(["git", "-C", str(repository), *arguments], check=True)
    done = subprocess.run(
        ["git", "-C", str(repository), "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def mirror(tmp_path: Path) -> tuple[Path, dict[str, object]]:
    """A folder with one repository in it, and the entry of the race that its second commit fixed."""
    repository = tmp_path / "mirror" / "shop+shop" / "repo"
    repository.mkdir(parents=True)
    subprocess.run(["git", "init", "-q", str(repository)], check=True)
    parent, fix = commit(repository, RACY), commit(repository, FIXED)
    entry = {
        "id": "shop-1",
        "repo": "shop/shop",
        "parent": parent,
        "fix": fix,
        "path": "pages.py",
        "symbol": "PageCache.prepare",
        "lines": [6, 7],
        "world": "processes",
        "pattern": "file-toctou",
        "scope": "function",
    }
    return tmp_path / "mirror", entry


def test_a_package_is_linted(packages: Path) -> None:
    """Its version comes from its metadata, its findings lose their lines."""
    assert accuracy.run_package(packages / "shop") == accuracy.Package("shop", "1.2", 13, (PREPARE,))


def test_a_race_is_flagged_and_its_fix_is_silent(mirror: tuple[Path, dict[str, object]]) -> None:
    """The racy version has a finding at its lines, the fixed one has none."""
    folder, entry = mirror
    assert accuracy.run_races([entry], folder) == [
        accuracy.Race("shop-1", "file-toctou", "function", "processes", hit=True, still=False)
    ]


def test_a_fix_that_changes_nothing_is_still_flagged(mirror: tuple[Path, dict[str, object]]) -> None:
    """The same code in the same function after the fix."""
    folder, entry = mirror
    [race] = accuracy.run_races([{**entry, "fix": entry["parent"]}], folder)
    assert race.still


def test_a_finding_elsewhere_is_no_hit(mirror: tuple[Path, dict[str, object]]) -> None:
    """More than three lines away."""
    folder, entry = mirror
    [race] = accuracy.run_races([{**entry, "lines": [20, 22]}], folder)
    assert not race.hit


def test_repositories_that_are_not_there_are_left_out(tmp_path: Path) -> None:
    """No repository, no race."""
    assert accuracy.run_races([{"repo": "no/where"}], tmp_path) == []


def test_a_recorded_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Packages without findings, findings and races come back."""
    packages = {
        "empty": accuracy.Package("empty", "1", 10, ()),
        "shop": accuracy.Package("shop", "1.2", 13, (PREPARE, PREPARE)),
    }
    races = [accuracy.Race("shop-1", "file-toctou", "function", "processes", True, False)]
    accuracy.write_recorded(tmp_path / "run.jsonl", packages, races)
    assert accuracy.read_recorded(tmp_path / "run.jsonl") == (packages, races)
    assert accuracy.read_recorded(tmp_path / "none.jsonl") == ({}, [])


def test_changes_are_a_diff() -> None:
    """What is gone and what is new, each as often as it is; other versions are not compared."""
    other = accuracy.Found("shop/pages.py", "PageCache.put", "RL702", "path")
    old = {
        "shop": accuracy.Package("shop", "1.2", 13, (PREPARE, PREPARE)),
        "till": accuracy.Package("till", "1", 1, ()),
    }
    now = [
        accuracy.Package("shop", "1.2", 13, (PREPARE, other)),
        accuracy.Package("till", "2", 1, (other,)),
        accuracy.Package("new", "1", 1, ()),
    ]
    assert list(accuracy.changes(old, now)) == [
        "- shop shop/pages.py PageCache.prepare RL701 path",
        "+ shop shop/pages.py PageCache.put RL702 path",
        "  till: version 2, recorded 1: not compared",
        "  new 1: not recorded yet",
    ]
    assert list(accuracy.changes(old, [old["shop"]])) == []


def test_verdicts_meet_findings_by_function_and_code(tmp_path: Path) -> None:
    """Whatever the line; the last verdict counts; the rest is unread."""
    said = {"package": "shop", "path": "shop/pages.py", "symbol": "PageCache.prepare", "code": "RL701"}
    lines = [{**said, "line": 3, "verdict": "wrong"}, {**said, "line": 99, "verdict": "right"}]
    (tmp_path / "shop.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    verdicts = accuracy.read_verdicts(tmp_path)
    other = accuracy.Found("shop/pages.py", "PageCache.put", "RL702", "path")
    package = accuracy.Package("shop", "1.2", 13, (PREPARE, other))
    assert accuracy.per_rule([package], verdicts) == {"RL701": {"right": 1}, "RL702": {"unread": 1}}
    assert accuracy.unread([package], verdicts) == [("shop", other)]


def test_figures_stand_between_the_marks() -> None:
    """The prose around them stays, and a second time nothing changes."""
    races = [
        accuracy.Race("a", "file-toctou", "function", "processes", True, True),
        accuracy.Race("b", "file-toctou", "project", "processes", False, False),
    ]
    package = accuracy.Package("shop", "1.2", 20_000, (PREPARE,))
    gone = accuracy.Verdict("shop", ("shop/pages.py", "PageCache.put", "RL701"), "wrong")
    low = accuracy.Verdict("shop", ("shop/pages.py", "PageCache.get", "RL701"), "right", "low")
    new = accuracy.figures([package, accuracy.Package("till", "1", 1_500, ())], [gone, low], races)
    assert "| all 2 | 1 | 50 % |" in new
    assert "| visible within one module, 1 | 1 | 100 % |" in new
    assert "| file-toctou | 1 | 2 | 1 |" in new
    assert "| RL701 | 0 | 0 | 0 | 1 | - | 0 % of 1 | 0.47 |" in new
    assert "| shop | 1.2 | 20,000 | 1 | 0.50 |" in new
    assert "Nothing is found in 1 more packages of 1,500 lines." in new
    page = f"above\n{accuracy.BEGIN}\nold\n{accuracy.END}\nbelow\n"
    once = accuracy.replace_figures(page, new)
    assert once.startswith("above\n")
    assert once.endswith("\nbelow\n")
    assert "old" not in once
    assert accuracy.replace_figures(once, new) == once
    with pytest.raises(ValueError, match="the page needs the lines"):
        accuracy.replace_figures("no marks", new)


def test_the_page_shows_the_recorded_run() -> None:
    """docs/accuracy.md has what the program makes of benchmarks/recorded.jsonl; verdicts that came later need no new page."""
    packages, races = accuracy.read_recorded(accuracy.RECORDED)
    found = [packages[name] for name in sorted(packages)]
    tables = [*(accuracy.race_tables(races) if races else ()), *accuracy.package_tables(found, [])]
    page = accuracy.DOCS.read_text(encoding="utf-8")
    rows = [row for table in tables for row in table.splitlines() if row and not row.startswith(("| RL", "| all |"))]
    assert [row for row in rows if row not in page] == []
