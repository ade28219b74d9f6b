"""What one module does with the functions of others: all that their evidence needs to know of it."""

from __future__ import annotations

from racelint.evidence.data import Root
from racelint.evidence.foreign import Receiver, Target, foreign
from racelint.evidence.guards import Guards, guard_name
from racelint.evidence.handlers import registers
from racelint.evidence.not_started import called_before
from racelint.evidence.reaching import Reaching
from racelint.evidence.spawns import is_waited_for
from racelint.evidence.turns import lone_worker
from racelint.facts import CallSite, FunctionFacts
from racelint.finding import Confidence
from racelint.frozen import dataclass, replace


@dataclass(frozen=True, slots=True)
class OutsideCall:
    """A call of a function of another module."""

    caller: str
    target: tuple[str, str]
    """Path of the module and qualified name in it."""
    receiver: Receiver
    line: int
    held: frozenset[str]
    """What is held around the call, as the target would name it: `self._lock`, `lock` of its own module."""
    locked: bool
    """Something that is named like a lock is held."""


@dataclass(frozen=True, slots=True)
class Digest:
    """One module as its neighbours see it."""

    path: str
    roots: tuple[Root, ...]
    """Where its own units start, public functions left out."""
    started: tuple[tuple[str, Root], ...]
    """Units of other modules that it starts, with the path of their module."""
    calls: tuple[OutsideCall, ...]
    leads_to: dict[str, frozenset[str]]
    """By function: itself and the functions of the module that call it, directly or not."""


def digest_of(module: Reaching) -> Digest:
    """The digest of a module."""
    path = module.scope.facts.path
    if module.unlikely:
        return Digest(path, (), (), (), {})
    started: list[tuple[str, Root]] = []
    calls: list[OutsideCall] = []
    if module.scope.reaches_out:
        for caller in (*module.scope.facts.functions, module.scope.facts.module_body):
            for call in () if module.unlikely_unit(caller) else caller.calls:
                started += _started(module, caller, call)
                target = foreign(call.callee, caller, module.scope)
                if target is not None and (call.awaited or call.callee not in module.handed_over(caller)):
                    calls.append(_outside_call(module, caller, call, target))
    roots = tuple(root for root in module.telling_roots if not _inner(root))
    above = _leads_to(module) if roots or calls or started else {}
    return Digest(path, roots, tuple(started), tuple(calls), above)


def _inner(root: Root) -> bool:
    """Whether the root is a private method of a class that is documented as safe: of the objects it works on that says nothing."""
    return root.documented and root.unit.rpartition(".")[2].startswith("_")


def _started(module: Guards, caller: FunctionFacts, call: CallSite) -> list[tuple[str, Root]]:
    """The units of other modules that a call starts, or keeps to call them later."""
    spawner = module.spawner_of(call, caller)
    if spawner is None and not registers(call.callee.rpartition(".")[2]):
        return []
    found = []
    for argument in call.arguments if spawner is None else module.handed(call, caller):
        path = argument.lstrip("*").rpartition("=")[2]
        if spawner is None and path not in caller.references:
            continue
        target = foreign(path, caller, module.scope)
        if target is None or (spawner is not None and spawner.once):
            continue
        if spawner is not None and not target.function.is_async and called_before(call, argument, caller):
            continue
        unit, where = target.function, f"line {call.line} of {module.scope.facts.path}"
        if spawner is None:
            text = f"{where} registers it as a callback with `{call.callee}`"
            root = Root(unit.qualname, text, "tasks", unit.is_async, Confidence.MEDIUM)
        else:
            many = spawner.many or call.looped or argument.startswith("*")
            text = f"{where} starts it with `{call.callee}`{' for many at once' if many else ''}"
            world = "tasks" if unit.is_async else spawner.world
            waited = is_waited_for(module, call, caller)
            worker = lone_worker(module, call, caller) if world == "threads" else ""
            root = Root(unit.qualname, text, world, many, Confidence.HIGH, waited=waited, worker=worker)
        found.append((target.module.path, replace(root, own_object=_own(argument, caller, target))))
    return found


def _own(argument: str, caller: FunctionFacts, target: Target) -> bool:
    """Whether what a call starts works on an object that the caller built for it alone."""
    path = argument.lstrip("*").rpartition("=")[2]
    if path.partition(".")[0] in caller.loop_names:
        return True
    return target.receiver is Receiver.OWN and not argument.startswith("*")


def _outside_call(module: Guards, caller: FunctionFacts, call: CallSite, target: Target) -> OutsideCall:
    held = module.held_around(caller, call) | module.decorator_guards(caller) | module.held_on_entry(caller)
    receiver = call.callee.rpartition(".")[0]
    names = frozenset(_as_seen(guard_name(guard, caller), receiver, module, target) for guard in held)
    where = (target.module.path, target.function.qualname)
    locked = any(map(module.scope.is_lock, names))
    return OutsideCall(caller.qualname, where, target.receiver, call.line, names, locked)


def _as_seen(guard: str, receiver: str, module: Guards, target: Target) -> str:
    """A guard as the target names it: an attribute of the target's object, or a name of the target's module."""
    if target.receiver not in (Receiver.NONE, Receiver.SELF) and guard.startswith(receiver + "."):
        return "self" + guard[len(receiver) :]
    if target.receiver is Receiver.SELF and guard.startswith("self."):
        return guard
    found = module.scope.index.meaning(guard, module.scope.facts)
    if found is not None and found.name:
        return found.name if found.module.path == target.module.path else f"{found.module.path}:{found.name}"
    return guard


def _leads_to(module: Guards) -> dict[str, frozenset[str]]:
    """For each function all that reach it by calls in the module, and itself."""
    callers: dict[str, set[str]] = {}
    for caller, callees in module.callees.items():
        for callee in callees:
            callers.setdefault(callee, set()).add(caller)
    found: dict[str, frozenset[str]] = {}
    for function in module.scope.facts.functions:
        seen, todo = {function.qualname}, [function.qualname]
        while todo:
            for caller in callers.get(todo.pop(), ()):
                if caller not in seen:
                    seen.add(caller)
                    todo.append(caller)
        found[function.qualname] = frozenset(seen)
    return found
