"""Output formats: name → function(results, options) → pieces of text, ready to be written one after the other.

`results` is anything with `findings`, `problems`, `files` and `seconds`, such as `racelint.run.Report`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from typing import cast

from racelint.report.results import Explained, Options, Results, drawable, statistics

__all__ = ["REPORTERS", "Explained", "Options", "Reporter", "Results", "drawable", "statistics"]

Reporter = Callable[[Results, Options], Iterable[str]]


class _Reporters(Mapping[str, Reporter]):
    """The formats by name. A format is imported when it is asked for: a run writes one, and they are half of its start."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = places

    def __getitem__(self, name: str) -> Reporter:
        module, _, function = self._places[name].partition(":")
        return cast("Reporter", getattr(import_module(f"racelint.report.{module}"), function))

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


REPORTERS: Mapping[str, Reporter] = _Reporters(
    {
        "full": "nothing:full_if_any",
        "concise": "concise:concise",
        "json": "json_:as_json",
        "json-lines": "json_lines:json_lines",
        "github": "github:github",
        "gitlab": "gitlab:gitlab",
        "html": "html:html",
        "junit": "junit:junit",
        "markdown": "markdown:markdown",
        "rdjson": "rdjson:rdjson",
        "sarif": "sarif:sarif",
    }
)
