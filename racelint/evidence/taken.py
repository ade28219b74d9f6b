"""What a function has taken by a call, and not given back, when it comes to another call: locks, and transactions of a connection."""

from __future__ import annotations

from racelint.facts import BEGUN, BEGUN_ALONE, CallSite, FunctionFacts, gives_back


def takes_any(caller: FunctionFacts) -> bool:
    """Whether the function may take anything by a call."""
    return any("acquire" in call.callee.lower() or call.arguments[:1] in _BEGIN for call in caller.calls)


_TRANSACTIONS = (BEGUN, BEGUN_ALONE)
_BEGIN = tuple((one,) for one in _TRANSACTIONS)


def taken_before(caller: FunctionFacts, call: CallSite) -> frozenset[str]:
    """What the caller has taken and not given back when it comes to the call, by whatever way: sources of locks, `BEGUN`, `BEGUN_ALONE`.

    A branch that gives it back and then leaves the function, or the round of the loop, is no way to the call; one that gives it
    back and takes it again may be. A transaction counts for what is handed its connection, or is called of the object that has it.
    """
    taken: dict[str, str] = {}
    let_go: dict[str, tuple[tuple[int, int], ...]] = {}
    for other in caller.calls:
        receiver, dot, method = other.callee.rpartition(".")
        if other.line >= call.line:
            continue
        here = other.arms == call.arms[: len(other.arms)]
        if not dot and "acquire" in method.lower() and here:
            taken.update((given, given) for given in other.arguments if "." in given)  # `acquire_lock(self._lock)`
        said = other.arguments[0] if other.arguments else ""
        begun = said in _TRANSACTIONS
        if gives_back(other):
            left = (line == other.line and end < call.line <= last for line, end, last in caller.left_by)
            if not call.may_follow(other) or any(left):
                continue
            for what in [receiver] if method == "release" else [one for one in taken if taken[one] in _TRANSACTIONS]:
                if taken.pop(what, None):
                    let_go[what] = other.arms
        elif receiver and (method == "acquire" or begun) and (here or let_go.get(receiver) == other.arms):
            if not begun and _got(caller, other, call):
                taken[receiver] = receiver
            elif begun and other.within == call.within[: len(other.within)] and _works_on(call, receiver, caller):
                taken[receiver] = said
    found = set(taken.values())
    return frozenset(found | {BEGUN} if BEGUN_ALONE in found else found)


def _got(caller: FunctionFacts, take: CallSite, call: CallSite) -> bool:
    """Whether a call comes only after a lock was got: of the two branches of `if lock.acquire(…)` that is the one which gives it back."""
    arm = next((arm for arm in call.arms if arm[0] == take.line), None)
    back = take.callee.removesuffix("acquire") + "release"
    return arm is None or any(other.callee == back and arm in other.arms for other in caller.calls)


def _works_on(call: CallSite, connection: str, caller: FunctionFacts) -> bool:
    """Whether a call is handed the connection, or what its cursor was made of, or is one of the object that keeps it."""
    makers = {
        built.removesuffix(".cursor")
        for name, built in caller.locals_built
        if name == connection and built.endswith(".cursor")
    }
    names = {connection, *makers}
    first, dot, _ = call.callee.partition(".")
    return any(argument.rpartition("=")[2] in names for argument in call.arguments) or (
        bool(dot) and any(name.startswith(f"{first}.") for name in names)
    )
