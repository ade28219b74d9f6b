"""Our dataclasses are what `dataclasses` makes, as far as we use them."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from racelint import frozen


def classes(dataclass: Callable[..., Any], field: Callable[..., Any]) -> tuple[Any, Any]:
    """A class and one that is derived from it, each as `dataclass` makes it."""

    @dataclass(frozen=True, slots=True)
    class Point:
        """Somewhere."""

        x: int
        y: int = 2
        notes: list[str] = field(default_factory=list)

        @property
        def total(self) -> int:
            return self.x + self.y

    @dataclass(frozen=True, slots=True)
    class Named(Point):
        """Somewhere that has a name."""

        name: str = ""

    return Point, Named


OURS = classes(frozen.dataclass, frozen.field)
THEIRS = classes(dataclasses.dataclass, dataclasses.field)


@pytest.mark.parametrize("number", [0, 1])
def test_a_class_is_as_theirs(number: int) -> None:
    """Its values are filled, compared, shown and described alike."""
    ours, theirs = OURS[number], THEIRS[number]
    for arguments, named in (((1,), {}), ((1, 3), {}), ((), {"x": 1, "notes": ["a"]})):
        one, other = ours(*arguments, **named), theirs(*arguments, **named)
        assert repr(one).replace("ours", "theirs") == repr(other)
        assert dataclasses.asdict(one) == dataclasses.asdict(other)
        assert one == ours(*arguments, **named) != ours(7)
        assert one.total == other.total
        assert not hasattr(one, "__dict__")
        assert copy.deepcopy(one) == one
        assert frozen.replace(one, x=9) == dataclasses.replace(one, x=9) == ours(9, one.y, one.notes)
    assert ours(1).notes is not ours(1).notes
    assert frozen.names_of(ours) == ours.__match_args__ == theirs.__match_args__
    assert [f.type for f in dataclasses.fields(ours)] == [f.type for f in dataclasses.fields(theirs)]
    assert ours.__doc__ == theirs.__doc__
    for wrong in ((), (1, 2, [], "", 5)):
        with pytest.raises(TypeError, match="__init__"):
            ours(*wrong)


def test_values_can_be_keys_unless_they_change() -> None:
    """As of `dataclasses`: only what is frozen has a hash."""
    point, named = OURS
    assert hash(point(1, 2, ())) == hash(point(1, 2, ()))
    assert point(1) != named(1)

    @frozen.dataclass(slots=True)
    class Counter:
        total: int = 0

    assert Counter() == Counter(0)
    with pytest.raises(TypeError, match="unhashable"):
        hash(Counter())


def test_values_go_from_process_to_process() -> None:
    """A finding is handed over by whoever found it."""
    from racelint.finding import Span

    assert pickle.loads(pickle.dumps(Span(1, 2, 3, 4))) == Span(1, 2, 3, 4)


def test_what_others_make_is_replaced_by_them() -> None:
    """`replace` takes values of any dataclass."""
    assert frozen.replace(THEIRS[0](1), y=5).y == 5
    assert frozen.names_of(int) == ()
