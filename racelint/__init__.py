"""racelint finds race conditions in Python source.

    from racelint import lint_paths

    for finding in lint_paths(["src"]).findings:
        print(finding.path, finding.line, finding.message)

Everything is imported when it is first used, so that `racelint.runtime` and `racelint --version` cost nothing of it.
"""

TYPE_CHECKING = False  # as typing's, which takes a while to import
if TYPE_CHECKING:
    from racelint.finding import Finding
    from racelint.rule import Rule
    from racelint.rules import RULES
    from racelint.run import lint_paths, lint_source

__version__ = "0.1.0"

__all__ = ["RULES", "Finding", "Rule", "__version__", "lint_paths", "lint_source"]

_HOMES = {
    "Finding": "racelint.finding",
    "RULES": "racelint.rules",
    "Rule": "racelint.rule",
    "lint_paths": "racelint.run",
    "lint_source": "racelint.run",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
