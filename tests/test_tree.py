"""Trees that are made from `ast`: in all that flows ask for they are those that libcst parses."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import libcst as cst
import pytest

from racelint.analyse import collect
from racelint.flow.making import nodes_of
from racelint.flow.summaries import Definition, source_of
from racelint.flow.tree import made
from racelint.source import Source

FIXTURES = sorted((Path(__file__).parent / "fixtures").glob("*/*/*.py"))


def check(definition: Definition) -> None:
    """Same nodes, same names, same source, same places."""
    exact = definition.exact
    ours, theirs = nodes_of(definition.node), nodes_of(exact.node)
    assert [type(node) for node in ours] == [type(node) for node in theirs]
    for one, other in zip(ours, theirs, strict=True):
        for field in ("value", "star", "start", "end"):
            told = getattr(other, field, None)
            if isinstance(told, str):
                assert getattr(one, field) == told
        if isinstance(one, (cst.BaseExpression, cst.BaseSmallStatement)):
            assert definition.span(definition.number(one)) == exact.span(exact.number(other))
        if isinstance(one, cst.BaseExpression) and "#" not in source_of(other):
            assert source_of(one) == source_of(other)


def definitions(text: str) -> list[Definition]:
    """All functions of a module."""
    source = Source("m.py", text)
    return [Definition(facts, source.lines) for facts in collect(source).functions if facts.name != "<lambda>"]


@pytest.mark.parametrize("path", FIXTURES[::40], ids=lambda path: "/".join(path.parts[-3:]))
def test_what_is_made_is_what_libcst_parses(path: Path) -> None:
    """Over fixtures of all rules."""
    for definition in definitions(path.read_text()):
        check(definition)


BODIES = [
    "return (a or b) and not (c or (d)) or e",
    "return a or (b) or (c and d) or e",
    "f((a or b)); g((yield)); h(x for x in y); k((x for x in y))",
    "f(a, *b, c=1, *d, **e)",
    "f(a=1, *b, **c)",
    "x = ('a' 'b'  # told\n         f'{c}' r'\\d' '' if d else u'e')",
    "x = 'a' f'{b!r:>{width}} {{c}} {d.e}' f'''{\n a}''' r'\\x', rb'\\x'",
    "x[a], x[a, b], x[(a, b)], x[(a), b], x[(a, b),], x[a:b, ::c], x[(a):], x[()]",
    "x = a if (b) else (c); del x, y; del (z)",
    "x = lambda *a, b=1, **c: (a, b)",
    "x: int = 1; y: 'T'; self.z: list[int]",
    "x = {**a, 'b': c}, {*d, 1}, [*e], (f, *g), {h: i for h, i in j if k if l}, {m async for m in n}",
    "x = 'ä' + y['ö'](z); w = 1_0, .5, 2j, ..., None, True, -1, ~a, +b",
    "if a: b; c\n    elif d: e\n    else:\n        if f: pass",
    "while (a := b): break\n    else: continue",
    "async with a as b, (c): pass\n    async for d in e: pass\n    else: pass",
    "try: raise A from b\n    except (C, D) as e: raise\n    except F: assert g, h\n    else: pass\n    finally: pass",
    "global a, b; from . import c; from ..d.e import f as g, h; import i.j as k, l",
    "@a.b(c)\n    async def inner(x, /, y: int = 1, *, z=2) -> str: nonlocal d; return await x\n    class C(B, m=1): e = 1",
    "a = b = c; a += 1; a @= b; a **= c; x < y <= z != 1 is not None not in d in e",
    "return a @ b % c << d >> e & f | g ^ h // i ** j / k - l",
    "return [\n        (  # first\n            a\n        ) or b,\n        c\n        if d\n        else e,\n    ]",
    "return \\\n        a \\\n        or b",
]


@pytest.mark.parametrize("body", BODIES)
def test_any_syntax_is_made_alike(body: str) -> None:
    """In a function and, deeper, in a method."""
    text = f"async def f(self, a=(1), *args, b: int, **kwargs):\n    {body}\n"
    indented = "class K:\n" + "".join(f"    {line}\n" for line in text.splitlines())
    for one in (text, indented):
        (definition, *_) = definitions(one)
        assert definition.module is None
        check(definition)


@pytest.mark.parametrize(
    "body",
    [
        "match x:\n        case 1: pass",
        "x = " + " ".join(["'a'"] * 200),
        "x = [  # told\n        a or b  # or not\n        or c\n    ]",
    ],
)
def test_what_is_rare_is_left_to_libcst(body: str) -> None:
    """The definition is there all the same."""
    (definition,) = definitions(f"def f(self):\n    {body}\n")
    assert definition.module is not None
    assert definition.exact is definition


def test_a_definition_of_a_newer_python_is_none_of_ours() -> None:
    """What cannot be parsed is not made."""
    assert made(dedent("def f(:\n    pass\n")) is None
