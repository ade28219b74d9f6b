"""Functions that start what they are handed, and so are to their callers what pools and threads are to them."""

from __future__ import annotations

from racelint.facts import CallSite, FunctionFacts
from racelint.frozen import dataclass
from racelint.models.data import Spawner
from racelint.resolve import Scope
from racelint.words import POOL_MAPS


@dataclass(frozen=True, slots=True)
class Starter:
    """A function that starts what it is handed, with the call of a library that does."""

    function: FunctionFacts
    call: CallSite
    spawner: Spawner
    """The model of that call."""
    given: frozenset[str]
    """The parameters that it starts."""
    several: bool
    """It starts several runs at once of what it is handed for one of them."""
    waits: bool
    """It stays until they have ended."""

    def handed(self, call: CallSite) -> tuple[str, ...]:
        """The arguments of a call of the function that it starts."""
        names = [name for name, _ in own_params(self.function)]
        found, place = [], 0
        for argument in call.arguments:
            name, equals, value = argument.partition("=")
            if not equals:
                if place < len(names) and names[place] in self.given:
                    found.append(argument)
                place += 1
            elif name in self.given:
                found.append(argument if name in STARTED else value)
            elif name == "func" and name not in names and found:
                found.append(argument)  # the other one of `a if test else b`
        return tuple(found)


def starter_of(scope: Scope, function: FunctionFacts, call: CallSite, spawner: Spawner) -> Starter | None:
    """The function as one that starts what it is handed, if the call does so; not where it waits for each before it starts the next.

    What it starts several times may be a function in its body that calls what was handed in: one that catches errors, or takes its
    turn.
    """
    params, handed = frozenset(name for name, _ in own_params(function)), handed_on(call)
    inner = {name: _called_inside(scope, function, name) & params for name in handed - params}
    given = (params & handed).union(*inner.values())
    if not given or spawner.once:
        return None
    leading = {name for name in handed if name in given or inner.get(name)}
    spread = {argument[1:] for argument in call.arguments if argument.startswith("*")} & leading
    called = {other.callee for other in function.calls}
    several = not waits_in_turn(call, function) and (
        spawner.many
        or call.callee.rpartition(".")[2] in POOL_MAPS
        or (call.looped and not call.awaited)
        or not spread.isdisjoint(called)  # `gather(*(work(row) for row in rows))`
    )
    if not several and (waits_for_result(function) or any(inner.values())):
        return None  # what calls one thing in its own way may well see to it that nothing else does
    if call.awaited and spawner.world == "tasks" and not spread:
        return None
    return Starter(function, call, spawner, given, several, _waits(call, function))


def _called_inside(scope: Scope, function: FunctionFacts, name: str) -> frozenset[str]:
    """What a function in the body of another one calls under no lock that is no name of its own."""
    inner = scope.functions.get(f"{function.qualname}.{name}")
    if inner is None or any(call.callee.endswith(".acquire") for call in inner.calls):
        return frozenset()
    letting = _lets_several_in(function)
    called = {
        call.callee
        for call in inner.calls
        if not any(scope.is_lock(guard) for guard in call.within if guard not in letting)
    }
    return frozenset(called) - inner.local_names


def _lets_several_in(function: FunctionFacts) -> frozenset[str]:
    """The local names of semaphores that more than one may hold."""
    made = {built for _, built in function.locals_built if built.rpartition(".")[2] in _SEMAPHORES}
    of_one = {call.callee for call in function.calls if call.callee in made and call.arguments in ((), ("1",))}
    return frozenset(name for name, built in function.locals_built if built in made - of_one)


_SEMAPHORES = frozenset({"Semaphore", "BoundedSemaphore", "CapacityLimiter"})


def _waits(call: CallSite, function: FunctionFacts) -> bool:
    """Whether a function stays until what a call of it starts has ended: it asks for results, joins threads, or ends the pool."""
    if call.awaited or any(manager.rpartition(".")[2] in POOLS for manager in call.within):
        return True
    return any(
        other.line >= call.line
        and other is not call
        and (
            other.callee.rpartition(".")[2] in _STAYS
            or (other.callee.endswith(".join") and other.arguments in ((), ("",), ("timeout=",)))
            or (other.callee in _TAKES_ALL and other.line == call.line)
        )
        for other in function.calls
    )


_STAYS = frozenset({"result", "as_completed", "wait", "shutdown"})
"""Last names of calls that wait for what was started."""
_TAKES_ALL = frozenset({"list", "tuple", "dict", "set", "sum", "sorted", "any", "all", "max", "min"})
"""What goes through all results that a pool gives in the end, in the line where it is asked for them."""


def own_params(function: FunctionFacts) -> tuple[tuple[str, str], ...]:
    """The parameters of a function that its callers hand it, without its own object."""
    return function.params[bool(function.owner) and "staticmethod" not in function.decorators :]


def handed_on(call: CallSite) -> frozenset[str]:
    """The names among what a call is handed that may be a unit to start."""
    if call.callee.rpartition(".")[2] in POOL_MAPS:  # what it goes through is none
        return frozenset(
            argument.rpartition("=")[2]
            for place, argument in enumerate(call.arguments)
            if not place or argument.startswith(_NAMED)
        )
    paths = (argument.partition("=") for argument in call.arguments)
    return frozenset(
        (value if equals else path).lstrip("*") for path, equals, value in paths if not equals or path in STARTED
    )


def waits_for_result(function: FunctionFacts) -> bool:
    """Whether the function asks for the result of what it started, and goes on when it is there."""
    return any(call.callee.endswith(".result") for call in function.calls)


def waits_for_this(call: CallSite, function: FunctionFacts) -> bool:
    """Whether the function waits for the result of what one call of it started: by a name of its own, or in one breath."""
    made = {name for name, built in function.locals_built if built == call.callee}
    return any(
        holder in made or holder == call.callee
        for other in function.calls
        for holder, dot, method in (other.callee.rpartition("."),)
        if dot and method == "result" and other.line >= call.line
    )


def over_in_its_round(call: CallSite, starter: FunctionFacts) -> bool:
    """Whether the loop that makes a thread joins it in the same round, by the name that the function gives it."""
    made = {name for name, built in starter.locals_built if built == call.callee} - starter.loop_names
    asked = {other.callee.removesuffix(".is_alive") for other in starter.calls if other.callee.endswith(".is_alive")}
    return call.looped and any(
        other.looped
        and other.line >= call.line
        and (name := other.callee.removesuffix(".join")) in made
        and (not other.arguments or name in asked)  # who does not wait for ever asks then whether it has ended
        for other in starter.calls
        if other.callee.endswith(".join")
    )


def waits_in_turn(call: CallSite, function: FunctionFacts) -> bool:
    """Whether a loop that starts something waits for it in the same round: by its name, or in one breath (`submit(work).result()`)."""
    if over_in_its_round(call, function):
        return True
    made = {name for name, built in function.locals_built if built == call.callee} - function.loop_names
    return call.looped and any(
        holder in made or holder == call.callee
        for other in function.calls
        for holder, _, method in (other.callee.rpartition("."),)
        if other.looped and method in ("result", "get", "wait")
    )


POOLS = frozenset({"ThreadPoolExecutor", "ProcessPoolExecutor", "Pool", "ThreadPool", "Executor"})

STARTED = ("target", "func", "function", "callback", "error_callback", "fn", "coro")
"""Keywords under which a unit is handed to a call that starts it."""
_NAMED = tuple(f"{name}=" for name in STARTED)
