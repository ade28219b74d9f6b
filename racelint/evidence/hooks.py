"""Methods of one object that are called one after the other for each job, and what the first keeps in the object for the second.

`__enter__` and `__exit__` of an object by which a function is decorated, and the hooks of a middleware: other jobs come in between.
"""

from __future__ import annotations

from collections.abc import Iterator

from racelint.evidence.data import Evidence, Root
from racelint.evidence.overlap import Concurrency
from racelint.facts import FunctionFacts, Write
from racelint.finding import Confidence
from racelint.resolve import enclosing_self
from racelint.words import BEFORE

PAIRS = {
    "__exit__": ("__enter__",),
    "process_response": ("process_request", "process_view"),
    "process_exception": ("process_request", "process_view"),
    "process_template_response": ("process_request", "process_view"),
}
"""By hook those that run before it for the same job."""
_FIXED = frozenset(["none", "false", "true", "empty", "constant"])
"""Shapes of values that are the same for each job."""
_OWN_EACH = ("threading.local", "gevent.local.local", "werkzeug.local.Local", "asgiref.local.Local")
"""Bases whose objects have attributes of their own for each thread."""


def kept_for_later(concurrency: Concurrency, function: FunctionFacts) -> Iterator[tuple[str, FunctionFacts, Evidence]]:
    """The attributes (`self.start`) that a hook reads and an earlier one sets for each job, with why jobs come in between.

    What the base gives that is entered itself is looked after by the base.
    """
    if not function.owner or not function.params:
        return
    earlier = PAIRS.get(function.name) or _named_before(function.name)
    brought = not earlier
    earlier = earlier or _of_requests(concurrency, function)
    if (
        not earlier
        or function.is_async
        or any(base in _OWN_EACH for base in concurrency.scope.base_names(function.owner))
    ):
        return
    own = function.params[0][0]
    evidence: Evidence | None = None
    for name in earlier:
        opener = concurrency.scope.method(function.owner, name)
        if opener is None or opener.is_async or not opener.params or opener.params[0][0] != own:
            continue
        for write in opener.writes:
            if (
                write.how != "="
                or write.shape in _FIXED
                or write.path not in function.reads
                or write.path.partition(".")[0] != own
                or any(map(concurrency.scope.is_lock, write.within))
                or write.built_from == f"super.{name}"
                or (brought and not _brought(write, opener))
            ):
                continue
            evidence = evidence or _shared(concurrency, function, opener)
            if evidence is None:
                return
            yield write.path, opener, evidence


def _of_requests(concurrency: Concurrency, function: FunctionFacts) -> tuple[str, ...]:
    """The names of methods by which the object, which all requests share, keeps what a request brings, if the function answers one, too."""
    if function.name.startswith("_") or _answers(concurrency, function) is None:
        return ()
    own = f"{function.params[0][0]}."
    looked_at = {path for path in function.reads if path.startswith(own)}
    looked_at -= {write.path for write in function.writes}
    return tuple(
        method.name
        for class_ in concurrency.scope.lineage(function.owner)
        for method in (concurrency.scope.methods.get(class_.qualname, {}).values() if looked_at else ())
        if method is not function
        and any(write.path in looked_at and _brought(write, method) for write in method.writes)
    )


def _brought(write: Write, method: FunctionFacts) -> bool:
    """Whether a write keeps what a method was handed together with a request."""
    given = {name for name, _ in method.params[1:]}
    return bool(given & {"request", "req"}) and write.how == "=" and write.built_from.partition(".")[0] in given


def _answers(concurrency: Concurrency, function: FunctionFacts) -> Root | None:
    """Why threads call a method of an object that all requests share, if they do."""
    roots = (concurrency.roots[number] for number in concurrency.reached.get(function.qualname, ()))
    return next((root for root in roots if root.handler and root.world == "threads" and not root.own_object), None)


def _named_before(name: str) -> tuple[str, ...]:
    """The names of what runs before a function for the same job, if it is named after what comes later: `_before_query`."""
    words = name.split("_")
    return tuple(
        "_".join((*words[:number], first, *words[number + 1 :]))
        for number, word in enumerate(words)
        for first in BEFORE.get(word, ())
    )


def _registered_for_all(concurrency: Concurrency, function: FunctionFacts, opener: FunctionFacts) -> Evidence | None:
    """Why several jobs are under way, if one method of the object registers both hooks in the same way."""
    scope = concurrency.scope
    for method in scope.methods.get(function.owner, {}).values():
        own = method.params[0][0] if method.params else ""
        ways = [
            [call for call in method.calls if f"{own}.{hook.name}" in call.arguments] for hook in (opener, function)
        ]
        for first in ways[0]:
            for second in ways[1]:
                last = second.callee.rpartition(".")[2]
                if first.callee.rpartition(".")[2] not in (last, *_named_before(last)):
                    continue
                canonical = scope.names_in(method.qualname).canonical(second.callee)
                sure = canonical.startswith(_OF_THREADS) or last in _OF_REQUESTS
                if any("session" in argument for argument in second.arguments[:1]):
                    sure = False  # which each thread may well have for itself
                return Evidence(
                    f"`{method.qualname}` registers `{opener.name}` and `{function.name}` for all jobs, of which several are under way",
                    Confidence.MEDIUM if sure else Confidence.LOW,
                    "threads",
                )
    return None


_OF_THREADS = ("sqlalchemy.event.", "django.")
"""Beginnings of the names of what calls hooks in all threads of a server."""
_OF_REQUESTS = frozenset({"after_request", "teardown_request", "after_app_request", "teardown_app_request"})
"""Names of what registers a hook for all requests."""


def _shared(concurrency: Concurrency, function: FunctionFacts, opener: FunctionFacts) -> Evidence | None:
    """Why several jobs use one object, if they do."""
    if function.name not in PAIRS and not _named_before(function.name):
        root = _answers(concurrency, function) if _answers(concurrency, opener) is not None else None
        return Evidence(root.text, root.strength, root.world) if root is not None else None
    if function.name not in PAIRS:
        return _registered_for_all(concurrency, function, opener)
    if function.name != "__exit__":
        root = _answers(concurrency, function)
        return Evidence(root.text, root.strength, root.world) if root is not None else None
    scope = concurrency.scope
    family = scope.family(function.owner)
    for nested in scope.facts.functions:
        if nested.parent and not nested.is_async and "wraps" in {d.rpartition(".")[2] for d in nested.decorators}:
            owner, own = enclosing_self(nested, scope)
            if owner in family and any(own in call.within for call in nested.calls):
                return Evidence(
                    f"all calls of a function that is decorated by an object enter that one in `{nested.qualname}`",
                    Confidence.MEDIUM,
                    "threads",
                )
    if (
        "contextlib.ContextDecorator" in scope.base_names(function.owner)
        and scope.method(function.owner, "_recreate_cm") is None
    ):
        return Evidence(
            "all calls of a function that is decorated by an object enter that one",
            Confidence.MEDIUM if _may_decorate(concurrency, function.owner) else Confidence.LOW,
            "threads",
        )
    return None


def _may_decorate(concurrency: Concurrency, owner: str) -> bool:
    """Whether functions may be decorated by objects of the class: the project does so, keeps an object for later, or makes none.

    Where all it does is to make one whenever one is entered, the base is only there.
    """
    index, name = concurrency.scope.index, owner.rpartition(".")[2]
    names = {name, *index.renamed.get(name, ())}
    sites = [site for one in sorted(names) for site in index.calls.get(one, ())]
    if not sites or any(caller is module.module_body for module, caller, _ in sites):
        return True
    kept = {
        write.path
        for _, caller, _ in sites
        for write in caller.writes
        if write.built_from.rpartition(".")[2] in names and ("." in write.path or write.path in caller.outer_names)
    }
    decorators = (
        decorator
        for module in index.modules
        for of_one in (*(f.decorators for f in module.functions), *(c.decorators for c in module.classes))
        for decorator in of_one
    )
    return bool(kept) or any(decorator.rpartition(".")[2] in names for decorator in decorators)


def stands_for_decorated(function: FunctionFacts) -> bool:
    """Whether the function is what a decorator puts in the place of another one: whoever calls that runs it."""
    return bool(function.parent) and any(decorator.rpartition(".")[2] == "wraps" for decorator in function.decorators)
