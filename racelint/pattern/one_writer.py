"""Threads that have a database of their own."""

from __future__ import annotations

from racelint.pattern.unit import Unit


def one_writer(unit: Unit) -> bool:
    """Whether the file of an embedded database is that of a thread or task which the module starts once."""
    return _opens_own_file(unit) and _of_one_thread(unit)


def _opens_own_file(unit: Unit) -> bool:
    """Whether the unit, or another method of its object, connects to SQLite."""
    own = unit.module.scope.methods.get(unit.facts.owner, {}).values() if unit.facts.owner else ()
    calls = (call for function in (unit.facts, *own) for call in function.calls)
    return any(call.callee in ("sqlite3.connect", "aiosqlite.connect") for call in calls)


def _of_one_thread(unit: Unit) -> bool:
    """Whether all that runs the unit are threads or tasks that the module starts once each."""
    concurrency = unit.module.concurrency
    roots = [concurrency.roots[number] for number in concurrency.reached.get(unit.facts.qualname, ())]
    alone = not any(r.many or r.processes or r.handler or r.public or r.called for r in roots)
    return bool(roots) and alone
