"""Which values exclude other units, and what `acquire` and `release` do."""

from __future__ import annotations

import libcst as cst

from racelint.events import ASKED, Kind, Op, Resource, Shape, Value
from racelint.expressions import expression
from racelint.facts import FunctionFacts, is_property
from racelint.flow.arguments import Arguments
from racelint.flow.expressions import Evaluator
from racelint.flow.making import below
from racelint.flow.new_locks import MOST_STATEMENTS, made_by, new_lock_of
from racelint.flow.recording import TRIED
from racelint.flow.resources import attribute_resource
from racelint.flow.summaries import source_of
from racelint.frozen import replace
from racelint.words import MANY, first_word, whole_lock


def lock_call(
    ev: Evaluator, node: cst.Call, base: Value | None, method: str, awaiting: cst.Await | None
) -> Value | None:
    """`lock.acquire()` and `lock.release()`; `assert lock.locked()` says that the caller has acquired it, and
    else it is a look at whether somebody has."""
    asserted = method == "locked" and ev.asserting
    asked = method == "locked" and not ev.asserting
    if base is None or not (method in (*_TAKING, "release", "__aexit__") or asserted or asked):
        return None
    if not is_lock(ev, base):
        return None
    lock = base.ref or _unchanging(ev, base)
    if asserted:
        ev.acquire(lock, "lock", lock_world(ev, base), ev.place(node))
        return Value(shape=Shape.CALL)
    if asked:
        state = replace(lock, path=f"{lock.path}{ASKED}", name=f"{lock.name}{ASKED}", key="")
        return Value(frozenset((ev.emit(Op.CHECK, state, node, how="locked"),)), Shape.CALL)
    if method in _TAKING:
        if awaiting is not None:
            ev.switch(awaiting, callee="acquire")
        if ev.unused is node and _may_fail(node) and not _raises(ev, base) and not _as_told(ev, node):
            ev.mark("unsure lock", node, base.text)
            return Value(shape=Shape.CALL)
        if ev.answered is (awaiting or node) and _may_fail(node) and not _raises(ev, base):
            number = ev.try_for(lock, "lock", lock_world(ev, base), ev.place(node))
            return Value(shape=Shape.CALL, known=((TRIED, Value(frozenset((number,)))),))
        ev.acquire(lock, "lock", lock_world(ev, base), ev.place(node), not _of_this_call(ev, base))
        return Value(shape=Shape.CALL)
    for held in ev.acquisitions(ev.state.held):
        known = (held.lock.owner, held.lock.path, held.lock.name)
        if held.what == "lock" and known == (lock.owner, whole_lock(lock.path), lock.name):
            ev.release(held.id)
    return Value()


def of_lock_if_any(node: cst.If) -> bool:
    """Whether a branch only takes or gives back a lock, where there is one: `if self._lock is not None: self._lock.acquire()`.

    Where there is none, whoever made the object says that it is not shared.
    """
    if node.orelse is not None or type(node.body) is not cst.IndentedBlock or len(node.body.body) != 1:
        return False
    line = node.body.body[0]
    only = line.body[0] if type(line) is cst.SimpleStatementLine and len(line.body) == 1 else None
    call = only.value if type(only) is cst.Expr else None
    call = call.expression if type(call) is cst.Await else call
    if type(call) is not cst.Call or call.args:
        return False
    test = node.test
    if type(test) is cst.Comparison:
        compared = test.comparisons[0] if len(test.comparisons) == 1 else None
        if compared is None or type(compared.operator) is not cst.IsNot or source_of(compared.comparator) != "None":
            return False
        test = test.left
    lock = source_of(test) if type(test) in (cst.Name, cst.Attribute) else ""
    return bool(lock) and source_of(call.func) in (f"{lock}.acquire", f"{lock}.release")


_TAKING = ("acquire", "acquire_nowait", "__aenter__")
"""What takes a lock; `acquire_nowait` raises where others have it."""


def _of_this_call(ev: Evaluator, lock: Value) -> bool:
    """Whether the call has made the lock for itself, or had one made, and hands it to nobody."""
    if lock.ref is None and lock.text.isidentifier() and new_lock_of(ev, lock.text) is not None:
        return True
    if lock.shape is not Shape.NEW or lock.ref is not None or lock_world(ev, lock) not in ("tasks", "threads"):
        return False
    function, name = ev.function, lock.text
    if name not in function.local_names or name in function.outer_names:
        return False
    handed = {argument.rpartition("=")[2].lstrip("*") for call in function.calls for argument in call.arguments}
    inner = function.qualname + "."
    return name not in handed and not any(
        name in f.reads for f in ev.scope.facts.functions if f.qualname.startswith(inner)
    )


def _raises(ev: Evaluator, lock: Value) -> bool:
    """Whether `acquire` raises where the lock cannot be had, so that there is no answer to look at."""
    call = ev.models.functions.get(lock.type)
    return call is not None and call.raises


def entered(
    ev: Evaluator, where: cst.CSTNode, base: Value | None, method: str, arguments: Arguments, awaiting: cst.Await | None
) -> None:
    """A lock that an `ExitStack` enters, and holds until its own end, or until it is closed before."""
    stack = base.text if base is not None else ""
    if method in ("close", "aclose") and stack in ev.on_stacks:
        for number in ev.on_stacks[stack]:
            ev.release(number)
        return
    given = (
        arguments.positional[0] if method in ("enter_context", "enter_async_context") and arguments.positional else None
    )
    if given is not None and is_lock(ev, given):
        if awaiting is not None:
            ev.switch(awaiting, callee="acquire")
        number = ev.acquire(given.ref or _unchanging(ev, given), "lock", lock_world(ev, given), ev.place(where))
        ev.on_stacks.setdefault(stack, set()).add(number)


def taken_by_function(ev: Evaluator, where: cst.CSTNode, base: Value | None, method: str, arguments: Arguments) -> None:
    """A lock that a function takes which is called after what it does: `acquire_lock(self._lock)`, `acquire_file_lock("state")`.

    `release_lock(token)` gives back what was taken so without a lock that is known.
    """
    verb = first_word(method)
    named = ev.models.names_lock(method)
    if (base is not None and base.text not in ev.scope.imports and not named) or verb not in ("acquire", "release"):
        return
    locks = [value for value in arguments.every if value.ref is not None and is_lock(ev, value)]
    for value in locks if verb == "acquire" else ():
        if value.ref is not None:
            ev.acquire(value.ref, "lock", lock_world(ev, value), ev.place(where))
    if locks or not named:
        return
    if verb == "acquire":
        name = arguments.positional[0].text if arguments.positional else method
        ev.acquire(Resource(Kind.STORE, BY_FUNCTION, name, name), "lock", "any", ev.place(where))
        return
    for held in ev.acquisitions(ev.state.held):
        if held.what == "lock" and held.lock.owner == BY_FUNCTION:
            ev.release(held.id)


BY_FUNCTION = "lock of a function"
"""The owner of what is only known to be a lock by the name of the function that takes it."""


def _unchanging(ev: Evaluator, base: Value) -> Resource:
    """A lock that no resource holds: of the module if that names it, otherwise of the function."""
    if base.text in ev.scope.module_names:
        return Resource(Kind.GLOBAL, "", base.text, base.text)
    return Resource(Kind.ATTRIBUTE, ev.function.qualname, base.text, base.text)


def _may_fail(node: cst.Call) -> bool:
    """Whether `acquire` returns without the lock when it is not free, or not soon enough."""
    for number, argument in enumerate(node.args):
        name = argument.keyword.value if argument.keyword is not None else ("blocking", "timeout")[min(number, 1)]
        value = argument.value
        no = (isinstance(value, cst.Name) and value.value == "False") or (
            isinstance(value, cst.Integer) and value.value == "0"
        )
        if (name in ("blocking", "block") and no) or (name == "timeout" and not isinstance(value, cst.UnaryOperation)):
            return not (isinstance(value, cst.Name) and value.value == "None")
    return False


def _as_told(ev: Evaluator, node: cst.Call) -> bool:
    """Whether `acquire` is only told what the function itself was told: whoever calls it says whether it waits, mostly by default."""
    given = {name for name, _ in ev.function.params}
    return all(isinstance(argument.value, cst.Name) and argument.value.value in given for argument in node.args)


def is_lock(ev: Evaluator, value: Value) -> bool:
    """Whether the value excludes other units: by its type, or by a name that says so."""
    call = ev.models.functions.get(value.type)
    if call is not None:
        return call.effect == "lock"
    if value.type.endswith(MANY):
        return False
    if value.type and value.type in ev.models.types:
        return False
    text = (value.text or value.type).lower()
    last = text.partition("(")[0]
    return ev.models.names_lock(last) or bool(_SHORT_NAMES.search(last))


def lock_handed(ev: Evaluator, name: str) -> Value | None:
    """The lock that all who call the function hand it as an argument, if that is one which the module or an object keeps."""
    function, concurrency = ev.function, ev.program.concurrency
    names = [parameter for parameter, _ in function.params]
    if name not in names or any(write.path == name for write in function.writes):
        return None
    place = names.index(name) - int(bool(function.owner) and "staticmethod" not in function.decorators)
    kinds: set[str] = set()
    for caller, call in concurrency.callers.get(function.qualname, ()):
        plain = [argument for argument in call.arguments if "=" not in argument]
        keyword = next((argument for argument in call.arguments if argument.startswith(f"{name}=")), "")
        path = keyword.partition("=")[2] or (plain[place] if 0 <= place < len(plain) else "")
        if not path or path.startswith("*") or ("." not in path and path in caller.local_names):
            return None
        kinds.add(concurrency.receiver_type(path, caller))
    known = [ev.models.functions.get(kind) for kind in kinds]
    if not known or any(call is None or call.effect != "lock" for call in known) or len(kinds) > 1:
        return None
    return Value(type=kinds.pop(), text=name)


def lock_given(ev: Evaluator, node: cst.BaseExpression) -> tuple[Value, bool] | None:
    """The lock that a property or function of the module gives whoever asks, and whether it is a new one each time.

    All that it does is to return a new one, or one that its object or the module has.
    """
    called = isinstance(node, cst.Call)
    path = source_of(node.func if isinstance(node, cst.Call) else node)
    if path.count(".") > 1 or not path.replace(".", "").isidentifier():
        return None
    targets = ev.program.concurrency.target(path, ev.function)
    if len(targets) != 1 or targets[0].is_async or called == is_property(targets[0]):
        return None
    giver = targets[0]
    if (made := made_by(ev, giver)) is not None:
        return Value(type=made[0], text=path), True
    if isinstance(node, cst.Call) and node.args:
        return None
    if giver.yields or any("." in write.path or write.path in giver.outer_names for write in giver.writes):
        return None
    given = _returned(ev, giver)
    if given is None:
        return None
    names = ev.scope.names_in(giver.qualname)
    text = source_of(given)
    first, _, rest = text.partition(".")
    if rest and giver.params and first == giver.params[0][0] and path.partition(".")[0] == first:
        resource = attribute_resource(ev.scope, giver.owner, rest, text)
        return Value(ref=resource, type=ev.scope.attribute_type(giver.owner, rest), text=text), False
    if not rest and text in names.assigned and not giver.owner:
        resource = Resource(Kind.GLOBAL, "", text, text)
        return Value(ref=resource, type=names.built_type(names.assigned[text]), text=text), False
    return None


def _returned(ev: Evaluator, giver: FunctionFacts) -> cst.Attribute | cst.Name | None:
    """What the only `return` of a function gives, if it is a name."""
    if giver.statements > MOST_STATEMENTS:
        return None
    definition = ev.program.definition(giver.qualname)
    if definition is None:
        return None
    returns = [node for node in below(definition.node) if isinstance(node, cst.Return)]
    value = returns[0].value if len(returns) == 1 else None
    return value if isinstance(value, (cst.Attribute, cst.Name)) else None


def is_condition(ev: Evaluator, value: Value) -> bool:
    """Whether the value is a condition variable: by its type, or by a name that says so where the type is not known."""
    if value.type:
        return value.type.endswith("Condition") and value.type in ev.models.functions
    return bool(_CONDITION_NAME.search(value.text.lower()))


_SHORT_NAMES = expression(r"\b(_?cond(ition)?|_?sem)\b")
_CONDITION_NAME = expression(r"(^|[._])cond(ition)?$|(^|[._])cv$|_cond(ition)?$")


def lock_world(ev: Evaluator, value: Value) -> str:
    """The world that the lock excludes in; `any` if it is not known."""
    call = ev.models.functions.get(value.type)
    return call.world if call is not None else "any"
