"""One finding at large, as `racelint explain PATH:LINE` shows it: the code, its timeline with the source, and the rule."""

from __future__ import annotations

from collections.abc import Iterator

from racelint.finding import Finding
from racelint.frozen import replace
from racelint.report.code import is_intact
from racelint.report.frame import pen
from racelint.report.lanes import large
from racelint.report.results import Options, clean, wrapped
from racelint.report.text import NARROWEST, framed
from racelint.timeline import timeline


def explained(finding: Finding, options: Options) -> Iterator[str]:
    """Lines with their ends."""
    options = replace(options, width=max(options.width, NARROWEST))
    ink = pen(options)
    lines = options.read(finding.path)
    yield from (f"{row}\n" for row in framed(finding, lines, options, with_timeline=False))
    picture = timeline(finding, lines if lines is not None and is_intact(finding, lines) else None)
    if picture is not None:
        yield "\n"
        yield from (f"{row}\n" for row in large(picture, options))
    rule = options.explained(finding.code)
    if rule is not None:
        yield "\n"
        for paragraph in (rule.summary, *rule.harm.split("\n\n")):
            yield from (f"{line}\n" for line in wrapped(clean(" ".join(paragraph.split())), options.width))
        yield f"{ink.paint(f'racelint rule {finding.code}', None, bold=True)} has an example, and what to write instead.\n"
