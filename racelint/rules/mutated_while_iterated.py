"""A shared collection is iterated with an await in the loop, while other tasks change it.

A dictionary or set whose size changes stops the loop with `RuntimeError`; from a list, entries are missed or visited twice. A
generator over it, `(peer for peer in self.peers if peer.open)`, copies nothing.

## Example
    async def broadcast(self, text: str) -> None:
        for peer in self.peers:
            await peer.send(text)

    async def handle(self, peer: Peer) -> None:
        self.peers.add(peer)
        try:
            await peer.run()
        finally:
            self.peers.discard(peer)

    async def serve(self) -> None:
        asyncio.create_task(self.broadcast("hello"))
        while True:
            asyncio.create_task(self.handle(await self.accept()))

## Use instead
    async def broadcast(self, text: str) -> None:
        for peer in list(self.peers):
            await peer.send(text)

    async def handle(self, peer: Peer) -> None:
        self.peers.add(peer)
        try:
            await peer.run()
        finally:
            self.peers.discard(peer)

    async def serve(self) -> None:
        asyncio.create_task(self.broadcast("hello"))
        while True:
            asyncio.create_task(self.handle(await self.accept()))

## Missed alarms
Collections that are changed by another class, and those that only callers outside of the module share between threads, unless
their changes are made under a lock. Functions with `yield` that go over a collection for the loop of another one.
"""

from collections.abc import Iterable, Iterator

from racelint.finding import Finding, Fix, Role, World
from racelint.need import Need
from racelint.pattern import Access, Confidence, Evidence, Mark, Op, Switch, calls_entry, ends_entry
from racelint.pattern.indexing import gone_through_by_number
from racelint.pattern.iterating import (
    VIEWS,
    changed_by_requests,
    iterated_by_starter,
    iterated_by_threads,
    process_wide,
)
from racelint.pattern.known_keys import keeps_size
from racelint.pattern.lone import believed
from racelint.pattern.module import Module
from racelint.pattern.own_tasks import beside_own_task
from racelint.pattern.pair import INTERNAL
from racelint.pattern.rivals import rivals, stronger
from racelint.pattern.unit import Unit, same
from racelint.rule import Rule

RESIZES = ("append", "add", "[]", "del[]", "pop", "popitem", "remove", "discard", "clear", "update", "setdefault", "insert",
           "extend", "appendleft", "popleft")  # fmt: skip
REMOVES = ("del[]", "pop", "remove", "clear", "insert", "add", "discard")
"""Changes of a list that make a loop over it miss entries or visit them twice; what is appended is just visited too. A set is known by `add`."""


def find(module: Module) -> Iterable[Finding]:
    """Iterated without a copy, switch in the body; and another unit changes its size."""
    yield from between_threads(module)
    yield from by_number(module)
    for unit in module.units:
        for read, switch, evidence in iterations(unit):
            name = read.resource.name
            yield module.finding(
                RULE,
                unit,
                read,
                ((Role.READ, read), (Role.SWITCH, switch)),
                f"`{name}` is iterated here with an await on line {module.line(switch)} in the loop; others change it meanwhile",
                believed(unit, evidence, read),
                World.TASKS,
                name,
                Fix(f"iterate over a copy, `list({name})`"),
            )


def between_threads(module: Module) -> Iterator[Finding]:
    """Iterated without a copy and without a lock, while a thread changes its size."""
    for unit in module.units:
        for loop, text, evidence in process_wide(unit):
            yield module.finding(
                RULE,
                unit,
                loop,
                ((Role.READ, loop),),
                f"`{text}` is iterated here while another thread may change it",
                evidence,
                World.THREADS,
                text,
                Fix(f"iterate over a copy, `list({text})`"),
            )
        for loop, name, change, evidence in iterated_by_starter(unit):
            yield module.finding(
                RULE,
                unit,
                loop,
                ((Role.READ, loop),),
                f"`{name}` is iterated here while a thread that was started before changes it on line {change}",
                evidence,
                World.THREADS,
                name,
                Fix(f"wait for the threads before, or iterate over a copy, `list({name})`"),
            )
        for read, change, evidence in iterated_by_threads(unit):
            name = read.resource.name
            yield module.finding(
                RULE,
                unit,
                read,
                ((Role.READ, read),),
                f"`{name}` is iterated here while another thread changes it on line {change}",
                evidence,
                World.THREADS,
                name,
                Fix(f"iterate over a copy, `list({name})`, or under the lock of those who change it"),
            )


def by_number(module: Module) -> Iterator[Finding]:
    """Gone through by number, up to a length that the list does not have any more."""
    for unit in module.units:
        for found in gone_through_by_number(unit):
            name = found.size.resource.name
            between = ((Role.SWITCH, found.switch),) if found.switch is not None else ()
            yield module.finding(
                RULE,
                unit,
                found.entry,
                ((Role.READ, found.size), *between, (Role.READ, found.entry)),
                f"`{name}` is gone through by number up to its length of line {module.line(found.size)}; `{found.taker}` shortens it "
                f"meanwhile on line {found.line}, and this entry may be gone",
                found.evidence,
                World.TASKS if found.switch is not None else World.THREADS,
                name,
                Fix(f"go over a copy, `list({name})`"),
            )


def iterations(unit: Unit) -> Iterator[tuple[Access, Switch, Evidence]]:
    """Loops over shared collections with a switch point in the body, and who changes the collection meanwhile."""
    for loop in unit.marks("loop"):
        if unit.module.text(loop.place).startswith(("[", "{")):
            continue  # what was gathered before the first round
        for number in sorted(loop.stems):
            read = unit.access(number)
            if read is None or read.resource.kind not in INTERNAL or read.how not in VIEWS or read.id > loop.id:
                continue
            if swapped(unit, read) or "RuntimeError" in read.handled:  # who foresees it does something about it
                continue
            if unit.facts.qualname != loop.place.unit != read.place.unit:
                continue  # that unit says more of a generator which another one makes for it
            switch = next((s for s in unit.switches_between(read.id, loop.id) if s.id > loop.id), None)
            if switch is None:
                continue
            locks = unit.locks_over(read, switch)
            if not locks and unit.guarded(read, switch):
                continue
            evidence = resized_by(unit, read, locks)
            if not locks:
                evidence = stronger(evidence, resized_by_entries(unit, read, loop))
            if evidence is not None:
                yield read, switch, evidence
                break


def swapped(unit: Unit, read: Access) -> bool:
    """Whether the unit took the collection out of its place before it iterates over it."""
    taken = read.value.via
    return taken is not None and any(
        taken < write.id < read.id and same(write.resource, read.resource) for write in unit.accesses(Op.WRITE)
    )


def resized_by(unit: Unit, read: Access, locks: frozenset[str]) -> Evidence | None:
    """Who changes the size of the collection, in another run or in another unit; if the loop holds `locks`, under no lock at all."""
    scope = unit.module.scope
    whole = read.resource.owner in scope.classes and not read.resource.key  # what an entry is, the type does not say
    kind = scope.attribute_type(read.resource.owner, read.resource.path) if whole else ""
    shapes = REMOVES if kind in (*LISTS, "") and read.how == "iterate" else RESIZES
    best: Evidence | None = None
    for write, function, found in rivals(unit, read.resource, World.TASKS, shapes):
        if locks and (function.qualname == unit.facts.qualname or unit.module.under_lock(function, write, locks)):
            continue
        if keeps_size(unit, read.resource, function, write):
            continue
        # of a list, entries may be missed, nothing fails, unless another unit surely takes some out
        own = unit.module.concurrency.runs(unit.facts.qualname)
        misses = write.how in TAKES and function.qualname not in {unit.facts.qualname, *own}
        if (kind in LISTS and not misses) or found.strength is Confidence.MEDIUM:
            found = found.weakened()  # a public method alone says little
        if kind not in LISTS and found.strength is Confidence.LOW:
            found = stronger(found, changed_by_requests(unit, function, found)) or found
            found = stronger(found, beside_own_task(unit, function) if whole else None) or found
        if best is None or found.strength.rank > best.strength.rank:
            text = f"{found.text}; `{function.qualname}` changes it on line {write.line}"
            best = Evidence(text, found.strength, found.world, unseen=found.unseen)
    return best


LISTS = ("list", "deque", "collections.deque")
TAKES = ("clear", "remove", "pop", "popleft", "del[]")
"""How entries of a list go, so that a loop over it passes over others."""


def resized_by_entries(unit: Unit, read: Access, loop: Mark) -> Evidence | None:
    """Who takes entries out, where what is awaited in the loop is code of the entries: a listener that ends its subscription."""
    concurrency = unit.module.concurrency
    if read.handled & {"", "RuntimeError"} and read.how != "iterate":
        return None
    call = next(
        (c for s in unit.switches_between(read.id, loop.id) if s.id > loop.id and (c := entry_called(unit, s))), ""
    )
    if not call:
        return None
    for function, write in concurrency.writers(read.resource):
        if ends_entry(function, write):
            return Evidence(
                f"`{call}` is code of the entries, which may call `{function.qualname}`, which takes them out on line {write.line}",
                Confidence.MEDIUM,
                World.TASKS.value,
            )
    return None


def entry_called(unit: Unit, switch: Switch) -> str:
    """The awaited call at the switch point, if it calls what a loop goes over, or a method of that; "" if not."""
    function = unit.module.scope.functions.get(switch.place.unit)
    line = unit.module.line(switch)
    for call in function.calls if function is not None else ():
        if call.line == line and function is not None and calls_entry(call, function):
            return call.callee
    return ""


RULE = Rule(
    "RL802",
    "mutated-while-iterated",
    (World.TASKS, World.THREADS),
    "iteration fails",
    __doc__,
    find,
    needs=(Need.ITERATION, Need.THREAD_ITERATION, Need.PROCESS_WIDE_ITERATION),
)
