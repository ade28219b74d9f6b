"""What statements of SQL do, as far as their text tells."""

from __future__ import annotations

import subprocess
import sys

import pytest

from racelint.flow.sql import Effect, Statement, classify


def words(*names: str) -> frozenset[str]:
    """Names as a statement has them."""
    return frozenset(names)


STATEMENTS = {
    "SELECT a FROM t WHERE id = :id": Statement(Effect.READ, "t", tested=words("id"), columns=("a",)),
    "SELECT a, t.b FROM t WHERE id = %(id)s FOR UPDATE": Statement(
        Effect.READ, "t", locking=True, tested=words("id"), columns=("a", "b")
    ),
    "SELECT a FROM t WHERE state = $1 ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED": Statement(
        Effect.READ, "t", locking=True, skips=True, tested=words("state"), limited=True, columns=("a",)
    ),
    "select count(*) from t where owner = ?": Statement(Effect.READ, "t", tested=words("owner"), counts=True),
    "SELECT pg_advisory_xact_lock(%s)": Statement(Effect.LOCK),
    "SELECT pg_try_advisory_lock(%s)": Statement(Effect.HOLD, "pg_try_advisory_lock"),
    "SELECT pg_advisory_unlock(%s)": Statement(Effect.UNLOCK, "pg_advisory_unlock"),
    "UPDATE cards SET main = false WHERE owner = 7": Statement(
        Effect.WRITE,
        "cards",
        tested=words("owner"),
        assigned=words("main"),
        keys=words("7"),
        constant=True,
        flags=frozenset({"main=False"}),
    ),
    "SELECT GET_LOCK('jobs', 5)": Statement(Effect.HOLD, "get_lock"),
    "LOCK TABLE t IN EXCLUSIVE MODE": Statement(Effect.LOCK, "t"),
    "UPDATE t SET n = %s WHERE id = 5": Statement(
        Effect.WRITE, "t", tested=words("id"), assigned=words("n"), keys=words("5"), told=("0",)
    ),
    "UPDATE t SET b = $3, a = $1 WHERE id = $2": Statement(
        Effect.WRITE, "t", tested=words("id"), assigned=words("a", "b"), told=("2", "0")
    ),
    "UPDATE t SET a = :new WHERE a = :old": Statement(
        Effect.WRITE, "t", tested=words("a"), assigned=words("a"), told=("new",)
    ),
    "UPDATE t SET n = n + 1 WHERE id = ?": Statement(
        Effect.UPDATE, "t", tested=words("id"), assigned=words("n"), constant=True
    ),
    "UPDATE t SET state = 'on' WHERE id = %s AND state = 'off'": Statement(
        Effect.WRITE,
        "t",
        conditional=True,
        tested=words("id", "state"),
        assigned=words("state"),
        keys=words("'off'"),
        constant=True,
    ),
    "UPDATE t SET state = 1 WHERE id = (SELECT id FROM t WHERE state = 0 LIMIT 1)": Statement(
        Effect.WRITE, "t", tested=words("id"), assigned=words("state"), sources=words("t"), constant=True
    ),
    "UPDATE t SET state = 1 WHERE id = (SELECT id FROM t WHERE state = 0 LIMIT 1) RETURNING id": Statement(
        Effect.WRITE, "t", tested=words("id"), assigned=words("state"), sources=words("t"), picks=True, constant=True
    ),
    "UPDATE t SET state = 1 WHERE id = (SELECT id FROM t WHERE state = 0 LIMIT 1 FOR UPDATE SKIP LOCKED)": Statement(
        Effect.WRITE, "t", tested=words("id"), assigned=words("state"), sources=words("t"), constant=True
    ),
    "INSERT INTO t (a, b) VALUES (%s, %s)": Statement(Effect.CREATE, "t", assigned=words("a", "b")),
    "INSERT INTO t (a) SELECT b FROM u": Statement(Effect.CREATE, "t", assigned=words("a"), sources=words("u")),
    "INSERT OR IGNORE INTO t VALUES (?)": Statement(Effect.CREATE, "t", conditional=True),
    "INSERT IGNORE INTO t VALUES (%s)": Statement(Effect.CREATE, "t", conditional=True),
    "REPLACE INTO t VALUES (?)": Statement(Effect.WRITE, "t"),
    "INSERT INTO t (n) VALUES (1) ON CONFLICT (id) DO NOTHING": Statement(
        Effect.CREATE, "t", conditional=True, assigned=words("n")
    ),
    "INSERT INTO t (n) VALUES (1) ON CONFLICT (id) DO UPDATE SET n = t.n + 1": Statement(
        Effect.UPDATE, "t", conditional=True, assigned=words("n")
    ),
    "INSERT INTO t (n) VALUES (1) ON CONFLICT (id) DO UPDATE SET n = EXCLUDED.n": Statement(
        Effect.WRITE, "t", assigned=words("n")
    ),
    "DELETE FROM t WHERE id = %s": Statement(Effect.DELETE, "t", tested=words("id")),
    "WITH gone AS (DELETE FROM t WHERE id = 1 RETURNING *) SELECT * FROM gone": Statement(
        Effect.DELETE, "t", tested=words("id"), keys=words("1")
    ),
    "BEGIN IMMEDIATE": Statement(Effect.BEGIN, locking=True),
    "START TRANSACTION": Statement(Effect.BEGIN),
    "COMMIT": Statement(Effect.COMMIT),
    "ROLLBACK": Statement(Effect.ROLLBACK),
    "ROLLBACK TO SAVEPOINT one": Statement(),
    "SELECT * FROM {self.table} WHERE x = {x!r}": Statement(Effect.READ, "{self.table}", tested=words("x")),
    "SELECT * FROM {self.prefix}_size WHERE x = ?": Statement(Effect.READ, "{self.prefix}_size", tested=words("x")),
    "DELETE FROM app_{name}_{kind}": Statement(Effect.DELETE, "app_{name}_{kind}"),
    "SELECT * FROM %s_size WHERE x = %%s": Statement(Effect.READ, "_size", tested=words("x")),
    "SELECT * FROM %s WHERE x = %%s": Statement(Effect.READ, "", tested=words("x")),
    "CREATE TABLE t (a int)": Statement(),
    "select one": Statement(),
    "update your settings": Statement(),
    "with the words": Statement(),
    "": Statement(),
}


@pytest.mark.parametrize("text", STATEMENTS)
def test_a_statement_is_understood(text: str) -> None:
    """Verb, table, columns, and what the database makes atomic."""
    assert classify(text) == STATEMENTS[text]


@pytest.mark.parametrize("text", ["SELECT " + "(" * 5000, "SELECT 'open", "UPDATE t SET", "x" * 100_000, "SELECT \x00"])
def test_what_is_no_statement_is_nothing(text: str) -> None:
    """Neither an error nor a guess."""
    assert classify(text) == Statement()


def test_the_parser_is_imported_for_the_first_statement_only() -> None:
    """Code without SQL does not wait for it."""
    code = (
        "import sys, racelint; from racelint import lint_source\n"
        "lint_source('import redis\\ndef f(r: redis.Redis):\\n    r.set(1, r.get(1) + 1)\\n')\n"
        "assert 'libcst' in sys.modules and 'sqlglot' not in sys.modules\n"
        'lint_source(\'import sqlite3\\ndef f(c, n):\\n    c.execute("SELECT n FROM t")\\n    c.execute("UPDATE t SET n = ?", (n,))\\n\')\n'
        "assert 'sqlglot' in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
