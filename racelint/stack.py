"""Room for deep recursion: work is done in a thread with a big stack and a raised recursion limit.

Parsers and visitors recurse once or several times a level of nesting, so code that CPython itself reads without
trouble (a sum of a thousand terms, a thousand `elif`) would end in a RecursionError at the usual limit of 1,000 frames;
with a raised limit alone it would end in a segmentation fault where the main thread's stack is small (8 MB on Linux,
1 MB on Windows, what `ulimit -s` says). A thread's stack is as large as we ask for, on every system, and costs only
the memory that is touched. Measured: `libcst.parse_module` and a visitor on 1,000 levels take less than 4 MB.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Result = TypeVar("Result")

FRAMES = 20_000
"""Twenty frames a level of `parse.MAX_NESTING`: libcst takes five."""
SIZES = (256, 64, 16)
"""Stack sizes in MB, the first that the system grants (`ulimit -v` may not): on Python 3.10 a frame may take 1 KB."""


def with_deep_stack(work: Callable[[], Result]) -> Result:
    """What `work()` returns or raises; it runs in another thread while this one waits."""
    results: list[Result] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)

    with _frames(FRAMES):
        if not _ran_in_thread(run):
            run()
    if errors:
        raise errors[0]
    return results[0]


def _ran_in_thread(run: Callable[[], None]) -> bool:
    """Whether a thread could be had."""
    for size in SIZES:
        usual = threading.stack_size()
        try:
            threading.stack_size(size * 2**20)
            # A daemon, so that Ctrl-C, which reaches the waiting thread, ends the process without waiting for this one.
            thread = threading.Thread(target=run, name="racelint", daemon=True)
            thread.start()
        except (RuntimeError, ValueError):
            continue
        finally:
            threading.stack_size(usual)
        thread.join()
        return True
    return False


@contextmanager
def _frames(limit: int) -> Iterator[None]:
    usual = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, usual))
    try:
        yield
    finally:
        sys.setrecursionlimit(usual)
