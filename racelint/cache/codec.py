"""Plain data to JSON and back: frozen dataclasses, enumerations, tuples and sets of strings, by their annotations.

A value becomes the list of its fields, so that facts of a million lines stay small and are read at the speed of `json`. What is
read is checked no further than its shape: a wrong one raises TypeError, ValueError, KeyError or IndexError.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from racelint.frozen import names_of

Value = TypeVar("Value")
Coder = Callable[[Any], Any]

PLAIN = (str, int, bool, float, type(None))


@cache
def shape_of(kind: type) -> str:
    """What a class looks like: two versions of it that look alike can read each other's values."""
    seen: dict[type, str] = {}

    def look(one: Any) -> str:
        if isinstance(one, type) and names_of(one):
            if one not in seen:
                seen[one] = ""
                hints = get_type_hints(one)
                seen[one] = ",".join(f"{name}:{look(hints[name])}" for name in names_of(one))
            return one.__name__
        return f"{one}[{','.join(look(argument) for argument in get_args(one) if argument is not ...)}]"

    look(kind)
    return ";".join(f"{one.__name__}({shape})" for one, shape in seen.items())


def encode(value: object, kind: Any) -> Any:
    """A value of an annotated kind as what `json` writes."""
    return _encoder(kind)(value)


def decode(raw: object, kind: type[Value]) -> Value:
    """What `encode` made, as a value again."""
    whatever: Any = kind
    result: Value = _decoder(whatever)(raw)
    return result


def _same(value: Any) -> Any:
    return value


@cache
def _encoder(kind: Any) -> Coder:
    origin, arguments = get_origin(kind), get_args(kind)
    if kind in PLAIN:
        return _same
    if origin in (Union, types.UnionType):
        (inner,) = (_encoder(one) for one in arguments if one is not type(None))
        return lambda value: None if value is None else inner(value)
    if origin in (tuple, frozenset, Mapping) or kind in (tuple, frozenset):
        return _encoder_of_many(origin, arguments)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return lambda value: value.value
    if isinstance(kind, type) and names_of(kind):
        hints = get_type_hints(kind)
        parts = [(name, _encoder(hints[name])) for name in names_of(kind)]
        return lambda value: [part(getattr(value, name)) for name, part in parts]
    raise TypeError(f"{kind} cannot be kept")


def _encoder_of_many(origin: Any, arguments: tuple[Any, ...]) -> Coder:
    if origin is frozenset:
        return sorted
    if origin is Mapping:
        inner = _encoder(arguments[1])
        return lambda value: {key: inner(part) for key, part in value.items()}
    if arguments[-1] is ...:
        inner = _encoder(arguments[0])
        return list if inner is _same else lambda value: [inner(part) for part in value]
    parts = [_encoder(argument) for argument in arguments]
    return lambda value: [part(one) for part, one in zip(parts, value, strict=True)]


@cache
def _decoder(kind: Any) -> Coder:
    origin, arguments = get_origin(kind), get_args(kind)
    if kind in PLAIN:
        return _same
    if origin in (Union, types.UnionType):
        (inner,) = (_decoder(one) for one in arguments if one is not type(None))
        return lambda raw: None if raw is None else inner(raw)
    if origin in (tuple, frozenset, Mapping) or kind in (tuple, frozenset):
        return _decoder_of_many(origin, arguments)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind
    if isinstance(kind, type) and names_of(kind):
        return _decoder_of_class(kind)
    raise TypeError(f"{kind} cannot be kept")


def _decoder_of_class(kind: type) -> Coder:
    hints = get_type_hints(kind)
    every = [_decoder(hints[name]) for name in names_of(kind)]
    changing = [(number, part) for number, part in enumerate(every) if part is not _same]

    def read(raw: Any) -> Any:
        if type(raw) is not list or len(raw) != len(every):
            raise ValueError(f"{len(every)} fields of {kind.__name__} expected")
        for number, part in changing:
            raw[number] = part(raw[number])
        return kind(*raw)

    return read


def _decoder_of_many(origin: Any, arguments: tuple[Any, ...]) -> Coder:
    if origin is frozenset:
        return frozenset
    if origin is Mapping:
        inner = _decoder(arguments[1])
        return lambda raw: {key: inner(part) for key, part in raw.items()}
    if arguments[-1] is ...:
        inner = _decoder(arguments[0])
        return tuple if inner is _same else lambda raw: tuple([inner(part) for part in raw])
    parts = [_decoder(argument) for argument in arguments]
    if all(part is _same for part in parts):
        return tuple
    return lambda raw: tuple([part(one) for part, one in zip(parts, raw, strict=True)])
