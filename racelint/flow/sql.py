"""What a statement of SQL does: whom it reads or changes, by which conditions, and what the database itself makes atomic.

The text is parsed by sqlglot, which is imported when the first statement is met: most modules hold none.
"""

from __future__ import annotations

import re
from enum import Enum
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from racelint.expressions import expression
from racelint.frozen import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlglot import exp


class Effect(Enum):
    """What a statement does to its table, or to the transaction."""

    NONE = "none"
    """Nothing that matters, or nothing that is understood."""
    READ = "read"
    WRITE = "write"
    """Columns are set to values that the program computed."""
    UPDATE = "update"
    """Columns are set to what the database computes from their old values: `n = n + 1`."""
    CREATE = "create"
    DELETE = "delete"
    BEGIN = "begin"
    COMMIT = "commit"
    ROLLBACK = "rollback"
    LOCK = "lock"
    """Keeps others out until the transaction ends: a table lock, an advisory lock of a transaction."""
    HOLD = "hold"
    """Keeps others out until it is released, whatever becomes of transactions: an advisory lock of a session."""
    UNLOCK = "unlock"

    @property
    def changes(self) -> bool:
        return self in (Effect.WRITE, Effect.UPDATE, Effect.CREATE, Effect.DELETE)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement; names of tables and columns are in lower case."""

    effect: Effect = Effect.NONE
    table: str = ""
    """The table that is changed, or the first one that is read."""
    locking: bool = False
    """Locks the rows that it reads (`FOR UPDATE`), or opens a transaction that keeps writers out (`BEGIN IMMEDIATE`)."""
    skips: bool = False
    """Passes over rows that others have locked (`SKIP LOCKED`)."""
    conditional: bool = False
    """Does nothing if another was faster: `ON CONFLICT`, `OR IGNORE`, `WHERE id = … AND state = …`."""
    tested: frozenset[str] = frozenset()
    """Columns that the condition compares."""
    assigned: frozenset[str] = frozenset()
    """Columns that are set or inserted."""
    keys: frozenset[str] = frozenset()
    """Literals that the condition compares with."""
    sources: frozenset[str] = frozenset()
    """Tables that the changed rows are computed from within the statement: `INSERT … SELECT`, a subquery of `WHERE`."""
    counts: bool = False
    """Reads an aggregate, no rows."""
    picks: bool = False
    """Chooses the rows that it changes by a subquery of the same table, some of all that would do, that locks nothing."""
    constant: bool = False
    """Sets columns to what the statement itself says, whatever it is told."""
    columns: tuple[str, ...] = ()
    """What a query reads, in its order; nothing if it does not say."""
    flags: frozenset[str] = frozenset()
    """Columns that are set to a constant truth or to nothing: `default=True`, `owner=None`."""
    limited: bool = False
    """Reads some of the rows that would do: `LIMIT`."""
    told: tuple[str, ...] | None = None
    """Which of its parameters columns are set to, by their names or counted from 0; None if that is not known, or none are."""


NOTHING = Statement()

MOST = 20_000
"""Longer texts are scripts of a schema or of data; no unit of work is built on one."""

_SPOKEN = expression(
    r"\s*(?:--[^\n]*\n\s*|/\*.*?\*/\s*|\(\s*)*(with|select|insert|update|delete|replace|merge|begin|start|commit|end|rollback|lock|set|create)\b",
    re.IGNORECASE | re.DOTALL,
)
"""How a text that may be a statement begins; others need no parser."""

_LOCKED = expression(r"\s*lock\s+(?:tables?\s+)?(?:only\s+)?[\"`]?(\w+)", re.IGNORECASE)
"""A lock of a table, which sqlglot does not parse, or takes for a command that it does not know."""

_DRIVER_HOLES = expression(r"(?<!%)%(?:\(\w+\))?[sd]")
"""Placeholders of drivers of the `format` kind, which may stand for names, too, where the text is built by `%`."""

_FORMATTED = expression(r"\{[^{}]*\}")
"""Holes of f-strings and of `str.format`."""


@lru_cache(maxsize=4096)
def classify(text: str) -> Statement:
    """What the first statement of a text does."""
    if len(text) > MOST or _SPOKEN.match(text) is None:
        return NOTHING
    locked = _LOCKED.match(text)
    if locked is not None:
        return Statement(Effect.LOCK, locked[1].lower())
    tree = _tree(text)
    return _classified(tree) if tree is not None else NOTHING


# Parsing


def _tree(text: str) -> exp.Expr | None:
    """The parsed statement, in the first dialect that understands it; None if none does."""
    from sqlglot import exp

    holes: list[str] = []

    def number(match: re.Match[str]) -> str:
        if match[0] not in holes:
            holes.append(match[0])
        return f"{_HOLE}{holes.index(match[0])}"

    formatted = _FORMATTED.sub(number, _readable(text))
    for attempt in dict.fromkeys((formatted, _DRIVER_HOLES.sub(_HOLE, formatted).replace("%%", "%"))):
        for dialect in ("postgres", "sqlite", "mysql"):
            tree = _parsed(attempt, dialect)
            if tree is None or isinstance(tree, exp.Command):
                continue
            tables = list(tree.find_all(exp.Table))
            if any(not table.name or table.name == "?" for table in tables):
                continue  # a placeholder stands for the table
            for table in tables:
                if _HOLE in table.name:
                    table.set(
                        "this",
                        exp.to_identifier(_HOLES.sub(lambda hole: holes[int(hole[1])] if hole[1] else "", table.name)),
                    )
            return tree
    return None


_HOLE = "hole_"
"""What stands for a hole that Python fills."""
_HOLES = expression(rf"{_HOLE}(\d*)")
"""Holes in a name, of which they may be the whole or a part: `{prefix}_size`."""

_SHARED_WORDS = (
    (re.compile(r"^\s*replace\s+into\b", re.IGNORECASE), "insert or replace into"),
    (re.compile(r"\binsert\s+ignore\b", re.IGNORECASE), "insert or ignore"),
    (re.compile(r"^\s*start\s+transaction\b[^;]*", re.IGNORECASE), "begin"),
)


def _readable(text: str) -> str:
    """The text in words that all dialects share."""
    for words, shared in _SHARED_WORDS:
        text = words.sub(shared, text)
    return text


def _parsed(text: str, dialect: str) -> exp.Expr | None:
    sqlglot = _parser()
    try:
        trees = sqlglot.parse(text, read=dialect)
    except (sqlglot.ParseError, sqlglot.TokenError, RecursionError, ValueError):
        return None
    return next((tree for tree in trees if tree is not None), None)


@cache
def _parser():  # type: ignore[no-untyped-def]
    """sqlglot, quiet about what it does not know."""
    import logging

    import sqlglot

    logging.getLogger("sqlglot").setLevel(logging.CRITICAL)
    return sqlglot


# Meaning


def _classified(tree: exp.Expr) -> Statement:
    from sqlglot import exp

    inner = _changing_part(tree)
    if inner is not tree:
        return _classified(inner)
    if isinstance(tree, exp.Query):
        return _reading(tree)
    if isinstance(tree, exp.Insert):
        return _inserting(tree)
    if isinstance(tree, exp.Update):
        return _updating(tree)
    if isinstance(tree, exp.Delete):
        return _with_condition(Statement(Effect.DELETE, _table(tree), sources=_sources(tree)), tree)
    if isinstance(tree, exp.Merge):
        return Statement(Effect.WRITE, _table(tree), conditional=True, sources=_sources(tree))
    if isinstance(tree, exp.Transaction):
        return Statement(Effect.BEGIN, locking=str(tree.this or "").upper() in ("IMMEDIATE", "EXCLUSIVE"))
    if isinstance(tree, exp.Commit):
        return Statement(Effect.COMMIT)
    if isinstance(tree, exp.Rollback):
        return NOTHING if tree.args.get("savepoint") else Statement(Effect.ROLLBACK)
    return NOTHING


def _changing_part(tree: exp.Expr) -> exp.Expr:
    """The change that a query is made around: `WITH taken AS (DELETE … RETURNING *) SELECT * FROM taken`."""
    from sqlglot import exp

    if not isinstance(tree, exp.Query):
        return tree
    return next((part.this for part in tree.ctes if isinstance(part.this, exp.DML)), tree)


def _reading(tree: exp.Query) -> Statement:
    from sqlglot import exp

    functions = sorted(str(call.this).lower() for call in tree.find_all(exp.Anonymous))
    named = next((name for name in functions if ("advisory" in name and "lock" in name) or name in _NAMED), "")
    if named:
        effect = _lock(named)
        return Statement(effect, "" if effect is Effect.LOCK else named)
    locks = _locks(tree)
    chosen = tree.selects if isinstance(tree, exp.Select) else []
    if next(tree.find_all(exp.Table), None) is None:
        return NOTHING
    return Statement(
        Effect.READ,
        _table(tree),
        locking=bool(locks),
        skips=any(lock.args.get("wait") is False for lock in locks),
        tested=_tested(tree),
        keys=_literals(tree),
        limited=tree.args.get("limit") is not None,
        columns=_columns(chosen),
        counts=bool(chosen) and all(isinstance(one.unalias(), exp.AggFunc) for one in chosen),
    )


def _columns(chosen: list[exp.Expr]) -> tuple[str, ...]:
    """The names of columns that are read; none if all are, or any is no plain column."""
    from sqlglot import exp

    plain = all(isinstance(one, exp.Column) and not isinstance(one.this, exp.Star) for one in chosen)
    return tuple(one.name.lower() for one in chosen) if plain else ()


_NAMED = ("get_lock", "release_lock", "release_all_locks")
"""Functions of MySQL for locks that have a name."""


def _lock(function: str) -> Effect:
    """What a function for advisory locks does."""
    if "unlock" in function or "release" in function:
        return Effect.UNLOCK
    return Effect.LOCK if "xact" in function else Effect.HOLD


def _inserting(tree: exp.Insert) -> Statement:
    from sqlglot import exp

    conflict = tree.args.get("conflict")
    alternative = str(tree.args.get("alternative") or "").upper()
    target = tree.this
    columns = (
        frozenset(one.name.lower() for one in target.expressions) if isinstance(target, exp.Schema) else frozenset()
    )
    base = Statement(Effect.CREATE, _table(tree), assigned=columns, sources=_sources(tree))
    if alternative == "REPLACE":
        return replace(base, effect=Effect.WRITE)
    if conflict is None:
        return replace(base, conditional=alternative == "IGNORE" or base.table in base.sources)
    sets = [one for one in conflict.expressions if isinstance(one, exp.EQ)]
    if sets and not any(_is_relative(one) for one in sets):
        return replace(base, effect=Effect.WRITE)  # the last one wins
    return replace(base, effect=Effect.UPDATE if sets else Effect.CREATE, conditional=True)


def _updating(tree: exp.Update) -> Statement:
    from sqlglot import exp

    sets = [one for one in tree.expressions if isinstance(one, exp.EQ)]
    if not sets:
        return NOTHING
    statement = Statement(
        Effect.UPDATE if any(_is_relative(one) for one in sets) else Effect.WRITE,
        _table(tree),
        assigned=frozenset(one.this.name.lower() for one in sets),
        sources=_sources(tree),
        constant=not any(_is_told(one.expression) for one in sets),
        flags=frozenset(
            f"{one.this.name.lower()}={None if isinstance(one.expression, exp.Null) else one.expression.this}"
            for one in sets
            if isinstance(one.expression, (exp.Boolean, exp.Null))
        ),
        told=_told(tree, sets),
    )
    return _with_condition(statement, tree)


def _told(tree: exp.Update, sets: list[exp.EQ]) -> tuple[str, ...] | None:
    """The parameters on the right of the assignments, which come before all others unless they have names or numbers."""
    from sqlglot import exp

    every, setting = (
        [one for part in parts for one in part.find_all(exp.Placeholder, exp.Parameter)]
        for parts in ([tree], [one.expression for one in sets])
    )
    if _HOLE in tree.sql() or tree.args.get("with_") or tree.args.get("with"):
        return None
    named = {one.this is not None for one in every}
    if len(named) != 1 or not setting:
        return None
    if True not in named:
        return tuple(map(str, range(len(setting))))
    return tuple(str(int(one.name) - 1) if one.name.isdigit() else one.name for one in setting)


def _is_told(new: exp.Expr) -> bool:
    """Whether a value has holes that the program fills."""
    from sqlglot import exp

    return next(new.find_all(exp.Placeholder, exp.Parameter), None) is not None or _HOLE in new.sql()


def _is_relative(assignment: exp.EQ) -> bool:
    """Whether the column's new value is computed from its old one, by the database."""
    from sqlglot import exp

    name, new = assignment.this.name.lower(), assignment.expression
    return any(
        column.name.lower() == name and column.table.lower() != "excluded" for column in new.find_all(exp.Column)
    )


def _with_condition(statement: Statement, tree: exp.Expr) -> Statement:
    tested = _tested(tree)
    return replace(
        statement,
        tested=tested,
        keys=_literals(tree),
        conditional=len(tested) > 1,
        picks=statement.table in statement.sources and _is_limited(tree) and not _locks(tree) and _says_which(tree),
    )


def _says_which(tree: exp.Expr) -> bool:
    """Whether it matters which rows a change has chosen: it returns them, counts in them, or notes in them what it is handed.

    One that does none of it works off the table bit by bit: who does the same again leaves the same rows.
    """
    from sqlglot import exp

    if tree.args.get("returning") is not None or not isinstance(tree, exp.Update):
        return True
    return any(_is_told(one.expression) or _is_relative(one) for one in tree.expressions if isinstance(one, exp.EQ))


def _is_limited(tree: exp.Expr) -> bool:
    """Whether any query of the statement takes some of its rows only."""
    from sqlglot import exp

    return any(select.args.get("limit") is not None for select in tree.find_all(exp.Select))


def _locks(tree: exp.Expr) -> list[exp.Expr]:
    """The row locks that any query of the statement takes."""
    from sqlglot import exp

    return [lock for select in tree.find_all(exp.Select) for lock in select.args.get("locks") or ()]


def _comparisons(tree: exp.Expr) -> Iterator[exp.Expr]:
    """The comparisons of the statement's own condition."""
    from sqlglot import exp

    where = tree.args.get("where")
    if where is None:
        return
    for part in where.this.flatten() if isinstance(where.this, exp.And) else (where.this,):
        yield part.unnest()


def _tested(tree: exp.Expr) -> frozenset[str]:
    from sqlglot import exp

    return frozenset(
        column.name.lower()
        for part in _comparisons(tree)
        if not (isinstance(part, exp.EQ) and isinstance(part.expression, exp.Column) and part.expression.table)
        for column in part.find_all(exp.Column)
        if not column.name.startswith(_HOLE)
        and column.find_ancestor(exp.Select, exp.Update, exp.Delete, exp.Insert) is tree
    )


def _literals(tree: exp.Expr) -> frozenset[str]:
    from sqlglot import exp

    return frozenset(
        part.expression.sql().lower()
        for part in _comparisons(tree)
        if isinstance(part, exp.EQ) and isinstance(part.expression, exp.Literal)
    )


def _table(tree: exp.Expr) -> str:
    from sqlglot import exp

    own = {part.alias.lower() for part in tree.ctes} if isinstance(tree, exp.Query) else set()
    target = tree.this if isinstance(tree, exp.DML) else tree.args.get("from_") or tree.args.get("from")
    tables = (target or tree).find_all(exp.Table)
    names = [table.name.lower() for table in tables]
    name = next((name for name in names if name not in own), "")
    if not name and own:
        name = next((table.name.lower() for table in tree.find_all(exp.Table) if table.name.lower() not in own), "")
    return name


def _sources(tree: exp.Expr) -> frozenset[str]:
    """The tables of all queries within a change."""
    from sqlglot import exp

    return frozenset(table.name.lower() for select in tree.find_all(exp.Select) for table in select.find_all(exp.Table))
