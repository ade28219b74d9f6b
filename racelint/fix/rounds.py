"""Apply, lint again, verify, until nothing is left to repair. Nothing is written here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from racelint.finding import Applicability, Finding, Problem
from racelint.fix.apply import apply_fixes, has_edits
from racelint.fix.verify import Key, encode, key_of, objection_to_findings, objection_to_text
from racelint.frozen import dataclass, replace
from racelint.run import Report
from racelint.source import Source, checksum, decode

ROUNDS = 30
"""Each repairs what does not overlap, or finds out which repair of a file is no good; a rule whose fix leads to another fix
for ever ends here."""


@dataclass(frozen=True, slots=True)
class Original:
    """A file before it is repaired."""

    path: str
    """For the system, absolute."""
    data: bytes
    source: Source


@dataclass(frozen=True, slots=True)
class Repair:
    """What a file is to become."""

    original: Original
    data: bytes
    findings: tuple[Finding, ...]
    """Those that are repaired; their lines are those of the text in which they were found."""


@dataclass(frozen=True, slots=True)
class Unfixed:
    """A file that stays as it is although something could be done, or does not become all that it could."""

    path: str
    """As it is shown."""
    reason: str


@dataclass(frozen=True, slots=True)
class Repairs:
    """What is to be written, and what is found when it is."""

    report: Report
    repairs: tuple[Repair, ...]
    unfixed: tuple[Unfixed, ...]


Read = Callable[[str], Original | Problem]
"""The file that is shown as a path."""

Lint = Callable[[Mapping[str, Source]], Report]
"""What is found in the whole project when some files, by their path for the system, have other texts."""


def decoded(path: str, data: bytes, name: str) -> Original | Problem:
    """The bytes of the file that is shown as `name`."""
    source = decode(data, name)
    return source if isinstance(source, Problem) else Original(path, data, source)


Chosen = Callable[[Finding], bool]
"""Whether the user wants a finding to be repaired."""


def repair(
    report: Report,
    read: Read,
    lint: Lint,
    applicability: Applicability = Applicability.SAFE,
    chosen: Chosen = lambda finding: True,
    near: Lint | None = None,
) -> Repairs:
    """What becomes of the files in which `report` has found something that can be repaired.

    After each round the changed files are linted again, by `near`, and the whole project in the end, because a finding may
    depend on other files. Where several repairs of a file together are no good, they are tried one by one, so that one bad
    repair does not keep the others out.
    """
    bench = _Bench(report, read, near or lint, applicability, chosen)
    for _ in range(ROUNDS):
        if not bench.round():
            break
    if near is not None:
        bench.confirm(lint)
    return bench.repairs()


@dataclass(frozen=True, slots=True)
class _State:
    """A file as far as it is repaired."""

    original: Original
    source: Source
    findings: tuple[Finding, ...] = ()


class _Bench:
    """The files that are being repaired, by the path that is shown."""

    def __init__(self, report: Report, read: Read, lint: Lint, applicability: Applicability, chosen: Chosen) -> None:
        self._first = self._report = report
        self._checksums = report.checksums
        """Of the texts as they are on the disk."""
        self._read = read
        self._lint = lint
        self._applicability = applicability
        self._chosen = chosen
        self._states: dict[str, _State] = {}
        """Those in which a repair has proved good."""
        self._closed: dict[str, str] = {}
        """Why others cannot be repaired at all."""
        self._one_by_one: set[str] = set()
        """Those of which several repairs together have failed."""
        self._rejected: dict[tuple[str, Key], str] = {}
        """Single repairs that have failed, and why."""

    def round(self) -> bool:
        """Repairs what can be repaired at once; False if there was nothing more to try."""
        tried: dict[str, tuple[_State, tuple[Finding, ...]]] = {}
        failed = False
        for path, findings in self._fixable().items():
            state = self._states.get(path) or self._opened(path)
            if state is None:
                continue
            text, applied = apply_fixes(state.source, findings, self._applicability)
            source = replace(state.source, text=text)
            objection = objection_to_text(source) if applied else "the places to edit do not fit the text"
            if objection is None:
                tried[path] = _State(state.original, source, state.findings + applied), applied
            else:
                self._refuse(path, applied or tuple(findings), objection)
                failed = True
        return self._kept(tried) or failed

    def confirm(self, lint: Lint) -> None:
        """Looks at the whole project once more; files that make it worse stay as they are."""
        tried, self._states, self._report = self._states, {}, self._first
        todo = [tried] if tried else []
        while todo:
            part = todo.pop()
            states = {**self._states, **part}
            report = lint({state.original.path: state.source for state in states.values()})
            own, elsewhere = _objections(self._first, report, {path: one.findings for path, one in states.items()})
            bad = {path: reason for path, reason in own.items() if path in part}
            if not own and not elsewhere:
                self._states, self._report = states, report
            elif bad or len(part) == 1:
                self._closed.update(bad or dict.fromkeys(part, elsewhere or min(own.values())))
                rest = {path: state for path, state in part.items() if path not in self._closed}
                todo += [rest] if rest else []
            else:
                paths = sorted(part)
                todo += [{path: part[path] for path in half} for half in (paths[1::2], paths[::2])]

    def repairs(self) -> Repairs:
        """The outcome."""
        left = dict.fromkeys(self._fixable(), f"there is still something to repair after {ROUNDS} rounds")
        reasons = [*left.items(), *self._closed.items(), *((path, why) for (path, _), why in self._rejected.items())]
        return Repairs(
            self._report,
            tuple(Repair(state.original, encode(state.source), state.findings) for state in self._states.values()),
            tuple(Unfixed(path, reason) for path, reason in sorted(set(reasons))),
        )

    def _refuse(self, path: str, applied: Sequence[Finding], objection: str) -> None:
        """Several repairs are tried one by one from now on; a single one is not tried again."""
        if len(applied) > 1 and path not in self._one_by_one:
            self._one_by_one.add(path)
        else:
            self._rejected.update(((path, key_of(finding)), objection) for finding in applied)

    def _fixable(self) -> dict[str, list[Finding]]:
        """The findings that can be repaired and have not been tried in vain."""
        found: dict[str, list[Finding]] = {}
        for finding in self._report.findings:
            path = finding.path
            if not has_edits(finding, self._applicability) or path in self._closed:
                continue
            if (path, key_of(finding)) in self._rejected or (path in self._one_by_one and path in found):
                continue
            if self._chosen(finding):
                found.setdefault(path, []).append(finding)
        return found

    def _opened(self, path: str) -> _State | None:
        """A file as it is on the disk, if it is still what was linted and can be written back byte for byte."""
        original = self._read(path)
        if isinstance(original, Problem):
            self._closed[path] = original.message
        elif checksum(original.source) != self._checksums.get(path):
            self._closed[path] = "it has been changed since it was read; run racelint again"
        elif encode(original.source) != original.data:
            self._closed[path] = (
                f"its bytes would not all stay the same in {original.source.encoding}; save it as UTF-8"
            )
        else:
            return _State(original, original.source)
        return None

    def _kept(self, tried: dict[str, tuple[_State, tuple[Finding, ...]]]) -> bool:
        """Keeps the repairs after which all is better; one that fails is taken back and the others are tried again."""
        failed = False
        while tried:
            states = {**self._states, **{path: state for path, (state, _) in tried.items()}}
            report = self._lint({state.original.path: state.source for state in states.values()})
            own, elsewhere = _objections(self._report, report, {path: applied for path, (_, applied) in tried.items()})
            if not own and not elsewhere:
                self._states, self._report = states, report
                return True
            failed = True
            if not own and len(tried) > 1:  # one of them is to blame, or several together
                for path, attempt in tried.items():
                    self._kept({path: attempt})
                return True
            reasons = own or dict.fromkeys(tried, elsewhere)
            for path, reason in reasons.items():
                self._refuse(path, tried[path][1], reason)
            tried = {path: attempt for path, attempt in tried.items() if path not in reasons}
        return failed


def _objections(before: Report, after: Report, applied: Mapping[str, Sequence[Finding]]) -> tuple[dict[str, str], str]:
    """Why files that were edited must stay as they are; and what has become worse in another file, "" for nothing."""
    old, new = _by_path(before), _by_path(after)
    known = {(problem.path, problem.message) for problem in before.problems}
    worse = {
        problem.path: problem.message for problem in after.problems if (problem.path, problem.message) not in known
    }
    for path in applied.keys() | new.keys():
        reason = objection_to_findings(old.get(path, ()), applied.get(path, ()), new.get(path, ()))
        if reason is not None:
            worse.setdefault(path, reason)
    here = {path: reason for path, reason in worse.items() if path in applied}
    path, reason = min(((path, reason) for path, reason in worse.items() if path not in applied), default=("", ""))
    return here, f"{path}: {reason}" if path else ""


def _by_path(report: Report) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    for finding in report.findings:
        found.setdefault(finding.path, []).append(finding)
    return found
