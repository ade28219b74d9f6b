"""The contract of all stores: what `update_atomic`, `LogWriter` and `claim` rely on."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import makers
import pytest

from racelint.runtime.stores import MemoryStore, SQLiteStore, Store
from racelint.runtime.stores.text import LONGEST_NAME, name_of

VALUES: list[Any] = [
    None,
    True,
    0,
    -(10**30),
    1.5,
    "",
    "naïve \U0001f3c1 \x00 \ud800 \n",
    [],
    {},
    {"": [1, [2, {"a": None}]], "x y": "z"},
]
KEYS = [
    "a",
    "A",
    "",
    " ",
    "../../etc/passwd",
    "a/b",
    "a\\b",
    "\x00",
    "\ud800",
    "é",
    "e\u0301",
    "#a",
    "%s",
    "'; --",
    "k" * 5_000,
]


def test_a_key_that_nobody_saved_has_no_document(store: Store) -> None:
    """None, which is not the document None."""
    assert store.load("a") is None
    store.save("a", None, None)
    found = store.load("a")
    assert found is not None
    assert found.value is None


def test_what_json_can_say_comes_back(store: Store) -> None:
    """Every value is loaded as it was saved, also from a log."""
    for number, value in enumerate(VALUES):
        store.save(f"k{number}", value, None)
        found = store.load(f"k{number}")
        assert found is not None
        assert found.value == value
    store.append("log", *VALUES)
    assert store.entries("log") == VALUES


@pytest.mark.parametrize("value", [float("nan"), {1}, b"x", object()])
def test_what_json_cannot_say_is_refused(store: Store, value: Any) -> None:
    """With an error, and nothing is saved or appended."""
    with pytest.raises((TypeError, ValueError)):
        store.save("a", value, None)
    with pytest.raises((TypeError, ValueError)):
        store.append("a", 1, value)
    assert store.load("a") is None
    assert store.entries("a") == []


def test_keys_are_any_text_and_never_mixed_up(store: Store) -> None:
    """Also those that look like paths, patterns or commands, and those that are too long for a database."""
    for key in KEYS:
        store.save(key, key, None)
        store.append(key, key)
        store.put(key, key)
    for key in KEYS:
        found = store.load(key)
        taken = store.take(key, 60)
        assert found is not None
        assert taken is not None
        assert [found.value, taken.value, *store.entries(key)] == [key] * 3


def test_names_are_short_and_different() -> None:
    """What a database is given for a key is not longer than it takes, and is the key itself if that is plain."""
    names = {name_of(key) for key in KEYS}
    assert len(names) == len(KEYS)
    assert all(0 < len(name.encode()) <= LONGEST_NAME for name in names)
    assert name_of("task-1/é") == "task-1/é"


def test_save_compares_versions(store: Store) -> None:
    """Only over the version that is expected, and a new document only where there is none."""
    first = store.save("a", 1, None)
    assert first is not None
    assert store.save("a", 2, None) is None
    assert store.save("a", 2, first - 1) is None
    assert store.save("b", 2, first) is None
    second = store.save("a", 2, first)
    assert second is not None
    assert second > first
    assert store.save("a", 3, first) is None
    assert store.load("a") == (2, second)
    assert store.load("b") is None


def test_a_version_is_not_used_again(store: Store) -> None:
    """Who holds a version from before a deletion cannot save over what came after it."""
    held = store.save("a", 1, None)
    store.delete("a")
    assert store.save("a", 2, held) is None
    assert store.save("a", 3, None) != held
    assert store.save("a", 4, held) is None


def test_delete_forgets_document_and_log_of_one_key(store: Store) -> None:
    """And nothing of others; a key that is not there may be deleted."""
    for key in "ab":
        store.save(key, 1, None)
        store.append(key, 1)
    store.delete("a")
    store.delete("c")
    assert (store.load("a"), store.entries("a")) == (None, [])
    assert store.load("b") is not None
    assert store.entries("b") == [1]


def test_values_are_the_callers_own(store: Store) -> None:
    """What a caller does to a value after it was saved or loaded does not reach the store."""
    value = {"list": [1]}
    store.save("a", value, None)
    store.append("a", value)
    value["list"].append(2)
    found = store.load("a")
    assert found is not None
    found.value["list"].append(3)
    assert store.load("a") == ({"list": [1]}, found.version)
    assert store.entries("a") == [{"list": [1]}]


def test_entries_keep_their_order(store: Store) -> None:
    """Within a call and across calls, and the last ones can be asked for."""
    for start in range(0, 30, 3):
        store.append("a", start, start + 1, start + 2)
    assert store.entries("a") == list(range(30))
    assert store.entries("a", 4) == [26, 27, 28, 29]
    assert store.entries("a", 40) == list(range(30))
    assert store.entries("b") == []


def test_old_entries_may_be_dropped(store: Store) -> None:
    """At least the last `keep` are there, and not many more."""
    for number in range(50):
        store.append("a", number, keep=10)
    entries = store.entries("a")
    assert entries == list(range(50))[-len(entries) :]
    assert 10 <= len(entries) <= 20
    assert store.entries("a", 10) == list(range(40, 50))


def test_one_of_many_threads_saves(store: Store) -> None:
    """Threads that all expect the same version: one saves, and its value is what is there."""
    version = store.save("a", "start", None)
    together = threading.Barrier(8)

    def save(number: int) -> int | None:
        together.wait()
        return store.save("a", number, version)

    with ThreadPoolExecutor(8) as threads:
        saved = list(threads.map(save, range(8)))
    winners = [number for number, new in enumerate(saved) if new is not None]
    assert len(winners) == 1
    assert store.load("a") == (winners[0], saved[winners[0]])


def test_one_of_many_threads_creates(store: Store) -> None:
    """The same for a key that has no document."""
    together = threading.Barrier(8)

    def save(number: int) -> int | None:
        together.wait()
        return store.save("a", number, None)

    with ThreadPoolExecutor(8) as threads:
        saved = list(threads.map(save, range(8)))
    assert sum(new is not None for new in saved) == 1


def test_appends_of_many_threads_are_all_kept(store: Store) -> None:
    """Each thread's entries are there, in its order, and those of one call stand together."""

    def append(thread: int) -> None:
        for number in range(0, 10, 2):
            store.append("a", [thread, number], [thread, number + 1])

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(append, range(4)))
    entries = store.entries("a")
    for thread in range(4):
        assert [number for of, number in entries if of == thread] == list(range(10))
    assert all(first[0] == second[0] for first, second in zip(entries[::2], entries[1::2], strict=True))


def test_the_twins_for_tasks_do_the_same(store: Store) -> None:
    """One object for both faces, and for one event loop after another."""

    async def use(value: int) -> None:
        found = await store.aload("a")
        version = await store.asave("a", value, found and found.version)
        assert store.load("a") == await store.aload("a") == (value, version)
        await store.aappend("a", value, value, keep=100)
        assert store.entries("a") == await store.aentries("a")
        assert await store.aentries("a", 1) == [value]

    asyncio.run(use(1))
    asyncio.run(use(2))
    asyncio.run(store.adelete("a"))
    assert store.load("a") is None


def test_a_second_store_sees_what_the_first_one_saved(store: Store, spec: str) -> None:
    """What is saved is not the object's but everybody's; except in memory."""
    store.save("a", 1, None)
    store.append("a", 1)
    store.put("a", 1)
    other = makers.make(spec)
    try:
        if isinstance(store, MemoryStore):
            assert other.load("a") is None
        else:
            assert other.load("a") == store.load("a")
            assert other.entries("a") == [1]
            assert other.take("a", 60) is not None
            assert store.take("a", 60) is None
    finally:
        other.close()


def test_a_queue_is_taken_in_order_and_once(store: Store) -> None:
    """An item that somebody has is not taken again, and one that is finished never."""
    for number in range(3):
        store.put("q", number)
    taken = [store.take("q", 60) for _ in range(4)]
    assert [one and one.value for one in taken] == [0, 1, 2, None]
    assert [store.finish("q", one) for one in taken if one] == [True] * 3
    assert [store.finish("q", one) for one in taken if one] == [False] * 3
    assert store.take("q", 60) is None
    assert store.take("other", 60) is None


def test_an_item_comes_back_when_its_time_is_over(store: Store) -> None:
    """Then who had it cannot finish it any more, nor keep it for longer."""
    store.put("q", "job")
    late = store.take("q", 0)
    again = store.take("q", 60)
    assert late is not None
    assert again is not None
    assert (late.tries, again.tries) == (1, 2)
    assert not store.finish("q", late)
    assert not store.retime("q", late, 60)
    assert store.finish("q", again)


def test_an_item_can_be_kept_for_longer_or_given_back(store: Store) -> None:
    """By whoever has it."""
    store.put("q", "job")
    taken = store.take("q", 0.05)
    assert taken is not None
    assert store.retime("q", taken, 60)
    deadline = time.monotonic() + 0.1
    while time.monotonic() < deadline:
        assert store.take("q", 60) is None
    assert store.retime("q", taken, 0)
    assert store.take("q", 60) is not None


def test_a_closed_store_may_be_used_again(store: Store) -> None:
    """`close` lets connections go; a later call opens one."""
    store.save("a", 1, None)
    store.close()
    if not isinstance(store, MemoryStore):
        assert store.load("a") is not None


def test_sqlite_in_memory_is_refused() -> None:
    """Each connection would have another database."""
    with pytest.raises(ValueError, match="MemoryStore"):
        SQLiteStore(":memory:")


def test_a_torn_line_is_not_an_entry(tmp_path: Path) -> None:
    """What a crash left at the end of a log is not read, and is gone after the next append."""
    store = makers.make(f"file:{tmp_path}")
    store.append("a", 1, 2)
    (log,) = tmp_path.glob("*.log")
    for torn in (b"[3", b"x" * 200_000):
        with log.open("ab") as file:
            file.write(torn)
        before = store.entries("a")
        store.append("a", len(before) + 1)
        assert store.entries("a") == [*before, len(before) + 1]
    assert store.entries("a") == [1, 2, 3, 4]


def test_a_file_left_by_a_crash_is_overwritten(tmp_path: Path) -> None:
    """The temporary file has the same name each time, under the lock of its key."""
    store = makers.make(f"file:{tmp_path}")
    version = store.save("a", 1, None)
    (document,) = tmp_path.glob("*.json")
    document.with_suffix(".tmp").write_bytes(b'{"half')
    assert store.load("a") == (1, version)
    assert store.save("a", 2, version) is not None
    assert list(tmp_path.glob("*.tmp")) == []


def test_a_failed_append_leaves_the_log_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All or none, also when the disk refuses half way."""
    import os

    store = makers.make(f"file:{tmp_path}")
    store.append("a", 1)

    def refuse(_: int) -> None:
        raise OSError("no space")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        with pytest.raises(OSError, match="no space"):
            store.append("a", 2, 3)
    store.append("a", 4)
    assert store.entries("a") == [1, 4]
