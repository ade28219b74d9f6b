"""Frozen dataclasses that are cheap to make.

`object.__setattr__`, by which a frozen dataclass fills itself, is six times as slow as a plain assignment, and flows consist of
hundreds of thousands of small values. Type checkers hold that nobody changes one; at run time nothing is in the way.
"""

from __future__ import annotations

import dataclasses
from operator import attrgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
    from dataclasses import replace as replace
else:

    def dataclass(*, frozen, slots):
        """`dataclasses.dataclass` for classes whose fields are all parameters of `__init__` and that are not derived from.

        Only `__init__` is made by compiling source, which takes half a millisecond for each method of each class.
        """

        def make(cls):
            cls = dataclasses.dataclass(slots=slots, eq=False, repr=False)(cls)
            names = tuple(field.name for field in dataclasses.fields(cls))
            values = _FIELDS[cls] = attrgetter(*names) if len(names) > 1 else lambda value: (getattr(value, names[0]),)

            def equal(self, other):
                return values(self) == values(other) if other.__class__ is cls else NotImplemented

            def hashed(self):
                return hash(values(self))

            def shown(self):
                return (
                    f"{cls.__qualname__}({', '.join(f'{n}={v!r}' for n, v in zip(names, values(self), strict=True))})"
                )

            cls.__eq__, cls.__hash__ = equal, hashed
            if cls.__repr__ is object.__repr__:
                cls.__repr__ = shown
            return cls

        return make

    def replace(value, /, **changes):
        """As `dataclasses.replace`."""
        cls = type(value)
        fields = _FIELDS.get(cls)
        if fields is None:
            return dataclasses.replace(value, **changes)
        copy = cls(*fields(value))
        for name, change in changes.items():
            setattr(copy, name, change)
        return copy

    _FIELDS = {}
