"""`atomic_write`: the old content or the new, whatever happens."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from racelint.runtime import atomic_write


def test_text_and_bytes(tmp_path: Path) -> None:
    """As `open` would write them."""
    path = tmp_path / "file"
    with atomic_write(path) as file:
        file.write("naïve\n")
    assert path.read_bytes() == "naïve\n".encode()
    with atomic_write(str(path), "wb", durable=False) as file:
        file.write(b"\x00\xff")
    assert path.read_bytes() == b"\x00\xff"
    with atomic_write(path, encoding="latin-1", newline="\r\n") as file:
        file.write("é\n")
    assert path.read_bytes() == b"\xe9\r\n"
    with pytest.raises(ValueError, match="'a'"):
        atomic_write(path, "a")  # type: ignore[call-overload]
    assert os.listdir(tmp_path) == ["file"]


def test_an_error_leaves_the_old_file(tmp_path: Path) -> None:
    """And nothing beside it; also if the block closes the file, or there was none before."""
    path = tmp_path / "file"

    def fail(closes: bool) -> None:
        with atomic_write(path) as file:
            file.write("half")
            if closes:
                file.close()
            else:
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail(closes=False)
    assert os.listdir(tmp_path) == []
    path.write_text("old")
    with pytest.raises(ZeroDivisionError):
        fail(closes=False)
    with pytest.raises(ValueError, match="closed"):
        fail(closes=True)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.skipif(os.name == "nt", reason="no such permissions")
def test_permissions_are_kept(tmp_path: Path) -> None:
    """Those of the old file; a new one has what `open` gives."""
    path, plain = tmp_path / "file", tmp_path / "plain"
    plain.touch()
    with atomic_write(path) as file:
        file.write("1")
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)
    path.chmod(0o640)
    with atomic_write(path) as file:
        file.write("2")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_symbolic_link_stays_one(tmp_path: Path) -> None:
    """What it points to is replaced."""
    (tmp_path / "folder").mkdir()
    path, link = tmp_path / "folder" / "file", tmp_path / "link"
    path.write_text("old")
    link.symlink_to(path)
    with atomic_write(link) as file:
        file.write("new")
    assert link.is_symlink()
    assert path.read_text() == "new"
    assert os.listdir(tmp_path / "folder") == ["file"]


CRASHES = """
import sys
from racelint.runtime import atomic_write
with atomic_write(sys.argv[1]) as file:
    file.write("half")
    file.flush()
    print("writing", flush=True)
    sys.stdin.read()
"""


def test_leftovers_of_a_crash_are_removed_and_others_are_not(tmp_path: Path) -> None:
    """The next write to the same path does it; files that somebody is still writing stay."""
    path = tmp_path / "file"
    path.write_text("old")
    writers = [
        subprocess.Popen([sys.executable, "-c", CRASHES, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"writing\n"
    writers[0].send_signal(signal.SIGKILL)
    writers[0].communicate()
    assert path.read_text() == "old"
    assert len(os.listdir(tmp_path)) == 3
    (tmp_path / ".file.tmp").touch()
    with atomic_write(path) as file:
        file.write("new")
    assert len(os.listdir(tmp_path)) == 3
    writers[1].communicate()
    assert path.read_text() == "half"
    assert sorted(os.listdir(tmp_path)) == [".file.tmp", "file"]


def test_readers_never_see_a_part(tmp_path: Path) -> None:
    """Two threads write and a reader looks all the time."""
    path = tmp_path / "file"
    path.write_text("0" * 10_000)
    done = threading.Event()

    def write(letter: str) -> None:
        for _ in range(50):
            with atomic_write(path, durable=False) as file:
                file.write(letter * 10_000)

    seen: set[str] = set()

    def read() -> None:
        while not done.is_set():
            text = path.read_text()
            assert len(text) == 10_000
            seen.add("".join(set(text)))

    reader = threading.Thread(target=read)
    writers = [threading.Thread(target=write, args=(letter,)) for letter in "ab"]
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    reader.join()
    assert seen <= {"0", "a", "b"}
    assert os.listdir(tmp_path) == ["file"]
