"""What the user wants: `[tool.racelint]`, `racelint.toml` and the command line become one frozen `Config`.

Each place that says something is a `Layer`; a later layer wins over an earlier one. Keys, codes and values that do not
exist are a `ConfigError` that names the place and the nearest that does. `config_files` reads what files say.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

from racelint.finding import Confidence
from racelint.frozen import dataclass, names_of, replace

if TYPE_CHECKING:
    from racelint.rule import Rule

DEFAULT_EXCLUDE = (
    ".bzr",
    ".direnv",
    ".eggs",
    ".git",
    ".git-rewrite",
    ".hg",
    ".ipynb_checkpoints",
    ".mypy_cache",
    ".nox",
    ".pants.d",
    ".pyenv",
    ".pytest_cache",
    ".pytype",
    ".ruff_cache",
    ".svn",
    ".tox",
    ".venv",
    ".vscode",
    "__pypackages__",
    "_build",
    "buck-out",
    "build",
    "dist",
    "node_modules",
    "site-packages",
    "venv",
)
"""The list of ruff, so that both look at the same files."""

OUTPUT_FORMATS = (
    "full",
    "concise",
    "json",
    "json-lines",
    "github",
    "gitlab",
    "html",
    "junit",
    "markdown",
    "rdjson",
    "sarif",
)

Value = TypeVar("Value")

PROJECT = "pyproject.toml"

OPTIONS = "--"
"""The `where` of a layer that is the command line: its keys are options."""

PerFile = tuple[tuple[str, tuple[str, ...]], ...]
"""Patterns with the selectors of the rules that are off in the files they match."""


class ConfigError(Exception):
    """What is wrong with a configuration, where, and the nearest thing that is right."""


@dataclass(frozen=True, slots=True)
class Config:
    """How to run. A *selector* is a code, the beginning of one, a rule's name, or `ALL`."""

    select: tuple[str, ...] = ("ALL",)
    ignore: tuple[str, ...] = ()
    extend_select: tuple[str, ...] = ()
    extend_ignore: tuple[str, ...] = ()
    per_file_ignores: PerFile = ()
    min_confidence: Confidence = Confidence.MEDIUM
    exclude: tuple[str, ...] = DEFAULT_EXCLUDE
    extend_exclude: tuple[str, ...] = ()
    force_exclude: bool = False
    """Leave out excluded files even if they are named."""
    respect_gitignore: bool = True
    output_format: str = "full"
    jobs: int = 0
    """Processes; 0 for one per core."""
    models: tuple[str, ...] = ()
    """TOML files with models of libraries, absolute."""
    runtime_module: str = "racelint.runtime"
    """Where fixes import the helpers from."""
    baseline: str = ""
    """The file of known findings, absolute, if there is one. The command leaves them out; `lint_paths` does not."""
    root: str = ""
    """The directory that patterns are relative to, the current one if empty."""
    file: str = ""
    """Where it was read from, if anywhere."""


@dataclass(frozen=True, slots=True)
class Layer:
    """What one place says; None where it says nothing. `where` begins the message of an error about it."""

    where: str = ""
    root: str = ""
    select: tuple[str, ...] | None = None
    ignore: tuple[str, ...] | None = None
    extend_select: tuple[str, ...] | None = None
    extend_ignore: tuple[str, ...] | None = None
    per_file_ignores: PerFile | None = None
    min_confidence: Confidence | None = None
    exclude: tuple[str, ...] | None = None
    extend_exclude: tuple[str, ...] | None = None
    force_exclude: bool | None = None
    respect_gitignore: bool | None = None
    output_format: str | None = None
    jobs: int | None = None
    models: tuple[str, ...] | None = None
    runtime_module: str | None = None
    baseline: str | None = None


KEYS = tuple(name.replace("_", "-") for name in names_of(Layer) if name not in ("where", "root"))


def combine(layers: Iterable[Layer], root: str = "", file: str = "") -> Config:
    """One `Config` from the first, weakest, to the last layer.

    `select` starts anew: what earlier layers select and ignore is forgotten, as in ruff. Without it, `ignore` and the
    `extend-` keys add to what is there.
    """
    config = Config(root=root, file=file)
    for layer in layers:
        config = _over(config, layer)
    return config


def _over(config: Config, layer: Layer) -> Config:
    if layer.select is not None:
        config = replace(config, select=layer.select, ignore=(), extend_select=(), extend_ignore=())
    return replace(
        config,
        ignore=(*config.ignore, *(layer.ignore or ())),
        extend_select=(*config.extend_select, *(layer.extend_select or ())),
        extend_ignore=(*config.extend_ignore, *(layer.extend_ignore or ())),
        per_file_ignores=_said(layer.per_file_ignores, config.per_file_ignores),
        min_confidence=_said(layer.min_confidence, config.min_confidence),
        exclude=_said(layer.exclude, config.exclude),
        extend_exclude=(*config.extend_exclude, *(layer.extend_exclude or ())),
        force_exclude=_said(layer.force_exclude, config.force_exclude),
        respect_gitignore=_said(layer.respect_gitignore, config.respect_gitignore),
        output_format=_said(layer.output_format, config.output_format),
        jobs=_said(layer.jobs, config.jobs),
        models=_said(layer.models, config.models),
        runtime_module=_said(layer.runtime_module, config.runtime_module),
        baseline=_said(layer.baseline, config.baseline),
    )


def _said(value: Value | None, otherwise: Value) -> Value:
    return otherwise if value is None else value


# Rules


def enabled_rules(config: Config, rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """The rules that are on. The most exact selector decides: `--select RL102 --ignore RL1` keeps RL102, as in ruff."""
    if config.select == ("ALL",) and not (config.extend_select or config.ignore or config.extend_ignore):
        return tuple(rules)  # as nearly always, and it is asked for each file
    chosen = (*config.select, *config.extend_select)
    dropped = (*config.ignore, *config.extend_ignore)
    return tuple(rule for rule in rules if _exactness(chosen, rule) > _exactness(dropped, rule))


def ignores(selectors: Iterable[str], rule: Rule) -> bool:
    """Whether one of the selectors stands for the rule."""
    return _exactness(selectors, rule) >= 0


def _exactness(selectors: Iterable[str], rule: Rule) -> int:
    """How exactly a rule is selected: -1 not at all, 0 by `ALL`, then the letters of a prefix, most by name."""
    return max((_matched(selector, rule) for selector in selectors), default=-1)


def _matched(selector: str, rule: Rule) -> int:
    if selector.upper() == "ALL":
        return 0
    if selector.lower() == rule.name:
        return len(rule.code)
    return len(selector) if rule.code.startswith(selector.upper()) else -1


def check_config(config: Config, rules: Sequence[Rule]) -> None:
    """Raises ConfigError at the first selector that stands for no rule."""
    check_selectors(config, "", rules)


def check_selectors(said: Config | Layer, where: str, rules: Sequence[Rule]) -> None:
    lists = [
        ("select", said.select),
        ("ignore", said.ignore),
        ("extend-select", said.extend_select),
        ("extend-ignore", said.extend_ignore),
        *(("per-file-ignores", selectors) for _, selectors in said.per_file_ignores or ()),
    ]
    for key, selectors in lists:
        for selector in selectors or ():
            _check_selector(selector, key, where, rules)


def _check_selector(selector: str, key: str, where: str, rules: Sequence[Rule]) -> None:
    if selector.upper() == "ALL" or (selector and any(_matched(selector, rule) >= 0 for rule in rules)):
        return
    known = [name for rule in rules for name in (rule.code, rule.name)]
    hint = nearest(selector.upper() if selector[:2].upper() == "RL" else selector.lower(), known)
    place = place_of(where, selector or '""')
    raise ConfigError(f"{place}{key}: `{selector}` is no rule{hint}")


def nearest(word: str, known: Sequence[str]) -> str:
    """The end of a message: the nearest known word, or all of a few."""
    import difflib  # only for a mistake

    found = difflib.get_close_matches(word, known, n=1, cutoff=0.3)
    if found:
        return f"; did you mean `{found[0]}`?"
    return f"; there are {', '.join(known)}" if 0 < len(known) <= 20 else "; `racelint rules` lists them"


def place_of(where: str, word: str) -> str:
    """`file:line: ` of the first line with `word` after the header of our table, as near as can be told."""
    if where == OPTIONS:
        return OPTIONS
    try:
        with open(where, encoding="utf-8") as opened:
            lines = opened.read().splitlines()
    except (OSError, ValueError):
        return f"{where}: " if where else ""
    in_project = os.path.basename(where) == PROJECT
    inside = not in_project
    for number, line in enumerate(lines, 1):
        if re.match(r"\s*\[", line) and in_project:
            inside = re.match(r"\s*\[\s*tool\s*\.\s*[\"']?racelint\b", line) is not None
        if inside and re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", line.partition("#")[0]):
            return f"{where}:{number}: "
    return f"{where}: "
