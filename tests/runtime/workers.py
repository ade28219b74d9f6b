"""What the processes do that tests start: `python workers.py HOW_MANY NAME SPEC NUMBER…` runs functions of this file."""

from __future__ import annotations

import os
import random
import select
import signal
import sys
import time
import traceback
from typing import Any

import makers

from racelint.runtime import LogWriter, allow_sync, claim_sync, update_atomic_sync
from racelint.runtime.stores import Store

WIDTH = 200
"""How often a document repeats its number: a reader of a torn one would see two of them."""


def say(*numbers: int) -> None:
    """A line in one piece, whoever else writes to the same pipe."""
    os.write(1, (" ".join(map(str, numbers)) + "\n").encode())


def grown(document: list[int]) -> list[int]:
    """The next document."""
    return [document[0] + 1] * WIDTH


def zero() -> list[int]:
    """The first document."""
    return [0] * WIDTH


def increment(spec: str, times: int) -> None:
    """Count in a document that all processes share."""
    store = makers.make(spec)
    for _ in range(times):
        update_atomic_sync(store, "n", grown, default=zero)
    say(store.counters.attempts, store.counters.conflicts, int(store.counters.waited * 1_000))
    store.close()


def append(spec: str, name: int, times: int) -> None:
    """Append to a log that all processes share."""
    store = makers.make(spec)
    with LogWriter(store) as log:
        for number in range(times):
            log.append_sync("log", [name, number])
    store.close()


def work(spec: str) -> None:
    """Claim jobs until there are none, and say which."""
    store = makers.make(spec)
    while (job := claim_sync(store, "jobs")) is not None:
        with job:
            say(job.value)
    store.close()


def start(spec: str, times: int, limit: int) -> None:
    """Ask for starts, and say how many were allowed."""
    store = makers.make(spec)
    say(sum(allow_sync(store, "starts", limit=limit, seconds=600) for _ in range(times)))
    store.close()


def end(spec: str, how: int) -> None:
    """Acknowledge ten entries, put ten more in the queue, and end without closing: normally, or waiting for a signal."""
    log = LogWriter(makers.make(spec))
    for number in range(10):
        log.append_sync("log", number)
    print("acknowledged", flush=True)
    if how:
        time.sleep(60)
    for number in range(10, 20):
        log.put_sync("log", number)


def many(number: int, name: str, spec: str, *numbers: int, named: bool) -> None:
    """Run a function in so many processes, forked from this one, which has imported all there is to import."""
    makers.make(spec).close()  # the driver is imported once
    children = []
    for child in range(number):
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                globals()[name](spec, *([child] if named else []), *numbers)
                code = 0
            finally:
                if code:
                    traceback.print_exc()
                os._exit(code)
        children.append(pid)
    sys.exit(max(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children))


# --- crashes


def crash(spec: str, times: int, seed: int) -> None:
    """Fork a writer, kill it, look at what it has left; so many times. Fails if something that was acknowledged is gone."""
    chance = random.Random(seed)
    acknowledged = 0
    makers.make(spec).close()  # the driver is imported once
    for turn in range(times):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            _write(spec, turn, writing)
        os.close(writing)
        select.select([reading], [], [], 30)  # it has begun
        time.sleep(chance.random() * 0.02)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with open(reading) as acknowledgements:
            said = acknowledgements.read().split("\n")[:-1]
        _check(spec, turn, said)
        acknowledged += len(said)
    say(times, acknowledged)


def _write(spec: str, turn: int, acknowledgements: int) -> None:
    """Append and update, and say so when each is acknowledged, until the end."""
    try:
        store = makers.make(spec)
        log = LogWriter(store)
        number = 0
        while True:
            log.append_sync(f"log {turn % 5}", [turn, number, "x" * 500])
            os.write(acknowledgements, b"entry %d\n" % number)
            update_atomic_sync(store, "n", grown, default=zero)
            os.write(acknowledgements, b"update %d\n" % number)
            number += 1
    finally:
        os._exit(1)


def _check(spec: str, turn: int, said: list[str]) -> None:
    """All that was said is there; what was under way may be, and on a server may still come after we have looked."""
    store: Store = makers.make(spec)
    numbers = [number for of, number, _ in store.entries(f"log {turn % 5}") if of == turn]
    entries = sum(line.startswith("entry") for line in said)
    assert numbers == list(range(len(numbers))), numbers
    assert entries <= len(numbers) <= entries + 1, (entries, numbers)
    found: Any = store.load("n")
    document = found.value if found else zero()
    assert set(document) == {document[0]}, document
    before = int(getattr(_check, "before", 0))
    updates = sum(line.startswith("update") for line in said)
    under_way = 1 if spec.startswith(("file:", "sqlite:")) else 2  # of this turn, and a late one of the turn before
    assert before + updates <= document[0] <= before + updates + under_way, (before, updates, document[0])
    _check.before = document[0]  # type: ignore[attr-defined]
    store.close()


if __name__ == "__main__":
    number, name, spec, *numbers = sys.argv[1:]
    if number == "0":
        globals()[name](spec, *map(int, numbers))
    else:
        many(int(number), name, spec, *map(int, numbers), named=name == "append")
