"""A file cannot be read or parsed, so nothing is known about it.

The rest of the run goes on. The exit status is 2 only if the path was named on the command line and could not be read.

## Example
    def broken(:
        pass

## Use instead
    def mended():
        pass
"""

from racelint.rule import Rule

RULE = Rule(code="RL900", name="unreadable-file", worlds=(), harm="not analysed", doc=__doc__, needs=())
