"""Threads and tasks that are the only ones to write something: started once, and run by nothing else."""

from __future__ import annotations

from racelint.pattern.unit import Unit


def one_writer(unit: Unit) -> bool:
    """Whether the file of an embedded database is that of a thread or task which the module starts once."""
    return _opens_own_file(unit) and _of_one_thread(unit)


def only_one_run(unit: Unit) -> bool:
    """Whether the unit is run by one thread or task alone, which a function of the module starts once.

    What the module starts when it is imported each worker process of a server has for itself.
    """
    concurrency, facts = unit.module.concurrency, unit.facts
    body = unit.module.scope.facts.module_body
    roots = {concurrency.roots[number].unit for number in concurrency.reached.get(facts.qualname, ())}
    at_import = {
        started.qualname
        for call, _ in concurrency.spawning_calls(body)
        for path in concurrency.handed(call, body)
        for started in concurrency.spawned_units(path, body, call.line)
    }
    return len(roots) == 1 and roots.isdisjoint(at_import) and _of_one_thread(unit)


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
