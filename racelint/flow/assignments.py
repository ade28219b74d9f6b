"""Assignments and deletions: which shared state they change, and what names stand for afterwards."""

from __future__ import annotations

import ast
import re

import libcst as cst

from racelint.events import (
    NO_IDS,
    Access,
    Ids,
    Kind,
    Op,
    Shape,
    Value,
)
from racelint.expressions import expression
from racelint.facts.source_text import annotation_name
from racelint.flow.expressions import ROWS_BY_KEY, Evaluator, stepped
from racelint.flow.resources import captured_resource, global_resource, item_of
from racelint.flow.row_locks import note_dropped
from racelint.flow.rows import note_changed, row_of
from racelint.flow.summaries import Definition, Program, source_of
from racelint.frozen import replace

Holder = tuple[Value, str, Ids]
"""What an attribute or entry is of, the entry's key, and the accesses that the key is computed from."""


class Assignments(Evaluator):
    """Walks statements that bind."""

    def __init__(self, program: Program, definition: Definition) -> None:
        super().__init__(program, definition)
        self.assigned: dict[int, tuple[Definition, cst.CSTNode]] = {}
        """Per row: where a field of it was set last, and in which definition that is, for it may be a helper."""

    def assign(self, node: cst.Assign) -> None:
        targets = [t.target for t in node.targets]
        if (
            len(targets) == 1
            and isinstance(targets[0], (cst.Tuple, cst.List))
            and isinstance(node.value, (cst.Tuple, cst.List))
        ):
            left, right = targets[0].elements, node.value.elements
            if len(left) == len(right) and not any(type(e) is cst.StarredElement for e in (*left, *right)):
                values = [self.evaluate(element.value) for element in right]
                for element, value in zip(left, values, strict=True):
                    self.store(element.value, value, node)
                return
        only = targets[0] if len(targets) == 1 else None
        if only is not None and type(node.value) is cst.IfExp and self._left_as_it_is(only, node.value, node):
            return
        if type(only) is cst.Name and only.value not in self.function.outer_names:
            self.answered = node.value
        value = self.evaluate(node.value)
        if len(targets) == 1:
            note_dropped(self, value, node.value, targets[0])
        for target in targets:
            self.store(target, value, node)
        self._note_kept(targets, value, node)

    def _left_as_it_is(self, target: cst.BaseAssignTargetExpression, given: cst.IfExp, node: cst.Assign) -> bool:
        """Walks `self.pool = self.pool if self.pool else await connect()`, which writes on one of two ways only; whether it is such."""
        shared = isinstance(target, cst.Attribute) or (
            type(target) is cst.Name and target.value in self.function.outer_names
        )
        text = source_of(target) if shared else ""
        arms = [source_of(arm) == text for arm in (given.body, given.orelse)]
        if not text or arms[0] == arms[1]:
            return False
        _, true, false = self.condition(given.test)
        after = self.state.copy()
        self.know(false if arms[0] else true)
        self.store(target, self.evaluate(given.orelse if arms[0] else given.body), node)
        one, self.state = self.state, after
        self.know(true if arms[0] else false)
        self.merge(one, self.state)
        return True

    def _note_kept(self, targets: list[cst.BaseAssignTargetExpression], value: Value, node: cst.Assign) -> None:
        """A new object that was put where others find it is theirs, too, by whatever local name it goes on: `room = rooms[name] = Room()`.

        A lock that was put under a key is that of the key.
        """
        made = self.models.functions.get(value.type)
        lock = made is not None and made.effect == "lock"
        if value.shape is not Shape.NEW or value.ref is not None or not (lock or value.type.startswith(":")):
            return
        entries = [
            event.resource
            for event in self.events[max(self.next_id - 2, 0) : self.next_id]
            if isinstance(event, Access) and event.how in ("[]", "=") and event.place == self.place(node)
        ]
        for name in (*targets, node.value) if len(entries) == 1 else ():
            if type(name) is not cst.Name or name.value not in self.state.env:
                continue
            if lock and entries[0].key:
                self.state.env[name.value] = replace(self.state.env[name.value], ref=entries[0])
            elif not lock:
                self.show(name.value)

    def annotated(self, node: cst.AnnAssign) -> None:
        if node.value is None:
            return
        value = self.evaluate(node.value)
        if not value.type and type(node.target) is cst.Name:
            value = replace(value, type=self._type_declared(node.annotation.annotation))
        self.store(node.target, value, node)

    def _type_declared(self, annotation: cst.BaseExpression) -> str:
        """The type of a library that a local name is said to have; "" for all others: `db: Redis = request.app["redis"]`."""
        written = annotation_name(ast.Constant(source_of(annotation)))
        declared = self.scope.names_in(self.definition.facts.qualname).annotated_type(written)
        return declared if declared in self.models.types else ""

    def augmented(self, node: cst.AugAssign) -> None:
        target = node.target
        holder = None
        if isinstance(target, (cst.Attribute, cst.Subscript)):
            holder = self._holder(target)
            old = self._part(target, holder)
        else:
            old = self.evaluate(target)
        new = self.evaluate(node.value)
        self.note_next(node.operator, old, new, node)
        appended = bool(old.stems) and (new.shape == Shape.NEW and new.type in ("list", "tuple", "set", "dict"))
        value = Value(
            old.stems | new.stems,
            row=None,
            type=old.type if old.type == "dict" else new.type if new.type == "django.F" else "",
            appended=appended or old.appended,
            known=stepped(node.operator, old, new) if old.stems else (),
        )
        if old.ref is not None and old.type in IN_PLACE:
            self.emit(
                Op.UPDATE, old.ref, node, Value(new.stems, Shape.NEW), "extend"
            )  # changes the object, rebinds it to itself
            return
        self.store(target, value, node, "+=", holder)

    def _holder(self, target: cst.Attribute | cst.Subscript) -> Holder:
        """Walks what an attribute or entry is of, and its key."""
        base = self.plain(target.value)
        if type(target) is cst.Subscript:
            return base, self.key(target), self.key_stems
        return base, "", NO_IDS

    def _part(self, target: cst.Attribute | cst.Subscript, holder: Holder) -> Value:
        """Reads the attribute or entry of a holder that was walked."""
        base, key, _ = holder
        return (
            self.entry_of(base, key, target) if isinstance(target, cst.Subscript) else self.attribute_of(base, target)
        )

    def store(
        self,
        target: cst.BaseExpression,
        value: Value,
        node: cst.CSTNode,
        how: str = "=",
        holder: Holder | None = None,
    ) -> None:
        """Assigns a value; an update has walked what it changes a part of before it read the part."""
        if type(target) is cst.Name:
            self._store_name(target, value, node, how)
        elif type(target) is cst.Attribute:
            self._store_attribute(target, holder or self._holder(target), value, node, how)
        elif type(target) is cst.Subscript:
            self._store_item(target, holder or self._holder(target), value, node, how)
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
            old = self.state.env[name]
            self.state.env[name] = replace(
                old,
                stems=value.stems,
                text=name,
                ref=None,
                via=None,
                shape=Shape.OTHER,
                appended=value.appended,
                known=(*old.known, *value.known),
            )
            return
        self.bind(name, value)

    def _store_attribute(
        self, target: cst.Attribute, holder: Holder, value: Value, node: cst.CSTNode, how: str
    ) -> None:
        base = holder[0]
        attr = target.attr.value
        text = source_of(target)
        resource, _ = self.resource_of(base, attr, text)
        if base.row is not None or (self._is_record(base) and not self._of_own_class(base, attr)):
            index = row_of(self, base)
            changed = self.state.written.get(index, {}).get(attr, NO_IDS) if index is not None else NO_IDS
            value = self._without_kept(value, text, node, changed)
            if index is not None:
                self.state.written.setdefault(index, {})[attr] = value.stems - value.opaque
                self.state.unsure -= {(index, attr)}
                relative = value.type == "django.F" or self._of_its_column(index, attr, value)
                (self.relative.add if relative else self.relative.discard)((index, attr))
                self.assigned[index] = self.definition, node
                root = target.value
                if type(root) is cst.Name and root.value in self.state.env and base.row is None:
                    self.state.env[root.value] = replace(self.state.env[root.value], row=index)
                if resource is None or not base.type.startswith("self:"):
                    return
        elif base.part("made") is not None and type(target.value) is cst.Name and base.text in self.state.env:
            built = self.state.env[base.text]
            self.state.env[base.text] = replace(built, stems=built.stems | (value.stems - value.opaque))
        if resource is not None:
            related = (
                frozenset((value.text,)) if value.text.isidentifier() and value.shape is Shape.OTHER else frozenset()
            )
            self.emit(Op.WRITE, resource, node, value, how, related)
            if how == "=" and self._is_constant(resource):
                self.state.env[text] = Value(value.stems, opaque=value.opaque)

    def _without_kept(self, value: Value, target: str, node: cst.CSTNode, changed: Ids) -> Value:
        """The value without the field itself, where it is only kept, dressed or turned round, and nothing is added up.

        `row.owner = row.owner or user`, `row.name = chosen(row)` that may give the old name, `row.name = f"{row.name} (old)"`,
        `row.locked = not row.locked`. `changed` are the accesses that a change in place of what the field holds stems from.
        """
        given = node.value if type(node) is cst.Assign else None
        own = {n for n in value.stems if (a := self.access(n)) is not None and a.resource.name == target}
        if given is None or not own or own & changed:
            return value
        kept = type(given) is cst.BooleanOperation and source_of(given.left) == target
        same = value.part("changed") is None and not value.appended
        copied = same and (value.via in own or (isinstance(given, (cst.Name, cst.Call)) and self._chosen(value, own)))
        if kept or copied or value.part("formatted") is not None or value.part("negated") is not None:
            return replace(value, stems=value.stems - own)
        return value

    def _chosen(self, value: Value, own: set[int]) -> bool:
        """Whether a local name stands for what the column held on one way and for something else on another, with nothing computed."""
        loaded = {row.loaded for row in self.rows}
        plain = not value.origin and (not value.text or value.text.isidentifier()) and value.part("computed") is None
        return plain and value.via is None and not value.stems - own - loaded

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
        if base.ref is not None and (
            base.ref.kind is not Kind.ARGUMENT or base.ref.path == base.text.partition(".")[0]
        ):
            return False  # what whoever starts the unit hands to each is no row, either
        if base.text in self.scope.module_names or not self.program.maps_rows:
            return False
        return base.text.isidentifier() or (_HELD.fullmatch(base.text) is not None and "django" in self.libraries)

    def _of_own_class(self, base: Value, attr: str) -> bool:
        """Whether an argument without annotation is another object of the method's own class, which has the attribute and is no model:
        by its name, `other`, or because a lock of the class is held for it."""
        owner, unannotated = self.function.owner, [name for name, annotation in self.function.params if not annotation]
        if not owner or base.text not in unannotated or self.scope.is_mapped(owner):
            return False
        if not self.scope.attribute_writes(owner, attr):
            return False
        return base.text == "other" or any(
            held.what == "lock" and held.lock.owner == owner for held in self.acquisitions(self.state.held)
        )

    def _store_item(self, target: cst.Subscript, holder: Holder, value: Value, node: cst.CSTNode, how: str) -> None:
        base, key, key_stems = holder
        if type(target.value) is cst.Attribute:
            note_changed(self, base, value.stems | base.stems)
        self._note_item_changed(target)
        if base.row is not None and (column := self.column_named(base.row, key)):
            self.state.written.setdefault(base.row, {})[column] = value.stems - value.opaque
            self.assigned[base.row] = self.definition, node
            return
        if base.ref is not None:
            related = frozenset(text for text in (key, value.text) if text.isidentifier())
            sign = "[]" if how == "=" else "[]+="
            if how == "=" and _is_whole(target):
                self.emit(Op.WRITE, base.ref, node, value, "[:]")
                return
            self.emit(Op.WRITE, item_of(base.ref, key), node, value, sign, related, chosen=key_stems)
            return
        root: cst.BaseExpression = target.value
        while isinstance(root, (cst.Subscript, cst.Attribute)):
            root = root.value
        if type(root) is cst.Name and root.value in self.state.env:
            known = self.state.env[root.value]
            if known.row is not None and type(target.value) is cst.Attribute:
                self.state.written.setdefault(known.row, {})[target.value.attr.value] = value.stems | base.stems
            rows = root is target.value and known.shape is Shape.EMPTY and self.of_rows(value.stems)
            told = ROWS_BY_KEY if rows and known.part("rows by key") is None else ()
            self.state.env[root.value] = replace(known, stems=known.stems | value.stems, known=(*known.known, *told))

    def _note_item_changed(self, target: cst.Subscript) -> None:
        """Notes that what a local name stands for is no longer what was read."""
        known = self.state.env.get(target.value.value) if type(target.value) is cst.Name else None
        if known is not None and known.stems and known.part("changed") is None:
            self.state.env[known.text] = replace(known, opaque=NO_IDS, known=(*known.known, ("changed", Value())))

    def delete(self, node: cst.Del) -> None:
        targets = [e.value for e in node.target.elements] if type(node.target) is cst.Tuple else [node.target]
        for target in targets:
            if type(target) is cst.Subscript:
                base = self.plain(target.value)
                key = self.key(target)
                if type(target.value) is cst.Attribute:
                    note_changed(self, base, base.stems)
                if base.ref is not None:
                    self.emit(Op.DELETE, item_of(base.ref, key), node, Value(shape=Shape.NONE), "del")
                self._note_item_changed(target)
            elif type(target) is cst.Attribute:
                base = self.plain(target.value)
                resource, _ = self.resource_of(base, target.attr.value, source_of(target))
                if resource is not None:
                    self.emit(Op.DELETE, resource, node, Value(shape=Shape.NONE), "del")


def _is_whole(target: cst.Subscript) -> bool:
    """Whether it is all of a list, which gets other items and stays the same object: `items[:] = kept`."""
    inner = target.slice[0].slice
    return len(target.slice) == 1 and type(inner) is cst.Slice and not (inner.lower or inner.upper or inner.step)


_HELD = expression(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")
"""A row that another object holds: `request.user`. Django sends it when its own `save` is called, and not before."""

IN_PLACE = frozenset({"list", "set", "dict", "deque", "collections.deque", "Counter", "collections.Counter"})
"""Types whose augmented assignment changes the object itself."""
