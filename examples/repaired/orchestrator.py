"""An orchestrator that makes sure, before it answers, that the tools of the assistant are registered.

The registry belongs to the module, so the module registers, once: whoever comes first does it while holding the lock,
and everybody else finds it done. Constructors only ask for it.
"""

import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

Handler = Callable[[str], str]


@dataclass(frozen=True)
class Tool:
    name: str
    handler: Handler


class ToolRegistry:
    """The tools of this process; every tool registered under a name runs when that name is called."""

    def __init__(self) -> None:
        self._tools: list[Tool] = []

    def register(self, tool: Tool) -> None:
        self._tools.append(tool)

    def call(self, name: str, argument: str) -> list[str]:
        handlers = [tool.handler for tool in self._tools if tool.name == name]
        if not handlers:
            raise LookupError(f"no tool {name!r}")
        return [handler(argument) for handler in handlers]

    def __len__(self) -> int:
        return len(self._tools)


registry = ToolRegistry()


def search_assets(query: str) -> str:
    return f"assets that match {query!r}"


def render_preview(scene: str) -> str:
    return f"preview of {scene!r} rendered, 1 credit charged"


def export_video(scene: str) -> str:
    return f"video of {scene!r} exported"


_registration = threading.Lock()
_tools_registered = False


def register_tools_once() -> None:
    """Register the tools unless that has been done; returns when it is done, whoever does it."""
    global _tools_registered
    with _registration:
        if not _tools_registered:
            registry.register(Tool("search_assets", search_assets))
            registry.register(Tool("render_preview", render_preview))
            registry.register(Tool("export_video", export_video))
            _tools_registered = True


class Orchestrator:
    """Answers one session's requests with the tools of the process."""

    def __init__(self, session: str) -> None:
        self.session = session
        register_tools_once()

    def run_tool(self, name: str, argument: str) -> list[str]:
        return registry.call(name, argument)


def main() -> int:
    with ThreadPoolExecutor(max_workers=2) as workers:
        orchestrators = list(workers.map(Orchestrator, ["session-1", "session-2"]))
    answers = orchestrators[0].run_tool("render_preview", "harbour at dawn")

    print("expected: 3 tools, 1 credit charged for one preview")
    print(f"there:    {len(registry)} tools, {len(answers)} credit charged for one preview")
    print(f"registered {len(registry)} of 3")
    return 0 if len(registry) == 3 and len(answers) == 1 else 1


if __name__ == "__main__":
    sys.exit(main())
