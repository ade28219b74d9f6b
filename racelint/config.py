"""What the user wants: `[tool.racelint]`, `racelint.toml` and the command line become one frozen `Config`.

Each place that says something is a `Layer`; a later layer wins over an earlier one. Keys, codes and values that do not
exist are a `ConfigError` that names the place and the nearest that does.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    _check_selectors(config, "", rules)


def _check_selectors(said: Config | Layer, where: str, rules: Sequence[Rule]) -> None:
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
    place = _at(where, selector or '""')
    raise ConfigError(f"{place}{key}: `{selector}` is no rule{hint}")


def nearest(word: str, known: Sequence[str]) -> str:
    """The end of a message: the nearest known word, or all of a few."""
    import difflib  # only for a mistake

    found = difflib.get_close_matches(word, known, n=1, cutoff=0.3)
    if found:
        return f"; did you mean `{found[0]}`?"
    return f"; there are {', '.join(known)}" if 0 < len(known) <= 20 else "; `racelint rules` lists them"


# Files


def load_config(
    start: str | os.PathLike[str], rules: Sequence[Rule], layers: Sequence[Layer] = (), *, isolated: bool = False
) -> Config:
    """The configuration that holds for `start`, a file or directory, with `layers` on top of it. Raises ConfigError.

    The nearest file decides, for the whole run; with `isolated` none is read.
    """
    file = None if isolated else find_config(start)
    return config_from(file, rules, layers)


def config_from(file: str | os.PathLike[str] | None, rules: Sequence[Rule], layers: Sequence[Layer] = ()) -> Config:
    """The configuration of a file, with `layers` on top of it. Raises ConfigError."""
    file = None if file is None else os.fspath(file)
    below = [] if file is None else [read_layer(file)]
    for layer in (*below, *layers):
        _check_selectors(layer, layer.where, rules)
    root = _folder(file) if file else os.getcwd()
    return combine([*below, *layers], root, file or "")


def find_config(start: str | os.PathLike[str]) -> str | None:
    """The nearest `racelint.toml`, or `pyproject.toml` with a `[tool.racelint]`, in `start` or above it."""
    for directory in _upwards(_absolute(os.fspath(start))):
        own = os.path.join(directory, "racelint.toml")
        if os.path.isfile(own):
            return own
        project = os.path.join(directory, PROJECT)
        if os.path.isfile(project) and "racelint" in _text(project) and _table(project) is not None:
            return project
    return None


PROJECT = "pyproject.toml"


def _upwards(folder: str) -> Iterator[str]:
    """A folder and those it is in."""
    while True:
        yield folder
        above = os.path.dirname(folder)
        if above == folder:
            return
        folder = above


def _absolute(path: str) -> str:
    """An absolute path, that is not made shorter: a folder before `..` may be a link."""
    return os.path.join(os.getcwd(), path)


def _folder(file: str) -> str:
    return os.path.dirname(_absolute(file))


def read_layer(file: str) -> Layer:
    """What a configuration file says. Raises ConfigError."""
    table = _table(file)
    if table is None:
        raise ConfigError(f"{file}: there is no [tool.racelint] in it")
    return _layer(table, file, _folder(file))


def inline_layer(text: str) -> Layer:
    """What `--config 'key = value'` says. Raises ConfigError."""
    table = _parsed(text, f"--config '{text}'")
    return _layer(table, f"--config '{text}'", os.getcwd())


def _text(file: str) -> str:
    try:
        with open(file, encoding="utf-8-sig") as opened:
            return opened.read()
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: TOML must be UTF-8: {error}") from None


def _table(file: str) -> Mapping[str, object] | None:
    """The table of racelint's keys: the whole file, or in a `pyproject.toml` its `[tool.racelint]`."""
    table = _parsed(_text(file), file)
    if os.path.basename(file) != PROJECT:
        return table
    tool = table.get("tool")
    ours = tool.get("racelint") if isinstance(tool, dict) else None
    if ours is not None and not isinstance(ours, dict):
        raise ConfigError(f"{_at(file, 'racelint')}`tool.racelint` must be a table")
    return ours


def _parsed(text: str, where: str) -> Mapping[str, object]:
    # Imported here because many runs have no configuration.
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return tomllib.loads(text)
    except ValueError as error:  # a TOMLDecodeError, or what `int` says of thousands of digits
        raise ConfigError(f"{where}: this is not TOML: {error}") from None
    except RecursionError:
        raise ConfigError(f"{where}: nested too deep") from None


def _at(where: str, word: str) -> str:
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


# Values


def _layer(table: Mapping[str, object], where: str, root: str) -> Layer:
    unknown = [key for key in table if key not in KEYS]
    if unknown:
        raise ConfigError(f"{_at(where, unknown[0])}unknown key `{unknown[0]}`{nearest(unknown[0], KEYS)}")
    get = _Values(table, where)
    return Layer(
        where=where,
        root=root,
        select=get.strings("select"),
        ignore=get.strings("ignore"),
        extend_select=get.strings("extend-select"),
        extend_ignore=get.strings("extend-ignore"),
        per_file_ignores=get.lists_by_pattern("per-file-ignores", root),
        min_confidence=get.confidence("min-confidence"),
        exclude=anchored(get.strings("exclude"), root),
        extend_exclude=anchored(get.strings("extend-exclude"), root),
        force_exclude=get.boolean("force-exclude"),
        respect_gitignore=get.boolean("respect-gitignore"),
        output_format=get.choice("output-format", OUTPUT_FORMATS),
        jobs=get.number("jobs"),
        models=get.files("models", root),
        runtime_module=get.module("runtime-module"),
        baseline=get.path("baseline", root),
    )


class _Values:
    """Typed values of a TOML table. Each method raises ConfigError for a value of another type."""

    def __init__(self, table: Mapping[str, object], where: str) -> None:
        self._table = table
        self._where = where

    def strings(self, key: str) -> tuple[str, ...] | None:
        """A list of strings."""
        value = self._table.get(key)
        return None if value is None else self._strings(key, value)

    def boolean(self, key: str) -> bool | None:
        """True or false."""
        return self._typed(key, bool, "`true` or `false`")

    def number(self, key: str) -> int | None:
        """A whole number from 0."""
        value = self._typed(key, int, "a whole number")
        if value is not None and (isinstance(value, bool) or value < 0):
            raise self._error(key, "a whole number from 0 (one process per core)")
        return value

    def choice(self, key: str, choices: Sequence[str]) -> str | None:
        """One of a few words."""
        value = self._typed(key, str, f"one of {', '.join(choices)}")
        if value is not None and value not in choices:
            raise ConfigError(f"{_at(self._where, key)}`{key}` is `{value}`{nearest(value, choices)}")
        return value

    def module(self, key: str) -> str | None:
        """The dotted name of a module."""
        value = self._typed(key, str, "the dotted name of a module")
        if value is not None and not all(part.isidentifier() for part in value.split(".")):
            raise ConfigError(f"{_at(self._where, key)}`{key}` is `{value}`, which is no dotted name of a module")
        return value

    def path(self, key: str, root: str) -> str | None:
        """A file, which need not be there, relative to the configuration."""
        value = self._typed(key, str, "the name of a file")
        return value and self._inside(key, value, root)

    def confidence(self, key: str) -> Confidence | None:
        """Low, medium or high."""
        value = self.choice(key, [confidence.value for confidence in Confidence])
        return None if value is None else Confidence(value)

    def lists_by_pattern(self, key: str, root: str) -> PerFile | None:
        """A table of patterns, each with a list of strings."""
        value = self._table.get(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self._error(key, 'a table such as `"tests/*" = ["RL102"]`')
        return tuple((anchor(pattern, root), self._strings(key, selectors)) for pattern, selectors in value.items())

    def files(self, key: str, root: str) -> tuple[str, ...] | None:
        """A list of files that are there, relative to the configuration."""
        names = self.strings(key)
        paths = None if names is None else tuple(self._inside(key, name, root) for name in names)
        missing = [name for name, path in zip(names or (), paths or (), strict=True) if not os.path.isfile(path)]
        if missing:
            raise ConfigError(f"{_at(self._where, key)}`{key}`: there is no file `{missing[0]}` in {root}")
        return paths

    def _inside(self, key: str, name: str, root: str) -> str:
        """The path of a file. One that a configuration file names must lie in its project, also behind links.

        Who runs racelint in a repository of somebody else reads and writes nothing of their own by its configuration.
        """
        path = os.path.join(root, name)
        if os.path.isfile(self._where):
            top = _top(root)
            if os.path.commonpath([top, os.path.realpath(path)]) != top:
                raise ConfigError(f"{_at(self._where, key)}`{key}`: `{name}` leads out of the project {top}")
        return path

    def _strings(self, key: str, value: object) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self._error(key, 'a list of strings, such as `["a", "b"]`')
        return tuple(value)

    def _typed(self, key: str, wanted: type[Value], description: str) -> Value | None:
        value = self._table.get(key)
        if value is not None and not isinstance(value, wanted):
            raise self._error(key, description)
        return value

    def _error(self, key: str, wanted: str) -> ConfigError:
        return ConfigError(f"{_at(self._where, key)}`{key}` must be {wanted}")


def _top(folder: str) -> str:
    """The real folder of the repository that a folder is in; without one, the folder itself."""
    folder = os.path.realpath(folder)
    return next((one for one in _upwards(folder) if os.path.exists(os.path.join(one, ".git"))), folder)


def anchored(patterns: tuple[str, ...] | None, root: str) -> tuple[str, ...] | None:
    """The patterns of a list, each anchored."""
    return None if patterns is None else tuple(anchor(pattern, root) for pattern in patterns)


def anchor(pattern: str, root: str) -> str:
    """A pattern with a slash as an absolute one, so that those of several layers can be mixed."""
    negated, text = pattern.startswith("!"), pattern.removeprefix("!").rstrip("/").removeprefix("./")
    if "/" in text and not text.startswith(("/", "**/")):
        text = f"{_literal(root)}/{text}"
    return f"!{text}" if negated else text


def _literal(path: str) -> str:
    """A path as a pattern that matches nothing else."""
    return re.sub(r"([*?\[])", r"[\1]", path.replace(os.sep, "/"))
