"""A path or standard input becomes a `Source`: decoded text with what is needed to write it back."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    """One file, decoded.

    `path` is as it is shown to the user. `text` has its line ends as they are in the file (no translation) and no BOM.
    """

    path: str
    text: str
    encoding: str = "utf-8"
    bom: bool = False

    @property
    def lines(self) -> list[str]:
        r"""The lines with their ends, split where Python's tokenizer splits: at `\n`, `\r\n` and `\r` alone."""
        return split_lines(self.text)


def split_lines(text: str) -> list[str]:
    r"""Split at `\n`, `\r\n` and `\r` only; `str.splitlines` would also split at form feeds and U+2028."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = [line + "\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    return lines
