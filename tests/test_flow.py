"""What the walk over a definition sees: events in Python's order, what may follow what, and which guards hold.

Each line of an expectation is one event: its number, what it does, `held` with the acquisitions that hold there, and the
numbers of the events that may come next.
"""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import libcst as cst
import pytest
from libcst.metadata import MetadataWrapper, PositionProvider

from racelint.analyse import build_index, collect
from racelint.events import Access, Acquire, Event, Flow, Mark, Switch
from racelint.evidence import Concurrency
from racelint.flow.places import places_of
from racelint.flow.statements import Walker
from racelint.flow.summaries import Program
from racelint.models.loader import load_models
from racelint.resolve import Scope
from racelint.source import Source


def flow_of(text: str, unit: str) -> Flow:
    """The flow of one function of a module."""
    source = Source("m.py", dedent(text))
    facts = collect(source)
    scope = Scope(facts, build_index([facts]), load_models())
    program = Program(source, scope, Concurrency(scope))
    definition = program.definition(unit)
    assert definition is not None
    return Walker(program, definition).walk()


def shown(event: Event) -> str:
    """An event in a few words."""
    match event:
        case Access():
            return f"{event.op.value} {event.resource.shown}"
        case Switch():
            return "switch"
        case Acquire():
            return f"acquire {event.what} {event.lock.shown}"
        case Mark():
            return event.what


def lines_of(flow: Flow) -> list[str]:
    """The flow as text."""
    found = []
    for event, after in zip(flow.events, flow.after, strict=True):
        held = () if isinstance(event, Acquire) else sorted(event.held)
        guards = f" held {','.join(map(str, held))}" if held else ""
        following = " -> " + " ".join(map(str, after)) if after else ""
        found.append(f"{event.id} {shown(event)}{guards}{following}")
    return found


CLASS = """
    import asyncio

    class Box:
        def __init__(self):
            self.n = 0
            self.ready = False
            self.lock = asyncio.Lock()

        async def touch(self):
            self.n = 1
            self.ready = True

        async def quiet(self):
            return 1

        @property
        def full(self):
            return self.n > 3
"""


def method(body: str) -> Flow:
    """The flow of a method `unit` of `Box`."""
    return flow_of(
        dedent(CLASS)
        + "\n    async def unit(self, f):\n"
        + "\n".join(8 * " " + s for s in dedent(body).strip("\n").split("\n"))
        + "\n",
        "Box.unit",
    )


def test_the_old_value_is_read_before_the_await() -> None:
    """Python evaluates the target of an augmented assignment first."""
    assert lines_of(method("self.n += await f()")) == [
        "0 entry -> 1",
        "1 read self.n -> 2",
        "2 switch -> 3",
        "3 write self.n",
    ]


def test_the_await_of_an_own_coroutine_that_never_suspends_is_no_switch() -> None:
    """Nothing runs between the read and the write."""
    assert lines_of(method("self.n += await self.quiet()")) == ["0 entry -> 1", "1 read self.n -> 2", "2 write self.n"]


def test_a_helper_is_walked_in_place_of_its_call() -> None:
    """Its accesses are the unit's own, in its order."""
    assert lines_of(method("await self.touch()\nawait f()")) == [
        "0 entry -> 1",
        "1 write self.n -> 2",
        "2 write self.ready -> 3",
        "3 switch",
    ]


def test_a_property_is_read_through() -> None:
    """The check of a property is a check of what it looks at."""
    assert lines_of(method("if self.full:\n    await f()")) == ["0 entry -> 1", "1 check self.n -> 2", "2 switch"]


def test_two_blocks_on_one_lock_are_two_regions() -> None:
    """A held guard is an acquisition, not a lock's name."""
    flow = method(
        """
        async with self.lock:
            n = self.n
        async with self.lock:
            self.n = n + 1
        """
    )
    assert lines_of(flow) == [
        "0 entry -> 1",
        "1 switch -> 2",
        "2 acquire lock self.lock -> 3",
        "3 read self.n held 2 -> 4",
        "4 switch -> 5",
        "5 acquire lock self.lock -> 6",
        "6 write self.n held 5",
    ]


def test_branches_meet_again_and_decide_nothing_afterwards() -> None:
    """After both arms, neither outcome of the test is known."""
    flow = method(
        """
        if self.ready:
            self.n = 1
        else:
            self.n = 2
        self.n = 3
        """
    )
    assert lines_of(flow) == [
        "0 entry -> 1",
        "1 check self.ready -> 2 3",
        "2 write self.n -> 4",
        "3 write self.n -> 4",
        "4 write self.n",
    ]
    assert [bool(access.control) for access in flow.accesses] == [False, True, True, False]


def test_an_early_return_decides_what_follows() -> None:
    """What comes after `if …: return` runs only because the test failed; an assignment then claims the flag."""
    flow = method(
        """
        if self.ready:
            return
        self.ready = True
        await f()
        self.n = 1
        """
    )
    assert lines_of(flow) == [
        "0 entry -> 1",
        "1 check self.ready -> 2",
        "2 write self.ready -> 3",
        "3 acquire claim self.ready -> 4",
        "4 switch held 3 -> 5",
        "5 write self.n held 3",
    ]


def test_a_loop_looks_again() -> None:
    """The back edge of `while` leads to its test."""
    flow = method(
        """
        while self.ready:
            await f()
        self.n = 1
        """
    )
    assert lines_of(flow) == ["0 entry -> 1", "1 check self.ready -> 2 3", "2 switch -> 1", "3 write self.n"]


def test_a_round_of_a_loop_that_tells_less_leaves_no_trace_of_the_one_before() -> None:
    """A path is asked for in the first round alone; what follows the loop follows the last round."""
    flow = flow_of(
        """
        from pathlib import PurePosixPath

        class Box:
            async def unit(self, path, parents):
                path = PurePosixPath(path)
                missing = []
                while path.name and not await self.exists(path):
                    missing.append(path)
                    path = path.parent
                    if not parents:
                        break
                missing.reverse()
                self.missing = missing
        """,
        "Box.unit",
    )
    assert lines_of(flow) == [
        "0 entry -> 1",
        "1 call -> 2 3 4",
        "2 switch -> 3 4",
        "3 call -> 2 3 4",
        "4 call -> 5",
        "5 write self.missing",
    ]


def test_the_end_of_an_inner_loop_leads_back_to_the_outer_one() -> None:
    """However the inner loop is left: before its first round, after one, or by `break`."""
    flow = method(
        """
        for part in self.parts:
            while more:
                if self.ready:
                    break
                self.n = 0
        self.n = 1
        """
    )
    assert lines_of(flow) == [
        "0 entry -> 1",
        "1 read self.parts -> 2",
        "2 loop -> 2 3 5",
        "3 check self.ready -> 2 4",
        "4 write self.n -> 2 3",
        "5 write self.n",
    ]


def test_a_handler_may_follow_every_event_of_the_body() -> None:
    """Any step of a `try` may be the one that fails; `finally` follows both ends."""
    flow = method(
        """
        try:
            self.n = 1
            await f()
        except OSError:
            self.n = 2
        finally:
            self.ready = False
        """
    )
    assert lines_of(flow) == [
        "0 entry -> 1 3 5",
        "1 write self.n -> 2 3 5",
        "2 switch -> 3 5",
        "3 handler -> 4",
        "4 write self.n -> 5",
        "5 finally -> 6",
        "6 write self.ready",
    ]


def test_a_swap_reads_both_sides_before_it_writes() -> None:
    """`old, self.n = self.n, None` takes the old value out in one step."""
    flow = method("old, self.n = self.n, None\nawait f(old)")
    assert lines_of(flow) == ["0 entry -> 1", "1 read self.n -> 2", "2 write self.n -> 3", "3 switch"]


def test_conditional_expressions_and_short_circuits_branch() -> None:
    """The right side of `and` is reached on one way only."""
    flow = method("return self.ready and self.n")
    assert lines_of(flow) == ["0 entry -> 1", "1 check self.ready -> 2", "2 check self.n"]
    assert [access.control != () for access in flow.accesses] == [False, True]


def test_a_comprehension_is_a_loop() -> None:
    """Its element may be evaluated any number of times, and may suspend."""
    flow = method("return [await f(self.n) for x in f]")
    assert lines_of(flow) == ["0 entry -> 1", "1 loop -> 2", "2 read self.n -> 3", "3 switch -> 1"]


def test_arms_of_match_exclude_each_other() -> None:
    """One arm's write does not follow another's."""
    flow = method(
        """
        match f:
            case 1:
                self.n = 1
            case _:
                self.n = 2
        """
    )
    assert lines_of(flow) == ["0 entry -> 1 2", "1 write self.n", "2 write self.n"]


def test_the_value_of_a_local_remembers_what_it_was_read_from() -> None:
    """Through assignments, arithmetic and the walrus."""
    flow = method("if (n := self.n) > 3:\n    m = n + 1\n    self.n = m")
    write = flow.accesses[-1]
    assert write.value.stems == frozenset({1})
    assert [number for number, _ in write.control] == [1]


def test_a_lock_that_every_caller_holds_is_held_in_the_helper() -> None:
    """`_put` is called under the lock only."""
    flow = flow_of(
        """
        import asyncio

        class Till:
            def __init__(self):
                self.cash = 0
                self.lock = asyncio.Lock()

            async def _put(self, n):
                self.cash += n

            async def sell(self, n):
                async with self.lock:
                    await self._put(n)
        """,
        "Till._put",
    )
    assert lines_of(flow) == [
        "0 entry -> 1",
        "1 acquire lock self.lock -> 2",
        "2 read self.cash held 1 -> 3",
        "3 write self.cash held 1",
    ]


LONG = [path for path in sorted((Path(__file__).parent / "fixtures").glob("*/*/bad.py")) if path.stat().st_size > 500]


@pytest.mark.parametrize("path", LONG[::9], ids=str)
def test_places_are_those_of_libcst(path: Path) -> None:
    """Where nodes stand is what libcst's own provider says, but for the whole module, whose last line break it drops."""
    module = cst.parse_module(path.read_bytes())
    theirs = MetadataWrapper(module, unsafe_skip_copy=True).resolve(PositionProvider)
    ours = places_of(module)
    assert len(ours) == len(theirs) > 100
    wrong = [
        type(node).__name__
        for node, place in theirs.items()
        if node is not module and ours[node] != (place.start.line, place.start.column, place.end.line, place.end.column)
    ]
    assert wrong == []
