"""The commands `racelint rule` and `racelint rules`."""

from __future__ import annotations

import json

import click

from racelint.cli.completing import rule_names
from racelint.cli.options import HELP
from racelint.cli.output import print_text
from racelint.config import nearest

as_text_or_json = click.option(
    "--output-format", type=click.Choice(["text", "json"]), default="text", help="For people (text) or programs (json)."
)


@click.command(context_settings=HELP)
@click.argument("name", required=False, metavar="[CODE|NAME]", shell_complete=rule_names)
@click.option("--all", "every", is_flag=True, help="Explain every rule.")
@as_text_or_json
def rule(name: str | None, every: bool, output_format: str) -> int:
    """Explain a rule."""
    from racelint.explain import rule_as_json, rule_text
    from racelint.rules import RULES

    if every == (name is not None):
        raise click.UsageError("name one rule, or ask for --all; `racelint rules` lists them")
    chosen = [one for one in RULES if every or name in (one.code, one.name)]
    chosen = chosen or [one for one in RULES if name and name.lower() in (one.code.lower(), one.name)]
    if not chosen:
        known = [known for one in RULES for known in (one.code, one.name)]
        raise click.UsageError(f"`{name}` is no rule{nearest(name or '', known)}")
    if output_format == "json":
        objects = [rule_as_json(one) for one in chosen]
        return print_text(json.dumps(objects if every else objects[0], indent=1) + "\n")
    return print_text("\n".join(rule_text(one) for one in chosen))


@click.command(context_settings=HELP)
@as_text_or_json
def rules(output_format: str) -> int:
    """List the rules."""
    from racelint.explain import rule_in_brief, rules_table
    from racelint.rules import RULES

    if output_format == "json":
        return print_text(json.dumps([rule_in_brief(one) for one in RULES], indent=1) + "\n")
    return print_text(rules_table(RULES))
