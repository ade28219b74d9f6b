"""Why two units of work do, or cannot, run at once.

Every unit is reached from *roots*: a spawn, a handler, a public method. Two units interleave if different roots reach them,
or one root that runs many times at once. The strength of the strongest such root becomes the confidence of a finding.
"""

from racelint.evidence.data import Evidence, Root
from racelint.evidence.outside import Outside
from racelint.evidence.overlap import Concurrency
from racelint.evidence.unlikely import runs_alone

__all__ = ["Concurrency", "Evidence", "Outside", "Root", "runs_alone"]
