"""A path is tested, and then made, used or removed in a separate step.

Another process can make or remove the same path between the two. The step then fails although the test had allowed it, or two
processes do what only one should do: so it is with files that say which process is at work.

## Example
    import os

    def prepare(folder: str) -> None:
        if not os.path.exists(folder):
            os.makedirs(folder)

## Use instead
    import os

    def prepare(folder: str) -> None:
        os.makedirs(folder, exist_ok=True)

## Missed alarms
Paths that are tested under one name and used under another. Words of a path or of the code say only that processes could meet there:
so, too, where nothing shows that several run (a handler, a thread, a pool, a lock between processes, a server), or only commands do it.
Where the project is there to show more, a name is too little for a file that is only read or written: low confidence.
"""

from collections.abc import Iterable, Iterator

from racelint.finding import Confidence, Finding, Fix, Role, World
from racelint.frozen import replace
from racelint.need import Need
from racelint.pattern import CONFIGURED, ENSURED, Access, Evidence, Op
from racelint.pattern.asked_by_name import measured_then_opened, named_by_request, rights_then_opened
from racelint.pattern.files import (
    copied,
    forgiven,
    made_after_any_test,
    moved_once,
    named_temporary,
    pid_file_of_one,
    put_there,
    refuses_if_there,
    removed_then_made,
    same_content,
    tested_before_lock,
    tested_then_done,
    written_in_place,
)
from racelint.pattern.filled_whole import cached_again, filled_between, filled_whole, of_defaults
from racelint.pattern.held_outside import locked_outside
from racelint.pattern.hidden import holds_secret, written_then_hidden
from racelint.pattern.links import links_refused
from racelint.pattern.listings import awaited_then_read, entry_removed_elsewhere, listed_then_used
from racelint.pattern.lone import made_by_unseen
from racelint.pattern.markers import MADE_EMPTY, says_at_work
from racelint.pattern.module import Module
from racelint.pattern.overwrites import emptied_in_place
from racelint.pattern.own_paths import has_process_number, made_for_one_call
from racelint.pattern.own_steps import in_one_step_of_a_loop, own_failure_cleaned, refused_alike
from racelint.pattern.path_users import removed_elsewhere
from racelint.pattern.programs import of_a_command
from racelint.pattern.removing import made_anew, moved_by_others, removed_by_others
from racelint.pattern.seldom import seldom_run
from racelint.pattern.several import only_named, others_can_make
from racelint.pattern.sharing import (
    asks_somebody,
    linked_by_others,
    looked_for_by_threads,
    made_by_others,
    threads_handed_alike,
    used_by_others,
)
from racelint.pattern.start_documents import begins_document
from racelint.pattern.unit import Unit
from racelint.pattern.unused import is_used
from racelint.rule import Rule

EVERYBODY = Evidence("every process on the machine reaches the same path", Confidence.MEDIUM)
READABLE = replace(EVERYBODY, by_hand=True)
"""So do other users while one of them runs a command."""
UNSEEN = Evidence("whoever else uses the path is not in view", Confidence.MEDIUM)
UNKNOWN = Evidence("nothing says whether other processes use the path", Confidence.LOW)

EAFP = "do it and handle the error: `missing_ok=True`, `FileNotFoundError`"
TOLERATE = "do it and let it be there: `exist_ok=True`, mode `x`"


def find(module: Module) -> Iterable[Finding]:
    """A step on a path that rests on a test of the path, and whose failure nobody handles."""
    for unit in module.units:
        for test, act, message, evidence, advice, harm in races(unit):
            name = act.resource.name
            seldom = (
                (not evidence.by_hand and seldom_run(unit))
                or (only_named(unit, act, evidence) and not others_can_make(act))
                or _written_once(unit, act, evidence)
                or in_one_step_of_a_loop(unit, test, act)
                or own_failure_cleaned(unit, test, act)
                or refused_alike(unit, test, act)
                or (test.id != act.id and evidence.strength is not Confidence.LOW and _kept_apart(unit, test, act))
            )
            yield module.finding(
                RULE,
                unit,
                act,
                ((Role.CHECK, test), (Role.ACT, act)) if test.id != act.id else ((Role.ACT, act),),
                message.format(name=f"`{name}`", line=module.line(test)),
                evidence.weakened() if seldom else evidence,
                World.PROCESSES,
                name,
                Fix(advice),
                harm,
            )


def _written_once(unit: Unit, act: Access, evidence: Evidence) -> bool:
    """Whether a file is only written or used, which one run does, and nothing but a name says that there are others at the time.

    Where the project is there to show more: of 24 such findings that were read, three were right.
    """
    return bool(evidence.by_name) and act.op not in (Op.CREATE, Op.DELETE) and unit.module.in_view


def _kept_apart(unit: Unit, test: Access, act: Access) -> bool:
    """Whether a lock between processes is held though no block shows it, or the path is that of one call, whatever it is called."""
    hides = act.how == "chmod"  # what is hidden others can open without a lock
    return not hides and (locked_outside(unit, test, act) or made_for_one_call(unit, act))


Race = tuple[Access, Access, str, Evidence, str, str]
"""The test, the step, the message, why others use the path, what to write instead, the harm."""


def races(unit: Unit) -> Iterator[Race]:
    """All ways in which a step on a path rests on what was seen before."""
    for test, act in awaited_then_read(unit):
        yield (
            test,
            act,
            "{name} is awaited on line {line} and read here; it is there before its writer is done with it",
            # five such findings of whole projects were read, all wrong: who follows a log reads what there is
            EVERYBODY.weakened() if unit.module.in_view else EVERYBODY,
            "read it until its content is whole, or write it under another name and rename it",
            "half-written file",
        )
    links = list(links_refused(unit))
    for test, act in links:
        yield (
            test,
            act,
            "{name} is tested to be no link on line {line} and opened here; whoever may write to its folder can put one there meanwhile",
            EVERYBODY if unit.module.concurrency.handled_in_processes(unit.facts.qualname) is not None else UNKNOWN,
            "open it without following links (`os.open` with `O_NOFOLLOW`), and ask what was opened: `os.fstat`",
            "link followed",
        )
    rights = list(rights_then_opened(unit))
    for test, act, handled in rights:
        yield (
            test,
            act,
            "{name} is asked for its rights on line {line} and opened here; others can change or replace it in between",
            _told(unit, act, None) if handled is None else Evidence(handled.text, Confidence.MEDIUM, handled.world),
            "open it and handle the refusal: `PermissionError`, `OSError`",
            "",
        )
    for test, act, evidence in measured_then_opened(unit):
        yield (
            test,
            act,
            "{name} is measured on line {line} and opened here by its name, which may stand for another file by then",
            evidence,
            "open it, and ask what was opened: `os.fstat`",
            "decision on old state",
        )
    early = list(tested_before_lock(unit))
    late = {act.id for _, act, _ in early} | {act.id for _, act in links} | {act.id for _, act, _ in rights}
    for test, act in tested_then_done(unit):
        if act.id not in late:
            yield from tested(unit, test, act)
    for test, act, lock in early:
        shown = lock.replace("{", "{{").replace("}", "}}")
        yield (
            test,
            act,
            f"{{name}} is tested on line {{line}} and not again here, under `{shown}`; who waited for it does the work again",
            Evidence(
                f"`{lock}` keeps processes apart, so there are several",
                # of five such findings of whole projects that were read, four were wrong: what is done twice ends alike
                Confidence.LOW if unit.module.in_view else Confidence.MEDIUM,
            ),
            "test it again under the lock",
            "done twice",
        )
    for test, act in made_after_any_test(unit):
        yield from tested(unit, test, act)
    for removal, act in removed_then_made(unit):
        if not forgiven(unit, act):
            yield (
                removal,
                act,
                "{name} is removed on line {line} and made again here; another process can make it in between",
                _told(unit, act, linked_by_others(unit, act)),
                TOLERATE,
                "",
            )
    for listing, act in listed_then_used(unit):
        if not forgiven(unit, act):
            yield (
                listing,
                act,
                "{name} comes from the listing on line {line} and is used here; another process can remove it in between",
                entry_removed(unit, listing, act),
                EAFP,
                "",
            )
    for write, act in written_then_hidden(unit):
        yield (
            write,
            act,
            "{name} is written on line {line} and made private here; until then others can open it",
            READABLE if write.how != "copy" and holds_secret(unit, write) else UNKNOWN,  # a copy is no secret as a rule
            "make it private when it is made: `os.open` with a mode, or a temporary file that is renamed",
            "secret readable",
        )
    for name in named_temporary(unit):
        yield (
            name,
            name,
            "{name} is only a name that was free; another process can make the file first",
            # of thirteen such findings of whole projects that were read, six were right: the name is mostly drawn by lot
            UNKNOWN if of_a_command(unit) or unit.module.in_view else EVERYBODY,
            "make the file together with its name: `mkstemp`, `NamedTemporaryFile`",
            "",
        )


def _told(unit: Unit, act: Access, evidence: Evidence | None) -> Evidence:
    """Why others may make the same path; where nothing is there that would tell, they are taken to."""
    found = evidence or UNKNOWN
    return UNSEEN if found.strength is Confidence.LOW and made_by_unseen(unit, act) else found


def _taken_away(unit: Unit, act: Access, evidence: Evidence | None) -> Evidence:
    """Why others remove the same path; where nothing is there that would tell, who makes it anew is taken to meet another who does."""
    again = act.how != "rmtree" and not has_process_number(act.resource.path) and made_anew(unit, act)
    return _told(unit, act, evidence) if again else evidence or UNKNOWN


def entry_removed(unit: Unit, listing: Access, act: Access) -> Evidence:
    """Why an entry of a folder can be gone: there is a function that removes it, or threads of the module that do the same step.

    Two processes that remove it both have what they want; of two threads of a program one ends with an error.
    """
    removes = act.op is Op.DELETE or act.how in ("replace", "move")
    alike = threads_handed_alike(unit, act) if removes else None
    if alike is not None:
        return alike
    evidence = used_by_others(unit, listing) or used_by_others(unit, act)
    if evidence is None or act.op is Op.DELETE or evidence.strength is Confidence.LOW:
        return evidence.weakened() if evidence is not None else UNKNOWN
    remover = (
        removed_elsewhere(unit, act.resource)
        or removed_elsewhere(unit, listing.resource)
        or entry_removed_elsewhere(unit, listing)
    )
    return removed_by(unit, remover) if remover else UNKNOWN


def removed_by(unit: Unit, remover: str) -> Evidence:
    """That a function of the module removes the path; it says little if nothing in the project calls that."""
    text = f"`{remover}` removes or replaces it"
    return Evidence(text, Confidence.MEDIUM if is_used(unit, remover) else Confidence.LOW)


def tested(unit: Unit, test: Access, act: Access) -> Iterator[Race]:
    """A tested path that is then made, removed or used; tolerated failures harm nobody."""
    if act.how == MADE_EMPTY:  # it is there then, whoever has made it
        if says_at_work(unit, test, act) is not None or refuses_if_there(unit, test, act):
            yield (
                test,
                act,
                "{name} is found missing on line {line} and made here in a separate step; two processes do so at once",
                _written_by_others(unit, test, act),
                "make it in one step that fails if it is there: `touch(exist_ok=False)`, mode `x`",
                "done twice",
            )
    elif act.op is Op.CREATE:
        if act.how != "exclusive" and not forgiven(unit, act):
            yield (
                test,
                act,
                "{name} is tested on line {line} and made here in a separate step; another process can be faster",
                _told(unit, act, made_by_others(unit, act)),
                TOLERATE,
                "",
            )
    elif written_in_place(act) or put_there(act):
        alike = same_content(unit, act) or copied(unit, act) or filled_whole(unit, act) or moved_once(unit, act)
        alike = alike or begins_document(unit, act)
        if not alike and not _told_as_half_written(unit, act):
            others = _written_by_others(unit, test, act)
            yield (
                test,
                act,
                "{name} is found missing on line {line} and written here in a separate step; two processes do so at once",
                _told(unit, act, None) if others is UNKNOWN and put_there(act) else others,
                "make it in one step: mode `x`, or write another file and link or rename it",
                "done twice",
            )
    elif act.op is Op.DELETE and not forgiven(unit, act):
        yield (
            test,
            act,
            "{name} is tested on line {line} and removed here in a separate step; another process can be faster",
            UNKNOWN if pid_file_of_one(act) else _taken_away(unit, act, removed_by_others(unit, test, act)),
            EAFP,
            "",
        )
    elif act.op is Op.USE and act.how in ("replace", "move") and not forgiven(unit, act):
        yield (
            test,
            act,
            "{name} is tested on line {line} and moved away here in a separate step; another thread or process can be faster",
            moved_by_others(unit, act) or UNKNOWN,
            EAFP,
            "",
        )
    elif act.op in (Op.USE, Op.READ) and not forgiven(unit, act) and not filled_between(unit, test, act):
        evidence = used_by_others(unit, act)
        remover = (
            removed_elsewhere(unit, act.resource, act.how == "list", act.place.unit) if evidence is not None else ""
        )
        if remover and evidence is not None and evidence.strength is not Confidence.LOW:
            evidence = removed_by(unit, remover)
        else:
            found = test.op is Op.CHECK and test.how != "access" and act.how in _OPENED
            asked = named_by_request(unit, act) if found else None
            evidence = asked or (evidence if remover else None)
        yield (
            test,
            act,
            "{name} is tested on line {line} and used here in a separate step; another process can remove it in between",
            evidence or UNKNOWN,
            EAFP,
            "",
        )


_OPENED = ("open", "read_text", "read_bytes")
"""How a file is opened to be read."""


def _told_as_half_written(unit: Unit, act: Access) -> bool:
    """Whether RL702 says of the same write that others read a part of it: what mends that mends this, too."""
    return any(
        write.id == act.id and evidence.strength is not Confidence.LOW for write, evidence in emptied_in_place(unit)
    )


def _written_by_others(unit: Unit, test: Access, act: Access) -> Evidence:
    """Why others write the file; where somebody is asked first, as for a login, what each of them writes is as good.

    So is what each puts into a cache: who reads it half written is told of by RL702.
    """
    words = CONFIGURED | ENSURED if "ensure" in unit.facts.name else CONFIGURED
    found = used_by_others(unit, act, words)
    if found is None or found.strength is Confidence.LOW:
        found = looked_for_by_threads(unit, test, act) or says_at_work(unit, test, act) or found
    if found is None:
        return UNKNOWN
    alike = (
        asks_somebody(unit)
        or cached_again(unit, test, act)
        or (not _starts_processes(unit) and of_defaults(unit, test, act))
    )
    return found.weakened() if alike else found


def _starts_processes(unit: Unit) -> bool:
    """Whether the project works in several processes, which begin together and read what one of them has written in part."""
    index = unit.module.scope.index
    return "multiprocessing" in index.packages or index.processes.in_many_processes


RULE = Rule("RL701", "file-check-then-use", (World.PROCESSES,), "step fails", __doc__, find, needs=(Need.FILE_STEPS,))
