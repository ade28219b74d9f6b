"""How right racelint is: over pinned public packages whose findings were read, and over races that public projects fixed.

    python benchmarks/accuracy.py --packages DIR [--only NAME ...]
    python benchmarks/accuracy.py --races FILE.jsonl --mirror DIR
    python benchmarks/accuracy.py … --record --docs

DIR of `--packages` holds one folder a package, with the unpacked wheel in it. DIR of `--mirror` holds `owner+name/repo` git
folders. `--record` keeps the run in benchmarks/recorded.jsonl, `--docs` its figures in docs/accuracy.md. benchmarks/README.md
says how to read the result.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RECORDED = ROOT / "benchmarks" / "recorded.jsonl"
VERDICTS = ROOT / "benchmarks" / "verdicts"
DOCS = ROOT / "docs" / "accuracy.md"
BEGIN, END = "<!-- figures of benchmarks/accuracy.py -->", "<!-- end of figures -->"
SLACK = 3
"""A finding this many lines beside a race is still one of it."""
VISIBLE = ("function", "class", "module")
"""Scopes of races that one module shows."""


@dataclass(frozen=True, slots=True, order=True)
class Found:
    """One finding of a package, without what every small change of the package changes: the lines are not compared."""

    path: str
    symbol: str
    code: str
    resource: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What a verdict is about."""
        return (self.path, self.symbol, self.code)


@dataclass(frozen=True, slots=True)
class Package:
    """What a run found in one package; findings at the same place of the same kind count each."""

    name: str
    version: str
    lines: int
    findings: tuple[Found, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What somebody who read a finding with its surroundings says of it: `right`, `wrong` or `undecidable`."""

    package: str
    key: tuple[str, str, str]
    verdict: str
    confidence: str = ""
    """That of the finding when it was read; "" in early ones."""


@dataclass(frozen=True, slots=True)
class Race:
    """One fixed race, and whether it was flagged before and is still flagged after its fix."""

    id: str
    pattern: str
    scope: str
    world: str
    hit: bool
    still: bool


# running


def lint(folder: Path) -> dict[str, Any]:
    """The JSON output of racelint over a folder, by its own defaults."""
    command = [sys.executable, "-m", "racelint", "--isolated", "--jobs", "1", "--output-format", "json", "."]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        sys.exit(f"racelint failed in {folder} with status {done.returncode}: {done.stderr[-400:]}")
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def run_package(folder: Path) -> Package:
    """Lints one package."""
    findings = (Found(f["path"], f["symbol"], f["code"], f["resource"]) for f in lint(folder)["findings"])
    lines = sum(path.read_bytes().count(b"\n") for path in sorted(folder.rglob("*.py")))
    return Package(folder.name, version_of(folder), lines, tuple(sorted(findings)))


def version_of(folder: Path) -> str:
    """The version that the package's own metadata names; "" without metadata."""
    for metadata in sorted(folder.glob("*.dist-info/METADATA")):
        for line in metadata.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("Version: "):
                return line.removeprefix("Version: ").strip()
    return ""


def run_races(entries: Sequence[Mapping[str, Any]], mirror: Path) -> list[Race]:
    """Lints each entry's file as it was before and after the fix, alone; entries whose repository is not there are left out."""
    present = [entry for entry in entries if _repository(entry, mirror).is_dir()]
    with tempfile.TemporaryDirectory(prefix="races-") as name:
        root = Path(name)
        for entry in present:
            _lay_out(entry, mirror, root)
        before, after = (_by_entry(lint(root / side)) if present else {} for side in ("before", "after"))
    return [_judge(entry, before.get(entry["id"], []), after.get(entry["id"], [])) for entry in present]


def _repository(entry: Mapping[str, Any], mirror: Path) -> Path:
    return mirror / str(entry["repo"]).replace("/", "+") / "repo"


def _lay_out(entry: Mapping[str, Any], mirror: Path, root: Path) -> None:
    for side, revision in (("before", entry["parent"]), ("after", entry["fix"])):
        command = ["git", "-C", str(_repository(entry, mirror)), "show", f"{revision}:{entry['path']}"]
        target = root / side / entry["id"] / entry["path"]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(subprocess.run(command, capture_output=True, check=False).stdout)


def _by_entry(result: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for finding in result["findings"]:
        found[finding["path"].removeprefix("./").partition("/")[0]].append(finding)
    return found


def _judge(entry: Mapping[str, Any], before: list[dict[str, Any]], after: list[dict[str, Any]]) -> Race:
    first, last = entry["lines"][0] - SLACK, entry["lines"][1] + SLACK
    hits = [f for f in before if any(first <= line <= last for line in (f["line"], *(s["line"] for s in f["trace"])))]
    codes = {finding["code"] for finding in hits}
    name = _last(entry["symbol"])
    still = any(finding["code"] in codes and _last(finding["symbol"]) == name for finding in after)
    return Race(entry["id"], entry["pattern"], entry["scope"], entry["world"], bool(hits), bool(hits) and still)


def _last(symbol: str) -> str:
    return symbol.rpartition(".")[2]


# data


def read_verdicts(folder: Path) -> list[Verdict]:
    """All verdicts; the last one on a finding counts."""
    found: dict[tuple[str, tuple[str, str, str]], Verdict] = {}
    for path in sorted(folder.glob("*.jsonl")):
        for entry in read_lines(path):
            key = (entry["path"].removeprefix("./"), entry.get("symbol", ""), entry["code"])
            found[entry["package"], key] = Verdict(entry["package"], key, entry["verdict"], entry.get("confidence", ""))
    return list(found.values())


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a file that has one a line."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def read_recorded(path: Path) -> tuple[dict[str, Package], list[Race]]:
    """The recorded run; nothing if there is none yet."""
    packages: dict[str, Package] = {}
    races: list[Race] = []
    findings: dict[str, list[Found]] = defaultdict(list)
    for entry in read_lines(path) if path.is_file() else []:
        match entry:
            case {"race": race, **rest}:
                races.append(Race(id=race, **rest))
            case {"package": name, "version": version, "lines": lines}:
                packages[name] = Package(name, version, lines, ())
            case {"package": name, **rest}:
                findings[name].append(Found(**rest))
    packages = {n: Package(n, p.version, p.lines, tuple(sorted(findings[n]))) for n, p in packages.items()}
    return packages, races


def write_recorded(path: Path, packages: Mapping[str, Package], races: Iterable[Race]) -> None:
    """One line a package, one a finding, one a race, in an order that makes a change a short diff."""
    lines: list[dict[str, Any]] = []
    for name in sorted(packages):
        package = packages[name]
        lines.append({"package": name, "version": package.version, "lines": package.lines})
        lines += [{"package": name, **asdict(found)} for found in package.findings]
    for race in sorted(races, key=lambda race: race.id):
        rest = asdict(race)
        lines.append({"race": rest.pop("id"), **rest})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


# figures


def changes(recorded: Mapping[str, Package], packages: Iterable[Package]) -> Iterator[str]:
    """Findings that are new and that are gone, as lines of a diff; a package of another version is only named."""
    for package in packages:
        old = recorded.get(package.name)
        if old is None:
            yield f"  {package.name} {package.version}: not recorded yet"
            continue
        if old.version != package.version:
            yield f"  {package.name}: version {package.version}, recorded {old.version}: not compared"
            continue
        before, now = Counter(old.findings), Counter(package.findings)
        for sign, more in (("-", before - now), ("+", now - before)):
            for found in sorted(more.elements()):
                yield f"{sign} {package.name} {found.path} {found.symbol} {found.code} {found.resource}"


def per_rule(packages: Iterable[Package], verdicts: Iterable[Verdict]) -> dict[str, Counter[str]]:
    """By code: how many of today's findings were said to be right, wrong, undecidable, and how many nobody has read."""
    said = {(verdict.package, verdict.key): verdict.verdict for verdict in verdicts}
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for package in packages:
        for finding in package.findings:
            found[finding.code][said.get((package.name, finding.key), "unread")] += 1
    return dict(sorted(found.items()))


def unread(packages: Iterable[Package], verdicts: Iterable[Verdict]) -> list[tuple[str, Found]]:
    """Today's findings that nobody has read."""
    said = {(verdict.package, verdict.key) for verdict in verdicts}
    return [(p.name, found) for p in packages for found in p.findings if (p.name, found.key) not in said]


def share(part: int, whole: int) -> str:
    """A share in per cent."""
    return f"{100 * part / whole:.0f} %" if whole else "-"


def recall(races: Sequence[Race], by: str) -> list[tuple[str, int, int, int]]:
    """By pattern, scope or world, most first: its name, flagged, all, still flagged after the fix."""
    groups: dict[str, list[Race]] = defaultdict(list)
    for race in races:
        groups[getattr(race, by)].append(race)
    rows = [
        (name, sum(r.hit for r in group), len(group), sum(r.still for r in group)) for name, group in groups.items()
    ]
    return sorted(rows, key=lambda row: (-row[2], row[0]))


def race_tables(races: Sequence[Race]) -> Iterator[str]:
    """Recall and silence, as Markdown."""
    seen = [race for race in races if race.scope in VISIBLE]
    hits, visible = sum(race.hit for race in races), sum(race.hit for race in seen)
    still = sum(race.still for race in races)
    yield "| races | flagged | share |\n| --- | ---: | ---: |"
    yield f"| all {len(races)} | {hits} | {share(hits, len(races))} |"
    yield f"| visible within one module, {len(seen)} | {visible} | {share(visible, len(seen))} |"
    yield f"| of the {hits} flagged, still flagged after the fix | {still} | {share(still, hits)} |"
    for by in ("scope", "world", "pattern"):
        yield f"\n| {by} | flagged | of | still flagged |\n| --- | ---: | ---: | ---: |"
        for name, hit, whole, after in recall(races, by):
            yield f"| {name} | {hit} | {whole} | {after} |"


def package_tables(packages: Sequence[Package], verdicts: Sequence[Verdict]) -> Iterator[str]:
    """Precision and density, as Markdown."""
    lines = sum(package.lines for package in packages)
    ever = ever_read(verdicts)
    yield (
        "| rule | right | wrong | undecidable | unread | right of those read | right of all ever read "
        "| findings per 10,000 lines |"
    )
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    total: Counter[str] = Counter()
    for code, count in per_rule(packages, verdicts).items():
        total += count
        yield _rule_row(code, count, ever[code], lines)
    yield _rule_row("all", total, sum(ever.values(), Counter()), lines)
    yield "\n| package | version | lines | findings | per 10,000 lines |\n| --- | --- | ---: | ---: | ---: |"
    silent = [package for package in packages if not package.findings]
    for package in packages:
        if number := len(package.findings):
            density = _density(number, package.lines)
            yield f"| {package.name} | {package.version} | {package.lines:,} | {number} | {density} |"
    yield f"\nNothing is found in {len(silent):,} more packages of {sum(package.lines for package in silent):,} lines."


def ever_read(verdicts: Iterable[Verdict]) -> dict[str, Counter[str]]:
    """By code: what was said of all findings of the default that were ever read, of which many are not reported any more."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for verdict in verdicts:
        if verdict.confidence != "low":
            counts[verdict.key[-1]][verdict.verdict] += 1
    return counts


def _rule_row(code: str, count: Counter[str], ever: Counter[str], lines: int) -> str:
    right, wrong = count["right"], count["wrong"]
    decided = ever["right"] + ever["wrong"]
    of_all = f"{share(ever['right'], decided)} of {decided}" if decided else "-"
    cells = (right, wrong, count["undecidable"], count["unread"], share(right, right + wrong), of_all)
    return f"| {code} | {' | '.join(map(str, cells))} | {_density(count.total(), lines)} |"


def _density(number: int, lines: int) -> str:
    return f"{10_000 * number / lines:.2f}" if lines else "-"


def figures(packages: Sequence[Package], verdicts: Sequence[Verdict], races: Sequence[Race]) -> str:
    """The generated part of docs/accuracy.md."""
    parts: list[str] = []
    if races:
        parts += ["### Fixed races\n", *race_tables(races), ""]
    if packages:
        parts += ["### Packages\n", *package_tables(packages, verdicts), ""]
    return "\n".join(parts)


def replace_figures(text: str, new: str) -> str:
    """The page with new figures between its two marks."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page needs the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{new}\n{END}{after}"


# the program


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs what was asked for, prints the figures, and keeps them if that was asked for, too."""
    options = _options(arguments)
    recorded, recorded_races = read_recorded(options.recorded)
    verdicts = read_verdicts(options.verdicts)
    names = options.only or (
        sorted(p.name for p in options.packages.iterdir() if p.is_dir()) if options.packages else []
    )
    packages = [run_package(options.packages / name) for name in names]
    races = [race for path in options.races for race in run_races(read_lines(path), options.mirror)] or recorded_races
    if packages:
        print("Against the recorded run:")
        print("\n".join(changes(recorded, packages)) or "  no change")
        print("\nNobody has read:")
        for name, found in unread(packages, verdicts):
            print(f"  {name} {found.path} {found.symbol} {found.code} {found.resource}")
    merged = {**recorded, **{package.name: package for package in packages}}
    print()
    print(figures(packages or list(merged.values()), verdicts, races))
    if options.record:
        write_recorded(options.recorded, merged, races)
    if options.docs:
        page = DOCS.read_text(encoding="utf-8")
        shown = [merged[name] for name in sorted(merged)]
        DOCS.write_text(replace_figures(page, figures(shown, verdicts, races)), encoding="utf-8")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure how right racelint is.")
    parser.add_argument("--packages", type=Path, help="folder with one folder a package")
    parser.add_argument("--only", nargs="*", default=[], help="these packages of it")
    parser.add_argument("--races", type=Path, nargs="*", default=[], help="fixed races, one JSON object a line")
    parser.add_argument("--mirror", type=Path, help="folder with `owner+name/repo` git folders")
    parser.add_argument("--recorded", type=Path, default=RECORDED, help="the recorded run")
    parser.add_argument("--verdicts", type=Path, default=VERDICTS, help="folder with the verdicts")
    parser.add_argument("--record", action="store_true", help="keep this run as the recorded one")
    parser.add_argument("--docs", action="store_true", help="write the figures into docs/accuracy.md")
    options = parser.parse_args(arguments)
    if options.races and options.mirror is None:
        parser.error("--races needs --mirror")
    return options


if __name__ == "__main__":
    main()
