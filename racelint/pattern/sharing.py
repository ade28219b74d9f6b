"""Why other processes use a path: what a unit is run by, what names say of the file, where a folder lies."""

from __future__ import annotations

import re

from racelint.events import Access, Op
from racelint.evidence import Evidence, Root
from racelint.expressions import expression
from racelint.facts import CallSite, FunctionFacts
from racelint.finding import Confidence
from racelint.paths import (
    CACHED,
    CONFIGURED,
    COOKIES,
    FOLDERS,
    KEPT_WORDS,
    KEY,
    LOCKED,
    PATH_MOVES,
    SHARED_WORDS,
    WORKER_LIBRARIES,
    is_built,
    is_conversion,
    is_folder_of_file,
    is_of_one_row,
    is_of_one_run,
    is_of_user,
    is_place,
    is_socket,
    is_step_of_one_run,
    is_storage,
    is_system_path,
    makes_any_folder,
    makes_any_link,
    place_of_all,
    shared_word,
)
from racelint.pattern.own_paths import made_of
from racelint.pattern.programs import (
    by_the_first,
    in_many_processes,
    lock_between_processes,
    of_a_command,
    of_one_program,
    run_by_one,
)
from racelint.pattern.rounds import started_by_round
from racelint.pattern.unit import Unit
from racelint.words import first_word


def used_by_others(
    unit: Unit, access: Access, more: frozenset[str] = frozenset(), weak: frozenset[str] = frozenset()
) -> Evidence | None:
    """Why other processes use the same path: the unit runs in several, or names say what the file is for.

    `more` are further words that say so here, `weak` some that say only that one run after the other does.
    """
    found = unit.module.concurrency.handled_in_processes(unit.facts.qualname)
    resource = access.resource
    if unit.module.concurrency.on_own_machine(unit.facts.qualname):
        return None
    if found is not None:
        own = started_by_round(unit) and _may_be_own(unit, access)
        return Evidence(found.text, Confidence.LOW if own else Confidence.MEDIUM, "processes")
    started = _by_own_threads(unit, access)
    if started is not None:
        return started
    if of_a_command(unit) or run_by_one(unit) or is_of_one_run(unit.facts.owner) or is_built(resource.path):
        return None
    steps = (unit.facts.name, access.place.unit.rpartition(".")[2])
    if access.op is not Op.CREATE and any(map(is_step_of_one_run, steps)):
        return None
    if access.op is not Op.CREATE and is_socket(resource.path, resource.name):
        return Evidence("the server that listens at a socket has it for itself", Confidence.LOW, "processes")
    if is_system_path(resource.path):
        text = "the path is the same for every process of the machine"
        return Evidence(text, Confidence.MEDIUM, "processes", by_name="path")
    word = _telling(resource.path, resource.name, more=more)
    alone = (
        word in CACHED | CONFIGURED and unit.module.scope.index.processes.windowed
    )  # a user has one window of the program
    weak_word = (
        alone
        or word == KEY
        or word in COOKIES - more
        or _in_folder_of_caller(unit, access, word, more)
        or (word in CACHED and _named_by_argument(unit, access, more))
    )  # keys are mostly made by the one server, and cookies are those of one client
    if word:
        return Evidence(
            f"`{word}` in the path says that {'runs of a program' if alone else 'processes'} share it",
            Confidence.LOW if weak_word else Confidence.MEDIUM,
            "processes",
            by_name="" if word in LOCKED else "both" if _word_of_code(unit, more) in CACHED else "path",
        )
    if is_storage(unit.facts.owner):
        # by a class's name alone: of thirteen such findings that were read, five were right, all of files that others read
        return Evidence(f"`{unit.facts.owner}` is a storage, which processes share", Confidence.LOW, "processes")
    word = _word_of_code(unit, more)
    if word:
        return Evidence(
            f"`{word}` in the name of `{unit.facts.qualname}` or of its module says that processes share the path",
            Confidence.LOW
            if word in COOKIES - more or (word not in more and _of_caller(unit, access))
            else Confidence.MEDIUM,
            "processes",
            by_name="" if word in LOCKED else "code",
        )
    word = shared_word(resource.path, resource.name, unit.facts.qualname, *_parts(unit), only=KEPT_WORDS, more=weak)
    if word:
        return Evidence(f"`{word}` says that runs of a program share the path", Confidence.LOW, "processes")
    return None


def _word_of_code(unit: Unit, more: frozenset[str]) -> str:
    """The word in the name of the function, its class or module that says that processes share its files."""
    of_code = (_OF_CODE.sub("", part) for part in (unit.facts.owner, *_parts(unit)))
    return _telling(unit.facts.name, *of_code, more=more)


def _parts(unit: Unit) -> list[str]:
    """The names of the module and of the package that it is in."""
    return unit.module.path.replace("\\", "/").removesuffix(".py").split("/")[:-3:-1]


def _telling(*names: str, more: frozenset[str]) -> str:
    """The first word of names that says that processes share a path; one of those that say little if there is no other."""
    return shared_word(*names, more=more, only=SHARED_WORDS - COOKIES) or shared_word(*names, only=COOKIES)


_OF_CODE = expression(r"(?i)shared")
"""What in the name of a module or class is said of its code, which several others use, and not of files."""


def _in_folder_of_caller(unit: Unit, access: Access, word: str, more: frozenset[str]) -> bool:
    """Whether the word stands only in what the unit calls the path, or a part of it, whose folder is handed in under another name."""
    path, facts = access.resource.path, unit.facts
    root, joined, _ = path.partition(" / ")
    if not word or not joined or shared_word(_FILLED_IN.sub("", path), more=more):
        return False
    return root in {name for name, _ in facts.params[bool(facts.owner) :]}


def _named_by_argument(unit: Unit, access: Access, more: frozenset[str]) -> bool:
    """Whether only an argument is called so, of the unit or of a helper, and none of those in the module that call it hands it
    anything of such a name: the work of one run may be kept there for the next."""
    given = _AS_PATH.fullmatch(access.resource.path)
    if access.op is Op.CREATE or given is None:
        return False
    scope, concurrency = unit.module.scope, unit.module.concurrency
    handed = [
        call.arguments[place]
        for function in (
            scope.functions[one] for one in concurrency.runs(unit.facts.qualname) if one in scope.functions
        )
        for place, (name, _) in enumerate(function.params[bool(function.owner) :])
        if name == given[1]
        for _, call in concurrency.callers.get(function.qualname, ())
        if len(call.arguments) > place
    ]
    return bool(handed) and all(
        NAMES.match(one) and "=" not in one and not shared_word(one, more=more) for one in handed
    )


def _of_caller(unit: Unit, access: Access) -> bool:
    """Whether a file is one that the caller names, as `save(path)` of any object writes it; folders are made for many files."""
    given = _AS_PATH.fullmatch(access.resource.path)
    return access.op is not Op.CREATE and given is not None and given[1] in {name for name, _ in unit.facts.params}


_AS_PATH = expression(r"(?:(?:(?:pathlib\.)?Path|str|os\.fspath)\()?(\w+)\)?(?:\.(?:resolve|absolute|expanduser)\(\))?")
"""A name, or the path that it stands for."""


_FILLED_IN = expression(r"\{[^{}]*\}")
"""What a formatted text is filled with."""


def _by_own_threads(unit: Unit, access: Access) -> Evidence | None:
    """That the module itself starts the unit in several threads, and that nothing they are handed says which path each of them has."""
    facts, concurrency = unit.facts, unit.module.concurrency
    if access.place.unit != facts.qualname or is_built(access.resource.path):
        return None
    roots = (concurrency.roots[number] for number in concurrency.reached.get(facts.qualname, ()))
    if not any(r.world == "threads" and r.many and not (r.public or r.called or r.handler or r.waited) for r in roots):
        return None
    if _may_be_own(unit, access):
        return None
    return Evidence("several threads that the module starts use the path", Confidence.MEDIUM, "threads")


def _may_be_own(unit: Unit, access: Access) -> bool:
    """Whether the path may be that of one of the runs that are started: it is made of an argument, or nothing says of what."""
    facts = unit.facts
    helper = unit.module.scope.functions.get(access.place.unit, facts)
    own = {name for name, _ in facts.params[bool(facts.owner) :]} | _handed_names(unit, helper)
    paths = with_listings(unit, access)
    words = {name for path in paths for name in NAMES.findall(path)}
    if words <= facts.local_names | helper.local_names and not any("'" in path or '"' in path for path in paths):
        return True  # nothing says where a local path comes from
    return made_of(unit, helper, words, own)


def _handed_names(unit: Unit, helper: FunctionFacts) -> set[str]:
    """The arguments of a helper of the unit that somebody hands it something for which is no text or number written down."""
    if helper is unit.facts:
        return set()
    calls = [call for _, call in unit.module.concurrency.callers.get(helper.qualname, ())]
    return {
        name
        for place, (name, _) in enumerate(helper.params[bool(helper.owner) :])
        if any(call.arguments[place:] and call.arguments[place].partition(".")[0].isidentifier() for call in calls)
    }


def with_listings(unit: Unit, access: Access) -> list[str]:
    """The path, and those of the folders in whose listing it was found."""
    listed = (unit.access(number) for number in access.value.stems)
    return [access.resource.path, *(a.resource.path for a in listed if a is not None and a.how == "list")]


def asks_somebody(unit: Unit) -> bool:
    """Whether the unit waits for a user, who types or logs in."""
    return any(mark.subject.rpartition(".")[2] in _ASKS for mark in unit.marks("call"))


_ASKS = frozenset({"input", "getpass", "prompt", "confirm", "run_local_server", "run_console", "run_flow"})
"""Last names of calls that return when a user has answered."""


def made_by_others(unit: Unit, act: Access) -> Evidence | None:
    """Why other processes make the same folder."""
    path = act.resource.path
    if by_the_first(unit) or is_conversion(unit.facts.name) or made_by_constructor(unit, path):
        return None
    if makes_any_folder(unit.facts.name) and not of_one_program(unit) and not is_built(path):
        any_caller = _medium(f"`{unit.facts.name}` makes folders for whoever calls it, also for several at once")
        several = _for_callers_out_of_view(unit, act) or unit.module.concurrency.runs_in_processes(unit.facts)
        return any_caller if several else any_caller.weakened()
    found = used_by_others(unit, act, weak=FOLDERS)
    if is_of_one_run(unit.facts.qualname) or is_of_one_row(path):
        return None
    if found is not None and _SETTING.fullmatch(path):
        handled = unit.module.concurrency.handled_in_processes(unit.facts.qualname) is not None
        return found if handled else found.weakened()
    if found is not None and _of_some_cache(unit, act):
        return _meeting(unit, act) or found.weakened()
    if (found is not None and found.strength is Confidence.MEDIUM) or of_one_program(unit) or is_built(path):
        return found
    return _meeting(unit, act) or found


def _for_callers_out_of_view(unit: Unit, act: Access) -> bool:
    """Whether a function is told which folder it makes itself, and no other module of the project calls it by its name.

    Else it is those callers that say whether there are several at once: of sixteen such findings that were read, five were right.
    """
    facts = unit.facts
    if act.place.unit != facts.qualname or not facts.params[bool(facts.owner) :]:
        return False
    index = unit.module.scope.index
    others = index.mentions.get(facts.name, set()) - {unit.module.path}
    if others:  # some of them may have a function of their own with that name
        others -= {m.path for m in index.modules if any(function.name == facts.name for function in m.functions)}
    return facts.name in PATH_MOVES or not others


_SETTING = expression(r"""[A-Za-z_]\w*\[["']\w+["']\]""")
"""A whole folder that settings name, which is mostly there since the program was started: `options["cache_dir"]`."""


def _of_some_cache(unit: Unit, act: Access) -> bool:
    """Whether a folder is one of a cache, by its name alone, and neither an object keeps it nor does the function give the place.

    Of eighteen such findings that were read, seven were right: the folder is mostly there by then, made by who has started the program.
    """
    path, function = act.resource.path, act.place.unit.rpartition(".")[2]
    if shared_word(path, act.resource.name) not in CACHED or is_system_path(path):
        return False
    if unit.module.concurrency.handled_in_processes(unit.facts.qualname) is not None:
        return False
    kept = path.startswith("self.") or act.resource.name.startswith("self.") or unit.is_constructor
    gives = shared_word(function, only=CACHED) and (is_place(function) or function.endswith("path"))
    return not kept and not gives


def made_by_constructor(unit: Unit, path: str) -> bool:
    """Whether the constructor of the object makes the folder, too: it is there when any other method looks for it.

    Unless another method changes which folder it is.
    """
    scope, (root, _, name) = unit.module.scope, path.partition(".")
    if not unit.facts.owner or root != "self":
        return False
    above = (scope.methods.get(class_.qualname, {}).get("__init__") for class_ in scope.lineage(unit.facts.owner))
    constructors = [one for one in above if one is not None]  # those of its bases run, too
    if unit.facts in constructors:
        return False
    if any(function not in constructors for function, _ in scope.attribute_writes(unit.facts.owner, name)):
        return False
    return any(
        call.callee.rpartition(".")[2] in ("makedirs", "mkdir")
        and path in (call.callee.rpartition(".")[0], *call.arguments)
        for constructor in constructors
        for call in constructor.calls
    )


def by_name_of_code(unit: Unit, act: Access, found: Evidence) -> bool:
    """Whether only what a function, class or module is called says that processes meet at the path."""
    path = act.resource
    return (
        found.world == "processes"
        and unit.module.concurrency.handled_in_processes(unit.facts.qualname) is None
        and not is_system_path(path.path)
        and not shared_word(path.path, path.name)
    )


def threads_handed_alike(unit: Unit, act: Access) -> Evidence | None:
    """That the module starts the unit in many threads and hands each the same text for the path, or the folder that it lists."""
    facts, concurrency = unit.facts, unit.module.concurrency
    names = {name for one in with_listings(unit, act) for name in NAMES.findall(one)}
    places = [place for place, (name, _) in enumerate(facts.params[bool(facts.owner) :]) if name in names]
    roots = (concurrency.roots[number] for number in sorted(concurrency.reached.get(facts.qualname, ())))
    root = next((r for r in roots if r.unit == facts.qualname and r.world == "threads" and r.many), None)
    if root is None or root.public or not places:
        return None
    sites = [
        (caller, call)
        for caller in (*unit.module.scope.facts.functions, unit.module.scope.facts.module_body)
        for call, _ in concurrency.spawning_calls(caller)
        for argument in call.arguments
        if any(started.qualname == facts.qualname for started in concurrency.spawned_units(argument, caller, call.line))
    ]
    alike = bool(sites) and all(_given_alike(caller, call, place) for caller, call in sites for place in places)
    return _medium(root.text) if alike else None


def looked_for_by_threads(unit: Unit, test: Access, act: Access) -> Evidence | None:
    """That threads of the module look for a free name in a loop, which says that several are given the same one, and then take it."""
    facts, concurrency = unit.facts, unit.module.concurrency
    if (
        test.how != "while"
        or {test.place.unit, act.place.unit} != {facts.qualname}
        or not looks_further(unit, test, act)
    ):
        return None
    roots = (concurrency.roots[number] for number in sorted(concurrency.reached.get(facts.qualname, ())))
    root = next((r for r in roots if r.world in ("threads", "processes") and r.many and not _of_callers(r)), None)
    return _medium(root.text) if root is not None else None


def _of_callers(root: Root) -> bool:
    """Whether only who calls the module may run a unit at once."""
    return root.public or root.called or root.documented


def looks_further(unit: Unit, test: Access, act: Access) -> bool:
    """Whether what the path is made of is set anew between the test and the step: another name is tried each time."""
    names = "|".join(map(re.escape, NAMES.findall(act.resource.path)))
    lines = unit.module.program.lines[unit.module.line(test) : unit.module.line(act) - 1]
    return bool(names) and any(re.match(rf"\s+(?:{names})\s*\+?=", line) for line in lines)


def _given_alike(caller: FunctionFacts, call: CallSite, place: int) -> bool:
    """Whether what the call starts gets the same each time at a place among its arguments.

    A text that is written down, or what the caller itself was handed and calls by the same name all the time.
    """
    packed = next((given[len("args=") :] for given in call.arguments if given.startswith("args=(")), None)
    given = packed.strip("()").split(", ") if packed is not None else call.arguments[1:]
    if place >= len(given):
        return False
    kept = {name for name, _ in caller.params} - caller.loop_names - {name for name, _ in caller.locals_built}
    return given[place] == LITERAL or (call.looped and given[place] in kept)


def linked_by_others(unit: Unit, act: Access) -> Evidence | None:
    """Why other processes make or use the same link."""
    links = act.how in ("symlink", "link", "symlink_to", "hardlink_to")
    if links and makes_any_link(unit.facts.name) and not of_a_command(unit):
        return _medium(f"`{unit.facts.name}` makes links for whoever calls it; who follows one finds none in between")
    found = used_by_others(unit, act)
    return found.weakened() if found is not None and by_name_of_code(unit, act, found) else found


def _meeting(unit: Unit, act: Access) -> Evidence | None:
    """What says that processes meet where a folder is made: the place, the module, or that the files of several lie in it.

    What a program does when it starts or sets something up it does once, mostly alone: the place says little then. Little, too, says
    a place in the home of one user. The folder of a file whose path a caller gives is mostly that caller's (of nineteen such findings
    that were read, six were right); not so where an object that stays has the place, if the project works in several processes (of
    eleven that were read, the five of such projects were right, and two of the others).
    """
    path = act.resource.path
    starting = first_word(act.place.unit.rpartition(".")[2]) in unit.module.models.lifecycle
    place = place_of_all(path) if not starting else ""
    if place and not is_of_user(place):
        return _medium(f"`{place}` is the same place for every process that runs this")
    lock = lock_between_processes(unit)
    if lock:
        return _medium(f"`{lock}` in the same module keeps processes apart, so there are several")
    many = in_many_processes(unit)
    if many and not starting and not (many in WORKER_LIBRARIES and _below_given(unit, path)):
        return _medium(f"`{many}` runs the module in several processes at once")
    if is_folder_of_file(path) and _kept_by_object(unit, act) and unit.module.scope.index.processes.in_many_processes:
        return _medium("it is the folder of other files, which several processes can write")
    threads = _met_by_threads(unit, path)
    if threads is not None:
        return threads
    if place:
        return Evidence(f"`{place}` is the same place for every process of one user", Confidence.LOW, "processes")
    if is_folder_of_file(path):
        return Evidence(
            "it is the folder of a file, and nothing says that several processes write there",
            Confidence.LOW,
            "processes",
        )
    return None


def _below_given(unit: Unit, path: str) -> bool:
    """Whether the folder lies in one that the caller gives, or the object has: a request or job may have one of its own."""
    root, joined, _ = path.partition(" / ")
    given = {name for name, _ in unit.facts.params[bool(unit.facts.owner) :]}
    return bool(joined) and (root in given or root.startswith("self."))


def _kept_by_object(unit: Unit, act: Access) -> bool:
    """Whether a path is made of what the object of the method has, or by a method of it; not what it hands to a helper."""
    if act.place.unit != unit.facts.qualname:
        return False
    built = dict(unit.facts.locals_built)
    names = set(NAMES.findall(act.resource.path))
    names |= {built[name].partition(".")[0] for name in names if name in built}
    return not names.isdisjoint({"self", "cls"})


def _met_by_threads(unit: Unit, path: str) -> Evidence | None:
    """That the module starts several threads that make the folder; none of them was handed a part of its path."""
    own = unit.facts.local_names | {name for name, _ in unit.facts.params}
    if own & {*NAMES.findall(path)} - {"self", "cls"}:
        return None
    concurrency = unit.module.concurrency
    roots = (concurrency.roots[number] for number in sorted(concurrency.reached.get(unit.facts.qualname, ())))
    root = next((r for r in roots if r.world == "threads" and r.many and r.strength is Confidence.HIGH), None)
    return _medium(root.text) if root is not None and not root.handler else None


LITERAL = "''"
"""How facts tell of an argument that is a text which stands there."""

NAMES = expression(r"(?<![\w.\"'])([A-Za-z_]\w*)")


def _medium(text: str) -> Evidence:
    return Evidence(text, Confidence.MEDIUM, "processes")
