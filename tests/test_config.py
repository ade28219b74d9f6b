"""Configuration: what a file and the command line say, which of them wins, and what is said of mistakes."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from racelint import RULES, lint_source
from racelint.config import DEFAULT_EXCLUDE, KEYS, OUTPUT_FORMATS, Config, ConfigError, Layer, combine, enabled_rules
from racelint.config_files import config_from, find_config, inline_layer, load_config
from racelint.finding import Confidence
from racelint.report import REPORTERS


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def loaded(project: Path, text: str, *layers: Layer) -> Config:
    """What `[tool.racelint]` with this text gives."""
    (project / "pyproject.toml").write_text(f"[project]\nname = 'x'\n\n[tool.racelint]\n{text}")
    return load_config(project, RULES, layers)


def codes(config: Config) -> list[str]:
    return [rule.code for rule in enabled_rules(config, RULES)]


def test_every_key_is_read(project: Path) -> None:
    """Each under its name with hyphens; paths and patterns are relative to the file."""
    (project / "mine.toml").write_text("")
    config = loaded(
        project,
        """
        select = ["RL1", "stale-check"]
        ignore = ["RL103"]
        extend-select = ["RL301"]
        extend-ignore = ["RL302"]
        min-confidence = "high"
        exclude = ["a", "b/c"]
        extend-exclude = ["*_pb2.py"]
        force-exclude = true
        respect-gitignore = false
        output-format = "concise"
        jobs = 3
        models = ["mine.toml"]
        baseline = "known.json"
        [tool.racelint.per-file-ignores]
        "tests/*" = ["RL102", "ALL"]
        "x.py" = []
        """,
    )
    assert config == Config(
        select=("RL1", "stale-check"),
        ignore=("RL103",),
        extend_select=("RL301",),
        extend_ignore=("RL302",),
        per_file_ignores=((f"{project}/tests/*", ("RL102", "ALL")), ("x.py", ())),
        min_confidence=Confidence.HIGH,
        exclude=("a", f"{project}/b/c"),
        extend_exclude=("*_pb2.py",),
        force_exclude=True,
        respect_gitignore=False,
        output_format="concise",
        jobs=3,
        models=(f"{project}/mine.toml",),
        baseline=f"{project}/known.json",
        root=str(project),
        file=str(project / "pyproject.toml"),
    )


def test_keys_are_the_fields_of_a_config() -> None:
    """None is forgotten in one of the two."""
    named = {field.name.replace("_", "-") for field in fields(Config)} - {"root", "file"}
    assert set(KEYS) == named


def test_output_formats_are_those_there_are() -> None:
    """A new format is known to the configuration, too."""
    assert set(OUTPUT_FORMATS) == set(REPORTERS)


def test_nothing_said_is_the_default(project: Path) -> None:
    """An empty table, or no file at all."""
    assert loaded(project, "").select == ("ALL",)
    assert loaded(project, "").exclude == DEFAULT_EXCLUDE
    assert load_config(project, RULES, isolated=True) == Config(root=str(project))
    assert codes(Config()) == [rule.code for rule in RULES]


def test_the_nearest_file_with_a_table_is_read(project: Path) -> None:
    """A `pyproject.toml` of other tools is passed over; `racelint.toml` comes before it."""
    deep = project / "a" / "b"
    deep.mkdir(parents=True)
    (deep / "pyproject.toml").write_text("[tool.other]\nracelint = 1\n")
    assert find_config(deep / "x.py") is None
    (project / "pyproject.toml").write_text("[tool.racelint]\n")
    assert find_config(deep / "x.py") == str(project / "pyproject.toml")
    (project / "a" / "racelint.toml").write_text("jobs = 1\n")
    (project / "a" / "pyproject.toml").write_text("[tool.racelint]\n")
    assert find_config(deep) == str(project / "a" / "racelint.toml")


def test_later_layers_win(project: Path) -> None:
    """The command line over the file."""
    config = loaded(project, 'min-confidence = "high"\njobs = 2\nexclude = ["a"]\n', Layer(jobs=4, exclude=("b",)))
    assert (config.min_confidence, config.jobs, config.exclude) == (Confidence.HIGH, 4, ("b",))


def test_select_starts_anew_and_the_rest_adds(project: Path) -> None:
    """As in ruff: `--select` forgets what the file selects and ignores, `--ignore` comes on top of it."""
    text = 'select = ["RL1"]\nignore = ["RL103"]\nextend-select = ["RL301"]\n'
    assert codes(loaded(project, text, Layer(select=("RL103",)))) == ["RL103"]
    added = codes(loaded(project, text, Layer(ignore=("RL104",), extend_select=("RL403",))))
    assert {"RL101", "RL102", "RL301", "RL403"} <= set(added)
    assert not {"RL103", "RL104"} & set(added)
    assert combine([Layer(extend_exclude=("a",)), Layer(extend_exclude=("b",))]).extend_exclude == ("a", "b")


@pytest.mark.parametrize(
    ("select", "ignore", "expected"),
    [
        (("RL102",), (), {"RL102"}),
        (("stale-write",), (), {"RL102"}),
        (("rl102",), (), {"RL102"}),
        (("RL30",), ("RL302",), {"RL301", "RL303", "RL304", "RL305", "RL306"}),
        (("RL302",), ("RL3",), {"RL302"}),
        (("RL3",), ("RL3",), set()),
        (("ALL",), ("ALL",), set()),
        ((), (), set()),
    ],
)
def test_the_most_exact_selector_decides(select: tuple[str, ...], ignore: tuple[str, ...], expected: set[str]) -> None:
    """A code over a prefix over ALL; of two that are as exact, `ignore` wins."""
    assert set(codes(Config(select=select, ignore=ignore))) == expected


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ('selct = ["RL102"]\n', 5, "unknown key `selct`; did you mean `select`?"),
        ("jobs = 1\nmin_confidence = 'low'\n", 6, "unknown key `min_confidence`; did you mean `min-confidence`?"),
        ('select = ["RL1O2"]\n', 5, "select: `RL1O2` is no rule; did you mean `RL102`?"),
        ('ignore = [\n  "RL102",\n  "stale-wriet",\n]\n', 7, "ignore: `stale-wriet` is no rule; did you mean `stale-w"),
        ('ignore = [""]\n', 5, "ignore: `` is no rule"),
        ('per-file-ignores = { "a" = ["RL77"] }\n', 5, "per-file-ignores: `RL77` is no rule; did you mean `RL"),
        ('select = "RL102"\n', 5, '`select` must be a list of strings, such as `["a", "b"]`'),
        ("select = [102]\n", 5, "`select` must be a list of strings"),
        ('per-file-ignores = ["a"]\n', 5, '`per-file-ignores` must be a table such as `"tests/*" = ["RL102"]`'),
        ('per-file-ignores = { "a" = "RL102" }\n', 5, "`per-file-ignores` must be a list of strings"),
        ('jobs = "many"\n', 5, "`jobs` must be a whole number"),
        ("jobs = true\n", 5, "`jobs` must be a whole number"),
        ("jobs = -1\n", 5, "`jobs` must be a whole number from 0"),
        ("force-exclude = 1\n", 5, "`force-exclude` must be `true` or `false`"),
        ('min-confidence = "hihg"\n', 5, "`min-confidence` is `hihg`; did you mean `high`?"),
        ('output-format = "q"\n', 5, "`output-format` is `q`; there are full, concise, json"),
        ('models = ["nowhere.toml"]\n', 5, "`models`: there is no file `nowhere.toml`"),
        ("jobs = \n", 0, "this is not TOML: Invalid value (at line 5, column 8)"),
    ],
)
def test_a_mistake_is_an_error_with_its_place(project: Path, text: str, line: int, message: str) -> None:
    """File, line where it can be told, what is wrong, and the nearest thing that is right."""
    with pytest.raises(ConfigError) as raised:
        loaded(project, text)
    place = f"{project / 'pyproject.toml'}:{line}: " if line else f"{project / 'pyproject.toml'}: "
    assert str(raised.value).startswith(place + message)


def test_the_line_is_that_of_our_table(project: Path) -> None:
    """Another tool's key of the same name is not blamed."""
    (project / "pyproject.toml").write_text("[tool.ruff]\njobz = 1\n\n[tool.racelint]\n# jobz\njobz = 1\n")
    with pytest.raises(ConfigError, match=r"pyproject\.toml:6: unknown key `jobz`; did you mean `jobs`\?"):
        load_config(project, RULES)


def test_files_that_cannot_be_used_are_errors(project: Path) -> None:
    """One without our table, one that is not UTF-8, one that is not there."""
    (project / "pyproject.toml").write_text("[tool.ruff]\n")
    with pytest.raises(ConfigError, match=r"there is no \[tool\.racelint\] in it"):
        config_from(project / "pyproject.toml", RULES)
    (project / "racelint.toml").write_bytes(b"select = ['\xff']\n")
    with pytest.raises(ConfigError, match="TOML must be UTF-8"):
        load_config(project, RULES)
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        config_from(project / "nowhere.toml", RULES)
    (project / "racelint.toml").write_text("")
    (project / "pyproject.toml").write_text("[tool]\nracelint = 1\n")
    with pytest.raises(ConfigError, match=r"pyproject\.toml: `tool.racelint` must be a table"):
        config_from(project / "pyproject.toml", RULES)


def test_a_line_of_toml_is_a_layer(project: Path) -> None:
    """`--config 'key = value'`, with the same errors."""
    assert inline_layer("select = ['RL102']").select == ("RL102",)
    assert inline_layer("extend-exclude = ['a/b', 'c']").extend_exclude == (f"{project}/a/b", "c")
    with pytest.raises(ConfigError, match="--config 'colour = 1': unknown key `colour`"):
        inline_layer("colour = 1")
    with pytest.raises(ConfigError, match="this is not TOML"):
        inline_layer("select = RL102")


def test_a_config_made_by_hand_is_checked() -> None:
    """The names in it are those of rules when it is used."""
    with pytest.raises(ConfigError, match=r"select: `RL1O2` is no rule; did you mean `RL102`\?"):
        lint_source("x = 1\n", config=Config(select=("RL1O2",)))
