"""Which receivers stand for a table although nothing says their type: managers of models, related sets of rows, model classes."""

from __future__ import annotations

import re

import libcst as cst

from racelint.events import Kind, Op, Resource, Sense, Shape, Value
from racelint.expressions import expression
from racelint.flow.arguments import Arguments
from racelint.flow.columns import kept_with_read, tested_columns
from racelint.flow.expressions import Evaluator
from racelint.flow.graph import NO_CONTROL, Control
from racelint.flow.recording import Recorder
from racelint.flow.summaries import source_of
from racelint.frozen import replace
from racelint.models.data import Call
from racelint.resolve import MAPPERS
from racelint.store_types import ANY_ARGUMENTS, KEYWORDS_ONLY, NO_ARGUMENTS

_MANAGER = expression(
    r"(^|\.)(?:[A-Z]\w*|__class__|model|cls|type\(self\))\.(\w*objects\w*|_default_manager|_base_manager)$"
)
"""`Order.objects` and its kin, also of a model that only an attribute names: `self.model.objects`."""

_ONE_OF_MANY = expression(r"\[-?\d+\]$")
_OF_CACHES = frozenset({"cache", "caches", "cached"})

_QUERY_SET = expression(r"^\w+_(queryset|qs)$")
"""Names of arguments that are query sets: `order_queryset` is one of orders."""

_OF_AN_OBJECT = expression(r"\.[A-Z]\w*\.[a-z_]\w*$")
"""The type of an attribute of an object whose class is only named: `shop.models.Order.lines`."""

_NOT_ROWS = expression(r"path|(?<!pro)file|dir|url|storage|client|session|cache|config|settings|environ", re.IGNORECASE)
"""Parts of names of attributes that have such methods and are no sets of rows."""


def related_set(ev: Evaluator, base: Value, node: cst.Call, method: str) -> Value | None:
    """The query set that a manager, a related set of a row or `self` of a manager class stands for; None for anything else."""
    if "django" not in ev.libraries or base.row is not None or not base.text:
        return _of_peewee(ev, base, node, method)
    if _QUERY_SET.search(base.text) and not base.type:
        return _query_set(ev, base.text)
    if _MANAGER.search(base.text):
        return _query_set(ev, base.text)
    if base.type.startswith("self:"):
        owner = base.type[5:]
        if base.ref is None and method == "get_object":
            return _served(ev, owner)
        if base.ref is None and is_manager(ev, owner):
            return _query_set(ev, "self.model")
        return _query_set(ev, base.text) if base.ref is not None and _fits(base.text, node, method) else None
    if base.type and not base.type.startswith(":") and base.ref is None and not _OF_AN_OBJECT.search(base.type):
        return None
    return _query_set(ev, base.text) if _fits(base.text, node, method) else None


def _of_peewee(ev: Evaluator, base: Value, node: cst.Call, method: str) -> Value | None:
    """The rows that refer to one of peewee's: `dock.trucks`."""
    holder = base.text.rpartition(".")[0]
    known = any(row.name == holder and row.library == "peewee" for row in ev.rows)
    return _query_set(ev, base.text) if known and method in NO_ARGUMENTS and _fits(base.text, node, method) else None


def own_method_of_manager(type_name: str, method: str, receiver: str = "") -> Call | None:
    """What a method that a project gives its managers and query sets does, as far as its name tells; most narrow the query.

    One of a row out of those of a query (`found[0].tell()`) is the model's own, and what is said to be of a cache changes no row.
    """
    if type_name != "django.QuerySet" or method in ("model", "db") or method.startswith("_"):
        return None
    if _ONE_OF_MANY.search(receiver) or not _OF_CACHES.isdisjoint(method.split("_")):
        return None
    verb = method.lstrip("_").partition("_")[0]
    if "or_create" in method:
        return Call("atomic", returns="row")
    return Call(
        {"create": "create", "get": "row", "find": "row", "delete": "delete", "update": "update"}.get(verb, "query")
    )


def _served(ev: Evaluator, owner: str) -> Value | None:
    """The query that a view fetches its object with, of the model that its class names; None if the class is no view."""
    scope = ev.scope
    if not any(name.endswith(_VIEWS) for name in (owner, *scope.base_names(owner))):
        return None
    attributes = {name: text for class_ in reversed(scope.lineage(owner)) for name, text in class_.attributes}
    queryset, model = attributes.get("queryset", ""), attributes.get("model", "")
    getter = scope.method(owner, "get_queryset")
    locks = "for_update" in queryset or (
        getter is not None and any("for_update" in call.callee for call in getter.calls)
    )
    name = queryset.partition(".")[0] or model
    query = _query_set(ev, name if name.isidentifier() else "self.get_object()")
    return replace(query, known=(*query.known, ("locked", Value()))) if locks else query


_VIEWS = ("View", "ViewSet", "Mixin")
"""Tails of names of classes that answer requests."""


def is_manager(ev: Evaluator, owner: str) -> bool:
    """Whether a class of the module makes query sets: the tail of the name of a base says so, as Django's own names do."""
    return any(base.endswith(("Manager", "QuerySet")) for base in ev.scope.base_names(owner))


def _fits(text: str, node: cst.Call, method: str) -> bool:
    """Whether `order.lines.method(…)` is called as a query set's method is."""
    holder, _, attribute = text.rpartition(".")
    if not holder or "(" in text or not attribute.isidentifier() or _NOT_ROWS.search(attribute):
        return False
    if method in ANY_ARGUMENTS:
        return True
    if method in NO_ARGUMENTS:
        return not node.args
    return method in KEYWORDS_ONLY and bool(node.args) and all(a.keyword is not None for a in node.args)


def _query_set(ev: Evaluator, text: str) -> Value:
    return Value(type="django.QuerySet", text=text, known=(("model", Value(text=table_name(ev, text))),))


def table_name(ev: Evaluator, text: str) -> str:
    """What rules call the table behind a receiver's source: the model's name, or `order.lines` for the related rows of `order`."""
    text = re.sub(r"\.(\w*objects\w*|_default_manager|_base_manager|query)$", "", text)
    if text in ("self.__class__", "cls", "type(self)") and ev.function.owner:
        return ev.function.owner.rpartition(".")[2]
    if text in ("self.model", "self.Meta.model", "self.get_queryset().model"):
        return text
    last = text.rpartition(".")[2]
    return last if last[:1].isupper() or "." not in text else text


def customary_model(ev: Evaluator, type_name: str, text: str) -> str:
    """The modelled class that a class of unknown bases is taken for: that of the mapper whose model classes are their own managers.

    Such a mapper is imported by the module, or the function catches the class's `DoesNotExist`.
    """
    name = type_name.rpartition(".")[2]
    if (
        text.rpartition(".")[2] != name  # an object of the class
        or not name[:1].isupper()
        or name.isupper()
        or type_name.startswith("type[")
        or name.endswith(("Error", "Exception"))
    ):
        return ""
    if type_name.partition(".")[0] in MAPPERS:
        return ""
    return customary_mapper(ev) or ("peewee.Model" if f"{name}.DoesNotExist" in ev.function.reads else "")


def customary_mapper(ev: Evaluator) -> str:
    """The base of the models of an imported mapper whose model classes are their own managers; "" if there is none."""
    return next((model for library, model in _OWN_MANAGERS.items() if library in ev.scope.libraries), "")


def is_own_class(ev: Evaluator, text: str) -> bool:
    """Whether a name is the class that a class method is called on."""
    function = ev.function
    return "classmethod" in function.decorators and bool(function.params) and text == function.params[0][0]


_OWN_MANAGERS = {
    "peewee": "peewee.Model",
    "tortoise": "tortoise.models.Model",
    "mongoengine": "mongoengine.Document",
    "piccolo": "piccolo.table.Table",
}


def reverse_row(ev: Evaluator, node: cst.Call, arguments: Arguments) -> Value | None:
    """`hasattr(order, "invoice")`: Django looks the row at the other end of a one-to-one relation up."""
    holder, name = arguments.at(0), arguments.at(1)
    if "django" not in ev.libraries or holder is None or name is None or not holder.text or name.text[:1] not in "\"'":
        return None
    table = f"{holder.text}.{name.text.strip(chr(34) + chr(39))}"
    number = ev.emit(Op.CHECK, Resource(Kind.TABLE, "django", table, table), node, how="exists")
    return Value(frozenset((number,)), Shape.CALL, via=number)


def missing_rows(ev: Evaluator, caught: cst.BaseExpression | None) -> Control:
    """`except Order.DoesNotExist`: whatever raised it has looked a row of that model up and found none."""
    names = [e.value for e in caught.elements] if isinstance(caught, cst.Tuple) else [caught]
    found = NO_CONTROL
    for name in names:
        if isinstance(name, cst.Attribute) and name.attr.value == "DoesNotExist":
            table = table_name(ev, source_of(name.value))
            number = ev.emit(Op.CHECK, Resource(Kind.TABLE, "django", table, table), name, how="missing")
            found |= {(number, Sense.ABSENT)}
    return found


def evaluated(ev: Recorder, value: Value, node: cst.CSTNode, how: str) -> Value:
    """A query set whose rows are asked for is read; any other value stays what it is."""
    model = value.part("model")
    if (
        model is None
        or value.via is not None
        or not value.type.endswith((".QuerySet", ".Query"))
        or value.part("statement")
    ):
        return value
    keys = value.part("keys")
    related = frozenset(k for k in (keys.text.split() if keys is not None else ()) if not k.endswith("="))
    resource = Resource(Kind.TABLE, value.type.partition(".")[0], model.text, model.text)
    op = Op.CHECK if ev.testing else Op.READ
    number = ev.emit(op, resource, node, kept_with_read(value), how, related, tested_columns(value))
    if value.part("locked") is not None:
        ev.locked_reads.add(number)
        if how in EVALUATING:
            ev.acquire(resource, "row lock", "processes", ev.place(node))
    return replace(value, stems=frozenset((number,)), via=number)


EVALUATING = frozenset({"list", "tuple", "set", "len", "bool", "sorted"})
"""Functions that evaluate a query as a whole: all rows are locked from there on."""


def listed(ev: Recorder, source: Value) -> tuple[tuple[str, Value], ...]:
    """What is known of a list of the rows that were read; nothing where the source is no query that was evaluated."""
    read = ev.access(source.via) if source.via is not None else None
    if read is None or read.resource.kind is not Kind.TABLE or source.part("model") is None or source.part("plain"):
        return ()
    kept = tuple(part for part in source.known if part[0] in ("model", "locked"))
    return (*kept, ("rows of", Value(text=read.resource.owner)))


_CORE = expression(r"(\w+)\.c\.\w")
_MAPPED = expression(r"\b([A-Z]\w*)(?=\.|\b)(?!\()")


def asked_of(text: str) -> str:
    """The model that the argument of `select` or `query` speaks of: `Ticket`, `Ticket.number`, `func.max(Ticket.number)`.

    Of a table that no class stands for, its name: `tickets.c.number`, `[self.tickets.c.number]`.
    """
    found = _CORE.search(text) or _MAPPED.search(text)
    return found.group(1) if found is not None else text.lstrip("[( ").rpartition(".")[2]
