"""What is open in the editor → what is found in it. Nothing here knows the protocol."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from racelint.config import Config, ConfigError
from racelint.config_files import load_config
from racelint.discovery import Excluded, File, display
from racelint.finding import Finding, Problem
from racelint.frozen import dataclass, replace
from racelint.models.loader import ModelError
from racelint.rules import RULES
from racelint.run import lint_files
from racelint.source import Source


@dataclass(frozen=True, slots=True)
class Buffer:
    """A text that is open."""

    path: str
    """Absolute; what an unsaved text without a name is called by the editor, if it is no file."""
    text: str
    version: int | None
    is_file: bool = True


@dataclass(frozen=True, slots=True)
class Judged:
    """What is found in a text."""

    source: Source
    version: int | None
    findings: tuple[Finding, ...] = ()
    problems: tuple[Problem, ...] = ()


def judge(buffers: Mapping[str, Buffer]) -> tuple[dict[str, Judged], list[str]]:
    """What is found in texts, by the same keys, and what is wrong with the configuration of those that are left out.

    The configuration is read anew each time, so a change of it holds at once. Texts that it excludes have no findings.
    """
    found: dict[str, Judged] = {}
    errors: list[str] = []
    for config, keys in _by_config(buffers, errors).items():
        excluded = Excluded(config)
        wanted = {key: buffers[key] for key in keys if not excluded.with_parents(buffers[key].path)}
        found.update({key: Judged(_source(buffers[key]), buffers[key].version) for key in keys if key not in wanted})
        try:
            found.update(_judged(wanted, config))
        except (ConfigError, ModelError) as error:
            errors.append(str(error))
    return found, list(dict.fromkeys(errors))


def _by_config(buffers: Mapping[str, Buffer], errors: list[str]) -> dict[Config, list[str]]:
    """The texts by the configuration that holds for them."""
    groups: dict[Config, list[str]] = {}
    for key, buffer in buffers.items():
        try:
            config = load_config(Path(buffer.path).parent if buffer.is_file else Path.cwd(), RULES)
        except ConfigError as error:
            errors.append(str(error))
        else:
            groups.setdefault(replace(config, jobs=1), []).append(key)  # an editor leaves the other cores to the user
    return groups


def _judged(buffers: Mapping[str, Buffer], config: Config) -> dict[str, Judged]:
    """Raises ConfigError, ModelError."""
    files = {key: File(buffer.path, display(buffer.path), named=buffer.is_file) for key, buffer in buffers.items()}
    sources = {key: _source(buffer) for key, buffer in buffers.items()}
    given = {buffers[key].path: source for key, source in sources.items()}
    report = lint_files([*files.values()], [], config, time.perf_counter(), given=given)
    return {
        key: Judged(
            sources[key],
            buffer.version,
            tuple(_of(files[key].shown, report.findings)),
            tuple(problem for problem in report.problems if problem.path == files[key].shown),
        )
        for key, buffer in buffers.items()
    }


def _of(shown: str, findings: Sequence[Finding]) -> Sequence[Finding]:
    return [finding for finding in findings if finding.path == shown]


def _source(buffer: Buffer) -> Source:
    bom = buffer.text.startswith("\ufeff")
    return Source(display(buffer.path), buffer.text[bom:], bom=bom)


def name_of(path: str) -> str:
    """A path that can be opened, whatever the editor calls the text."""
    return os.path.abspath(path)
