"""Statements: branches, loops, `try`, `with`, `match`, and how helpers are walked in place of their calls."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import libcst as cst

from racelint.events import (
    NO_IDS,
    Access,
    Acquire,
    Flow,
    Ids,
    Kind,
    Op,
    Resource,
    Row,
    Sense,
    Shape,
    Switch,
    Value,
)
from racelint.flow.columns import tested_columns
from racelint.flow.containers import handed_out
from racelint.flow.expressions import Evaluator, unit_environment
from racelint.flow.graph import NO_CONTROL, Control, State, TooLarge, join, join_values
from racelint.flow.locks import is_lock, lock_world
from racelint.flow.managers import missing_rows
from racelint.flow.resources import captured_resource, global_resource, item_of
from racelint.flow.row_locks import end_row_locks, note_dropped
from racelint.flow.rows import row_of, write_row
from racelint.flow.summaries import Definition, Program, source_of
from racelint.frozen import replace
from racelint.resolve import enclosing_self


@dataclass(slots=True)
class Loop:
    """The ways out of the body of a loop."""

    breaks: list[State] = field(default_factory=list)
    continues: list[State] = field(default_factory=list)


_TEMPORARY = frozenset({"tempfile.NamedTemporaryFile", "tempfile.TemporaryFile", "tempfile.SpooledTemporaryFile"})
_WRITING = re.compile(r"""^(?:\w+\.)*open\(.*["'][wax]b?\+?["']""", re.DOTALL)
"""How a file is opened to be written."""


class Walker(Evaluator):
    """Walks one unit of work from its first statement to its last."""

    MOST_LOOP_DEPTH = 1
    """Bodies of loops this deep are walked twice, so that what one round leaves reaches the next; the second walk of an
    outer loop is the second one of those within it, too."""

    def __init__(self, program: Program, definition: Definition) -> None:
        super().__init__(program, definition)
        self.loops: list[Loop] = []
        self.returns: list[State] = []
        self.loop_depth = 0
        self.assigned: dict[int, cst.CSTNode] = {}
        """Per row: where a field of it was set last."""

    # the unit

    def walk(self) -> Flow:
        """The flow of the whole unit."""
        facts = self.definition.facts
        owner, self_name = enclosing_self(facts, self.scope)
        self.state.env = unit_environment(owner, self_name)
        if (facts.owner and "classmethod" in facts.decorators) or facts.name == "__new__":
            self.state.env = {self_name: Value(type=f"type[:{owner}]", text=self_name)} if owner else {}
        for name, annotation in facts.params:
            if name not in self.state.env:
                self.state.env[name] = Value(
                    type=self.scope.names_in(facts.qualname).annotated_type(annotation), text=name, born=0
                )
        self.mark("entry", self.definition.node.name)
        for decorator in self.definition.node.decorators:
            self.mark("decorator", decorator.decorator, source_of(decorator.decorator))
        concurrency = self.program.concurrency
        for guard in sorted(concurrency.held_on_entry(facts) | concurrency.decorator_guards(facts)):
            self._enter_guard(guard, owner, self_name)
        try:
            self.block(self.definition.node.body)
        except TooLarge:
            self.limited = True
        events = tuple(self.events)
        return Flow(
            facts.qualname,
            events,
            tuple(tuple(sorted(n for n in after if n < len(events))) for after in self.after),
            tuple(self.rows),
            frozenset(self.ordered),
            frozenset(self.compared),
            self.limited,
            tuple(event for event in events if isinstance(event, Access)),
        )

    def _enter_guard(self, guard: str, owner: str, self_name: str) -> None:
        names = self.scope.names_in(self.function.qualname)
        call = self.models.functions.get(names.canonical(guard))
        place = self.place(self.definition.node.name)
        if call is not None and call.effect == "transaction":
            self.acquire(Resource(Kind.TABLE, "transaction", guard, guard), "transaction", "processes", place)
            return
        first, _, rest = guard.partition(".")
        if first in (self_name, "self") and rest and owner:
            value = Value(type=self.scope.attribute_type(owner, rest), text=guard)
        else:
            value = Value(type=names.built_type(names.assigned.get(guard, "")), text=guard)
        if is_lock(self, value):
            kind, home = (
                (Kind.ATTRIBUTE, self.scope.defining_class(owner, rest)) if rest and owner else (Kind.GLOBAL, "")
            )
            self.acquire(Resource(kind, home, rest or guard, guard), "lock", lock_world(self, value), place)
        elif "atomic" in guard or "transaction" in guard or guard.endswith(".begin"):
            self.acquire(Resource(Kind.TABLE, "transaction", guard, guard), "transaction", "processes", place)

    def walk_helper(
        self, definition: Definition, positional: list[Value], keywords: dict[str, Value], node: cst.CSTNode
    ) -> Value:
        facts = definition.facts
        site = self.site or self.place(node)
        saved = (
            self.definition,
            self.function,
            self.site,
            self.loops,
            self.returns,
            self.returned,
            self.testing,
            self.state.env,
        )
        outer_env = self.state.env
        names = [name for name, _ in facts.params]
        env: dict[str, Value] = {}
        owner, self_name = enclosing_self(facts, self.scope)
        if facts.parent or not facts.owner:
            env = unit_environment(owner, self_name) if owner else {}
            if facts.parent and facts.parent == self.function.qualname:
                env = {**outer_env, **env}
        defaults = _defaults(definition.node)
        for name, annotation in facts.params:
            kind = self.scope.names_in(facts.qualname).annotated_type(annotation)
            env[name] = Value(type=kind, text=defaults.get(name, ""))
        if (
            facts.owner
            and "classmethod" in facts.decorators
            and positional
            and not positional[0].type.startswith("type[")
        ):
            positional = (
                [Value(type=f"type[:{owner}]", text=self_name), *positional[1:]] if len(positional) else positional
            )
        for name, value in zip(names, positional, strict=False):
            env[name] = value if value.type or name not in env else replace(value, type=env[name].type)
        for name, value in keywords.items():
            if name in names:
                env[name] = value
        self.definition, self.function, self.site = definition, facts, site
        self.loops, self.returns, self.returned, self.testing = [], [], [], False
        self.stack.append(facts.qualname)
        self.state.env = env
        control_before = self.state.control
        opened: list[int] = []
        for guard in sorted(self.program.concurrency.decorator_guards(facts)):
            number = self.next_id
            self._enter_guard(guard, owner, self_name)
            if self.next_id > number:
                opened.append(number)
        try:
            self.block(definition.node.body)
        finally:
            returns, returned = self.returns, self.returned
            (self.definition, self.function, self.site, self.loops, self.returns, self.returned, self.testing, _) = (
                saved
            )
            self.stack.pop()
        ends = [*returns, self.state]
        live = [state for state in ends if not state.dead]
        self.state = join(ends)
        if not live:  # it always raises: what follows is not reached, but the exception may be handled
            self.state = ends[-1] if not returns else returns[-1]
            self.state.dead = True
        self.state.env = outer_env
        if len(live) > 1:
            self.state.control = frozenset.intersection(*(state.control for state in live)) | control_before
        for number in opened:
            self.release(number)
        if not returned:
            return Value(shape=Shape.NONE)

        result = returned[0]
        for value in returned[1:]:
            result = join_values(result, value)
        return replace(result, text="")

    # blocks

    def block(self, body: cst.BaseSuite) -> None:
        for statement in body.body:
            if isinstance(statement, cst.SimpleStatementLine):
                for small in statement.body:
                    self.small(small)
            elif isinstance(statement, cst.BaseSmallStatement):
                self.small(statement)
            else:
                self._count()
                handler = _COMPOUND.get(type(statement))
                if handler is not None:
                    handler(self, statement)

    def _count(self) -> None:
        if self.site is None:
            self.statement += 1

    def small(self, node: cst.BaseSmallStatement) -> None:
        self._count()
        handler = _SMALL.get(type(node))
        if handler is not None:
            handler(self, node)

    # simple statements

    def expression(self, node: cst.Expr) -> None:
        self.unused = node.value
        note_dropped(self, self.evaluate(node.value), node.value)

    def assign(self, node: cst.Assign) -> None:
        targets = [t.target for t in node.targets]
        if (
            len(targets) == 1
            and isinstance(targets[0], (cst.Tuple, cst.List))
            and isinstance(node.value, (cst.Tuple, cst.List))
        ):
            left, right = targets[0].elements, node.value.elements
            if len(left) == len(right) and not any(isinstance(e, cst.StarredElement) for e in (*left, *right)):
                values = [self.evaluate(element.value) for element in right]
                for element, value in zip(left, values, strict=True):
                    self.store(element.value, value, node)
                return
        value = self.evaluate(node.value)
        if len(targets) == 1:
            note_dropped(self, value, node.value, targets[0])
        for target in targets:
            self.store(target, value, node)

    def annotated(self, node: cst.AnnAssign) -> None:
        if node.value is not None:
            self.store(node.target, self.evaluate(node.value), node)

    def augmented(self, node: cst.AugAssign) -> None:
        old = self.evaluate(node.target)
        new = self.evaluate(node.value)
        self.note_next(node.operator, old, new, node)
        appended = bool(old.stems) and (new.shape == Shape.NEW and new.type in ("list", "tuple", "set", "dict"))
        value = Value(
            old.stems | new.stems,
            row=None,
            type=old.type if old.type == "dict" else new.type if new.type == "django.F" else "",
            appended=appended or old.appended,
        )
        if old.ref is not None and old.type in IN_PLACE:
            self.emit(
                Op.UPDATE, old.ref, node, Value(new.stems, Shape.NEW), "extend"
            )  # changes the object, rebinds it to itself
            return
        self.store(node.target, value, node, "+=")

    def store(self, target: cst.BaseExpression, value: Value, node: cst.CSTNode, how: str = "=") -> None:
        """Assigns a value."""
        if isinstance(target, cst.Name):
            self._store_name(target, value, node, how)
        elif isinstance(target, cst.Attribute):
            self._store_attribute(target, value, node, how)
        elif isinstance(target, cst.Subscript):
            self._store_item(target, value, node, how)
        elif isinstance(target, (cst.Tuple, cst.List)):
            for index, element in enumerate(target.elements):
                part = value.part(str(index))
                self.store(
                    element.value,
                    part
                    or Value(
                        value.stems,
                        shape=Shape.AWAITED if value.shape is Shape.AWAITED else Shape.OTHER,
                        born=value.born,
                    ),
                    node,
                    how,
                )

    def _store_name(self, target: cst.Name, value: Value, node: cst.CSTNode, how: str) -> None:
        name = target.value
        if name in self.function.outer_names:
            resource = global_resource(self.scope, name, self.function)
            if name not in self.function.global_names:
                resource = captured_resource(self.scope, self.function, name) or resource
            self.emit(Op.WRITE, resource, node, value, how)
            return
        if how == "+=" and name in self.state.env:
            self.state.env[name] = replace(
                self.state.env[name],
                stems=value.stems,
                text=name,
                ref=None,
                via=None,
                shape=Shape.OTHER,
                appended=value.appended,
            )
            return
        self.bind(name, value)

    def _store_attribute(self, target: cst.Attribute, value: Value, node: cst.CSTNode, how: str) -> None:
        base = self.plain(target.value)
        attr = target.attr.value
        text = source_of(target)
        resource, _ = self.resource_of(base, attr, text)
        if base.row is not None or self._is_record(base):
            value = self._without_kept(value, text, node)
            index = row_of(self, base)
            if index is not None:
                self.state.written.setdefault(index, {})[attr] = value.stems - value.opaque
                relative = value.type == "django.F" or self._of_its_column(index, attr, value)
                (self.relative.add if relative else self.relative.discard)((index, attr))
                self.assigned[index] = node
                root = target.value
                if isinstance(root, cst.Name) and root.value in self.state.env and base.row is None:
                    self.state.env[root.value] = replace(self.state.env[root.value], row=index)
                if resource is None or not base.type.startswith("self:"):
                    return
        elif base.part("made") is not None and isinstance(target.value, cst.Name) and base.text in self.state.env:
            built = self.state.env[base.text]
            self.state.env[base.text] = replace(built, stems=built.stems | (value.stems - value.opaque))
        if resource is not None:
            related = (
                frozenset((value.text,)) if value.text.isidentifier() and value.shape is Shape.OTHER else frozenset()
            )
            self.emit(Op.WRITE, resource, node, value, how, related)

    def _without_kept(self, value: Value, target: str, node: cst.CSTNode) -> Value:
        """The value without the field itself, where it is only kept: `row.owner = row.owner or user`."""
        given = node.value if isinstance(node, cst.Assign) else None
        if not isinstance(given, cst.BooleanOperation) or source_of(given.left) != target:
            return value
        kept = {n for n in value.stems if (a := self.access(n)) is not None and a.resource.name == target}
        return replace(value, stems=value.stems - kept)

    def _of_its_column(self, index: int, field: str, value: Value) -> bool:
        """Whether the database computes the value from the column itself: `user.logins = User.logins + 1`."""
        model = self.rows[index].model.rpartition(".")[2]
        return model[:1].isupper() and re.search(rf"\b{re.escape(model)}\.{re.escape(field)}\b", value.text) is not None

    def _is_record(self, base: Value) -> bool:
        """Whether an attribute set on the value may be a column: `self` of a model, or an argument or local of unknown class."""
        if base.type.startswith(("self:", ":")):
            owner = base.type.partition(":")[2]
            return self.scope.is_mapped(owner)
        if base.type.startswith("type[") or base.shape is Shape.NEW:
            return False
        if base.ref is not None and base.ref.kind is not Kind.ARGUMENT:
            return False
        if base.text in self.scope.module_names or not self.program.maps_rows:
            return False
        return base.text.isidentifier() or (_HELD.fullmatch(base.text) is not None and "django" in self.libraries)

    def _store_item(self, target: cst.Subscript, value: Value, node: cst.CSTNode, how: str) -> None:
        base = self.plain(target.value)
        key = self.key(target)
        if base.ref is not None:
            related = frozenset(text for text in (key, value.text) if text.isidentifier())
            self.emit(Op.WRITE, item_of(base.ref, key), node, value, "[]" if how == "=" else "[]+=", related)
            return
        root: cst.BaseExpression = target.value
        while isinstance(root, (cst.Subscript, cst.Attribute)):
            root = root.value
        if isinstance(root, cst.Name) and root.value in self.state.env:
            known = self.state.env[root.value]
            if known.row is not None and isinstance(target.value, cst.Attribute):
                self.state.written.setdefault(known.row, {})[target.value.attr.value] = value.stems | base.stems
            self.state.env[root.value] = replace(known, stems=known.stems | value.stems)

    def delete(self, node: cst.Del) -> None:
        targets = [e.value for e in node.target.elements] if isinstance(node.target, cst.Tuple) else [node.target]
        for target in targets:
            if isinstance(target, cst.Subscript):
                base = self.plain(target.value)
                key = self.key(target)
                if base.ref is not None:
                    self.emit(Op.DELETE, item_of(base.ref, key), node, Value(shape=Shape.NONE), "del")
            elif isinstance(target, cst.Attribute):
                base = self.plain(target.value)
                resource, _ = self.resource_of(base, target.attr.value, source_of(target))
                if resource is not None:
                    self.emit(Op.DELETE, resource, node, Value(shape=Shape.NONE), "del")

    def return_(self, node: cst.Return) -> None:
        value = self.evaluate(node.value) if node.value is not None else Value(shape=Shape.NONE)
        if node.value is not None and self.site is None:
            handed_out(self, node, node.value, value)
        self.returned.append(value)
        self.returns.append(self.state)
        self._stop()

    def raise_(self, node: cst.Raise) -> None:
        if node.exc is not None:
            self.evaluate(node.exc)
        if any(
            (check := self.access(n)) is not None and check.resource.kind is Kind.FILE for n, _ in self.state.control
        ):
            self.mark("raise", node)
        self._stop()

    def break_(self, node: cst.Break) -> None:
        if self.loops:
            self.loops[-1].breaks.append(self.state)
        self._stop()

    def continue_(self, node: cst.Continue) -> None:
        if self.loops:
            self.loops[-1].continues.append(self.state)
        self._stop()

    def _stop(self) -> None:
        self.state = State(NO_IDS, dict(self.state.env), self.state.held, self.state.control, dead=True)

    def assert_(self, node: cst.Assert) -> None:
        asserting, self.asserting = self.asserting, True
        _, true, _ = self.condition(node.test)
        self.asserting = asserting
        self.state.control |= true

    # compound statements

    def if_(self, node: cst.If) -> None:
        told = self._told(node.test)
        if told is not None:
            if told:
                self.block(node.body)
            elif isinstance(node.orelse, cst.If):
                self.if_(node.orelse)
            elif node.orelse is not None:
                self.block(node.orelse.body)
            return
        _, true, false = self.condition(node.test)
        after_test = self.state.copy()
        self.state.control |= true
        self.block(node.body)
        one = self.state
        self.state = after_test
        self.state.control |= false
        if isinstance(node.orelse, cst.If):
            self.if_(node.orelse)
        elif isinstance(node.orelse, cst.Else):
            self.block(node.orelse.body)
        other = self.state
        self.state = join((one, other))

    def _told(self, test: cst.BaseExpression) -> bool | None:
        """What a test of a helper's argument says in this call, where the caller passes `True` or `False`; None if unknown."""
        if isinstance(test, cst.UnaryOperation) and isinstance(test.operator, cst.Not):
            told = self._told(test.expression)
            return None if told is None else not told
        if len(self.stack) < 2 or not isinstance(test, cst.Name):
            return None
        value = self.state.env.get(test.value)
        if value is None or all(test.value != name for name, _ in self.function.params):
            return None
        return {"True": True, "False": False}.get(value.origin or value.text)

    def while_(self, node: cst.While) -> None:
        always = isinstance(node.test, cst.Name) and node.test.value == "True"

        def head() -> tuple[Control, Control]:
            repeating, self.repeating = self.repeating, True
            _, true, false = self.condition(node.test)
            self.repeating = repeating
            return true, false

        self._loop(head, node.body, node.orelse, always)

    def for_(self, node: cst.For) -> None:
        value = self.iterate(node.iter, node)
        name = value.part("model")
        read = name is not None and (
            value.type.endswith((".QuerySet", ".Query"))
            or (value.type == "sqlalchemy.Result" and value.via is not None)
        )
        if read and name is not None:
            library = value.type.partition(".")[0]
            loaded = value.via
            if loaded is None:
                table = Resource(Kind.TABLE, library, name.text, name.text)
                loaded = self.emit(Op.READ, table, node.iter, how="for", tested=tested_columns(value))
            self.rows.append(Row("", name.text, library, loaded, value.part("locked") is not None))
            value = replace(value, stems=frozenset((loaded,)), via=loaded, row=len(self.rows) - 1)

        def head() -> tuple[Control, Control]:
            self.mark("loop", node.iter, stems=NO_IDS if value.via is None else frozenset((value.via,)))
            if node.asynchronous is not None:
                self.switch(node.iter, callee="async for", used=value.ref)
            self.bind_target(node.target, value)
            return NO_CONTROL, NO_CONTROL

        self._loop(head, node.body, node.orelse, False)

    def _loop(
        self, head: Callable[[], tuple[Control, Control]], body: cst.BaseSuite, orelse: cst.Else | None, endless: bool
    ) -> None:
        self.loop_depth += 1
        start, first_id = self.state, self.next_id
        passes = 2 if self.loop_depth <= self.MOST_LOOP_DEPTH else 1
        back: list[State] = []
        for number in range(passes):
            self.state = join([start.copy(), *back])
            if number:
                self.next_id = first_id
            loop = Loop()
            self.loops.append(loop)
            entry = self.next_id
            true, false = head()
            at_head = self.state.copy()
            self.state.control |= true
            self.block(body)
            self.loops.pop()
            back = [state for state in (self.state, *loop.continues) if not state.dead]
        for state in back:
            for pred in state.preds:
                if entry < len(self.events):
                    self.after[pred].add(entry)
        leaving = at_head
        leaving.control |= false
        if endless:
            leaving = State(NO_IDS, dict(at_head.env), at_head.held, at_head.control, dead=True)
        self.state = leaving
        if orelse is not None:
            self.block(orelse.body)
        self.state = join([self.state, *loop.breaks])
        self.loop_depth -= 1

    def try_(self, node: cst.Try | cst.TryStar) -> None:
        before = self.state.copy()
        first = self.next_id
        self.handled.append(frozenset().union(*(_caught_names(handler) for handler in node.handlers)))
        self.forgiven.append(frozenset().union(*(_caught_names(h) for h in node.handlers if not _raises(h))))
        depth = len(self.loops)
        returns = len(self.returns)
        breaks = [(len(loop.breaks), len(loop.continues)) for loop in self.loops]
        self.block(node.body)
        self.handled.pop()
        self.forgiven.pop()
        inside = frozenset(range(first, min(self.next_id, len(self.events))))
        body_end = self.state
        if node.orelse is not None and not body_end.dead:
            self.block(node.orelse.body)
            body_end = self.state
        ends = [body_end]
        for handler in node.handlers:
            self.state = self._caught(before, inside, body_end)
            if handler.name is not None and isinstance(handler.name.name, cst.Name):
                self.state.env[handler.name.name.value] = Value(text=handler.name.name.value)
            if _caught_names(handler) & MISSING:
                self.state.control |= self._looked_up(inside)
                self.state.control |= missing_rows(self, handler.type)
            self.mark("handler", handler)
            self.block(handler.body)
            ends.append(self.state)
        if node.finalbody is not None:
            self._finally(node.finalbody, before, inside, ends, depth, returns, breaks)
            return
        self.state = join(ends)

    def _caught(self, before: State, inside: Ids, body_end: State) -> State:
        """The state in a handler: any event of the body may have been the last."""
        state = before.copy()
        state.preds = before.preds | inside
        for name, value in body_end.env.items():
            if name not in state.env:
                state.env[name] = value
        if any(not self._same_stretch(number) for number in inside):
            state.fresh = NO_IDS
        state.held = before.held & (body_end.held if not body_end.dead else before.held)
        state.dead = False
        return state

    def _same_stretch(self, number: int) -> bool:

        return not isinstance(self.events[number], Switch)

    def _finally(
        self,
        node: cst.Finally,
        before: State,
        inside: Ids,
        ends: list[State],
        depth: int,
        returns: int,
        breaks: list[tuple[int, int]],
    ) -> None:
        """Walks the final block once, for every way through it, and sends each way on to where it was going."""
        leaving = self.returns[returns:]
        jumping = [
            s
            for loop, (b, c) in zip(self.loops[:depth], breaks, strict=False)
            for s in (*loop.breaks[b:], *loop.continues[c:])
        ]
        normal = join(ends)
        every = [state for state in (*ends, *leaving, *jumping) if not state.dead]
        caught = self._caught(before, inside, normal)
        entering = join([*every, caught]) if every else caught
        control = normal.control if not normal.dead else entering.control
        held_before = entering.held
        self.state = entering.copy()
        claims = frozenset.union(*(s.held for s in every)) if every else NO_IDS
        self.state.held = held_before | frozenset(h for h in claims if h < len(self.events) and self._is_claim(h))
        kept = self.state.held
        self.mark("finally", node)
        self.block(node.body)
        released = kept - self.state.held
        after = self.state
        for state in (*leaving, *jumping):
            state.preds = after.preds
            state.held -= released
        if normal.dead:
            self.state = State(NO_IDS, dict(after.env), after.held, after.control, dead=True)
            return
        after.control = control | after.control
        after.held = (normal.held - released) | (after.held - held_before - claims)
        self.state = after

    def _is_claim(self, number: int) -> bool:

        event = self.events[number]
        return isinstance(event, Acquire) and event.what in ("claim", "lock")

    def _looked_up(self, inside: Ids) -> Control:
        """The reads of a body whose failure says that nothing is there."""
        reads = [event for number in sorted(inside) if isinstance(event := self.events[number], Access)]
        return frozenset(
            (read.id, Sense.ABSENT)
            for read in reads
            if read.op in (Op.READ, Op.CHECK) and (read.resource.kind.external or read.resource.key)
        )

    def with_(self, node: cst.With) -> None:
        opened: list[int] = []
        suppressed = 0
        commits: list[tuple[cst.CSTNode, Value]] = []
        switching = False
        for item in node.items:
            testing, self.testing = self.testing, False
            value = self._context(item.item, node.asynchronous is not None)
            self.testing = testing
            if self.models.contexts.get(value.type) == "transaction" and not isinstance(item.item, cst.Call):
                value = Value(type="transaction", text=source_of(item.item))
            if isinstance(item.item, cst.Call) and source_of(item.item.func).rpartition(".")[2] == "suppress":
                names = frozenset(source_of(a.value).rpartition(".")[2] for a in item.item.args)
                self.handled.append(names)
                self.forgiven.append(names)
                suppressed += 1
            number = self._enter(item, value, node)
            if number is not None:
                opened.append(number)
            elif (path := self._written_within(item, value)) is not None:
                opened.append(self.acquire(path, "open file", "any", self.place(item.item), False))
            if value.type == "transaction":
                commits.append((item.item, value))
            lock = number is not None
            if node.asynchronous is not None and not lock:
                self.switch(item.item, callee="async with", used=value.ref)
                switching = True
            if item.asname is not None:
                target = value.part("target")
                self.store(item.asname.name, target or replace(value, ref=None, via=None, stems=value.stems), item.item)
        entering = [(len(loop.breaks), len(loop.continues)) for loop in self.loops]
        depth, returns = len(self.loops), len(self.returns)
        self.block(node.body)
        del self.handled[len(self.handled) - suppressed :]
        del self.forgiven[len(self.forgiven) - suppressed :]
        jumped = [
            s
            for loop, (b, c) in zip(self.loops[:depth], entering, strict=False)
            for s in (*loop.breaks[b:], *loop.continues[c:])
        ]
        inner = frozenset(guard.id for guard in self.acquisitions(frozenset(opened)) if guard.what == "transaction")
        for state in (*jumped, *self.returns[returns:], self.state):
            state.held -= frozenset(opened)
            if state is not self.state:
                end_row_locks(self, state, inner)
        if self.state.dead:
            return
        for where, value in commits:
            self._commit_at_end(where, value)
        end_row_locks(self, self.state, inner)
        if switching:
            self.switch(node.items[0].item, callee="async with exit")

    def _context(self, node: cst.BaseExpression, asynchronous: bool) -> Value:
        if isinstance(node, cst.Call) and asynchronous:
            return self.call(node)
        return self.evaluate(node)

    def _enter(self, item: cst.WithItem, value: Value, node: cst.With) -> int | None:
        """The acquisition that a context manager makes, if it makes one."""
        expression = item.item
        text = source_of(expression)
        if value.type == "transaction":
            if node.asynchronous is not None:
                self.switch(expression, callee="begin")
            return self.acquire(
                Resource(Kind.TABLE, "transaction", text, text), "transaction", "processes", self.place(expression)
            )
        if value.type == "lock-context":
            return self.acquire(Resource(Kind.STORE, "lock", text, text), "lock", "any", self.place(expression))
        if self._locks_rows(expression):
            return self.acquire(
                Resource(Kind.TABLE, "transaction", text, text), "row lock", "processes", self.place(expression)
            )
        named = replace(value, text=value.text or text)
        if isinstance(expression, cst.Call) and not value.type:
            named = replace(value, text=text.partition("(")[0])
        if not is_lock(self, named):
            return None
        local = (
            value.shape is Shape.NEW
            and self.models.functions.get(value.type) is not None
            and (isinstance(expression, cst.Call) or self._kept_to_itself(expression))
        )
        lock = value.ref or Resource(Kind.STORE, "", text, text, "")
        if node.asynchronous is not None:
            self.switch(expression, callee="acquire")
        shared = not (local and lock_world(self, value) in ("tasks", "threads"))
        return self.acquire(lock, "lock", lock_world(self, value), self.place(expression), shared)

    def _written_within(self, item: cst.WithItem, value: Value) -> Resource | None:
        """The file that is open for writing while the body runs, under the name that the body has for it; None for anything else."""
        call = item.item
        if item.asname is None or not isinstance(item.asname.name, cst.Name) or not isinstance(call, cst.Call):
            return None
        if value.type not in _TEMPORARY and not _WRITING.search(source_of(call)):
            return None
        path = value.part("path")
        return Resource(Kind.FILE, "file", path.text if path is not None else "", item.asname.name.value)

    def _kept_to_itself(self, expression: cst.BaseExpression) -> bool:
        """Whether a local name is neither handed to any call nor seen by a nested function."""
        if not isinstance(expression, cst.Name) or expression.value not in self.function.local_names:
            return False
        name = expression.value
        if any(
            name in (argument, argument.rpartition("=")[2])
            for call in self.function.calls
            for argument in call.arguments
        ):
            return False
        inner = self.function.qualname + "."
        return not any(f.qualname.startswith(inner) and name in f.reads for f in self.scope.facts.functions)

    def _locks_rows(self, expression: cst.BaseExpression) -> bool:
        """Whether the context manager is a function of the module that takes a lock of the database before it yields."""
        if not isinstance(expression, cst.Call) or not isinstance(expression.func, cst.Name):
            return False
        facts = self.scope.functions.get(expression.func.value)
        if facts is None or not any("contextmanager" in decorator for decorator in facts.decorators):
            return False
        body = "".join(self.program.lines[facts.first - 1 : facts.last]).lower()
        return any(
            words in body for words in ("begin immediate", "begin exclusive", "advisory", "for update", "lock table")
        )

    def _commit_at_end(self, where: cst.CSTNode, value: Value) -> None:
        waiting = () if value.text == "transaction" and "django" in self.scope.libraries else sorted(self.state.written)
        for index in waiting:  # Django saves when it is told to, not at the commit
            write_row(self, self.assigned.get(index, where), index, "commit")
        if not any(guard.what == "transaction" for guard in self.acquisitions(self.state.held)):
            self.mark("commit", where, value.text)  # else the end of a savepoint

    def match(self, node: cst.Match) -> None:
        value = self.evaluate(node.subject)
        self._checked(value)
        before = self.state
        ends = []
        exhaustive = False
        for case in node.cases:
            self.state = before.copy()

            self.state.control |= frozenset((n, Sense.OTHER) for n in value.stems)
            self._capture(case.pattern)
            if case.guard is not None:
                self.state.control |= self.condition(case.guard)[1]
            self.block(case.body)
            ends.append(self.state)
            if isinstance(case.pattern, cst.MatchAs) and case.pattern.pattern is None and case.guard is None:
                exhaustive = True
        if not exhaustive:
            ends.append(before)
        self.state = join(ends)

    def _capture(self, pattern: cst.CSTNode) -> None:
        if isinstance(pattern, cst.MatchAs) and pattern.name is not None:
            self.state.env[pattern.name.value] = Value(text=pattern.name.value)
        for child in pattern.children:
            self._capture(child)

    def nested(self, node: cst.FunctionDef | cst.ClassDef) -> None:
        """A nested definition is a unit of its own; its name becomes known."""
        qualname = f"{self.function.qualname}.{node.name.value}"
        if qualname in self.scope.functions:
            self.state.env[node.name.value] = Value(type=f"def:{qualname}", text=node.name.value)


_HELD = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")
"""A row that another object holds: `request.user`. Django sends it when its own `save` is called, and not before."""

IN_PLACE = frozenset({"list", "set", "dict", "deque", "collections.deque", "Counter", "collections.Counter"})
"""Types whose augmented assignment changes the object itself."""

MISSING = frozenset(
    {"DoesNotExist", "ObjectDoesNotExist", "NoResultFound", "NoResult", "NotFound", "KeyError", "LookupError"}
)
"""Exceptions that say that what was looked up is not there."""


def _defaults(function: cst.FunctionDef) -> dict[str, str]:
    """The parameters that are `True` or `False` unless the caller says otherwise."""
    params = function.params
    return {
        param.name.value: param.default.value
        for param in (*params.posonly_params, *params.params, *params.kwonly_params)
        if isinstance(param.default, cst.Name) and param.default.value in ("True", "False")
    }


def _caught_names(handler: cst.ExceptHandler | cst.ExceptStarHandler) -> frozenset[str]:
    """Last names of the exceptions that a handler catches; "" for all."""
    if handler.type is None:
        return frozenset({""})
    types = [e.value for e in handler.type.elements] if isinstance(handler.type, cst.Tuple) else [handler.type]
    return frozenset(source_of(caught).rpartition(".")[2] for caught in types)


def _raises(handler: cst.ExceptHandler | cst.ExceptStarHandler) -> bool:
    """Whether a handler ends by raising, whatever it was that it caught."""
    last = handler.body.body[-1] if handler.body.body else None
    if isinstance(last, cst.SimpleStatementLine):
        last = last.body[-1]
    return isinstance(last, cst.Raise)


_SMALL: dict[type[cst.CSTNode], Callable[..., None]] = {
    cst.Expr: Walker.expression,
    cst.Assign: Walker.assign,
    cst.AnnAssign: Walker.annotated,
    cst.AugAssign: Walker.augmented,
    cst.Del: Walker.delete,
    cst.Return: Walker.return_,
    cst.Raise: Walker.raise_,
    cst.Break: Walker.break_,
    cst.Continue: Walker.continue_,
    cst.Assert: Walker.assert_,
}

_COMPOUND: dict[type[cst.CSTNode], Callable[..., None]] = {
    cst.If: Walker.if_,
    cst.While: Walker.while_,
    cst.For: Walker.for_,
    cst.Try: Walker.try_,
    cst.TryStar: Walker.try_,
    cst.With: Walker.with_,
    cst.Match: Walker.match,
    cst.FunctionDef: Walker.nested,
    cst.ClassDef: Walker.nested,
}
