"""Units that are started often and yet run one after another."""

from __future__ import annotations

from racelint.evidence.calls import ALONE, Calls
from racelint.evidence.handing_on import POOLS
from racelint.facts import CallSite, FunctionFacts
from racelint.resolve import enclosing_self


def joined_before(call: CallSite, line: int, starter: FunctionFacts) -> bool:
    """Whether the thread that a call makes is started and joined, whatever happens, before a later line of the same round.

    No other one is made by then: the local name that is joined holds this one.
    """
    names = {name for name, built in starter.locals_built if built == call.callee}
    between = [other for other in starter.calls if call.line <= other.line < line and other is not call]
    if call.looped or not names or any(other.callee == call.callee for other in between):
        return False
    started = {other.callee.removesuffix(".start") for other in between if other.callee.endswith(".start")}
    return any(
        other.callee.endswith(".join")
        and not other.arguments
        and not other.looped
        and set(other.arms) <= set(call.arms)
        and other.callee.removesuffix(".join") in names & started
        for other in between
    )


def lone_worker(calls: Calls, call: CallSite, starter: FunctionFacts) -> str:
    """The pool of one worker that a call hands a unit to, as the module knows it; "" if there may be more workers."""
    receiver, _, method = call.callee.rpartition(".")
    if method == "run_in_executor":
        receiver = (*call.arguments, "")[0].rpartition("=")[2]
    root, dot, attribute = _without_local_name(receiver, starter).partition(".")
    owner, self_name = enclosing_self(starter, calls.scope)
    if dot:
        if root != self_name or not owner:
            return ""
        makers = list(calls.scope.methods.get(owner, {}).values())
        made = [w.line for m in makers for w in m.writes if w.path == f"self.{attribute}" and w.shape == "call"]
        name = f"{owner}.{attribute}"
    elif root in starter.local_names:
        makers, name = [starter], f"{starter.qualname}.{root}"
        if dict(starter.locals_built).get(root, "").rpartition(".")[2] not in POOLS:
            return ""
        made = [c.line for c in starter.calls if c.callee.rpartition(".")[2] in POOLS]
    else:
        makers, name = [calls.scope.facts.module_body], root
        made = [w.line for m in makers for w in m.writes if w.path == root and w.shape == "call"]
        if root in calls.scope.rebound_globals:
            return ""
    alone = {c.line for m in makers for c in m.calls if _makes_lone_worker(calls, c, m)}
    return name if made and alone.issuperset(made) else ""


def _makes_lone_worker(calls: Calls, call: CallSite, maker: FunctionFacts) -> bool:
    """Whether a call makes a pool of one worker, or has a function of the project make one: `make_serial_executor()`."""
    last = call.callee.rpartition(".")[2]
    if last in POOLS:
        return not ALONE.isdisjoint(call.arguments)
    index, names = calls.scope.index, calls.scope.names_in(maker.qualname)
    found = index.meaning(call.callee, names.facts) if last in index.mentions else None
    function = index.table(found.module).functions.get(found.name) if found is not None else None
    makers = [function] if function is not None else [method for _, method in index.methods_named.get(last, ())]
    return bool(makers) and all(map(_gives_lone_worker, makers))


def _gives_lone_worker(function: FunctionFacts) -> bool:
    pools = [call for call in function.calls if call.callee.rpartition(".")[2] in POOLS]
    return bool(pools) and bool(function.returned) and all(not ALONE.isdisjoint(call.arguments) for call in pools)


def _without_local_name(path: str, function: FunctionFacts) -> str:
    """What a local name stands for that is only ever given one attribute: `pool = self._pool`."""
    if path not in function.local_names:
        return path
    given = {(write.shape, write.built_from) for write in function.writes if write.path == path}
    shape, source = given.pop() if len(given) == 1 else ("", "")
    return source if shape == "other" and source.count(".") == 1 else path


def task_lock_around(calls: Calls, call: CallSite, starter: FunctionFacts) -> str:
    """The lock of tasks that is held until the thread that a call starts has ended (`async with lock: await to_thread(…)`); "" if none.

    One that objects have is told by `self.`: it keeps nobody away from what is not theirs, or is kept beside what is worked on
    (`async with shelf.lock: await to_thread(shelf.index.add)`).
    """
    if not call.awaited or not starter.is_async:
        return ""
    owner, self_name = enclosing_self(starter, calls.scope)
    handed = [argument for argument in call.arguments if argument in starter.references]
    beside = _lock_beside(calls, call.within, starter, handed[0]) if handed else ""
    if beside or (handed and (beside := _lock_of_callers(calls, starter, handed[0]))):
        return beside
    for guard in call.within:
        if calls.scope.canonical(calls.receiver_type(guard, starter)) not in TASK_LOCKS:
            continue
        root, dot, rest = guard.partition(".")
        if dot and root == self_name:
            return f"self.{rest} of {owner}"
        if not dot and guard not in starter.local_names and guard not in calls.scope.rebound_globals:
            return guard
    return ""


def _lock_beside(calls: Calls, within: tuple[str, ...], function: FunctionFacts, path: str) -> str:
    """The lock that an object of the module keeps beside what stands at a path of it, if it is held: `shelf.lock` for `shelf.index`."""
    root, _, rest = path.partition(".")
    if not rest or root not in function.local_names:
        return ""
    kept = rest.partition(".")[0]
    for guard in within:
        holder, _, attribute = guard.partition(".")
        if holder != root or not attribute or "." in attribute:
            continue
        owners = [
            name
            for name, class_ in calls.scope.classes.items()
            if calls.scope.canonical(calls.scope.attribute_type(name, attribute)) in TASK_LOCKS
            and kept in dict(class_.attributes)
        ]
        if len(owners) == 1:
            return f"self.{attribute} of {owners[0]}"
    return ""


def _lock_of_callers(calls: Calls, starter: FunctionFacts, path: str) -> str:
    """The same for what is handed in, wherever a function of the module is called: `await _refresh(shelf.index)`."""
    names = [name for name, _ in starter.params]
    root = path.partition(".")[0]
    if starter.owner or starter.parent or starter.decorators or root not in names:
        return ""
    place, found = names.index(root), set[str]()
    for module, caller, call in calls.scope.index.calls.get(starter.name, ()):
        given = next((a.removeprefix(f"{root}=") for a in call.arguments if a.startswith(f"{root}=")), "")
        given = given or (call.arguments[place] if place < len(call.arguments) else "")
        if module.path != calls.scope.facts.path or not call.awaited or call.callee != starter.name:
            return ""
        found.add(_lock_beside(calls, call.within, caller, f"{given}."))
    return found.pop() if len(found) == 1 else ""


TASK_LOCKS = frozenset({"asyncio.Lock", "asyncio.Condition", "anyio.Lock", "trio.Lock", "trio.StrictFIFOLock"})
"""What lets one task through."""
