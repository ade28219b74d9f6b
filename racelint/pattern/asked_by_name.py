"""What is asked of a file by its name before it is opened by its name: rights, size, and whether a request may have it."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.events import Access, Kind, Op, Sense
from racelint.evidence import Evidence
from racelint.expressions import expression
from racelint.finding import Confidence
from racelint.paths import is_system_path
from racelint.pattern.files import forgiven, one_path, refuses_if_otherwise
from racelint.pattern.own_paths import is_own_file
from racelint.pattern.unit import Unit


def named_by_request(unit: Unit, access: Access) -> Evidence | None:
    """That a request names a file in a folder of the machine: who asks for it at the moment when it is taken away gets an error of the
    server.

    In a folder of the application only the application takes files away, which can be seen.
    """
    concurrency, facts = unit.module.concurrency, unit.facts
    roots = (concurrency.roots[number] for number in concurrency.reached.get(facts.qualname, ()))
    root = next((r for r in roots if r.unit == facts.qualname and r.handler and r.processes and not r.called), None)
    if root is None or root.text.endswith(" job") or not is_system_path(access.resource.path.removeprefix("f")):
        return None
    asked = {name for name, _ in facts.params[bool(facts.owner) :]}
    path = _STRINGS.sub("", access.resource.path) + " ".join(_FILLED_WITH.findall(access.resource.path))
    if not _REQUEST.search(path) and asked.isdisjoint(_NAMES.findall(path)):
        return None
    return Evidence(f"{root.text}, and what is asked for names the file", Confidence.MEDIUM, "processes")


_STRINGS = expression(r"([\"'])[^\"']*\1")
_NAMES = expression(r"(?<![\w.])[A-Za-z_]\w*(?![\w.])")
_FILLED_WITH = expression(r"\{(\w+)")
_REQUEST = expression(r"(?<![A-Za-z])request_?\.")


def rights_then_opened(unit: Unit) -> Iterator[tuple[Access, Access, Evidence | None]]:
    """Questions whether the process may have a file (`os.access`), each with the step that opens it, which fails if that has changed."""
    for act in unit.accesses(Op.USE, Op.READ, Op.WRITE, kinds=(Kind.FILE,)):
        if act.how not in _OPENS or forgiven(unit, act) or "PermissionError" in act.forgiven:
            continue
        if is_own_file(unit, act.resource):
            continue
        for number, sense in act.control:
            test = unit.access(number)
            if (
                test is not None
                and test.op is Op.CHECK
                and test.how == "access"
                and sense is Sense.PRESENT
                and one_path(unit, test, act)
                and not unit.guarded(test, act)
                and not refuses_if_otherwise(unit, test, act, sense)
            ):
                yield test, act, unit.module.concurrency.handled_in_processes(unit.facts.qualname)
                break


def measured_then_opened(unit: Unit) -> Iterator[tuple[Access, Access, Evidence]]:
    """Files whose size is asked by their name, each with the step that opens them by it, and who puts another file there.

    What is measured is then not what is read.
    """
    for act in unit.accesses(Op.USE, Op.READ, kinds=(Kind.FILE,)):
        if act.how not in _READS or any("fstat" in mark.subject for mark in unit.marks("call", "slow")):
            continue
        for number, sense in act.control:
            test = unit.access(number)
            if (
                test is not None
                and test.op is Op.USE
                and sense in (Sense.OTHER, Sense.OTHERWISE)
                and _asks_size(unit, test)
                and one_path(unit, test, act)
                and not unit.guarded(test, act)
            ):
                writer = _put_elsewhere(unit, act)
                handled = unit.module.concurrency.handled_in_processes(unit.facts.qualname)
                if writer and handled is not None:
                    text = f"`{writer}` puts another file there; {handled.text}"
                    yield test, act, Evidence(text, Confidence.MEDIUM, "processes")
                break


_READS = frozenset("open read_text read_bytes".split())
_OPENS = _READS | frozenset("append truncate write_text write_bytes".split())


def _asks_size(unit: Unit, test: Access) -> bool:
    """Whether it is the size that is asked for, and not, say, when the file was changed, which says whether to read it again."""
    if test.how == "getsize":
        return True
    line = unit.module.line(test)
    return test.how in ("stat", "lstat") and "st_size" in "".join(unit.module.program.lines[line - 1 : line + 2])


def _put_elsewhere(unit: Unit, act: Access) -> str:
    """The other function of the module that writes the file, or puts another one in its place; "" if none does."""
    if not {'"', "'"} & set(act.resource.path) and act.resource.path not in unit.module.scope.assigned:
        return ""
    for function in unit.module.scope.facts.functions:
        if function.qualname == unit.facts.qualname or not any(
            call.callee.rpartition(".")[2] in _PUTS for call in function.calls
        ):
            continue
        other = unit.module.unit(function.qualname)
        writes = other.accesses(Op.WRITE, kinds=(Kind.FILE,)) if other is not None else ()
        if any(write.resource.path == act.resource.path for write in writes):
            return function.qualname
    return ""


_PUTS = frozenset("open replace rename move write_text write_bytes copy copyfile copy2 save dump".split())
