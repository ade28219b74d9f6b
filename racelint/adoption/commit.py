"""The sources of a commit, read from git's own store: nothing is checked out, and nothing is written."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Collection, Iterator, Mapping, Sequence

from racelint.config import Config
from racelint.discovery import SUFFIXES, Excluded, File, display
from racelint.finding import Problem
from racelint.frozen import dataclass
from racelint.source import Source, decode

REGULAR = (b"100644", b"100755")
"""Modes of files; links and submodules are left out."""


class CommitError(Exception):
    """Why a commit cannot be read, and what to do."""


@dataclass(frozen=True, slots=True)
class Commit:
    """The files of a commit that a run with these paths would have looked at."""

    files: tuple[File, ...]
    project: tuple[File, ...]
    """These, and all others if some of these were named."""
    given: Mapping[str, Source]
    """The texts of all, by path."""


def commit(rev: str, paths: Sequence[str], config: Config, today: Collection[str]) -> Commit:
    """What lay under `paths` in a commit, as if it lay there now.

    `today` are the files that are looked at now: what else is on the disk now is ignored or excluded, and was so then. A named
    file that has been renamed since is read under its old name. Raises CommitError.
    """
    tops = [os.path.abspath(path) for path in paths]
    repository = _Repository(_directory(tops[0]))
    tree = repository.tree(rev)
    excluded = Excluded(config)
    wanted: dict[str, File] = {}
    for top in tops:
        inside = repository.inside(top)
        if not os.path.isdir(top):
            names = [inside] if inside in tree else repository.old_names(rev, inside)
            wanted.update((name, _file(repository, name, top if name == inside else None)) for name in names)
            continue
        below = "" if inside == "." else f"{inside}/"
        for name in tree:
            path = os.path.join(top, *name[len(below) :].split("/"))
            if name.startswith(below) and not _is_left_out(path, top, excluded) and _may_count(path, today):
                wanted[name] = File(path, display(path))
    around = not all(map(os.path.isdir, tops))
    shas = {name: sha for name, sha in tree.items() if around or name in wanted}
    project: list[File] = []
    given: dict[str, Source] = {}
    for name, data in repository.blobs(shas):
        file = wanted.get(name) or _file(repository, name, None)
        source = decode(data, file.shown)
        if not isinstance(source, Problem):
            project.append(file)
            given[file.path] = source
    return Commit(tuple(file for file in wanted.values() if file.path in given), tuple(project), given)


def _directory(path: str) -> str:
    """The nearest folder there is."""
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path


def _file(repository: _Repository, name: str, path: str | None) -> File:
    path = path or os.path.join(repository.top, *name.split("/"))
    return File(path, display(path), named=True)


def _is_left_out(path: str, top: str, excluded: Excluded) -> bool:
    """Whether the file, or a folder below `top` that it is in, is excluded."""
    while path != top:
        if excluded(path):
            return True
        path = os.path.dirname(path)
    return False


def _may_count(path: str, today: Collection[str]) -> bool:
    return path in today or not os.path.exists(path)


class _Repository:
    """The git repository around a folder."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        try:
            self.top = os.fsdecode(self._git("rev-parse", "--show-toplevel").removesuffix(b"\n"))
        except FileNotFoundError:
            raise CommitError("it needs git, which is not installed") from None
        except subprocess.CalledProcessError:
            raise CommitError(f"{display(folder)} is in no git repository") from None

    def tree(self, rev: str) -> dict[str, bytes]:
        """The Python files of a commit, from the top with slashes, each with the id of its text."""
        try:
            listed = self._git("ls-tree", "-r", "-z", "--full-tree", "--end-of-options", rev)
        except subprocess.CalledProcessError:
            raise CommitError(
                f"git knows no commit `{rev}` here; in a shallow clone, fetch it first (`fetch-depth: 0`)"
            ) from None
        found = {}
        for line in listed.split(b"\0"):
            mode, _, rest = line.partition(b" ")
            kind_and_sha, _, name = rest.partition(b"\t")
            if mode in REGULAR and name.endswith(tuple(os.fsencode(suffix) for suffix in SUFFIXES)):
                found[os.fsdecode(name)] = kind_and_sha.split()[1]
        return found

    def inside(self, path: str) -> str:
        """A path from the top with slashes. Raises CommitError if it is outside."""
        real = os.path.realpath(path)
        if real != self.top and not real.startswith(self.top.rstrip(os.sep) + os.sep):
            raise CommitError(f"{display(path)} is not in the git repository {self.top}")
        return os.path.relpath(real, self.top).replace(os.sep, "/")

    def old_names(self, rev: str, name: str) -> list[str]:
        """What a file that is not in the commit was called there, if git sees that it was renamed."""
        listed = self._git("diff", "--name-status", "-z", "--find-renames", "--diff-filter=R", rev, "--")
        fields = listed.split(b"\0")
        pairs = zip(fields[1::3], fields[2::3], strict=False)
        return [os.fsdecode(old) for old, new in pairs if os.fsdecode(new) == name]

    def blobs(self, shas: Mapping[str, bytes]) -> Iterator[tuple[str, bytes]]:
        """The texts, by name."""
        answer = memoryview(self._git("cat-file", "--batch", given=b"".join(sha + b"\n" for sha in shas.values())))
        at = 0
        for name in shas:
            end = at
            while answer[end] != 10:  # the line end behind `<id> blob <size>`
                end += 1
            size = int(bytes(answer[at:end]).split()[2])
            yield name, bytes(answer[end + 1 : end + 1 + size])
            at = end + size + 2

    def _git(self, *arguments: str, given: bytes = b"") -> bytes:
        return subprocess.run(
            ["git", "-C", self._folder, *arguments], input=given, check=True, capture_output=True
        ).stdout
