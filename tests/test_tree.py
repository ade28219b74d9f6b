"""The nodes that flows are walked over stand where libcst says, and have its sources."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import libcst as cst
import pytest
from libcst.metadata import MetadataWrapper, PositionProvider

from racelint.edits.definition import source_of as source_of_libcst
from racelint.flow import tree
from racelint.flow.summaries import source_of
from racelint.flow.tree.reading import read_function
from racelint.source import split_lines

KINDS = (
    "Attribute Call Subscript Await BinaryOperation UnaryOperation BooleanOperation Comparison ComparisonTarget IfExp NamedExpr "
    "Tuple List Set Dict ListComp SetComp GeneratorExp DictComp Lambda Yield Integer Float SimpleString ConcatenatedString "
    "FormattedString Expr Assign AnnAssign AugAssign Del Return Raise Assert"
).split()
"""What events stand at; names are compared as the parts of these."""

Found = Counter[tuple[str, tuple[int, int, int, int], str]]


def of_libcst(text: str) -> Found:
    """Kinds, places and sources, as libcst has them."""
    wrapper = MetadataWrapper(cst.parse_module(text), unsafe_skip_copy=True)
    found: Found = Counter()
    in_literals: set[cst.CSTNode] = set()
    for node, place in wrapper.resolve(PositionProvider).items():
        if isinstance(node, cst.ConcatenatedString):
            in_literals |= {node.left, node.right}
        if type(node).__name__ in KINDS:
            where = (place.start.line, place.start.column, place.end.line, place.end.column)
            found[type(node).__name__, where, source(node, source_of_libcst(node))] += 1
    return found


def source(node: object, text: str) -> str:
    """The source of an expression; statements are told by their places."""
    return text if isinstance(node, (cst.BaseExpression, tree.BaseExpression)) else ""


def of_ours(text: str) -> Found:
    """The same of our nodes."""
    function = read_function(split_lines(text))
    assert function is not None
    found: Found = Counter()
    todo: list[tree.CSTNode] = [function]
    while todo:
        node = todo.pop()
        todo += node.children
        if type(node).__name__ in KINDS and node.at is not None and node.text is not None:
            found[type(node).__name__, node.text.place(node.at), source(node, source_of(node))] += 1
    return found


LITERALS = {"SimpleString", "FormattedString", "ConcatenatedString"}


def without_neighbours(found: Found) -> Found:
    """Neighbouring literals have one place with us and several with libcst, which nests them, too."""
    places = [entry[1] for entry in found if entry[0] == "ConcatenatedString"]

    def inside(place: tuple[int, int, int, int]) -> bool:
        return any(whole[:2] <= place[:2] and place[2:] <= whole[2:] for whole in places)

    return Counter({entry: n for entry, n in found.items() if entry[0] not in LITERALS or not inside(entry[1])})


BODY = """
def f(a, b=(1), *c, d: int = -1, **e):
    x = (a  in  (b)) or f( (y) for y in z )
    with (open(x)) as (g): pass
    z[(1,2), 3] = foo[(a),(b)], foo[(a), ], foo[1:2, ::3], foo[()], foo[((a), b)]
    y = ( 1, 2 , )
    w = (
        1,
        (2),
    )
    p: int = (a and (b or c) and not d)
    p += ((yield), [(yield from a)])
    return (lambda q, *r: (q)) (1)if a  <  b  <= (c) else {**a, 'k': (v), 'l': 0x10}
def unused(): pass
"""
CASES = [
    BODY,
    "def f():\n    'ä' in ä[\"ö\"] and 'é' == g('ü')  # ß\n    return {1_000, 1.50, .5, 1e3, 2j}, ..., b'x' rb'y', '''a'b'''\n",
    "async def f(self):\n    async with a, (b): await (self.x)\n    return [await (c) async for c in (d) if (c) if e], (\n  a or b)\n",
    "def f():\n    return f'{a}{a.b}{a.b!r:>{w.x}} {{}} {c[\"d\"]  }' , f'''{\n  g(h)  :x}\n{i(  j ) = }''', rf'\\{k.l}', f'{m!=n.o}'\n",
    "def f():\n    g('a' 'b', f\"{c}\"\n      'd')\n    raise (E) from (e)\n    assert (a), (b)\n    del (c.d), e[0]\n",
    "def f():\n    if a: pass\n    elif (b := c.d): x = 1; y = 2\n    else:\n        if c.e: pass\n    return f(a=1, *b, **(c)), ((a)), ((a), (b)), (((a), b)), g((h for h in i)), g((j), k=(l))\n",
]


@pytest.mark.parametrize("text", CASES, ids=range(len(CASES)))
def test_places_and_sources_are_those_of_libcst(text: str) -> None:
    """Parentheses do not belong to the place and do belong to the source."""
    ours, theirs = (
        without_neighbours(of_ours(text.partition("def unused")[0])),
        without_neighbours(of_libcst(text.partition("def unused")[0])),
    )
    assert ours == theirs, f"only ours: {ours - theirs}\nonly libcst's: {theirs - ours}"


@pytest.mark.parametrize("path", sorted((Path(__file__).parent / "fixtures").glob("*/*/bad.py"))[::7], ids=str)
def test_fixtures_have_the_same_places(path: Path) -> None:
    """For each function at the top of a file."""
    for statement in cst.parse_module(path.read_text(encoding="utf-8")).body:
        if isinstance(statement, cst.FunctionDef):
            text = cst.Module([statement.with_changes(leading_lines=())]).code
            ours, theirs = without_neighbours(of_ours(text)), without_neighbours(of_libcst(text))
            assert ours == theirs, f"only ours: {ours - theirs}\nonly libcst's: {theirs - ours}"
