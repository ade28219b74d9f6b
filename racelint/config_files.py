"""Finds and reads what configuration files say: `[tool.racelint]` of a `pyproject.toml`, and `racelint.toml`."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from racelint.config import (
    KEYS,
    OUTPUT_FORMATS,
    PROJECT,
    Config,
    ConfigError,
    Layer,
    PerFile,
    check_selectors,
    combine,
    nearest,
    place_of,
)
from racelint.finding import Confidence

if TYPE_CHECKING:
    from racelint.rule import Rule

Value = TypeVar("Value")


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
        check_selectors(layer, layer.where, rules)
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
        raise ConfigError(f"{place_of(file, 'racelint')}`tool.racelint` must be a table")
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


def _layer(table: Mapping[str, object], where: str, root: str) -> Layer:
    unknown = [key for key in table if key not in KEYS]
    if unknown:
        raise ConfigError(f"{place_of(where, unknown[0])}unknown key `{unknown[0]}`{nearest(unknown[0], KEYS)}")
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
            raise ConfigError(f"{place_of(self._where, key)}`{key}` is `{value}`{nearest(value, choices)}")
        return value

    def module(self, key: str) -> str | None:
        """The dotted name of a module."""
        value = self._typed(key, str, "the dotted name of a module")
        if value is not None and not all(part.isidentifier() for part in value.split(".")):
            raise ConfigError(f"{place_of(self._where, key)}`{key}` is `{value}`, which is no dotted name of a module")
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
            raise ConfigError(f"{place_of(self._where, key)}`{key}`: there is no file `{missing[0]}` in {root}")
        return paths

    def _inside(self, key: str, name: str, root: str) -> str:
        """The path of a file. One that a configuration file names must lie in its project, also behind links.

        Who runs racelint in a repository of somebody else reads and writes nothing of their own by its configuration.
        """
        path = os.path.join(root, name)
        if os.path.isfile(self._where):
            top = _top(root)
            if os.path.commonpath([top, os.path.realpath(path)]) != top:
                raise ConfigError(f"{place_of(self._where, key)}`{key}`: `{name}` leads out of the project {top}")
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
        return ConfigError(f"{place_of(self._where, key)}`{key}` must be {wanted}")


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
