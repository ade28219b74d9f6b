"""The language server, asked by a real client over standard input and output."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types
from pygls.lsp.client import LanguageClient

BANK = """\
import asyncio


class Account:
    def __init__(self) -> None:
        self.balance = 0

    async def deposit(self, amount: int) -> None:
        self.balance += await self.checked(amount)

    async def checked(self, amount: int) -> int:
        await asyncio.sleep(0)
        return amount


async def both(account: Account) -> None:
    await asyncio.gather(account.deposit(1), account.deposit(2))
"""
AT = types.Position(8, 12)
"""In the line that updates the balance."""
SECONDS = 60.0
"""For an answer; a machine may be slow."""


class Editor:
    """A client with a folder, and what the server has told it."""

    def __init__(self, client: LanguageClient, folder: Path) -> None:
        self.client = client
        self.folder = folder
        self.published: asyncio.Queue[types.PublishDiagnosticsParams] = asyncio.Queue()
        self.messages: asyncio.Queue[str] = asyncio.Queue()
        self.registered: asyncio.Queue[types.RegistrationParams] = asyncio.Queue()
        self.encoding: object = None

    def uri(self, name: str) -> str:
        """Of a file in the folder."""
        return (self.folder / name).as_uri()

    def open(self, name: str, text: str, version: int = 1) -> None:
        """Opens a text; it need not be on the disk."""
        item = types.TextDocumentItem(self.uri(name), "python", version, text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))

    def change(self, name: str, text: str, version: int) -> None:
        """Types."""
        document = types.VersionedTextDocumentIdentifier(version, self.uri(name))
        whole = types.TextDocumentContentChangeWholeDocument(text)
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(document, [whole]))

    def file_changed(self, name: str) -> None:
        """Tells of a change on the disk."""
        event = types.FileEvent(self.uri(name), types.FileChangeType.Changed)
        self.client.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams([event]))

    async def diagnostics(self, name: str, version: int | None = 1) -> list[types.Diagnostic]:
        """The next that are published of a version of a file."""
        while True:
            told = await asyncio.wait_for(self.published.get(), SECONDS)
            if told.uri == self.uri(name) and told.version == version:
                return list(told.diagnostics)

    async def actions(self, name: str, at: types.Position, only: list[str] | None = None) -> list[types.CodeAction]:
        """What is offered at a place."""
        document = types.TextDocumentIdentifier(self.uri(name))
        context = types.CodeActionContext([], only=only)
        found = await self.client.text_document_code_action_async(
            types.CodeActionParams(document, types.Range(at, at), context)
        )
        return [one for one in found or [] if isinstance(one, types.CodeAction)]

    async def hover(self, name: str, at: types.Position) -> str:
        """What is shown at a place."""
        document = types.TextDocumentIdentifier(self.uri(name))
        found = await self.client.text_document_hover_async(types.HoverParams(document, at))
        assert found is None or isinstance(found.contents, types.MarkupContent)
        return "" if found is None else found.contents.value


@asynccontextmanager
async def editor(
    folder: Path, encodings: list[types.PositionEncodingKind] | None = None, **environment: str
) -> AsyncIterator[Editor]:
    """A client that has started a server."""
    client = LanguageClient("tests", "1")
    made = Editor(client, folder)

    @client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
    def published(params: types.PublishDiagnosticsParams) -> None:
        made.published.put_nowait(params)

    @client.feature(types.WINDOW_SHOW_MESSAGE)
    def shown(params: types.ShowMessageParams) -> None:
        made.messages.put_nowait(params.message)

    @client.feature(types.WINDOW_LOG_MESSAGE)
    def logged(params: types.LogMessageParams) -> None:
        made.messages.put_nowait(params.message)

    @client.feature(types.CLIENT_REGISTER_CAPABILITY)
    def registered(params: types.RegistrationParams) -> None:
        made.registered.put_nowait(params)

    env = {**os.environ, **environment}
    await client.start_io(sys.executable, "-m", "racelint", "server", "--stdio", cwd=folder, env=env)
    try:
        general = types.GeneralClientCapabilities(position_encodings=encodings)
        watching = types.DidChangeWatchedFilesClientCapabilities(dynamic_registration=True)
        capabilities = types.ClientCapabilities(
            general=general, workspace=types.WorkspaceClientCapabilities(did_change_watched_files=watching)
        )
        answer = await client.initialize_async(types.InitializeParams(capabilities, root_uri=folder.as_uri()))
        made.encoding = answer.capabilities.position_encoding
        client.initialized(types.InitializedParams())
        yield made
    finally:
        await asyncio.wait_for(client.shutdown_async(None), SECONDS)
        client.exit(None)
        await asyncio.wait_for(client.stop(), SECONDS)


def played(play: Callable[[Editor], Awaitable[None]], folder: Path, **more: Any) -> None:
    """Plays a scene with an editor in a folder."""

    async def scene() -> None:
        async with editor(folder, **more) as made:
            await asyncio.wait_for(play(made), 2 * SECONDS)

    asyncio.run(scene())


def test_what_is_open_is_judged(tmp_path: Path) -> None:
    """A diagnostic stands where the write does, and leads to the read and the switch; closing takes it away."""

    async def play(one: Editor) -> None:
        one.open("bank.py", BANK)
        (found,) = await one.diagnostics("bank.py")
        assert (found.code, found.source) == ("RL101", "racelint")
        assert found.severity is types.DiagnosticSeverity.Warning
        assert found.range == types.Range(types.Position(8, 8), types.Position(8, 50))
        assert found.message.startswith("`self.balance` is read before the await on line 9")
        related = [(step.location.range.start.line, step.message) for step in found.related_information or []]
        assert related == [
            (8, "read here: self.balance"),
            (8, "other tasks run here: await self.checked(amount)"),
            (8, "writes back the old value: self.balance += await self.checked(amount)"),
        ]
        one.client.text_document_did_close(
            types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(one.uri("bank.py")))
        )
        assert await one.diagnostics("bank.py", None) == []

    played(play, tmp_path)


def test_what_is_typed_is_judged_after_a_pause(tmp_path: Path) -> None:
    """Only the last of several changes in a row is judged, and a text that cannot be parsed says so."""

    async def play(one: Editor) -> None:
        one.open("bank.py", BANK)
        assert len(await one.diagnostics("bank.py")) == 1
        for version in range(2, 6):
            one.change("bank.py", BANK + "#" * version, version)
        one.change("bank.py", BANK + "\n\ndef broken(:\n", 6)
        (found,) = await one.diagnostics("bank.py", 6)
        assert (found.code, found.severity) == ("RL900", types.DiagnosticSeverity.Error)
        one.change("bank.py", BANK.replace("self.balance += await", "return await"), 7)
        assert await one.diagnostics("bank.py", 7) == []
        assert one.published.empty()

    played(play, tmp_path)


def test_a_quick_fix_repairs(tmp_path: Path) -> None:
    """The edit is that of `--fix`, for the version that was judged; there is one for the whole file, too."""

    async def play(one: Editor) -> None:
        one.open("bank.py", BANK, 3)
        await one.diagnostics("bank.py", 3)
        quick = [action for action in await one.actions("bank.py", AT) if action.is_preferred]
        (action,) = quick
        assert action.kind == types.CodeActionKind.QuickFix
        assert [found.code for found in action.diagnostics or []] == ["RL101"]
        repaired = edited(BANK, action, one.uri("bank.py"), 3)
        assert "+= await" not in repaired
        (whole,) = await one.actions("bank.py", AT, only=["source.fixAll"])
        assert whole.title == "racelint: repair 1 race safely"
        assert edited(BANK, whole, one.uri("bank.py"), 3) == repaired
        assert await one.actions("bank.py", types.Position(0, 0), only=["quickfix"]) == []
        one.change("bank.py", repaired, 4)
        assert await one.diagnostics("bank.py", 4) == []

    played(play, tmp_path)


def edited(text: str, action: types.CodeAction, uri: str, version: int) -> str:
    """A text after the edits of an action; all in UTF-16 is ASCII here."""
    assert action.edit is not None
    (change,) = action.edit.document_changes or []
    assert isinstance(change, types.TextDocumentEdit)
    assert (change.text_document.uri, change.text_document.version) == (uri, version)
    lines = text.splitlines(keepends=True)
    starts = [sum(map(len, lines[:number])) for number in range(len(lines) + 1)]

    def offset(place: types.Position) -> int:
        return starts[place.line] + place.character

    for edit in sorted(change.edits, key=lambda one: offset(one.range.start), reverse=True):
        assert isinstance(edit, types.TextEdit)
        text = text[: offset(edit.range.start)] + edit.new_text + text[offset(edit.range.end) :]
    return text


def test_a_finding_is_ignored_by_a_comment(tmp_path: Path) -> None:
    """As `--add-ignore` writes it; the comment is then of use, and nothing is left to say."""

    async def play(one: Editor) -> None:
        one.open("bank.py", BANK)
        await one.diagnostics("bank.py")
        titles = [action.title for action in await one.actions("bank.py", AT)]
        assert titles[1:] == ["ignore RL101 here, by a comment", "racelint: repair 1 race safely"]
        (_, action) = await one.actions("bank.py", AT, only=["quickfix"])
        silenced = edited(BANK, action, one.uri("bank.py"), 1)
        assert "self.balance += await self.checked(amount)  # racelint: ignore[RL101]\n" in silenced
        one.change("bank.py", silenced, 2)
        assert await one.diagnostics("bank.py", 2) == []

    played(play, tmp_path)


def test_a_text_without_a_file_is_judged(tmp_path: Path) -> None:
    """What has not been saved anywhere yet."""

    async def play(one: Editor) -> None:
        item = types.TextDocumentItem("untitled:Untitled-1", "python", 1, BANK)
        one.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        told = await asyncio.wait_for(one.published.get(), SECONDS)
        assert (told.uri, [found.code for found in told.diagnostics]) == ("untitled:Untitled-1", ["RL101"])

    played(play, tmp_path)


def test_hover_tells_the_rule_and_the_timeline(tmp_path: Path) -> None:
    """On the finding, and nowhere else."""

    async def play(one: Editor) -> None:
        one.open("bank.py", BANK)
        await one.diagnostics("bank.py")
        told = await one.hover("bank.py", AT)
        assert told.startswith("**RL101 await-in-update** · confidence high\n\n`self.balance` is read before")
        assert "task A" in told
        assert "task B" in told
        assert "### Use instead" in told
        assert await one.hover("bank.py", types.Position(0, 0)) == ""

    played(play, tmp_path)


STRANGE = BANK.replace("        self.balance += await", '        """\U0001f4b6\f\u2028é"""; self.balance += await')
"""With a character of two UTF-16 units, a form feed and a line separator before the finding."""


@pytest.mark.parametrize(("encoding", "columns"), [(None, (21, 63)), ("utf-8", (26, 68)), ("utf-32", (20, 62))])
def test_places_are_counted_as_the_client_does(tmp_path: Path, encoding: str | None, columns: tuple[int, int]) -> None:
    """In UTF-16 unless the client can do something else; lines end where Python ends them."""

    async def play(one: Editor) -> None:
        assert one.encoding == types.PositionEncodingKind(encoding or "utf-16")
        one.open("bank.py", STRANGE)
        (found,) = await one.diagnostics("bank.py")
        assert found.range == types.Range(types.Position(8, columns[0]), types.Position(8, columns[1]))
        assert await one.hover("bank.py", types.Position(8, columns[0])) != ""
        assert await one.hover("bank.py", types.Position(8, columns[0] - 1)) == ""

    played(play, tmp_path, encodings=None if encoding is None else [types.PositionEncodingKind(encoding)])


def test_open_texts_see_each_other_and_the_disk(tmp_path: Path) -> None:
    """A lock that the unsaved text of another module takes counts, and so does what is only on the disk."""
    (tmp_path / "pyproject.toml").write_text("")
    model, starts = BANK.split("\n\nasync def both")
    starts = "import asyncio\n\nfrom bank import Account\n\n\nasync def both" + starts
    (tmp_path / "bank.py").write_text(model)
    (tmp_path / "main.py").write_text("from bank import Account\n\n\nasync def both(account: Account) -> None: ...\n")

    async def play(one: Editor) -> None:
        one.open("bank.py", model)
        assert await one.diagnostics("bank.py") == []
        one.open("main.py", starts)  # unsaved: here it is started for many at once
        (found,) = await one.diagnostics("bank.py")
        assert found.code == "RL101"

    played(play, tmp_path)


def test_the_configuration_is_read_again(tmp_path: Path) -> None:
    """When the editor tells that it has changed; an error in it is told once, and the server goes on."""
    config = tmp_path / "racelint.toml"
    config.write_text("")

    async def play(one: Editor) -> None:
        registered = await asyncio.wait_for(one.registered.get(), SECONDS)
        assert registered.registrations[0].method == types.WORKSPACE_DID_CHANGE_WATCHED_FILES
        one.open("bank.py", BANK)
        assert len(await one.diagnostics("bank.py")) == 1
        config.write_text('ignore = ["await-in-update"]\n')
        one.file_changed("racelint.toml")
        assert await one.diagnostics("bank.py") == []
        config.write_text("ignored = 1\n")
        one.file_changed("racelint.toml")
        assert "unknown key `ignored`" in await asyncio.wait_for(one.messages.get(), SECONDS)
        config.write_text("")
        one.file_changed("racelint.toml")
        assert len(await one.diagnostics("bank.py")) == 1

    played(play, tmp_path)


def test_what_is_excluded_is_not_judged(tmp_path: Path) -> None:
    """Such as a library that the editor jumped to."""
    (tmp_path / "racelint.toml").write_text("")
    (tmp_path / "venv").mkdir()

    async def play(one: Editor) -> None:
        one.open("venv/bank.py", BANK)
        assert await one.diagnostics("venv/bank.py") == []

    played(play, tmp_path)


BROKEN = """
import racelint.run

def fail(*args, **named):
    raise RuntimeError("a mistake of ours")

before = racelint.run.lint_files

def once(*args, **named):
    import racelint.server.project
    racelint.server.project.lint_files = before
    raise RuntimeError("a mistake of ours")

racelint.run.lint_files = once
"""


def test_a_mistake_of_ours_does_not_end_it(tmp_path: Path) -> None:
    """It is logged, and the next change is judged."""
    (tmp_path / "sitecustomize.py").write_text(BROKEN)

    async def play(one: Editor) -> None:
        one.open("bank.py", BANK)
        assert "RuntimeError: a mistake of ours" in await asyncio.wait_for(one.messages.get(), SECONDS)
        one.change("bank.py", BANK + "\n", 2)
        assert len(await one.diagnostics("bank.py", 2)) == 1

    played(play, tmp_path, PYTHONPATH=str(tmp_path))


def test_a_missing_extra_is_named(tmp_path: Path) -> None:
    """Without a traceback, and with what to install."""
    (tmp_path / "pygls.py").write_text("raise ModuleNotFoundError('gone', name='pygls')\n")
    done = subprocess.run(
        [sys.executable, "-m", "racelint", "server"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr == "Error: the server needs `pygls`, which comes with an extra: pip install 'racelint[lsp]'\n"
    assert done.stdout == ""
