"""What README.md says is so: its commands exist, its output is what racelint prints, its settings are taken."""

from __future__ import annotations

import re
import shlex
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from racelint.cli.commands import cli
from racelint.config_files import config_from
from racelint.rules import RULES

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = [
    path for pattern in ("*.md", "*/*.md") for path in sorted(ROOT.glob(pattern)) if path.parent.name[0] != "."
]
DRAW = ROOT / "docs" / "images" / "draw.py"


def blocks(language: str) -> list[str]:
    """The code blocks of a language, without their fences."""
    return re.findall(rf"^ *```{language}\n(.*?)^ *```$", README, re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    """Every call of `racelint` in the README: in blocks for the terminal, in the text and in the lines to copy."""
    lines = "".join(blocks("console") + blocks("sh")).splitlines()
    calls = [part.partition("#")[0] for line in lines for part in line.removeprefix("$ ").split("&&")]
    inline = re.findall(r"`(racelint [^`]+)`", README)
    found = [call.strip().removeprefix(".venv/bin/") for call in calls] + inline
    return sorted({call for call in found if re.match(r"racelint( |$)", call)})


@pytest.mark.parametrize("command", commands())
def test_commands_exist(command: str) -> None:
    """With their options and values, and with paths that are there or made up for the occasion."""
    _, *words = shlex.split(command)
    name, arguments = (words[0], words[1:]) if words and words[0] in cli.commands else ("check", words)
    if "--help" in arguments:
        return
    parameters = cli.commands[name].make_context(f"racelint {name}", arguments).params
    assert all((ROOT / path).exists() for path in parameters.get("paths", ()) if path.startswith("examples"))
    if name == "rule":
        assert parameters["name"] in {known for rule in RULES for known in (rule.code, rule.name)}


def picture() -> Any:
    """The module that draws the picture; it lies beside it."""
    spec = spec_from_file_location("draw", DRAW)
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_output_it_shows_is_what_racelint_prints() -> None:
    """To the letter. If it is not, and the new output is good, paste it into the README."""
    draw = picture()
    assert draw.plain(draw.output(draw.PICTURES["finding.svg"])) in blocks("console")


@pytest.mark.parametrize("name", ["finding.svg", "timeline.svg"])
def test_the_pictures_show_what_racelint_prints(name: str) -> None:
    """To the letter and the colour. If they do not, and the new output is good: `python docs/images/draw.py`."""
    draw = picture()
    assert draw.drawing(draw.output(draw.PICTURES[name])) == (draw.FOLDER / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("settings", [block for block in blocks("toml") if "[tool.racelint]" in block])
def test_settings_are_taken(settings: str, tmp_path: Path) -> None:
    """Keys, codes and values are what racelint knows."""
    file = tmp_path / "pyproject.toml"
    file.write_text(settings, encoding="utf-8")
    (tmp_path / "models").mkdir()
    for name in re.findall(r"models/\w+\.toml", settings):
        (tmp_path / name).touch()
    assert config_from(file, RULES).file == str(file)


def test_hooks_exist() -> None:
    """What it tells pre-commit users to write is in our manifest."""
    manifest = (ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")
    hooks = re.findall(r"- id: ([\w-]+)", "".join(blocks("yaml")))
    assert hooks
    assert all(f"- id: {hook}\n" in manifest for hook in hooks)


def test_extras_and_options_of_pip_exist() -> None:
    """What is installed by name is defined in pyproject.toml."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    extras = set(re.findall(r"pip install (?:-e )?'\.\[(\w+)\]'", README))
    assert extras >= {"test", "flake8"}
    assert all(re.search(rf"^{extra} = \[", project, re.MULTILINE) for extra in extras)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(document: Path) -> None:
    """Links between our documents; those into the network are not followed."""
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_codes_are_those_of_rules(document: Path) -> None:
    """A document speaks of no rule that there is not; RL1, the beginning of some, and made-up RL199 are allowed."""
    codes = set(re.findall(r"\bRL\d{3}\b", document.read_text(encoding="utf-8")))
    assert codes - {rule.code for rule in RULES} - {"RL199"} == set()


@pytest.mark.parametrize("fragment", sorted((ROOT / "changelog.d").iterdir()), ids=lambda path: path.name)
def test_changelog_fragments(fragment: Path) -> None:
    """A fragment is named as CONTRIBUTING.md says, and has a sentence or two."""
    assert re.fullmatch(r"[a-z0-9-]+\.(added|changed|fixed|removed)\.md", fragment.name)
    text = fragment.read_text(encoding="utf-8")
    assert re.search(r"[.!]\n\Z", text)
    assert len(text) < 400
