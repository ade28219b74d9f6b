"""The nodes that a flow is walked over. Their names and parts are those of libcst, which repairs work with.

libcst takes several times as long to make its nodes, as it keeps every blank, and 0.2 s to be imported. These are made of the
nodes of `ast` (`reading.py`), and know where they stand and what is written there (`text.py`).
"""

from racelint.flow.tree.expressions import *  # noqa: F403
from racelint.flow.tree.node import *  # noqa: F403
from racelint.flow.tree.statements import *  # noqa: F403
