"""What runs alone wherever it stands: tests, migrations, commands, scripts."""

from __future__ import annotations

from racelint.expressions import expression
from racelint.facts import FunctionFacts
from racelint.frozen import cached_property
from racelint.resolve import Scope, enclosing_self

_TEST_FILE = expression(
    r"(^|/)(test_[^/]*|[^/]*_tests?|tests?|testing|tests?_?(utils?|helpers?|tools?|cases?)|populate_[^/]*|conftest|setup|noxfile|migrations|sample_?data)\.py$|(^|/)tests/__init__\.py$|(^|/)([a-z_]*migrations?|alembic|benchmarks?|scripts?|features/steps|tests?_?(utils?|helpers?|tools?|cases?))/"
)
_HELPER = expression(r"(^|[/_])(utils?|helpers?|fixtures|factories|mocks?|base)\.py$")
"""Modules beside tests that serve them."""
_COMMAND = expression(r"(^|/)(management/(commands/|__init__\.py)|cli/commands/)")
_IMPORT_OF_TESTS = frozenset({"pytest", "unittest"})
_OF_TESTS_ALONE = frozenset({"behave", "pytest_bdd"})
"""Libraries that only tests import: their steps run one after the other."""

_MAKES_FOR_TESTS = frozenset({"pytest.fixture", "pytest_asyncio.fixture", "pytest.yield_fixture"})
"""Decorators of what tests are handed."""

_MADE_UP = frozenset({"factory", "faker", "model_bakery", "mixer"})
"""Libraries that make data up, for tests and demonstrations."""


def runs_alone(path: str) -> bool:
    """Whether the module of a path is one of tests, migrations, commands or scripts, as far as its path tells."""
    path = path.replace("\\", "/")
    parts = path.split("/")[:-1]
    return bool(_COMMAND.search(path) or _TEST_FILE.search(path)) or "tests" in parts or "test" in parts


class Surroundings:
    """Whether the units of one module run alone because of where they stand."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    @cached_property
    def unlikely(self) -> bool:
        """Tests, migrations, commands and scripts run alone."""
        return self._command or self._test

    @cached_property
    def _path(self) -> str:
        return self.scope.facts.path.replace("\\", "/")

    @cached_property
    def _command(self) -> bool:
        return _COMMAND.search(self._path) is not None

    @cached_property
    def _test(self) -> bool:
        if _TEST_FILE.search(self._path) or (_MADE_UP | _OF_TESTS_ALONE) & self.scope.libraries:
            return True
        if any(".tests." in origin for origin in self.scope.imports.values()):
            return True  # tests are imported by what makes them
        parts = self._path.split("/")[:-1]
        return ("tests" in parts or "test" in parts) and (
            bool(_IMPORT_OF_TESTS & self.scope.libraries) or _HELPER.search(self._path) is not None
        )

    @property
    def by_hand(self) -> bool:
        """Commands run alone as a rule; but not one that takes a lock, as tests and migrations do."""
        return self._command and not self._test

    def _serialised(self, function: FunctionFacts) -> bool:
        """Whether a framework runs the steps of the object one after the other, as a model says of its class."""
        owner, _ = enclosing_self(function, self.scope)
        if not owner or not self.scope.classes[owner].bases:
            return False
        bases = self.scope.base_names(owner)
        return any(base.endswith(tuple(self.scope.models.serialised)) for base in bases)

    def unlikely_unit(self, function: FunctionFacts) -> bool:
        """A test, or a step of a migration: it runs alone, wherever it stands."""
        known = self._units.get(function.qualname)
        if known is None:
            known = self._units[function.qualname] = self._is_unlikely(function)
        return known

    @cached_property
    def _units(self) -> dict[str, bool]:
        return {}

    def _is_unlikely(self, function: FunctionFacts) -> bool:
        return (
            self.unlikely
            or function.name.startswith("test_")
            or self._of_tests(function.owner)
            or self._serialised(function)
            or (function.name in ("upgrade", "downgrade") and "down_revision" in self.scope.assigned)
            or any(name in ("schema_editor", "verbosity") for name, _ in function.params)
            or ("pytest" in self.scope.libraries and self._in_fixture(function))
        )

    def _in_fixture(self, function: FunctionFacts) -> bool:
        """Whether the function, or one that it stands in, makes something for tests."""
        seen: FunctionFacts | None = function
        while seen is not None:
            if any(self.scope.canonical(d.partition("(")[0]) in _MAKES_FOR_TESTS for d in seen.decorators):
                return True
            seen = self.scope.functions.get(seen.parent)
        return False

    def _of_tests(self, owner: str) -> bool:
        """Whether a class is called as those of tests are and holds some, or what they have in common: `TestModel` may be a model."""
        name = owner.rpartition(".")[2]
        if name.endswith("TestCase"):
            return True
        if not name.startswith("Test") and not name.endswith(("Test", "Tests")):
            return False
        class_ = self.scope.classes[owner]
        return (
            bool(_IMPORT_OF_TESTS & self.scope.libraries)
            or any(method.startswith(("test", "setUp", "setup_")) for method in class_.methods)
            or any("Test" in base for base in class_.bases)
        )
