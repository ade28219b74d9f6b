"""What is nominated: nothing that holds a finding is left out."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from racelint import analyse
from racelint.config import Config
from racelint.evidence import Concurrency
from racelint.finding import Confidence
from racelint.need import Need, Nominee
from racelint.nominate import HOLDS
from racelint.resolve import Scope
from racelint.rules import RULES
from racelint.run import lint_paths
from racelint.source import Source

ROOT = Path(__file__).parent.parent


def everything(scope: Scope, concurrency: Concurrency, needs: Iterable[Need], least: Confidence) -> list[Nominee]:
    """All definitions of a module, nominated or not, for all rules."""
    ordered = sorted(scope.facts.functions, key=lambda function: (function.line, function.qualname))
    return [Nominee(function, frozenset(Need)) for function in ordered]


def found(directory: str, least: Confidence) -> list[str]:
    """All findings below a directory."""
    return [str(one) for one in lint_paths([ROOT / directory], Config(jobs=1, min_confidence=least)).findings]


@pytest.mark.parametrize("directory", ["tests/fixtures", "examples"])
def test_nomination_loses_no_finding(directory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same is found when every definition is walked; `benchmarks/speed.py --complete` asks the same of other trees."""
    nominated = {least: found(directory, least) for least in (Confidence.LOW, Confidence.MEDIUM)}
    monkeypatch.setattr("racelint.nominate.nominate", everything)
    report = lint_paths([ROOT / directory], Config(jobs=1, min_confidence=Confidence.LOW))
    assert report.findings
    for least, findings in nominated.items():
        # What is walked needs no second run for a higher confidence, of which findings are only left out.
        complete = [str(one) for one in report.findings if one.confidence.rank >= least.rank]
        assert findings == complete


def test_every_need_is_asked_for() -> None:
    """Each need has its question, and no question is without a need."""
    assert set(HOLDS) == set(Need)


LEFT_TO_ONE = """
import asyncio


class Feed:
    def __init__(self, link):
        self.link = link
        self.unread = 0

    async def take(self):
        before = self.unread
        item = await self.link.take()
        self.unread = before + 1
        return item

    async def take_text(self):
        item = await self.take()
        return item.text

    async def take_two(self):
        return await self.take(), await self.take()


async def serve(feed):
    await asyncio.gather(feed.take(), feed.take_text(), feed.take_two())
"""


def test_what_is_left_to_one_call_is_looked_at_where_it_is_done() -> None:
    """Who only hands on what one method does is not parsed; who calls it twice is, as the two may belong together."""
    facts = analyse.collect(Source("feed.py", LEFT_TO_ONE))
    found = analyse.nominated(
        facts, analyse.build_index([facts]), [one for one in RULES if one.code == "RL102"], least=Confidence.MEDIUM
    )
    assert found is not None
    names = [nominee.facts.qualname for nominee in found.definitions]
    assert names == ["Feed.take", "Feed.take_two"]


SPENT = """
from contextlib import contextmanager

from django.db import connection, transaction

from desk.rows import Ticket


def spend_with_cursor(ticket):
    ticket.left = ticket.left - 1
    with connection.cursor() as cursor:
        cursor.fetchone()


def spend_in_transaction(ticket):
    ticket.left = ticket.left - 1
    with transaction.atomic():
        ticket.touch()


def gather_options(options, more):
    options["open"] = Ticket.objects.filter(state="open").count()
    options.update(more)
    options.update({"state": "closed"})


def close_all(tickets):
    Ticket.objects.filter(state="open").update(state="closed")
    tickets.update(left=0)
"""

OWN_CURSOR = """
@contextmanager
def cursor():
    yield
"""


def walked(text: str, code: str) -> list[str]:
    """The definitions of a text that are nominated for a rule."""
    facts = analyse.collect(Source("desk.py", text))
    found = analyse.nominated(facts, analyse.build_index([facts]), [one for one in RULES if one.code == code])
    return [nominee.facts.name for nominee in found.definitions] if found is not None else []


def test_what_changes_no_store_is_not_walked() -> None:
    """Neither a cursor that is closed nor a dictionary that is updated changes rows, unless the project's own cursor may commit."""
    assert walked(SPENT, "RL105") == walked(SPENT, "RL201") == ["spend_in_transaction", "close_all"]
    assert walked(SPENT + OWN_CURSOR, "RL105") == ["spend_with_cursor", "spend_in_transaction", "close_all"]
