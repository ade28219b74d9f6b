"""The language server: requests and notifications of an editor, over standard input and output."""

from __future__ import annotations

import asyncio
import logging
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.uris import to_fs_path
from pygls.workspace import TextDocument

from racelint import __version__
from racelint.server.acting import FIX_ALL, actions
from racelint.server.places import Places
from racelint.server.project import Buffer, Judged, judge, name_of
from racelint.server.showing import diagnostics, hover

PAUSE = 0.3
"""Seconds without a keystroke before a text is judged."""
WATCHED = ("**/*.py", "**/pyproject.toml", "**/racelint.toml", "**/.gitignore")


class RacelintServer(LanguageServer):
    """Judges all that is open, one run at a time; a change during a run leads to another one."""

    def __init__(self) -> None:
        # The whole text is sent with each change: pygls counts other line ends than Python and the protocol when it puts changes
        # together, and a form feed or U+2028 in a comment would shift all that follows.
        super().__init__("racelint", __version__, types.TextDocumentSyncKind.Full)
        self._judged: dict[str, Judged] = {}
        self._said: set[str] = set()
        """Errors that the user has been told."""
        self._timer: asyncio.TimerHandle | None = None
        self._running: asyncio.Task[None] | None = None
        self._again = False
        self._worker = ThreadPoolExecutor(1, "racelint")

    def look_again(self, pause: float = PAUSE) -> None:
        """Judges all that is open when nothing has happened for a while."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(pause, self._begin)

    def _begin(self) -> None:
        if self._running is not None and not self._running.done():
            self._again = True
            return
        self._running = asyncio.get_running_loop().create_task(self._look())

    async def _look(self) -> None:
        buffers = {document.uri: _buffer(document) for document in self._open()}
        try:
            found, errors = await asyncio.get_running_loop().run_in_executor(self._worker, judge, buffers)
            self._tell(errors)
            for uri, judged in found.items():
                self._publish(uri, judged)
        except Exception:  # noqa: BLE001 - a mistake of ours is told, and the server goes on
            self._log(f"racelint {__version__}: internal error; please report it\n{traceback.format_exc()}")
        if self._again:
            self._again = False
            self.look_again()

    def _open(self) -> list[TextDocument]:
        documents = [*self.workspace.text_documents.values()]
        return [one for one in documents if one.language_id == "python" or one.uri.endswith((".py", ".pyi"))]

    def _publish(self, uri: str, judged: Judged) -> None:
        document = self.workspace.text_documents.get(uri)
        if document is None or document.version != judged.version:
            return  # closed, or changed meanwhile: another run is on its way
        self._judged[uri] = judged
        shown = diagnostics(judged, uri, self._places(judged))
        self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, shown, judged.version))

    def forget(self, uri: str) -> None:
        """A text is closed."""
        self._judged.pop(uri, None)
        self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, []))

    def known(self, uri: str) -> tuple[Judged, Places] | None:
        """What is known of a text as it stands now."""
        document = self.workspace.text_documents.get(uri)
        judged = self._judged.get(uri)
        if document is None or judged is None or judged.version != document.version:
            return None
        return judged, self._places(judged)

    def _places(self, judged: Judged) -> Places:
        return Places(judged.source.lines, self.workspace.position_codec)

    def _tell(self, errors: list[str]) -> None:
        """Each error once, until it is gone."""
        for error in errors:
            if error not in self._said:
                self.window_show_message(types.ShowMessageParams(types.MessageType.Error, f"racelint: {error}"))
        self._said = set(errors)

    def _log(self, text: str) -> None:
        self.window_log_message(types.LogMessageParams(types.MessageType.Error, text))

    def watch(self) -> None:
        """Asks the editor to tell of changed files, where it can."""
        workspace = self.client_capabilities.workspace
        watched = workspace.did_change_watched_files if workspace is not None else None
        if watched is None or not watched.dynamic_registration:
            return
        options = types.DidChangeWatchedFilesRegistrationOptions([types.FileSystemWatcher(glob) for glob in WATCHED])
        registration = types.Registration("racelint-files", types.WORKSPACE_DID_CHANGE_WATCHED_FILES, options)
        self.client_register_capability(types.RegistrationParams([registration]))


def _buffer(document: TextDocument) -> Buffer:
    path = to_fs_path(document.uri) if document.uri.startswith("file:") else None
    return Buffer(name_of(path or document.uri), document.source, document.version, is_file=path is not None)


def server() -> RacelintServer:
    """A server that knows what to do."""
    made = RacelintServer()

    @made.feature(types.INITIALIZED)
    def initialized(ls: RacelintServer, params: types.InitializedParams) -> None:
        ls.watch()

    @made.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def opened(ls: RacelintServer, params: types.DidOpenTextDocumentParams) -> None:
        ls.look_again(0)

    @made.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def changed(ls: RacelintServer, params: types.DidChangeTextDocumentParams) -> None:
        ls.look_again()

    @made.feature(types.TEXT_DOCUMENT_DID_SAVE)
    def saved(ls: RacelintServer, params: types.DidSaveTextDocumentParams) -> None:
        ls.look_again(0)

    @made.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def closed(ls: RacelintServer, params: types.DidCloseTextDocumentParams) -> None:
        ls.forget(params.text_document.uri)

    @made.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    def files_changed(ls: RacelintServer, params: types.DidChangeWatchedFilesParams) -> None:
        ls.look_again()

    @made.feature(types.TEXT_DOCUMENT_HOVER)
    def hovered(ls: RacelintServer, params: types.HoverParams) -> types.Hover | None:
        known = ls.known(params.text_document.uri)
        return None if known is None else hover(known[0], params.position, known[1])

    @made.feature(
        types.TEXT_DOCUMENT_CODE_ACTION,
        types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.QuickFix, FIX_ALL]),
    )
    def offered(ls: RacelintServer, params: types.CodeActionParams) -> list[types.CodeAction]:
        known = ls.known(params.text_document.uri)
        if known is None:
            return []
        uri, only = params.text_document.uri, params.context.only
        return actions(
            known[0], uri, params.range, known[1], None if only is None else [str(_value(one)) for one in only]
        )

    return made


def _value(kind: types.CodeActionKind | str) -> str:
    return kind.value if isinstance(kind, types.CodeActionKind) else kind


def serve() -> None:
    """Answers an editor until it goes away. What others print goes to standard error: standard output belongs to the protocol."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr
    server().start_io(stdin, stdout)
