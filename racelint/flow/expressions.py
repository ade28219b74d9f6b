"""Expressions in Python's order of evaluation: which accesses they make, and which reads a value stems from."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeGuard

import libcst as cst

from racelint.events import (
    NO_IDS,
    Ids,
    Mark,
    Op,
    Sense,
    Shape,
    Value,
)
from racelint.flow.computed import only_computed
from racelint.flow.conditions import Conditions, says
from racelint.flow.defaulted import used_if_there
from racelint.flow.elements import LAZY, note_element, picked_by_next
from racelint.flow.graph import NO_CONTROL, Control, State
from racelint.flow.resources import lazily_taken
from racelint.flow.summaries import Definition, source_of
from racelint.flow.told import told
from racelint.frozen import replace
from racelint.paths import is_own, is_place

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


MOST_SHOWN_OF_A_DICT = 9
"""Larger dictionaries are data, not filters whose source is worth keeping."""


COMPUTED: tuple[tuple[str, Value], ...] = (("computed", Value()),)
"""What is known of a value that was not merely kept or handed on."""

ROWS_BY_KEY: tuple[tuple[str, Value], ...] = (("rows by key", Value()),)
"""What is known of a dictionary that was made of the rows which a query has found."""

MADE_OF_EACH = "made of each"
"""The part of a list of new objects that is the `made` of one of them."""


class Evaluator(Conditions):
    """Walks expressions of one unit and of the helpers it calls."""

    passed: Control = NO_CONTROL
    """The checks that the elements passed which the comprehension that was walked last gives."""

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

    def await_(self, node: cst.Await) -> Value:
        inner = node.expression
        if type(inner) is cst.Call:
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
        if left.part("path") is not None or left.type == "pathlib.Path" or _joins_path(node):
            known = (("path", Value(text=self._joined(left, right, node))),)
        elif type(node.operator) is cst.Modulo and type(node.left) is cst.SimpleString:
            known = (("formatted", Value()),)
        elif left.stems or right.stems:
            known = (*COMPUTED, *stepped(node.operator, left, right))
        self.note_next(node.operator, left, right, node)
        kept = next((value.type for value in (left, right) if value.type in ("pathlib.Path", "django.F")), "")
        computed = isinstance(node.left, (cst.IfExp, cst.BooleanOperation))  # `(last.number if last else 0) + 1`
        return Value(
            left.stems | right.stems,
            appended=appended,
            opaque=right.opaque if computed else left.opaque | right.opaque,
            text=source_of(node),
            origin=origin_of(source_of(node), left, right),
            known=known,
            type=kept,
        )

    def _joined(self, left: Value, right: Value, node: cst.BinaryOperation) -> str:
        """What a path that was put together from two parts is told by."""
        path = left.part("path")
        start = path.text if path is not None and path.text else left.text or source_of(node.left)
        sign = "/" if type(node.operator) is cst.Divide else "+"
        return f"{start} {sign} {right.text or source_of(node.right)}"

    def note_next(
        self, operator: cst.BaseBinaryOp | cst.BaseAugOp, left: Value, right: Value, node: cst.CSTNode
    ) -> None:
        """Notes the next number after one that was read, `last + 1`, and what is missing among rows, `wanted - known`."""
        stems = left.stems | right.stems
        if type(operator) is cst.Subtract and self.of_rows(right.stems) and right.shape is not Shape.CONSTANT:
            self.mark("difference", node, stems=right.stems)
        plus = isinstance(operator, (cst.Add, cst.AddAssign))
        if (
            stems
            and plus
            and self.of_rows(stems)
            and any(value.shape is Shape.CONSTANT and value.text.isdigit() for value in (left, right))
        ):
            self.mark("next", node, stems=stems)

    def unary(self, node: cst.UnaryOperation) -> Value:
        value = self.evaluate(node.expression)
        if type(node.operator) is cst.Not and value.via is not None:
            said = says(frozenset(((value.via, Sense.ABSENT),)), frozenset(((value.via, Sense.PRESENT),)))
            return Value(value.stems, known=(("negated", Value()), *said))
        number = type(node.operator) is cst.Minus and isinstance(node.expression, (cst.Integer, cst.Float))
        return Value(
            value.stems,
            shape=Shape.CONSTANT if number else Shape.OTHER,
            text=source_of(node) if number else "",
            known=(("negated", Value()),) if type(node.operator) is cst.Not else COMPUTED if value.stems else (),
        )

    def boolean(self, node: cst.BooleanOperation) -> Value:
        value, _, _ = self.condition(node)
        return used_if_there(self, node, value)

    def comparison(self, node: cst.Comparison) -> Value:
        value, true, false = self.condition(node)
        said = says(true, false)
        return replace(value, known=(*value.known, *said)) if said else value

    def conditional(self, node: cst.IfExp) -> Value:
        decided = told(self, node.test)
        _, true, false = self.condition(node.test)
        if decided is not None:
            return self.evaluate(node.body if decided else node.orelse)
        after = self.state.copy()
        self.know(true)
        left = self.evaluate(node.body)
        one = self.state
        self.state = after
        self.know(false)
        right = self.evaluate(node.orelse)
        self.merge(one, self.state)
        return Value(
            left.stems | right.stems,
            appended=left.appended or right.appended,
            type=left.type or right.type,
            row=left.row if left.row is not None else right.row,
            opaque=left.opaque | right.opaque | _kept(left) | _kept(right),
        )

    def named(self, node: cst.NamedExpr) -> Value:
        if type(node.target) is cst.Name:
            self.answered = node.value
        value = self.evaluate(node.value)
        if type(node.target) is cst.Name:
            self.bind(node.target.value, value)
        return value

    def display(self, node: cst.List | cst.Tuple | cst.Set) -> Value:
        stems: Ids = NO_IDS
        starred = False
        values = []
        for element in node.elements:
            value = self.evaluate(element.value)
            values.append(value)
            stems |= value.stems
            starred = (
                starred
                or value.appended
                or (type(element) is cst.StarredElement and bool(value.stems) and len(node.elements) > 1)
            )
        empty = not node.elements
        text = source_of(node) if type(node) is cst.Tuple else ""
        made = (("resource", Value()),) if text and any(v.part("resource") is not None for v in values) else ()
        known = (*made, *COMPUTED) if stems else made
        plain = not any(type(element) is cst.StarredElement for element in node.elements)
        if plain and any(value.stems != stems for value in values):  # of what a statement is told some may be keys
            known = (*known, ("each", Value(known=tuple((str(i), value) for i, value in enumerate(values)))))
        return Value(
            stems,
            Shape.EMPTY if empty else Shape.NEW,
            type=type(node).__name__.lower(),
            text=text,
            origin=origin_of(text, *values) if text else "",
            appended=starred,
            known=known,
        )

    def dict_(self, node: cst.Dict) -> Value:
        stems: Ids = NO_IDS
        names: set[str] = set()
        values: dict[str, Value] = {}
        for element in node.elements:
            parts = [element.key, element.value] if type(element) is cst.DictElement else [element.value]
            for part in parts:
                value = self.evaluate(part)
                stems |= value.stems
                names.update([part.value] if type(part) is cst.Name else [])
            if type(element) is cst.DictElement and type(element.key) is cst.SimpleString:
                values[str(element.key.raw_value)] = value
        known = (("keys", Value(text=" ".join(sorted(names)))),) if names else ()
        known = (*known, *COMPUTED) if stems else known
        if len(values) == len(node.elements) and any(value.stems != stems for value in values.values()):
            known = (*known, ("each", Value(known=tuple(values.items()))))  # see `display`
        origin = source_of(node) if len(node.elements) < MOST_SHOWN_OF_A_DICT else ""
        return Value(stems, Shape.NEW if node.elements else Shape.EMPTY, type="dict", known=known, origin=origin)

    def constant(self, node: cst.BaseExpression) -> Value:
        return Value(shape=Shape.CONSTANT, text=source_of(node))

    def formatted(self, node: cst.FormattedString) -> Value:
        stems: Ids = NO_IDS
        values = [self.plain(part.expression) for part in node.parts if type(part) is cst.FormattedStringExpression]
        for value in values:
            stems |= value.stems
        text = source_of(node)
        return Value(stems, text=text, origin=origin_of(text, *values), known=(("formatted", Value()),))

    def lambda_(self, node: cst.Lambda) -> Value:
        return Value(shape=Shape.NEW, text="lambda", type="lambda")

    def comprehension(self, node: cst.ListComp | cst.SetComp | cst.GeneratorExp | cst.DictComp) -> Value:
        first = self.next_id
        stems, made = self._comp_for(node.for_in, node)
        iterated = node.for_in.iter
        born = self.state.env[iterated.value].born if _is_local(iterated, self.state) else -1
        shape = Shape.OTHER if type(node) is cst.GeneratorExp else Shape.NEW
        kind = "list" if type(node) is cst.ListComp else ""
        known = COMPUTED if stems else ()
        if type(node) is cst.DictComp and self.of_rows(stems):
            known = (*known, *ROWS_BY_KEY)
        if made is not None:
            known = (*known, (MADE_OF_EACH, made))
        if type(node) is cst.GeneratorExp:
            at = self.place(node.for_in.iter)
            over = (e.stems for e in self.told(first) if isinstance(e, Mark) and e.what == "loop" and e.place == at)
            known = (*known, (LAZY, Value(next(over, NO_IDS))))
        return Value(stems, shape, type=kind, born=born, known=known)

    def _comp_for(
        self, loop: cst.CompFor, node: cst.ListComp | cst.SetComp | cst.GeneratorExp | cst.DictComp
    ) -> tuple[Ids, Value | None]:
        """What the elements stem from, and how one of them was made, if they are new objects."""
        from racelint.flow.managers import evaluated

        source = evaluated(self, self.iterate(loop.iter, loop), loop.iter, "for")
        entry = self.mark("loop", loop.iter, stems=NO_IDS if source.via is None else frozenset((source.via,)))
        before = self.state.copy()
        self.bind_target(loop.target, Value(source.stems, born=source.born))
        note_element(self, loop.target, source)
        if loop.asynchronous is not None:
            self.switch(loop.iter, callee="async for")
        stems = source.stems
        first = self.next_id
        passed = NO_CONTROL
        picking, self.picking = self.picking, self.picking or not self.testing
        for test in loop.ifs:
            passed |= self.condition(test.test)[1]
        self.picking = picking
        self.passed = passed
        stems = stems.union(*(e.stems for e in self.told(first) if isinstance(e, Mark) and e.what == "difference"))
        made = None
        if loop.inner_for_in is not None:
            inner, made = self._comp_for(loop.inner_for_in, node)
            stems |= inner
        elif isinstance(node, cst.DictComp):
            stems |= self.plain(node.key).stems | self.plain(node.value).stems
        else:
            element = self.plain(node.elt)
            stems, made = stems | element.stems, element.part("made")
        body = self.state
        for pred in body.preds:
            self.after[pred].add(entry)
        self.merge(before, body)
        return stems, made

    def iterate(self, node: cst.BaseExpression, where: cst.CSTNode, how: str = "iterate") -> Value:
        """Walks the iterable of a loop; `how` is the view of it that the loop goes through."""
        inner = lazily_taken(node)
        if inner is not None:
            return self.iterate(inner[0], where, inner[1] or how)
        value = self.plain(node)
        if value.ref is not None and value.via == self.next_id - 1:
            self.revise(value.via, how=how)
        elif value.ref is not None:
            number = self.emit(Op.READ, value.ref, node, Value(via=value.via), how=how)
            return replace(value, stems=value.stems | {number}, via=number)
        return value

    def yield_(self, node: cst.Yield) -> Value:
        if self.function.is_async and not self.function.yields and node.value is not None:
            inner = node.value.item if isinstance(node.value, cst.From) else node.value
            waited = cst.Await(inner)  # a coroutine of before `async def`
            self.definition.stand_for(waited, node)
            return self.await_(waited)
        if node.value is not None:
            inner = node.value.item if isinstance(node.value, cst.From) else node.value
            self.plain(inner)
        if self.function.is_async:
            self.switch(node, callee="yield")
        return Value()

    def call(self, node: cst.Call, awaiting: cst.Await | None = None) -> Value:
        from racelint.flow.calls import evaluate_call

        testing, self.testing = self.testing, False
        self.passed = NO_CONTROL
        value = evaluate_call(self, node, awaiting)
        self.testing = testing
        return picked_by_next(self, node, value, self.passed) if self.passed else value

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
            or self.next_id > self.MOST_INLINED
        ):
            return None
        if not self.program.matters(facts):
            if facts.is_async:
                return None
            stems = NO_IDS.union(*(value.stems for value in (*positional, *keywords.values())))
            return Value(
                stems, Shape.CALL, known=COMPUTED if only_computed(self.program, facts, positional, keywords) else ()
            )
        definition = self.program.definition(qualname)
        if definition is None:
            return None
        return self.walk_helper(definition, positional, keywords, node)

    def walk_helper(
        self, definition: Definition, positional: list[Value], keywords: dict[str, Value], node: cst.CSTNode
    ) -> Value:
        """Implemented where statements are."""
        raise NotImplementedError


def _joins_path(node: cst.BinaryOperation) -> bool:
    """Whether what is divided is told to be a folder: by its name, or by the text that it is divided by."""
    if type(node.operator) is not cst.Divide:
        return False
    return isinstance(node.right, (cst.SimpleString, cst.FormattedString)) or is_place(source_of(node.left))


def stepped(operator: cst.BaseBinaryOp | cst.BaseAugOp, left: Value, right: Value) -> tuple[tuple[str, Value], ...]:
    """Tells that a number was counted up or down: by how much is written there."""
    counts = isinstance(operator, (cst.Add, cst.AddAssign, cst.Subtract, cst.SubtractAssign))
    by = right if left.stems else left
    return (("stepped", Value()),) if counts and by.shape is Shape.CONSTANT and by.text.isdigit() else ()


def origin_of(text: str, *parts: Value) -> str:
    """The origin of a text that was put together; "" unless a part of it, such as a fresh number, makes it one's own."""
    own = next((part.origin or part.text for part in parts if is_own(part.origin or part.text)), "")
    return f"{text} of {own}" if own and not is_own(text) else ""


def unit_environment(scope_owner: str, self_name: str) -> dict[str, Value]:
    """What a method knows before its first statement."""
    return {self_name: Value(type=f"self:{scope_owner}", text=self_name)} if scope_owner else {}


def _is_local(node: cst.BaseExpression, state: State) -> TypeGuard[cst.Name]:
    return type(node) is cst.Name and node.value in state.env


def _kept(value: Value) -> Ids:
    """The read whose very value this is: kept as it was, nothing is computed from it."""
    return value.stems if value.via is not None else NO_IDS


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
