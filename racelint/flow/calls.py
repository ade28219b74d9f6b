"""Calls: helpers followed into, library effects from the models, spawns, and switch points of awaited calls."""

from __future__ import annotations

import re
from collections.abc import Sequence

import libcst as cst

from racelint.events import NO_IDS, Ids, Op, Row, Shape, Switch, Value
from racelint.evidence.calls import WHEN_GONE
from racelint.evidence.starts import THREADED
from racelint.flow.arguments import Arguments
from racelint.flow.called import called_elsewhere
from racelint.flow.computed import computed_from
from racelint.flow.containers import container_call, heap_call, local_container_call
from racelint.flow.expressions import WRAPPERS, Evaluator
from racelint.flow.files import dump_to_path, tolerated
from racelint.flow.futures import completed_later
from racelint.flow.made import is_served, made_row, note_made
from racelint.flow.managers import (
    customary_mapper,
    customary_model,
    is_own_class,
    own_method_of_manager,
    related_set,
)
from racelint.flow.promised import promised_step
from racelint.flow.rows import change_field, library_of
from racelint.flow.stores import apply_effect
from racelint.flow.summaries import source_of
from racelint.flow.threads import body_of, constructed
from racelint.flow.unmodelled import unmodelled_call
from racelint.flow.unseen import (
    asked_class,
    created_in_counted,
    is_queried,
    unseen_look_up,
)
from racelint.frozen import replace
from racelint.models.data import Spawner
from racelint.resolve import MAPPINGS, enclosing_self
from racelint.words import REQUESTS, SESSION_MAKERS, SPENDS, TELLS, first_word


def evaluate_call(ev: Evaluator, node: cst.Call, awaiting: cst.Await | None) -> Value:
    """Walks a call; `awaiting` is the `await` around it."""
    function = node.func
    base: Value | None = None
    method = ""
    if type(function) is cst.Attribute:
        base = _super(ev, function.value) or ev.evaluate(function.value)
        method = function.attr.value
        callee = _member(ev, base, function)
    else:
        callee = ev.evaluate(function)
        method = function.value if type(function) is cst.Name else ""
    type_name = callee.type
    if type_name in WRAPPERS and awaiting is not None and node.args and type(node.args[0].value) is cst.Call:
        inner = node.args[0].value
        waited = cst.Await(inner)
        ev.definition.stand_for(waited, awaiting)
        value = evaluate_call(ev, inner, waited)
        for argument in node.args[1:]:
            ev.plain(argument.value)
        return value
    handed = (
        _THREAD_CALLS.get(type_name) if type_name in _THREAD_CALLS else (1 if method == "run_in_executor" else None)
    )
    if handed is not None and awaiting is not None and len(node.args) > handed:
        number = ev.next_id
        given = node.args[handed].value
        if type(given) is cst.Lambda:
            value = ev.plain(given.body) if not _takes_any(given) else Value()
        else:
            inner = cst.Call(given, node.args[handed + 1 :])
            ev.definition.stand_for(inner, node)
            value = evaluate_call(ev, inner, awaiting)
        if not any(isinstance(event, Switch) for event in ev.told(number)):
            ev.switch(awaiting, callee=method)
        return value
    spawner = _spawner(ev, node, type_name, method, base)
    if spawner is not None:
        return _spawn(ev, node, awaiting, method or source_of(function), spawner.world)
    arguments = _arguments(ev, node, awaiting)
    if ev.models.takes_long(type_name):
        ev.mark("slow", node, type_name)
    if type_name.startswith("def:"):
        return _own(ev, node, awaiting, type_name[4:], base, arguments)
    if type_name.startswith("self:") and is_own_class(ev, callee.text):
        type_name = f"type[:{type_name[5:]}]"
    if type_name.startswith("type[:"):
        return _construct(ev, node, type_name[5:-1], arguments)
    model = ev.models.functions.get(type_name)
    helper = called_elsewhere(ev, function) if model is None and awaiting is not None else None
    if helper is not None and not ev.program.may_suspend(helper):
        awaiting = None
    if awaiting is not None and model is None and ev.program.elsewhere.at_once(source_of(function), ev.function):
        awaiting = None
    if awaiting is not None and ev.program.has_room(source_of(function), ev.function):
        awaiting = None
    if model is None and callee.text and (not type_name or SESSION_MAKERS.search(type_name)):
        model = ev.models.functions.get(ev.models.guess(callee.text, ev.libraries))  # `self.session_factory()`
    if model is None and base is not None:
        base = related_set(ev, base, node, method) or base
        found = _modelled_type(ev, base, method)
        model = ev.models.method(found, method) or own_method_of_manager(found, method, base.text)
        if model is not None and found not in ("row", "sql"):
            base = replace(base, type=found)
    if model is not None:
        unseen = any(argument.star == "**" for argument in node.args)  # it may be among them
        if model.unless and (unseen or arguments.have(model.unless)):
            model = replace(model, effect=tolerated(model.effect))
        effect = apply_effect(ev, node, model, base, method, arguments, awaiting)
        if effect is not None:
            return effect
    if base is not None and awaiting is None:
        change_field(ev, base, method, arguments)
    if base is not None and created_in_counted(ev, node, base, method, arguments):
        return Value(shape=Shape.NONE)
    asked = base is not None and base.ref is not None and asked_class(ev, base, method, arguments)
    if base is not None and base.ref is not None and awaiting is None and not asked:
        changed = container_call(ev, node, base, method, arguments)
        if changed is not None:
            return changed
    if awaiting is None and (changed := heap_call(ev, node, type_name, arguments)) is not None:
        return changed
    if base is not None and base.ref is None and awaiting is None:
        local_container_call(ev, function, base, method, arguments)
    value = unmodelled_call(ev, node, awaiting, base, method, type_name, arguments)
    return _default_lock(ev, base, method, arguments) or value


def _default_lock(ev: Evaluator, base: Value | None, method: str, arguments: Arguments) -> Value | None:
    """The lock that `locks.get(key, Lock())` makes each time, as nothing in the module ever puts one into the global `locks`."""
    default = arguments.at(1) if method == "get" and base is not None and base.ref is None else None
    if default is None or base is None or default.shape is not Shape.NEW:
        return None
    names = ev.scope.names_in(ev.function.qualname)
    model = ev.models.functions.get(default.type)
    empty = base.text not in ev.function.local_names and names.assigned.get(base.text) in ("empty", "dict")
    return replace(default, text=base.text) if empty and model is not None and model.effect == "lock" else None


QUERIES = ("django.QuerySet", "sqlalchemy.Query", "sqlalchemy.Statement")
"""What a helper that locks rows may give to be refined: a query, if a method of one is called on it."""


_THREAD_CALLS = {
    "asyncio.to_thread": 0,
    "anyio.to_thread.run_sync": 0,
    "trio.to_thread.run_sync": 0,
    "starlette.concurrency.run_in_threadpool": 0,
    "fastapi.concurrency.run_in_threadpool": 0,
}
"""Run their argument in a thread and wait for it; the number is the argument's position."""


def _super(ev: Evaluator, node: cst.BaseExpression) -> Value | None:
    if type(node) is cst.Call and type(node.func) is cst.Name and node.func.value == "super":
        _, self_name = enclosing_self(ev.function, ev.scope)
        known = ev.state.env.get(self_name)
        return Value(type="super", text="super()", known=(("self", known),) if known is not None else ())
    return None


def _member(ev: Evaluator, base: Value, function: cst.Attribute) -> Value:
    """The function that `base.attr` is, without reading an attribute for a method's sake."""
    attr = function.attr.value
    if base.type == "super":
        inherited = ev.scope.inherited_method(ev.function.owner, attr)
        return Value(type=f"def:{inherited.qualname}" if inherited is not None else "", text=source_of(function))
    if base.type.startswith(("self:", ":", "type[:")):
        text = source_of(function)
        resource, type_name = ev.resource_of(base, attr, text)
        if type_name.startswith("def:"):
            return Value(type=type_name, text=text)
        if resource is not None and base.type.startswith("self:"):
            return ev.attribute_of(base, function)
        return Value(text=text, type=type_name if type_name.startswith("type[") else "")
    if base.type and not base.type.startswith(("def:", "lambda", "super")) and base.ref is None:
        return Value(type=f"{base.type}.{attr}", text=source_of(function))
    return Value(text=source_of(function))


def _arguments(ev: Evaluator, node: cst.Call, awaiting: cst.Await | None) -> Arguments:
    found = Arguments([], {}, list(node.args), False)
    for argument in node.args:
        value = (awaiting is not None and _asked_within(ev, argument.value)) or ev.plain(argument.value)
        if argument.keyword is not None:
            found.keywords[argument.keyword.value] = value
        elif argument.star:
            found.starred = True
            found.keywords[f"*{len(found.keywords)}"] = value
        else:
            found.positional.append(value)
    return found


def _asked_within(ev: Evaluator, node: cst.BaseExpression) -> Value | None:
    """What a call that is awaited has a store asked by: `await Cursor.open(lambda: jobs.find(…))`; other lambdas may be kept for later."""
    if type(node) is not cst.Lambda or _takes_any(node):
        return None
    asked = node.body
    while type(asked) is cst.Call and type(asked.func) is cst.Attribute:
        method = asked.func.attr.value
        if method == "find" or method in ev.models.reading_methods:
            return ev.plain(node.body)
        asked = asked.func.value
    return None


def _takes_any(node: cst.Lambda) -> bool:
    return bool(node.params.params or node.params.posonly_params or node.params.kwonly_params)


def _own(
    ev: Evaluator, node: cst.Call, awaiting: cst.Await | None, qualname: str, base: Value | None, arguments: Arguments
) -> Value:
    facts = ev.scope.functions[qualname]
    if facts.is_async and awaiting is None:
        return Value(arguments.stems, type=f"coroutine:{qualname}", text=source_of(node))
    if base is not None and base.ref is not None:
        ev.emit(Op.USE, base.ref, node, Value(arguments.stems, via=base.via), facts.name)
    positional = list(arguments.positional)
    if facts.owner and "staticmethod" not in facts.decorators and base is not None:
        instance = base.part("self") if base.type == "super" else None
        if base.type.startswith("type[") and "classmethod" not in facts.decorators:
            pass
        elif instance is not None:
            positional.insert(0, instance)
        else:
            positional.insert(0, replace(base, row=base.row))
    unknown = facts.stub or not ev.program.matters(facts)
    if unknown and (step := promised_step(ev, node, base, facts.name, arguments)) is not None:
        if awaiting is not None:
            ev.switch(awaiting, arguments.stems, facts.name)
        return step
    sends = first_word(facts.name) in REQUESTS and (facts.owner or facts.name.strip("_") in REQUESTS)
    if sends and awaiting is None and not facts.yields:  # `request_id(data)` sends nothing
        ev.mark("request", node, facts.name)
    if not arguments.starred:
        if first_word(facts.name) in TELLS | SPENDS:  # whatever can be seen of what it does
            ev.mark("helper", node, facts.name)
        elif ev.state.control and awaiting is None:
            ev.mark("own", node, facts.name)
        first = ev.next_id
        value = ev.inline(qualname, positional, arguments.keywords, node)
        if value is not None:
            if awaiting is not None and arguments.stems:
                for event in ev.told(first):
                    if isinstance(event, Switch):
                        ev.revise(event.id, handed=event.handed | arguments.stems)
            if awaiting is not None and base is not None and base.ref is not None:
                for event in ev.told(first):
                    if isinstance(event, Switch) and event.used is None:
                        ev.revise(event.id, used=base.ref, callee=facts.name)
            if (
                awaiting is not None
                and value.shape is Shape.OTHER
                and any(isinstance(e, Switch) for e in ev.told(first))
            ):
                return replace(value, shape=Shape.AWAITED)
            return value
    if facts.stub:  # a subclass has the body
        dump_to_path(ev, node, facts.name, arguments)
        looked = unseen_look_up(ev, node, base, facts.name, arguments) if awaiting is None else None
        if looked is not None:
            return looked
    if awaiting is not None and ev.program.may_suspend(facts):
        ev.switch(awaiting, arguments.stems, facts.name)
        known = computed_from(ev.program, facts, arguments) if arguments.stems else NO_IDS
        return Value(shape=Shape.AWAITED, stems=arguments.stems, opaque=arguments.stems - known)
    return Value(arguments.stems, Shape.CALL, text=source_of(node), opaque=arguments.stems)


def _construct(ev: Evaluator, node: cst.Call, type_name: str, arguments: Arguments) -> Value:
    class_name = type_name[1:]
    bases = ev.scope.base_names(class_name)
    if ev.scope.is_mapped(class_name):
        ev.rows.append(Row("", class_name, library_of(bases), None, new=True))
        keys = ("keys", Value(text=" ".join(sorted(arguments.texts))))
        made = note_made(ev, node, class_name, arguments)
        return Value(arguments.stems, Shape.NEW, type=type_name, row=len(ev.rows) - 1, known=(keys, made))
    constructed(ev, node, class_name)
    called = source_of(node.func)
    built = class_name if called == "cls" else called
    known = (note_made(ev, node, built, arguments),) if is_queried(ev, node.func) else ()
    return Value(shape=Shape.NEW, type="" if known else type_name, text=source_of(node), known=known)


SCOPED_SESSION = "sqlalchemy.Session of each thread"
"""The type of what is named like the class of sessions and used as a session."""


def _modelled_type(ev: Evaluator, base: Value, method: str) -> str:
    """The type in whose table a method of the value stands; "" if it cannot be told."""
    models, known = ev.models, base.type
    if known in models.types:
        return known
    sender = models.sender(method, ev.libraries)
    if sender:
        return sender
    if known == "" and base.part("locked") is not None and ("row", method) not in models.methods:
        return next(
            (q for q in QUERIES if (q, method) in models.methods and q.partition(".")[0] in ev.libraries), "row"
        )
    if base.row is not None or made_row(base, method, models.row_methods):
        return "row"
    if method in models.row_methods and (is_served(ev, base) or _saves_itself(ev, base, method)):
        return "row"
    if known.endswith(".objects") or base.text.endswith(".objects"):
        return "django.QuerySet"
    if re.search(r"(^|\.)([A-Z]\w*|cls)\.query$", base.text):
        return "sqlalchemy.Query"
    if known.startswith("self:") and base.ref is None and is_own_class(ev, base.text):
        queried = _queried_class(ev, f"type[:{known[5:]}]", base.text) or customary_mapper(ev)
        return queried if (queried, method) in models.methods else ""
    if known.startswith("self:") and base.ref is None:
        return "row" if ev.scope.is_mapped(known[5:]) else ""
    if known.startswith((":", "def:")) and base.ref is None:
        return ""
    if base.ref is None and (known.startswith("type[") or "." in known):
        queried = _queried_class(ev, known, base.text)
        if queried or known.startswith("type["):
            return queried
        if known != ev.scope.names_in(ev.function.qualname).canonical(
            base.text
        ):  # of a class that no table describes, unless it came from the project by its name
            last = known.rpartition(".")[2]  # `db = app.request.db`
            scoped = models.guess(last, ev.libraries, method) == SCOPED_SESSION  # it is no class, whatever its name
            return models.guess(last if last.islower() or scoped else "", ev.libraries, method)
    if (
        ("sqlalchemy.Table", method) in models.methods
        and "sqlalchemy" in ev.libraries
        and base.text in ev.scope.core_tables
    ):
        return "sqlalchemy.Table"
    if known in MAPPINGS:  # whatever its name says
        return ""
    guessed = _guessed(ev, base.text.partition("(")[0], method) if base.text else ""
    if not guessed and base.origin != base.text and "(" not in base.origin:  # `store = request.app["redis"]`
        guessed = _guessed(ev, base.origin, method)
    if guessed:
        return guessed if guessed.startswith("asyncpg.") or not _is_of_driver(ev, base.text) else "sql"
    if method in models.row_methods and base.text and not known and ev.program.maps_rows:
        return "row"
    return "sql"


def _guessed(ev: Evaluator, name: str, method: str) -> str:
    """The type that a name says; where nothing can be awaited it is one of those that need not be, if there is any."""
    models = ev.models
    plain = "" if ev.function.is_async else models.guess(name, ev.libraries - models.awaited, method)
    return plain or models.guess(name, ev.libraries, method)


def _is_of_driver(ev: Evaluator, name: str) -> bool:
    """Whether a method that only connections of drivers have is called on the name, which is then none of SQLAlchemy or Redis."""
    wanted = (f"{name}.fetchrow", f"{name}.fetchval")
    return any(call.callee in wanted for call in ev.function.calls)


def _saves_itself(ev: Evaluator, base: Value, method: str) -> bool:
    """Whether this is `super().save()` in the `save` of a model."""
    function = ev.function
    return (
        base.type == "super" and function.name == method and bool(function.owner) and ev.scope.is_mapped(function.owner)
    )


def _queried_class(ev: Evaluator, type_name: str, text: str) -> str:
    """The modelled base of a class that is queried by methods of its own: `peewee.Model` of a class that derives from it."""
    if type_name.startswith("type[:"):
        bases = ev.scope.base_names(type_name[6:-1])
    else:
        located = (
            ev.scope.index.find_class(type_name, ev.scope.facts.path)
            if type_name.rpartition(".")[2][:1].isupper()
            else None
        )
        if located is None:
            return customary_model(ev, type_name, text)
        imports = dict(located[0].imports)
        bases = frozenset(
            imports.get(first, first) + dot + rest for first, dot, rest in (b.partition(".") for b in located[1].bases)
        )
    mapped = next(
        (
            base
            for base in sorted(bases)
            if base.endswith((".Model", ".Document", ".Table")) and base in ev.models.types
        ),
        "",
    )
    return mapped or customary_model(ev, type_name, text)


def _spawner(ev: Evaluator, node: cst.Call, type_name: str, method: str, base: Value | None) -> Spawner | None:
    spawners = ev.models.spawners
    known = spawners.get(type_name)
    if known is None and base is not None and not type_name.startswith("def:"):
        known = ev.program.concurrency.in_greenlets(spawners.get("." + method), method)
        if ev.models.sender(method, ev.libraries) and not _hands_over(node):
            return None
    return known if known is not None and not known.once else None


def _hands_over(node: cst.Call) -> bool:
    """Whether the first argument is what is to be run, as of a pool, and not what a job is told."""
    first = node.args[0] if node.args else None
    return (
        first is not None and first.keyword is None and isinstance(first.value, (cst.Name, cst.Attribute, cst.Lambda))
    )


def _spawn(ev: Evaluator, node: cst.Call, awaiting: cst.Await | None, name: str, world: str) -> Value:
    stems: Ids = NO_IDS
    bodies: set[str] = set()
    for argument in node.args:
        inner = argument.value
        if type(inner) is cst.Call:
            for nested in inner.args:
                stems |= ev.plain(nested.value).stems
            if type(inner.func) is cst.Attribute:
                ev.plain(inner.func.value)
        else:
            value = ev.plain(inner)
            stems |= value.stems
            bodies |= body_of(value) if world in THREADED and argument in _units(ev, node) else set()
    bodies |= started_units(ev, node)
    ev.mark("spawn" if awaiting is None else "spawn and wait", node, name, related=frozenset(bodies))
    completed_later(ev, node, name)
    if awaiting is not None:
        ev.switch(awaiting, stems, name)
        return Value(shape=Shape.AWAITED)
    return Value(stems, Shape.SPAWNED, type="task", text=source_of(node))


def started_units(ev: Evaluator, node: cst.Call) -> frozenset[str]:
    """Qualified names of the functions of the module that a spawn starts."""
    paths = (source_of(a.value.func if type(a.value) is cst.Call else a.value) for a in _units(ev, node))
    return frozenset(f.qualname for path in paths for f in ev.program.concurrency.target(path, ev.function))


def _units(ev: Evaluator, node: cst.Call) -> Sequence[cst.Arg]:
    """The arguments of a spawn that may be what it starts: the first one of `weakref.ref` is what is watched."""
    return node.args[1:2] if ev.scope.canonical(source_of(node.func)) == WHEN_GONE else node.args
