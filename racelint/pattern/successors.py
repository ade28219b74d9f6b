"""Entries that a run puts into a dictionary under a key which comes again, and takes out at its end, whoever has put what is there.

`self.sockets[user] = ws`, and `self.sockets.pop(user, None)` when `ws` has ended: the same user may have come back meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Kind, Mark, Op, Sense, Shape, Switch
from racelint.evidence import Evidence
from racelint.expressions import expression
from racelint.facts import FunctionFacts
from racelint.finding import Confidence, World
from racelint.pattern.own_keys import has_own_key
from racelint.pattern.pair import INTERNAL
from racelint.pattern.rivals import with_itself
from racelint.pattern.unit import Unit
from racelint.words import CLOSES, WORD


def successor_taken_out(unit: Unit) -> Iterator[tuple[Access, Switch, Access, Evidence]]:
    """The putting in, an await, the taking out without a look at what is there, and why another run has put its own there."""
    if unit.is_constructor or not unit.facts.is_async:
        return
    shown: set[tuple[str, str]] = set()
    for act in unit.accesses(Op.DELETE, kinds=INTERNAL):
        place = act.resource.place
        if act.how not in ("pop", "del") or place in shown or not _comes_again(unit, act) or _looked_at(unit, act):
            continue
        if not _at_its_end(unit, act):
            continue
        for put, switch, evidence in (*_own(unit, act), *_of_starter(unit, act)):
            shown.add(place)
            yield put, switch, act, evidence
            break


def taken_out_by_callback(unit: Unit) -> Iterator[tuple[Access, Mark, Evidence]]:
    """The putting in of a task, in the place of an older one that is ended, and the callback that takes out what is there at its end."""
    for mark in unit.marks("spawn"):
        if mark.subject.rpartition(".")[2] != "add_done_callback" or mark.place.unit != unit.facts.qualname:
            continue
        found = _POPS.search(unit.module.text(mark.place))
        for put in unit.accesses(Op.WRITE, kinds=INTERNAL) if found is not None else ():
            if found is None or put.how != "[]" or (put.resource.name, put.resource.key) != (found[1], found[2]):
                continue
            known = _expected(unit, put) if put.value.type == "task" and not _only_if_missing(unit, put) else None
            if known is not None:
                text = f"`{unit.facts.qualname}` starts one after the other; {known}"
                yield put, mark, Evidence(text, Confidence.MEDIUM)
                break


_POPS = expression(r"add_done_callback\(\s*lambda[^:]*:\s*([\w.]+)\.pop\(\s*([^,()]+)(?:,[^()]*)?\)\s*\)$")
"""A callback that takes an entry out without a look: `task.add_done_callback(lambda _: self.tasks.pop(name, None))`."""


def _own(unit: Unit, act: Access) -> Iterator[tuple[Access, Switch, Evidence]]:
    """The unit puts the entry there itself."""
    for put in _puts(unit, act, act.resource.key):
        switch = unit.switch_between(put.id, act.id)
        if switch is None or unit.guarded(put, act) or not unit.before(put.id, act.id) or not _is_object(unit, put):
            continue
        found = with_itself(unit, World.TASKS, act.resource)
        if found is None:
            continue
        known = _expected(unit, put)
        if known is not None:
            yield put, switch, Evidence(f"{found.text}; {known}", Confidence.MEDIUM, found.world)
        elif _handled(unit):
            yield (
                put,
                switch,
                Evidence(found.text, min(found.strength, Confidence.MEDIUM, key=lambda s: s.rank), found.world),
            )


def _of_starter(unit: Unit, act: Access) -> Iterator[tuple[Access, Switch, Evidence]]:
    """Who starts the task that the unit is puts it there, under the key that it hands to the task."""
    names = [name for name, _ in unit.facts.params]
    root = act.resource.key.partition(".")[0]
    switch = next((one for one in unit.switches() if unit.before(one.id, act.id)), None)
    if switch is None or root not in names or root == "self" or act.resource.kind is not Kind.ATTRIBUTE:
        return
    for function, write in unit.module.concurrency.writers(act.resource):
        if write.how != "[]" or function.qualname == unit.facts.qualname:
            continue
        starter = unit.module.unit(function.qualname)
        if starter is None:
            continue
        for put in _puts(starter, act, ""):
            spawned = put.value.shape is Shape.SPAWNED and any(
                unit.facts.qualname in mark.related and mark.statement == put.statement
                for mark in starter.marks("spawn")
            )
            known = _expected(starter, put) if spawned or _handed(starter, put, unit.facts) else None
            if known is not None:
                yield (
                    put,
                    switch,
                    Evidence(f"`{function.qualname}` starts one after the other; {known}", Confidence.MEDIUM),
                )


def _handed(starter: Unit, put: Access, body: FunctionFacts) -> bool:
    """Whether the entry is a task that was started before with this body: `task = create_task(self.run(name))`."""
    return any(
        body.qualname in mark.related and mark.id < put.id and put.value.type == "task"
        for mark in starter.marks("spawn")
    )


def _at_its_end(unit: Unit, act: Access) -> bool:
    """Whether the unit comes to it however its work ends: a run that is cancelled, or whose peer goes away, does so, too."""
    return any(mark.id < act.id and unit.before(mark.id, act.id) for mark in unit.marks("finally", "handler"))


def _puts(unit: Unit, act: Access, key: str) -> list[Access]:
    """Where a unit sets the entry whatever is there; that with any key, if none is given."""
    puts = [
        put
        for put in unit.accesses(Op.WRITE, kinds=INTERNAL)
        if put.how == "[]"
        and put.resource.place == act.resource.place
        and put.resource.key
        and (not key or (put.resource.key == key and put.resource.name == act.resource.name and put.id < act.id))
    ]
    return [put for put in reversed(puts) if not _only_if_missing(unit, put)]


def _only_if_missing(unit: Unit, put: Access) -> bool:
    """Whether who finds an entry there does not replace it."""
    return any(
        sense is not Sense.PRESENT
        and (look := unit.access(number)) is not None
        and look.resource.place == put.resource.place
        for number, sense in put.control
    )


def _is_object(unit: Unit, put: Access) -> bool:
    """Whether the run has something of its own there, and not a mark that something is being done, or what is known of it."""
    if unit.module.text(put.place).partition("] = ")[2][:1] in ("{", "[", "("):
        return False
    if put.value.shape in (Shape.NEW, Shape.SPAWNED, Shape.CALL, Shape.AWAITED):
        return True
    return put.value.shape is Shape.OTHER and put.value.text.isidentifier()


def _expected(unit: Unit, put: Access) -> str | None:
    """What says that there may be an older entry: the unit ends that before it puts its own, and does not wait for its run to end."""
    entry = (put.resource.place, put.resource.key)
    looks = [
        look
        for look in unit.accesses(Op.READ, Op.CHECK, Op.DELETE, kinds=INTERNAL)
        if (look.resource.place, look.resource.key) == entry and look.id < put.id and unit.before(look.id, put.id)
    ]
    ids = {look.id for look in looks}
    ended = any(
        use.how in ENDS and (use.value.via in ids or (use.resource.place, use.resource.key) == entry)
        for use in unit.accesses(Op.USE, kinds=INTERNAL)
        if unit.before(use.id, put.id)
    )
    taken = {look.id for look in looks if look.op is Op.DELETE}
    if not ended and not any(
        mark.subject.rpartition(".")[2] in ENDS
        and mark.id < put.id
        and any(unit.before(number, mark.id) for number in taken)
        for mark in unit.marks("call")
    ):
        return None
    first = min(ids, default=-1)
    for switch in unit.switches():
        if not first < switch.id or not unit.before(switch.id, put.id):
            continue
        of_entry = switch.used is not None and (switch.used.place, switch.used.key) == entry
        if switch.callee == "" or ((of_entry or ids & switch.stems) and switch.callee in WAITED):
            return None  # it waits until the older one has come to its end
    return f"`{unit.facts.name}` ends an older one first, if there is any"


ENDS = CLOSES | {"cancel", "kill"}
"""Calls that end what an entry stands for."""

WAITED = ("", "gather", "wait", "wait_for", "shield", "wait_closed", "join")
"""Names of calls by which one waits until another run has ended; "" for an awaited task."""


def _handled(unit: Unit) -> bool:
    """Whether a framework calls the unit for whoever comes: a client that was cut off comes again before that is noticed.

    Who is called by a handler may be given a key that the handler has made.
    """
    concurrency, name = unit.module.concurrency, unit.facts.qualname
    roots = (concurrency.roots[number] for number in concurrency.reached.get(name, ()))
    return any(root.handler and root.many and root.world == "tasks" and root.unit == name for root in roots)


def _comes_again(unit: Unit, act: Access) -> bool:
    """Whether the key is one that the next run may have, too, as names of users and devices are; not one made for this run."""
    key = act.resource.key
    words = {word.lower() for word in WORD.findall(_named(key))}
    root = key.partition(".")[0].partition("[")[0]
    if not key or "(" in key or words & ONCE_ONLY or has_own_key(unit, act.resource) or not root.isidentifier():
        return False
    lines = {write.line for write in unit.facts.writes if write.path == root}
    if any(_counted_up(unit, line) for line in lines):
        return False
    built = {call.callee.rpartition(".")[2] for call in unit.facts.calls if call.line in lines}
    return not any({word.lower() for word in WORD.findall(name)} & MADE for name in built)


def _named(key: str) -> str:
    """What an attribute as a key names: the chat of `message.chat.id` and of `message.chat_id`, which is that of the next message, too."""
    *holders, last = key.split(".")
    if not holders or not key.replace(".", "").isidentifier():
        return key
    return f"{holders[-1]}.{last}" if last.lower() in _PLAIN else last


_PLAIN = frozenset("id pk key name uid value".split())
"""Attributes that say which one their object is."""


def _counted_up(unit: Unit, line: int) -> bool:
    """Whether a line of the unit takes what a counter has come to that was counted up just before, so that nobody else has the number."""
    taken = _TAKEN.search(unit.module.program.lines[line - 1])
    counted = [
        write.line
        for write in unit.facts.writes
        if taken is not None and write.path == taken[1] and write.how == "+=" and write.line < line
    ]
    return bool(counted) and not any(max(counted) < unit.module.line(switch) <= line for switch in unit.switches())


_TAKEN = expression(r"^\s*\w+\s*=\s*([A-Za-z_][\w.]*)\s*$")

ONCE_ONLY = frozenset(
    "request req response call message msg correlation uuid guid nonce token connection conn transaction tx seq sequence ticket ws websocket "
    "socket sock writer reader peer addr address port fd future fut event counter count idx index pid query".split()
)
"""Words of the names of keys of which each run has another."""

MADE = frozenset("uuid uuid1 uuid4 hex next id token generate random hash make new create count time".split())
"""Words of the names of calls that make a key which nobody else has."""


def _looked_at(unit: Unit, act: Access) -> bool:
    """Whether what is there is compared with something before it is taken out: with what the run has put there."""
    for number, _ in act.control:
        look = unit.access(number)
        if look is not None and look.resource.place == act.resource.place and look.how != "in" and look.related:
            return True
    return False
