"""By which columns a query chooses its rows."""

from __future__ import annotations

import re

import libcst as cst

from racelint.events import NO_IDS, Ids, Shape, Value
from racelint.expressions import expression
from racelint.flow.arguments import Arguments
from racelint.flow.summaries import source_of

CHOOSING = frozenset({"where", "filter", "having"})
"""Methods whose arguments are conditions."""

SHAPING = frozenset(
    "values values_list annotate alias extra select_for_update select_related prefetch_related using with_for_update options".split()
)
"""Methods whose keywords say what is read, and how, and not of which rows."""


def tested_columns(query: Value) -> frozenset[str]:
    """The columns that the clauses of a query compare: keywords (`pk`, `balance__gte`) and attributes (`Job.state == …`)."""
    keys, compared = query.part("keys"), query.part("compared")
    named = frozenset(k[:-1] for k in (keys.text.split() if keys is not None else ()) if k.endswith("="))
    return named | frozenset(compared.text.split() if compared is not None else ())


def clause_columns(base: Value, method: str, arguments: Arguments) -> tuple[tuple[str, Value], ...]:
    """What the next clause of a query adds to it: columns that are compared, and that only some rows are wanted."""
    known = base.part("compared")
    found = set(known.text.split() if known is not None else ())
    if method in CHOOSING:
        for argument in arguments.nodes:
            if argument.keyword is None:
                found |= _compared(argument.value)
    parts = [("compared", Value(text=" ".join(sorted(found))))] if found else []
    if method == "limit" or base.part("limited") is not None:
        parts.append(("limited", Value()))
    if method == "order_by" or base.part("ordered") is not None:
        parts.append(("ordered", Value()))
    if method in ("values", "values_list") or base.part("plain") is not None:
        parts.append(("plain", Value()))  # no rows that could be saved
    sets = base.part("sets")
    if method == "values" and base.part("statement") is not None:
        parts.append(("sets", Value(text=" ".join(sorted(arguments.keywords)))))
    elif sets is not None:
        parts.append(("sets", sets))
    given = base.part("given")
    asked = {*(given.text.split() if given is not None else ()), *given_columns(method, arguments)}
    if asked:
        parts.append(("given", Value(text=" ".join(sorted(asked)))))
    if base.type == "django.QuerySet" and arguments.stems | chosen_by(base):
        parts.append(("chosen", Value(arguments.stems | chosen_by(base))))
    return tuple(parts)


KEPT = ("limited", "ordered", "given")
"""What is known of a query that is kept with its read."""


def kept_with_read(query: Value) -> Value | None:
    """That some of the rows of a query are wanted only, in which order, and which columns are compared with what was handed in."""
    parts = tuple(part for part in query.known if part[0] in KEPT)
    return Value(known=parts) if parts else None


def given_columns(method: str, arguments: Arguments) -> set[str]:
    """The columns that keywords compare with a name or an attribute, and not with a constant: a row is asked for by its own value."""
    if method in SHAPING:
        return set()
    return {name.partition("__")[0] for name, value in arguments.keywords.items() if _GIVEN.fullmatch(value.text)}


_GIVEN = expression(r"[a-z_]\w*(\.[a-z_]\w*)*")


def choosing_keywords(method: str, arguments: Arguments) -> frozenset[str]:
    """The keywords of a clause that are columns which are compared, each with a `=` behind it."""
    return frozenset() if method in SHAPING else frozenset(f"{keyword}=" for keyword in arguments.keywords)


def chosen_by(query: Value) -> Ids:
    """The accesses that the rows of a query are chosen by."""
    known = query.part("chosen")
    return known.stems if known is not None else NO_IDS


def _compared(node: cst.BaseExpression) -> set[str]:
    """Names of the attributes on the left of comparisons that all have to hold."""
    if isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.BitAnd):
        return _compared(node.left) | _compared(node.right)
    if isinstance(node, cst.Comparison) and isinstance(node.left, cst.Attribute):
        return {node.left.attr.value}
    flag = (
        node.expression if isinstance(node, cst.UnaryOperation) and isinstance(node.operator, cst.BitInvert) else node
    )
    if isinstance(flag, cst.Attribute) and isinstance(flag.value, cst.Name) and flag.value.value[:1].isupper():
        return {flag.attr.value}  # `Job.done`, `~Job.done`
    if (
        isinstance(node, cst.Call)
        and isinstance(node.func, cst.Attribute)
        and isinstance(node.func.value, cst.Attribute)
    ):
        return {node.func.value.attr.value}  # `Job.state.in_(…)`, `Job.taken.is_(None)`
    return set()


def selected_columns(arguments: Arguments) -> tuple[tuple[str, Value], ...]:
    """The columns that a statement selects, if it names them all: `select(Page.hits)`."""
    nodes = [argument.value for argument in arguments.nodes if argument.keyword is None and not argument.star]
    names = [
        node.attr.value for node in nodes if isinstance(node, cst.Attribute) and _OF_TABLE.fullmatch(source_of(node))
    ]
    plain = bool(names) and len(names) == len(arguments.nodes)
    return (("columns", Value(text=" ".join(names))),) if plain else ()


_OF_TABLE = expression(r"(\w+\.)*([A-Z]\w*|\w+\.c)\.\w+")
"""A column of a class or of a table."""


def defaults_of(arguments: Arguments) -> tuple[tuple[str, Value], ...]:
    """The columns that `update_or_create(…, defaults={"hits": …})` sets whether the row was there or not, with what they stem from."""
    given = arguments.keywords.get("defaults")
    if given is None:
        return ()
    node = next(a.value for a in arguments.nodes if a.keyword is not None and a.keyword.value == "defaults")
    return (("defaults", Value(given.stems, text=" ".join(sorted(_columns_of(node))))),)


def _columns_of(node: cst.BaseExpression) -> frozenset[str]:
    """The columns that the keys of a dictionary name, as texts or as attributes of a model."""
    if not isinstance(node, cst.Dict):
        return frozenset()
    keys = (source_of(element.key) for element in node.elements if isinstance(element, cst.DictElement))
    return frozenset(key.strip("\"'").rpartition(".")[2] for key in keys)


def set_by_dictionary(arguments: Arguments) -> frozenset[str]:
    """The columns that `update({"hits": …})` or `update({Page.hits: …})` sets."""
    return _columns_of(arguments.nodes[0].value) if arguments.nodes else frozenset()


def flags_of(arguments: Arguments) -> tuple[tuple[str, Value], ...]:
    """The columns that keywords set to `True`, `False` or `None`, as `default=True`."""
    found = [f"{name}={value.shape.value}" for name, value in arguments.keywords.items() if value.shape in _TRUTH]
    return (("flags", Value(text=" ".join(sorted(found)))),) if found else ()


_TRUTH = (Shape.TRUE, Shape.FALSE, Shape.NONE)


def document_parts(text: str) -> tuple[tuple[str, Value], ...]:
    """The same of an update of MongoDB, with the amounts that it adds to fields: `{"$inc": {"coins": -n}}` is `coins=-n`."""
    parts = []
    for name, operator, wanted in (("flags", "set", _FLAG), ("amounts", "inc", _AMOUNT)):
        inner = re.search(rf"""["']\${re.escape(operator)}["']\s*:\s*{{([^{{}}]*)}}""", text)
        found = [f"{field}={value}" for field, value in wanted.findall(inner[1])] if inner is not None else []
        if found:
            parts.append((name, Value(text=" ".join(sorted(found)))))
    return tuple(parts)


_FLAG = expression(r"""["'](\w+)["']\s*:\s*(True|False)\b""")
_AMOUNT = expression(r"""["']([\w.]+)["']\s*:\s*(-?[\w.\[\]"']+)""")
