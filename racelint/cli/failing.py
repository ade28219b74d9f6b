"""Errors that are shown and end a command. They are click's, which takes longer to import than most runs."""

from __future__ import annotations


def failure(message: str) -> Exception:
    """An error to raise: the message is shown, the exit status is 2."""
    import click

    return click.ClickException(message)


def misuse(message: str) -> Exception:
    """An error to raise for options that do not go together: how the command is used is shown, too."""
    import click

    return click.UsageError(message)
