"""Every rule is listed, named, documented and tested as the others are."""

from __future__ import annotations

import ast
import pkgutil
import re
from importlib import import_module
from pathlib import Path

import pytest

import racelint.rules
from racelint.explain import sections
from racelint.rule import Rule
from racelint.rules import RULES

FIXTURES = Path(__file__).parent / "fixtures"
PACKAGE = Path(racelint.rules.__file__).parent.parent
COMPILING = {
    "expression",
    *(f"re.{name}" for name in ("compile", "search", "match", "fullmatch", "sub", "findall", "finditer")),
}
RACES = [rule for rule in RULES if rule.code < "RL900"]
each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
each_race = pytest.mark.parametrize("rule", RACES, ids=lambda rule: rule.name)


def test_every_rule_is_listed_in_order() -> None:
    """A file in racelint/rules is a rule of that name, and `RULES` has them all by code."""
    files = [module.name for module in pkgutil.iter_modules(racelint.rules.__path__)]
    rules = {name: import_module(f"racelint.rules.{name}").RULE for name in files}
    assert {name.replace("_", "-") for name in rules} == {rule.name for rule in rules.values()}
    assert [rule.code for rule in RULES] == sorted(rule.code for rule in rules.values())
    ours = {rule.name: (rule.code, rule.needs) for rule in RULES}
    assert ours == {rule.name: (rule.code, rule.needs) for rule in rules.values()}, "the table of rules is not current"


def test_codes_and_names_are_unique() -> None:
    """Either of them says which rule is meant."""
    assert len({rule.code for rule in RULES}) == len(RULES)
    assert len({rule.name for rule in RULES}) == len(RULES)


@each_rule
def test_names(rule: Rule) -> None:
    """flake8 takes three letters and three digits; a name is the bad pattern, so that it reads well after "ignore"."""
    assert re.fullmatch(r"RL\d{3}", rule.code)
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", rule.name)
    assert (
        not re.search(r"\b(no|not|never|use|avoid|missing)-", rule.name) or rule.name == "mutations-without-transaction"
    )


@each_rule
def test_documentation(rule: Rule) -> None:
    """A sentence, a paragraph about the harm, the code that is reported and the code to write instead."""
    assert rule.harm
    assert rule.summary.endswith(".")
    assert len(rule.summary) <= 100
    parts = sections(rule)
    assert list(parts)[:3] == ["", "Example", "Use instead"]
    assert set(list(parts)[3:]) <= {"Missed alarms", "False alarms", "See also"}
    assert len(parts[""].split("\n\n")) >= 2, "a paragraph about the harm follows the first line"
    assert all(text.strip() for text in parts.values())


@each_race
def test_a_race_has_worlds_and_names_what_it_misses(rule: Rule) -> None:
    """Readers learn where it holds and what it does not see."""
    assert rule.worlds
    assert "Missed alarms" in sections(rule)


@each_race
def test_a_race_has_fixtures(rule: Rule) -> None:
    """At least one case with a bad and a good file; truth comes first."""
    cases = [path for path in (FIXTURES / rule.name).glob("*/") if path.is_dir()]
    assert cases, f"no case in {FIXTURES / rule.name}"
    assert any((case / "bad.py").is_file() and (case / "good.py").is_file() for case in cases)


def test_every_fixture_folder_is_a_rule() -> None:
    """A renamed rule takes its cases along; `safe-shapes` are silent under all rules."""
    names = {rule.name for rule in RULES} | {"safe-shapes"}
    unknown = [path.name for path in FIXTURES.iterdir() if path.is_dir() and path.name not in names]
    assert unknown == []


def test_what_code_names_is_escaped_in_regular_expressions() -> None:
    """A text of the code under analysis, such as `**{field: value}` for a column, must not be read as a pattern: it may be none."""
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_bytes())
        for function in (node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.Lambda))):
            escaped = {
                name.id
                for step in ast.walk(function)
                if isinstance(step, ast.Assign) and "escape" in ast.unparse(step.value)
                for target in step.targets
                for name in ast.walk(target)
                if isinstance(name, ast.Name)
            }
            for call in (node for node in ast.walk(function) if isinstance(node, ast.Call) and node.args):
                if ast.unparse(call.func) not in COMPILING or not isinstance(call.args[0], ast.JoinedStr):
                    continue
                for part in (part.value for part in call.args[0].values if isinstance(part, ast.FormattedValue)):
                    text = ast.unparse(part)
                    fixed = text.isupper() or text in escaped or "escape(" in text
                    assert fixed, f"{path.name}:{call.lineno}: {text} is not escaped"
