"""Which files are looked at: walking, excludes, what git ignores, and names that lead to the same file."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from racelint.config import Config
from racelint.discovery import discover, file_matches, matcher


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make(tree: Path, *names: str) -> None:
    for name in names:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text("x = 1\n")


def found(*paths: str, config: Config | None = None) -> list[str]:
    files, problems = discover(paths or ["."], config or Config())
    assert not problems
    return [file.shown for file in files]


def test_python_files_are_found_and_others_are_not(tree: Path) -> None:
    """`.py` and `.pyw`, at any depth, in a stable order."""
    make(tree, "b.py", "a.py", "sub/deep/er/c.py", "gui.pyw", "stub.pyi", "notes.txt", "script", "py", ".hidden.py")
    assert found() == [".hidden.py", "a.py", "b.py", "gui.pyw", "sub/deep/er/c.py"]


def test_a_named_file_is_always_taken(tree: Path) -> None:
    """Whatever its name, and though it is excluded or ignored."""
    make(tree, "script", "build/x.py", "ignored.py")
    (tree / ".gitignore").write_text("ignored.py\n")
    assert found("script", "build/x.py", "ignored.py") == ["build/x.py", "ignored.py", "script"]


def test_paths_are_shown_relative_to_the_current_folder(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """However they were written; what lies outside is absolute."""
    make(tree, "sub/a.py")
    outside = tmp_path_factory.mktemp("outside")
    make(outside, "b.py")
    assert found("./sub/../sub//a.py") == ["sub/a.py"]
    assert found(str(tree)) == ["sub/a.py"]
    assert found(str(outside)) == [f"{outside}/b.py"]


def test_what_is_named_twice_is_looked_at_once(tree: Path) -> None:
    """Under its own name, whether it is reached by a folder, by itself or by a link."""
    make(tree, "sub/a.py")
    (tree / "a_link.py").symlink_to("sub/a.py")
    (tree / "folder").symlink_to("sub")
    assert found("sub", ".", "sub/a.py", "./sub", "folder", "a_link.py") == ["sub/a.py"]
    assert found("folder") == ["folder/a.py"]
    assert found("a_link.py") == ["a_link.py"]


def test_links_to_folders_are_followed_only_if_named(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A walk stays below the folder that was named."""
    outside = tmp_path_factory.mktemp("outside")
    make(outside, "b.py")
    (tree / "link").symlink_to(outside)
    assert found() == []
    assert found("link") == ["link/b.py"]


def test_the_usual_folders_are_left_out(tree: Path) -> None:
    """Environments, caches and build results, at any depth, but not if they are named."""
    make(tree, "a.py", ".venv/b.py", "x/node_modules/c.py", "build/d.py", "x/__pypackages__/e.py", "venv/f.py")
    assert found() == ["a.py"]
    assert found("build") == ["build/d.py"]
    assert found(config=Config(exclude=("a.py",))) == [
        ".venv/b.py", "build/d.py", "venv/f.py", "x/__pypackages__/e.py", "x/node_modules/c.py",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        ("generated", ["a.py", "src/b_pb2.py", "src/c.py"]),
        ("*_pb2.py", ["a.py", "src/c.py", "src/generated/d.py"]),
        ("src/generated", ["a.py", "src/b_pb2.py", "src/c.py"]),
        ("src/generated/", ["a.py", "src/b_pb2.py", "src/c.py"]),
        ("src/*", ["a.py"]),
        ("src/*.py", ["a.py"]),  # `*` matches a slash, as in ruff
        ("**/generated", ["a.py", "src/b_pb2.py", "src/c.py"]),
        ("src/**/d.py", ["a.py", "src/b_pb2.py", "src/c.py"]),
        ("src/[bc]*", ["a.py", "src/generated/d.py"]),
        ("src/?.py", ["a.py", "src/b_pb2.py", "src/generated/d.py"]),
        ("./src", ["a.py"]),
        ("generat", ["a.py", "src/b_pb2.py", "src/c.py", "src/generated/d.py"]),
        ("other/src", ["a.py", "src/b_pb2.py", "src/c.py", "src/generated/d.py"]),
    ],
)
def test_patterns_exclude_by_name_or_by_path(tree: Path, pattern: str, left: list[str]) -> None:
    """A pattern without a slash is a name at any depth, one with a slash a path below the configuration."""
    make(tree, "a.py", "src/b_pb2.py", "src/c.py", "src/generated/d.py")
    assert found(config=Config(extend_exclude=(pattern,))) == left


def test_force_exclude_holds_for_named_paths(tree: Path) -> None:
    """As pre-commit needs it: the folders a file is in count, those above the project do not."""
    make(tree, "dist/app/a.py", "dist/app/build/b.py", "dist/app/build/deep/c.py")
    config = Config(force_exclude=True, root=str(tree / "dist" / "app"))
    named = ["dist/app/a.py", "dist/app/build/b.py", "dist/app/build/deep/c.py"]
    assert found(*named, config=config) == ["dist/app/a.py"]
    assert found("dist/app/build", config=config) == []
    assert found("dist/app", config=config) == ["dist/app/a.py"]


def test_special_characters_of_the_root_are_no_pattern(tree: Path) -> None:
    """A project may lie in `work[1]`."""
    root = tree / "work[1]"
    make(root, "gen/a.py", "b.py")
    (root / "racelint.toml").write_text('exclude = ["gen/*"]\n')
    from racelint.config_files import config_from

    assert found("work[1]", config=config_from(root / "racelint.toml", ())) == ["work[1]/b.py"]


def test_a_matcher_knows_name_path_and_absolute_path() -> None:
    """And a class of characters that contains a bracket or is negated."""
    assert matcher(["/p/src/*.py"], "/p")("/p/src/a.py")
    assert matcher(["[!a]*.py"], "/p")("/p/b.py")
    assert not matcher(["[!a]*.py"], "/p")("/p/a.py")
    assert matcher(["a[z-a]"], "/p")("/p/a[z-a]")
    assert matcher(["[a[&&b^]"], "/p")("/p/^")
    assert matcher(["x[]]"], "/p")("/p/x]")
    assert not matcher(["a.py"], "/p")("/p/axpy")
    assert not matcher([], "/p")("/p/a.py")


@pytest.mark.parametrize(
    ("pattern", "covers"),
    [
        ("tests", True),
        ("tests/", True),
        ("tests/*", True),
        ("test_*.py", True),
        ("**/test_a.py", True),
        ("tests/deep/test_a.py", True),
        ("deep", True),
        ("src/*", False),
        ("p", False),
        ("!src/*", True),
        ("!tests/*", False),
    ],
)
def test_per_file_patterns_cover_what_is_below_them(pattern: str, covers: bool) -> None:
    """A folder covers its files; `!` covers all but."""
    assert file_matches(pattern, "/p/tests/deep/test_a.py", "/p") is covers


# What git ignores


def git(tree: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=tree, check=True, capture_output=True)


def test_what_git_ignores_is_left_out(tree: Path) -> None:
    """The files of all folders count, inner ones first; the answer is git's own."""
    git(tree, "init", "-q")
    make(
        tree, "a.py", "gen/b.py", "src/c_gen.py", "src/keep_gen.py", "src/sub/d_gen.py", "src/sub/only/e.py",
        "src/only/f.py", "local.py", "src/deep/er/g.py", "src/deep/h.py", "crlf.py",
    )  # fmt: skip
    (tree / ".gitignore").write_text("# generated\n/gen/\n*_gen.py\n!keep_gen.py\n\nsrc/deep/*\n!src/deep/h.py\n")
    (tree / "src" / "sub" / ".gitignore").write_bytes(b"!d_gen.py\r\n/only\r\n")
    (tree / ".git" / "info" / "exclude").write_text("local.py\n")
    listed = subprocess.run(
        ["git", "-c", "core.excludesFile=", "ls-files", "--others", "--exclude-standard"],
        cwd=tree,
        capture_output=True,
        text=True,
        check=True,
    )
    expected = sorted(name for name in listed.stdout.split() if name.endswith(".py"))
    assert expected == [
        "a.py", "crlf.py", "src/deep/h.py", "src/keep_gen.py", "src/only/f.py", "src/sub/d_gen.py",
    ]  # fmt: skip
    assert found() == expected
    assert found("src") == [name for name in expected if name.startswith("src/")]
    assert len(found(config=Config(respect_gitignore=False))) == 11


def test_a_named_folder_is_walked_though_git_ignores_it(tree: Path) -> None:
    """Who names it wants it; what its own file says still counts."""
    git(tree, "init", "-q")
    make(tree, "gen/sub/b.py", "gen/sub/c.py", "a.py")
    (tree / ".gitignore").write_text("gen/\n")
    (tree / "gen" / "sub" / ".gitignore").write_text("c.py\n")
    assert found() == ["a.py"]
    assert found("gen") == found("gen/sub") == ["gen/sub/b.py"]


def test_outside_of_a_repository_what_lies_below_counts(tree: Path) -> None:
    """As in an unpacked archive; a file in a folder above is none of its business."""
    make(tree, "sub/a.py", "sub/b.py")
    (tree / ".gitignore").write_text("a.py\n")
    (tree / "sub" / ".gitignore").write_text("b.py\n")
    assert found("sub") == ["sub/a.py"]
    assert found() == []


def test_a_folder_that_is_reached_by_a_link_obeys_its_own_repository(tree: Path) -> None:
    """The link may lie anywhere."""
    make(tree, "repo/sub/a.py", "repo/sub/b.py")
    git(tree / "repo", "init", "-q")
    (tree / "repo" / ".gitignore").write_text("/sub/b.py\n")
    (tree / "link").symlink_to("repo/sub")
    assert found("link") == ["link/a.py"]


def test_a_broken_ignore_file_does_no_harm(tree: Path) -> None:
    """Lines that git does not understand are left out; bytes that are not UTF-8 are names."""
    make(tree, "a.py", "b.py")
    (tree / ".gitignore").write_bytes(b"!\n\xff\nb.py\n//\n")
    assert found() == ["a.py"]
    (tree / ".gitignore").unlink()
    (tree / ".gitignore").mkdir()
    assert found() == ["a.py", "b.py"]
