"""What the words of a path say: whether other processes use it, or one run has it for itself. Names only, no file is looked at.

These words are documented in docs/rules.md: they carry meaning, other names do not.
"""

from __future__ import annotations

import re
from functools import lru_cache

from racelint.expressions import expression

PATH_TESTS = frozenset(
    "exists isfile isdir islink lexists is_file is_dir is_symlink access listdir scandir iterdir glob walk".split()
)
"""Last names of calls that look at a path."""

PATH_STEPS = frozenset(
    "mkdir makedirs touch remove unlink rmtree rmdir rename replace move copy copy2 copyfile copytree symlink link symlink_to stat "
    "utime chmod listdir scandir iterdir open write_text write_bytes getmtime getsize read_text read_bytes dump _dump mktemp walk "
    "urlretrieve unpack_archive extractall save savefig savez savez_compressed to_csv to_parquet to_pickle to_feather write_parquet".split()
)
"""Last names of steps on paths, which other processes can come between."""

PATH_STATS = frozenset("stat lstat getmtime getsize getctime getatime".split())
"""Those of them that ask for what a path is like; what is done next can rest on it."""

PATH_READS = frozenset({"open", "read_text", "read_bytes"})
"""Steps that open a file, whose size or kind may have been asked for."""

NEEDING = PATH_STATS | {"open"}
"""How a file is used that has to be there."""

PATH_MOVES = frozenset("mkdir makedirs remove unlink rmtree rmdir rename replace move".split())
_PATH_DUMPS = frozenset(
    "dump _dump savez savez_compressed to_csv to_parquet to_pickle to_feather write_parquet urlretrieve".split()
)
PATH_OPENS = frozenset("open write_text write_bytes copy copy2 copyfile save savefig".split()) | _PATH_DUMPS
PATH_WRITES = (
    frozenset(
        "write writelines writerow writerows writeheader write_text write_bytes copy copy2 copyfile save savefig fdopen".split()
    )
    | _PATH_DUMPS
)

OWN_WORDS = (
    "mkdtemp",
    "mkstemp",
    "mktemp",
    "TemporaryDirectory",
    "NamedTemporaryFile",
    "TemporaryFile",
    "uuid",
    "getpid",
    "get_ident",
    "token_hex",
    "token_urlsafe",
    "urandom",
    "random",
)
"""Calls and names that make a path that nobody else has."""

_OWN = expression(
    "|".join(OWN_WORDS) + r"|(?<![a-z])session(\[|\.get\()"  # of one browser
    r"|(?<!int\()(?<!round\()time\.(time(_ns)?|perf_counter(_ns)?|monotonic(_ns)?)\(\)"  # at full resolution
    r"|(?<!get)(?<![a-z])(te?mp_([a-z]+_)?dir|te?mp_?dir|te?mp_?path|te?mp_([a-z]+_)?file(name)?|te?mp_?file(name)?|te?mp_?folder|workspace|scratch)(?![a-z])"
    r"|(?<![a-z.])pid(?!_?(file|path|dir|lock)|[a-z])",
)

SHARED_WORDS = frozenset(
    "cache caches cached lock locks lockfile pidfile spool registry cookie cookies memoized memorized shared".split()
)
"""Words of names of files and folders that several processes use.

Not `socket`, which is the server's that makes it, nor `memo` and `storage`, which may mean anything.
"""

KEPT_WORDS = frozenset("state states session sessions queue store checkpoint checkpoints db database".split())
"""Words of what a program keeps from one run to the next: mostly one process at a time, so that they say little."""

LOCKS = frozenset({"lock", "lockfile", "pidfile"})
"""Those of them that say that the file itself is what keeps others out."""

LOCKED = LOCKS | {"locks"}
"""The same, and where such files lie: a file that keeps others out is there because others come."""

CACHED = frozenset("cache caches cached memoized memorized".split())
"""Those of them that say that others read the file whenever it is there."""

COOKIES = frozenset({"cookie", "cookies"})
"""Those of them that say little: a client keeps its own, one run after the other."""

CONFIGURED = frozenset("secret secrets token tokens credentials password passwords".split())
"""Words of names of files that every start of a program makes when they are missing, each time with another content."""

ENSURED = frozenset("config configs configuration settings".split())
"""The same if the function says that it ensures that they are there; else somebody makes one, once, by a command."""

ATOMIC = frozenset("atomic atomically".split())
"""Words of functions that put a file in place so that others never see a part of it."""

FOLDERS = frozenset(
    "log logs data download downloads media upload uploads dirs ensure share public backup backups archive assets "
    "thumbnails".split()
)
"""Words of names of folders that every start of a program makes when they are missing; one start at a time, as a rule."""

_MAKERS = frozenset("mkdir mkdirs makedirs mkpath".split())
_MAKING = frozenset("make create prepare check".split())
_PLACES = frozenset("dir dirs directory directories folder folders path".split())


_RUN = frozenset("temp tmp tempfile temporary working extract unpack copy copytree stash debug install build".split())
"""Words of names of functions and classes whose folders are of one run."""

_FILLING = frozenset({"build", "extract", "unpack"})

_COMMANDS = frozenset(
    "cli cmdline commands command management manage scripts script bin __main__ examples setup test tests testing".split()
)
"""Parts of paths of modules that a user runs once at a time."""

COMMAND_LIBRARIES = frozenset("argparse click typer optparse docopt fire absl gflags".split())
"""What a module imports that is a command itself."""

WINDOW_LIBRARIES = frozenset("tkinter Tkinter PyQt4 PyQt5 PyQt6 PySide PySide2 PySide6 gi wx kivy qtpy curses".split())
"""What a module imports that is part of a window, of which a user has one."""

WORKER_LIBRARIES = "django celery dramatiq rq".split()
"""What every worker of a server imports; each request and job is another one's."""

PROCESS_LIBRARIES = [
    *"torch.distributed torch.multiprocessing torch_xla pytorch_lightning lightning horovod mpi4py deepspeed accelerate".split(),
    *WORKER_LIBRARIES,
]
"""What a module imports that every process of a training or computation runs, or every worker of a server."""

_WORD = expression(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_COMPOUND = expression(
    r"(?P<first>cache|lock|spool|registry|cookie|state|session|db|log|data|download|upload|media|backup)"
    r"(?:dir|dirs|file|files|path|paths|folder|folders|root|name|fname|filename|db)"
    r"|(?:io|http|web|py|disk|file|image|font|build|url|page|user|ast|pickle|json|meta|index|tag|query|result)(?P<last>cache)s?"
)
_SYSTEM = expression(r"""^[rbuf]*["']/(var|etc|run|tmp|srv|opt|mnt|dev/shm)/""")
_SYSTEM_ANYWHERE = expression(r"""["']/(var|etc|run|tmp|srv|opt|mnt|dev/shm)/""")


_PUBLIC = expression(r"""["'{]/?(var/)?tmp/|gettempdir\(""")
_PREDICTABLE = expression(r"mk[ds]temp|TemporaryDirectory|NamedTemporaryFile|uuid|token_|urandom|random")


FIRST = expression(
    r"(?i)(?:main|master|primary)_?process|global_zero|rank_?(?:0|zero)|(?:get|local|global)_rank|is_(?:main|master|chief)|\brank$"
)
"""Names that ask which process of a computation runs, so that the first one alone goes on."""

FILE_LOCK = expression(
    r"(?i)(?:^|[._]|(?<=[a-z]))(?:file_?lock|process_?lock|lock_?(?:file|path|dir|parent)\w*|flock|lockf)(?:$|\.)"
)
"""Calls that lock between processes."""


@lru_cache(maxsize=4096)  # flows ask it of every argument
def is_own(path: str) -> bool:
    """Whether one run has the path for itself: a temporary name, or one with a process number."""
    return bool(path) and _OWN.search(path) is not None and not is_predictable(path)


def is_predictable(path: str) -> bool:
    """Whether the path lies in the temporary folder of all users under a name that others can guess."""
    return _PUBLIC.search(path) is not None and not _PREDICTABLE.search(path)


def is_system_path(path: str) -> bool:
    """Whether the path is written down as a literal that means the same file to every process of the machine."""
    return _SYSTEM.match(path) is not None


def is_command(module: str, script: bool = True) -> bool:
    """Whether a module is part of a command line, which a user runs once at a time.

    `script`: whether it can be run itself, without which `tools` is a package like any other.
    """
    parts = module.replace("\\", "/").removesuffix(".py").split("/")
    known = _COMMANDS | {"tools"} if script else _COMMANDS
    return not known.isdisjoint(part if part.startswith("__") else part.strip("_") for part in parts)


def is_of_one_run(*names: str) -> bool:
    """Whether the names of functions and classes say that their paths are those of one run."""
    return any(word.lower() in _RUN for name in names for word in _WORD.findall(name))


def is_step_of_one_run(function: str) -> bool:
    """Whether a function's name says that its files are those of one run; what is built or unpacked may be kept for others."""
    return any(word.lower() in _RUN - _FILLING for word in _WORD.findall(function))


def is_conversion(function: str) -> bool:
    """Whether a function is called after a change that is made once, by who administers."""
    return any(word.lower() in ("convert", "migrate", "migration", "upgrade") for word in _WORD.findall(function))


def is_pid_file(path: str) -> bool:
    """Whether the file holds the number of one process, which made it and takes it away."""
    return _PID_FILE.search(path) is not None


def is_socket(*paths: str) -> bool:
    """Whether the path is that of a socket, which the server that listens there makes and takes away."""
    return any(not _SOCKETS.isdisjoint(words_of_name(path.rpartition(".")[2])) for path in paths)


_SOCKETS = frozenset({"sock", "socket"})


def is_spare(*paths: str) -> bool:
    """Whether the file is the copy that is kept of an older one: nobody reads it while all is well."""
    return any(word.lower() in _SPARE for path in paths for word in _WORD.findall(path))


def says_little(name: str) -> bool:
    """Whether a name says that it holds a path and not which one, so that another function's is another path."""
    return all(word.lower() in _VAGUE for word in _WORD.findall(name))


_PID_FILE = expression(r"(?<![a-z])pid_?file", re.IGNORECASE)
_SPARE = frozenset("backup bak".split())
_VAGUE = frozenset(
    "path file filename filepath fname fpath full abs absolute local name target dest destination source src dst "
    "folder directory dir entry item child".split()
)


def makes_any_folder(function: str) -> bool:
    """Whether a function is called after the making of folders: `mkdir_p`, `ensure_directory`."""
    words = {word.lower() for word in _WORD.findall(function)}
    if "empty" in words:  # whoever has it emptied has it alone
        return False
    if words & _MAKERS or ("ensure" in words and words & _PLACES):
        return True
    public = not function.startswith("_")
    return public and bool(words & _MAKING) and bool(words & (_PLACES - {"path"})) and words.isdisjoint(_RUN)


def is_place(name: str) -> bool:
    """Whether the last word of a name says that it holds a folder: `self.cache_dir`."""
    words = words_of_name(name.rpartition(".")[2])
    return bool(words) and words[-1] in _PLACES | _ROOTS


_ROOTS = frozenset("root home base basedir rootdir".split())


def makes_any_link(function: str) -> bool:
    """Whether a function is called after the making of links: `sym_link`, `force_symlink`."""
    words = {word.lower() for word in _WORD.findall(function)}
    return bool(words & {"symlink", "hardlink"}) or {"sym", "link"} <= words


def is_of_one_row(path: str) -> bool:
    """Whether the last part of the path is the key of a row, so that who works on the row alone makes it."""
    return _ROW.search(path) is not None


_ROW = expression(r"\.(id|pk)(\)|\})*[\"']?$")


def words_of_name(text: str) -> list[str]:
    """The words of a name; of one that was put together of two, as `cachedir`, the one that says what it is."""
    return [_told_by(word) for word in map(str.lower, _WORD.findall(text))]


@lru_cache(maxsize=4096)
def _told_by(word: str) -> str:
    together = _COMPOUND.fullmatch(word) if word not in SHARED_WORDS else None
    return str(together["first"] or together["last"]) if together else word


def words_of_paths(text: str) -> frozenset[str]:
    """The words of a text that would say that processes share a path, if they stood in one."""
    found = {_told_by(word) for word in set(map(str.lower, set(_WORD.findall(text))))} & _SAYING
    lower = text.lower()
    if ("key" in lower or ".pem" in lower) and _KEY_FILE.search(text):
        found.add(KEY)
    if _SYSTEM_ANYWHERE.search(text):
        found.add(SYSTEM)
    if is_parent(text) or ".parent" in text:
        found.add(PARENT)
    if _CONSTANT_ANYWHERE.search(text) or _ROOTED.search(text):  # the shorter search first
        found.add(ROOTED)
    return frozenset(found)


KEY, SYSTEM, PARENT, ROOTED = "key", "/", "..", "~"
"""Stand among such words for a file that holds a key, a path of the machine, the folder of a path, and a place that is known."""

_SAYING = SHARED_WORDS | CONFIGURED | ENSURED | FOLDERS


def is_parent(path: str) -> bool:
    """Whether the path is the folder of another one, so that the files of several processes meet in it."""
    return "dirname(" in path or path.endswith(".parent")


def is_folder_of_file(path: str) -> bool:
    """Whether the path is itself the folder of another one, and not one below such a folder."""
    start = _FOLDER.match(path)
    if start is None:
        return path.endswith(".parent")
    depth, end = 1, start.end()
    while end < len(path) and depth:
        depth += {"(": 1, ")": -1}.get(path[end], 0)
        end += 1
    return not path[end:].strip(")")


_SAME = r"(?:(?:[\w.]+\.)?(?:abspath|realpath|normpath|expanduser|fspath|str|Path)\()*"
_FOLDER = expression(_SAME + r"(?:[\w.]+\.)?dirname\(")
_DRESSED = expression(rf"^{_SAME}(?:(?:[\w.]+\.)?dirname\()?{_SAME}")
"""What stands around a path and names the same one, or its folder."""

_ROOTED = expression(
    r"expanduser\(|\bhome\(\)|environ\b|getenv\(|gettempdir\(|__file__|sys\.(?:prefix|executable)|getsitepackages|getusersitepackages"
    r"|(?<![\w.])\w*(?:dir|folder|home|root)\(\)"
    r"|(?:user|site)_(?:cache|data|config|log|state|runtime)_(?:dir|path)\b"
)
"""What names a place that is the same for all processes of a user: the home, the environment, the folder of the package."""
_CONSTANT = expression(
    r"(?:[A-Za-z_]\w*\.)*[A-Z][A-Z0-9]*_[A-Z0-9_]*(?![A-Za-z0-9(])|[rub]*[\"'][~/](?![^\"']*[{%])[^\"']+[\"']$"
)
_CONSTANT_ANYWHERE = expression(r"\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b|\(\s*[rub]*[\"'][^\"'\n{%]+[\"']\s*\)")


def place_of_all(path: str) -> str:
    """What says that the path is one place for all processes that run the code; "" if nothing does."""
    found = _ROOTED.search(path) or _CONSTANT.match(_DRESSED.sub("", path))
    return found.group().rstrip("(") if found else ""


def is_of_user(place: str) -> bool:
    """Whether a place that is the same for all processes is that of one user, who runs one program at a time."""
    return place in ("expanduser", "home()", "home")


def is_storage(class_name: str) -> bool:
    """Whether a class is called after a storage: `FileStorage`; what only speaks of one may mean anything."""
    return class_name.lower().endswith(("storage", "persistence"))


def is_built(path: str) -> bool:
    """Whether the path lies in a folder in which something is built: that is one build's."""
    return any(word.lower() in ("build", "builds") for word in _WORD.findall(path))


def shared_word(*names: str, more: frozenset[str] = frozenset(), only: frozenset[str] = SHARED_WORDS) -> str:
    """The first word of the names that says that several processes use the path; "" if there is none."""
    for name in names:
        for word in words_of_name(_OTHER_MEANING.sub("", name)):
            if word in only or word in more:
                return word
        if more >= CONFIGURED and _KEY_FILE.search(name):
            return KEY
    return ""


_OTHER_MEANING = expression(
    r"(?<=[\"'/])\.cache(?=[\"'/])|state_dict|caches?(?=\.(?:conf|cnf|cfg|ini)\b)|(?:lower|upper)case_token|(?i:dependenc(y|ies)|requirements|packages?|poetry|uv|pdm|cargo|pipfile|conda|yarn|npm)[._-]?lock(file)?"
)
"""What holds such a word and does not mean it: the folder of a user in which all sorts of files lie, the weights of a model, what a
server of caches is configured with, the list of pinned dependencies."""

_KEY_FILE = expression(r"(?i)(?<![a-z])keys?_?(file|path)|[a-z]_key[\"']|[.]key[\"']|[.]pem[\"']")
"""A file that holds a key; what only speaks of one may mean an entry of a dictionary."""
