"""A path is tested and then made, removed or moved in a separate step.

Another process can do the same between the two; the step then fails although the test had allowed it.

## Example
    import os

    def prepare(folder: str) -> None:
        if not os.path.exists(folder):
            os.makedirs(folder)

## Use instead
    import os

    def prepare(folder: str) -> None:
        os.makedirs(folder, exist_ok=True)

## Missed alarms
Paths that are tested under one name and used under another.
"""

from collections.abc import Iterable, Iterator

from racelint.finding import Confidence, Finding, Fix, Role, World
from racelint.pattern import Access, Evidence, Kind, Module, Op, Unit
from racelint.rule import Rule

TOLERANT = frozenset(
    {"OSError", "IOError", "EnvironmentError", "FileExistsError", "FileNotFoundError", "Exception", ""}
)
"""Errors whose handling makes the failure of the step harmless."""


OWN = ("mkdtemp", "uuid", "getpid", "TemporaryDirectory")
"""Parts of paths that no other process has."""


def find(module: Module) -> Iterable[Finding]:
    """A step on a path that runs only because of a test of the path, and whose failure nobody handles."""
    for unit in module.units:
        for test, act in tested_then_used(unit):
            name = act.resource.name
            makes = act.op is Op.CREATE
            yield module.finding(
                RULE,
                unit,
                act,
                ((Role.CHECK, test), (Role.ACT, act)),
                f"`{name}` is tested on line {module.line(test)} and {'made' if makes else 'removed or moved'} here in a separate "
                "step; another process can be faster",
                Evidence("every process on the machine reaches the same path", Confidence.MEDIUM),
                World.PROCESSES,
                name,
                Fix(
                    "do it and let it fail: `exist_ok=True`, mode `x`"
                    if makes
                    else "do it and handle the error: `missing_ok=True`, `FileNotFoundError`"
                ),
            )


def tested_then_used(unit: Unit) -> Iterator[tuple[Access, Access]]:
    """Tests of a path, each with the step that it decided."""
    for act in unit.accesses(Op.CREATE, Op.DELETE, kinds=(Kind.FILE,)):
        if act.handled & TOLERANT or any(word in act.resource.name for word in OWN):
            continue
        for number, _ in act.control:
            test = unit.access(number)
            if (
                test is not None
                and test.op is Op.CHECK
                and test.resource == act.resource
                and not unit.guarded(test, act)
            ):
                yield test, act
                break


RULE = Rule("RL701", "file-check-then-use", (World.PROCESSES,), "step fails", __doc__, find)
