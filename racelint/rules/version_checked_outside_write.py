"""A version or a state is compared in one step and the new one saved in another.

Two writers can both pass the comparison before either saves; the second overwrites the first, which is what the version
should have prevented, or an order is paid twice. The comparison must be part of the write. So it is with a code that may be used once
and is looked up and removed in two steps, with a lock of a store that is taken by a step whose answer nobody asks for, and with what
a function like `put_if_absent` promises.

## Example
    async def update(self, key: str, state: State) -> None:
        current = await self.store.load(key)
        if current.version != state.version:
            raise Conflict(key)
        await self.store.save(key, state)

## Use instead
    async def update(self, key: str, state: State) -> None:
        if not await self.store.save_if_version(key, state, expected=state.version):
            raise Conflict(key)

## Missed alarms
Versions that are not called version, revision, etag or generation, unless the content of a row, or a digest of it, is compared. A state of a row that is compared and left for another is
reported only if something else is done because of it, or if its name says that a right is given once (`used`, `claimed`) and who
comes second is refused; that two requests set the same flag does no harm.
"""

from collections.abc import Iterable, Iterator

from racelint.expressions import expression
from racelint.finding import Finding, Fix, Role, World
from racelint.need import Need
from racelint.pattern import Access, Kind, Mark, Op, Switch
from racelint.pattern.contents import contents_compared
from racelint.pattern.dependence import one_document
from racelint.pattern.left_states import states_left
from racelint.pattern.module import Module
from racelint.pattern.object_states import object_states, states_kept_by_others
from racelint.pattern.pair import Pair
from racelint.pattern.promised import promises_broken
from racelint.pattern.redeemed import rows_redeemed
from racelint.pattern.rights import rights_spent, taken_unasked
from racelint.pattern.rows import row_evidence, store_rival
from racelint.pattern.states import state_changes, statements_after_test
from racelint.pattern.unit import Unit
from racelint.rule import Rule


def find(module: Module) -> Iterable[Finding]:
    """A write of a store that runs only because a version read from it compared equal."""
    for unit in module.units:
        for pair in version_checks(unit):
            kept = pair.second.resource.kind is Kind.STORE and pair.second.resource.owner == "store"
            evidence = store_rival(unit, pair, served=kept)
            if evidence is None:
                continue
            name = pair.second.resource.name
            yield module.finding(
                RULE,
                unit,
                pair.second,
                pair.steps,
                f"the version of `{name}` is read on line {module.line(pair.first)} and compared, and `{name}` is saved here in a "
                "separate step; two writers can both pass the comparison",
                evidence,
                pair.world,
                name,
                Fix(
                    "compare inside the write: `UPDATE … WHERE version = ?` with the row count tested, a conditional write, or `update_atomic`"
                ),
            )

        yield from find_compared(module, unit)
        yield from find_unasked(module, unit)
        for pair, effect in (
            *state_changes(unit),
            *states_left(unit),
            *rights_spent(unit),
            *statements_after_test(unit),
            *promises_broken(unit),
            *rows_redeemed(unit),
            *object_states(unit),
            *states_kept_by_others(unit),
        ):
            name = pair.first.resource.name
            yield module.finding(
                RULE,
                unit,
                pair.second,
                ((Role.CHECK, pair.first), (Role.ACT, effect), (Role.WRITE, pair.second))
                if effect is not None and effect.id < pair.second.id
                else ((Role.CHECK, pair.first), (Role.WRITE, pair.second)),
                f"`{name}` is tested on line {module.line(pair.first)} and changed here in a separate step; two processes can both "
                + _harm(module, pair.second, effect),
                row_evidence(unit, pair.second, pair.first),
                World.PROCESSES,
                name,
                Fix(
                    "let the update test the old state and look at the number of changed rows, or lock the row before it is read"
                ),
                "done twice",
            )


def _harm(module: Module, write: Access, effect: Access | Mark | Switch | None) -> str:
    """What becomes of it that two pass the test."""
    if effect is None:
        return "pass the test, and the second is not refused"
    if effect is write:
        return "pass the test, and both go on as if it were theirs"
    return f"pass the test, and do what line {module.line(effect)} does twice"


def find_compared(module: Module, unit: Unit) -> Iterable[Finding]:
    """Saves of rows of which the client said what was in them."""
    for load, compared, write, content in contents_compared(unit):
        name = write.resource.name
        yield module.finding(
            RULE,
            unit,
            write,
            ((Role.READ, compared), (Role.WRITE, write)),
            f"`{content}` is compared on line {module.line(compared)} with what the client has seen, and `{name}` is saved here in a "
            "separate step; two writers can both pass the comparison",
            row_evidence(unit, write, load),
            World.PROCESSES,
            name,
            Fix(
                "let the update test the old content and look at the number of changed rows, or lock the row before it is read"
            ),
        )


def find_unasked(module: Module, unit: Unit) -> Iterable[Finding]:
    """Locks in a store that are taken, whether or not they were free."""
    for take, work in taken_unasked(unit):
        name = take.resource.name
        yield module.finding(
            RULE,
            unit,
            work,
            ((Role.CHECK, take), (Role.ACT, work)),
            f"`{name}` is taken on line {module.line(take)} by a step that says whether it was free, but nobody asks; what is done here "
            "is done by whoever comes meanwhile, too",
            row_evidence(unit, take),
            World.PROCESSES,
            name,
            Fix("go on only if the step says that it took the lock"),
            "done twice",
        )


def version_checks(unit: Unit) -> Iterator[Pair]:
    """Store updates behind a comparison of a version that was read from the store."""
    for write in unit.accesses(Op.WRITE, Op.UPDATE, kinds=(Kind.STORE, Kind.FILE, Kind.TABLE, Kind.ROW)):
        of_one = write.resource.kind is Kind.TABLE or write.how in ("update_one", "replace_one")
        if write.how == "conditional" or (write.op is Op.UPDATE and not of_one):
            continue
        for mark in unit.marks("version"):
            if write.op is Op.UPDATE and (mark.subject in write.tested or mark.subject not in write.assigned):
                continue
            read = next(
                (a for n in sorted(mark.stems) if (a := unit.access(n)) is not None and one_document(unit, a, write)),
                None,
            )
            if read is None or not mark.stems & write.controlled_by or not unit.before(mark.id, write.id):
                continue
            compared = unit.module.text(mark.place)
            if _notes_it(unit, mark, read, write) or _VALIDATORS.search(compared) or _FORMATS.search(compared):
                continue
            if not unit.guarded(read, write, World.PROCESSES):
                yield Pair(unit, read, write, unit.switch_between(read.id, write.id), mark)
                break


def _notes_it(unit: Unit, mark: Mark, read: Access, write: Access) -> bool:
    """Whether what is saved is what was compared with: all who come meanwhile note the same version."""
    name = write.value.text
    if not name.isidentifier() or read.id in write.value.stems:
        return False
    return name in _NAMES.findall(unit.module.text(mark.place))


_VALIDATORS = expression(r"(?i)if[_-]?(none[_-]?match|modified[_-]?since)")
"""How headers of HTTP are called by which a client says what it has, so that it need not be sent again: nothing is kept off by them."""

_CONSTANT = r"(?:\w+\((?:\w+, *)?)?(?:\d+|_*[A-Z][A-Z\d_]+\b(?!\())\)?"
_FORMATS = expression(rf"(?:[<>]=?|[!=]=)\s*{_CONSTANT}|\b{_CONSTANT}\s*(?:[<>]=?|[!=]=)")
"""A version that is compared with a constant is that of a format, which is brought up to date: whoever comes second does the same."""

_NAMES = expression(r"(?<![\w.\"'])[A-Za-z_]\w*(?![\w.(\"'])")


RULE = Rule(
    "RL107",
    "version-checked-outside-write",
    (World.PROCESSES, World.TASKS),
    "lost update",
    __doc__,
    find,
    needs=(
        Need.STORE_UPDATE,
        Need.VERSIONED_WRITE,
        Need.ROW_UPDATE,
        Need.QUEUE,
        Need.PROMISE,
        Need.OBJECT_STATE,
    ),
)
