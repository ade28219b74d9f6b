"""The whole pipeline on one page: paths → sources → facts → index → candidates → findings → what is reported.

All files are gone through twice: first each is read for its facts alone; then, when the facts of all are joined, those
in which something can race are read again and analysed. So no text is kept, and a class and its lock may live in
different files.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from racelint.analyse import build_index, collect, find_near_misses, find_races, nominated
from racelint.config import Config, check_config, enabled_rules, ignores
from racelint.context import context
from racelint.discovery import File, discover, file_matches
from racelint.facts import ModuleFacts
from racelint.finding import Confidence, Finding, NearMiss, Problem
from racelint.frozen import dataclass, field, replace
from racelint.index import Index
from racelint.jobs import PAYS, each, uncollected
from racelint.parse import parse
from racelint.rule import Rule
from racelint.rules import RULES
from racelint.source import VENDORED, Source, checksum, read_source
from racelint.suppress import UNREADABLE, addresses_us, apply_suppressions


@dataclass(frozen=True, slots=True)
class Report:
    """What a run found."""

    findings: tuple[Finding, ...]
    """Sorted by `sort_key`."""
    problems: tuple[Problem, ...]
    """What could not be read, parsed or analysed, by path and place."""
    files: int
    """How many files were looked at."""
    seconds: float
    internal_errors: int = 0
    """How many of the problems are mistakes of racelint."""
    checksums: Mapping[str, int] = field(default_factory=dict)
    """Of the texts in which something was found, by path as shown: whoever edits them sees if they are still the same."""
    near_misses: tuple[NearMiss, ...] = ()
    """What is not reported, and why; empty unless it was asked for."""


def lint_paths(paths: Iterable[str | os.PathLike[str]], config: Config | None = None) -> Report:
    """What is found in files and below directories.

    Without `config` the defaults hold and no configuration file is read; `racelint.config_files.load_config` reads what the
    command line would. Raises ConfigError if `config` selects what is no rule, ModelError
    for a table of models that cannot be used.
    """
    started = time.perf_counter()
    config = config or Config()
    files, problems = discover([os.fspath(path) for path in paths], config)
    return lint_files(files, problems, config, started)


def lint_source(text: str, path: str = "<stdin>", config: Config | None = None) -> Report:
    """What is found in a text. `path` is shown, and decides about `per-file-ignores`; it is not read."""
    bom = text.startswith("\ufeff")
    return lint_read(Source(path, text[bom:], bom=bom), config or Config(), time.perf_counter())


def lint_read(source: Source, config: Config, started: float) -> Report:
    """What is found in a source that has been read; `started` is when, by `time.perf_counter`."""
    file = File(os.path.abspath(source.path), source.path)
    return lint_files([file], [], config, started, given={file.path: source})


Progress = Callable[[int, int], None]
"""Is told how many steps of how many are done."""


def lint_files(
    files: Sequence[File],
    problems: Sequence[Problem],
    config: Config,
    started: float,
    *,
    may_spawn: bool = False,
    progress: Progress = lambda done, total: None,
    given: Mapping[str, Source] | None = None,
    memory: Memory | None = None,
    project: Sequence[File] | None = None,
    around: Sequence[File] | None = None,
    near_misses: bool = False,
) -> Report:
    """What is found in files; `problems` are those met on the way to them, `may_spawn` is as in `jobs.each`.

    `given` are sources, by the path of their file, that are taken as they are: those files are not read. What is in `memory`
    is taken from there, and what is found is kept in it. `project` are all files there are, all of them given, if they are
    not those on the disk. `around` is what `context` says of the files, if it was asked already.
    """
    job = Job(config, started, may_spawn, given or {}, near_misses)
    around = context(files, config, job.given, project) if around is None else around
    with uncollected():
        return _lint(files, around, problems, job, progress, memory or Memory())


class Memory:
    """What was found in the files as they are on the disk, so that only those with another text are looked at again.

    A finding may depend on other files, too: what is remembered is true but for that. What is found in another text may be due
    to texts beside it that are thrown away, so it is kept only `with_given`, and forgotten with the next text of the file.
    """

    def __init__(self, *, with_given: bool = False) -> None:
        self.known: dict[str, Known] = {}
        """By the path of the file."""
        self.found: dict[str, Found] = {}
        self._with_given = with_given
        self._given_known: dict[str, Known] = {}
        self._given_found: dict[str, Found] = {}

    def without_findings(self) -> Memory:
        """One that knows the same files as they are on the disk, but not what was found in them."""
        other = Memory()
        other.known = dict(self.known)
        return other

    def known_of(self, path: str, given: Mapping[str, Source]) -> Known | None:
        """What is remembered of a file, or of the text that is given for it."""
        if path not in given:
            return self.known.get(path)
        known = self._given_known.get(path)
        return known if known is not None and known.checksum == checksum(given[path]) else None

    def found_in(self, path: str, given: Mapping[str, Source]) -> Found | None:
        """What was found in a file, or in the text that `known_of` remembers."""
        return (self._given_found if path in given else self.found).get(path)

    def learn(self, read: Iterable[Known], given: Mapping[str, Source]) -> None:
        """Keeps the outcome of the first stage."""
        for one in read:
            path = one.file.path
            if path not in given:
                self.known[path] = one
            elif self._with_given:
                self._given_known[path] = one
                self._given_found.pop(path, None)

    def keep(self, found: Mapping[str, Found], given: Mapping[str, Source]) -> None:
        """Keeps the outcome of the second stage, by path."""
        for path, one in found.items():
            if path not in given:
                self.found[path] = one
            elif self._with_given:
                self._given_found[path] = one


# The stages


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be done, for both stages."""

    config: Config
    started: float
    may_spawn: bool
    given: Mapping[str, Source]
    """The sources of files that need not be read, by path."""
    near_misses: bool = False
    """Whether to tell what is not reported, and why."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a file after the first stage: its facts, or why there are none."""

    file: File
    facts: ModuleFacts | None = None
    checksum: int = 0
    """Of the text, to see whether it is still the same in the second stage."""
    commented: bool = False
    """There may be suppressions of ours in it, which are unused if they silence not even a finding of low confidence."""
    problem: Problem | None = None
    mistake: bool = False
    """The problem is a mistake of racelint."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the second stage finds in a file."""

    findings: Sequence[Finding] = ()
    problem: Problem | None = None
    mistake: bool = False
    checksum: int = 0
    """Of the text in which they were found."""
    near_misses: Sequence[NearMiss] = ()


def _lint(
    files: Sequence[File],
    around: Sequence[File],
    problems: Sequence[Problem],
    job: Job,
    progress: Progress,
    memory: Memory,
) -> Report:
    check_config(job.config, RULES)
    if job.config.models or len(files) > PAYS:
        from racelint.models.loader import load_models

        # A wrong table is an error of the whole run; and processes that are forked then need not read the tables again.
        load_models(job.config.models)
    total, jobs, may_spawn = 2 * len(files), job.config.jobs, job.may_spawn
    every_known = {
        file.path: old for file in (*files, *around) if (old := memory.known_of(file.path, job.given)) is not None
    }
    news, beside = ([file for file in group if file.path not in every_known] for group in (files, around))
    read = each(_know, job, news, jobs=jobs, may_spawn=may_spawn, died=_died, done=lambda done: progress(done, total))
    read += each(_know, job, beside, jobs=jobs, may_spawn=may_spawn, died=_died, done=lambda done: None)
    memory.learn(read, job.given)
    every_known.update((one.file.path, one) for one in read)
    first, others = ([every_known[file.path] for file in group] for group in (files, around))
    readable = [known for known in first if known.facts is not None]
    every_found = {
        one.file.path: kept for one in readable if (kept := memory.found_in(one.file.path, job.given)) is not None
    }
    unseen = [one for one in readable if one.file.path not in every_found]
    _prepare(len(unseen))
    project = (job, build_index(known.facts for known in (*readable, *others) if known.facts is not None))
    begun = total - len(unseen)
    looked = each(
        _find,
        project,
        unseen,
        jobs=jobs,
        may_spawn=may_spawn,
        died=_died_later,
        done=lambda done: progress(begun + done, total),
    )
    found = {one.file.path: result for one, result in zip(unseen, looked, strict=True)}
    memory.keep(found, job.given)
    every_found.update(found)
    second = [every_found[one.file.path] for one in readable]
    failures: list[Known | Found] = [*first, *second]
    met = [*problems, *(failure.problem for failure in failures if failure.problem is not None)]
    return Report(
        findings=tuple(sorted((finding for found in second for finding in found.findings), key=lambda f: f.sort_key)),
        problems=tuple(sorted(met, key=lambda problem: (problem.path, problem.line, problem.column, problem.message))),
        files=len(files),
        seconds=time.perf_counter() - job.started,
        internal_errors=sum(failure.mistake for failure in failures),
        checksums={found.findings[0].path: found.checksum for found in second if found.findings},
        near_misses=tuple(sorted((miss for found in second for miss in found.near_misses), key=lambda m: m.sort_key)),
    )


def _know(job: Job, file: File) -> Known:
    """The first stage for one file."""
    try:
        source = _read(job, file)
        if isinstance(source, Problem):
            return _excused(job, file, source)
        if source.text.startswith(VENDORED):
            return Known(file)
        tree = parse(source)
        if isinstance(tree, Problem):
            return _excused(job, file, tree)
        return Known(file, collect(source, tree), checksum(source), addresses_us(source.text))
    except Exception as error:
        return Known(file, problem=_mistake(file, error), mistake=True)


def _find(project: tuple[Job, Index], known: Known) -> Found:
    """The second stage for one file."""
    job, index = project
    try:
        if known.facts is None:
            return Found()
        rules, models = rules_for(known.file, job.config), job.config.models
        least = Confidence.LOW if known.commented or job.near_misses else job.config.min_confidence
        nominees = nominated(known.facts, index, rules, models, least)
        if nominees is None and not known.commented:
            return Found()
        source = _read(job, known.file)
        if isinstance(source, Problem):
            return Found(problem=replace(source, message=f"{source.message} (it could be read when the run began)"))
        if checksum(source) != known.checksum:  # saved meanwhile: the lines have moved
            tree = parse(source)
            if isinstance(tree, Problem):
                return Found(problem=tree)
            nominees = nominated(collect(source, tree), index, rules, models)
        failures: list[Problem] = []
        findings: list[Finding] = []

        def failed(error: Exception) -> None:
            failures.append(_mistake(known.file, error))

        if nominees is not None:
            findings = find_races(source, nominees, rules, job.config.runtime_module, failed)
        misses: Sequence[NearMiss] = ()
        if job.near_misses and nominees is not None:
            sure = [one for one in findings if one.confidence.rank >= job.config.min_confidence.rank]
            misses = find_near_misses(source, nominees, rules, sure, failed)
        shown = _reported(source, findings, rules, job.config)
        return Found(shown, next(iter(failures), None), bool(failures), checksum(source), misses)
    except Exception as error:
        return Found(problem=_mistake(known.file, error), mistake=True)


def _read(job: Job, file: File) -> Source | Problem:
    return job.given.get(file.path) or read_source(file.path, file.shown, named=file.named)


def _prepare(count: int) -> None:
    """Imports what the second stage needs before processes are forked for it: libcst takes 0.2 s to import."""
    if count > PAYS:
        import racelint.edits
        import racelint.flow.summaries
        import racelint.pattern  # noqa: F401

        for rule in RULES:
            rule.find  # noqa: B018 - reads the file of the rule


# What is reported


def rules_for(file: File, config: Config) -> tuple[Rule, ...]:
    """The rules that are on in a file."""
    off = _off_in(file, config)
    return tuple(rule for rule in enabled_rules(config, RULES) if not ignores(off, rule))


def _off_in(file: File, config: Config) -> list[str]:
    """The selectors of `per-file-ignores` for a file."""
    return [
        selector
        for pattern, selectors in config.per_file_ignores
        if file_matches(pattern, file.path, config.root)
        for selector in selectors
    ]


def _reported(source: Source, findings: Sequence[Finding], rules: Sequence[Rule], config: Config) -> list[Finding]:
    """What is left after comments and confidence.

    Comments first: one that silences a finding of low confidence is of use, although the finding would not be shown.
    """
    kept = apply_suppressions(
        source,
        findings,
        enabled={rule.code for rule in rules},
        known={rule.code: rule.name for rule in RULES},
    )
    return [finding for finding in kept if finding.confidence.rank >= config.min_confidence.rank]


def _excused(job: Job, file: File, problem: Problem) -> Known:
    """A file that cannot be read is a problem unless RL900 is ignored; a named one always is."""
    config = job.config
    off = [*config.ignore, *config.extend_ignore, *_off_in(file, config)]
    excused = any(rule.code == UNREADABLE and ignores(off, rule) for rule in RULES)
    return Known(file, problem=problem if problem.named or not excused else None)


def _mistake(file: File, error: Exception) -> Problem:
    """An error that nobody foresaw, with the place in racelint where it happened."""
    import traceback  # only for a mistake

    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""
    what = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    return Problem(
        file.shown, 1, f"internal error: {what}{where}; please report it with this file, or exclude the file"
    )


def _died(file: File) -> Known:
    message = "internal error: the process that read it was killed, perhaps for want of memory; try `--jobs 1`"
    return Known(file, problem=Problem(file.shown, 1, message), mistake=True)


def _died_later(known: Known) -> Found:
    return Found(problem=_died(known.file).problem, mistake=True)
