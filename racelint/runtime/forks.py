"""What a forked child must not inherit: locks that a thread of the parent holds, connections that the parent goes on using."""

import os
from typing import Protocol
from weakref import WeakSet


class Renewable(Protocol):
    """An object that can put itself into the state that a new process needs."""

    def renew(self) -> None:
        """Called in a child, right after the fork, while no other thread runs."""


_renewables: "WeakSet[Renewable]" = WeakSet()


def renew_after_fork(thing: Renewable) -> None:
    """Call `thing.renew()` in every child that is forked while it lives."""
    _renewables.add(thing)


def _renew_all() -> None:
    for thing in list(_renewables):
        thing.renew()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_renew_all)
