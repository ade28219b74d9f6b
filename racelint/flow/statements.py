"""Statements: branches and loops, and how helpers are walked in place of their calls."""

from __future__ import annotations

from collections.abc import Callable

import libcst as cst

from racelint.events import (
    NO_IDS,
    Access,
    Flow,
    Kind,
    Resource,
    Sense,
    Shape,
    Value,
)
from racelint.flow.containers import handed_out
from racelint.flow.contexts import Contexts
from racelint.flow.elements import picked_in_loop
from racelint.flow.expressions import unit_environment
from racelint.flow.free_paths import free_path
from racelint.flow.graph import NO_CONTROL, TooLarge, join_values
from racelint.flow.locks import of_lock_if_any
from racelint.flow.refusals import refuses
from racelint.flow.row_locks import note_dropped
from racelint.flow.summaries import Definition, source_of
from racelint.flow.told import defaults_of, told
from racelint.frozen import replace
from racelint.resolve import enclosing_self

_IN_MEMORY = (Kind.ATTRIBUTE, Kind.CLASS, Kind.GLOBAL, Kind.CAPTURED)
_FETCHED = (Kind.TABLE, Kind.STORE)


class Walker(Contexts):
    """Walks one unit of work from its first statement to its last."""

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
        concurrency = self.program.concurrency
        unpacked = {name: (given, str(part)) for name, given, part in facts.unpacked}
        for name in sorted(concurrency.handed_to_each(facts)):
            shared = Value(ref=Resource(Kind.ARGUMENT, f"?{facts.qualname}", name, name), text=name, born=0)
            given, part = unpacked.get(name, ("", ""))
            if given:
                whole = self.state.env[given]
                self.state.env[given] = replace(whole, known=(*whole.known, (part, shared)))
            else:
                self.state.env[name] = shared
        self.mark("entry", self.definition.node.name)
        try:
            for decorator in self.definition.node.decorators:
                self.mark("decorator", decorator.decorator, source_of(decorator.decorator))
            for guard in sorted(concurrency.held_on_entry(facts) | concurrency.decorator_guards(facts)):
                self.enter_held(guard, owner, self_name, self.place(self.definition.node.name))
            self.block(self.definition.node.body)
        except TooLarge:
            self.limited = True
        self.forget_rest()
        events = tuple(self.events)
        return Flow(
            facts.qualname,
            events,
            tuple(tuple(sorted(after)) for after in self.after),
            tuple(self.rows),
            frozenset(self.ordered),
            frozenset(self.above),
            frozenset(self.compared),
            frozenset(self.equal),
            frozenset(self.firsts),
            self.limited,
            tuple(event for event in events if isinstance(event, Access)),
        )

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
        defaults = defaults_of(definition.node)
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
        entered = self.next_id
        opened: list[int] = []
        for guard in sorted(self.program.concurrency.decorator_guards(facts)):
            number = self._enter_guard(guard, owner, self_name, self.place(self.definition.node.name))
            if number is not None:
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
        self.meet(entered, ends)
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

    def block(self, body: cst.BaseSuite) -> None:
        for statement in body.body:
            if type(statement) is cst.SimpleStatementLine:  # what nearly all are; `isinstance` takes long to say no
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

    def expression(self, node: cst.Expr) -> None:
        self.unused = node.value
        value = self.evaluate(node.value)
        note_dropped(self, value, node.value)
        if value.type == "stopped":  # it raises
            self._note_refused(node.value, Kind.TABLE)
            self._note_turned_away(node.value)
            self._stop()

    def return_(self, node: cst.Return) -> None:
        value = self.evaluate(node.value) if node.value is not None else Value(shape=Shape.NONE)
        if node.value is not None and self.site is None:
            handed_out(self, node, node.value, value)
            self._note_returned(node, value)
        if value.shape is Shape.FALSE:
            self._note_refused(node)
            self._note_turned_away(node)
        elif node.value is not None and self.site is None and refuses(node.value):
            self._note_refused(node, Kind.TABLE)
            self._note_turned_away(node)
        elif value.shape is Shape.NONE and node.value is not None:
            self._note_refused(node, what="given nothing")
        self._note_occupied(node)
        if self.site is not None:
            value = free_path(self, picked_in_loop(self, value) if value.known else value)
        self.returned.append(value)
        self.returns.append(self.state)
        self._stop()

    def _note_returned(self, node: cst.Return, value: Value) -> None:
        """Marks that something of a row or store that was read is given to the caller."""
        held = value.part("holds")  # by a list that they were added to
        stems = value.stems | (held.stems if held is not None else NO_IDS)
        rows = frozenset(n for n in stems if (a := self.access(n)) is not None and a.resource.kind in _FETCHED)
        if rows:
            self.mark("returned", node, stems=rows)

    def _note_refused(self, node: cst.CSTNode, *also: Kind, what: str = "refused") -> None:
        """Marks that the caller is refused, or given nothing, because of what a store or a row holds."""
        checks = (self.access(number) for number, _ in self.state.control)
        if any(check is not None and check.resource.kind in (Kind.STORE, Kind.ROW, *also) for check in checks):
            self.mark(what, node)

    def _note_turned_away(self, node: cst.CSTNode) -> None:
        """Marks that the caller gets an error or False because of what state in memory is."""
        checks = (self.access(number) for number, _ in self.state.control)
        if any(check is not None and check.resource.kind in _IN_MEMORY for check in checks):
            self.mark("turned away", node)

    def _note_occupied(self, node: cst.Raise | cst.Return) -> None:
        """Marks that the unit ends because there is an entry under a key already."""
        found = (self.access(number) for number, sense in self.state.control if sense is Sense.PRESENT)
        if any(check is not None and check.how == "in" and check.resource.key for check in found):
            self.mark("occupied", node)

    def raise_(self, node: cst.Raise) -> None:
        if node.exc is not None:
            self.evaluate(node.exc)
            name = source_of(node.exc.func if type(node.exc) is cst.Call else node.exc).rpartition(".")[2]
            self.raised.append((self.next_id, name, self.state.control))
        if any(
            (check := self.access(n)) is not None and check.resource.kind is Kind.FILE for n, _ in self.state.control
        ):
            self.mark("raise", node)
        self._note_refused(node)
        self._note_turned_away(node)
        self._note_occupied(node)
        self._stop()

    def assert_(self, node: cst.Assert) -> None:
        asserting, self.asserting = self.asserting, True
        _, true, _ = self.condition(node.test)
        self.asserting = asserting
        self.know(frozenset(known for known in true if not self.of_rows(frozenset((known[0],)))))  # certain

    def if_(self, node: cst.If) -> None:
        decided = told(self, node.test)
        if decided is not None:
            self._only(node, decided)
            return
        if of_lock_if_any(node):
            self.condition(node.test)
            self.block(node.body)
            return
        parting = self.next_id
        _, true, false = self.condition(node.test)
        after_test = self.state.copy()
        self.know(true)
        self.block(node.body)
        one = self.state
        self.state = after_test
        self.know(false)
        if type(node.orelse) is cst.If:
            self.if_(node.orelse)
        elif type(node.orelse) is cst.Else:
            self.block(node.orelse.body)
        other = self.state
        self.meet(parting, [one, other])

    def _only(self, node: cst.If, taken: bool) -> None:
        """Walks the one branch that this call of a helper takes, and the test for what it reads."""
        if type(node.test) is cst.BooleanOperation:
            self.condition(node.test)
        if taken:
            self.block(node.body)
        elif type(node.orelse) is cst.If:
            self.if_(node.orelse)
        elif node.orelse is not None:
            self.block(node.orelse.body)

    def match(self, node: cst.Match) -> None:
        value = self.subject(node.subject)
        before = self.state
        ends = []
        missed = NO_CONTROL
        exhaustive = False
        parting = self.next_id
        for case in node.cases:
            self.state = before.copy()
            anything = type(case.pattern) is cst.MatchAs and case.pattern.pattern is None
            true, false = (missed, missed) if anything else self.fits(value, case.pattern)
            self.state.control |= true
            self._capture(case.pattern, value if anything else None)
            if case.guard is not None:
                self.know(self.condition(case.guard)[1])
            elif not anything:
                missed |= false
            self.block(case.body)
            ends.append(self.state)
            exhaustive = exhaustive or (anything and case.guard is None)
        if not exhaustive:
            before.control |= missed
            ends.append(before)
        self.meet(parting, ends)

    def _capture(self, pattern: cst.CSTNode, whole: Value | None = None) -> None:
        """Binds the names of a pattern; `whole` is the subject, if a name stands for all of it."""
        if type(pattern) is cst.MatchAs and pattern.name is not None:
            self.state.env[pattern.name.value] = replace(whole or Value(), text=pattern.name.value)
        for child in pattern.children:
            self._capture(child)

    def nested(self, node: cst.FunctionDef | cst.ClassDef) -> None:
        """A nested definition is a unit of its own; its name becomes known."""
        qualname = f"{self.function.qualname}.{node.name.value}"
        if qualname in self.scope.functions:
            self.state.env[node.name.value] = Value(type=f"def:{qualname}", text=node.name.value)


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
