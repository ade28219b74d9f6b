"""What the shell can complete: `racelint completions SHELL`, rules by code and name, files."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem, get_completion_class

from racelint.cli.output import print_text

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completions(ctx: click.Context, shell: str) -> int:
    """Print the script that completes racelint's commands in a shell.

    \b
    bash: eval "$(racelint completions bash)"          in ~/.bashrc
    zsh:  eval "$(racelint completions zsh)"           in ~/.zshrc, after compinit
    fish: racelint completions fish | source           in ~/.config/fish/config.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None, shell
    script = kind(ctx.find_root().command, {}, "racelint", "_RACELINT_COMPLETE")
    # Not `script.source()`: for bash it would start one to ask for its version, which need not be the one that reads this.
    return print_text(f"{script.source_template % script.source_vars()}\n")


def rule_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Codes, with their names as help, and names; behind the last comma of a list."""
    from racelint.rules import RULES

    before, comma, last = incomplete.rpartition(",")
    names = [(rule.code, rule.name) for rule in RULES] + [(rule.name, rule.code) for rule in RULES]
    return [CompletionItem(f"{before}{comma}{name}", help=other) for name, other in names if name.startswith(last)]


def a_file(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Whatever the shell finds."""
    return [CompletionItem(incomplete, type="file")]
