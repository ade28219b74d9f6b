"""The text of a test."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Sequence
from keyword import iskeyword

from racelint.finding import Finding, Role, World
from racelint.frozen import dataclass
from racelint.repro.guess import Guesser
from racelint.repro.seeds import files, opener
from racelint.repro.subject import Kind, Uncallable, Unit, calls, changes, keeps_state, unit_of, units_of
from racelint.source import Source
from racelint.testing.orders import bare, digest

WIDTH = 120
MOST_RIVALS = 4

BEYOND = {
    "RL201": "who looks between the two changes, or what fails there, must be `second`",
    "RL202": "who looks between the two changes, or what fails there, must be `second`",
    "RL203": "the connection and what is asked over it",
    "RL204": "the queue, and a worker that is faster than the commit",
    "RL306": "the call starts the other unit itself; have that one run before the call goes on",
    "RL402": "each process has a copy of its own: run the call in two processes and compare what they know",
    "RL605": "a loop does not end: call one round of it, and what sets the event as `second`",
    "RL606": "the future and who completes it",
    "RL609": "who waits does not end by itself: call what notifies as `second`",
    "link followed": "how others put a link there before the file is opened",
    "secret readable": "how others open the file before it is private",
}
"""Rules and harms whose bad order is not two calls that each begin and end, and what must be filled in."""

DATABASES = (
    "aiosqlite asyncpg boto3 django motor peewee psycopg psycopg2 pymongo redis sqlalchemy sqlite3 tortoise".split()
)
"""What is imported for rows, of which a test cannot know what they hold."""


@dataclass(frozen=True, slots=True)
class Repro:
    """A test for a finding."""

    text: str
    missing: tuple[str, ...]
    """What has to be filled in before it shows anything."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """What the test does, as source text."""

    unit: Unit
    first: str
    second: tuple[tuple[str, str], ...]
    start: tuple[str, ...]
    """The statements of `start`."""
    start_async: bool
    name: str
    """What the calls share."""
    shown: str
    """Its type."""
    tasks: bool


def write_repro(finding: Finding, source: Source, module: str, command: str) -> Repro:
    """The test for a finding of a source that is imported as `module`; `command` is how it was asked for."""
    tree = ast.parse(source.text)
    guesser = Guesser(tree, smallest=finding.harm == "limit exceeded")
    plan: _Plan | None = None
    try:
        plan = _plan(tree, finding, guesser)
    except Uncallable as error:
        guesser.missing.append(str(error))
    beyond = BEYOND.get(finding.code) or BEYOND.get(finding.harm)
    if beyond is not None:
        guesser.missing.append(beyond)
    missing = tuple(dict.fromkeys(guesser.missing))
    given = []
    through = _through(finding, tree, source, plan is not None and plan.tasks)
    if through is not None:
        given.append(f"through=({_quoted(through[0])}, {_quoted(through[1])}),")
    given.append(f"found_in={_quoted(digest(source.text))},  # as long as the module is this, passing is an error")
    if keeps_state(tree):
        given.append("fresh=True,  # calls change data of the module: each order begins with the module as imported")
    text = _text(finding, module, command, plan, missing, given)
    return Repro(text, missing)


def _plan(tree: ast.Module, finding: Finding, guesser: Guesser) -> _Plan:
    """Raises Uncallable."""
    unit, others = _roles(tree, finding)
    tasks = unit.is_async
    if finding.world is World.TASKS and not tasks:
        raise Uncallable(f"`{unit.name}` does not wait itself: name the coroutine that calls it as `first`")
    if _imports(tree, "trio"):
        raise Uncallable("trio has a loop of its own, and the tests run on asyncio")
    # Tasks and threads of one process share the object, also where others come from other processes.
    alone = finding.world is World.PROCESSES and not tasks and not re.search("[Tt]hread|pool|worker", finding.evidence)
    name = _snake(unit.owner.name) if unit.owner is not None and unit.kind is Kind.METHOD and not alone else "folder"
    call = _Caller(guesser, name, alone=alone)
    first = call.of(unit, 0)
    second = _rivals(unit, others, call, finding)
    begin, shown, opens_async = _start(tree, unit, finding, guesser, name, alone=alone)
    rows = finding.world is World.PROCESSES or (finding.code in ("RL103", "RL104", "RL107", "RL401") and guesser.paths)
    if rows and (not guesser.paths or any(_imports(tree, name) for name in DATABASES)):
        what = (
            "the file, and where the code finds it"
            if finding.code in ("RL701", "RL702")
            else "a database with its rows"
        )
        guesser.missing.append(f"{what} (`{finding.resource}`)")
    if call.shared or (name != "folder" and "folder / " in f"{first} {second}"):
        if name != "folder":
            call.shared[name] = begin[-1].removeprefix("return ")
        first, second, begin = call.hoisted(first, second, begin)
        name, shown = "shared", "SimpleNamespace"
    return _Plan(unit, first, second, tuple(begin), opens_async, name, shown, tasks)


def _roles(tree: ast.Module, finding: Finding) -> tuple[Unit, list[Unit]]:
    """The unit that is stopped, and others that the finding names or that change the same."""
    unit = unit_of(tree, finding.symbol)
    named = [other for other in _named(tree, finding) if other.name != unit.name and _beside_of(other, unit)]
    if finding.code in ("RL601", "RL603", "RL608") and named:
        return named[0], [unit]
    if (
        finding.code == "RL305" and unit.kind is Kind.METHOD
    ):  # who closes and opens again shows more than who only opens
        callers = [
            other for other in units_of(tree) if _beside_of(other, unit) and any(calls(other, one) for one in named)
        ]
        named = [*(one for one in callers if one.name != unit.name), *named]
    return unit, named or _beside(tree, unit, finding)


def _named(tree: ast.Module, finding: Finding) -> list[Unit]:
    words = re.findall(r"`([\w.]+)`", f"{finding.evidence} {finding.message}")
    return [unit for word in dict.fromkeys(words) for unit in units_of(tree) if unit.name == word]


def _beside_of(other: Unit, unit: Unit) -> bool:
    """Whether it can be called on what the unit is called on."""
    return other.kind is not Kind.CONSTRUCTOR and (other.kind is not Kind.METHOD or other.owner is unit.owner)


def _beside(tree: ast.Module, unit: Unit, finding: Finding) -> list[Unit]:
    """For races that a second call of the same is no part of: methods that change the same attribute."""
    attribute = finding.resource.partition(".")[2]
    rests = ("RL110", "RL111", "RL305", "RL403", "RL506", "RL601", "RL603", "RL608", "RL802")
    if (finding.code not in rests and finding.harm != "lost entries") or not attribute:
        return []
    return [
        other
        for other in units_of(tree)
        if other.owner is unit.owner
        and other.name != unit.name
        and other.kind is Kind.METHOD
        and changes(other, attribute)
    ]


def _rivals(unit: Unit, others: Sequence[Unit], call: _Caller, finding: Finding) -> tuple[tuple[str, str], ...]:
    rivals: dict[str, str] = {}
    if not others or "many at once" in finding.evidence:
        same, different = call.of(unit, 0), call.of(unit, 1)
        if same == different:
            rivals[f"`{unit.name}` again"] = same
        else:
            rivals[f"`{unit.name}` with the same arguments"] = same
            rivals[f"`{unit.name}` with others"] = different
        keyed = call.of(unit, 1, first=0)  # the first is often a key
        if keyed not in (same, different):
            rivals[f"`{unit.name}` with the same first argument"] = keyed
    for other in others:
        if other.is_async and not unit.is_async:
            continue
        same, different = call.of(other, 0), call.of(other, 1)
        rivals.setdefault(f"`{other.name}`", same)
        if different != same:
            rivals.setdefault(f"`{other.name}` with others", different)
    if not rivals:
        raise Uncallable(f"`{others[0].name}` runs on a loop, and `{unit.name}` does not: start it as `second`")
    return tuple(rivals.items())[:MOST_RIVALS]


class _Caller:
    """Writes calls of units."""

    def __init__(self, guesser: Guesser, name: str, *, alone: bool) -> None:
        self._guesser = guesser
        self._name = name
        self._alone = alone
        self.shared: dict[str, str] = {}
        """Arguments that both calls must be given the same object of, by the parameter's name."""

    def of(self, unit: Unit, which: int, first: int | None = None) -> str:
        """A call, as an expression of what is shared; `which` and `first` choose the arguments."""
        choice = [which if first is None else first, which]
        if unit.kind is Kind.METHOD and unit.owner is not None:
            target = self._guesser.instance(unit.owner) if self._alone else self._name
            return f"{target}.{unit.node.name}({self._arguments(unit, choice)})"
        if unit.kind is Kind.CONSTRUCTOR and unit.owner is not None:
            if unit.node.name == "__post_init__":
                return self._guesser.instance(unit.owner, which)
            return f"subject.{unit.owner.name}({self._arguments(unit, choice)})"
        return f"subject.{unit.name}({self._arguments(unit, choice)})"

    def _arguments(self, unit: Unit, choice: Sequence[int]) -> str:
        texts = []
        shares = unit.kind in (Kind.FUNCTION, Kind.OF_CLASS) and not self._alone
        differing = 0
        for parameter, named in unit.given():
            values = [self._guesser.value(parameter, unit, which) for which in (0, 1)]
            value = values[choice[min(differing, 1)]]
            differing += values[0] != values[1]
            if shares and value.startswith(("StandIn(", "subject.", "{", "[", "set(")):
                self.shared.setdefault(parameter.arg, value)
                value = f"shared.{parameter.arg}"
            texts.append(f"{parameter.arg}={value}" if named else value)
        return ", ".join(texts)

    def hoisted(
        self, first: str, second: tuple[tuple[str, str], ...], begin: list[str]
    ) -> tuple[str, tuple[tuple[str, str], ...], list[str]]:
        """Calls and start when there is more to share than a folder."""

        def moved(call: str) -> str:
            call = (
                re.sub(rf"^{re.escape(self._name)}\.", f"shared.{self._name}.", call)
                if self._name in self.shared
                else call
            )
            return re.sub(r"\bfolder / ", "shared.folder / ", call)

        made = ", ".join(["folder=folder", *(f"{name}={value}" for name, value in self.shared.items())])
        return (
            moved(first),
            tuple((name, moved(call)) for name, call in second),
            [*begin[:-1], f"return SimpleNamespace({made})"],
        )


def _start(
    tree: ast.Module, unit: Unit, finding: Finding, guesser: Guesser, name: str, *, alone: bool
) -> tuple[list[str], str, bool]:
    """The statements of `start`, what it returns, and whether it waits."""
    if unit.kind is not Kind.METHOD or unit.owner is None or alone:
        return [*files(finding, guesser.paths), "return folder"], "Path", False
    made = guesser.instance(unit.owner)
    opened = opener(tree, unit, finding, guesser, name)
    seeds = files(finding, guesser.paths)
    shown = f"subject.{unit.owner.name}"
    if opened is None:
        return [*seeds, f"return {made}"], shown, False
    call, waits = opened
    return [*seeds, f"{name} = {made}", f"await {call}" if waits else call, f"return {name}"], shown, waits


def _imports(tree: ast.Module, name: str) -> bool:
    for node in ast.walk(tree):
        names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        if any(one.partition(".")[0] == name for one in names):
            return True
    return False


def _snake(name: str) -> str:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.lstrip("_")).lower()
    return f"{words}_" if iskeyword(words) else words


def _through(finding: Finding, tree: ast.Module, source: Source, tasks: bool) -> tuple[str, str] | None:
    """A function and the line in it that must be reached: where the unit waits, or what it does last; None if none tells."""
    lines = source.lines
    steps = [step for step in finding.trace if step.role is Role.SWITCH] if tasks else []
    for step in [*steps, *finding.trace[::-1]]:
        text = bare(lines[step.span.line - 1]) if step.span.line <= len(lines) else ""
        unit = next((one for one in units_of(tree) if _is_within(one.node, step.span.line)), None)
        if text and unit is not None and (not tasks or re.search(r"\b(?:await|async)\b", text)):
            return unit.name, text
    return None


def _is_within(node: ast.stmt, line: int) -> bool:
    return node.lineno <= line <= (node.end_lineno or 0)


# The text


def _text(
    finding: Finding, module: str, command: str, plan: _Plan | None, missing: Sequence[str], given: Sequence[str]
) -> str:
    place = f"{finding.path.rpartition('/')[2]}:{finding.line}"
    pieces = [_head(finding, place, command, missing)]
    tasks = plan is None or plan.tasks
    check = "check_tasks" if tasks else "check_threads"
    body = _body(plan, missing)
    pieces.append(_imports_of(module, check, [*body, *(_calls(plan) if plan is not None else [])], bool(missing)))
    pieces.append("\n\n" + "\n".join(body) + "\n")
    pieces.append(_test(finding, check, plan, given))
    return "".join(pieces)


def _head(finding: Finding, place: str, command: str, missing: Sequence[str]) -> str:
    said = f"{finding.code} {finding.name}, {place}: {finding.message}."
    how = (
        "The first call is stopped at one place after the other, and the second runs in between. Each outcome must be one "
        "that the two calls also have one after the other. So it fails while the race is there, and passes when it is gone."
    )
    paragraphs = [said, how, f"Written by `{command}`."]
    if missing:
        paragraphs.append("To be filled in: " + "; ".join(missing) + ".")
    wrapped = "\n\n".join(textwrap.fill(one, WIDTH - 10, break_long_words=False) for one in paragraphs)
    return f'"""{_in_docstring(wrapped)}\n"""\n\n'


def _in_docstring(text: str) -> str:
    """Text of the code under analysis, which may hold anything, so that it ends no docstring and commands no terminal."""
    plain = "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode("ascii") for c in text)
    return plain.replace("\\", "\\\\").replace('"""', "'''")


def _imports_of(module: str, check: str, lines: Sequence[str], unfinished: bool) -> str:
    text = "\n".join(lines)
    imports = ["from __future__ import annotations", ""]
    imports += [f"import {name}" for name in ("asyncio", "threading") if f"{name}." in text]
    imports.append("from pathlib import Path")
    if "SimpleNamespace" in text:
        imports.append("from types import SimpleNamespace")
    names = [*(["StandIn"] if "StandIn(" in text else []), check]
    others = [*(["import pytest", ""] if unfinished else []), f"from racelint.testing import {', '.join(names)}"]
    package, _, last = module.rpartition(".")
    ours = f"from {package} import {last} as subject" if package else f"import {last} as subject"
    return "\n".join([*imports, "", *others, "", f"{ours}  # the module under test"]) + "\n"


def _body(plan: _Plan | None, missing: Sequence[str]) -> list[str]:
    shown = plan.shown if plan is not None else "object"
    lines = [
        f"{'async ' if plan is not None and plan.start_async else ''}def start(folder: Path) -> {shown}:",
        '    """What the two calls share, made anew for each order; `folder` is empty."""',
    ]
    for what in missing:
        lines += [f"    {line}" for line in textwrap.wrap(f"# TODO(you): {what}", WIDTH - 6, subsequent_indent="#   ")]
    if missing:
        lines.append(f"    pytest.fail({_quoted('fill in: ' + '; '.join(missing))})")
    lines += [f"    {statement}" for statement in (plan.start if plan is not None else ("return folder",))]
    return lines


def _calls(plan: _Plan) -> list[str]:
    return [plan.first, *(call for _, call in plan.second)]


def _test(finding: Finding, check: str, plan: _Plan | None, given: Sequence[str]) -> str:
    name = re.sub(r"\W+", "_", f"{finding.symbol}_{finding.name}".lower()).strip("_")
    shared = plan.name if plan is not None else "folder"
    first = plan.first if plan is not None else "None  # TODO(you): the call that is stopped"
    second = (
        plan.second if plan is not None else (("the other call", "None  # TODO(you): the call that comes in between"),)
    )
    lines = [
        f"def test_{name}(tmp_path: Path) -> None:",
        f'    """Whatever the order, `{_in_docstring(finding.resource or finding.symbol)}` ends as after one call and then the other."""',
        f"    {check}(",
        "        start,",
        *_given("        ", "", f"lambda {shared}: ", first),
        "        {",
        *(
            line
            for what, call in second
            for line in _given("            ", _quoted(what) + ": ", f"lambda {shared}: ", call)
        ),
        "        },",
        "        module=subject,",
        "        folder=tmp_path,",
    ]
    lines += [f"        {one}" for one in given]
    lines += [f"        harm={_quoted(finding.harm)},", "    )"]
    return "\n\n" + "\n".join(lines) + "\n"


def _given(indent: str, before: str, head: str, call: str) -> list[str]:
    """An argument; a comment at its end stays behind the comma."""
    value, hash_, comment = call.partition("  # ")
    return [f"{indent}{before}{head}{value},{hash_}{comment}"]


def _quoted(text: str) -> str:
    """A string literal, in double quotes where they do."""
    quoted = repr(text)
    return f'"{quoted[1:-1]}"' if quoted[0] == "'" and '"' not in quoted and "\\'" not in quoted else quoted
