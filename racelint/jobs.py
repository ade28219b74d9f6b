"""The same work on many items, in order: here, or spread over processes when that pays.

Wherever it runs, work runs with a deep stack, without Python's cyclic garbage collector (building trees only makes it
search in vain for garbage, for a quarter of the time) and without the parser's warnings about the code.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, TypeVar, cast

from racelint.stack import with_deep_stack

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future, ProcessPoolExecutor

State = TypeVar("State")
Item = TypeVar("Item")
Result = TypeVar("Result")

Work = Callable[[State, Item], Result]
"""Must not raise; a function of a module, so that other processes can be told of it."""

PAYS = 50
"""Items from which on processes are used: starting them takes about as long as reading that many files."""
MOST_PROCESSES = 61
"""What Windows can wait for; elsewhere, the configuration of somebody else may ask for thousands."""
LARGEST_CHUNK = 32
GARBAGE = 500_000
"""New objects that may lie about; some 50 MB, if all were garbage. What we make hardly ever points round in a circle, so few are."""
RARE = 20
"""If fewer than one of so many new objects was garbage, it is looked for half as often: the rest are facts, which stay."""


def cores() -> int:
    """How many processes can run at once."""
    if hasattr(os, "sched_getaffinity"):
        return max(len(os.sched_getaffinity(0)), 1)
    return os.cpu_count() or 1


def can_fork() -> bool:
    """Whether a new process can be a copy of this one, with all that is imported and the whole state.

    It is safe only while no other thread runs, and not on macOS, whose own libraries start threads.
    """
    return sys.platform not in ("win32", "darwin") and threading.active_count() == 1


def each(
    work: Work[State, Item, Result],
    state: State,
    items: Sequence[Item],
    *,
    jobs: int,
    may_spawn: bool,
    died: Callable[[Item], Result],
    done: Callable[[int], None],
) -> list[Result]:
    """`work(state, item)` for each item, in their order, whatever `jobs` (0: one a core) is.

    `may_spawn` is whether `__main__` may be imported in new processes where there is no `fork`: a script without
    `if __name__ == "__main__":` would run there again.
    `died` is the result for an item at which a process of ours was killed; `done` is told how many items are ready.
    """
    processes = min(jobs or cores(), len(items), MOST_PROCESSES)
    if processes < 2 or len(items) <= PAYS or not (may_spawn or can_fork()):
        return _here(work, state, items, done)
    return _spread(work, state, _chunks(items, processes), processes, died, done)


def _here(
    work: Work[State, Item, Result], state: State, items: Sequence[Item], done: Callable[[int], None]
) -> list[Result]:
    def loop() -> list[Result]:
        results = []
        for item in items:
            results.append(work(state, item))
            _collect()
            done(len(results))
        return results

    with _undisturbed():
        return with_deep_stack(loop)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """No collector and no warnings; both are the whole process's, so they are put back."""
    with uncollected(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def uncollected() -> Iterator[None]:
    """No collector, as far as the process has one; it can be entered again within.

    What was made meanwhile counts as old afterwards: facts and findings stay, and to search them all for garbage as soon as the
    collector is back takes as long as to parse every tenth of the files.
    """
    global _bearable
    collects, _bearable = gc.isenabled(), GARBAGE
    gc.disable()
    try:
        yield
    finally:
        _keep_all()
        if collects:
            gc.enable()


def _keep_all() -> None:
    """Calls all that there is old, without looking at it."""
    if hasattr(gc, "freeze"):  # PyPy has none
        gc.freeze()
        gc.unfreeze()


def _collect() -> None:
    """Between items, when nothing is being built, trees that point round in a circle are given back.

    Only what is new is looked at: what survives, such as facts, is looked at once.
    """
    global _bearable
    new = gc.get_count()[0]
    if new > _bearable:
        found = gc.collect(0)
        _bearable = 2 * _bearable if RARE * found < new else GARBAGE


_bearable = GARBAGE
"""New objects after which garbage is looked for next."""


# Processes


def _chunks(items: Sequence[Item], processes: int) -> list[Sequence[Item]]:
    size = min(max(len(items) // (8 * processes), 1), LARGEST_CHUNK)
    return [items[start : start + size] for start in range(0, len(items), size)]


def _spread(
    work: Work[State, Item, Result],
    state: State,
    chunks: Sequence[Sequence[Item]],
    processes: int,
    died: Callable[[Item], Result],
    done: Callable[[int], None],
) -> list[Result]:
    # Imported here because a short run needs none of it.
    from concurrent.futures.process import BrokenProcessPool

    results: dict[int, list[Result]] = {}
    futures: list[Future[list[Result]]] = []
    executor = _executor(work, state, processes)
    try:
        with suppress(BrokenProcessPool):
            futures += [executor.submit(_chunk, chunk) for chunk in chunks]
        for number, future in enumerate(futures):
            with suppress(BrokenProcessPool):
                results[number] = future.result()
                done(sum(map(len, results.values())))
    except BaseException:
        _stop(executor)
        raise
    executor.shutdown()
    for number, chunk in enumerate(chunks):
        if number not in results:  # a process was killed, and with it went what the others were at
            results[number] = _apart(work, state, chunk, died)
    return [result for number in range(len(chunks)) for result in results[number]]


def _apart(
    work: Work[State, Item, Result], state: State, chunk: Sequence[Item], died: Callable[[Item], Result]
) -> list[Result]:
    """In a process of its own; if that dies, each item in one, so that only the item that kills (by lack of memory,
    say) is lost.
    """
    from concurrent.futures.process import BrokenProcessPool

    with _executor(work, state, 1) as executor, suppress(BrokenProcessPool):
        future: Future[list[Result]] = executor.submit(_chunk, chunk)
        return future.result()
    if len(chunk) == 1:
        return [died(chunk[0])]
    return [result for item in chunk for result in _apart(work, state, [item], died)]


def _executor(work: Work[State, Item, Result], state: State, processes: int) -> ProcessPoolExecutor:
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    context = multiprocessing.get_context("fork" if can_fork() else "spawn")
    return ProcessPoolExecutor(processes, context, initializer=_begin, initargs=(work, state))


def _stop(executor: Executor) -> None:
    """Ends the processes at once: after Ctrl-C nobody wants to wait for them."""
    import multiprocessing

    executor.shutdown(wait=False, cancel_futures=True)
    for process in multiprocessing.active_children():
        process.terminate()


_task: Callable[[object], object] | None = None
"""In a process of ours, what it is for: set once, when it starts, so that it is not sent again for each chunk."""


def _begin(work: Work[State, Item, Result], state: State) -> None:
    import multiprocessing
    import signal

    global _task
    _task = cast("Callable[[object], object]", partial(work, state))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started us
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent.join,), daemon=True).start()


def _follow(wait: Callable[[], None]) -> None:
    """Ends this process when its parent is gone, even if that was killed; it would wait for work for ever."""
    wait()
    os._exit(1)


def _chunk(items: Sequence[Item]) -> list[Result]:
    task = cast("Callable[[Item], Result]", _task)

    def loop() -> list[Result]:
        results = []
        for item in items:
            results.append(task(item))
            _collect()
        return results

    with _undisturbed():
        return with_deep_stack(loop)
