"""The command lines that most runs have, read without click, which takes longer to import than a small file to be looked at.

Only what is understood without doubt is read here: paths, and the options of `TOLD` and `GIVEN`. Everything else, all that is
wrong among it, is for the commands that click makes. A test holds that both read the same.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from racelint.cli.doing import Asked
from racelint.cli.wanted import STANDARD_OUTPUT, Wanted
from racelint.config import OPTIONS, OUTPUT_FORMATS, Layer
from racelint.finding import Confidence

COMMANDS = frozenset("check clean completions explain report repro rule rules server vendor".split())
"""Words that are not taken for paths where a command may stand."""

TOLD = {
    "--isolated": "isolated",
    "--no-cache": "no_cache",
    "--exit-zero": "exit_zero",
    "--quiet": "quiet",
    "-q": "quiet",
    "--fix": "fix",
    "--force-exclude": "force_exclude",
    "--ascii": "ascii",
}
"""Options without a value."""

GIVEN = {
    "--output-format": "output_format",
    "--jobs": "jobs",
    "-j": "jobs",
    "--cache-dir": "cache_dir",
    "--select": "select",
    "--ignore": "ignore",
    "--extend-select": "extend_select",
    "--extend-ignore": "extend_ignore",
    "--min-confidence": "min_confidence",
}
"""Options with a value, behind a space or, if they are long, `=`."""

LISTS = frozenset({"select", "ignore", "extend_select", "extend_ignore"})


def read(arguments: Sequence[str], environment: Mapping[str, str]) -> Asked | None:
    """What the arguments of `racelint` ask for; None if click has to say."""
    if "_RACELINT_COMPLETE" in environment:
        return None
    words = list(arguments)
    if words[:1] == ["check"]:
        del words[0]
    elif words and words[0] in COMMANDS:
        return None
    paths: list[str] = []
    told: set[str] = set()
    given: dict[str, list[str]] = {}
    while words:
        word = words.pop(0)
        if not word or word == "-":
            return None
        if not word.startswith("-"):
            paths.append(word)
        elif word in TOLD:
            told.add(TOLD[word])
        else:
            name, joined, value = word.partition("=")
            if name not in GIVEN or (joined and not name.startswith("--")):
                return None
            if not joined:
                value = words.pop(0) if words else ""
            if not value or value.startswith("-"):
                return None
            given.setdefault(GIVEN[name], []).append(value)
    return _asked(tuple(paths), told, given, environment)


def _asked(
    paths: tuple[str, ...], told: set[str], given: Mapping[str, list[str]], environment: Mapping[str, str]
) -> Asked | None:
    one = {name: values[-1] for name, values in given.items()}
    lists = {name: listed(values) for name, values in given.items() if name in LISTS}
    confidences = {confidence.value: confidence for confidence in Confidence}
    confidence, output_format, jobs = one.get("min_confidence"), one.get("output_format"), one.get("jobs")
    if (
        not all(lists.values())
        or not confidences.keys() >= set(given.get("min_confidence", ()))
        or not {*OUTPUT_FORMATS} >= set(given.get("output_format", ()))
        or not (jobs is None or (jobs.isascii() and jobs.isdigit()))
    ):
        return None
    wanted = Wanted(
        paths=paths or (".",),
        stdin_filename=None,
        fix="fix" in told,
        diff=False,
        unsafe_fixes=False,
        fix_only=False,
        show_fixes=False,
        interactive=False,
        outputs=(STANDARD_OUTPUT,),
        add_ignore=None,
        new_from=None,
        update_baseline=False,
        prune_baseline=False,
        error_stale_baseline=False,
        no_cache="no_cache" in told,
        cache_dir=one.get("cache_dir") or environment.get("RACELINT_CACHE_DIR", ""),
        statistics=False,
        exit_zero="exit_zero" in told,
        quiet="quiet" in told,
        verbose=False,
        ascii="ascii" in told,
        color="auto",
    )
    said = Layer(
        where=OPTIONS,
        select=lists.get("select"),
        ignore=lists.get("ignore"),
        extend_select=lists.get("extend_select"),
        extend_ignore=lists.get("extend_ignore"),
        min_confidence=None if confidence is None else confidences[confidence],
        force_exclude=True if "force_exclude" in told else None,
        output_format=output_format,
        jobs=None if jobs is None else int(jobs),
    )
    return Asked(wanted, said, isolated="isolated" in told)


def listed(values: Sequence[str]) -> tuple[str, ...]:
    """Comma lists and repeated options alike."""
    return tuple(item.strip() for value in values for item in value.split(",") if item.strip())


def asked_of(arguments: Sequence[str]) -> Asked | None:
    """`read`, in the environment that there is."""
    return read(arguments, os.environ)
