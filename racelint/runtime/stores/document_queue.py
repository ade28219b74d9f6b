"""Queues for stores that have nothing of their own for them: one document for each queue, changed by compare-and-set."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar
from uuid import uuid4

from racelint.runtime.stores.base import Store, Taken

Items = list[dict[str, Any]]
T = TypeVar("T")


class DocumentQueue(Store):
    """Good for some thousand items: each call loads and saves the whole queue."""

    def put(self, queue: str, value: Any) -> None:
        item = {"id": uuid4().hex, "token": "", "value": value, "tries": 0, "due": 0.0}
        self._change(queue, lambda items: items.append(item))

    def take(self, queue: str, seconds: float) -> "Taken | None":
        def first_free(items: Items) -> "Taken | None":
            now = time.time()
            for item in items:
                if item["due"] <= now:
                    item.update(token=uuid4().hex, tries=item["tries"] + 1, due=now + seconds)
                    return Taken(item["id"], item["token"], item["value"], item["tries"])
            return None

        return self._change(queue, first_free)

    def finish(self, queue: str, taken: Taken) -> bool:
        def remove(items: Items) -> bool:
            kept = [item for item in items if item["token"] != taken.token]
            found = len(kept) < len(items)
            items[:] = kept
            return found

        return self._change(queue, remove)

    def retime(self, queue: str, taken: Taken, seconds: float) -> bool:
        def change(items: Items) -> bool:
            mine = [item for item in items if item["token"] == taken.token]
            for item in mine:
                item["due"] = time.time() + seconds
            return bool(mine)

        return self._change(queue, change)

    def _change(self, queue: str, change: Callable[[Items], T]) -> T:
        """Change the items of a queue and return what `change` says; nothing is saved if that is None or False."""
        from racelint.runtime.update import Unchanged, update_atomic_sync

        answer: list[T] = []

        def apply(items: Items) -> Items:
            before = list(map(dict, items))
            answer[:] = [change(items)]
            if items == before:
                raise Unchanged
            return items

        with suppress(Unchanged):
            update_atomic_sync(self, f"\0queue {queue}", apply, default=list, retries=1_000)
        return answer[0]
