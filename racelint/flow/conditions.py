"""Tests: what is known where they hold, and where they do not."""

from __future__ import annotations

import re

import libcst as cst

from racelint.events import (
    EMPTINESS,
    FILLING,
    NO_IDS,
    Ids,
    Kind,
    Op,
    Sense,
    Value,
)
from racelint.expressions import expression
from racelint.flow.graph import MISSING_IF, NO_CONTROL, THERE_IF, Control
from racelint.flow.names import Names
from racelint.flow.recording import TRIED
from racelint.flow.resources import COUNTED, item_of
from racelint.flow.summaries import source_of
from racelint.frozen import replace


class Conditions(Names):
    """Walks what branches are decided by."""

    def condition(self, node: cst.BaseExpression) -> tuple[Value, Control, Control]:
        """Walks a test: its value, what is known where it holds, and what where it does not."""
        # Nodes are abstract classes to `isinstance`, which takes long where the answer is no; nothing derives from these.
        if type(node) is cst.UnaryOperation and type(node.operator) is cst.Not:
            value, true, false = self.condition(node.expression)
            return value, false, true
        if type(node) is cst.BooleanOperation:
            left, left_true, left_false = self.condition(node.left)
            skipped = self.state.copy()
            both = type(node.operator) is cst.And
            self.know(left_true if both else left_false)
            right, right_true, right_false = self.condition(node.right)
            before = skipped.control
            looked = self.state.fresh  # where the right side was not reached, it decides nothing
            self.merge(skipped, self.state)
            self.state.fresh = looked
            self.state.control = before
            fallback = right.stems if right.via is not None and not both else NO_IDS
            known = right.known if not both and right.part("made") is not None else ()
            if not both and left.via is not None:
                known = (*known, ("kept", left), ("filling", right))
            value = Value(
                left.stems | right.stems,
                appended=left.appended or right.appended,
                type=left.type or right.type,
                row=left.row,
                known=known,
                opaque=left.opaque | right.opaque | fallback,
            )
            if both:
                otherwise = _vaguely(left_false | right_false, Sense.OTHERWISE)
                return value, left_true | right_true, self._missing_or_unfit(left_false, right_false, otherwise)
            one = _vaguely(left_true | right_true, Sense.OTHER)
            return value, self._missing_or_unfit(left_true, right_true, one), left_false | right_false
        if type(node) is cst.Comparison:
            return self._compare(node)
        from racelint.flow.managers import evaluated

        testing, self.testing = self.testing, True
        self.answered = node
        value = _of_counted(evaluated(self, self.evaluate(node), node, "exists"))
        self.testing = testing
        if value.ref is not None and value.via is None and type(node) is not cst.Call:
            number = self.emit(Op.CHECK, value.ref, node, how=self._test_kind())
            value = replace(value, stems=value.stems | {number}, via=number)
        self._checked(value)
        self._note_asked(value.stems, node)
        if value.stems:
            self._note_fields(node, _operands(node), value.stems)
        tried = value.part(TRIED)
        if tried is not None:
            return value, _each(tried.stems, Sense.PRESENT), _each(tried.stems, Sense.ABSENT)
        said = self._said(value)
        if said is not None:
            return value, *said
        asked = self.access(value.via) if value.via is not None else None
        if asked is not None and asked.how == EMPTINESS:
            return value, _senses(value, Sense.ABSENT), _senses(value, Sense.PRESENT)
        return value, _senses(value, Sense.PRESENT), _senses(value, Sense.ABSENT)

    def _missing_or_unfit(self, left: Control, right: Control, vague: Control) -> Control:
        """What is known where `x is None or x.closed` holds: if both sides ask about one thing, it is as good as missing."""
        missing = {number for number, sense in left if sense is Sense.ABSENT}
        named = {access.resource for number in missing if (access := self.access(number)) is not None}
        asked = [access.resource for number, _ in right if (access := self.access(number)) is not None]
        if len(named) != 1 or not asked:
            return vague
        (thing,) = named
        if not all(one.place == thing.place or one.name.startswith(f"{thing.name}.") for one in asked):
            return vague
        return frozenset((number, Sense.ABSENT if number in missing else sense) for number, sense in vague)

    def _said(self, value: Value) -> tuple[Control, Control] | None:
        """What is known where a kept answer holds, `missing = self.index is None`, and where it does not."""
        absent, present = value.part(MISSING_IF), value.part(THERE_IF)
        if absent is None or present is None:
            return None
        for number in absent.stems | present.stems:
            self._checked(Value(via=number))
        others = value.stems - absent.stems - present.stems
        true = _each(absent.stems, Sense.ABSENT) | _each(present.stems, Sense.PRESENT) | _each(others, Sense.OTHER)
        false = _each(absent.stems, Sense.PRESENT) | _each(present.stems, Sense.ABSENT)
        return true, false | _each(others, Sense.OTHERWISE)

    def _note_asked(self, stems: Ids, node: cst.CSTNode) -> None:
        """Notes that a branch depends on how many rows a change has met."""
        changes = frozenset(n for n in stems if (a := self.access(n)) is not None and a.op.changes)
        if changes and self.of_rows(changes):
            self.mark("asked", node, stems=changes)

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
        found: int | None = None
        for part in node.comparisons:
            operator = type(part.operator)
            rows = self._is_number_of_rows(left)
            some = _some(node.left, operator, part.comparator, rows)
            if operator is cst.In or operator is cst.NotIn:
                true_, false_, inside = self._member(left, node.left, part)
                self._compared(left, part.comparator)
                true, false, stems = true | true_, false | false_, stems | inside
                continue
            right = self.evaluate(part.comparator)
            stems |= right.stems
            if operator in _ORDERING and (some is None or rows):
                self.ordered |= left.stems | right.stems
                self.above |= (left if operator in (cst.GreaterThan, cst.GreaterThanEqual) else right).stems
                self._compared(left, part.comparator)
                self._compared(right, node.left)
            self._checked(_of_counted(right))
            none = right if _is_nothing(part.comparator) else left if _is_nothing(node.left) else None
            other = _of_counted(left if none is right else right)
            equal = operator is cst.Is or operator is cst.Equal
            unequal = operator is cst.IsNot or operator is cst.NotEqual
            if none is not None and (equal or unequal):
                present, absent = _senses(other, Sense.PRESENT), _senses(other, Sense.ABSENT)
                found = other.via if unequal and len(node.comparisons) == 1 and self._is_external(other.via) else None
                true |= absent if equal else present
                false |= present if equal else absent
            elif some is not None:
                counted = _of_counted(right if type(node.left) is cst.Integer else left)
                # How many are left is as good a limit as any other, but that there are none says it.
                present, absent = (
                    _senses(counted, Sense.OTHER if rows else Sense.PRESENT),
                    _senses(counted, Sense.ABSENT),
                )
                true |= present if some else absent
                false |= absent if some else present
            else:
                both = Value(left.stems | right.stems)
                self._compared(left, part.comparator)
                self._compared(right, node.left)
                self.compared |= left.stems | right.stems
                if equal and len(node.comparisons) == 1:
                    self.equal |= left.stems | right.stems
                true |= _vaguely(frozenset((n, Sense.OTHER) for n in both.stems), Sense.OTHER)
                false |= _vaguely(frozenset((n, Sense.OTHER) for n in both.stems), Sense.OTHERWISE)
        self._checked(_of_counted(left))
        self.testing = testing
        tried = left.part(TRIED)
        if tried is not None:  # however it is asked, it is: that the lock was got is believed both ways
            true, false = true | _each(tried.stems, Sense.PRESENT), false | _each(tried.stems, Sense.PRESENT)
        self._note_asked(stems, node)
        if stems & self.ordered and self.of_entries(stems):
            sides = (node.left, *(target.comparator for target in node.comparisons))
            self.mark("ordered", node, related=frozenset(source_of(s) for s in sides), stems=stems)
        self._note_fields(node, [node.left, *(target.comparator for target in node.comparisons)], stems)
        # which entries are meant is no condition of what is done with them
        if stems and not (_with_none(node) or self.picking):
            compared_parts = (node.left, *(target.comparator for target in node.comparisons))
            versions = [name for operand in compared_parts if (name := _version(operand))]
            if versions:
                self.mark("version", node, versions[0], stems=stems)
        operands = (node.left, *(compared.comparator for compared in node.comparisons))
        names = " ".join(operand.value for operand in operands if type(operand) is cst.Name)
        return Value(stems, via=found, known=(("keys", Value(text=names)),) if names else ()), true, false

    def subject(self, node: cst.BaseExpression) -> Value:
        """Walks what `match` compares with its cases."""
        testing, self.testing = self.testing, True
        value = _of_counted(self.evaluate(node))
        self.testing = testing
        self._checked(value)
        self.compared |= value.stems
        self._note_asked(value.stems, node)
        self._note_fields(node, [node], value.stems)
        return value

    def fits(self, value: Value, pattern: cst.MatchPattern) -> tuple[Control, Control]:
        """What is known of the subject in a case of `match`, and what in those after it."""
        nothing = type(pattern) is cst.MatchSingleton and pattern.value.value in ("None", "False")
        if nothing:
            return _senses(value, Sense.ABSENT), _senses(value, Sense.PRESENT)
        all_of_it = frozenset((number, Sense.OTHER) for number in value.stems)
        return all_of_it, _vaguely(all_of_it, Sense.OTHERWISE)

    def _is_external(self, number: int | None) -> bool:
        """Whether the access is one of a store: `known = rows.first() is not None` says whether a row is there."""
        access = self.access(number) if number is not None else None
        return access is not None and access.resource.kind.external

    def _note_fields(self, node: cst.BaseExpression, operands: list[cst.BaseExpression], stems: Ids) -> None:
        """Marks which field of a document, or column of what a statement has read, is compared or tested.

        `order["status"] != "new"`, `if order["paid"]`, `compare_digest(user["token"], token)`.
        """
        of_stores = {
            n for n in stems if (a := self.access(n)) is not None and a.resource.kind in (Kind.STORE, Kind.TABLE)
        }
        if not of_stores:
            return
        if type(node) is cst.Call or (type(node) is cst.Comparison and _is_equality(node)):
            self.mark("matched", node, stems=frozenset((max(of_stores),)))  # what was read last is what is compared
        for operand in operands:
            name = self._only_column(of_stores) or _field(operand) or self._placed(operand, of_stores)
            if name:
                self.mark("compared", node, name, stems=frozenset(of_stores))

    def _only_column(self, reads: set[int]) -> str:
        """The one column of the one statement that was read as a plain value: `await conn.fetchval("SELECT used …")`."""
        read = self.access(min(reads)) if len(reads) == 1 else None
        columns = read.value.part("columns") if read is not None and read.how in ("fetchval", "fetch_val") else None
        return columns.text if columns is not None and columns.text.isidentifier() else ""

    def _placed(self, node: cst.BaseExpression, reads: set[int]) -> str:
        """The column that stands at a place of what the one statement has read: `row[1]`."""
        found = _PLACED.search(source_of(node)) if type(node) is cst.Subscript else None
        read = self.access(min(reads)) if len(reads) == 1 else None
        columns = read.value.part("columns") if read is not None else None
        names = columns.text.split() if columns is not None else []
        return names[int(found[1])] if found is not None and int(found[1]) < len(names) else ""

    def _is_number_of_rows(self, value: Value) -> bool:
        """Whether a value is what a query says of how many rows there are."""
        read = self.access(value.via) if value.via is not None else None
        return read is not None and read.resource.kind is Kind.TABLE and read.how in ("count", "acount")

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
            if self.of_rows(stems):
                self.mark("difference", part, stems=stems)
            inside = frozenset((n, Sense.OTHER) for n in stems)
            outside = frozenset((n, Sense.OTHERWISE) for n in stems)
        one = frozenset((n, Sense.OTHER) for n in left.stems)
        two = frozenset((n, Sense.OTHERWISE) for n in left.stems)
        if type(part.operator) is cst.NotIn:
            return outside | one, inside | two, stems
        return inside | one, outside | two, stems


_ORDERING = frozenset({cst.LessThan, cst.LessThanEqual, cst.GreaterThan, cst.GreaterThanEqual})

_TURNED: dict[type[cst.BaseCompOp], type[cst.BaseCompOp]] = {
    cst.LessThan: cst.GreaterThan,
    cst.LessThanEqual: cst.GreaterThanEqual,
    cst.GreaterThan: cst.LessThan,
    cst.GreaterThanEqual: cst.LessThanEqual,
}


def _some(
    left: cst.BaseExpression, operator: type[cst.BaseCompOp], right: cst.BaseExpression, counted: bool
) -> bool | None:
    """Whether a comparison says that a collection holds something (`len(x) > 0`), or nothing; None if it says neither.

    `counted` says that the left side is a number of rows.
    """
    if operator not in _TURNED:
        return None
    if type(left) is cst.Integer:
        left, right = right, left
        operator, counted = _TURNED[operator], False
    if type(right) is not cst.Integer or not (counted or _is_count(left)):
        return None
    if right.value not in (("0",) if counted else ("0", "1")):  # room for one row is a limit
        return None
    one = right.value == "1"
    if operator is (cst.GreaterThanEqual if one else cst.GreaterThan):
        return True
    return False if operator is (cst.LessThan if one else cst.LessThanEqual) else None


def _is_count(node: cst.BaseExpression) -> bool:
    """Whether an expression is the number of a collection's elements."""
    if type(node) is cst.Call and type(node.func) is cst.Attribute:
        return node.func.attr.value == FILLING and not node.args
    return type(node) is cst.Call and len(node.args) == 1 and type(node.func) is cst.Name and node.func.value == "len"


def _operands(node: cst.BaseExpression) -> list[cst.BaseExpression]:
    """What a test asks about: what a function compares that is called so, or the expression itself."""
    if type(node) is cst.Call and "compare" in source_of(node.func).rpartition(".")[2]:
        return [argument.value for argument in node.args]
    return [node]


def _field(node: cst.BaseExpression) -> str:
    """The last name of `row.status`, `row["status"]` and `row.get("status")`, or the name of a variable; "" for anything else."""
    if type(node) is cst.Attribute:
        return node.attr.value
    if type(node) is cst.Name:
        return node.value
    text = source_of(node) if isinstance(node, (cst.Subscript, cst.Call)) else ""
    found = _LAST_FIELD.search(text)
    return found[1] if found is not None else ""


_PLACED = expression(r"\[(\d)\]$")
_LAST_FIELD = expression(r"""(?:\[|\.get\()["'](\w+)["'](?:\]|\)|,[^()]*\))$""")

_VERSION = expression(r"(^|_)(version|revision|rev|etag|generation|lock_version|row_version)(_|$)", re.IGNORECASE)


def _version(node: cst.BaseExpression) -> str:
    """The name of a compared version; that names mean versions is documented with the rule."""
    if type(node) is cst.Attribute:
        name = node.attr.value
    elif type(node) is cst.Subscript:
        name = source_of(node).rpartition("[")[2].strip("]\"'")
    elif type(node) is cst.Name:
        name = node.value
    elif type(node) is cst.Call and node.args:
        return _version(node.args[0].value) or (_version(node.func) if type(node.func) is cst.Attribute else "")
    else:
        return ""
    return name if _VERSION.search(name) else ""


def _vaguely(control: Control, sense: Sense) -> Control:
    """One of several tests decided; which one is not known."""
    return frozenset((number, sense) for number, _ in control)


def _each(stems: Ids, sense: Sense) -> Control:
    return frozenset((number, sense) for number in stems)


def says(true: Control, false: Control) -> tuple[tuple[str, Value], ...]:
    """The parts of a truth value that say what was found missing, or there, if it holds; none if the opposite need not be so if not."""
    missing = frozenset(number for number, sense in true if sense is Sense.ABSENT)
    there = frozenset(number for number, sense in true if sense is Sense.PRESENT)
    if not missing | there or _each(missing, Sense.PRESENT) | _each(there, Sense.ABSENT) != false:
        return ()
    return (MISSING_IF, Value(missing)), (THERE_IF, Value(there))


def _senses(value: Value, sense: Sense) -> Control:
    vague = Sense.OTHER if sense in (Sense.PRESENT, Sense.OTHER) else Sense.OTHERWISE
    return frozenset((number, sense if number == value.via else vague) for number in value.stems)


def _of_counted(value: Value) -> Value:
    """The number of a collection's elements as a test of the collection: of nothing, or of something."""
    collection = value.part(COUNTED)
    return value if collection is None or value.via is not None else replace(value, via=collection.via)


def _with_none(node: cst.Comparison) -> bool:
    """Whether it is only asked whether there is anything: `cache.get("version") is None`."""
    sides = (node.left, node.comparisons[0].comparator)
    return len(node.comparisons) == 1 and any(type(side) is cst.Name and side.value == "None" for side in sides)


def _is_equality(node: cst.Comparison) -> bool:
    """Whether a value is compared with one that may be one's own, not with nothing: `holder == token`."""
    return not _with_none(node) and isinstance(
        node.comparisons[0].operator, (cst.Equal, cst.NotEqual, cst.In, cst.NotIn)
    )


def _is_nothing(node: cst.BaseExpression) -> bool:
    if type(node) is cst.Name:
        return node.value in ("None", "False")
    if isinstance(node, (cst.Dict, cst.List)):
        return not node.elements
    return type(node) is cst.Integer and node.value == "0"
