"""Facts of many modules, joined."""

from __future__ import annotations

from dataclasses import dataclass

from racelint.facts import ModuleFacts


@dataclass(frozen=True, slots=True)
class Index:
    modules: tuple[ModuleFacts, ...]
