"""Kinds of functions, told apart without importing `inspect`, which takes longer than all of the runtime."""

from types import FunctionType

CO_COROUTINE = 0x80


def is_coroutine_function(function: object) -> bool:
    """What `inspect.iscoroutinefunction` says; it is asked only about what is no plain function, or is marked."""
    if isinstance(function, FunctionType) and not function.__dict__:
        return bool(function.__code__.co_flags & CO_COROUTINE)
    from inspect import iscoroutinefunction

    return iscoroutinefunction(function)
