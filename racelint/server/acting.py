"""What an editor offers to do about a finding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lsprotocol.types import (
    CodeAction,
    CodeActionKind,
    OptionalVersionedTextDocumentIdentifier,
    Range,
    TextDocumentEdit,
    TextEdit,
    WorkspaceEdit,
)

from racelint.adoption.ignoring import with_ignores
from racelint.finding import Applicability, Edit, Finding
from racelint.fix import apply_fixes
from racelint.fix.verify import objection_to_text
from racelint.frozen import replace
from racelint.rewrite import rewritten
from racelint.run import Report
from racelint.server.places import Places, overlap
from racelint.server.project import Judged
from racelint.server.showing import diagnostics

FIX_ALL = "source.fixAll.racelint"


def actions(judged: Judged, uri: str, asked: Range, places: Places, only: Sequence[str] | None) -> list[CodeAction]:
    """Quick fixes for the findings in a range, comments that silence them, and one action for all that can be repaired safely."""
    found: list[CodeAction] = []
    if _wants(only, CodeActionKind.QuickFix.value):
        for finding in judged.findings:
            if overlap(places.range(finding.span), asked):
                found += _quick(judged, finding, uri, places)
    if _wants(only, FIX_ALL):
        found += _all(judged, uri, places)
    return found


def _wants(only: Sequence[str] | None, kind: str) -> bool:
    """Whether a kind of action is asked for: by its name, or by a name that it begins with."""
    return only is None or any(one == "" or kind == one or kind.startswith(f"{one}.") for one in only)


def _quick(judged: Judged, finding: Finding, uri: str, places: Places) -> Iterator[CodeAction]:
    shown = diagnostics(replace(judged, findings=(finding,), problems=()), uri, places)
    fix = finding.fix
    if fix is not None and _fits(judged, fix.edits):
        safe = fix.applicability is Applicability.SAFE
        yield CodeAction(
            f"{fix.title}{'' if safe else ' (needs a look)'}",
            kind=CodeActionKind.QuickFix,
            diagnostics=shown,
            is_preferred=safe or None,
            edit=_edit(judged, uri, [_text_edit(edit, places) for edit in fix.edits]),
        )
    (silenced,) = with_ignores(Report((finding,), (), 1, 0.0), lambda path: judged.source, "").findings
    if silenced.fix is not None:
        yield CodeAction(
            f"ignore {finding.code} here, by a comment",
            kind=CodeActionKind.QuickFix,
            diagnostics=shown,
            edit=_edit(judged, uri, [_text_edit(edit, places) for edit in silenced.fix.edits]),
        )


def _fits(judged: Judged, edits: Sequence[Edit]) -> bool:
    """Whether edits can be made, and the result is Python."""
    text = rewritten(judged.source.text, edits) if edits else None
    return text is not None and objection_to_text(replace(judged.source, text=text)) is None


def _all(judged: Judged, uri: str, places: Places) -> Iterator[CodeAction]:
    text, applied = apply_fixes(judged.source, judged.findings, Applicability.SAFE)
    if applied and objection_to_text(replace(judged.source, text=text)) is None:
        number = f"{len(applied)} race" + ("s" if len(applied) > 1 else "")
        yield CodeAction(
            f"racelint: repair {number} safely",
            kind=FIX_ALL,
            edit=_edit(judged, uri, [TextEdit(places.whole(), text)]),
        )


def _text_edit(edit: Edit, places: Places) -> TextEdit:
    return TextEdit(places.range(edit.span), edit.text)


def _edit(judged: Judged, uri: str, edits: Sequence[TextEdit]) -> WorkspaceEdit:
    """Edits of the text in the version that was judged: an editor refuses them if it has gone on."""
    document = OptionalVersionedTextDocumentIdentifier(uri, judged.version)
    return WorkspaceEdit(document_changes=[TextDocumentEdit(document, [*edits])])
