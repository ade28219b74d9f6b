"""A repaired file takes the place of the old one whole, whatever happens meanwhile, and keeps what belongs to it."""

from __future__ import annotations

import errno
import os
import resource
import signal
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from racelint.fix import Changed, replace_file

OLD, NEW = b"x = 1\n" * 1_000, b"y = 2\n" * 2_000
STEPS = ("fsync", "chown", "chmod", "listxattr", "open", "close", "stat", "replace")
"""Calls of the system that a replacement is made of."""

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")


def in_child(work: Callable[[], object]) -> int:
    """Runs it in a copy of this process; the number of the signal that ended it, 0 if none did, 1000 if it raised."""
    child = os.fork()
    if child == 0:
        status = 99
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return 1000 if status == 99 else -status


def killed_at(step: int, path: Path) -> Callable[[], object]:
    """A replacement that is killed before its step of that number, as if the power failed."""

    def work() -> None:
        seen = 0

        def counted(call: Callable[..., object]) -> Callable[..., object]:
            def counting(*arguments: object, **named: object) -> object:
                nonlocal seen
                if seen == step:
                    os.kill(os.getpid(), signal.SIGKILL)
                seen += 1
                return call(*arguments, **named)

            return counting

        for name in STEPS:
            setattr(os, name, counted(getattr(os, name)))
        replace_file(str(path), OLD, NEW)

    return work


def test_whenever_it_is_killed_the_file_is_the_old_one_or_the_new_one(tmp_path: Path) -> None:
    """Before each step of the replacement in turn; it keeps its mode, and the next run can be made."""
    path = tmp_path / "a.py"
    outcomes = []
    for step in range(100):
        path.write_bytes(OLD)
        path.chmod(0o640)
        ended = in_child(killed_at(step, path))
        assert path.read_bytes() in (OLD, NEW)
        assert path.stat().st_mode & 0o777 == 0o640
        outcomes.append(path.read_bytes() == NEW)
        if ended == 0:
            break
        assert ended == signal.SIGKILL
    assert len(outcomes) > 6
    assert outcomes == sorted(outcomes)  # old up to one step, new from there on
    path.write_bytes(OLD)
    replace_file(str(path), OLD, NEW)
    assert path.read_bytes() == NEW


def test_a_limit_of_size_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    """The new text does not fit: nothing of it stays."""
    path = tmp_path / "a.py"
    path.write_bytes(OLD)

    def work() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(NEW) // 2, len(NEW) // 2))
        replace_file(str(path), OLD, NEW)

    assert in_child(work) == 1000
    assert path.read_bytes() == OLD
    assert os.listdir(tmp_path) == ["a.py"]


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    """A real one, of 64 KB, where this user may mount it."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", tmp_path], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no file system can be mounted")
    try:
        path = tmp_path / "a.py"
        path.write_bytes(OLD)
        (tmp_path / "rest").write_bytes(b"x" * 50_000)
        with pytest.raises(OSError, match="No space left") as raised:
            replace_file(str(path), OLD, NEW)
        assert raised.value.errno == errno.ENOSPC
        assert path.read_bytes() == OLD
        assert sorted(os.listdir(tmp_path)) == ["a.py", "rest"]
    finally:
        subprocess.run(["umount", tmp_path], check=True)


ACL = struct.pack("<I", 2) + b"".join(
    struct.pack("<HHI", *entry)
    for entry in ((1, 6, 2**32 - 1), (2, 4, 1234), (4, 4, 2**32 - 1), (16, 4, 2**32 - 1), (32, 0, 2**32 - 1))
)
"""What `setfacl -m u:1234:r` makes of mode 0640."""


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="no extended attributes")
@pytest.mark.parametrize(("name", "value"), [("system.posix_acl_access", ACL), ("user.note", b"mine")])
def test_who_may_read_it_stays(tmp_path: Path, name: str, value: bytes) -> None:
    """Access control lists and other attributes go over to the new file."""
    path = tmp_path / "a.py"
    path.write_bytes(OLD)
    path.chmod(0o640)
    try:
        os.setxattr(path, name, value)
    except OSError as error:
        pytest.skip(f"not on this file system: {error}")
    before = path.stat()
    replace_file(str(path), OLD, NEW)
    assert path.read_bytes() == NEW
    assert os.getxattr(path, name) == value
    assert path.stat().st_mode == before.st_mode


def test_another_name_of_the_file_keeps_the_old_text(tmp_path: Path) -> None:
    """A hard link is taken off, as editors do it; nothing is written into what may be somebody's copy."""
    path = tmp_path / "a.py"
    path.write_bytes(OLD)
    (tmp_path / "b.py").hardlink_to(path)
    replace_file(str(path), OLD, NEW)
    assert (path.read_bytes(), (tmp_path / "b.py").read_bytes()) == (NEW, OLD)


def test_what_is_no_longer_the_same_is_left_alone(tmp_path: Path) -> None:
    """Also one that was replaced by a link, a folder or nothing."""
    path = tmp_path / "a.py"
    for make in (lambda: path.write_bytes(NEW), lambda: path.symlink_to("/dev/null"), path.mkdir, lambda: None):
        make()
        with pytest.raises((Changed, OSError)):
            replace_file(str(path), OLD, NEW)
        assert [name for name in os.listdir(tmp_path) if name != "a.py"] == []
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink(missing_ok=True)


RACE = """\
import asyncio


class Counter:
    def __init__(self):
        self.total = 0

    async def add(self, n):
        self.total += await asyncio.sleep(0, n)


async def main(counter):
    await asyncio.gather(*(counter.add(i) for i in range(9)))
"""


def test_two_runs_at_once_repair_each_file_once(tmp_path: Path) -> None:
    """Each file is as one run alone would leave it, and nothing else is left."""
    alone, both = tmp_path / "alone", tmp_path / "both"
    for folder in (alone, both):
        folder.mkdir()
        for number in range(12):
            (folder / f"m{number}.py").write_text(f"# {number}\n" + RACE)
    command = [sys.executable, "-m", "racelint", "--isolated", "--no-cache", "--fix", "--unsafe-fixes", "-q", "."]
    subprocess.run(command, cwd=alone, check=False, capture_output=True, timeout=120)
    running = [subprocess.Popen(command, cwd=both, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    for one in running:
        _, errors = one.communicate(timeout=120)
        assert b"Traceback" not in errors
        assert one.returncode in (0, 1)
    texts = {path.name: path.read_text() for path in both.iterdir()}
    assert texts == {path.name: path.read_text() for path in alone.iterdir()}
    assert all("await" in text and text != f"# {name}\n" + RACE for name, text in texts.items())
