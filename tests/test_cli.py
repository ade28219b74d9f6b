"""The command line, from outside: what is printed where, and with which exit status."""

from __future__ import annotations

import json
import os
import pty
import signal
import stat
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

import racelint
from racelint import RULES, lint_paths, lint_source
from racelint.cli.checking import check
from racelint.cli.commands import cli
from racelint.cli.looking import ProgressLine
from racelint.config import Config
from racelint.discovery import discover
from racelint.run import lint_files

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
"""Reported as RL102 in line 11."""

CLEAN = RACE.replace("total = self.total\n        ", "").replace("= total +", "+=")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a race in `race.py`, and nothing in the environment."""
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "race.py").write_text(RACE)
    return tmp_path


def lint(*arguments: str, stdin: str | bytes | None = None) -> Result:
    """`racelint` in this process."""
    return CliRunner().invoke(cli, arguments, input=stdin, standalone_mode=False)


def places(*arguments: str, stdin: str | bytes | None = None) -> list[str]:
    """Path, line, column and code of each finding."""
    result = lint("--output-format", "concise", *arguments, stdin=stdin)
    assert result.exception is None, result.output
    return [" ".join(line.split()[:2]) for line in result.stdout.splitlines()]


def command(
    *arguments: str, cwd: Path, stdin: str | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """`racelint` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "racelint", *arguments],
        cwd=cwd,
        env={**os.environ, **environment},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
    )


# Status and paths


def test_findings_exit_with_1_and_are_shown(project: Path) -> None:
    """With or without `check`, with or without a path."""
    for arguments in ([], ["check"], ["."], ["check", "."], ["race.py"], ["--", "race.py"], ["--isolated"]):
        run = command(*arguments, cwd=project)
        assert (run.returncode, run.stderr) == (1, ""), arguments
        assert "RL102 stale-write" in run.stdout
        assert "race.py:11:9 in Counter.add" in run.stdout


def test_nothing_found_is_silent_and_exits_with_0(project: Path) -> None:
    """As befits a tool that runs before each commit."""
    (project / "race.py").write_text(CLEAN)
    run = command(cwd=project)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_a_named_path_that_is_not_there_exits_with_2(project: Path) -> None:
    """What is there is checked all the same."""
    run = command("nowhere.py", "race.py", "--output-format", "concise", cwd=project)
    assert run.returncode == 2
    assert "nowhere.py:1:1: RL900 cannot read: there is no such file" in run.stdout
    assert "race.py:11:9: RL102" in run.stdout
    assert lint("--exit-zero", "nowhere.py").return_value == 2
    assert lint("--show-files", "nowhere.py").return_value == 0


def test_a_file_that_cannot_be_parsed_exits_with_1(project: Path) -> None:
    """It is a finding, RL900, like others; it can be ignored, unless it could not be read."""
    (project / "race.py").write_text("def f(:\n")
    assert lint("race.py").return_value == 1
    assert places() == ["race.py:1:7: RL900"]
    assert places("--select", "RL102") == ["race.py:1:7: RL900"]
    assert places("--ignore", "RL900") == []
    assert places("--per-file-ignores", "race.py:RL9") == []
    assert places("nowhere.py", "--ignore", "RL900") == ["nowhere.py:1:1: RL900"]
    assert lint("--exit-zero").return_value == 0


def test_an_internal_error_exits_with_2(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that nobody takes it for a finding."""

    def fails(*arguments: object) -> None:
        raise ZeroDivisionError("on purpose")

    monkeypatch.setattr("racelint.run.collect", fails)
    result = lint("--exit-zero")
    assert result.return_value == 2
    assert "internal error: ZeroDivisionError: on purpose" in result.stdout


def test_an_error_of_the_command_line_itself_exits_with_2(project: Path) -> None:
    """With the traceback, for the report."""
    code = (
        "import racelint.cli as c, racelint.cli.doing as d, sys\n"
        "def fails(*a): raise ZeroDivisionError('on purpose')\n"
        "d.checked = fails\n"
        "sys.exit(c.run(['.']))"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=project, capture_output=True, text=True, timeout=60)
    assert run.returncode == 2
    assert "ZeroDivisionError: on purpose" in run.stderr
    assert run.stderr.endswith("internal error; please report it with the lines above\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--slect", "RL102"], "No such option '--slect'"),
        (["--select", "RL1O2"], "--select: `RL1O2` is no rule; did you mean `RL102`?"),
        (["--ignore", "stale-rite"], "--ignore: `stale-rite` is no rule; did you mean `stale-write`?"),
        (["--select", ","], "is empty"),
        (["--per-file-ignores", "RL102"], "`RL102` is not of the form PATTERN:CODE"),
        (["--per-file-ignores", "a.py:RLX"], "--per-file-ignores: `RLX` is no rule"),
        (["--min-confidence", "hihg"], "'hihg' is not one of"),
        (["--output-format", "xml"], "'xml' is not one of"),
        (["--jobs", "some"], "`some` is neither a number nor `auto`"),
        (["--jobs", "-1"], "`-1` is neither a number nor `auto`"),
        (["--config", "nowhere.toml"], "nowhere.toml: cannot be read"),
        (["--config", "colour = 1"], "--config 'colour = 1': unknown key `colour`"),
        (["--config", "a.toml", "--config", "b.toml"], "--config names one file at most"),
        (["--config", "a.toml", "--isolated"], "--isolated reads no configuration file, but --config names one"),
        (["-", "race.py"], "`-`, standard input, cannot be mixed with other paths"),
        (["--stdin-filename", "a.py"], "--stdin-filename names standard input: it needs `-` as the path"),
        (["--statistics", "--output-format", "json"], "--statistics is a text"),
        (["rule"], "name one rule, or ask for --all"),
        (["rule", "RL102", "--all"], "name one rule, or ask for --all"),
        (["rule", "stale-rite"], "`stale-rite` is no rule; did you mean `stale-write`?"),
        (["rule", "RL1O2"], "`RL1O2` is no rule; did you mean `RL102`?"),
        (["-o", "sarif"], "`sarif` is a format without a file; write `sarif:FILE` or `sarif:-`"),
        (["-o", "sarif:"], "`sarif:` names no file"),
        (["-o", "sarf:x"], "`sarf` is no format; did you mean `sarif`?"),
        (["-o", "json:-", "-o", "sarif:-"], "standard output can hold one format, and 2 are to go there"),
        (["-o", "json:x", "-o", "./x"], "/x` can hold one format, and 2 are to go there"),
        (["-o", "json:x", "--output-format", "full"], "all do; add `-o full:-` for standard output"),
        (["-o", "sarif:x", "--statistics"], "--statistics is a text"),
        (["-o", "sarif:x", "--diff"], "--diff shows changes, not findings"),
        (["--output-file", "no/such/folder/x"], "no/such/folder/x cannot be written: No such file"),
    ],
)
def test_wrong_usage_exits_with_2_and_says_what_is_wrong(project: Path, arguments: list[str], message: str) -> None:
    """And names what was meant, where it can be guessed."""
    run = command(*arguments, cwd=project)
    assert run.returncode == 2
    assert message in " ".join(run.stderr.split())
    assert run.stdout == ""


def test_a_mistake_in_the_configuration_names_file_and_line(project: Path) -> None:
    """No usage text stands before it."""
    (project / "racelint.toml").write_text("\nselct = []\n")
    run = command(cwd=project)
    assert run.returncode == 2
    assert run.stderr == f"Error: {project}/racelint.toml:2: unknown key `selct`; did you mean `select`?\n"


def test_a_table_of_models_that_cannot_be_used_is_one_error(project: Path) -> None:
    """Not one for each file."""
    (project / "racelint.toml").write_text("models = ['mine.toml']\n")
    (project / "mine.toml").write_text("nonsense\n")
    run = command(cwd=project)
    assert run.returncode == 2
    assert run.stderr.startswith("Error: ")
    assert "mine.toml" in run.stderr
    assert run.stdout == ""


def test_a_path_named_like_a_command_is_given_with_a_dot(project: Path) -> None:
    """`rule` and `rules` are commands, `./rules` is a path, and so is `rules` after an option."""
    (project / "rules").mkdir()
    (project / "rules" / "a.py").write_text(RACE)
    assert "await-in-update" in lint("rules").stdout
    assert places("./rules") == places("rules") == ["rules/a.py:11:9: RL102"]


def test_a_folder_without_python_is_pointed_out(project: Path) -> None:
    """Somebody may have mistyped it; it is no error."""
    (project / "empty").mkdir()
    run = command("empty", cwd=project)
    assert (run.returncode, run.stdout) == (0, "")
    assert run.stderr == "racelint: there are no Python files under these paths\n"
    assert command("empty", "--quiet", cwd=project).stderr == ""


# Choosing


def test_rules_are_chosen_by_lists_and_repeats(project: Path) -> None:
    """Codes, beginnings of codes and names, with commas or with the option again."""
    assert places("--select", "RL101,RL102") == ["race.py:11:9: RL102"]
    assert places("--select", "RL101", "--select", "stale-write") == ["race.py:11:9: RL102"]
    assert places("--select", "RL2, RL3") == []
    assert places("--ignore", "RL1") == []
    assert places("--select", "RL2", "--extend-select", "RL1") == ["race.py:11:9: RL102"]
    assert places("--extend-ignore", "stale-write") == []


def test_files_have_rules_of_their_own(project: Path) -> None:
    """On the command line as in flake8, in the file as a table."""
    (project / "tests").mkdir()
    (project / "tests" / "a.py").write_text(RACE)
    assert places() == ["race.py:11:9: RL102", "tests/a.py:11:9: RL102"]
    assert places("--per-file-ignores", "tests/*:RL101,RL102") == ["race.py:11:9: RL102"]
    assert places("--per-file-ignores", "tests:RL101,race.py:RL1") == ["tests/a.py:11:9: RL102"]
    (project / "racelint.toml").write_text('[per-file-ignores]\n"tests/*" = ["stale-write"]\n')
    assert places() == ["race.py:11:9: RL102"]
    assert places("--isolated") == ["race.py:11:9: RL102", "tests/a.py:11:9: RL102"]


def test_the_least_confidence_can_be_chosen(project: Path) -> None:
    """Medium and high are shown unless something else is said."""
    (project / "race.py").write_text(RACE.split("\n\n\nasync def main")[0] + "\n")
    confidence = {finding.confidence.value for finding in lint_source((project / "race.py").read_text()).findings}
    low = places("--min-confidence", "low")
    assert low == ["race.py:11:9: RL102"]
    assert bool(places("--min-confidence", "high")) == ("high" in confidence)
    assert bool(places("--config", "min-confidence = 'low'", "--min-confidence", "high")) == ("high" in confidence)


def test_the_command_line_wins_over_the_file(project: Path) -> None:
    """And a line of TOML on it stands between the two."""
    (project / "racelint.toml").write_text("ignore = ['RL102']\noutput-format = 'json'\n")
    assert places() == []
    assert places("--select", "RL102") == ["race.py:11:9: RL102"]
    assert places("--config", "select = ['RL1']") == ["race.py:11:9: RL102"]
    assert places("--config", "select = ['RL1']", "--select", "RL2") == []
    (project / "other.toml").write_text("")
    assert places("--config", "other.toml") == ["race.py:11:9: RL102"]
    assert lint("--isolated").stdout.startswith("RL102 stale-write")


def test_the_configuration_is_that_of_the_paths(project: Path) -> None:
    """Wherever racelint is started; of several paths, of what they have in common."""
    (project / "a" / "sub").mkdir(parents=True)
    (project / "a" / "sub" / "x.py").write_text(RACE)
    (project / "a" / "y.py").write_text(RACE)
    (project / "a" / "pyproject.toml").write_text('[tool.racelint]\nextend-exclude = ["sub/x.py"]\n')
    assert places("a") == ["a/y.py:11:9: RL102"]
    assert places("a/sub") == []
    assert places("a/y.py", "a/sub/x.py", "--force-exclude") == ["a/y.py:11:9: RL102"]
    assert places("a/y.py", "a/sub/x.py") == ["a/sub/x.py:11:9: RL102", "a/y.py:11:9: RL102"]
    assert len(places(".")) == 3


def test_a_suppression_is_obeyed_and_an_idle_one_reported(project: Path) -> None:
    """Also in files in which nothing can race, and only for rules that were looked for."""
    (project / "race.py").write_text(RACE.replace("total + n", "total + n  # racelint: ignore[RL102] approximate"))
    (project / "idle.py").write_text("x = 1  # racelint: ignore[RL102]\n")
    assert places() == ["idle.py:1:8: RL901"]
    assert places("--select", "RL101,RL901") == []
    assert places("--ignore", "RL901") == []


# Standard input


def test_standard_input_is_read_by_a_dash(project: Path) -> None:
    """With the name an editor gives it, which also finds the configuration."""
    assert places("-", stdin=RACE) == ["<stdin>:11:9: RL102"]
    assert places("-", "--stdin-filename", "src/a.py", stdin=RACE) == ["src/a.py:11:9: RL102"]
    (project / "src").mkdir()
    (project / "src" / "racelint.toml").write_text("per-file-ignores = {'a.py' = ['RL102']}\nexclude = ['b.py']\n")
    assert places("-", "--stdin-filename", "src/a.py", stdin=RACE) == []
    assert places("-", "--stdin-filename", "src/b.py", stdin=RACE) == ["src/b.py:11:9: RL102"]
    assert places("-", "--stdin-filename", "src/b.py", "--force-exclude", stdin=RACE) == []
    assert "await asyncio.sleep(0)" in lint("-", stdin=RACE).stdout


def test_standard_input_has_an_encoding_too(project: Path) -> None:
    """As a file: by its comment, or UTF-8."""
    latin = RACE.replace("total", "größe").encode("latin-1")
    assert places("-", stdin=b"# coding: latin-1\n" + latin) == ["<stdin>:12:9: RL102"]
    assert places("-", stdin=latin) == ["<stdin>:6:16: RL900"]
    assert lint("-", stdin=latin).return_value == 1
    assert places("-", stdin=b"") == []


# What is printed


def test_json_is_one_object(project: Path) -> None:
    """Findings and errors, paths relative to where we are."""
    (project / "bad.py").write_text("x = (\n")
    result = lint("--output-format", "json")
    assert result.return_value == 1
    document = json.loads(result.stdout)
    assert document["version"] == 1
    assert document["summary"]["files"] == 2
    assert [(finding["path"], finding["code"]) for finding in document["findings"]] == [("race.py", "RL102")]
    assert [(error["path"], error["line"]) for error in document["errors"]] == [("bad.py", 1)]
    assert set(document) == {"version", "summary", "errors", "findings"}


def test_statistics_count(project: Path) -> None:
    """Instead of the findings; the status stays."""
    (project / "more.py").write_text(RACE)
    result = lint("--statistics")
    assert result.return_value == 1
    assert result.stdout.splitlines()[0].split()[:2] == ["2", "RL102"]
    assert "sleep" not in result.stdout


def test_output_goes_to_a_file(project: Path) -> None:
    """Which is replaced whole, keeps its mode, and gets no colours."""
    target = project / "out.txt"
    result = lint("--output-file", "out.txt", "--output-format", "concise")
    assert (result.return_value, result.output) == (1, "")
    assert target.read_text(encoding="utf-8").startswith("race.py:11:9: RL102")
    assert stat.S_IMODE(target.stat().st_mode) == stat.S_IMODE((project / "race.py").stat().st_mode)
    target.chmod(0o640)
    (project / "link.txt").symlink_to("out.txt")
    lint("-o", "link.txt", "--output-format", "json")
    assert json.loads(target.read_text(encoding="utf-8"))["summary"]["findings"] == 1
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert (project / "link.txt").is_symlink()
    assert lint("-o", "/dev/null").return_value == 1
    assert sorted(path.name for path in project.iterdir()) == ["link.txt", "out.txt", "race.py"]


def test_one_run_writes_many_formats(project: Path) -> None:
    """Each to its file, one to standard output if that is asked for; `full` in a file has no colours and no escapes."""
    result = lint("-o", "sarif:out.sarif", "-o", "json:-", "-o", "full:out.txt", "-o", "out.concise")
    assert (result.return_value, result.stderr) == (1, "")
    assert json.loads(result.stdout)["findings"][0]["code"] == "RL102"
    assert json.loads((project / "out.sarif").read_text())["runs"][0]["results"][0]["ruleId"] == "RL102"
    assert (project / "out.concise").read_text() == (project / "out.txt").read_text()
    assert "race.py:11:9 in Counter.add" in (project / "out.txt").read_text()
    assert lint("-o", "sarif:out.sarif").stdout == ""


@pytest.mark.parametrize("name", ["C:\\out.txt", "d:/out.txt", "./sarf:x", "plain"])
def test_a_path_may_have_a_colon(project: Path, name: str) -> None:
    """The letter of a drive is no format; neither is a folder."""
    (project / "d:").mkdir()
    assert lint("-o", name, "--output-format", "concise").return_value == 1
    assert (project / name).read_text().startswith("race.py:11:9: RL102")


def test_files_and_settings_can_be_shown(project: Path) -> None:
    """Instead of a run."""
    (project / "racelint.toml").write_text("select = ['RL102']\nper-file-ignores = {'a' = ['RL1']}\n")
    assert lint("--show-files").stdout == "race.py\n"
    result = lint("--show-settings", "--min-confidence", "low")
    assert result.return_value == 0
    assert f"# from {project}/racelint.toml" in result.stdout
    assert result.stdout.endswith("# rules that are on\n#   RL102 stale-write\n")
    (project / "racelint.toml").write_text(result.stdout)
    assert lint("--show-settings", "--min-confidence", "low").stdout == result.stdout


def test_quiet_and_verbose(project: Path) -> None:
    """Less, and more; what is more goes to stderr."""
    summary = "1 finding"
    assert summary in lint().stdout
    assert summary not in lint("--quiet").stdout
    assert lint("--quiet").return_value == 1
    run = command("--verbose", cwd=project)
    assert "racelint: configuration: none" in run.stderr
    assert "racelint: 1 files in " in run.stderr
    assert command("--verbose", "--isolated", cwd=project).stdout == command("--isolated", cwd=project).stdout


@pytest.mark.parametrize(
    ("arguments", "environment", "colored"),
    [
        ([], {}, False),
        (["--color", "always"], {}, True),
        (["--color", "always"], {"NO_COLOR": "1"}, True),
        ([], {"FORCE_COLOR": "1"}, True),
        ([], {"FORCE_COLOR": ""}, False),
        ([], {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ([], {"FORCE_COLOR": "1", "NO_COLOR": ""}, True),
        (["--color", "never"], {"FORCE_COLOR": "1"}, False),
    ],
)
def test_colours(project: Path, arguments: list[str], environment: dict[str, str], colored: bool) -> None:
    """The option, then NO_COLOR, then FORCE_COLOR, then whether it is a terminal."""
    assert ("\x1b[" in command(*arguments, cwd=project, **environment).stdout) is colored


def test_an_output_without_unicode_gets_ascii(project: Path) -> None:
    """Nothing is lost, nothing fails."""
    run = command(cwd=project, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert run.returncode == 1
    assert run.stdout.isascii()
    assert "RL102" in run.stdout


def test_head_ends_quietly(project: Path) -> None:
    """The reader of our output may leave; the status is that of the run."""
    for number in range(40):
        (project / f"race{number}.py").write_text(RACE * 20)
    racing = subprocess.Popen(
        [sys.executable, "-m", "racelint"], cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert racing.stdout is not None
    assert racing.stdout.read(1) == b"R"
    racing.stdout.close()
    assert racing.stderr is not None
    assert racing.stderr.read() == b""
    assert racing.wait(timeout=60) == 1
    racing.stderr.close()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no full device")
def test_a_full_disk_is_said(project: Path) -> None:
    """It is an error: the findings are lost."""
    with open("/dev/full", "w") as full:
        run = subprocess.run(
            [sys.executable, "-m", "racelint"], cwd=project, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60
        )
    assert run.returncode == 2
    assert run.stderr == "Error: standard output cannot be written: No space left on device\n"


INTERRUPTED = """
import os, signal, sys, threading
from racelint import cli, run

def interrupts(*arguments):
    os.kill(int(os.environ["PARENT"]), signal.SIGINT)
    threading.Event().wait()

run.collect = interrupts
os.environ["PARENT"] = str(os.getpid())
sys.exit(cli.run(sys.argv[1:]))
"""


@pytest.mark.parametrize("files", [1, 60])
def test_ctrl_c_ends_at_once_with_130(project: Path, files: int) -> None:
    """Here and with processes, which end too: otherwise they would keep our pipes open."""
    for number in range(files):
        (project / f"m{number}.py").write_text("x = 1\n")
    run = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, ".", "--jobs", "2"],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=30,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert (run.returncode, run.stdout, run.stderr) == (130, "", "\nracelint: interrupted\n")


# Progress


def terminal(arguments: list[str], cwd: Path) -> tuple[int, str]:
    """Exit status and output of a program whose stderr and stdout are a terminal."""
    master, slave = pty.openpty()
    with subprocess.Popen(arguments, cwd=cwd, stdout=slave, stderr=slave, stdin=slave) as process:
        os.close(slave)
        chunks = []
        while True:
            try:
                chunk = os.read(master, 65536)
            except OSError:  # Linux says so when the other end is closed
                break
            if not chunk:
                break
            chunks.append(chunk)
        os.close(master)
    return process.returncode, b"".join(chunks).decode()


SLOW = """
import sys
from racelint import cli
from racelint.cli import looking
looking.ProgressLine.PATIENCE = {patience}
looking.ProgressLine.INTERVAL = 0.0
sys.exit(cli.run(["--isolated"]))
"""


def test_progress_is_shown_on_a_terminal_when_it_takes_long(project: Path) -> None:
    """The line is taken away before the findings are printed."""
    status, output = terminal([sys.executable, "-c", SLOW.format(patience=0.0)], project)
    assert status == 1
    assert "\rracelint: 50 %" in output
    assert output.index("racelint: 100 %") < output.index("\r\x1b[K") < output.index("RL102")


def test_a_short_run_shows_no_progress(project: Path) -> None:
    """Two seconds have to pass."""
    assert ProgressLine.PATIENCE == 2.0
    status, output = terminal([sys.executable, "-c", SLOW.format(patience=3600.0)], project)
    assert status == 1
    assert "%" not in output


def test_no_progress_without_a_terminal(project: Path) -> None:
    """Logs of continuous integration stay readable."""
    run = subprocess.run(
        [sys.executable, "-c", SLOW.format(patience=0.0)], cwd=project, capture_output=True, text=True, timeout=60
    )
    assert (run.returncode, run.stderr) == (1, "")


# Processes


def many(project: Path) -> None:
    for number in range(70):
        (project / f"m{number:02}.py").write_text(RACE if number % 7 == 0 else f"x = {number}\n")
    (project / "bad.py").write_text("def f(:\n")
    (project / "m50.py").unlink()
    (project / "m50.py").symlink_to("nowhere")


def test_results_are_the_same_whatever_the_number_of_jobs(project: Path) -> None:
    """And in the same order."""
    many(project)
    alone, spread = (lint_paths(["."], Config(jobs=jobs)) for jobs in (1, 3))
    assert alone.findings == spread.findings
    assert alone.problems == spread.problems
    assert len(alone.findings) == 11
    assert [problem.path for problem in alone.problems] == ["bad.py", "m50.py"]


def test_new_processes_give_the_same_results_as_forked_ones(project: Path) -> None:
    """As on macOS and Windows; and a script without a `__main__` guard is not run twice there."""
    many(project)
    script = project / "script.txt"
    script.write_text(
        "import threading, time\n"
        "from racelint.config import Config\n"
        "from racelint.discovery import discover\n"
        "from racelint.jobs import can_fork\n"
        "from racelint.run import lint_files, lint_paths\n"
        "if __name__ == '__main__':\n"
        "    threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        "    assert not can_fork()\n"
        "    files, problems = discover(['.'], Config())\n"
        "    report = lint_files(files, problems, Config(jobs=2), time.perf_counter(), may_spawn=True)\n"
        "    print([f.line for f in report.findings], len(report.problems), report.internal_errors)\n"
    )
    run = subprocess.run([sys.executable, str(script)], cwd=project, capture_output=True, text=True, timeout=60)
    assert (run.stderr, run.stdout) == ("", f"{[11] * 11} 2 0\n")
    script.write_text(
        "import threading\n"
        "threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        "from racelint import lint_paths\n"
        "print(len(lint_paths(['.']).findings))\n"
    )
    run = subprocess.run([sys.executable, str(script)], cwd=project, capture_output=True, text=True, timeout=60)
    assert (run.stderr, run.stdout) == ("", "11\n")


@pytest.mark.parametrize("jobs", [1, 2])
def test_progress_counts_every_file_twice(project: Path, jobs: int) -> None:
    """Once for its facts, once for its races; files without facts are done at once."""
    many(project)
    seen: list[tuple[int, int]] = []
    files, problems = discover(["."], Config())
    lint_files(files, problems, Config(jobs=jobs), 0.0, progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1] == (144, 144)


# Rules, help, version


def test_rules_are_listed_and_explained(project: Path) -> None:
    """By code or name, in any case, or all of them."""
    listed = lint("rules").stdout.splitlines()
    assert [line.split()[:2] for line in listed] == [[rule.code, rule.name] for rule in RULES]
    text = lint("rule", "RL102").stdout
    assert text.startswith("RL102 stale-write\n")
    assert lint("rule", "stale-write").stdout == lint("rule", "rl102").stdout == text
    everything = lint("rule", "--all").stdout
    assert all(f"{rule.code} {rule.name}\n" in everything for rule in RULES)


def test_help_is_there(project: Path) -> None:
    """For the whole and for each command."""
    assert "check" in lint("--help").stdout
    assert "--min-confidence" in lint("check", "-h").stdout
    assert "--all" in lint("rule", "--help").stdout
    assert lint("--help").return_value in (0, None)


def test_every_option_says_what_it_does() -> None:
    """None is left without help."""
    options = [parameter for parameter in check.params if isinstance(parameter, click.Option)]
    assert all(option.help for option in options)


@pytest.mark.parametrize("arguments", [["--version"], ["-V"], ["--version", "--help"]])
def test_the_version_is_printed(project: Path, arguments: list[str]) -> None:
    """The one in the package."""
    run = command(*arguments, cwd=project)
    assert (run.returncode, run.stdout, run.stderr) == (0, f"racelint {racelint.__version__}\n", "")


def imported(code: str, cwd: Path) -> set[str]:
    """The modules that are there after some code."""
    script = f"{code}\nimport sys; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], cwd=cwd, capture_output=True, text=True, check=True)
    return set(run.stdout.splitlines()[-1].split())


def test_little_is_imported(project: Path) -> None:
    """The version takes nothing of ours; a file in which nothing can race takes neither libcst nor astroid."""
    version = imported("import sys; sys.argv[1:] = ['-V']; from racelint.__main__ import main; main()", project)
    heavy = {"dataclasses", "click", "re", "enum", "typing", "tomllib", "inspect"}
    assert not heavy & (version - imported("", project))
    assert {name for name in version if name.startswith("racelint")} == {"racelint", "racelint.__main__"}
    (project / "race.py").write_text("x = 1\n")
    nothing = imported("from racelint.cli import run; run(['race.py'])", project)
    heavy = {"libcst", "astroid", "multiprocessing", "concurrent.futures", "click", "dataclasses", "inspect", "tomllib"}
    assert not heavy & nothing


# From Python


def test_the_package_has_its_public_names() -> None:
    """Each of them, and no other is invented."""
    assert set(racelint.__all__) <= set(dir(racelint))
    for name in racelint.__all__:
        assert getattr(racelint, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'lint_path'"):
        racelint.lint_path  # type: ignore[attr-defined]  # noqa: B018


def test_python_reads_no_configuration_unasked(project: Path) -> None:
    """A program that lints decides for itself."""
    (project / "racelint.toml").write_text("ignore = ['RL102']\n")
    assert [finding.code for finding in lint_paths([project]).findings] == ["RL102"]
    assert [finding.code for finding in lint_paths(["race.py"], Config(select=("RL2",))).findings] == []
    assert lint_source(RACE, "x.py").findings[0].path == "x.py"


def test_the_state_of_the_process_is_left_as_it_was(project: Path) -> None:
    """Recursion limit, collector and warnings are those of the caller."""
    import gc
    import threading
    import warnings

    def state() -> tuple[object, ...]:
        return (sys.getrecursionlimit(), gc.isenabled(), threading.stack_size(), list(warnings.filters))

    before = state()
    lint_paths([project])
    assert state() == before


@pytest.mark.parametrize(
    ("redirection", "path", "status", "said"),
    [
        (">&-", ".", 1, ""),
        ("2>&-", ".", 1, ""),
        (">&- 2>&-", ".", 1, ""),
        ("<&-", ".", 1, ""),
        ("<&-", "-", 2, "standard input is closed"),
    ],
)
def test_closed_streams_are_no_error(project: Path, redirection: str, path: str, status: int, said: str) -> None:
    """What the caller does not want to hear is not said, and the status tells; but there must be something to read."""
    command = f'"$0" -m racelint --isolated --no-cache {path} {redirection}'
    done = subprocess.run(
        ["sh", "-c", command, sys.executable], cwd=project, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == status
    assert "Traceback" not in done.stderr
    assert said in done.stderr
