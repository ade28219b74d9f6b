"""Names, attributes and subscripts: which of them are shared state, and what is known of the others."""

from __future__ import annotations

import libcst as cst

from racelint.events import (
    NO_IDS,
    Ids,
    Kind,
    Op,
    Resource,
    Shape,
    Value,
)
from racelint.facts.source_text import SETTER
from racelint.flow.elements import attribute_of_element, name_picked
from racelint.flow.free_paths import name_free_path
from racelint.flow.recording import Recorder
from racelint.flow.resources import (
    attribute_resource,
    captured_resource,
    changed_by_others,
    global_resource,
    item_of,
    part_of,
)
from racelint.flow.summaries import source_of
from racelint.frozen import replace
from racelint.grafts import is_grafted
from racelint.resolve import is_model_class
from racelint.words import of_application

SHOWN = "shown"
"""The part of a new object that says that others can reach it."""

OWN_TO_THREAD = frozenset(
    {"threading.local", "_thread._local", "gevent.local.local", "werkzeug.local.Local", "flask.g", "quart.g"}
)
"""Types, and the objects of libraries, which have attributes of their own in each thread or request: anything may be in them."""


OWN_CLASS = ("self.__class__", "type(self)")
"""How a method writes the class of its object: what all objects share is shown, and known, by the name of the class."""


class Names(Recorder):
    """Walks what expressions name."""

    key_stems: Ids = NO_IDS

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
            if changed_by_others(self.scope, name) or type_name.startswith(":") or type_name.endswith(".Event"):
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
            return self._column(base.row, attr, text, node)
        if attr == "__class__" and base.type.startswith("self:") and not self.scope.is_mapped(base.type[5:]):
            return Value(type=f"type[:{base.type[5:]}]", text=text)
        resource, type_name = self.resource_of(base, attr, text)
        if type_name.startswith("property:"):
            value = self.inline(type_name[9:], [base], {}, node)
            return value if value is not None else Value(base.stems, text=text)
        if resource is not None:
            if self._is_constant(resource):  # what it was set to here is what it holds
                kept = self.state.env.get(text) or Value()
                return Value(kept.stems, ref=resource, type=type_name, text=text, opaque=kept.opaque)
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
        if base.type and not base.type.startswith((":", "def:", "type[")) and base.type not in OWN_TO_THREAD:
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
                    if scope.method(owner, attr + SETTER) is None:  # what can be set is as good as an attribute
                        return None, f"property:{method.qualname}"
                else:
                    return None, f"def:{method.qualname}"
            if f"{owner}.{attr}" in scope.classes:
                return None, f"type[:{owner}.{attr}]"
            if base.text in OWN_CLASS:
                text = f"{owner}.{attr}"
            return attribute_resource(scope, owner, attr, text), scope.attribute_type(owner, attr)
        if base.type.startswith(":"):
            owner = base.type[1:]
            method = scope.method(owner, attr)
            if method is not None:
                if any(d.rpartition(".")[2] == "property" for d in method.decorators):
                    if scope.method(owner, attr + SETTER) is None:
                        return None, f"property:{method.qualname}"
                else:
                    return None, f"def:{method.qualname}"
            type_name = scope.attribute_type(owner, attr)
            if base.ref is not None:
                return part_of(base, attr, text), type_name
            if base.shape is Shape.NEW and base.part(SHOWN) is None:
                return None, ""
            if base.text:
                return Resource(Kind.ARGUMENT, owner, attr, text), type_name
            return None, ""
        if base.ref is not None:
            member = f"{base.type}.{attr}"
            return part_of(base, attr, text), member if member in self.models.functions else ""
        if (not base.type and self.program.maps_rows and base.text in self.function.local_names) or (
            base.text in self._parameters
            and (not base.type or self._annotated_as_row(base.type) or of_application(f"{base.text}.{attr}"))
        ):
            return Resource(Kind.ARGUMENT, f"?{self.function.qualname}", f"{base.text}.{attr}", text), ""
        if not base.type and base.via is not None and self._is_held_row(base):
            return Resource(Kind.ARGUMENT, f"?{self.function.qualname}", f"{base.text}.{attr}", text), ""
        return (attribute_of_element(base, attr, text) if base.known else None), ""

    def _is_held_row(self, base: Value) -> bool:
        """Whether the value is what a column of a row gives in Django: `line.product`, mostly a row of another table."""
        holder = self.state.env.get(base.text.partition(".")[0])
        return (
            base.text.count(".") == 1
            and base.text.replace(".", "_").isidentifier()
            and holder is not None
            and holder.row is not None
            and "django" in self.libraries
        )

    def _annotated_as_row(self, type_name: str) -> bool:
        """Whether an argument's annotation names a class of the project's models, whose code is not seen."""
        return self.program.maps_rows and is_model_class(type_name)

    @property
    def _parameters(self) -> set[str]:
        return {name for name, _ in self.function.params}

    def _column(self, index: int, attr: str, text: str, node: cst.CSTNode) -> Value:
        """What a column of a row holds."""
        row = self.rows[index]
        set_here = self.state.written.get(index, {}).get(attr)
        if set_here is not None and (index, attr) not in self.state.unsure:  # no longer what was loaded
            return Value(set_here, text=text)
        column = Resource(Kind.ROW, row.model or row.name, attr, text)
        number = self.emit(Op.READ, column, node, Value(row=index), "unsure" if set_here is not None else "")
        stems = {number, *((row.loaded,) if row.loaded is not None else ()), *(set_here or ())}
        return Value(frozenset(stems), text=text, via=number)

    def column_named(self, row: int | None, key: str) -> str:
        """The column of a mapped row that a subscript names, as rows of `oslo.db` allow; "" for anything else."""
        mapped = row is not None and self.rows[row].library == "sqlalchemy"
        return key[1:-1] if mapped and key[:1] in "\"'" and key[1:-1].isidentifier() else ""

    def subscript(self, node: cst.Subscript) -> Value:
        testing, self.testing = self.testing, False
        base = self.evaluate(node.value)
        key = self.key(node)
        self.testing = testing
        return self.entry_of(base, key, node)

    def entry_of(self, base: Value, key: str, node: cst.Subscript) -> Value:
        """The value of `base[key]`."""
        if key == "0":
            self.firsts |= base.stems
        if base.row is not None and (column := self.column_named(base.row, key)):
            return self._column(base.row, column, source_of(node), node)
        if base.ref is not None:
            value = self.read(item_of(base.ref, key), node)
            return replace(value, stems=value.stems | base.stems)
        return Value(
            base.stems,
            text=source_of(node),
            known=(*(base.known if base.part("rows of") is None else ()), *_limit(base, node)),
            row=None,
            type=base.type if base.type.endswith("QuerySet") else "",
            born=base.born,
        )

    def key(self, node: cst.Subscript) -> str:
        """Walks the subscript; its source. `key_stems` are the accesses that it is computed from."""
        parts = []
        self.key_stems = NO_IDS
        for element in node.slice:
            inner = element.slice
            if type(inner) is cst.Index:
                value = self.evaluate(inner.value)
                self.key_stems |= value.stems
                parts.append(value.text or source_of(inner.value))
            elif type(inner) is cst.Slice:
                for bound in (inner.lower, inner.upper, inner.step):
                    if bound is not None:
                        self.evaluate(bound)
                parts.append(source_of(inner))
        return ", ".join(parts)

    def bind(self, name: str, value: Value) -> None:
        """Gives a local name a value."""
        if value.row is not None and not self.rows[value.row].name:
            self.rows[value.row] = replace(self.rows[value.row], name=name)
        self.rebound.update(n for n, row in enumerate(self.rows) if row.name == name and n != value.row)
        born = value.born if value.born >= 0 else self.next_id
        self.state.env[name] = replace(value, text=name, origin=value.origin or value.text, born=born)
        if value.known:
            name_picked(self, name, value)
            name_free_path(self, name, value)

    def show(self, name: str) -> None:
        """Notes that others can reach the new object that a local name stands for."""
        value = self.state.env[name]
        if value.part(SHOWN) is None:
            self.state.env[name] = replace(value, known=(*value.known, (SHOWN, Value())))

    def bind_target(self, target: cst.BaseExpression, value: Value) -> None:
        """Binds loop variables and tuple targets to parts of a value."""
        if type(target) is cst.Name:
            if target.value not in self.function.outer_names:
                self.bind(target.value, Value(value.stems, row=value.row, born=value.born))
        elif isinstance(target, (cst.Tuple, cst.List)):
            for element in target.elements:
                self.bind_target(element.value, value)


def _limit(base: Value, node: cst.Subscript) -> tuple[tuple[str, Value], ...]:
    """That some of the rows of a query set are wanted only: the first ones, in a slice."""
    inner = node.slice[0].slice
    limited = base.type.endswith("QuerySet") and type(inner) is cst.Slice and inner.upper is not None
    return (("limited", Value()),) if limited else ()
