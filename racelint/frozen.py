"""Dataclasses that are cheap to make and to fill.

`object.__setattr__`, by which a frozen dataclass fills itself, is six times as slow as a plain assignment, and flows consist of
hundreds of thousands of small values. Type checkers hold that nobody changes one; at run time nothing is in the way.

`dataclasses` takes 10 ms to import, and half a millisecond for each method of each class, which it compiles from source. Here
only `__init__` is compiled, and only when the first value is made: most runs make values of few classes. What `dataclasses`
says of such a class (`fields`, `asdict`, `replace`) it finds out when it is asked.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
    from dataclasses import field as field
    from dataclasses import replace as replace
    from functools import cached_property as cached_property
else:
    from operator import attrgetter

    class cached_property:
        """`functools.cached_property` without its lock, which up to Python 3.11 costs more than most of what is found out so."""

        def __init__(self, find):
            self.find, self.__doc__ = find, find.__doc__

        def __set_name__(self, owner, name):
            self.name = name

        def __get__(self, value, owner=None):
            if value is None:
                return self
            found = value.__dict__[self.name] = self.find(value)
            return found

    class field:
        """`dataclasses.field` with a `default_factory`."""

        def __init__(self, *, default_factory):
            self.default_factory = default_factory

    def dataclass(*, frozen=False, slots=False):
        """`dataclasses.dataclass` for classes whose fields are all parameters of `__init__`."""

        def make(cls):
            own = tuple(name for name, kind in cls.__annotations__.items() if not str(kind).startswith("ClassVar"))
            above = next((base for base in cls.__mro__[1:] if base in _FIELDS), None)
            names = own if above is None else (*above.__match_args__, *own)
            body = {name: value for name, value in cls.__dict__.items() if name not in ("__dict__", "__weakref__")}
            given = {name: body.pop(name) for name in own if name in body}
            if above is not None:
                given = {**above.__dict__["__dataclass_fields__"].given, **given}
            values = attrgetter(*names) if len(names) > 1 else lambda value: (getattr(value, names[0]),)

            def equal(self, other):
                return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

            def hashed(self):
                return hash(values(self))

            def shown(self):
                fields = ", ".join(f"{name}={value!r}" for name, value in zip(names, values(self), strict=True))
                return f"{type(self).__qualname__}({fields})"

            def first(self, *arguments, **named):
                new.__init__ = _init(new, names, given)
                new.__init__(self, *arguments, **named)

            body["__init__"] = first
            body.setdefault("__eq__", equal)
            body["__hash__"] = hashed if frozen else None
            body.setdefault("__repr__", shown)
            if slots:
                body["__slots__"] = own
            body["__match_args__"] = names
            body["__dataclass_fields__"] = _Described(names, given)
            new = type(cls)(cls.__name__, cls.__bases__, body)
            new.__qualname__ = cls.__qualname__
            _FIELDS[new] = values
            return new

        return make

    def _init(cls, names, given):
        """The `__init__` of a class with these fields and defaults."""
        known, parameters, lines = {}, ["self"], []
        for name in names:
            default = given.get(name, given)
            if default is given:
                parameters.append(name)
            else:
                parameters.append(f"{name}=_{name}")
                known[f"_{name}"] = default
            if isinstance(default, field):
                known[f"_make_{name}"] = default.default_factory
                lines.append(f"    if {name} is _{name}: {name} = _make_{name}()")
            lines.append(f"    self.{name} = {name}")
        source = f"def __init__({', '.join(parameters)}):\n" + "\n".join(lines)
        made = {}
        exec(source, known, made)  # noqa: S102 - names and nothing else, which are those of the annotations
        made["__init__"].__qualname__ = f"{cls.__qualname__}.__init__"
        return made["__init__"]

    class _Described:
        """The fields of a class as `dataclasses` describes them."""

        def __init__(self, names, given):
            self.given = given
            self._names = names
            self._made = None

        def __get__(self, value, cls):
            if self._made is None:
                import dataclasses  # takes longer than many a run

                given = {
                    name: dataclasses.field(default_factory=one.default_factory) if isinstance(one, field) else one
                    for name, one in self.given.items()
                }
                kinds = {
                    name: kind
                    for one in cls.__mro__[::-1]
                    for name, kind in getattr(one, "__annotations__", {}).items()
                }
                kinds = {name: kinds[name] for name in self._names}
                body = {"__annotations__": kinds, "__module__": cls.__module__, **given}
                self._made = dataclasses.dataclass(type(cls.__name__, (), body)).__dataclass_fields__
            return self._made

    def replace(value, /, **changes):
        """As `dataclasses.replace`."""
        cls = type(value)
        fields = _FIELDS.get(cls)
        if fields is None:
            import dataclasses

            return dataclasses.replace(value, **changes)
        copy = cls(*fields(value))
        for name, change in changes.items():
            setattr(copy, name, change)
        return copy

    _FIELDS = {}


def names_of(kind: type) -> tuple[str, ...]:
    """The names of the fields of a class, in their order; none if it is not made here."""
    names: tuple[str, ...] = kind.__dict__.get("__match_args__", ())
    return names
