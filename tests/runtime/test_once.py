"""`init_once`: the body runs once for whoever asks, and nobody's failure or cancellation spoils it for others."""

from __future__ import annotations

import asyncio
import copy
import gc
import os
import pickle
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from racelint.runtime import ReEntered, init_once


class Body:
    """A body that counts its calls and waits until it is let go."""

    def __init__(self, wait: bool = True) -> None:
        self.calls, self.go_on, self.running = 0, threading.Event(), threading.Event()
        if not wait:
            self.go_on.set()

    def __call__(self) -> object:
        self.calls += 1
        self.running.set()
        assert self.go_on.wait(10)
        return object()

    async def slowly(self) -> object:
        """The same on an event loop."""
        self.calls += 1
        self.running.set()
        while not self.go_on.is_set():
            await asyncio.sleep(0)
        return object()


def test_threads_get_one_result() -> None:
    """Eight threads, one call."""
    body = Body()
    once = init_once(body)
    with ThreadPoolExecutor(8) as threads:
        results = [threads.submit(once) for _ in range(8)]
        assert body.running.wait(10)
        body.go_on.set()
    assert len({result.result() for result in results}) == 1
    assert body.calls == 1
    assert once() is results[0].result()


def test_tasks_of_many_loops_get_one_result() -> None:
    """Four threads with a loop each, ten tasks on each loop."""
    body = Body()
    once = init_once(body.slowly)

    async def main() -> set[object]:
        return set(await asyncio.gather(*(once() for _ in range(10))))

    with ThreadPoolExecutor(4) as threads:
        results = [threads.submit(asyncio.run, main()) for _ in range(4)]
        assert body.running.wait(10)
        body.go_on.set()
    assert len(set.union(*(result.result() for result in results))) == 1
    assert body.calls == 1


def test_a_plain_function_may_be_called_on_a_loop_and_in_threads() -> None:
    """The callers may be tasks and threads; the body is the same."""
    body = Body(wait=False)
    once = init_once(body)

    async def main() -> set[object]:
        return {once(), *await asyncio.gather(*(asyncio.to_thread(once) for _ in range(4)))}

    assert len(asyncio.run(main())) == 1
    assert body.calls == 1


def test_a_failure_goes_to_those_who_waited_and_is_not_kept() -> None:
    """The next call runs the body again."""
    calls: list[int] = []
    failing = threading.Event()

    @init_once
    def once() -> str:
        calls.append(1)
        if len(calls) == 1:
            assert failing.wait(10)
            raise ZeroDivisionError
        return "made"

    with ThreadPoolExecutor(4) as threads:
        results = [threads.submit(once) for _ in range(4)]
        failing.set()
    errors = [result.exception() for result in results]
    assert sum(isinstance(error, ZeroDivisionError) for error in errors) >= 1
    assert once() == "made"
    assert len(calls) == 2


def test_a_failure_of_a_coroutine_goes_to_those_who_waited() -> None:
    """All of them had come before it failed."""
    calls: list[int] = []

    @init_once
    async def once() -> str:
        calls.append(1)
        await asyncio.sleep(0)
        if len(calls) == 1:
            raise ZeroDivisionError
        return "made"

    async def main() -> list[Any]:
        first = await asyncio.gather(*(once() for _ in range(5)), return_exceptions=True)
        return [*first, await once()]

    *errors, made = asyncio.run(main())
    assert [type(error) for error in errors] == [ZeroDivisionError] * 5
    assert (made, len(calls)) == ("made", 2)


def test_an_interrupt_of_one_thread_is_not_the_failure_of_others() -> None:
    """KeyboardInterrupt stays where it came; one of those who wait runs the body anew."""
    started, go_on = threading.Event(), threading.Event()
    calls: list[str] = []

    @init_once
    def once() -> str:
        calls.append(threading.current_thread().name)
        if len(calls) == 1:
            started.set()
            assert go_on.wait(10)
            raise KeyboardInterrupt
        return "made"

    def first() -> None:
        with pytest.raises(KeyboardInterrupt):
            once()

    with ThreadPoolExecutor(4) as threads:
        interrupted = threads.submit(first)
        assert started.wait(10)
        others = [threads.submit(once) for _ in range(3)]
        go_on.set()
        interrupted.result()
        assert [other.result() for other in others] == ["made"] * 3
    assert len(calls) == 2


@pytest.mark.parametrize("cancelled", [0, 1, 2])
def test_cancelling_one_does_not_cancel_the_others(cancelled: int) -> None:
    """Whether it is the first, whose call started the body, or one that waits; the body still runs once."""
    body = Body()
    once = init_once(body.slowly)

    async def main() -> list[Any]:
        tasks = [asyncio.create_task(once()) for _ in range(3)]
        while not body.running.is_set():
            await asyncio.sleep(0)
        tasks[cancelled].cancel()
        await asyncio.sleep(0)
        body.go_on.set()
        return await asyncio.gather(*tasks, once(), return_exceptions=True)

    results = asyncio.run(main())
    assert isinstance(results.pop(cancelled), asyncio.CancelledError)
    assert len(set(results)) == 1
    assert body.calls == 1


def test_the_end_of_a_loop_hands_over_to_another_one() -> None:
    """The loop that runs the body is shut down; a task that waits on another loop runs it anew."""
    body = Body()
    once = init_once(body.slowly)

    async def first() -> None:
        task = asyncio.create_task(once())
        while body.calls == 0 or not waiting.is_set():
            await asyncio.sleep(0)
        task.cancel()  # and the body's own task is cancelled at the end of `asyncio.run`

    async def second() -> object:
        task = asyncio.create_task(once())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        waiting.set()
        return await task

    waiting = threading.Event()
    with ThreadPoolExecutor(2) as threads:
        ended = threads.submit(asyncio.run, first())
        assert body.running.wait(10)
        handed = threads.submit(asyncio.run, second())
        ended.result(10)
        body.go_on.set()
        made = handed.result(10)
    assert body.calls == 2
    assert asyncio.run(once()) is made


def test_a_body_that_cancels_itself_ends() -> None:
    """It is not run for ever: the caller is told."""

    @init_once
    async def once() -> None:
        raise asyncio.CancelledError

    async def main() -> None:
        results = await asyncio.gather(once(), once(), return_exceptions=True)
        assert [type(result) for result in results] == [asyncio.CancelledError] * 2

    asyncio.run(main())


def test_calling_itself_is_an_error_instead_of_a_deadlock() -> None:
    """Directly, through another one, and through a task or thread that is awaited; afterwards all is as before."""

    @init_once
    def direct() -> object:
        return direct()

    @init_once
    def one() -> object:
        return other()

    @init_once
    def other() -> object:
        return one()

    @init_once
    async def task() -> object:
        return await asyncio.create_task(task())

    @init_once
    def in_thread() -> object:
        return asyncio.run(asyncio.wait_for(asyncio.to_thread(in_thread), 10))

    for once in (direct, one, other, in_thread):
        for _ in range(2):
            with pytest.raises(ReEntered, match="wait for itself"):
                once()
    with pytest.raises(ReEntered, match=r"test_calling_itself.*task"):
        asyncio.run(task())


def test_two_that_wait_for_each_other_in_two_threads_are_told() -> None:
    """Each runs one body and calls the other."""
    together = threading.Barrier(2)

    @init_once
    def one() -> object:
        together.wait(10)
        return other()

    @init_once
    def other() -> object:
        together.wait(10)
        return one()

    with ThreadPoolExecutor(2) as threads:
        results = [threads.submit(once) for once in (one, other)]
        errors = [result.exception(10) for result in results]
    assert ReEntered in [type(error) for error in errors]


def test_methods_have_a_result_for_each_instance() -> None:
    """By identity: instances that are equal, or not hashable, are still different ones. They do not live longer."""

    class Service:
        __hash__ = None  # type: ignore[assignment]

        def __eq__(self, other: object) -> bool:
            return True

        @init_once
        def plain(self) -> list[Service]:
            """Made once."""
            return [self]

        @init_once
        async def slow(self) -> object:
            return object()

        @classmethod
        @init_once
        def shared(cls) -> object:
            return object()

        @staticmethod
        @init_once
        def free() -> object:
            return object()

    a, b = Service(), Service()
    assert a.plain() is a.plain() is not b.plain()
    assert a.plain()[0] is a
    assert asyncio.run(a.slow()) is asyncio.run(a.slow()) is not asyncio.run(b.slow())
    assert Service.plain(a) is Service.plain(a)
    assert a.shared() is b.shared() is Service.shared()
    assert a.free() is Service.free()
    assert Service.plain.__name__ == "plain"
    assert Service.plain.__doc__ == "Made once."
    del a, b
    gc.collect()


def test_an_instance_may_be_collected() -> None:
    """What was made for it is forgotten with it."""

    class Service:
        @init_once
        def made(self) -> object:
            return object()

    for _ in range(100):
        Service().made()
    gc.collect()
    assert Service.made._of_instances == {}


class Copied:
    """At module level, so that it can be pickled."""

    @init_once
    def made(self) -> object:
        """Something that belongs to one instance."""
        return object()


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_a_copy_has_results_of_its_own(copied: Callable[[Copied], Copied]) -> None:
    """Nothing is kept in the instance."""
    original = Copied()
    made = original.made()
    assert copied(original).made() is not made


def test_there_is_a_result_for_each_key() -> None:
    """With arguments it cures check-then-insert: one resource a key, and keys do not wait for each other."""
    made: list[str] = []
    inside, go_on = threading.Event(), threading.Event()

    @init_once
    def client(host: str) -> list[str]:
        made.append(host)
        if host == "slow":
            inside.set()
            assert go_on.wait(10)
        return [host]

    with ThreadPoolExecutor(4) as threads:
        slow = [threads.submit(client, "slow") for _ in range(2)]
        assert inside.wait(10)
        assert client("a") is client("a")
        go_on.set()
    assert slow[0].result() is slow[1].result()
    assert made == ["slow", "a"]
    client.reset("a")
    client("a")
    client("slow")
    assert made == ["slow", "a", "a"]
    with pytest.raises(TypeError, match="by position"):
        client(host="a")


def test_reset_forgets() -> None:
    """For tests; who waits for a run that is under way still gets its result, and nobody else."""
    body = Body()
    once = init_once(body)
    with ThreadPoolExecutor(1) as thread:
        old = thread.submit(once)
        assert body.running.wait(10)
        once.reset()
        body.go_on.set()
        first = old.result()
    second = once()
    assert second is not first
    assert once() is second
    once.reset()
    assert once() is not second


@pytest.mark.parametrize("again", [False, True])
def test_a_forked_child(again: bool) -> None:
    """Has the parent's result, or makes its own when asked; and never waits for a thread that exists in the parent only."""
    body = Body()

    @init_once(again_after_fork=again)
    def done() -> int:
        return os.getpid()

    once = init_once(body)
    parent = done()
    thread = threading.Thread(target=once)
    thread.start()
    assert body.running.wait(10)
    child = os.fork() if hasattr(os, "fork") else pytest.skip("no fork here")
    if child == 0:  # nothing of pytest may run here
        code = 1
        try:
            body.go_on.set()
            once()
            code = 0 if (done() == parent) != again else 2
        finally:
            os._exit(code)
    body.go_on.set()
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert done() == parent
