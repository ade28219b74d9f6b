"""Who changes the attributes of the classes of one module, and its globals."""

from __future__ import annotations

from racelint.facts import FunctionFacts, Write
from racelint.facts.data import MUTATORS
from racelint.frozen import cached_property
from racelint.resolve.lineages import Lineages
from racelint.resolve.names import enclosing_self

LOSING = frozenset(
    {"weakref.WeakValueDictionary", "cachetools.TTLCache", "cachetools.TLRUCache", "expiringdict.ExpiringDict"}
)
"""Mappings whose entries go by themselves: with the last use of what they hold, or when their time is over."""

DEFAULTING = frozenset({"defaultdict", "collections.defaultdict"})
"""Dictionaries that make the entries which they lack."""


class Changes(Lineages):
    """What changes in one module."""

    def defining_class(self, qualname: str, attribute: str) -> str:
        """The highest class of the lineage in this module that mentions the attribute: subclasses share its state."""
        known = self._defining.get((qualname, attribute))
        if known is not None:
            return known
        best = qualname
        for class_ in self.lineage(qualname):
            if any(name == attribute for name, _ in class_.attributes) or self._writes_attribute(
                class_.qualname, attribute
            ):
                best = class_.qualname
        self._defining[qualname, attribute] = best
        return best

    @cached_property
    def _defining(self) -> dict[tuple[str, str], str]:
        return {}

    @cached_property
    def _attribute_writers(self) -> dict[tuple[str, str], list[tuple[FunctionFacts, Write]]]:
        found: dict[tuple[str, str], list[tuple[FunctionFacts, Write]]] = {}
        for function in self.every_function:
            owner, first = enclosing_self(function, self)
            if not owner:
                continue
            for write in function.writes:
                name, _, path = write.path.partition(".")
                if (
                    path
                    and path.count(".") < 3
                    and name in (first, "cls", owner.rpartition(".")[2].rpartition("::")[2])
                ):
                    found.setdefault((owner, path), []).append((function, write))
        return found

    def _writes_attribute(self, qualname: str, attribute: str) -> bool:
        return (qualname, attribute) in self._attribute_writers

    def vanishes(self, qualname: str, attribute: str) -> bool:
        """Whether the attribute is set to nothing, deleted, or has entries taken out of it, anywhere in the module."""
        key = (qualname, attribute)
        if key not in self._vanishing:
            family = self.family(qualname)
            self._vanishing[key] = attribute in self.set_on_others or any(
                owner in family and path.partition(".")[0] == attribute and any(_takes_away(w) for _, w in writes)
                for (owner, path), writes in self._attribute_writers.items()
            )
        return self._vanishing[key]

    @cached_property
    def _vanishing(self) -> dict[tuple[str, str], bool]:
        return {}

    @cached_property
    def vanishing_globals(self) -> frozenset[str]:
        """Module names that functions set to nothing or take entries out of."""
        return frozenset(
            w.path.partition(".")[0]
            for f in self.facts.functions
            for w in f.writes
            if _takes_away(w)
            and w.path.partition(".")[0] in self.module_names
            and w.path.partition(".")[0] not in f.local_names
        )

    @cached_property
    def changed_by_local_names(self) -> frozenset[str]:
        """Module names of which functions change an entry that they hold by a local name (`room = ROOMS[n]`, `room["seats"] -= 1`), at once
        (`ROOMS[n].append(guest)`), or by a look at what is not there yet."""
        found: set[str] = set()
        for function in self.facts.functions:
            changed = {
                w.path.partition(".")[0] for w in function.writes if "." in w.path or w.how not in ("=", "+=", "del")
            }
            found.update(
                built.partition(".")[0]
                for name, built in function.locals_built
                if name in changed and built.endswith(".get")
            )
            found.update(
                path
                for call in function.calls
                for path, _, method in (call.callee.partition("."),)
                if method in MUTATORS and path not in function.local_names  # of an entry, as facts leave subscripts out
            )
        found.update(w.path for w in self.facts.module_body.writes if w.built_from in DEFAULTING)
        return frozenset(found & self.module_names)

    @cached_property
    def core_tables(self) -> frozenset[str]:
        """Paths whose columns are asked for as `jobs.c.id`: SQLAlchemy's tables, wherever they are made."""
        paths = (p for f in self.every_function for p in (*f.reads, *(call.callee for call in f.calls)))
        return frozenset(p.partition(".c.")[0].removesuffix(".c") for p in paths if p.endswith(".c") or ".c." in p)

    def in_construction(self, function: FunctionFacts, write: Write) -> bool:
        """Whether a constructor gives its own new object the attribute, which nobody else can reach yet."""
        if function.name not in CONSTRUCTORS or function.name in ("__new__", "__init_subclass__"):
            return False
        root, _, path = write.path.partition(".")
        if not function.params or root != function.params[0][0]:
            return False
        name = path.partition(".")[0]
        return not any(
            attribute == name for class_ in self.lineage(function.owner) for attribute, _ in class_.attributes
        )

    def changes_attribute(self, qualname: str, attribute: str) -> bool:
        """Whether the attribute, or a part of the object it holds, is changed after construction anywhere in the module."""
        key = (qualname, attribute)
        if key not in self._changes:
            family = self.family(qualname)
            self._changes[key] = (
                any(
                    owner in family
                    and path.partition(".")[0] == attribute
                    and any(not self.in_construction(function, write) for function, write in writes)
                    for (owner, path), writes in self._attribute_writers.items()
                )
                or attribute in self.set_on_others
            )
        return self._changes[key]

    @cached_property
    def _changes(self) -> dict[tuple[str, str], bool]:
        return {}

    @cached_property
    def set_on_others(self) -> frozenset[str]:
        """Attributes of objects other than `self` that are assigned anywhere in the module."""
        found: set[str] = set()
        for function in self.every_function:
            _, first = enclosing_self(function, self)
            for write in function.writes:
                name, _, path = write.path.partition(".")
                if path and name != first:
                    found.add(path.partition(".")[0])
                elif path.count(".") == 1:  # of an object that the own one holds: `self.stats.count += 1`
                    found.add(path.rpartition(".")[2])
        return frozenset(found)

    @cached_property
    def held_by_all(self) -> frozenset[str]:
        """The names of the collections that bodies of classes make and that no object is given one of its own for."""
        made = frozenset().union(*(class_.held_by_all for class_ in self.classes.values()))
        if not made:
            return made
        given = {
            attribute
            for function in self.every_function
            for write in function.writes
            for holder, _, attribute in (write.path.rpartition("."),)
            if write.how == "=" and holder != "cls" and holder not in self.classes
        }
        return made - given

    def is_held_by_all(self, qualname: str, attribute: str) -> bool:
        """Whether all objects of a class share the collection in the attribute."""
        if attribute not in self.held_by_all:
            return False
        return any(attribute in class_.held_by_all for class_ in self.lineage(qualname))

    def family(self, qualname: str) -> frozenset[str]:
        """The class with its bases and subclasses, as far as this module defines them."""
        if qualname not in self._families:
            bases = (c.qualname for c in self.lineage(qualname))
            self._families[qualname] = frozenset(bases).union(self._subclasses.get(qualname, ()))
        return self._families[qualname]

    @cached_property
    def _families(self) -> dict[str, frozenset[str]]:
        return {}

    @cached_property
    def _subclasses(self) -> dict[str, list[str]]:
        """The classes in whose lineage a class is: looked for once, as generated modules have thousands."""
        found: dict[str, list[str]] = {}
        for class_ in self.classes.values():
            for base in self.lineage(class_.qualname):
                found.setdefault(base.qualname, []).append(class_.qualname)
        return found

    def attribute_writes(self, qualname: str, attribute: str) -> list[tuple[FunctionFacts, Write]]:
        """Every write of `self.attribute` in the class, its bases and its subclasses in this module."""
        found: list[tuple[FunctionFacts, Write]] = []
        for name in sorted(self.family(qualname)):
            found.extend(self._attribute_writers.get((name, attribute), ()))
        return found


CONSTRUCTORS = frozenset({"__init__", "__new__", "__post_init__", "__init_subclass__", "setUp", "asyncSetUp"})


def _takes_away(write: Write) -> bool:
    return write.shape in ("none", "false", "empty") or write.how in TAKES


TAKES = frozenset("del del[] pop popitem popleft clear remove discard get_nowait".split())
"""Ways to change a collection or name after which something is no longer there."""
