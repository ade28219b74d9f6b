"""A file that other processes read is rewritten in place.

Between the moment it is emptied and the last write, others read nothing or a part of it; two writers mix what they write, and a
crash leaves the part for good.

## Example
    import json

    class StateFile:
        def load(self) -> dict[str, int]:
            with open(self.path) as file:
                return json.load(file)

        def save(self, state: dict[str, int]) -> None:
            with open(self.path, "w") as file:
                json.dump(state, file)

## Use instead
    import json
    import os
    import tempfile

    class StateFile:
        def load(self) -> dict[str, int]:
            with open(self.path) as file:
                return json.load(file)

        def save(self, state: dict[str, int]) -> None:
            with tempfile.NamedTemporaryFile("w", dir=self.folder, delete=False) as file:
                json.dump(state, file)
            os.replace(file.name, self.path)

## Missed alarms
Files that are read by other programs only, unless their name says what they are for. That a path has such a name, or is the same for
all, says only that others could read it: it is told of at the default confidence where the code shows that several run, as a thread,
a handler, a pool, a lock between processes, a server; not where only commands lead to it. Where the project is there to show more,
neither what the function or class is called nor that others of its modules serve several is enough.
"""

from collections.abc import Iterable, Iterator

from racelint.finding import Confidence, Finding, Fix, Role, World
from racelint.need import Need
from racelint.pattern import Access, Evidence, Mark
from racelint.pattern.files import missed_by_nobody
from racelint.pattern.fixed_names import replaced_from_fixed_name
from racelint.pattern.held_outside import after_the_first, locked_for_some, readers_wait
from racelint.pattern.markers import only_marks
from racelint.pattern.module import Module
from racelint.pattern.overwrites import (
    emptied_before_lock,
    emptied_in_place,
    moved_from_elsewhere,
    removed_then_replaced,
)
from racelint.pattern.own_paths import has_process_number, made_for_one_call
from racelint.pattern.own_steps import written_in_one_step_of_a_loop
from racelint.pattern.seldom import seldom_run
from racelint.pattern.several import only_named
from racelint.pattern.sharing import used_by_others
from racelint.pattern.unit import Unit
from racelint.rule import Rule

UNKNOWN = Evidence("nothing says whether other processes use the path", Confidence.LOW)

ADVICE = "write a temporary file in the same folder and `os.replace` it: `atomic_write`"


def find(module: Module) -> Iterable[Finding]:
    """A file that is written so that others can see a part of it."""
    for unit in module.units:
        for first, act, message, evidence, advice in overwrites(unit):
            name = act.resource.name
            yield module.finding(
                RULE,
                unit,
                act,
                ((Role.ACT, first), (Role.WRITE, act)) if first.id != act.id else ((Role.WRITE, act),),
                message.format(name=f"`{name}`", line=module.line(first)),
                evidence.weakened() if seldom_run(unit) or only_named(unit, act, evidence, in_place=True) else evidence,
                World.PROCESSES,
                name,
                Fix(advice),
            )


def overwrites(unit: Unit) -> Iterator[tuple[Access | Mark, Access, str, Evidence, str]]:
    """The step before, the write, the message, why others use the file, and what to write instead."""
    early = set()
    for start, locked, evidence in emptied_before_lock(unit):
        early.add(start.id)
        message = (
            "{name} is emptied when it is opened here, before the lock is held under which line "
            f"{unit.module.line(locked)} writes it; who holds the lock meanwhile reads nothing"
        )
        advice = "open it for reading and writing (`a+`, `r+`), and empty it under the lock"
        yield start, start, message, evidence, advice
    for write, evidence in emptied_in_place(unit):
        if write.id in early:
            continue
        message = "{name} is rewritten in place; others read it empty or half written"
        apart = evidence.strength is not Confidence.LOW and (
            readers_wait(unit, write)
            or only_marks(unit, write)
            or after_the_first(unit)
            or made_for_one_call(unit, write)
            or has_process_number(write.resource.path)
            or written_in_one_step_of_a_loop(unit, write)
        )
        yield write, write, message, evidence.weakened() if apart else evidence, ADVICE
    for removal, write in removed_then_replaced(unit):
        message = "{name} is removed on line {line} and replaced here; in between there is none"
        yield (
            removal,
            write,
            message,
            UNKNOWN if missed_by_nobody(write) else used_by_others(unit, write) or UNKNOWN,
            "`os.replace` it without removing it first",
        )
    for opened, target, used in replaced_from_fixed_name(unit):
        message = "{name} takes what was written on line {line} under a fixed name; two writers mix there"
        advice = "give each writer a temporary file of its own in the same folder: `atomic_write`"
        apart = used is not None and (
            has_process_number(target.value.text)
            or (isinstance(opened, Access) and made_for_one_call(unit, opened))
            or (used.strength is not Confidence.LOW and locked_for_some(unit))
        )
        yield opened, target, message, UNKNOWN if used is None else used.weakened() if apart else used, advice
    for target, used in moved_from_elsewhere(unit):
        message = "{name} gets a file of another folder, which may be copied piece by piece"
        yield target, target, message, used or UNKNOWN, ADVICE


RULE = Rule(
    "RL702", "non-atomic-overwrite", (World.PROCESSES,), "half-written file", __doc__, find, needs=(Need.FILE_STEPS,)
)
