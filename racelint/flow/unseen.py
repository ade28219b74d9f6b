"""Functions whose code cannot be seen and whose names say that they look rows up or create them."""

from __future__ import annotations

import re

import libcst as cst

from racelint.events import Access, Kind, Op, Resource, Row, Shape, Value
from racelint.expressions import expression
from racelint.flow.arguments import Arguments
from racelint.flow.expressions import Evaluator
from racelint.flow.managers import table_name
from racelint.flow.summaries import source_of
from racelint.store_calls import LOOK_UP, asks_class
from racelint.store_types import keeps_rows

_CREATION = frozenset("create insert add register".split())


def unseen_look_up(
    ev: Evaluator, node: cst.CSTNode, base: Value | None, method: str, arguments: Arguments
) -> Value | None:
    """A look-up by a function that cannot be seen, in a module that works with rows; its name says that it looks something up.

    None for a name that is a verb alone unless `self` has it, or a repository: too many objects have a `get`.
    """
    verb, _, noun = method.lstrip("_").partition("_")
    receiver = base.text.rpartition(".")[2] if base is not None else ""
    if base is not None and asked_class(ev, base, method, arguments):
        number = ev.emit(Op.READ, _table(ev, base), node, how="look-up", related=arguments.texts)
        return Value(frozenset((number,)), Shape.CALL, via=number)
    repository = keeps_rows(receiver)
    if verb not in LOOK_UP or "create" in noun or not arguments.texts or not (ev.program.maps_rows or repository):
        return None
    if not noun and (base is None or base.text not in ("self", "cls")) and not repository:
        return None
    name = f"{method}()"
    resource = Resource(Kind.TABLE, "unseen", f"{receiver} {method}", name)
    number = ev.emit(Op.READ, resource, node, how="look-up", related=arguments.texts)
    return Value(frozenset((number,)), Shape.CALL, via=number)


def unseen_creation(ev: Evaluator, node: cst.CSTNode, base: Value | None, method: str, arguments: Arguments) -> None:
    """A creation by a function that cannot be seen, of a row that the unit has looked up in the same place before.

    `Order.create_from(cart)` after `Order.objects.filter(…)`, `orders.create(order)` of a repository after `orders.find_by_cart(cart)`,
    `create_order(session, …)` after `get_order_by_cart(session, …)`.
    """
    verb, _, noun = method.lstrip("_").partition("_")
    if verb not in _CREATION or not arguments.every or "create" in noun:
        return
    if base is not None and _is_model(ev, base):
        _create(ev, node, table_name(ev, base.text), method, arguments)
        return
    if base is None and _create_named(ev, node, noun, method, arguments):
        return
    receiver = base.text.rpartition(".")[2] if base is not None else ""
    if not keeps_rows(receiver) and not any(_SESSION.search(text) for text in arguments.texts):
        return
    for event in reversed(ev.told()):
        if isinstance(event, Access) and event.op in (Op.READ, Op.CHECK) and _alike(event, receiver, noun):
            resource = event.resource
            if resource.owner == "named":
                resource = Resource(Kind.TABLE, "unseen", resource.path, resource.name)
            ev.emit(Op.CREATE, resource, node, Value(arguments.stems), method, arguments.texts)
            return


def created_by_base(ev: Evaluator, node: cst.CSTNode, base: Value, method: str, arguments: Arguments) -> Value | None:
    """`super().create(validated_data)` in a serializer of REST framework makes a row of the model that it is named after."""
    owner = ev.function.owner
    if base.type != "super" or method != "create" or ev.function.name != "create" or not owner.endswith("Serializer"):
        return None
    resource = next((look.resource for look in ev.looks_at_tables() if _named_after(owner, look.resource.name)), None)
    if resource is None:
        return None
    ev.emit(Op.CREATE, resource, node, Value(arguments.stems), "super().create", arguments.texts)
    ev.rows.append(Row("", resource.name, "django", None, new=True))
    ev.stored.add(len(ev.rows) - 1)
    return Value(shape=Shape.NEW, row=len(ev.rows) - 1)


def created_in_counted(ev: Evaluator, node: cst.CSTNode, base: Value, method: str, arguments: Arguments) -> bool:
    """Whether this is `team.members.add(user)` of a relation whose rows were counted before; then one more is created."""
    if method not in ("add", "aadd") or "django" not in ev.libraries or not arguments.positional:
        return False
    table = table_name(ev, base.text)
    look = next((look for look in ev.looks_at_tables() if look.resource.name == table), None)
    if look is None or look.how not in ("count", "acount", "len"):
        return False
    ev.emit(Op.CREATE, look.resource, node, Value(arguments.stems), method, arguments.texts)
    return True


def free_name(ev: Evaluator, node: cst.CSTNode, method: str, arguments: Arguments) -> Value | None:
    """`slugify_uniquely(title, Article)`: a function that is handed a model looks for a value that no row of it has yet."""
    if not ev.program.maps_rows or _FREE.search(method) is None:
        return None
    for value in arguments.every:
        model = value.text.rpartition(".")[2]
        if value.ref is None and value.row is None and model[:1].isupper() and not model.isupper() and "(" not in model:
            table = table_name(ev, value.text)
            number = ev.emit(Op.READ, Resource(Kind.TABLE, "django", table, table), node, how="free name")
            return Value(arguments.stems | {number}, Shape.CALL)
    return None


_FREE = expression(r"(?i)uniqu|unused|_free_|^free_|available")
"""Parts of the names of functions that find what nothing has yet."""


def is_queried(ev: Evaluator, function: cst.BaseExpression) -> bool:
    """Whether what is called is the class of the rows that were asked for: `model(**values)` after `session.query(model)`."""
    if not ev.of_tables or not ev.program.maps_rows or not isinstance(function, (cst.Name, cst.Attribute)):
        return False
    text = source_of(function)
    table = table_name(ev, text) if text == "cls" else text
    return any(look.resource.name == table for look in ev.looks_at_tables())


def _is_model(ev: Evaluator, base: Value) -> bool:
    """Whether the value is a model class: a name with a capital, or the class of the model that the unit is a method of."""
    last = base.text.rpartition(".")[2]
    if base.text in ("cls", "self.__class__"):
        return bool(ev.function.owner) and ev.scope.is_mapped(ev.function.owner)
    return ev.program.maps_rows and last[:1].isupper() and not last.isupper() and "(" not in base.text


def asked_class(ev: Evaluator, base: Value, method: str, arguments: Arguments) -> bool:
    """Whether rows are looked up by a method of what its name alone tells as a model class: `model.User.get(name)`."""
    named = bool(arguments.texts) and base.row is None and asks_class(f"{base.text}.{method}")
    return named and _is_model(ev, base)


def _table(ev: Evaluator, base: Value) -> Resource:
    name = table_name(ev, base.text)
    return Resource(Kind.TABLE, "unseen", name, name)


def _create(ev: Evaluator, node: cst.CSTNode, table: str, method: str, arguments: Arguments) -> None:
    """Emits the creation of a row by a method of its model, if a row of the table was looked up before."""
    look = next((look for look in ev.looks_at_tables() if look.resource.name == table), None)
    if look is not None:
        stems = Value(arguments.stems)
        ev.emit(Op.CREATE, look.resource, node, stems, method, arguments.texts, assigned=look.tested)


def _create_named(ev: Evaluator, node: cst.CSTNode, noun: str, method: str, arguments: Arguments) -> bool:
    """Emits what `create_partner_user(…)` creates, a row of the model of that name, if it was looked up before: `PartnerUser.get_by(…)`."""
    table = noun.replace("_", "")
    looks = (look for look in ev.looks_at_tables() if look.resource.owner == "unseen" and look.how == "look-up")
    look = next((look for look in looks if look.resource.name.rpartition(".")[2].lower() == table), None)
    if look is not None:
        ev.emit(Op.CREATE, look.resource, node, Value(arguments.stems), method, arguments.texts, assigned=look.tested)
    return look is not None


def _named_after(class_name: str, model: str) -> bool:
    """Whether all words of a model's name stand in that of a class."""
    words = re.findall(r"[A-Z][a-z0-9]*", model.rpartition(".")[2])
    return bool(words) and set(words) <= set(re.findall(r"[A-Z][a-z0-9]*", class_name))


_SESSION = expression(r"(^|[._])(db|session|conn|connection|cursor|cur|tx|uow)$")
"""Names of what a function of the project is handed to work with the database."""

_HOW = expression(r"(^|_)(by|for|with|from|where|in|on|of|and|or)(_.*|$)")
"""What of a function's name says how something is found or made, and not what."""


def _alike(look: Access, receiver: str, noun: str) -> bool:
    """Whether what is created is what the look-up by an unseen function asked for."""
    if look.resource.owner == "unseen":
        asked, _, method = look.resource.path.partition(" ")
        thing = method.lstrip("_").partition("_")[2]
    elif look.resource.owner == "named":
        asked, _, thing = look.resource.path.rpartition(".")
        asked = asked.rpartition(".")[2]
    else:
        return False
    if asked != receiver:
        return False
    one, other = (_HOW.sub("", name).removesuffix("s") for name in (thing, noun))
    return one == other if one and other else keeps_rows(receiver)
