"""Related changes of the database are split by a commit.

After the commit the first change is visible and permanent, whatever happens to the second. So is one that a pool sends on another
connection than that of the transaction around it.

## Example
    from sqlalchemy.ext.asyncio import AsyncSession

    async def pay(session: AsyncSession, company, person):
        company.cash -= person.salary
        await session.commit()
        person.account += person.salary
        await session.commit()

## Use instead
    from sqlalchemy.ext.asyncio import AsyncSession

    async def pay(session: AsyncSession, company, person):
        await session.refresh(company, with_for_update=True)
        await session.refresh(person, with_for_update=True)
        company.cash -= person.salary
        person.account += person.salary
        await session.commit()

## Missed alarms
Commits that a helper of another module makes.
"""

from collections.abc import Iterable, Iterator

from racelint.finding import Finding, Fix, Role, World
from racelint.need import Need
from racelint.pattern import Access, Kind, Mark, Op
from racelint.pattern.branches import told_apart
from racelint.pattern.module import Module
from racelint.pattern.pair import at_their_calls
from racelint.pattern.past_transactions import sent_past
from racelint.pattern.rows import row_evidence, surely_in_processes
from racelint.pattern.transactions import has_parts, in_one_breath, moved_at_once, one_change
from racelint.pattern.unit import Unit
from racelint.rule import Rule


def find(module: Module) -> Iterable[Finding]:
    """Two related mutations with a commit on the way from one to the other."""
    for unit in module.units:
        for first, commit, second in split_by_commit(unit):
            evidence = row_evidence(unit, second)
            apart = first.place.unit != commit.place.unit or not in_one_breath(unit, commit, second)
            parts = has_parts(unit, first, second) and surely_in_processes(unit)
            if apart and not parts and not moved_at_once(unit, first, second):
                evidence = evidence.weakened()
            first, second = at_their_calls(first, second)
            yield module.finding(
                RULE,
                unit,
                second,
                ((Role.WRITE, first), (Role.ACT, commit), (Role.WRITE, second)),
                f"{_both(first, second)} belong together, but the commit on line "
                f"{module.line(commit)} makes the first change permanent before the second is made here",
                evidence,
                World.PROCESSES,
                second.resource.name,
                Fix("commit once, after both changes"),
            )
        for transaction, inside, change in sent_past(unit):
            first, last = sorted((inside, change), key=lambda one: one.id)
            yield module.finding(
                RULE,
                unit,
                change,
                ((Role.WRITE, first), (Role.WRITE, last)),
                f"`{change.resource.name}` is changed here on another connection than that of the transaction of line "
                f"{module.line(transaction)}, which changes `{inside.resource.name}` on line {module.line(inside)}; it stands before "
                "that is committed, and also if it never is",
                row_evidence(unit, change),
                World.PROCESSES,
                change.resource.name,
                Fix("send both changes on the connection of the transaction"),
            )


def _both(first: Access, second: Access) -> str:
    one, other = first.resource.name, second.resource.name
    return f"two rows of `{one}`" if one == other else f"`{one}` and `{other}`"


def split_by_commit(unit: Unit) -> Iterator[tuple[Access, Mark, Access]]:
    """A change, a commit after it, and the first related change after the commit."""
    mutations = list(unit.accesses(Op.WRITE, Op.UPDATE, Op.CREATE, Op.DELETE, kinds=(Kind.TABLE, Kind.ROW)))
    for commit in unit.marks("commit"):
        earlier = [a for a in mutations if unit.before(a.id, commit.id) and a.id < commit.id]
        later = [a for a in mutations if unit.before(commit.id, a.id) and a.id > commit.id]
        for first in reversed(earlier):
            second = next(
                (a for a in later if related_changes(unit, first, a) and not told_apart(unit, first, a)), None
            )
            if second is not None:
                yield first, commit, second
                break


def related_changes(unit: Unit, first: Access, second: Access) -> bool:
    """Whether both keep one fact: a new row only with one that refers to it."""
    return first.resource.owner == second.resource.owner and one_change(unit, first, second)


RULE = Rule(
    "RL202", "commit-between-mutations", (World.PROCESSES,), "half-done change", __doc__, find, needs=(Need.COMMIT,)
)
