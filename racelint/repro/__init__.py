"""A finding becomes a pytest test that drives the function into the bad order: `racelint repro PATH:LINE`.

Nothing of the code is imported or run here. What cannot be guessed is marked in the test, which then fails until it is
filled in.
"""

from racelint.repro.write import Repro, write_repro

__all__ = ["Repro", "write_repro"]
