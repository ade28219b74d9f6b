"""Regular expressions that are compiled when they are first used: a start needs few of them, and each takes half a millisecond."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:

    def expression(pattern: str, flags: int = 0) -> re.Pattern[str]:
        """As `re.compile`; what is wrong with the pattern shows at the first use."""

else:

    class expression:
        """Compiles itself when anything is asked of it, and answers by the attributes of what comes out."""

        def __init__(self, pattern: str, flags: int = 0) -> None:
            self._given = pattern, flags

        def __getattr__(self, name: str) -> Any:
            if name.startswith("__"):
                raise AttributeError(name)
            value = getattr(re.compile(*self._given), name)
            setattr(self, name, value)  # the next time nothing stands in between
            return value
