"""What a name or a receiver means: imports, annotations, assignments, the index.

A type is a string: the dotted origin of a library's class (`asyncio.Lock`), or `:Qualname` for a class of the analysed
module; `type[…]` around it stands for the class itself.
"""

from racelint.resolve.changes import CONSTRUCTORS, TAKES
from racelint.resolve.lineages import MAPPED_BASES, THREADS
from racelint.resolve.names import MAPPERS, enclosing_self, is_model_class
from racelint.resolve.outside import outside_bases
from racelint.resolve.scope import MAPPINGS, Home, Scope, for_each_thread, locks_of, made_of_nothing

__all__ = [
    "CONSTRUCTORS",
    "MAPPED_BASES",
    "MAPPERS",
    "MAPPINGS",
    "TAKES",
    "THREADS",
    "Home",
    "Scope",
    "enclosing_self",
    "for_each_thread",
    "is_model_class",
    "locks_of",
    "made_of_nothing",
    "outside_bases",
]
