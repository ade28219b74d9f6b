"""docs/rules.md is what the rules say, and their examples are what they report."""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path

import pytest

from racelint.analyse import build_index, collect, find_races, nominated
from racelint.explain import code, markdown, rule_text, rules_table, sections
from racelint.finding import World
from racelint.rule import Rule
from racelint.rules import RULES
from racelint.source import Source

ROOT = Path(__file__).parent.parent
RACES = [rule for rule in RULES if rule.code < "RL900"]


def complete(example: str) -> str:
    """An example as a module: methods that stand alone are put into a class."""
    lines = example.splitlines()
    tree = ast.parse(example)
    methods = [node for node in tree.body if is_method(node)]
    if not methods:
        return example
    inside = {number for node in methods for number in range(first_line(node), (node.end_lineno or 0) + 1)}
    outside = "\n".join(line for number, line in enumerate(lines, 1) if number not in inside)
    body = "\n".join(line for number, line in enumerate(lines, 1) if number in inside)
    return f"{outside}\n\nclass Example:\n{textwrap.indent(body, '    ')}\n"


def is_method(node: ast.stmt) -> bool:
    """Whether a function takes `self` or `cls` first."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    return bool(node.args.args) and node.args.args[0].arg in ("self", "cls")


def first_line(node: ast.stmt) -> int:
    """The line of the first decorator, or of the statement."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def reported(example: str) -> set[str]:
    """The codes that all rules together report for an example, whatever the confidence."""
    source = Source("example.py", complete(example))
    facts = collect(source)
    nominees = nominated(facts, build_index([facts]), RULES)
    return {finding.code for finding in find_races(source, nominees, RULES)} if nominees is not None else set()


def test_an_example_of_methods_becomes_a_class() -> None:
    """Imports and classes stay outside, decorators go along."""
    example = "import a\n\nx = 1\n\n@a\nasync def f(self):\n    pass\n\ndef g(y):\n    pass\n"
    module = ast.parse(complete(example))
    assert [type(node).__name__ for node in module.body] == ["Import", "Assign", "FunctionDef", "ClassDef"]


@pytest.mark.parametrize("rule", RACES, ids=lambda rule: rule.name)
def test_an_example_is_reported_by_its_rule(rule: Rule) -> None:
    """What the documentation calls a race is one for racelint."""
    assert rule.code in reported(code(sections(rule)["Example"]))


@pytest.mark.parametrize("rule", RACES, ids=lambda rule: rule.name)
def test_what_to_use_instead_is_not_reported(rule: Rule) -> None:
    """By no rule: the advice does not move the race."""
    assert reported(code(sections(rule)["Use instead"])) == set()


def test_the_documentation_is_current() -> None:
    """`python -m racelint.explain > docs/rules.md` has been run."""
    written = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
    assert written == markdown(RULES), "run: python -m racelint.explain > docs/rules.md"


def a_rule(doc: str) -> Rule:
    """A rule with this documentation."""
    return Rule("RL199", "odd-thing", (World.THREADS, World.TASKS), "lost update", doc)


DOC = """Odd | things.

Why they hurt.

## Example
    if a:

        b()

    c()
More text.

## Use instead
    d()
"""


def test_markdown_has_an_anchor_and_code_for_each_rule() -> None:
    """Links by code keep working whatever the name; indented blocks become Python code, blank lines and all."""
    text = markdown([a_rule(DOC)])
    assert '<a id="rl199"></a>\n\n## RL199: odd-thing\n\n*tasks, threads · lost update*\n\nOdd | things.\n' in text
    assert "### Example\n\n```python\nif a:\n\n    b()\n\nc()\n```\nMore text.\n" in text
    assert "| [RL199](#rl199) | odd-thing | tasks, threads | Odd \\| things. |\n" in text
    assert text.endswith("```python\nd()\n```\n")


def test_text_for_the_terminal() -> None:
    """`racelint rule` prints the documentation as written, `racelint rules` a line each."""
    rule = a_rule(DOC)
    assert rule_text(rule).startswith(
        "RL199 odd-thing\n===============\n\nworlds: tasks, threads\nharm: lost update\n\nOdd |"
    )
    assert rule_text(rule).endswith("## Use instead\n    d()\n")
    assert rules_table([rule]) == "RL199  odd-thing  tasks, threads  Odd | things.\n"
    assert len(rules_table(RULES).splitlines()) == len(RULES)
