"""The examples show what they promise: the racy half loses data on every run, the repaired half never does."""

import subprocess
import sys
from pathlib import Path

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
