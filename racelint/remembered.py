"""A run that remembers: what is in the cache is not done again, and what is found is kept there.

A report is kept by everything that it rests on: the content of all files, those beside the named ones too, the settings, and
racelint itself. Facts are kept by the content of their file. Sources that are handed over are never kept.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence

from racelint.cache import Cache, Kept, facts_key, grapher, reader, report_key
from racelint.config import Config
from racelint.context import context
from racelint.discovery import File
from racelint.finding import Problem
from racelint.frozen import names_of, replace
from racelint.run import Known, Memory, Progress, Report, lint_files

NO_MATTER = frozenset("jobs output_format baseline file exclude extend_exclude force_exclude respect_gitignore".split())
"""Settings that change nothing in the report on the same files."""


def lint_remembered(
    files: Sequence[File],
    problems: Sequence[Problem],
    config: Config,
    started: float,
    cache: Cache[Report],
    memory: Memory,
    *,
    whole: bool,
    progress: Progress = lambda done, total: None,
) -> Report:
    """As `lint_files`, with the cache; `whole` is whether a kept report will do, without what led to it in `memory`."""
    around = context(files, config, read=reader(cache), graph=grapher(cache))
    every = [*files, *around]
    contents = cache.contents(every)
    key = None
    if not problems and len(contents) == len(every):
        key = report_key(
            Report, _settings(config), ((file.path + "\0" + file.shown, contents[file.path]) for file in every)
        )
        kept = cache.report(key) if whole else None
        if kept is not None:
            return replace(kept, seconds=time.perf_counter() - started)
    keys = {file.path: facts_key(file, contents[file.path]) for file in every if file.path in contents}
    old = cache.facts(keys)
    for file in every:
        if file.path in old:
            one = old[file.path]
            memory.known[file.path] = Known(file, one.facts, one.checksum, one.commented)
    report = lint_files(
        files, problems, config, started, may_spawn=True, progress=progress, memory=memory, around=around
    )
    new = dict(_new_facts(every, keys, old, memory))
    changed = cache.changed([file for file in every if keys.get(file.path) in new or key is not None], contents)
    if changed or report.internal_errors or any(problem.named for problem in report.problems):
        key = None
    cache.keep(
        {one: kept for one, kept in new.items() if one not in {keys[path] for path in changed}},
        [keys[path] for path in old],
        key,
        report,
    )
    return report


def _new_facts(
    files: Iterable[File], keys: Mapping[str, bytes], old: Mapping[str, Kept], memory: Memory
) -> Iterable[tuple[bytes, Kept]]:
    for file in files:
        if file.path in keys and file.path not in old and file.path in memory.known:
            known = memory.known[file.path]
            if known.facts is not None:
                yield keys[file.path], Kept(known.facts, known.checksum, known.commented)


def _settings(config: Config) -> str:
    """The settings that findings depend on, with the text of the models."""
    said = [f"{name}={getattr(config, name)!r}" for name in names_of(Config) if name not in NO_MATTER]
    for path in config.models:
        with open(path, "rb") as opened:
            said.append(opened.read().decode("utf-8", "surrogateescape"))
    return "\n".join(said)
