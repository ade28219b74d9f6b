"""Rules explained: for the terminal, and as docs/rules.md.

    python -m racelint.explain > docs/rules.md

The source is the docstring of the rule's module, `Rule.doc`: a line that says what is reported, a paragraph, then
sections (`## Example`, `## Use instead`, `## Missed alarms`), their code indented by four blanks.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence

from racelint.expressions import expression
from racelint.finding import World
from racelint.rule import Rule

INTRODUCTION = """\
<!-- Written by `python -m racelint.explain > docs/rules.md` from the docstrings of racelint/rules. -->

# Rules

Each rule has a code and a name; either will do wherever a rule is chosen or silenced: `racelint --select stale-write`,
`# racelint: ignore[RL102]`. A code keeps its meaning for ever. The *world* of a rule is where its units of work
interleave: coroutines of one event loop (tasks), threads, or processes, requests and hosts (processes).
"""

NAMES = """\
## Names that carry meaning

Where code cannot be seen, racelint reads something from these names, and from those that the tables of [models](models.md) list:
methods of libraries, and what their objects are usually called (`session`, `cache`, `request`). Every other name can be changed
without changing a finding; a test does so.

| names | what they say |
| --- | --- |
"""

_BLOCK = expression(r"^ {4}.*(?:\n+ {4}.*)*", re.MULTILINE)
"""A block of code in a docstring."""


def rule_text(rule: Rule) -> str:
    """What `racelint rule CODE` prints."""
    title = f"{rule.code} {rule.name}"
    return f"{title}\n{'=' * len(title)}\n\n{_facts(rule)}\n\n{rule.doc.strip()}\n"


def rules_table(rules: Sequence[Rule]) -> str:
    """What `racelint rules` prints: one line a rule."""
    name = max(len(rule.name) for rule in rules)
    worlds = max(len(_worlds(rule)) for rule in rules)
    return "".join(
        f"{rule.code}  {rule.name:<{name}}  {_worlds(rule):<{worlds}}  {rule.summary}".rstrip() + "\n" for rule in rules
    )


def rule_in_brief(rule: Rule) -> dict[str, object]:
    """What `racelint rules --output-format json` lists."""
    return {
        "code": rule.code,
        "name": rule.name,
        "worlds": [world.value for world in World if world in rule.worlds],
        "harm": rule.harm,
        "summary": rule.summary,
        "url": f"docs/rules.md#{rule.code.lower()}",
    }


def rule_as_json(rule: Rule) -> dict[str, object]:
    """What `racelint rule CODE --output-format json` prints: also the documentation, whole and in parts."""
    parts = sections(rule)
    return {
        **rule_in_brief(rule),
        "documentation": rule.doc.strip(),
        "example": code(parts.get("Example", "")),
        "use_instead": code(parts.get("Use instead", "")),
        "markdown": rule_markdown(rule),
    }


def markdown(rules: Sequence[Rule]) -> str:
    """The text of docs/rules.md."""
    rows = [
        f"| [{rule.code}](#{rule.code.lower()}) | {rule.name} | {_worlds(rule)} | {_cell(rule.summary)} |"
        for rule in rules
    ]
    table = "\n".join(["| code | name | worlds | reports |", "| --- | --- | --- | --- |", *rows])
    return "\n".join([INTRODUCTION, table, "", _names(), *(f"\n{_chapter(rule)}" for rule in rules)]) + "\n"


def _names() -> str:
    """The chapter on names, in Markdown."""
    from racelint.names import MEANINGS  # reads the tables of models

    return NAMES + "\n".join(f"| {meaning.names} | {meaning.says} |" for meaning in MEANINGS)


def rule_markdown(rule: Rule) -> str:
    """The documentation of one rule, without a title."""
    return "\n\n".join(_parts(rule)) + "\n"


def sections(rule: Rule) -> Mapping[str, str]:
    """The parts of a rule's documentation by heading, as written; "" is what comes before the first heading."""
    parts: dict[str, list[str]] = {"": []}
    heading = ""
    for line in rule.doc.strip().splitlines():
        if line.startswith("## "):
            heading = line[3:].strip()
            parts[heading] = []
        else:
            parts[heading].append(line)
    return {heading: "\n".join(lines).strip("\n") for heading, lines in parts.items()}


def code(section: str) -> str:
    """The code of a section, without the indentation."""
    return "".join(_dedented(block) for block in _BLOCK.findall(section))


def _dedented(block: str) -> str:
    return textwrap.dedent(block).strip("\n") + "\n"


def _facts(rule: Rule) -> str:
    return "\n".join(f"{name}: {value}" for name, value in (("worlds", _worlds(rule)), ("harm", rule.harm)) if value)


def _worlds(rule: Rule) -> str:
    return ", ".join(world.value for world in World if world in rule.worlds)


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


def _chapter(rule: Rule) -> str:
    """A rule in Markdown, under an anchor of its own so that a changed name breaks no link."""
    facts = " · ".join(fact for fact in (_worlds(rule), rule.harm) if fact)
    return "\n\n".join([f'<a id="{rule.code.lower()}"></a>\n\n## {rule.code}: {rule.name}\n\n*{facts}*', *_parts(rule)])


def _parts(rule: Rule) -> Iterator[str]:
    """The sections of a rule's documentation in Markdown."""
    for heading, text in sections(rule).items():
        body = _BLOCK.sub(lambda match: f"```python\n{_dedented(match[0])}```", text)
        yield f"### {heading}\n\n{body}" if heading else body


if __name__ == "__main__":
    from racelint.rules import RULES

    sys.stdout.write(markdown(RULES))
