"""How values and keys are written down."""

import json
import time
from hashlib import sha256
from typing import Any

LONGEST_NAME = 200
"""In bytes of UTF-8: less than any store's limit for a key."""


def encode(value: Any) -> str:
    """The JSON of a value on one line, in ASCII. Raises TypeError or ValueError for what JSON cannot say, such as NaN."""
    return json.dumps(value, allow_nan=False, separators=(",", ":"))


def decode(text: "str | bytes") -> Any:
    """The value of a text that `encode` made."""
    return json.loads(text)


def digest(key: str) -> str:
    """64 letters and digits for a key, whatever is in it."""
    return sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def name_of(key: str) -> str:
    """What a database calls a key: itself if every database takes it, else `#` and its digest."""
    plain = key.isprintable() and not key.startswith("#") and 0 < len(key.encode("utf-8", "replace")) <= LONGEST_NAME
    return key if plain else f"#{digest(key)}"


def first_version() -> int:
    """The version of a key that is new: microseconds of the clock.

    A key that is deleted and made again must not come to a version that somebody still holds in hand from before.
    """
    return time.time_ns() // 1000
