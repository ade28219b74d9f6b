"""An orchestrator whose constructor registers the tools of the assistant.

The constructor registers behind `if not self.tools_registered`. The flag is set on the instance, the registry is
shared by the process: every further orchestrator finds its own flag unset and registers again, and each tool then
runs once per orchestrator.
"""

import sys
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


class Orchestrator:
    """Answers one session's requests with the tools of the process."""

    tools_registered = False

    def __init__(self, session: str) -> None:
        self.session = session
        if not self.tools_registered:
            registry.register(Tool("search_assets", search_assets))
            registry.register(Tool("render_preview", render_preview))
            registry.register(Tool("export_video", export_video))
            self.tools_registered = True

    def run_tool(self, name: str, argument: str) -> list[str]:
        return registry.call(name, argument)


def main() -> int:
    with ThreadPoolExecutor(max_workers=2) as workers:
        orchestrators = list(workers.map(Orchestrator, ["session-1", "session-2"]))
    answers = orchestrators[0].run_tool("render_preview", "harbour at dawn")

    print("expected: 3 tools, 1 credit charged for one preview")
    print(f"there:    {len(registry)} tools, {len(answers)} credits charged for one preview")
    print(f"registered {len(registry)} of 3")
    return 0 if len(registry) == 6 and len(answers) == 2 else 1


if __name__ == "__main__":
    sys.exit(main())
