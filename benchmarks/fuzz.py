"""What racelint does with what nobody would write: programs at random, and real files with bytes, lines and words mixed up.

    python benchmarks/fuzz.py [DIR ...] [--seconds 60] [--seed 0] [--only STAGE] [--limit 20] [--keep FOLDER]

The files of DIR (the fixtures, without one) are what mutants are made of. Each stage takes its share of the seconds in a process
of its own, so that a hang and a segmentation fault are found, too: one case may take `--limit` seconds of the processor. A case that fails is
kept in FOLDER (`fuzz-cases`) with what was said. The exit status is 1 if there was any.

`--case STAGE:NUMBER` runs one case again, in this process, with its traceback.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path

from programs import Maker

from racelint.adoption.baseline import BaselineError
from racelint.adoption.baseline import read as read_baseline
from racelint.cache import opened
from racelint.config import Config, ConfigError
from racelint.config_files import config_from
from racelint.discovery import discover
from racelint.finding import Applicability, Confidence, Problem
from racelint.fix import Original, repair
from racelint.globs import compiled, read_ignore_line
from racelint.models.loader import ModelError, load_models
from racelint.remembered import lint_remembered
from racelint.rules import RULES
from racelint.run import Memory, Report, lint_read
from racelint.source import Source, decode

HERE = Path(__file__).parent
LOW = Config(min_confidence=Confidence.LOW, jobs=1)


class Wrong(Exception):
    """What racelint must not do."""


# What is thrown at it


def mutated(r: random.Random, data: bytes, other: bytes) -> bytes:
    """A text with some of its bytes, lines or words changed; words and lines come from another text, too."""
    for _ in range(r.choice((1, 1, 2, 3, 8))):
        data = r.choice((_bytes, _lines, _lines, _words, _words, _spliced))(r, data, other)
    return data


ODD = (
    b"\x00", b"\xff", b"\r", b"\x0c", b"\t", b"\\\n", b'"""', b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"(", b"]", b"{", b":", b"#", b"\x1a", b"f'{",
    b"await ", b"async ", b"lambda: ", b"yield ", b"nonlocal x\n", b" if x else ", b"# racelint: ignore[", b"# noqa: RL", b"\n\n", b"*", b"**", b":=", b"->",
    b"# coding: latin-1\n", b"# racelint: ignore-file\n", b"match x:\n", b"except* E:\n", b"@", b"~", b"1" * 5_000, b"\xf0\x9f\x90\x8d", b"self.", b"global x\n",
)  # fmt: skip


def _bytes(r: random.Random, data: bytes, other: bytes) -> bytes:
    at = r.randrange(len(data) + 1)
    kind = r.randrange(4)
    if kind == 0:
        return data[:at] + r.choice(ODD) + data[at:]
    if kind == 1:
        return data[:at] + data[at + r.choice((1, 1, 2, 10)) :]
    if kind == 2 and at < len(data):
        return data[:at] + bytes([data[at] ^ (1 << r.randrange(8))]) + data[at + 1 :]
    return data[:at]


def _lines(r: random.Random, data: bytes, other: bytes) -> bytes:
    lines = data.split(b"\n")
    at, to = r.randrange(len(lines)), r.randrange(len(lines))
    kind = r.randrange(6)
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines[at], lines[to] = lines[to], lines[at]
    elif kind == 2:
        lines.insert(to, lines[at])
    elif kind == 3:
        lines[at] = b"    " + lines[at]
    elif kind == 4:
        lines[at] = lines[at].removeprefix(b"    ")
    else:
        lines.insert(at, r.choice(other.split(b"\n")))
    return b"\n".join(lines)


def _words(r: random.Random, data: bytes, other: bytes) -> bytes:
    words = data.split(b" ")
    at = r.randrange(len(words))
    kind = r.randrange(3)
    if kind == 0:
        words[at] = r.choice(other.split(b" "))
    elif kind == 1:
        words[at] = r.choice(words)
    else:
        words.insert(at, r.choice(ODD))
    return b" ".join(words)


def _spliced(r: random.Random, data: bytes, other: bytes) -> bytes:
    a, b = data.split(b"\n"), other.split(b"\n")
    at, start = r.randrange(len(a)), r.randrange(len(b))
    return b"\n".join([*a[:at], *b[start : start + r.randint(1, 30)], *a[at:]])


# What is watched


def looked_at(source: Source | Problem) -> Report | None:
    """Everything that is done with a text: it is parsed, gone through, judged and repaired, and what is repaired is Python."""
    if isinstance(source, Problem):
        return None
    report = lint_read(source, LOW, time.perf_counter())
    _no_mistake(report)
    if any(one.fix is not None and one.fix.edits for one in report.findings):
        original = Original(os.path.abspath(source.path), source.text.encode(source.encoding, "surrogatepass"), source)

        def again(given: Mapping[str, Source]) -> Report:
            found = lint_read(next(iter(given.values()), source), LOW, time.perf_counter())
            _no_mistake(found)
            return found

        done = repair(report, lambda name: original, again, Applicability.UNSAFE)
        for one in done.repairs:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    compile(one.data, "repaired", "exec", dont_inherit=True)
                except SyntaxError as error:
                    if _compiles(
                        source.text
                    ):  # `ast` reads what the compiler refuses, such as `return` outside of a function
                        raise Wrong(f"what is repaired does not compile: {error}") from error
    return report


def _compiles(text: str) -> bool:
    try:
        compile(text, "before", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return True


def _no_mistake(report: Report) -> None:
    if report.internal_errors:
        raise Wrong("; ".join(problem.message for problem in report.problems))


Stage = Callable[[random.Random, Sequence[bytes], Path], bytes]
"""One case: makes something from texts in a folder that is there for it, gives it to racelint, and says what it was."""


def programs(r: random.Random, texts: Sequence[bytes], folder: Path) -> bytes:
    """Programs at random."""
    data = Maker(r, r.choice((10, 40, 150))).program().encode("utf-8", "surrogatepass")
    (folder / "case").write_bytes(data)
    looked_at(decode(data, "case.py"))
    return data


def grammar(r: random.Random, texts: Sequence[bytes], folder: Path) -> bytes:
    """Modules of hypothesmith's, if that is there; and programs with parts of other programs."""
    try:
        import hypothesmith
        from hypothesis import HealthCheck, Phase, given, seed, settings
    except ImportError:
        return programs(r, texts, folder)

    @seed(r.randrange(2**32))
    @settings(
        max_examples=10, database=None, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate]
    )
    @given(hypothesmith.from_grammar())
    def check(text: str) -> None:
        (folder / "case").write_text(text, encoding="utf-8", errors="surrogatepass")
        looked_at(decode(text.encode("utf-8", "surrogatepass"), "case.py"))
        inside = "async def f(self):\n" + "".join(f"    {line}\n" for line in text.splitlines()) + "    pass\n"
        looked_at(decode(inside.encode("utf-8", "surrogatepass"), "case.py"))

    check()
    return (folder / "case").read_bytes()


def mutants(r: random.Random, texts: Sequence[bytes], folder: Path) -> bytes:
    """Real files and programs, mixed up."""
    first = r.choice(texts) if r.random() < 0.7 else Maker(r).program().encode("utf-8", "surrogatepass")
    data = mutated(r, first, r.choice(texts))
    (folder / "case").write_bytes(data)
    looked_at(decode(data, "case.py"))
    return data


COMMENTS = (
    "# racelint: ignore", "# racelint: ignore[RL102]", "# racelint: ignore[stale-write, RL1] why", "# racelint:ignore-file[ALL]", "# noqa", "# noqa: RL102, E501",
    "# noqa:RL1 RL2", "# racelint: ignore[", "# racelint: ignore[]", "# type: ignore # noqa: RL901", "#racelint: ignore[RL102]# noqa", "# racelint: ignore-file",
)  # fmt: skip


def comments(r: random.Random, texts: Sequence[bytes], folder: Path) -> bytes:
    """Suppressions everywhere, whole and broken."""
    lines = (r.choice(texts) if r.random() < 0.5 else Maker(r).program().encode()).split(b"\n")
    for _ in range(r.randint(1, 8)):
        at = r.randrange(len(lines))
        lines[at] += b"  " * r.randrange(2) + mutated_text(r, r.choice(COMMENTS)).encode("utf-8", "surrogatepass")
    data = b"\n".join(lines)
    (folder / "case").write_bytes(data)
    looked_at(decode(data, "case.py"))
    return data


def mutated_text(r: random.Random, text: str) -> str:
    """Mostly the text itself."""
    if r.random() < 0.6:
        return text
    return mutated(r, text.encode(), r.choice(COMMENTS).encode()).decode("utf-8", "surrogateescape").replace("\n", " ")


SETTINGS = b"""\
select = ["RL1", "stale-write", "ALL"]
ignore = ["RL102"]
extend-exclude = ["**/gen/*.py", "[a-z]?", "!x"]
min-confidence = "low"
jobs = 2
respect-gitignore = true
runtime-module = "app.locks"
models = ["models.toml"]
baseline = "known.json"
[per-file-ignores]
"tests/*" = ["RL102"]
"!src/**" = ["ALL"]
"""


def configuration(r: random.Random, texts: Sequence[bytes], folder: Path) -> bytes:
    """Settings, tables of models and baselines with mistakes in them are errors that say so."""
    (folder / "known.json").touch()
    tables = sorted((HERE.parent / "racelint" / "models").glob("*.toml"))
    data = mutated(r, SETTINGS, SETTINGS)
    model = mutated(r, r.choice(tables).read_bytes(), r.choice(tables).read_bytes())
    (folder / "case").write_bytes(data + b"\n# models:\n" + model)
    (folder / "models.toml").write_bytes(model)
    (folder / "racelint.toml").write_bytes(data)
    (folder / ".gitignore").write_bytes(mutated(r, b"*.pyc\n/build/\n!keep\n**/a/[a-z]*\n", data))
    (folder / "a.py").write_text("x = 1\n")
    try:
        config = config_from(folder / "racelint.toml", RULES)
        discover([str(folder)], config)
    except ConfigError:
        discover([str(folder)], Config())
    load_models.cache_clear()
    with suppress(ModelError):
        load_models((str(folder / "models.toml"),))
    for line in data.decode("utf-8", "surrogateescape").split("\n"):
        read_ignore_line(line)
        compiled([line])
    return data


ENTRY: dict[str, object] = {
    "path": "a.py",
    "code": "RL102",
    "symbol": "f",
    "resource": "x",
    "statements": ["x = 1"],
    "confidence": "high",
}


def baseline(r: random.Random, texts: Sequence[bytes], folder: Path) -> bytes:
    """Known findings, mixed up."""
    text = json.dumps(
        {"version": 1, "findings": [ENTRY, ENTRY | {"count": r.choice((0, 2, -1, 1e9, True, "1"))}]},
        indent=r.choice((None, 1)),
    ).encode()
    data = mutated(r, text, text)
    (folder / "case").write_bytes(data)
    with suppress(BaselineError):
        read_baseline(data.decode("utf-8", "replace"))
    return data


def cache(r: random.Random, texts: Sequence[bytes], folder: Path) -> bytes:
    """A cache with bytes, entries and tables changed: the run says what it says without."""
    project = folder / "project"
    shutil.rmtree(project, ignore_errors=True)
    project.mkdir()
    (project / "a.py").write_bytes(Maker(random.Random(1)).program().encode())
    files, problems = discover([str(project)], LOW)
    kept = folder / "cache"

    def run() -> Report:
        store = opened(kept, Report)
        if store is None:
            raise Wrong("there is no cache to be had")
        return lint_remembered(files, problems, LOW, time.perf_counter(), store, Memory(), whole=True)

    expected = run().findings
    path = kept / "cache.sqlite3"
    before = path.read_bytes()
    if r.random() < 0.5:
        at = r.randrange(len(before))
        path.write_bytes(before[:at] + r.randbytes(r.choice((1, 4, 100))) + before[at + 1 :])
    else:
        with closing(sqlite3.connect(path)) as database:
            for table in ("facts", "reports"):
                for key, value in database.execute(f"SELECT key, value FROM {table}").fetchall():
                    other = mutated(r, value.encode(), b'[] {} null 1 "x" [[]] true').decode("utf-8", "replace")
                    if _means_else(table, value, other):
                        database.execute(f"UPDATE {table} SET value = ? WHERE key = ?", (other, key))
            database.commit()
    data = path.read_bytes()
    (folder / "case").write_bytes(data)
    found = run()
    _no_mistake(found)
    shutil.rmtree(kept)
    if run().findings != expected:
        raise Wrong("what is found without the cache is something else")
    return data


def _means_else(table: str, value: str, other: str) -> bool:
    """Whether a changed entry is no entry: one that is would be believed, as it must be."""
    return other != value


def editor(r: random.Random, texts: Sequence[bytes], folder: Path) -> bytes:
    """The server for editors is told things that are not so, and still answers."""
    (folder / "a.py").write_bytes(Maker(r).program().encode("utf-8", "replace"))
    uri = (folder / "a.py").as_uri()
    at = {"line": r.choice((0, 5, 10**6)), "character": r.choice((0, 3, 10**6))}
    odd = {"start": {"line": 10**6, "character": 0}, "end": at}
    document = {"uri": r.choice((uri, "untitled:1", "file:///", "x", uri + "\u0000", ""))}
    said: list[dict[str, object]] = [
        {"method": "textDocument/didOpen", "params": {"textDocument": {"uri": uri, "languageId": "python", "version": 1, "text": Maker(r).program()}}},
        {"method": "textDocument/didChange", "params": {"textDocument": {"uri": uri, "version": 2}, "contentChanges": [{"range": odd, "text": "x"}, {"text": "def f(:"}]}},
        {"method": "textDocument/hover", "params": {"textDocument": document, "position": at}, "id": 2},
        {"method": "textDocument/codeAction", "params": {"textDocument": document, "range": odd, "context": {"diagnostics": []}}, "id": 3},
        {"method": "textDocument/didClose", "params": {"textDocument": document}},
        {"method": "workspace/didChangeWatchedFiles", "params": {"changes": [{"uri": document["uri"], "type": 3}]}},
        {"method": "textDocument/didSave", "params": {"textDocument": document}},
        {"method": "workspace/executeCommand", "params": {"command": "nothing", "arguments": [1]}, "id": 4},
        {"method": "no/such/method", "params": [], "id": 5},
        {"method": "textDocument/hover", "params": {"textDocument": 1}, "id": 6},
    ]  # fmt: skip
    sent = r.sample(said, r.randint(2, len(said)))
    (folder / "case").write_text(json.dumps(sent))
    first: dict[str, object] = {
        "method": "initialize",
        "id": 0,
        "params": {"processId": None, "rootUri": folder.as_uri(), "capabilities": {}},
    }
    last: list[dict[str, object]] = [{"method": "shutdown", "id": 9}, {"method": "exit"}]
    ready: dict[str, object] = {"method": "initialized", "params": {}}
    data = b"".join(map(_framed, [first, ready, *sent, *last]))
    command = [sys.executable, "-m", "racelint", "server", "--stdio"]
    done = subprocess.run(command, input=data, capture_output=True, cwd=folder, timeout=60, check=False)
    if b'"id": 9' not in done.stdout and b'"id":9' not in done.stdout:
        raise Wrong(f"it does not answer any more: {done.stderr[-2000:].decode(errors='replace')}")
    return data


def _framed(message: Mapping[str, object]) -> bytes:
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    return b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


STAGES: dict[str, Stage] = {
    one.__name__: one for one in (programs, mutants, comments, grammar, configuration, baseline, cache, editor)
}


# The program


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs all stages; 1 if a case failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trees", metavar="DIR", nargs="*", type=Path)
    parser.add_argument("--seconds", type=float, default=60.0, help="for all stages together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=STAGES, action="append")
    parser.add_argument("--limit", type=int, default=20, help="seconds of the processor for one case")
    parser.add_argument("--keep", metavar="FOLDER", type=Path, default=Path("fuzz-cases"))
    parser.add_argument("--case", metavar="STAGE:NUMBER", help="one case alone")
    parser.add_argument("--child", nargs=2, metavar=("STAGE", "FIRST"), help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.case:
        stage, number = given.case.split(":")
        return _one_case(given, stage, int(number))
    if given.child:
        return _cases(given, given.child[0], int(given.child[1]))
    stages = given.only or list(STAGES)
    return max([_watched(given, stage, given.seconds / len(stages)) for stage in stages])


def _texts(given: argparse.Namespace) -> list[bytes]:
    trees = given.trees or [HERE.parent / "tests" / "fixtures"]
    paths = sorted(path for tree in trees for path in tree.rglob("*.py") if path.is_file())
    random.Random(given.seed).shuffle(paths)
    return [path.read_bytes()[:20_000] for path in paths[:2_000]]


def _choice(given: argparse.Namespace, stage: str, number: int) -> random.Random:
    return random.Random(f"{given.seed} {stage} {number}")


def _one_case(given: argparse.Namespace, stage: str, number: int) -> int:
    with tempfile.TemporaryDirectory(prefix="racelint-fuzz-") as folder:
        STAGES[stage](_choice(given, stage, number), _texts(given), Path(folder))
    return 0


def _cases(given: argparse.Namespace, stage: str, first: int) -> int:
    """In a process of its own: case after case, until the time is over; a line for each says that it is through."""
    texts, number, deadline = _texts(given), first, time.monotonic() + given.seconds
    folder = given.keep / f"{stage}.now"
    faulthandler.enable()
    faulthandler.register(signal.SIGPROF, chain=True)  # says where it hangs, and ends the process
    while time.monotonic() < deadline:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        signal.setitimer(signal.ITIMER_PROF, given.limit)
        STAGES[stage](_choice(given, stage, number), texts, folder)
        signal.setitimer(signal.ITIMER_PROF, 0)
        number += 1
        print(number, flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    return 0


def _watched(given: argparse.Namespace, stage: str, seconds: float) -> int:
    """Runs a stage for some seconds, anew behind each case that fails; 1 if any did."""
    number, failed, deadline = 0, 0, time.monotonic() + seconds
    given.keep.mkdir(parents=True, exist_ok=True)
    while (left := deadline - time.monotonic()) > 0:
        command = [
            sys.executable,
            __file__,
            *map(str, given.trees),
            "--seed",
            str(given.seed),
            "--limit",
            str(given.limit),
        ]
        command += ["--keep", str(given.keep), "--seconds", str(left), "--child", stage, str(number)]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        number = max(number, int((done.stdout.split() or [str(number)])[-1]))
        if done.returncode == 0:
            break
        failed += 1
        now = given.keep / f"{stage}.now" / "case"
        name = given.keep / f"{stage}-{given.seed}-{number}"
        if now.exists():
            shutil.copyfile(now, name.with_suffix(".case"))
        name.with_suffix(".txt").write_text(f"status {done.returncode}\n{done.stderr}", encoding="utf-8")
        last = done.stderr.strip().rsplit("\n", 1)[-1][:200]
        print(f"  {stage}:{number} failed, status {done.returncode}: {last}; see {name}.txt", flush=True)
        number += 1
    print(f"{stage}: {number} cases, {failed} failed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
