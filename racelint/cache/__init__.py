"""What earlier runs found, kept in one SQLite file: facts by the content of a file, reports by everything that they rest on.

An unchanged tree is answered from the report that is kept for it: no file is read if its size and its times are those of the last
run. Otherwise the facts of unchanged files are taken from here, and the rest is done anew. Nothing in the file is executed or
unpickled: what is in it is JSON. A file that cannot be read as one of ours is thrown away and made anew.
"""

from racelint.cache.folder import FOLDER, cache_folder, clean
from racelint.cache.imports import grapher, reader
from racelint.cache.store import Cache, Kept, existing, facts_key, opened, report_key

__all__ = [
    "FOLDER",
    "Cache",
    "Kept",
    "cache_folder",
    "clean",
    "existing",
    "facts_key",
    "grapher",
    "opened",
    "reader",
    "report_key",
]
