"""A store in a DynamoDB table. Documents are saved by `UpdateItem` under a condition on their version.

Tested against moto's server; DynamoDB itself has not been asked.
"""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import uuid4

from racelint.runtime.stores.base import Versioned, tail
from racelint.runtime.stores.document_queue import DocumentQueue
from racelint.runtime.stores.drivers import driver
from racelint.runtime.stores.text import decode, encode, first_version, name_of

LARGEST = 350_000
"""Bytes of a segment of a log; an item may have 400 KB."""
TRIM_EVERY = 8
"""Segments; looking for what can be dropped costs a query."""


class DynamoDBStore(DocumentQueue):
    """`client` is `boto3.client("dynamodb")`, or the URL of an endpoint, for which the rest is taken from the environment.

    In the table, `k` is the name of a key, and `n` is 0 for its document, and 1, 2, 3 … for the segments of its log, one for
    each append. What is appended at once is stored all or not at all up to 350 KB. A queue is a document of at most 400 KB.
    """

    def __init__(self, client: Any, *, table: str = "racelint") -> None:
        self._url = client if isinstance(client, str) else None
        self._table = table
        self._client: Any = client
        super().__init__()

    def renew(self) -> None:
        super().renew()
        if self._url is not None:  # sockets of the parent are not for a child
            self._client = driver("boto3", "dynamodb").client("dynamodb", endpoint_url=self._url)

    def close(self) -> None:
        super().close()
        if self._url is not None:
            self._client.close()
            self.renew()

    def create_table(self) -> None:
        """Make the table, billed by request, if it is not there, and return when it can be used."""
        keys = [("k", "S", "HASH"), ("n", "N", "RANGE")]
        if not self._refused(
            "ResourceInUseException",
            self._client.create_table,
            TableName=self._table,
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": kind} for name, kind, _ in keys],
            KeySchema=[{"AttributeName": name, "KeyType": role} for name, _, role in keys],
            BillingMode="PAY_PER_REQUEST",
        ):
            self._client.get_waiter("table_exists").wait(TableName=self._table, WaiterConfig={"Delay": 1})

    @staticmethod
    def _refused(code: str, call: Any, **arguments: Any) -> bool:
        """Whether a call fails with this error; others are raised."""
        try:
            call(**arguments)
        except Exception as error:
            response = getattr(error, "response", {})
            if response.get("Error", {}).get("Code") == code:
                return True
            raise
        return False

    def _place(self, key: str, number: int) -> dict[str, Any]:
        return {"k": {"S": name_of(key)}, "n": {"N": str(number)}}

    def _item(self, key: str, number: int) -> dict[str, Any]:
        place = self._place(key, number)
        item: dict[str, Any] = self._client.get_item(TableName=self._table, Key=place, ConsistentRead=True).get(
            "Item", {}
        )
        return item

    # --- documents

    def load(self, key: str) -> "Versioned | None":
        item = self._item(key, 0)
        return Versioned(decode(item["value"]["S"]), int(item["version"]["N"])) if item else None

    def save(self, key: str, value: Any, expected: "int | None") -> "int | None":
        version, writer = first_version() if expected is None else expected + 1, uuid4().hex
        values = {":value": {"S": encode(value)}, ":version": {"N": str(version)}, ":writer": {"S": writer}}
        if expected is not None:
            values[":expected"] = {"N": str(expected)}
        refused = self._refused(
            "ConditionalCheckFailedException",
            self._client.update_item,
            TableName=self._table,
            Key=self._place(key, 0),
            UpdateExpression="SET #value = :value, version = :version, writer = :writer",
            ConditionExpression="attribute_not_exists(version)" if expected is None else "version = :expected",
            ExpressionAttributeNames={"#value": "value"},
            ExpressionAttributeValues=values,
        )
        return None if refused and not self._is_mine(key, 0, writer) else version

    def _is_mine(self, key: str, number: int, writer: str) -> bool:
        """boto3 sends again what it has no answer for; a refusal may be due to its own first try."""
        return bool(self._item(key, number).get("writer", {}).get("S") == writer)

    def delete(self, key: str) -> None:
        for item in self._items(key, first=0):
            self._client.delete_item(TableName=self._table, Key={"k": item["k"], "n": item["n"]})

    # --- logs

    def append_texts(self, key: str, texts: Sequence[str], keep: "int | None" = None) -> None:
        for segment in _segments(texts):
            number = self._add(key, segment)
            if keep is not None and number % TRIM_EVERY == 0:
                self._trim(key, keep)

    def _add(self, key: str, segment: list[str]) -> int:
        """Put a segment behind the last one; who comes second at that place tries the next one."""
        last = next(self._items(key), None)
        number, writer = int(last["n"]["N"]) + 1 if last else 1, uuid4().hex
        what = {"entries": {"S": f"[{','.join(segment)}]"}, "count": {"N": str(len(segment))}, "writer": {"S": writer}}
        while self._refused(
            "ConditionalCheckFailedException",
            self._client.put_item,
            TableName=self._table,
            Item={**self._place(key, number), **what},
            ConditionExpression="attribute_not_exists(n)",
        ) and not self._is_mine(key, number, writer):
            number += 1
        return number

    def _trim(self, key: str, keep: int) -> None:
        kept = 0
        for item in list(self._items(key)):
            if kept >= keep:
                self._client.delete_item(TableName=self._table, Key={"k": item["k"], "n": item["n"]})
            kept += int(item["count"]["N"])

    def entries(self, key: str, last: "int | None" = None) -> list[Any]:
        segments: list[list[Any]] = []
        number = 0
        for item in self._items(key):
            if last is not None and number >= last:
                break
            segments.append(decode(item["entries"]["S"]))
            number += len(segments[-1])
        found = [entry for segment in reversed(segments) for entry in segment]
        return tail(found, last)

    def _items(self, key: str, first: int = 1) -> Iterator[dict[str, Any]]:
        """From the last one back to `first`."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="k = :k AND n >= :first",
            ExpressionAttributeValues={":k": {"S": name_of(key)}, ":first": {"N": str(first)}},
            ScanIndexForward=False,
            ConsistentRead=True,
        )
        for page in pages:
            yield from page["Items"]


def _segments(texts: Sequence[str]) -> Iterator[list[str]]:
    """The texts in parts that fit into an item."""
    part: list[str] = []
    size = 0
    for text in texts:
        if part and size + len(text) > LARGEST:
            yield part
            part, size = [], 0
        part.append(text)
        size += len(text) + 1
    if part:
        yield part
