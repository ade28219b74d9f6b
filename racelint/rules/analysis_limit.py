"""A function is too large or too deep to be analysed whole, so races in it can be missed.

Up to 3,000 steps of a function, those of its helpers included, are followed, and what libcst cannot read is left out. It is mostly
generated code that goes beyond; the rest of the file is analysed all the same. Split the function, or ignore this at its line.

## Example
    def generated(x):
        ...  # thousands of branches

## Use instead
    def generated(x):
        return TABLE[x]
"""

from racelint.rule import Rule

RULE = Rule(code="RL902", name="analysis-limit", worlds=(), harm="not analysed", doc=__doc__, needs=())
