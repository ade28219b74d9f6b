"""A row is loaded, something slow is waited for, and the whole row is saved back.

`save()` writes every column. What another request has saved in the meantime, also in columns that this function does not touch,
is overwritten with the values that were loaded before the wait.

## Example
    import requests
    from django.db import models

    class Shop(models.Model):
        url = models.URLField()
        title = models.CharField(max_length=100)

    def refresh_title(request, pk):
        shop = Shop.objects.get(pk=pk)
        answer = requests.get(shop.url, timeout=10)
        shop.title = answer.text
        shop.save()

## Use instead
    import requests
    from django.db import models

    class Shop(models.Model):
        url = models.URLField()
        title = models.CharField(max_length=100)

    def refresh_title(request, pk):
        shop = Shop.objects.get(pk=pk)
        answer = requests.get(shop.url, timeout=10)
        shop.title = answer.text
        shop.save(update_fields=["title"])

## Missed alarms
Slow calls that no model of a library names, and mappers that write only what was changed.
"""

from collections.abc import Iterable

from racelint.finding import Finding, Fix, Role, World
from racelint.need import Need
from racelint.pattern.columns_alone import columns_overwritten
from racelint.pattern.module import Module
from racelint.pattern.rows import row_evidence, whole_saves
from racelint.rule import Rule


def find(module: Module) -> Iterable[Finding]:
    """All columns of a row are saved after a slow call, or though others count one of them, with no lock on the row."""
    for unit in module.units:
        slow = {write.id for _, _, write in whole_saves(unit)}
        for lost in columns_overwritten(unit):
            if lost.write.id in slow:
                continue
            name = lost.write.resource.name
            yield module.finding(
                RULE,
                unit,
                lost.write,
                ((Role.READ, lost.read), (Role.WRITE, lost.write)),
                f"`{name}` is loaded on line {module.line(lost.read)} and all its columns are saved here, `{lost.column}` with its old "
                f"value; {lost.by} counts that column by a statement of its own, and what it counts in between is lost",
                lost.evidence,
                World.PROCESSES,
                name,
                Fix("save only what was changed (`update_fields`)"),
            )
        for read, wait, write in whole_saves(unit):
            name = unit.flow.rows[write.value.row or 0].name
            yield module.finding(
                RULE,
                unit,
                write,
                ((Role.READ, read), (Role.SWITCH, wait), (Role.WRITE, write)),
                f"`{name}` is loaded on line {module.line(read)}, line {module.line(wait)} takes its time, and all columns of "
                f"`{name}` are saved here; what others save meanwhile is overwritten with old values",
                row_evidence(unit, write),
                World.PROCESSES,
                name,
                Fix("save only what was changed (`update_fields`), or load the row again after the slow call"),
            )


RULE = Rule(
    "RL106",
    "stale-row-save",
    (World.PROCESSES,),
    "old values written back",
    __doc__,
    find,
    needs=(Need.SLOW_SAVE, Need.WHOLE_SAVE),
)
