"""Expressions in Python's order of evaluation: which accesses they make, and which reads a value stems from."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeGuard

import libcst as cst

from racelint.events import (
    NO_IDS,
    Access,
    Acquire,
    Ids,
    Kind,
    Mark,
    Op,
    Place,
    Resource,
    Row,
    Sense,
    Shape,
    Switch,
    Value,
)
from racelint.facts import FunctionFacts
from racelint.flow.graph import NO_CONTROL, Builder, Control, State, join
from racelint.flow.resources import (
    REMOVALS,
    attribute_resource,
    captured_resource,
    changed_by_others,
    global_resource,
    item_of,
    part_of,
)
from racelint.flow.summaries import Definition, Program, source_of
from racelint.frozen import replace
from racelint.grafts import is_grafted
from racelint.paths import is_own

NO_NAMES: frozenset[str] = frozenset()

OWN_TO_THREAD = frozenset({"threading.local", "_thread._local", "gevent.local.local", "werkzeug.local.Local"})
"""Types whose objects have attributes of their own in each thread."""

WRAPPERS = frozenset({"asyncio.wait_for", "asyncio.shield", "asyncio.timeout", "anyio.fail_after"})
"""Awaiting these awaits their first argument in the same task."""

BUILTIN_PURE = frozenset(
    [
        "len",
        "bool",
        "int",
        "str",
        "float",
        "list",
        "dict",
        "set",
        "tuple",
        "sorted",
        "max",
        "min",
        "sum",
        "any",
        "all",
        "next",
        "iter",
        "abs",
        "round",
        "frozenset",
        "repr",
    ]
)


class Evaluator(Builder):
    """Walks expressions of one unit and of the helpers it calls."""

    MOST_DEPTH = 3
    MOST_INLINED = 800
    """Helpers are no longer followed into once a unit has this many events."""

    def __init__(self, program: Program, definition: Definition) -> None:
        super().__init__()
        self.program, self.scope, self.models = program, program.scope, program.models
        self.definition = definition
        self.function: FunctionFacts = definition.facts
        self.stack: list[str] = [definition.facts.qualname]
        self.site: Place | None = None
        self.rows: list[Row] = []
        self.testing = False
        self.unused: cst.BaseExpression | None = None
        """The expression that is a statement of its own: nobody looks at its value."""
        self.repeating = False
        self.asserting = False
        self.ordered: set[int] = set()
        self.compared: set[int] = set()
        self.statement = 0
        self.handled: list[frozenset[str]] = []
        """What the `try` statements around catch, outermost first."""
        self.forgiven: list[frozenset[str]] = []
        """What they catch without raising again."""
        self.limited = False
        self.added: list[int] = []
        """The creations of rows that wait in a session."""
        self.relative: set[tuple[int, str]] = set()
        """Fields of rows that were last set to what the database computes from their own value."""
        self.stored: set[int] = set()
        """New rows that are in the database already."""
        self.rebound: set[int] = set()
        """Rows whose names have been given to something else."""
        self.returned: list[Value] = []
        self._sorted: dict[Control, tuple[tuple[int, Sense], ...]] = {}

    # places and events

    def place(self, node: cst.CSTNode) -> Place:
        """Where a node stands."""
        return Place(self.definition.facts.qualname, self.definition.number(node))

    def emit(
        self,
        op: Op,
        resource: Resource,
        node: cst.CSTNode,
        value: Value | None = None,
        how: str = "",
        related: frozenset[str] = frozenset(),
        tested: frozenset[str] = frozenset(),
        assigned: frozenset[str] = frozenset(),
        chosen: Ids = NO_IDS,
    ) -> int:
        """Adds an access here."""
        place = self.place(node)
        number = self.next_id
        value = value or Value()
        access = Access(
            number,
            op,
            resource,
            place,
            self.site or place,
            self.state.held,
            self._control(),
            value,
            how,
            related,
            self.state.fresh,
            self.statement,
            NO_NAMES.union(*self.handled) if self.handled else NO_NAMES,
            tested,
            assigned,
            chosen,
            NO_NAMES.union(*self.forgiven) if self.forgiven else NO_NAMES,
        )
        self.add(access)
        self.state.fresh |= {number}
        if op.changes and not resource.kind.external:
            self._claim(access)
        return number

    def _test_kind(self) -> str:
        """`while` and `assert` for the tests of such statements, "" elsewhere."""
        if not self.testing:
            return ""
        return "while" if self.repeating else "assert" if self.asserting else ""

    def _control(self) -> tuple[tuple[int, Sense], ...]:
        control = self.state.control
        known = self._sorted.get(control)
        if known is None:
            known = self._sorted[control] = tuple(sorted(control, key=_by_id))
        return known

    def _claim(self, access: Access) -> None:
        """A write that makes the check before it come out otherwise, with no switch between, keeps other units out."""
        place = (access.resource.place, access.resource.name, access.resource.key)
        for held in self.acquisitions(self.state.held):
            if held.what == "claim" and (held.lock.place, held.lock.name, held.lock.key) == place:
                self.release(held.id)
        for number, sense in self.state.control:
            check = self.access(number)
            if check is None or number not in access.fresh:
                continue
            if (check.resource.place, check.resource.name, check.resource.key) != place:
                continue
            absent = access.value.shape.absent or access.op is Op.DELETE or access.how in REMOVALS
            if (sense is Sense.ABSENT and not absent) or (sense is Sense.PRESENT and absent) or sense.vague:
                self.acquire(access.resource, "claim", "any", access.place)
                break

    def acquire(self, lock: Resource, what: str, world: str, place: Place, shared: bool = True) -> int:
        """Takes a guard from here on."""
        number = self.next_id
        self.add(Acquire(number, place, self.site or place, lock, what, world, shared))
        self.state.held |= {number}
        return number

    def switch(self, node: cst.CSTNode, stems: Ids = NO_IDS, callee: str = "", used: Resource | None = None) -> int:
        """Other tasks may run here."""
        place = self.place(node)
        number = self.next_id
        self.add(
            Switch(
                number,
                place,
                self.site or place,
                self.state.held,
                stems,
                self._control(),
                callee,
                used,
                self.statement,
            )
        )
        self.state.fresh = NO_IDS
        return number

    def mark(
        self,
        what: str,
        node: cst.CSTNode,
        subject: str = "",
        related: frozenset[str] = frozenset(),
        stems: Ids = NO_IDS,
    ) -> int:
        """Notes something that is no access."""
        place = self.place(node)
        number = self.next_id
        self.add(
            Mark(
                number,
                place,
                self.site or place,
                what,
                subject,
                self.state.held,
                self._control(),
                related,
                self.statement,
                stems,
            )
        )
        return number

    # values

    def evaluate(self, node: cst.BaseExpression) -> Value:
        """Walks an expression and says what is known of its value."""
        handler = _EXPRESSIONS.get(type(node))
        if handler is not None:
            return handler(self, node)
        stems: Ids = NO_IDS
        for child in node.children:
            if isinstance(child, cst.BaseExpression):
                stems |= self.evaluate(child).stems
        return Value(stems)

    def plain(self, node: cst.BaseExpression) -> Value:
        """`evaluate`, for a part whose value does not decide a branch."""
        testing, self.testing = self.testing, False
        value = self.evaluate(node)
        self.testing = testing
        return value

    def read(self, resource: Resource, node: cst.CSTNode, type_name: str = "", how: str = "") -> Value:
        """Reads a resource."""
        number = self.emit(
            Op.CHECK if self.testing else Op.READ,
            resource,
            node,
            how=how or self._test_kind(),
        )
        return Value(frozenset((number,)), ref=resource, via=number, type=type_name, text=source_of(node))

    def name(self, node: cst.Name) -> Value:
        name = node.value
        known = self.state.env.get(name)
        if known is not None:
            return known if known.text else replace(known, text=name)
        if name in ("None", "True", "False"):
            return Value(shape={"None": Shape.NONE, "True": Shape.TRUE, "False": Shape.FALSE}[name], text=name)
        function = self.function
        if name in function.local_names:
            return Value(text=name)
        nested = self._nested(name)
        if nested is not None:
            return Value(type=f"def:{nested}", text=name)
        if function.parent:
            captured = captured_resource(self.scope, function, name)
            if captured is not None:
                if self._captured_changes(captured):
                    return self.read(captured, node, self.program.concurrency.local_type(name, function))
                return Value(ref=captured, type=self.program.concurrency.local_type(name, function), text=name)
        if is_grafted(function.qualname):
            return self._name_elsewhere(name)
        if name in self.scope.classes:
            return Value(type=f"type[:{name}]", text=name)
        if name in self.scope.functions:
            return Value(type=f"def:{name}", text=name)
        if name in self.scope.imports:
            return Value(type=self.scope.imports[name], text=name)
        if name in self.scope.module_names:
            built = self.scope.assigned.get(name, "")
            type_name = self.scope.built_type(built) if built not in ("empty", "display") else "dict"
            resource = global_resource(self.scope, name)
            if name in self.scope.rebound_globals:
                return self.read(resource, node, type_name)
            if changed_by_others(self.scope, name):
                return Value(ref=resource, type=type_name, text=name)
            return Value(type=type_name, text=name, shape=Shape.CONSTANT)
        return Value(type=name, text=name)

    @property
    def libraries(self) -> frozenset[str]:
        """What the module of the definition that is walked imports, as `Scope.libraries`."""
        return self.scope.names_in(self.function.qualname).libraries

    def _name_elsewhere(self, name: str) -> Value:
        """A name at the top of another module, in a definition that was taken over from there."""
        names = self.scope.names_in(self.function.qualname)
        class_, function = names.class_named(name), names.function_named(name)
        if class_ is not None:
            return Value(type=f"type[:{class_.qualname}]", text=name)
        if function is not None:
            return Value(type=f"def:{function.qualname}", text=name)
        if name in names.imports:
            return Value(type=names.imports[name], text=name)
        if name in names.assigned:
            resource = Resource(Kind.GLOBAL, names.facts.path, name, name)
            return Value(ref=resource, type=names.built_type(names.assigned[name]), text=name)
        return Value(type=name, text=name)

    def _nested(self, name: str) -> str | None:
        prefix = self.function.qualname
        while prefix:
            found = self.scope.functions.get(f"{prefix}.{name}")
            if found is not None and not found.owner:
                return found.qualname
            prefix = prefix.rpartition(".")[0]
        return None

    def _captured_changes(self, resource: Resource) -> bool:
        """Whether the captured variable itself is rebound by a nested function."""
        return any(
            resource.path in f.outer_names and f.qualname.startswith(resource.owner + ".")
            for f in self.scope.facts.functions
        )

    def attribute(self, node: cst.Attribute) -> Value:
        testing, self.testing = self.testing, False
        base = self.evaluate(node.value)
        self.testing = testing
        return self.attribute_of(base, node)

    def attribute_of(self, base: Value, node: cst.Attribute) -> Value:
        """The value of `base.attr`."""
        attr = node.attr.value
        text = source_of(node)
        if base.row is not None:
            row = self.rows[base.row]
            set_here = self.state.written.get(base.row, {}).get(attr)
            if set_here is not None:  # no longer what was loaded
                return Value(set_here, text=text)
            column = Resource(Kind.ROW, row.model or row.name, attr, text)
            number = self.emit(Op.READ, column, node, Value(row=base.row))
            stems = {number, *((row.loaded,) if row.loaded is not None else ())}
            return Value(frozenset(stems), text=text, via=number)
        resource, type_name = self.resource_of(base, attr, text)
        if type_name.startswith("property:"):
            value = self.inline(type_name[9:], [base], {}, node)
            return value if value is not None else Value(base.stems, text=text)
        if resource is not None:
            if self._is_constant(resource):
                return Value(ref=resource, type=type_name, text=text)
            value = self.read(resource, node, type_name)
            if base.ref is not None:
                return value
            return replace(value, stems=value.stems | base.stems, opaque=base.opaque)
        if type_name:
            return Value(base.stems, type=type_name, text=text, known=base.known)
        if base.type == "pathlib.Path":
            path = base.part("path")
            part = Value(text=f"{path.text if path is not None else base.text}.{attr}")
            return Value(base.stems, type=base.type if attr == "parent" else "", text=text, known=(("path", part),))
        if base.type and not base.type.startswith((":", "def:", "type[")):
            return Value(base.stems, type=f"{base.type}.{attr}", text=text, known=base.known, opaque=base.opaque)
        return Value(base.stems, text=text, known=base.known, opaque=base.opaque, born=base.born)

    def _is_constant(self, resource: Resource) -> bool:
        if resource.kind is Kind.ATTRIBUTE and "." not in resource.path:
            return not self.scope.changes_attribute(resource.owner, resource.path)
        return False

    def resource_of(self, base: Value, attr: str, text: str) -> tuple[Resource | None, str]:
        """The resource that `base.attr` names, or the type of the method or member that it is."""
        scope = self.scope
        if base.type in OWN_TO_THREAD or scope.is_thread_local(base.type):
            return None, ""
        if base.type.startswith("self:") or base.type.startswith("type[:"):
            owner = base.type[5:] if base.type.startswith("self:") else base.type[6:-1]
            method = scope.method(owner, attr)
            if method is not None:
                if any(d.rpartition(".")[2] in ("property", "cached_property") for d in method.decorators):
                    return None, f"property:{method.qualname}"
                if not any(d.endswith((".setter", ".deleter")) for d in method.decorators):
                    return None, f"def:{method.qualname}"
            if f"{owner}.{attr}" in scope.classes:
                return None, f"type[:{owner}.{attr}]"
            return attribute_resource(scope, owner, attr, text), scope.attribute_type(owner, attr)
        if base.type.startswith(":"):
            owner = base.type[1:]
            method = scope.method(owner, attr)
            if method is not None:
                if any(d.rpartition(".")[2] == "property" for d in method.decorators):
                    return None, f"property:{method.qualname}"
                return None, f"def:{method.qualname}"
            type_name = scope.attribute_type(owner, attr)
            if base.ref is not None:
                return part_of(base, attr, text), type_name
            if base.shape is Shape.NEW:
                return None, ""
            if base.text:
                return Resource(Kind.ARGUMENT, owner, attr, text), type_name
            return None, ""
        if base.ref is not None:
            return part_of(base, attr, text), ""
        if not base.type and (
            base.text in self._parameters or (self.program.maps_rows and base.text in self.function.local_names)
        ):
            return Resource(Kind.ARGUMENT, f"?{self.function.qualname}", f"{base.text}.{attr}", text), ""
        return None, ""

    @property
    def _parameters(self) -> set[str]:
        return {name for name, _ in self.function.params}

    def subscript(self, node: cst.Subscript) -> Value:
        testing, self.testing = self.testing, False
        base = self.evaluate(node.value)
        key = self.key(node)
        self.testing = testing
        if base.ref is not None:
            value = self.read(item_of(base.ref, key), node)
            return replace(value, stems=value.stems | base.stems)
        return Value(
            base.stems,
            text=source_of(node),
            known=base.known,
            row=None,
            type=base.type if base.type.endswith("QuerySet") else "",
            born=base.born,
        )

    def key(self, node: cst.Subscript) -> str:
        """Walks the subscript; its source."""
        parts = []
        for element in node.slice:
            inner = element.slice
            if isinstance(inner, cst.Index):
                parts.append(self.evaluate(inner.value).text or source_of(inner.value))
            elif isinstance(inner, cst.Slice):
                for bound in (inner.lower, inner.upper, inner.step):
                    if bound is not None:
                        self.evaluate(bound)
                parts.append(source_of(inner))
        return ", ".join(parts)

    def await_(self, node: cst.Await) -> Value:
        inner = node.expression
        if isinstance(inner, cst.Call):
            return self.call(inner, node)
        value = self.plain(inner)
        self.switch(node, value.stems, used=value.ref)
        return Value(shape=Shape.AWAITED)

    def binary(self, node: cst.BinaryOperation) -> Value:
        left = self.evaluate(node.left)
        right = self.evaluate(node.right)
        appended = isinstance(node.operator, (cst.Add, cst.BitOr)) and (
            left.appended or (bool(left.stems) and right.shape is Shape.NEW)
        )
        known: tuple[tuple[str, Value], ...] = ()
        if left.part("path") is not None or left.type == "pathlib.Path":
            known = (("path", Value(text=self._joined(left, right, node))),)
        self.note_next(node.operator, left, right, node)
        kept = next((value.type for value in (left, right) if value.type in ("pathlib.Path", "django.F")), "")
        return Value(
            left.stems | right.stems,
            appended=appended,
            opaque=left.opaque | right.opaque,
            text=source_of(node),
            origin=origin_of(source_of(node), left, right),
            known=known,
            type=kept,
        )

    def _joined(self, left: Value, right: Value, node: cst.BinaryOperation) -> str:
        """What a path that was put together from two parts is told by."""
        path = left.part("path")
        start = path.text if path is not None and path.text else left.text or source_of(node.left)
        sign = "/" if isinstance(node.operator, cst.Divide) else "+"
        return f"{start} {sign} {right.text or source_of(node.right)}"

    def note_next(
        self, operator: cst.BaseBinaryOp | cst.BaseAugOp, left: Value, right: Value, node: cst.CSTNode
    ) -> None:
        """Notes the next number after one that was read, `last + 1`, and what is missing among rows, `wanted - known`."""
        stems = left.stems | right.stems
        if isinstance(operator, cst.Subtract) and self.of_rows(right.stems) and right.shape is not Shape.CONSTANT:
            self.mark("difference", node, stems=right.stems)
        plus = isinstance(operator, (cst.Add, cst.AddAssign))
        if (
            stems
            and plus
            and self.of_rows(stems)
            and any(value.shape is Shape.CONSTANT and value.text.isdigit() for value in (left, right))
        ):
            self.mark("next", node, stems=stems)

    def of_rows(self, stems: Ids) -> bool:
        """Whether any of the accesses is of rows or tables."""
        return any((a := self.access(n)) is not None and a.resource.kind in (Kind.ROW, Kind.TABLE) for n in stems)

    def unary(self, node: cst.UnaryOperation) -> Value:
        value = self.evaluate(node.expression)
        number = isinstance(node.operator, cst.Minus) and isinstance(node.expression, (cst.Integer, cst.Float))
        return Value(
            value.stems, shape=Shape.CONSTANT if number else Shape.OTHER, text=source_of(node) if number else ""
        )

    def boolean(self, node: cst.BooleanOperation) -> Value:
        value, _, _ = self.condition(node)
        return value

    def comparison(self, node: cst.Comparison) -> Value:
        value, _, _ = self.condition(node)
        return value

    def conditional(self, node: cst.IfExp) -> Value:
        _, true, false = self.condition(node.test)
        after = self.state.copy()
        self.state.control |= true
        left = self.evaluate(node.body)
        one = self.state
        self.state = after
        self.state.control |= false
        right = self.evaluate(node.orelse)
        self.merge(one, self.state)
        return Value(
            left.stems | right.stems,
            appended=left.appended or right.appended,
            type=left.type or right.type,
            row=left.row if left.row is not None else right.row,
            opaque=left.opaque | right.opaque | _kept(left) | _kept(right),
        )

    def merge(self, *states: State) -> None:
        """Joins the given states into the current one."""
        self.state = join(states)

    def named(self, node: cst.NamedExpr) -> Value:
        value = self.evaluate(node.value)
        if isinstance(node.target, cst.Name):
            self.bind(node.target.value, value)
        return value

    def bind(self, name: str, value: Value) -> None:
        """Gives a local name a value."""
        if value.row is not None and not self.rows[value.row].name:
            self.rows[value.row] = replace(self.rows[value.row], name=name)
        self.rebound.update(n for n, row in enumerate(self.rows) if row.name == name and n != value.row)
        born = value.born if value.born >= 0 else self.next_id
        self.state.env[name] = replace(value, text=name, origin=value.origin or value.text, born=born)

    def display(self, node: cst.List | cst.Tuple | cst.Set) -> Value:
        stems: Ids = NO_IDS
        starred = False
        for element in node.elements:
            value = self.evaluate(element.value)
            stems |= value.stems
            starred = (
                starred
                or value.appended
                or (isinstance(element, cst.StarredElement) and bool(value.stems) and len(node.elements) > 1)
            )
        empty = not node.elements
        return Value(
            stems,
            Shape.EMPTY if empty else Shape.NEW,
            type=type(node).__name__.lower(),
            text=source_of(node) if isinstance(node, cst.Tuple) else "",
            appended=starred,
        )

    def dict_(self, node: cst.Dict) -> Value:
        stems: Ids = NO_IDS
        names: set[str] = set()
        for element in node.elements:
            parts = [element.key, element.value] if isinstance(element, cst.DictElement) else [element.value]
            for part in parts:
                stems |= self.evaluate(part).stems
                names.update([part.value] if isinstance(part, cst.Name) else [])
        known = (("keys", Value(text=" ".join(sorted(names)))),) if names else ()
        return Value(stems, Shape.NEW if node.elements else Shape.EMPTY, type="dict", known=known)

    def constant(self, node: cst.BaseExpression) -> Value:
        return Value(shape=Shape.CONSTANT, text=source_of(node))

    def formatted(self, node: cst.FormattedString) -> Value:
        stems: Ids = NO_IDS
        values = [self.plain(part.expression) for part in node.parts if isinstance(part, cst.FormattedStringExpression)]
        for value in values:
            stems |= value.stems
        return Value(stems, text=source_of(node), origin=origin_of(source_of(node), *values))

    def lambda_(self, node: cst.Lambda) -> Value:
        return Value(shape=Shape.NEW, text="lambda", type="lambda")

    def comprehension(self, node: cst.ListComp | cst.SetComp | cst.GeneratorExp | cst.DictComp) -> Value:
        stems = self._comp_for(node.for_in, node)
        iterated = node.for_in.iter
        born = self.state.env[iterated.value].born if _is_local(iterated, self.state) else -1
        shape = Shape.OTHER if isinstance(node, cst.GeneratorExp) else Shape.NEW
        return Value(stems, shape, type="list" if isinstance(node, cst.ListComp) else "", born=born)

    def _comp_for(self, loop: cst.CompFor, node: cst.ListComp | cst.SetComp | cst.GeneratorExp | cst.DictComp) -> Ids:
        source = self.iterate(loop.iter, loop)
        before = self.state.copy()
        self.bind_target(loop.target, Value(source.stems, born=source.born))
        if loop.asynchronous is not None:
            self.switch(loop.iter, callee="async for")
        stems = source.stems
        for test in loop.ifs:
            self.condition(test.test)
        if loop.inner_for_in is not None:
            stems |= self._comp_for(loop.inner_for_in, node)
        elif isinstance(node, cst.DictComp):
            stems |= self.plain(node.key).stems | self.plain(node.value).stems
        else:
            stems |= self.plain(node.elt).stems
        body = self.state
        self.merge(before, body)
        return stems

    def iterate(self, node: cst.BaseExpression, where: cst.CSTNode) -> Value:
        """Walks the iterable of a loop."""
        value = self.plain(node)
        if value.ref is not None and value.via == self.next_id - 1:
            self.revise(value.via, how="iterate")
        elif value.ref is not None:
            number = self.emit(Op.READ, value.ref, node, Value(via=value.via), how="iterate")
            return replace(value, stems=value.stems | {number}, via=number)
        return value

    def bind_target(self, target: cst.BaseExpression, value: Value) -> None:
        """Binds loop variables and tuple targets to parts of a value."""
        if isinstance(target, cst.Name):
            if target.value not in self.function.outer_names:
                self.bind(target.value, Value(value.stems, row=value.row, born=value.born))
        elif isinstance(target, (cst.Tuple, cst.List)):
            for element in target.elements:
                self.bind_target(element.value, value)

    def yield_(self, node: cst.Yield) -> Value:
        if node.value is not None:
            inner = node.value.item if isinstance(node.value, cst.From) else node.value
            self.plain(inner)
        if self.function.is_async:
            self.switch(node, callee="yield")
        return Value()

    # conditions

    def condition(self, node: cst.BaseExpression) -> tuple[Value, Control, Control]:
        """Walks a test: its value, what is known where it holds, and what where it does not."""
        if isinstance(node, cst.UnaryOperation) and isinstance(node.operator, cst.Not):
            value, true, false = self.condition(node.expression)
            return value, false, true
        if isinstance(node, cst.BooleanOperation):
            left, left_true, left_false = self.condition(node.left)
            skipped = self.state.copy()
            both = isinstance(node.operator, cst.And)
            self.state.control |= left_true if both else left_false
            right, right_true, right_false = self.condition(node.right)
            before = skipped.control
            looked = self.state.fresh  # where the right side was not reached, it decides nothing
            self.merge(skipped, self.state)
            self.state.fresh = looked
            self.state.control = before
            fallback = right.stems if right.via is not None and not both else NO_IDS
            value = Value(
                left.stems | right.stems,
                appended=left.appended or right.appended,
                type=left.type or right.type,
                row=left.row,
                opaque=left.opaque | right.opaque | fallback,
            )
            if both:
                return value, left_true | right_true, _vaguely(left_false | right_false, Sense.OTHERWISE)
            return value, _vaguely(left_true | right_true, Sense.OTHER), left_false | right_false
        if isinstance(node, cst.Comparison):
            return self._compare(node)
        from racelint.flow.managers import evaluated

        testing, self.testing = self.testing, True
        value = evaluated(self, self.evaluate(node), node, "exists")
        self.testing = testing
        if value.ref is not None and value.via is None and not isinstance(node, cst.Call):
            number = self.emit(Op.CHECK, value.ref, node, how=self._test_kind())
            value = replace(value, stems=value.stems | {number}, via=number)
        self._checked(value)
        return value, _senses(value, Sense.PRESENT), _senses(value, Sense.ABSENT)

    def _checked(self, value: Value) -> None:
        """A read whose value decides a branch later is a check."""
        if value.via is not None:
            access = self.access(value.via)
            if access is not None and access.op is Op.READ:
                self.revise(value.via, op=Op.CHECK)

    def _compare(self, node: cst.Comparison) -> tuple[Value, Control, Control]:
        testing, self.testing = self.testing, True
        left = self.evaluate(node.left)
        stems = left.stems
        true: Control = NO_CONTROL
        false: Control = NO_CONTROL
        for part in node.comparisons:
            if isinstance(part.operator, (cst.In, cst.NotIn)):
                true_, false_, found = self._member(left, node.left, part)
                self._compared(left, part.comparator)
                true, false, stems = true | true_, false | false_, stems | found
                continue
            right = self.evaluate(part.comparator)
            stems |= right.stems
            if isinstance(part.operator, (cst.LessThan, cst.LessThanEqual, cst.GreaterThan, cst.GreaterThanEqual)):
                self.ordered |= left.stems | right.stems
            self._checked(right)
            none = right if _is_nothing(part.comparator) else left if _is_nothing(node.left) else None
            other = left if none is right else right
            equal = isinstance(part.operator, (cst.Is, cst.Equal))
            unequal = isinstance(part.operator, (cst.IsNot, cst.NotEqual))
            if none is not None and (equal or unequal):
                present, absent = _senses(other, Sense.PRESENT), _senses(other, Sense.ABSENT)
                true |= absent if equal else present
                false |= present if equal else absent
            else:
                both = Value(left.stems | right.stems)
                self._compared(left, part.comparator)
                self.compared |= left.stems | right.stems
                true |= _vaguely(frozenset((n, Sense.OTHER) for n in both.stems), Sense.OTHER)
                false |= _vaguely(frozenset((n, Sense.OTHER) for n in both.stems), Sense.OTHERWISE)
        self._checked(left)
        self.testing = testing
        if stems & self.ordered and self.of_rows(stems):
            sides = (node.left, *(target.comparator for target in node.comparisons))
            self.mark("ordered", node, related=frozenset(source_of(s) for s in sides), stems=stems)
        if stems:
            compared_parts = (node.left, *(target.comparator for target in node.comparisons))
            versions = [name for operand in compared_parts if (name := _version(operand))]
            if versions:
                self.mark("version", node, versions[0], stems=stems)
        operands = (node.left, *(compared.comparator for compared in node.comparisons))
        names = " ".join(operand.value for operand in operands if isinstance(operand, cst.Name))
        return Value(stems, known=(("keys", Value(text=names)),) if names else ()), true, false

    def _compared(self, value: Value, other: cst.BaseExpression) -> None:
        """Notes with a read of state what its value is compared with; a read of a store says by which keys it looks."""
        read = self.access(value.via) if value.via is not None else None
        if value.via is not None and read is not None and not read.resource.kind.external:
            parts = [e.value for e in other.elements] if isinstance(other, (cst.Tuple, cst.Set, cst.List)) else [other]
            self.revise(value.via, related=frozenset(source_of(part) for part in parts))

    def _member(
        self, left: Value, left_node: cst.BaseExpression, part: cst.ComparisonTarget
    ) -> tuple[Control, Control, Ids]:
        testing, self.testing = self.testing, False
        holder = self.evaluate(part.comparator)
        self.testing = testing
        key = left.text or source_of(left_node)
        if holder.ref is not None:
            number = self.emit(Op.CHECK, item_of(holder.ref, key), part, how="in")
            inside: Control = frozenset(((number, Sense.PRESENT),))
            outside: Control = frozenset(((number, Sense.ABSENT),))
            stems: Ids = frozenset((number,))
        else:
            stems = holder.stems
            inside = frozenset((n, Sense.OTHER) for n in stems)
            outside = frozenset((n, Sense.OTHERWISE) for n in stems)
        one = frozenset((n, Sense.OTHER) for n in left.stems)
        two = frozenset((n, Sense.OTHERWISE) for n in left.stems)
        if isinstance(part.operator, cst.NotIn):
            return outside | one, inside | two, stems
        return inside | one, outside | two, stems

    # calls

    def call(self, node: cst.Call, awaiting: cst.Await | None = None) -> Value:
        from racelint.flow.calls import evaluate_call

        testing, self.testing = self.testing, False
        value = evaluate_call(self, node, awaiting)
        self.testing = testing
        return value

    def inline(
        self, qualname: str, positional: list[Value], keywords: dict[str, Value], node: cst.CSTNode
    ) -> Value | None:
        """Walks a helper's body in place of its call; None if it is too deep, too long or recursive."""
        facts = self.scope.functions.get(qualname)
        if (
            facts is None
            or facts.stub
            or qualname in self.stack
            or len(self.stack) > self.MOST_DEPTH
            or facts.statements > self.program.MOST_STATEMENTS
            or facts.yields
            or len(self.events) > self.MOST_INLINED
        ):
            return None
        if not self.program.matters(facts):
            if facts.is_async:
                return None
            stems = NO_IDS.union(*(value.stems for value in (*positional, *keywords.values())))
            return Value(stems, Shape.CALL)
        definition = self.program.definition(qualname)
        if definition is None:
            return None
        return self.walk_helper(definition, positional, keywords, node)

    def walk_helper(
        self, definition: Definition, positional: list[Value], keywords: dict[str, Value], node: cst.CSTNode
    ) -> Value:
        """Implemented where statements are."""
        raise NotImplementedError


def origin_of(text: str, *parts: Value) -> str:
    """The origin of a text that was put together; "" unless a part of it, such as a fresh number, makes it one's own."""
    own = next((part.origin or part.text for part in parts if is_own(part.origin or part.text)), "")
    return f"{text} of {own}" if own and not is_own(text) else ""


def unit_environment(scope_owner: str, self_name: str) -> dict[str, Value]:
    """What a method knows before its first statement."""
    return {self_name: Value(type=f"self:{scope_owner}", text=self_name)} if scope_owner else {}


def _is_local(node: cst.BaseExpression, state: State) -> TypeGuard[cst.Name]:
    return isinstance(node, cst.Name) and node.value in state.env


def _by_id(entry: tuple[int, Sense]) -> tuple[int, str]:
    return entry[0], entry[1].value


_VERSION = re.compile(r"(^|_)(version|revision|rev|etag|generation|lock_version|row_version)(_|$)", re.IGNORECASE)


def _version(node: cst.BaseExpression) -> str:
    """The name of a compared version; that names mean versions is documented with the rule."""
    if isinstance(node, cst.Attribute):
        name = node.attr.value
    elif isinstance(node, cst.Subscript):
        name = source_of(node).rpartition("[")[2].strip("]\"'")
    elif isinstance(node, cst.Name):
        name = node.value
    elif isinstance(node, cst.Call) and node.args:
        return _version(node.args[0].value) or (_version(node.func) if isinstance(node.func, cst.Attribute) else "")
    else:
        return ""
    return name if _VERSION.search(name) else ""


def _vaguely(control: Control, sense: Sense) -> Control:
    """One of several tests decided; which one is not known."""
    return frozenset((number, sense) for number, _ in control)


def _senses(value: Value, sense: Sense) -> Control:
    vague = Sense.OTHER if sense in (Sense.PRESENT, Sense.OTHER) else Sense.OTHERWISE
    return frozenset((number, sense if number == value.via else vague) for number in value.stems)


def _kept(value: Value) -> Ids:
    """The read whose very value this is: kept as it was, nothing is computed from it."""
    return value.stems if value.via is not None else NO_IDS


def _is_nothing(node: cst.BaseExpression) -> bool:
    if isinstance(node, cst.Name):
        return node.value in ("None", "False")
    if isinstance(node, (cst.Dict, cst.List)):
        return not node.elements
    return isinstance(node, cst.Integer) and node.value == "0"


Handler = Callable[[Evaluator, "cst.BaseExpression"], Value]
_EXPRESSIONS: dict[type[cst.CSTNode], Callable[..., Value]] = {
    cst.Name: Evaluator.name,
    cst.Attribute: Evaluator.attribute,
    cst.Subscript: Evaluator.subscript,
    cst.Await: Evaluator.await_,
    cst.Call: Evaluator.call,
    cst.BinaryOperation: Evaluator.binary,
    cst.UnaryOperation: Evaluator.unary,
    cst.BooleanOperation: Evaluator.boolean,
    cst.Comparison: Evaluator.comparison,
    cst.IfExp: Evaluator.conditional,
    cst.NamedExpr: Evaluator.named,
    cst.List: Evaluator.display,
    cst.Tuple: Evaluator.display,
    cst.Set: Evaluator.display,
    cst.Dict: Evaluator.dict_,
    cst.Integer: Evaluator.constant,
    cst.Float: Evaluator.constant,
    cst.SimpleString: Evaluator.constant,
    cst.ConcatenatedString: Evaluator.constant,
    cst.FormattedString: Evaluator.formatted,
    cst.Lambda: Evaluator.lambda_,
    cst.ListComp: Evaluator.comprehension,
    cst.SetComp: Evaluator.comprehension,
    cst.DictComp: Evaluator.comprehension,
    cst.GeneratorExp: Evaluator.comprehension,
    cst.Yield: Evaluator.yield_,
}
