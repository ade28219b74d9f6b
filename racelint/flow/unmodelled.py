"""Calls that no table describes: what their names, their receivers and their arguments tell."""

from __future__ import annotations

import libcst as cst

from racelint.events import EMPTINESS, FILLING, NO_IDS, Kind, Op, Resource, Row, Shape, Value
from racelint.flow.arguments import Arguments
from racelint.flow.expressions import BUILTIN_PURE, Evaluator
from racelint.flow.files import dump_to_path, used_as_key
from racelint.flow.futures import future_call, oldest
from racelint.flow.locks import entered, lock_call, taken_by_function
from racelint.flow.made import note_made
from racelint.flow.managers import (
    evaluated,
    listed,
    reverse_row,
)
from racelint.flow.pairs import named_pair
from racelint.flow.promised import promised_step
from racelint.flow.resources import COUNTED
from racelint.flow.rows import home, set_field
from racelint.flow.summaries import source_of
from racelint.flow.threads import started, waited
from racelint.flow.unseen import (
    created_by_base,
    free_name,
    is_queried,
    unseen_creation,
    unseen_look_up,
)
from racelint.frozen import replace
from racelint.paths import is_own


def unmodelled_call(
    ev: Evaluator,
    node: cst.Call,
    awaiting: cst.Await | None,
    base: Value | None,
    method: str,
    type_name: str,
    arguments: Arguments,
) -> Value:
    """Walks a call that no table describes and whose body is not seen: what its name and what it is given tell."""
    where: cst.CSTNode = awaiting or node
    if base is not None and base.ref is not None:
        if method in (EMPTINESS, FILLING) and not node.args:
            number = ev.emit(Op.CHECK if ev.testing else Op.READ, base.ref, node, how=method)
            return Value(frozenset((number,)), Shape.CALL, via=number)
        ev.emit(Op.USE, base.ref, node, Value(arguments.stems, via=base.via), method)
    if "for_update" in method:
        resource = Resource(Kind.TABLE, home(ev, base or Value()), method, method)
        number = ev.emit(Op.READ, resource, where, how=method)
        ev.rows.append(Row("", method, "", number, True))
        ev.acquire(resource, "row lock", "processes", ev.place(where))
        if awaiting is not None:
            ev.switch(awaiting, callee=method)
        refined = (("locked", Value()), ("model", Value(text=method)))
        return Value(frozenset((number,)), Shape.CALL, row=len(ev.rows) - 1, known=refined)
    lock = lock_call(ev, node, base, method, awaiting) or future_call(ev, node, base, method, awaiting)
    if lock is not None:
        return lock
    entered(ev, where, base, method, arguments, awaiting)
    taken_by_function(ev, where, base, method, arguments)
    waited(ev, node, base, method)
    started(ev, node, base, method)
    dump_to_path(ev, where, method, arguments)
    made = created_by_base(ev, where, base, method, arguments) if base is not None else None
    if made is not None:
        return made
    pair = promised_step(ev, where, base, method, arguments) or named_pair(ev, node, base, method, arguments, awaiting)
    if pair is None and awaiting is None:
        pair = free_name(ev, where, method, arguments)
    if pair is None:
        pair = unseen_look_up(ev, where, base, method, arguments)
        unseen_creation(ev, where, base, method, arguments)
    if awaiting is not None:
        ev.switch(awaiting, arguments.stems | (base.stems if base else NO_IDS), method, base.ref if base else None)
        if pair is not None:
            return replace(pair, shape=Shape.AWAITED)
        return Value(
            shape=Shape.AWAITED, known=base.known if base is not None and base.part("path") is not None else ()
        )
    if pair is not None:
        return pair
    called = type_name or (base.text + "." + method if base is not None else method)
    first = arguments.positional[0].text if arguments.positional else ""
    of_sender = "sender" in arguments.keywords or (first in ("self", "cls", "None") and bool(arguments.keywords))
    if of_sender and method in _SIGNALLED:
        called = "signal"  # its receivers run here and now, and mostly note what has happened
    ev.mark("call", node, called, arguments.texts)
    if type_name == "type" and (own := arguments.positional[:1]) and own[0].type.startswith("self:"):
        return Value(type=f"type[:{own[0].type[5:]}]", text=called + f"({own[0].text})")
    if type_name == "setattr" and set_field(ev, arguments):
        return Value(shape=Shape.NONE)
    if type_name == "hasattr" and (reverse := reverse_row(ev, node, arguments)) is not None:
        return reverse
    if type_name in ("hasattr", "getattr") and (asked := _asked_attribute(ev, node, arguments)) is not None:
        return asked
    if type_name in BUILTIN_PURE:
        return _computed(ev, node, type_name, arguments)
    if method == "sort":
        used_as_key(ev, node, base, arguments.keywords.get("key"))
    if method == "get" and base is not None and base.part("rows by key") is not None:
        ev.mark("difference", node, stems=base.stems)  # there is none for what is missing among the rows
    return _result(ev, node, base, method, type_name, arguments)


def _asked_attribute(ev: Evaluator, node: cst.Call, arguments: Arguments) -> Value | None:
    """What `hasattr(self, "_pool")` and `getattr(self, "_pool", None)` look at, if others can see it, too."""
    if len(arguments.positional) not in (2, 3):
        return None
    name = arguments.positional[1].text.strip("'\"")
    base = arguments.positional[0]
    if not name.isidentifier() or name == arguments.positional[1].text or base.type[:5] not in ("self:", "type["):
        return None
    resource, type_name = ev.resource_of(base, name, f"{base.text}.{name}")
    return ev.read(resource, node, type_name) if resource is not None else None


def _computed(ev: Evaluator, node: cst.Call, type_name: str, arguments: Arguments) -> Value:
    """What a builtin computes from its arguments alone."""
    used_as_key(ev, node, arguments.at(0), arguments.keywords.get("key"))
    looked_up = [evaluated(ev, value, node, type_name) for value in arguments.positional]
    arguments = Arguments(looked_up, arguments.keywords, arguments.nodes, arguments.starred)
    if type_name == "sum":
        _note_summed(ev, node, arguments)
    compared = type_name in ("max", "min") and len(arguments.positional) == 1 and _is_of_code(arguments)
    how = "iterate" if compared else type_name
    looked = [ev.read(v.ref, node, how=how) if v.ref is not None and v.via is None else v for v in arguments.positional]
    if compared and looked[0].via is not None:
        ev.mark("loop", node.args[0].value, stems=frozenset((looked[0].via,)))
    stems = arguments.stems.union(*(v.stems for v in looked))
    if type_name in ("max", "min"):  # of what a local list was filled with
        stems = stems.union(*(held.stems for v in looked if (held := v.part("holds")) is not None))
    via = looked[0].via if type_name == "bool" and looked else None
    rows = listed(ev, arguments.positional[0]) if type_name in _LISTS and arguments.positional else ()
    if via is None and type_name in (*_LISTS, "len") and (read := _table_read(ev, arguments)) is not None:
        via = read
        if type_name == "len":
            ev.revise(read, how="len")  # they are counted, wherever they were put
    elif type_name == "len" and looked:
        rows = ((COUNTED, looked[0]),)
    return Value(
        stems,
        (Shape.CALL if node.args else Shape.EMPTY) if type_name in ("dict", "list", "set") else Shape.OTHER,
        via=via,
        type=type_name if type_name in ("dict", "list", "set") else "",
        text=source_of(node),
        appended=any(v.appended for v in arguments.every),
        opaque=NO_IDS.union(*(v.opaque for v in arguments.every)),
        born=oldest(arguments),
        known=rows,
    )


def _is_of_code(arguments: Arguments) -> bool:
    """Whether the entries are compared by code in Python, so that others run between two of them: `sorted` takes a copy first."""
    key = arguments.keywords.get("key")
    return key is not None and (key.type == "lambda" or key.type.startswith("def:"))


def _result(
    ev: Evaluator, node: cst.Call, base: Value | None, method: str, type_name: str, arguments: Arguments
) -> Value:
    """What a call gives of which nothing is known but what goes in."""
    stems = arguments.stems | (base.stems if base is not None else NO_IDS)
    known = base.known if base is not None else ()
    filled = base is not None and base.shape is Shape.CONSTANT and method in _FILLING
    if base is not None and ((base.stems and method in _DRESSING) or filled):
        known = (*known, ("formatted", Value()))
    if not known:
        known = next((v.known for v in arguments.every if v.part("path") is not None), ())
    if not known and (texts := arguments.texts):
        known = (("keys", Value(text=" ".join(sorted(texts)))),)
    constructor = (
        (type_name.rpartition(".")[2] or method)[:1].isupper()
        or (base is not None and method == "model")
        or is_queried(ev, node.func)
    )
    if constructor and ev.program.maps_rows:
        known = (*known, note_made(ev, node, type_name or _class_of(node.func, method), arguments))
    if type_name.partition(".")[0] in TRANSPARENT:
        known = (*known, ("computed", Value()))
        if any(value.part("changed") is not None for value in arguments.every):
            known = (*known, ("changed", Value()))
    return Value(
        stems,
        Shape.NEW if constructor else Shape.CALL,
        type=type_name if constructor else "",
        origin=source_of(node) if is_own(type_name) or _given_own(arguments) else "",
        appended=any(v.appended for v in arguments.every),
        known=known,
        opaque=NO_IDS if filled or type_name.partition(".")[0] in TRANSPARENT else arguments.stems,
        born=oldest(arguments) if type_name in REARRANGED else -1,
        row=arguments.positional[0].row if type_name in ("cast", "typing.cast") and arguments.positional else None,
    )


def _given_own(arguments: Arguments) -> bool:
    """Whether an argument is what nobody else has, as a process number: what a call makes of it is a name of one's own, too."""
    return any(is_own(value.origin or value.text) for value in arguments.every)


def _note_summed(ev: Evaluator, node: cst.Call, arguments: Arguments) -> None:
    """`sum(line.price for line in order.lines.all())`: the rows that are gone through are added up."""
    if node.args and isinstance(node.args[0].value, (cst.GeneratorExp, cst.ListComp)):
        for number in arguments.stems:
            read = ev.access(number)
            if read is not None and read.resource.kind is Kind.TABLE and read.how == "for":
                ev.revise(number, how="sum")


def _table_read(ev: Evaluator, arguments: Arguments) -> int | None:
    """The read of a table whose rows are the only argument: they are there or not as their list is."""
    via = arguments.positional[0].via if len(arguments.positional) == 1 else None
    access = ev.access(via) if via is not None else None
    return via if access is not None and access.resource.kind is Kind.TABLE else None


def _class_of(function: cst.BaseExpression, method: str) -> str:
    """The source of a class that is called; `order.lines.model` is that of the related rows `order.lines`."""
    text = source_of(function)
    return text.removesuffix(".model") if method == "model" and text.count(".") > 1 else text


_LISTS = ("list", "tuple", "set", "sorted")
"""Functions that hold the elements of their argument."""

REARRANGED = frozenset({"zip", "enumerate", "reversed", "filter", "map"})
"""Functions that give back the elements of their arguments."""

TRANSPARENT = frozenset(
    {
        "json",
        "copy",
        "dataclasses",
        "decimal",
        "operator",
        "functools",
        "itertools",
        "math",
        "pickle",
        "typing",
        "orjson",
    }
)
"""Modules whose functions compute their result from their arguments."""

_SIGNALLED = frozenset("send asend send_robust asend_robust".split())
"""How a signal of Django is sent; other things that are sent know no sender."""

_FILLING = frozenset({"format", "join", "format_map"})
"""Methods of texts that hold what they are given: `"{}-{}".format(year, number)`."""

_DRESSING = frozenset(
    "replace strip lstrip rstrip lower upper title capitalize casefold removeprefix removesuffix".split()
)
"""Methods of texts that give the same text in another dress."""
