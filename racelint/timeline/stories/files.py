"""Paths and files that several processes use."""

from __future__ import annotations

from racelint.finding import Role
from racelint.timeline.data import Timeline
from racelint.timeline.telling import Telling


def half_written(t: Telling) -> Timeline:
    """A file that is not whole when it is read, or not there when it should be."""
    if t.first.role is Role.CHECK:
        t.name_lanes(t.finding.symbol, "")
        t.b(None, "makes the file, empty so far")
        t.switch("A runs in between", lane=1)
        t.a(t.first, "it is there")
        t.a(t.last, "reads it: nothing, or a part", wrong=True)
        t.b(None, "writes the rest")
        return t.told("A takes a part of the file for the whole")
    if t.says("is removed on line"):
        t.a(t.first, "removes the old file")
        t.switch()
        t.b(None, "opens it: there is none", wrong=True)
        t.a(t.last, "puts the new one there")
        return t.told("B finds no file where there always should be one")
    if t.says("before the lock is held"):
        t.b(None, "holds the lock, about to read")
        t.a(t.first, "empties the file; no lock is needed for that")
        t.switch()
        t.b(None, "reads: nothing", wrong=True)
        t.a(None, "gets the lock, writes")
        return t.told("B takes a part of the file for the whole, though it holds the lock")
    if t.says("two writers mix"):
        t.a(t.first, "writes A's content")
        t.switch()
        t.b(t.first, "empties the same file, writes B's")
        t.a(t.last, "moves it into place: parts of both", wrong=True)
        return t.told("the file mixes what A and B wrote, or B's half of it")
    t.a(t.last, "the first part is written")
    t.switch()
    t.b(None, "reads it: nothing, or a part", wrong=True)
    t.a(None, "writes the rest")
    return t.told("B takes a part of the file for the whole")


def secret_readable(t: Telling) -> Timeline:
    """Made private only after it was written."""
    t.a(t.first, "makes it, open to all")
    t.switch()
    t.b(None, "opens it, reads the secret", wrong=True)
    t.a(t.last, "makes it private, too late")
    return t.told("B has read the secret, and may keep the file open")


def link_followed(t: Telling) -> Timeline:
    """A path that is a link by the time it is opened."""
    t.a(t.first, "it is no link")
    t.switch()
    t.b(None, "puts a link to another file there")
    t.a(t.last, "follows the link", wrong=True)
    return t.told("A opens the file that B's link leads to")


def step_fails(t: Telling) -> Timeline:
    """A step whose ground is gone: made, removed or taken by another process."""
    if t.says("and fetched here") or t.says("got here by another query"):
        t.a(t.first, "the row is there")
        t.switch()
        t.other("deletes it")
        t.a(t.last, "finds none: raises an error", wrong=True)
        return t.told("A fails: the row that it has seen is gone")
    if t.says("the unique constraint"):
        t.a(t.first, "finds no row")
        t.switch()
        t.b(t.first, "finds no row, either")
        t.b(t.last, "makes one")
        t.a(t.last, "fails: the unique constraint refuses a second one", wrong=True)
        return t.told("A fails with IntegrityError")
    if t.is_single:
        t.a(t.last, "a name that is free")
        t.switch()
        t.b(None, "makes a file of that name")
        t.a(None, "opens B's file as its own, or fails", wrong=True)
        return t.told("A fails, or writes into B's file")
    made = t.says("and made here")
    if t.says("and made again here"):
        t.a(t.first, "removes it")
    else:
        t.a(t.first, "it is not there" if made else "it is there")
    t.switch()
    if made or t.says("and made again here"):
        t.b(t.last, "makes it")
        t.a(t.last, "fails: it is there already", wrong=True)
        return t.told("A fails with FileExistsError")
    if t.says("removed here"):
        t.b(t.last, "removes it")
        t.a(t.last, "fails: it is gone", wrong=True)
        return t.told("A fails with FileNotFoundError")
    t.other("removes it")
    t.a(t.last, "fails: it is gone", wrong=True)
    return t.told("A fails with FileNotFoundError")
