"""Facts of many modules, joined: which class or function an imported name means."""

from __future__ import annotations

from racelint.facts import ClassFacts, ModuleFacts


class Index:
    """Classes of all modules by their last name."""

    def __init__(self, modules: tuple[ModuleFacts, ...]) -> None:
        self.modules = modules
        self._classes: dict[str, list[tuple[ModuleFacts, ClassFacts]]] = {}
        for module in modules:
            for class_ in module.classes:
                self._classes.setdefault(class_.name, []).append((module, class_))

    def find_class(self, origin: str, importer: str = "") -> tuple[ModuleFacts, ClassFacts] | None:
        """The class that a dotted origin such as `app.models.Order` or `.models.Order` names, if a module here defines it.

        Modules are matched by the tail of their path; of several candidates the one that shares the longest path with
        `importer` is taken. A re-export (`from app import Order`) matches by the package's folder.
        """
        prefix, _, name = origin.rpartition(".")
        candidates = self._classes.get(name, ())
        if not candidates or not prefix:
            return None
        tail = prefix.lstrip(".").replace(".", "/")
        best: tuple[int, tuple[ModuleFacts, ClassFacts]] | None = None
        for module, class_ in candidates:
            path = module.path.replace("\\", "/").removesuffix(".py").removesuffix("/__init__")
            if tail and not (path == tail or path.endswith("/" + tail) or f"/{tail}/" in f"/{path}/"):
                continue
            score = _shared(path, importer.replace("\\", "/"))
            if best is None or score > best[0]:
                best = (score, (module, class_))
        return best[1] if best else None


def _shared(one: str, other: str) -> int:
    """How many leading folders two paths have in common."""
    count = 0
    for left, right in zip(one.split("/"), other.split("/"), strict=False):
        if left != right:
            break
        count += 1
    return count
