"""A suppression comment silences nothing.

It hides the next real race at that place. Take it out.

## Example
    total = 1  # racelint: ignore[RL102] counted elsewhere

## Use instead
    total = 1
"""

from racelint.rule import Rule

RULE = Rule(code="RL901", name="unused-suppression", worlds=(), harm="hidden findings", doc=__doc__, needs=())
