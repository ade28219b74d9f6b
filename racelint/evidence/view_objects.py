"""Objects that answer all requests of a process, as they were put into the routes of an application when that was set up."""

from __future__ import annotations

from racelint.evidence.calls import Calls
from racelint.expressions import expression
from racelint.facts import CallSite, FunctionFacts
from racelint.models.data import Handler

_VERB = expression(r"^(on_)?(get|post|put|patch|delete|head|options)(_\w+)?$")
"""Names of the methods that answer requests, by the verb of the protocol."""

_ROUTES = expression(r"(?i)(^|_)(urlpatterns|urls|routes|handlers)$")
"""Names of collections of the module that say what answers which path."""

_REQUEST = ("request", "req")


def answering_methods(calls: Calls, path: str, call: CallSite, caller: FunctionFacts) -> list[FunctionFacts]:
    """The methods of one object of a class of the module by which it answers, if a call that adds a route is handed one."""
    scope = calls.scope
    made = path if path in scope.classes and _is_made(path, call, caller) else ""
    owner = made or ("" if path in scope.classes else calls.receiver_type(path, caller).removeprefix(":"))
    if owner not in scope.classes:
        return []
    called = scope.method(owner, "__call__")
    if called is not None:
        return [called]
    return [
        method
        for class_ in scope.lineage(owner)
        for method in scope.methods.get(class_.qualname, {}).values()
        if _VERB.search(method.name)
    ]


def _is_made(class_: str, call: CallSite, caller: FunctionFacts) -> bool:
    """Whether an object of the class is made in the arguments of the call, and not the class itself handed on."""
    return any(made.callee == class_ and call.line <= made.line <= call.line + 3 for made in caller.calls)


def shown_in_routes(calls: Calls, function: FunctionFacts) -> Handler | None:
    """What calls the object, if its `__call__` takes a request and the module lists an object of the class among its routes."""
    first = [name for name, *_ in function.params[1:2]]
    body, class_ = calls.scope.facts.module_body, function.owner
    if not first or first[0] not in _REQUEST:
        return None
    lists = [write for write in body.writes if _ROUTES.search(write.path) and write.shape in ("display", "other")]
    listed = any(call.callee == class_ and any(w.line <= call.line for w in lists) for call in body.calls)
    handlers = calls.scope.models.parameter_handlers
    return next((handler for name, handler, _ in handlers if name == first[0]), None) if listed else None
