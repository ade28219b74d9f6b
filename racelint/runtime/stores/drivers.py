"""Drivers of databases, imported when a store is made that needs them."""

from importlib import import_module
from typing import Any


def driver(module: str, extra: str) -> Any:
    """A module that is not of the standard library. Raises ImportError that says what to install."""
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise ImportError(f"this store needs {package}: pip install 'racelint[{extra}]'", name=package) from error
