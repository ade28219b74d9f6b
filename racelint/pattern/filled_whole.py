"""Missing files that are put in place whole, so that it does not matter which of several writers is last."""

from __future__ import annotations

from racelint.events import Access
from racelint.expressions import expression
from racelint.paths import CACHED, CONFIGURED, ENSURED, is_own, shared_word
from racelint.pattern.files import put_there
from racelint.pattern.unit import Unit


def filled_whole(unit: Unit, act: Access) -> bool:
    """Whether a file of the writer's own takes the place of one that all writers fill alike: a cache's, or one named by a digest."""
    path, name = act.resource.path, act.resource.name
    return (
        put_there(act)
        and is_own(act.value.text)
        and (_DIGEST.search(path) is not None or bool(shared_word(path, name, only=CACHED)))
        and not shared_word(path, name, only=CONFIGURED | ENSURED)
        and unit.safe(act, because=lambda: "the file is put in place whole, and all who do so write the same")
    )


_DIGEST = expression(r"(?i)digest|\bsha_?(1|224|256|384|512)|\bmd5|\bblake2|checksum|content_?hash")
"""What names a file by its content, or by all that it is made of."""
