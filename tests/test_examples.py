"""The examples show what they promise: the racy half loses data on every run, the repaired half never does."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"

SHOWN = [
    ("racy/render_pipeline.py", "kept 1 of 20"),
    ("repaired/render_pipeline.py", "kept 20 of 20"),
    ("racy/project_service.py", "kept 0 of 1 new scenes"),
    ("repaired/project_service.py", "kept 1 of 1 new scenes"),
    ("racy/orchestrator.py", "registered 6 of 3"),
    ("repaired/orchestrator.py", "registered 3 of 3"),
    ("racy/chat_panel.py", "shown 2 of 1 and 0 of 1"),
    ("repaired/chat_panel.py", "shown 1 of 1 and 1 of 1"),
    ("racy/pipeline_state.py", "kept 1 of 2 stages"),
    ("repaired/pipeline_state.py", "kept 2 of 2 stages"),
    ("racy/versioned_state.py", "kept 1 of 2 updates"),
    ("repaired/versioned_state.py", "kept 2 of 2 updates"),
    ("racy/job_queue.py", "ran 18 times for 7 jobs, lost 1"),
    ("repaired/job_queue.py", "ran 7 times for 7 jobs, lost 0"),
    ("racy/rate_limit.py", "250 allowed, 252 started"),
    ("repaired/rate_limit.py", "250 allowed, 250 started"),
]


@pytest.mark.parametrize(("example", "last_line"), SHOWN)
def test_example_shows_what_it_promises(example: str, last_line: str) -> None:
    """An example run by itself ends with the numbers that its README row states, and says nothing on stderr."""
    done = subprocess.run(
        [sys.executable, "-X", "dev", EXAMPLES / example], capture_output=True, text=True, encoding="utf-8", timeout=60
    )
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == last_line
    assert done.returncode == 0


def test_every_system_has_two_halves_and_is_listed() -> None:
    """A system is in `racy/`, in `repaired/`, in the README and in the runs above."""
    racy = {path.name for path in EXAMPLES.glob("racy/*.py")}
    repaired = {path.name for path in EXAMPLES.glob("repaired/*.py")}
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert racy == repaired == {name for name in racy if f"| `{name}` |" in readme}
    assert {example for example, _ in SHOWN} == {f"{half}/{name}" for half in ("racy", "repaired") for name in racy}


NAMED = [
    ("render_pipeline.py", "RenderPipeline.add_log", {"RL104"}),
    ("project_service.py", "ProjectService.dismiss_welcome", {"RL201", "RL202"}),
    ("orchestrator.py", "Orchestrator.__init__", {"RL301"}),
    ("chat_panel.py", "ChatPanel.send", {"RL401"}),
    ("pipeline_state.py", "PipelineStateManager.update_stage", {"RL103"}),
    ("versioned_state.py", "StateManager.update_atomic", {"RL107"}),
    ("job_queue.py", "JobQueue.take", {"RL103"}),
    ("rate_limit.py", "RenderClient.start", {"RL108"}),
]


@dataclass(frozen=True)
class Checked:
    """What `racelint` says of a path: its exit status and its JSON."""

    status: int
    said: dict[str, Any]


def checked(path: Path) -> Checked:
    """Checks a path as a user would, without the configuration of this repository."""
    command = [sys.executable, "-m", "racelint", "--isolated", "--no-cache", "--output-format", "json", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=60)
    assert done.stderr == ""
    return Checked(done.returncode, json.loads(done.stdout))


@pytest.mark.parametrize(("name", "symbol", "codes"), NAMED, ids=[name for name, _, _ in NAMED])
def test_racelint_reports_the_racy_half(name: str, symbol: str, codes: set[str]) -> None:
    """The race that the README row tells is found, in the function that has it, by a rule that speaks of it."""
    found = checked(EXAMPLES / "racy" / name)
    assert found.status == 1
    assert any(finding["symbol"] == symbol and finding["code"] in codes for finding in found.said["findings"])


def test_racelint_is_silent_on_the_repaired_half() -> None:
    """All files are read, and there is nothing to say about any of them."""
    found = checked(EXAMPLES / "repaired")
    assert found.said["findings"] == []
    assert found.said["errors"] == []
    assert found.said["summary"]["files"] == len(list(EXAMPLES.glob("repaired/*.py")))
    assert found.status == 0
