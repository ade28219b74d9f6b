"""Definitions of other modules, made part of the module that is looked at.

A class or function of another module is taken over under a name that no name of the module itself can have:
`app/base::Base`. What is written in it still means what it means at home, see `Scope.names_in`.
"""

from __future__ import annotations

from racelint.facts import ClassFacts, FunctionFacts, ModuleFacts
from racelint.frozen import replace
from racelint.index.modules import module_path

MARK = "::"


def prefix_of(module: ModuleFacts) -> str:
    """What the names of a module's definitions begin with where they are grafted; without dots, which separate names."""
    return module_path(module.path).replace(".", "_") + MARK


def is_grafted(qualname: str) -> bool:
    """Whether the name is that of a definition of another module."""
    return MARK in qualname


def shown_name(qualname: str) -> str:
    """The name as people know it."""
    return qualname.rpartition(MARK)[2]


def grafted_class(class_: ClassFacts, prefix: str) -> ClassFacts:
    """A class under its new name."""
    return replace(class_, qualname=prefix + class_.qualname)


def grafted_function(function: FunctionFacts, prefix: str) -> FunctionFacts:
    """A function under its new name, with its owner and parent under theirs."""
    return replace(
        function,
        qualname=prefix + function.qualname,
        owner=function.owner and prefix + function.owner,
        parent=function.parent and prefix + function.parent,
    )
