"""What a function asks on a connection, and the answer that it takes from it, as far as facts tell."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Kind, Resource
from racelint.evidence.guards import Guards
from racelint.evidence.sessions import is_lock
from racelint.facts import CallSite, FunctionFacts
from racelint.frozen import dataclass
from racelint.models.data import Conversation
from racelint.resolve import Scope, enclosing_self


@dataclass(frozen=True, slots=True)
class Talk:
    """A request of a function on a connection that others can reach, and the call that takes the answer: the same, if one does both."""

    connection: Resource
    ask: CallSite
    answer: CallSite
    what: str = "connection"


@dataclass(frozen=True, slots=True)
class _Step:
    """A call on a connection: the method's name, the call in the function itself that leads to it, what is held there."""

    receiver: str
    method: str
    site: CallSite
    held: frozenset[str]


def talks(guards: Guards, facts: FunctionFacts) -> Iterator[Talk]:
    """The requests of a plain function, each with its answer, during which it holds nothing that is named like a lock."""
    if facts.is_async or not can_talk(guards.scope):
        return
    found: set[str] = set()
    steps = list(_steps(guards, facts, 2))
    for place, step in enumerate(steps):
        connection, conversation = _connection(guards, facts, step.receiver)
        if connection is None or conversation is None or step.receiver in found:
            continue
        if step.method in conversation.alone and step.site.callee == f"{step.receiver}.{step.method}":
            answer = step
        elif step.method in conversation.asks:
            later = (other for other in steps[place + 1 :] if other.receiver == step.receiver)
            taken = next((other for other in later if other.method in conversation.answers), None)
            if taken is None or (taken.site is step.site):
                continue
            answer = taken
        else:
            continue
        if not any(is_lock(guards, guard, facts) for guard in step.held & answer.held):
            found.add(step.receiver)
            yield Talk(connection, step.site, answer.site, conversation.what)


def can_talk(scope: Scope) -> bool:
    """Whether the module imports what makes connections to talk on, or keeps a file open by one of its names."""
    if any(built == "open" for _, built in scope.facts.assigned):
        return True
    return not scope.libraries.isdisjoint(name.partition(".")[0] for name in scope.models.conversations)


def says_something(function: FunctionFacts, scope: Scope) -> bool:
    """Whether the function may ask on a connection that its object keeps, or take an answer from it."""
    said = scope.models.said if can_talk(scope) else frozenset()
    return bool(said) and any(
        call.callee.startswith("self.") and call.callee.rpartition(".")[2] in said for call in function.calls
    )


def _steps(guards: Guards, facts: FunctionFacts, depth: int) -> Iterator[_Step]:
    """The calls on what an attribute or a name holds, in the function and in the methods of its object that it calls."""
    _, self_name = enclosing_self(facts, guards.scope)
    for call in facts.calls:
        held = guards.held_around(facts, call)
        parts = call.callee.split(".")
        size = 2 if parts[0] == self_name else 1
        if len(parts) > size:
            yield _Step(".".join(parts[:size]), ".".join(parts[size:]), call, held)
        elif size == 2 and len(parts) == 2 and depth and self_name == "self":
            for helper in guards.target(call.callee, facts):
                if helper.qualname != facts.qualname and helper.params and helper.params[0][0] == "self":
                    for step in _steps(guards, helper, depth - 1):
                        if step.receiver.startswith("self."):
                            yield _Step(step.receiver, step.method, call, step.held | held)


def _connection(
    guards: Guards, facts: FunctionFacts, receiver: str
) -> tuple[Resource, Conversation] | tuple[None, None]:
    """The connection that a receiver in the function stands for, if others can reach it, and what is said on such ones."""
    scope = guards.scope
    root, dot, attribute = receiver.partition(".")
    if dot:
        owner, _ = enclosing_self(facts, scope)
        kind = scope.attribute_type(owner, attribute) or _made_by_call(scope, owner, attribute)
        resource = Resource(Kind.ATTRIBUTE, scope.defining_class(owner, attribute), attribute, f"self.{attribute}")
    elif root in facts.local_names and root not in facts.outer_names:
        return None, None
    else:
        kind = guards.local_type(root, facts) or scope.assigned.get(root, "")
        above = scope.functions.get(facts.parent)
        captured = above is not None and root in above.local_names
        resource = Resource(Kind.CAPTURED if captured else Kind.GLOBAL, facts.parent if captured else "", root, root)
    conversation = scope.models.conversation_of(scope.canonical(kind)) if kind else None
    return (resource, conversation) if conversation is not None else (None, None)


def _made_by_call(scope: Scope, owner: str, attribute: str) -> str:
    """The one call whose result the attribute always is; "" if there are others."""
    made = {write.built_from for _, write in scope.attribute_writes(owner, attribute) if write.how == "="}
    return made.pop() if len(made) == 1 else ""
