"""The command `racelint check`."""

from __future__ import annotations

import json
import os
from enum import Enum
from functools import partial

import click

from racelint.cli.adopting import baseline_options, check_baseline_options
from racelint.cli.completing import a_file
from racelint.cli.doing import Asked, checked, configured
from racelint.cli.ignoring import OptionalReason, reason_option
from racelint.cli.options import HELP, choice_options, drawing_options, outputs_option, run_options
from racelint.cli.output import print_text, say
from racelint.cli.wanted import CLEAN, FAILED, STANDARD_OUTPUT, Output, Wanted
from racelint.cli.watching import watch
from racelint.config import OPTIONS, OUTPUT_FORMATS, Config, Layer, PerFile, enabled_rules
from racelint.config_files import anchor, anchored
from racelint.finding import Confidence
from racelint.frozen import names_of


@click.command(cls=OptionalReason, context_settings=HELP)
@click.argument("paths", nargs=-1, metavar="[PATHS]...", type=click.Path(path_type=str))
@choice_options
@click.option(
    "--fix",
    is_flag=True,
    help="Repair what can be repaired safely, and report the rest.",
)
@click.option("--unsafe-fixes", is_flag=True, help="With --fix or --diff: also repairs that need a look.")
@click.option("--fix-only", is_flag=True, help="As --fix, but report nothing that is left, and exit with 0.")
@click.option("--show-fixes", is_flag=True, help="With --fix: list what was repaired.")
@click.option("--interactive", is_flag=True, help="As --fix, but show each repair and ask.")
@click.option("--diff", is_flag=True, help="Show what --fix would change instead of findings, and change nothing.")
@click.option(
    "--add-ignore",
    metavar="[=REASON]",
    callback=reason_option,
    help="Write `# racelint: ignore[CODE] REASON` at each finding; with --diff, show what that would change.",
)
@baseline_options
@click.option("--output-format", type=click.Choice(OUTPUT_FORMATS), help="How to show the findings (full).")
@click.option(
    "-o",
    "--output-file",
    "outputs",
    metavar="[FORMAT:]FILE",
    multiple=True,
    callback=outputs_option,
    shell_complete=a_file,
    help="Write the findings to a file, in a format; `-` is standard output. Can be repeated.",
)
@run_options
@click.option("--watch", "watching", is_flag=True, help="Look again whenever a file changes; Ctrl-C ends.")
@click.option("--stdin-filename", metavar="FILE", help="What to call standard input, when `-` is read.")
@click.option("--statistics", is_flag=True, help="Show how often each rule was broken instead of the findings.")
@click.option("--show-files", is_flag=True, help="List the files that would be checked, and stop.")
@click.option("--show-settings", is_flag=True, help="Show the configuration that would be used, and stop.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 even if something is found.")
@click.option("-q", "--quiet", is_flag=True, help="Print findings only: no summary, no progress, no warnings.")
@click.option(
    "-v",
    "--verbose",
    is_flag=True,
    help="Say on stderr what is read, how long it takes, and why near misses are not reported.",
)
@drawing_options
def check(
    paths: tuple[str, ...],
    select: tuple[str, ...] | None,
    ignore: tuple[str, ...] | None,
    extend_select: tuple[str, ...] | None,
    extend_ignore: tuple[str, ...] | None,
    per_file_ignores: PerFile | None,
    min_confidence: Confidence | None,
    exclude: tuple[str, ...] | None,
    extend_exclude: tuple[str, ...] | None,
    force_exclude: bool | None,
    respect_gitignore: bool | None,
    fix: bool,
    unsafe_fixes: bool,
    fix_only: bool,
    show_fixes: bool,
    interactive: bool,
    diff: bool,
    add_ignore: str | None,
    baseline: str | None,
    update_baseline: bool,
    prune_baseline: bool,
    error_stale_baseline: bool,
    new_from: str | None,
    output_format: str | None,
    outputs: tuple[Output, ...],
    configs: tuple[str, ...],
    isolated: bool,
    no_cache: bool,
    cache_dir: str | None,
    jobs: int | None,
    watching: bool,
    stdin_filename: str | None,
    statistics: bool,
    show_files: bool,
    show_settings: bool,
    exit_zero: bool,
    quiet: bool,
    verbose: bool,
    ascii_only: bool,
    color: str,
) -> int:
    """Find races in files and directories (the current one, if none is given; `-` is standard input)."""
    here = os.getcwd()
    said = Layer(
        where=OPTIONS,
        select=select,
        ignore=ignore,
        extend_select=extend_select,
        extend_ignore=extend_ignore,
        per_file_ignores=per_file_ignores
        and tuple((anchor(pattern, here), codes) for pattern, codes in per_file_ignores),
        min_confidence=min_confidence,
        exclude=anchored(exclude, here),
        extend_exclude=anchored(extend_exclude, here),
        force_exclude=force_exclude,
        respect_gitignore=respect_gitignore,
        output_format=output_format,
        jobs=jobs,
        baseline=baseline and os.path.abspath(baseline),
    )
    if "-" in paths and len(paths) > 1:
        raise click.UsageError("`-`, standard input, cannot be mixed with other paths")
    if stdin_filename and paths != ("-",):
        raise click.UsageError("--stdin-filename names standard input: it needs `-` as the path")
    wanted = Wanted(
        paths=paths or (".",),
        stdin_filename=stdin_filename,
        fix=fix or fix_only or interactive,
        diff=diff,
        unsafe_fixes=unsafe_fixes,
        fix_only=fix_only,
        show_fixes=show_fixes,
        interactive=interactive,
        outputs=outputs or (STANDARD_OUTPUT,),
        add_ignore=add_ignore,
        new_from=new_from,
        update_baseline=update_baseline,
        prune_baseline=prune_baseline,
        error_stale_baseline=error_stale_baseline,
        no_cache=no_cache,
        cache_dir=cache_dir or "",
        statistics=statistics,
        exit_zero=exit_zero,
        quiet=quiet,
        verbose=verbose,
        ascii=ascii_only,
        color=color,
    )
    asked = Asked(wanted, said, configs, isolated)
    if diff and (statistics or outputs):
        raise click.UsageError("--diff shows changes, not findings: it takes neither --statistics nor --output-file")
    if interactive and (diff or paths == ("-",)):
        raise click.UsageError(
            "--interactive asks on the terminal: it goes neither with --diff nor with standard input"
        )
    if add_ignore is not None and (wanted.fix or statistics or outputs):
        raise click.UsageError(
            "--add-ignore writes comments and shows no findings: it goes with no other output or repair"
        )
    check_baseline_options(wanted, bool(outputs))
    if watching:
        if wanted.changes_files or wanted.from_stdin or show_files or show_settings:
            raise click.UsageError(
                "--watch looks again and again: it goes with nothing that changes files, reads standard input or stops"
            )
        watch(wanted, lambda: _configured(asked, output_format), partial(checked, wanted))
    config = _configured(asked, output_format)
    if show_settings:
        return print_text(settings_of(config))
    if show_files:
        return show_files_of(wanted, config)
    return checked(wanted, config)


def _check_formats(wanted: Wanted, config: Config, said: str | None) -> None:
    """Raises UsageError where a format that was asked for would not be used; `said` is that of `--output-format`."""
    formats = {output.format or config.output_format for output in wanted.outputs}
    named = next((output.format for output in wanted.outputs if output.format is not None), None)
    if wanted.statistics and ("json" in formats or named is not None):
        raise click.UsageError("--statistics is a text; it cannot be had in another format, such as JSON")
    if said is not None and all(output.format is not None for output in wanted.outputs):
        raise click.UsageError(
            f"--output-format is for outputs that name no format, and all do; add `-o {said}:-` for standard output"
        )


def _configured(asked: Asked, output_format: str | None) -> Config:
    """The configuration, which fits the options."""
    config = configured(asked)
    _check_formats(asked.wanted, config, output_format)
    return config


def show_files_of(wanted: Wanted, config: Config) -> int:
    from racelint.discovery import discover

    files, problems = discover(wanted.paths, config)
    for problem in problems:
        say(f"{problem.path}: {problem.message}")
    print_text("".join(f"{file.shown}\n" for file in files))
    return FAILED if any(problem.named for problem in problems) else CLEAN


def settings_of(config: Config) -> str:
    """The configuration as the TOML that would give it, and the rules that are on."""
    from racelint.rules import RULES

    lines = [f"# from {config.file or 'the defaults'}; patterns are relative to {config.root or os.getcwd()}"]
    for name in names_of(Config):
        if name not in ("root", "file"):
            lines.append(f"{name.replace('_', '-')} = {_toml(getattr(config, name))}")
    on = [f"{rule.code} {rule.name}" for rule in enabled_rules(config, RULES)]
    return "\n".join([*lines, "# rules that are on", *(f"#   {name}" for name in on), ""])


def _toml(value: object) -> str:
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, tuple) and value and isinstance(value[0], tuple):
        return "{ " + ", ".join(f"{json.dumps(pattern)} = {json.dumps(codes)}" for pattern, codes in value) + " }"
    return json.dumps(value)
