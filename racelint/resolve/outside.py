"""Classes of installed packages, which are read, never imported or run."""

from __future__ import annotations

from functools import cache


@cache
def outside_bases(origin: str) -> frozenset[str]:
    """Dotted names of all bases of a class of an installed package, read with astroid; nothing is imported or run.

    Asked only where it decides whether a class is mapped and the project itself does not say. Empty if the package is not
    there, is compiled, or more than `MOST_OUTSIDE` classes were asked for.
    """
    global _asked
    module, dot, name = origin.rpartition(".")
    if not dot or _asked >= MOST_OUTSIDE:
        return frozenset()
    _asked += 1
    import astroid  # type: ignore[import-untyped]

    try:
        found = astroid.MANAGER.ast_from_module_name(module).getattr(name)[0]
        if not isinstance(found, astroid.nodes.ClassDef):
            return frozenset()
        return frozenset(base.qname() for base in found.ancestors())
    except (astroid.AstroidError, ImportError, SyntaxError, RecursionError, ValueError, OSError):
        return frozenset()


MOST_OUTSIDE = 20
"""Classes of installed packages that are looked up in one run: each may cost up to a second, with what it is derived from."""
_asked = 0
