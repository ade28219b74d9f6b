"""Two calls in every order that matters: what the tests of `racelint repro` run on.

    from racelint.testing import check_tasks, check_threads

`first` is stopped at one place after the other, and each time `second` runs from beginning to end in between. Whatever the
place, the outcome (results, errors, and the state that can be seen) must be one that the two calls also have when they run
one after the other. So an expected value need not be known, and the same test is right before and after the repair.

The standard library is all that is needed, and nothing of the linter is imported.
"""

from racelint.testing.orders import RaceFound, Unfinished
from racelint.testing.stand_in import StandIn
from racelint.testing.tasks import check_tasks
from racelint.testing.threads import check_threads

__all__ = ["RaceFound", "StandIn", "Unfinished", "check_tasks", "check_threads"]
