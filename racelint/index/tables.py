"""The names of one module, as lookups."""

from __future__ import annotations

from racelint.facts import ClassFacts, FunctionFacts, ModuleFacts
from racelint.frozen import cached_property


class Table:
    """One module's facts by name; each lookup is built when it is first asked for."""

    def __init__(self, facts: ModuleFacts) -> None:
        self.facts = facts

    @cached_property
    def imports(self) -> dict[str, str]:
        """Local names with their dotted origins."""
        return dict(self.facts.imports)

    @cached_property
    def stars(self) -> list[str]:
        """Dotted names of modules whose names are all imported."""
        return [origin.removesuffix(".*") for name, origin in self.facts.imports if name == "*"]

    @cached_property
    def assigned(self) -> dict[str, str]:
        """Module-level names with what they are built from."""
        return dict(self.facts.assigned)

    @cached_property
    def annotations(self) -> dict[str, str]:
        """Names that stand for annotations, with the class that each names."""
        return dict(self.facts.annotations)

    @cached_property
    def classes(self) -> dict[str, ClassFacts]:
        """By qualified name."""
        return {class_.qualname: class_ for class_ in self.facts.classes}

    @cached_property
    def functions(self) -> dict[str, FunctionFacts]:
        """By qualified name."""
        return {function.qualname: function for function in self.facts.functions}

    @cached_property
    def methods(self) -> dict[str, dict[str, FunctionFacts]]:
        """By class and name."""
        found: dict[str, dict[str, FunctionFacts]] = {}
        for function in self.facts.functions:
            if function.owner:
                found.setdefault(function.owner, {})[function.name] = function
        return found

    @cached_property
    def names(self) -> frozenset[str]:
        """All names at the top of the module."""
        own = {name for name in (*self.classes, *self.functions) if "." not in name}
        return frozenset(own | set(self.assigned) | set(self.imports)) - {"*"}

    def defines(self, name: str) -> bool:
        """Whether the module itself makes something of that name at its top."""
        return name in self.classes or name in self.functions or name in self.assigned or name in self.annotations

    def attribute_sources(self, owner: str, attribute: str) -> list[str]:
        """What `self.attribute` is built from, as written: class names of constructors and annotations."""
        found: list[str] = []
        class_ = self.classes.get(owner)
        if class_ is not None:
            found.extend(built for name, built in class_.attributes if name == attribute)
        for method in self.methods.get(owner, {}).values():
            if not method.params:
                continue
            path = f"{method.params[0][0]}.{attribute}"
            for write in method.writes:
                if write.path == path and write.how == "=" and write.built_from:
                    annotation = dict(method.params).get(write.built_from, "")
                    found.append(annotation or write.built_from)
        return found
