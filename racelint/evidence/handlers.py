"""Units that frameworks and other libraries call."""

from __future__ import annotations

from functools import cache

from racelint.evidence.calls import GREENLETS, Calls
from racelint.evidence.data import Root
from racelint.evidence.view_objects import answering_methods, shown_in_routes
from racelint.expressions import expression
from racelint.facts import CallSite, FunctionFacts
from racelint.finding import Confidence
from racelint.frozen import replace
from racelint.models.data import Handler

REGISTERS = expression(
    r"register|connect|listen|track|subscribe|attach|^on_|(add|set)_.*(callback|handler|listener|hook|watcher|observer)"
)
"""Last names of calls that keep a function to call it later."""


@cache
def registers(name: str) -> bool:
    """Whether a call of this last name keeps a function to call it later."""
    return REGISTERS.search(name) is not None


RUNS_ONCE = expression(r"(^|_)(lifespan|startup|shutdown)(_|$)")
"""Names that frameworks and their users give to what runs when the application starts or ends."""


_METHODS_OF_CLASSES = frozenset({"classmethod", "staticmethod"})
"""Decorators of methods that answer no request: `as_view` makes the view while routes are registered."""

_RAISED = expression(r"(Exception|Error)$|(^|\.)(exc|exceptions|errors)\.")
"""Names of classes of exceptions, some of which are applications that answer the request in which they are raised."""

_OF_CONNECTIONS = ["websocket"]
"""What servers of WebSockets give a method that they run for each connection."""


def find_handlers(calls: Calls) -> list[Root]:
    """What frameworks call for each request, message or job."""
    roots: list[Root] = []
    models, libraries = calls.scope.models, calls.scope.libraries
    decorators = _possible_decorators(calls)
    for function in calls.scope.facts.functions:
        for decorator in function.decorators if decorators else ():
            canonical = calls.scope.canonical(decorator)
            for name, handler in decorators:
                if (name.startswith(".") and "." in decorator and ("." + decorator.rpartition(".")[2]) == name) or (
                    canonical == name or (not name.startswith(".") and canonical.endswith("." + name))
                ):
                    if handler.processes and _sent_by_tests(calls, function):
                        break
                    # a method is one of a class of views: each request has an object of its own
                    own = bool(function.owner) and handler.processes and not handler.shared
                    on_loop = handler.on_loop or _of_loop(calls, decorator, function)
                    _handler_root(calls, roots, function, replace(handler, on_loop=on_loop), own)
                    break
        if not function.owner and not function.parent and function.params:
            for name, handler, imports in models.parameter_handlers:
                if function.params[0][0] == name and any(i in libraries for i in imports):
                    _handler_root(calls, roots, function, handler)
                    break
        seen = bool(roots) and roots[-1].unit == function.qualname
        if function.is_async and not seen and (answer := _answering(calls, function)) is not None:
            _handler_root(calls, roots, function, answer)
        if function.owner and function.is_async and [name for name, _ in function.params[1:]] == _OF_CONNECTIONS:
            text = f"`{function.name}` is given the connection of each client"
            if not function.name.startswith("_"):
                roots.append(Root(function.qualname, text, "tasks", True, Confidence.HIGH))
        if function.name == "__call__" and function.owner:
            found = _called_object(calls, function) or shown_in_routes(calls, function)
            if found is not None:
                _handler_root(calls, roots, function, found)
    for class_ in calls.scope.facts.classes:
        bases = calls.scope.base_names(class_.qualname) if class_.bases else ()
        for base in sorted(bases):
            known = (
                models.handler_bases.get(base)
                or (models.handler_bases.get("." + base.rpartition(".")[2]) if not calls.scope.is_plain(base) else None)
                or next((handler for ending, handler in models.handler_endings if base.endswith(ending)), None)
            )
            if known is None or (known.when and not _in_threads(calls, class_.qualname, known.when)):
                continue
            for method in calls.scope.methods.get(class_.qualname, {}).values():
                if known.methods:
                    answers = method.name in known.methods
                else:
                    answers = not method.name.startswith("_") and not _is_step(calls, method, known)
                if answers and _METHODS_OF_CLASSES.isdisjoint(method.decorators):
                    own = (known.processes or bool(known.when)) and not known.shared
                    _handler_root(calls, roots, method, known, own and not _kept_for_all(calls, class_.qualname, known))
            break
    _add_registered(calls, roots)
    _add_assigned(calls, roots)
    if libraries & GREENLETS:  # its requests are greenlets, which switch only where they block
        roots = [replace(root, world="greenlets") if root.world == "threads" else root for root in roots]
    return roots


def _sent_by_tests(calls: Calls, function: FunctionFacts) -> bool:
    """Whether a decorator of the function connects it with signals that only tests send: `@receiver(setting_changed)`."""
    signals = [
        argument
        for call in calls.scope.facts.module_body.calls
        if function.first <= call.line < function.line and call.callee in function.decorators
        for argument in call.arguments
    ]
    return bool(signals) and all(calls.scope.canonical(name) in calls.scope.models.sent_by_tests for name in signals)


def _is_step(calls: Calls, method: FunctionFacts, handler: Handler) -> bool:
    """Whether other methods of a view, which has an object for each request, call one of a name that no framework calls."""
    if method.decorators or not handler.processes or handler.shared or not _STEP.search(method.name):
        return False
    callee = f"self.{method.name}"
    own = calls.scope.methods.get(method.owner, {}).values()
    return any(call.callee == callee for one in own if one is not method for call in one.calls)


_STEP = expression(
    r"^(?!(?:get|post|put|patch|delete|head|options|trace|list|create|retrieve|update|destroy|form|on|pre|post|before|after|handle|"
    r"dispatch|perform_(?:create|update|destroy)|partial|has|save|clean|validate|render|setup|initial|finalize|check|prepare|"
    r"filter|paginate|allow)(?:_|$))\w+_\w+"
)
"""Names of methods that frameworks of the web do not call themselves: two words, of which the first is none of theirs."""


def _of_loop(calls: Calls, decorator: str, function: FunctionFacts) -> bool:
    """Whether what the decorator is a method of works on an event loop, by the name of its class: `AsyncServer`, `AsyncClient`.

    It calls its plain handlers there, too.
    """
    holder, maker = decorator.rpartition(".")[0], calls.scope.functions.get(function.parent)
    made = dict(maker.locals_built).get(holder, "") if maker is not None else ""
    made = made or calls.scope.assigned.get(holder, "")
    return made.rpartition(".")[2].startswith("Async")


def _kept_for_all(calls: Calls, class_: str, handler: Handler) -> bool:
    """Whether a class of views says that one object of it answers all requests."""
    attributes = (pair for one in calls.scope.lineage(class_) for pair in one.attributes) if handler.anew else ()
    return next((value for name, value in attributes if name == handler.anew), "") == "false"


def _answering(calls: Calls, function: FunctionFacts) -> Handler | None:
    """What calls a coroutine that answers a request which it was handed, by a method of a response that it makes itself."""
    models, made = calls.scope.models, dict(function.locals_built)
    given = {name for name, _ in function.params}
    for call in function.calls:
        if not call.awaited or not given.intersection(call.arguments):
            continue
        holder, dot, method = call.callee.partition(".")
        name = f"{made[holder]}.{method}" if dot and holder in made else call.callee
        handler = models.answers.get(calls.scope.canonical(name))
        if handler is not None:
            return handler
    return None


def _add_registered(calls: Calls, roots: list[Root]) -> None:
    """Adds what is handed to calls that make it a handler: `app.router.add_get("/", index)`, `app.get("/")(self.index)`."""
    models, libraries = calls.scope.models, calls.scope.libraries
    known = {
        name: handler
        for name, handler, imports in (*models.handler_decorators, *models.registrations)
        if not imports or not libraries.isdisjoint(imports)
    }
    if not known:
        return
    seen = {root.unit for root in roots}
    handed = _handed_to_threads(calls) if any(handler.when for handler in known.values()) else frozenset()
    for caller in (*calls.scope.facts.functions, calls.scope.facts.module_body):
        for call in caller.calls:
            handler = known.get("." + call.callee.rpartition(".")[2] if "." in call.callee else "")
            handler = handler or known.get(calls.scope.canonical(call.callee))
            if handler is None or (handler.when and handler.when.isdisjoint(handed)):
                continue
            for argument in call.arguments:
                path = argument.rpartition("=")[2]
                units = calls.target(path, caller) if path in caller.references else []
                units = _called_of_object(calls, path, caller, handler) if handler.methods else units
                for unit in answering_methods(calls, path, call, caller) or units:
                    if unit.qualname not in seen:
                        seen.add(unit.qualname)
                        _handler_root(calls, roots, unit, handler)


def _handed_to_threads(calls: Calls) -> frozenset[str]:
    """The last names of what new threads of the module run and that nothing in it calls: `Thread(target=app.run_forever)`."""
    functions = (*calls.scope.facts.functions, calls.scope.facts.module_body)
    sites = [call for function in functions for call in function.calls]
    targets = {
        argument.rpartition(".")[2]
        for call in sites
        if call.callee.rpartition(".")[2] == "Thread"
        for argument in call.arguments
        if argument.startswith("target=")
    }
    return frozenset(targets - {call.callee.rpartition(".")[2] for call in sites})


def _called_of_object(calls: Calls, path: str, caller: FunctionFacts, handler: Handler) -> list[FunctionFacts]:
    """The methods that are called of an object which is registered: `REGISTRY.register(collector)`, `REGISTRY.register(Collector())`."""
    made = path.partition("(")[0]
    owner = made if made in calls.scope.classes else calls.receiver_type(path, caller).removeprefix(":")
    return [method for name, method in calls.scope.methods.get(owner, {}).items() if name in handler.methods]


def _add_assigned(calls: Calls, roots: list[Root]) -> None:
    """Adds what is assigned to an attribute by which an object knows whom to call: `client.on_message = self.receive`."""
    models, libraries = calls.scope.models, calls.scope.libraries
    if not any(name.partition(".")[0] in libraries for name in models.assigned):
        return
    seen = {root.unit for root in roots}
    for caller in (*calls.scope.facts.functions, calls.scope.facts.module_body):
        for write in caller.writes:
            holder, _, attribute = write.path.rpartition(".")
            if not holder or write.how != "=" or write.built_from not in caller.references:
                continue
            handler = models.assigned.get(f"{calls.receiver_type(holder, caller)}.{attribute}")
            if handler is None or (handler.when and not _called_on(calls, holder, caller, handler.when)):
                continue
            for unit in calls.target(write.built_from, caller):
                if unit.qualname not in seen:
                    seen.add(unit.qualname)
                    _handler_root(calls, roots, unit, handler)


def _called_on(calls: Calls, holder: str, caller: FunctionFacts, names: frozenset[str]) -> bool:
    """Whether one of these methods is called on what the function, or the methods of its object, call `holder`."""
    callees = {f"{holder}.{name}" for name in names}
    own = holder.startswith("self.") and caller.owner
    methods = calls.scope.methods.get(caller.owner, {}).values() if own else ()
    return any(call.callee in callees for function in (caller, *methods) for call in function.calls)


def _in_threads(calls: Calls, handler: str, servers: frozenset[str]) -> bool:
    """Whether the module uses a server that answers each request in a thread, and none that answers one after the other gets the
    handler."""
    functions = (*calls.scope.facts.functions, calls.scope.facts.module_body)
    made = {call.callee for function in functions for call in function.calls if handler in call.arguments}
    names = {name.rpartition(".")[2] for one in made for name in (one, *calls.scope.base_names(one))}
    if servers.isdisjoint(names) and names & _IN_TURN:
        return False
    return not servers.isdisjoint(_used(calls))


_IN_TURN = frozenset({"HTTPServer", "TCPServer", "UDPServer", "UnixStreamServer", "UnixDatagramServer"})
"""Servers of the standard library that answer one request after the other, unless a subclass says otherwise."""


def _used(calls: Calls) -> set[str]:
    """The last names of what the module imports, derives from and calls."""
    facts = calls.scope.facts
    found = {origin for _, origin in facts.imports} | {base for class_ in facts.classes for base in class_.bases}
    found |= {call.callee for function in (*facts.functions, facts.module_body) for call in function.calls}
    return {name.rpartition(".")[2] for name in found}


def _called_object(calls: Calls, function: FunctionFacts) -> Handler | None:
    """What calls the object for each request, if its `__call__` and its constructor say so by the names of their parameters."""
    names = tuple(name for name, *_ in function.params[1:])
    lineage = {c.name for c in calls.scope.lineage(function.owner)} | calls.scope.base_names(function.owner)
    words = calls.scope.models.one_request
    if any(word in name.rpartition(".")[2] for name in lineage for word in words):
        return None
    if any(map(_RAISED.search, lineage)):
        return None  # made for the one request that it ends
    for signature, made_with, handler in calls.scope.models.called_objects:
        if len(names) < len(signature) or not (made_with or names[: len(signature)] == signature):
            continue  # what the constructor is given says enough, whatever the request is called
        constructor = calls.scope.method(function.owner, "__init__") if made_with else None
        if not made_with or (constructor is not None and made_with in [name for name, *_ in constructor.params[1:2]]):
            return handler
    return None


def _possible_decorators(calls: Calls) -> list[tuple[str, Handler]]:
    """The decorators of handlers that may be meant in the module, by what it imports."""
    models, libraries = calls.scope.models, calls.scope.libraries
    if not any(function.decorators for function in calls.scope.facts.functions):
        return []
    return [
        (name, handler)
        for name, handler, imports in models.handler_decorators
        if not imports or not libraries.isdisjoint(imports)
    ]


def _handler_root(
    calls: Calls, roots: list[Root], function: FunctionFacts, handler: Handler, own_object: bool = False
) -> None:
    if _not_in_threads(calls, handler):
        return
    world = handler.world
    maker = calls.scope.functions.get(function.parent)
    # a client that a coroutine makes calls its handlers on the loop; servers run plain ones in threads
    on_loop = handler.on_loop or (maker is not None and maker.is_async and not handler.processes)
    real_world = "tasks" if function.is_async or on_loop else ("threads" if world == "tasks" else world)
    roots.append(
        Root(
            function.qualname,
            f"`{function.name}` is {handler.what}",
            real_world,
            not handler.alone,
            Confidence.HIGH,
            handler.processes,
            own_object,
            not handler.alone,  # which is as a thread that the module starts
            atomic=handler.atomic and "transaction.non_atomic_requests" not in function.decorators,
            worker=_own_thread(function, handler) if handler.alone else "",
            told=handler.alone and not function.owner,  # who is not called by that thread runs beside it
            own_machine=handler.own_machine,
        )
    )


def _own_thread(function: FunctionFacts, handler: Handler) -> str:
    """The thread that makes all calls, of a method for each object one."""
    name = f"{handler.what}: {function.qualname}" if handler.each else handler.what
    return f"self.{name}" if function.owner else name


def _not_in_threads(calls: Calls, handler: Handler) -> bool:
    """Whether the project tells the library not to call the handlers in threads, or has greenlets in the place of threads."""
    index = calls.scope.index
    return bool(handler.unless) and (
        index.processes.in_greenlets
        or any(
            argument in call.arguments for name, argument in handler.unless for *_, call in index.calls.get(name, ())
        )
    )


def _for_the_start(call: CallSite) -> bool:
    """Whether a call registers something for an event that comes once: `events.subscribe(APP_SETUP, self.open)`."""
    return any(_COMES_ONCE.search(argument.rpartition(".")[2].lower()) is not None for argument in call.arguments[:1])


_COMES_ONCE = expression(r"^(?!_)(\w+_)?(lifespan|startup|shutdown|setup|teardown)$")
"""Names of events that come when the application starts or ends."""


def find_callbacks(calls: Calls, known: list[Root]) -> list[Root]:
    """Functions handed to calls that register them with something that lives longer."""
    roots: list[Root] = []
    started = {root.unit for root in known}
    for caller in (*calls.scope.facts.functions, calls.scope.facts.module_body):
        for call in caller.calls:
            registered = call.callee.rpartition(".")[2]
            if not registers(registered) or RUNS_ONCE.search(registered) or _for_the_start(call):
                continue
            if registered == "connect" and calls.scope.canonical(call.callee) in calls.scope.models.sent_by_tests:
                continue
            for argument in call.arguments:
                path = argument.rpartition("=")[2]
                if path not in caller.references:
                    continue
                for unit in calls.target(path, caller):
                    if unit.qualname in started or unit.name in ("__init__", "__new__"):
                        continue
                    started.add(unit.qualname)
                    text = f"line {call.line} registers `{unit.name}` as a callback with `{call.callee}`"
                    roots.append(Root(unit.qualname, text, "tasks", unit.is_async, Confidence.MEDIUM))
    return roots
