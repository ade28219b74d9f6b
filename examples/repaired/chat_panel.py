"""A chat panel that shows what the store holds, and nothing else.

The store is the only list of messages: sending is one insert, and what is visible is read from the store when it is
shown. The store is a local file, so a message is there before the next frame is drawn and needs no copy in memory that
is shown in its place.
"""

import asyncio
import sys
from dataclasses import dataclass
from typing import Literal

import aiosqlite

SCHEMA = """
CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    room TEXT NOT NULL,
    author TEXT NOT NULL,
    text TEXT NOT NULL
)
"""


@dataclass(frozen=True)
class Message:
    author: str
    text: str


class MessageStore:
    """The messages of all rooms."""

    def __init__(self, db: aiosqlite.Connection) -> None:
        self._db = db

    async def insert_message(self, room: str, message: Message) -> None:
        await self._db.execute(
            "INSERT INTO messages (room, author, text) VALUES (?, ?, ?)", (room, message.author, message.text)
        )
        await self._db.commit()

    async def list_messages(self, room: str) -> list[Message]:
        rows = await self._db.execute_fetchall("SELECT author, text FROM messages WHERE room = ? ORDER BY id", (room,))
        return [Message(author, text) for author, text in rows]


class ChatPanel:
    """The messages of one room as its window shows them."""

    def __init__(self, store: MessageStore, room: str, author: str) -> None:
        self._store = store
        self._room = room
        self._author = author

    async def send(self, text: str) -> None:
        await self._store.insert_message(self._room, Message(self._author, text))

    async def visible(self) -> list[Message]:
        """The messages to show; the window asks when it is drawn."""
        return await self._store.list_messages(self._room)


class LateStore(MessageStore):
    """A store that has done its work when `reached` is set and answers one kind of call when `answer` is set."""

    def __init__(self, db: aiosqlite.Connection, late: Literal["insert", "list"]) -> None:
        super().__init__(db)
        self._late = late
        self.reached = asyncio.Event()
        self.answer = asyncio.Event()

    async def insert_message(self, room: str, message: Message) -> None:
        await super().insert_message(room, message)
        if self._late == "insert":
            self.reached.set()
            await self.answer.wait()

    async def list_messages(self, room: str) -> list[Message]:
        messages = await super().list_messages(room)
        if self._late == "list":
            self.reached.set()
            await self.answer.wait()
        return messages


async def reload_inside_send(db: aiosqlite.Connection) -> list[Message]:
    store = LateStore(db, late="insert")
    panel = ChatPanel(store, "storyboard", "Ada")
    sending = asyncio.create_task(panel.send("Shall we start?"))
    await store.reached.wait()
    await panel.visible()
    store.answer.set()
    await sending
    return await panel.visible()


async def send_inside_reload(db: aiosqlite.Connection) -> list[Message]:
    store = LateStore(db, late="list")
    panel = ChatPanel(store, "editing", "Ada")
    reloading = asyncio.create_task(panel.visible())
    await store.reached.wait()
    await panel.send("The cut is ready")
    store.answer.set()
    await reloading
    return await panel.visible()


async def main() -> int:
    async with aiosqlite.connect(":memory:") as db:
        await db.execute(SCHEMA)
        during_send = await reload_inside_send(db)
        during_reload = await send_inside_reload(db)

    print("expected: 1 message after a reload inside a send, 1 after a send inside a reload")
    print(f"there:    {[message.text for message in during_send]} and {[message.text for message in during_reload]}")
    print(f"shown {len(during_send)} of 1 and {len(during_reload)} of 1")
    return 0 if len(during_send) == 1 and len(during_reload) == 1 else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
