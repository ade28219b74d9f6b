"""libcst in a process that is racelint's own: imported in half of the time, and its nodes made in less.

Half of its import is spent on compiling methods for some 170 frozen dataclasses, of which a file's code has a quarter: an
`__init__` each, what keeps a frozen value from being changed, and a `__repr__` and `__eq__` that are thrown away at once, as
nodes have their own. While libcst is imported `dataclass` is another one for its nodes: it compiles no more than the `__init__`,
and that when the first node is made. `libcst.metadata`, of which we use nothing, is read when something of it is asked for.

Nodes are then as changeable as other objects, so this is not done in a process that others share, such as that of flake8; type
checkers hold that nobody changes one.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.abc import Loader
    from importlib.machinery import ModuleSpec
    from types import ModuleType

UNUSED = "libcst.metadata"

_ours = False


def claim_process() -> None:
    """Says that racelint is the only user of libcst in this process."""
    global _ours
    _ours = True


def import_libcst() -> None:
    """Imports libcst, in the cheaper way where that may be."""
    if not _ours or "libcst" in sys.modules:
        return
    import dataclasses

    usual, postponing = dataclasses.dataclass, _Postponing()

    def dataclass(cls: type | None = None, /, **options: Any) -> Any:
        if cls is None:
            return lambda cls: dataclass(cls, **options)
        if not cls.__module__.startswith("libcst._nodes.") or "__init__" in cls.__dict__ or options != {"frozen": True}:
            return usual(cls, **options)
        return _lazily_filled(cls, usual)

    setattr(dataclasses, "dataclass", dataclass)  # noqa: B010 - a type checker knows functions as constant
    sys.meta_path.insert(0, postponing)
    try:
        import libcst  # noqa: F401
    finally:
        sys.meta_path.remove(postponing)
        setattr(dataclasses, "dataclass", usual)  # noqa: B010


def _lazily_filled(cls: type, dataclass: Any) -> Any:
    """A class as `dataclass` makes it, but for its `__init__`, which is made when it is called first."""
    given = {name: value for name, value in cls.__dict__.items() if name not in ("__dict__", "__weakref__")}

    def first(self: Any, *arguments: Any, **named: Any) -> None:
        made = dataclass(type(cls)(cls.__name__, cls.__bases__, given), eq=False, repr=False).__init__
        for one in type(self).__mro__:
            if one.__dict__.get("__init__") is first:
                setattr(one, "__init__", made)  # noqa: B010
        made(self, *arguments, **named)

    made = dataclass(cls, init=False, eq=False, repr=False)
    made.__init__ = first
    return made


class _Postponing:
    """Finds the package that nobody uses as it would be found, and has it read when an attribute of it is asked for.

    `importlib.util.LazyLoader` reads a package as soon as a module in it is imported, and libcst imports two.
    """

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """What the import system asks for."""
        from importlib.machinery import PathFinder

        spec = PathFinder.find_spec(name, path, target) if name == UNUSED else None
        if spec is not None and spec.loader is not None:
            spec.loader = cast("Loader", _Later(spec.loader))
        return spec


class _Later:
    """A loader that fills the module when it is first asked for something."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """As the loader would."""
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Leaves the module empty."""

        def filled(name: str) -> Any:
            if name.startswith("__"):
                raise AttributeError(name)
            module.__dict__.pop("__getattr__", None)
            self._loader.exec_module(module)
            return getattr(module, name)

        module.__dict__["__getattr__"] = filled
