"""Classes of which one object lives as long as an application: it keeps it, or a cached function gives it to whoever asks."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.expressions import expression
from racelint.facts import FunctionFacts, ModuleFacts, Write
from racelint.words import first_word

OF_APPLICATIONS = frozenset("fastapi starlette aiohttp sanic quart litestar blacksheep robyn".split())
"""What a module imports that makes an application whose handlers are coroutines."""

APPLICATION = frozenset({"app", "application"})
"""How an application is called."""

_APPLICATIONS = frozenset({"FastAPI", "Starlette", "Application", "Quart", "Sanic", "Litestar", "Robyn"})
"""Last names of their classes."""

_ON_APPLICATION = expression(r"(^|\.)(app|application)\.((state|ctx)\.)?\w+$")
"""An attribute of an application, or of what it has for that."""

IN_APPLICATION = expression(r"(^|\.)(app|application)(\.state|\.ctx)?(\.\w+)?\.\w+$")
"""A method of an object that an application keeps, as facts write it: `request.app["desk"].book` is `request.app.book`."""

_CACHES = frozenset({"cache", "lru_cache"})
_MAKES = frozenset({"create", "make", "build", "from", "new", "open", "connect"})
"""First words of class methods that make an object."""


def kept_by_application(module: ModuleFacts) -> Iterator[str]:
    """The dotted sources of what is called to make objects that an application keeps, or that a cached function without arguments
    makes once; the class of a class method, too."""
    if not any(origin.partition(".")[0] in OF_APPLICATIONS for _, origin in module.imports):
        return
    assigned = dict(module.assigned)
    for function in (*module.functions, module.module_body):
        if not function.params and any(d.rpartition(".")[2] in _CACHES for d in function.decorators):
            for call in function.calls:
                yield from _makers(call.callee)
        for write in function.writes:
            if write.built_from and _is_on_application(write, function, assigned):
                yield from _makers(write.built_from)
                yield from (
                    made for name, built in function.locals_built if name == write.built_from for made in _makers(built)
                )


def _makers(built: str) -> Iterator[str]:
    yield built
    holder, _, method = built.rpartition(".")
    if holder and first_word(method) in _MAKES:
        yield holder


def _is_on_application(write: Write, function: FunctionFacts, assigned: dict[str, str]) -> bool:
    """Whether what is written is kept by an application: `app["desk"] = …`, `app.state.desk = …`, whatever it is called."""
    root, _, rest = write.path.partition(".")
    made = assigned.get(root, "") or next((built for name, built in function.locals_built if name == root), "")
    if made.rpartition(".")[2] in _APPLICATIONS:
        return write.how == "[]" or (write.how == "=" and rest.startswith(("state.", "ctx.")))
    last = write.path.rpartition(".")[2]
    return (write.how == "[]" and last in APPLICATION) or (
        write.how == "=" and _ON_APPLICATION.search(write.path) is not None
    )
