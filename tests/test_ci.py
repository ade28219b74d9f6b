"""The action and the snippets of docs/ci.md: what a runner would run is run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
CI = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
SNIPPETS = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", CI, re.DOTALL)]

RACE = """\
import asyncio


class Counter:
    def __init__(self):
        self.total = 0

    async def add(self, n):
        total = self.total
        await asyncio.sleep(0)
        self.total = total + n


async def main(counter):
    await asyncio.gather(*(counter.add(i) for i in range(9)))
"""
CLEAN = RACE.replace("total = self.total\n        ", "").replace("= total +", "+=")


class Runner:
    """What runs an action: steps of a shell, with files that steps write their results to."""

    def __init__(self, folder: Path, source: str) -> None:
        """A project in which racelint is installed already."""
        self.project = folder / "a project"
        self.project.mkdir()
        (self.project / "race.py").write_text(source)
        self.temporary = folder / "temp"
        self.temporary.mkdir()
        script = self.temporary / "racelint"
        script.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m racelint "$@"\n')
        script.chmod(0o755)
        self.summary, self.output = self.temporary / "summary", self.temporary / "output"
        self.log = ""

    def run(self, inputs: dict[str, str]) -> list[int]:
        """The statuses of the steps that a shell runs, up to the first that fails; without the installation."""
        values = {f"inputs.{name}": str(given["default"]) for name, given in ACTION["inputs"].items()}
        values |= {f"inputs.{name}": value for name, value in inputs.items()}
        statuses: list[int] = []
        for step in ACTION["runs"]["steps"][1:]:
            if "run" not in step or not self._is_on(step.get("if"), values):
                continue
            environment = {name: filled(text, values) for name, text in step.get("env", {}).items()}
            statuses.append(self.shell(step["run"], environment))
            if statuses[-1] != 0:
                break
            if self.output.exists():
                for line in self.output.read_text().splitlines():
                    name, _, value = line.partition("=")
                    values[f"steps.{step['id']}.outputs.{name}"] = value
                self.output.unlink()
        return statuses

    def _is_on(self, condition: str | None, values: dict[str, str]) -> bool:
        if condition is None:
            return True
        name, _, wanted = condition.partition(" == ")
        return values[name] == wanted.strip("'")

    def shell(self, script: str, environment: dict[str, str]) -> int:
        """The status of a script, run as GitHub's runner does."""
        assert "${{" not in script, "inputs come by the environment: in the script, their text would be run"
        run = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            cwd=self.project,
            env={
                **os.environ,
                "PATH": f"{self.temporary}:{os.environ['PATH']}",
                "RUNNER_TEMP": str(self.temporary),
                "GITHUB_OUTPUT": str(self.output),
                "GITHUB_STEP_SUMMARY": str(self.summary),
                **environment,
            },
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        self.log += run.stdout + run.stderr
        return run.returncode


def filled(text: str, values: dict[str, str]) -> str:
    """With the values of its expressions."""
    return re.sub(r"\$\{\{ ([\w.-]+) \}\}", lambda match: values[match[1]], text)


def test_the_action_shows_what_is_found(tmp_path: Path) -> None:
    """Annotations in the log, a summary with a diagram, a file for code scanning; then the job fails."""
    runner = Runner(tmp_path, RACE)
    assert runner.run({}) == [0, 1]
    assert runner.log.startswith("::error file=race.py,line=11,")
    assert "```mermaid" in runner.summary.read_text()
    log = json.loads((runner.project / "racelint.sarif").read_text())
    assert log["runs"][0]["results"][0]["ruleId"] == "RL102"


def test_the_action_takes_its_inputs(tmp_path: Path) -> None:
    """Paths and options are lists; nothing in them is run."""
    runner = Runner(tmp_path, RACE)
    assert runner.run({"fail": "false"}) == [0]
    assert runner.run({"args": "--ignore RL102"}) == [0, 0]
    assert runner.run({"paths": "race.py nowhere.py"}) == [1]
    assert runner.run({"paths": "$(touch${IFS}done)"}) == [1]
    assert not (runner.project / "done").exists()


def test_the_action_says_when_nothing_is_found(tmp_path: Path) -> None:
    """Status 0."""
    runner = Runner(tmp_path, CLEAN)
    assert runner.run({}) == [0, 0]
    assert runner.summary.read_text() == "### racelint: no races found in 1 file\n"


def test_the_action_is_one(tmp_path: Path) -> None:
    """What GitHub asks of the file: descriptions, a shell for each script, outputs of steps there are."""
    assert ACTION["runs"]["using"] == "composite"
    assert all(given["description"] for given in (*ACTION["inputs"].values(), *ACTION["outputs"].values()))
    steps = ACTION["runs"]["steps"]
    assert all(("run" in step) != ("uses" in step) and ("run" not in step or step["shell"] == "bash") for step in steps)
    names = {f"inputs.{name}" for name in ACTION["inputs"]} | {"steps.look.outputs.status", "github.action_path"}
    used = set(re.findall(r"\$\{\{ ([\w.-]+) \}\}", (ROOT / "action.yml").read_text(encoding="utf-8")))
    assert used <= names
    assert f'echo "{"status"}=' in steps[1]["run"]


def test_the_documented_workflow_uses_inputs_that_there_are() -> None:
    """And grants what `upload` needs."""
    (workflow,) = [snippet for snippet in SNIPPETS if isinstance(snippet, dict) and "jobs" in snippet]
    (step,) = [step for step in workflow["jobs"]["racelint"]["steps"] if "racelint" in step["uses"]]
    assert set(step["with"]) <= set(ACTION["inputs"])
    assert workflow["permissions"]["security-events"] == "write"


@pytest.mark.parametrize(("source", "status"), [(RACE, 1), (CLEAN, 0)], ids=["race", "clean"])
def test_the_gitlab_job_writes_its_reports(tmp_path: Path, source: str, status: int) -> None:
    """Those that it declares, and the log for people."""
    (job,) = [snippet["racelint"] for snippet in SNIPPETS if isinstance(snippet, dict) and "racelint" in snippet]
    runner = Runner(tmp_path, source)
    assert runner.shell("\n".join(job["script"]), {}) == status
    reports: dict[str, Any] = job["artifacts"]["reports"]
    issues = json.loads((runner.project / reports["codequality"]).read_text())
    assert len(issues) == status
    assert (runner.project / reports["junit"]).read_text().startswith("<?xml")
    assert job["artifacts"]["when"] == "always"


def test_a_comment_is_made_unless_racelint_fails(tmp_path: Path) -> None:
    """The step tolerates findings and nothing else."""
    (steps,) = [snippet for snippet in SNIPPETS if isinstance(snippet, list)]
    script = steps[0]["run"].replace(" src ", " . ")
    runner = Runner(tmp_path, RACE)
    assert runner.shell(script, {}) == 0
    assert (runner.project / "races.md").read_text().startswith("### racelint: 1 finding")
    assert runner.shell(script.replace(" . ", " nowhere "), {}) == 1
