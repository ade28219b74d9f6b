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
        """`dataclasses.dataclass` for classes of several fields, all of them parameters of `__init__`, that are not derived from."""
        made = dataclasses.dataclass(slots=slots, unsafe_hash=frozen)

        def make(cls):
            cls = made(cls)
            _FIELDS[cls] = attrgetter(*(field.name for field in dataclasses.fields(cls)))
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
