"""A chat panel that shows optimistic messages beside the stored ones.

The panel keeps two lists of what the store holds: messages it has loaded, and messages it has shown before they were
stored. `send` changes the store and the lists in separate steps, `reload` replaces a list by what the store said some
time ago. A reload inside a send shows the message twice; a send inside a reload loses it from the panel.
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
        self.stored: list[Message] = []
        self.optimistic: list[Message] = []

    async def send(self, text: str) -> None:
        """Show a message at once and store it."""
        message = Message(self._author, text)
        self.optimistic.append(message)
        await self._store.insert_message(self._room, message)
        self.optimistic.remove(message)
        self.stored.append(message)

    async def reload(self) -> None:
        """Load what others have written; runs when the window gets the focus."""
        self.stored = await self._store.list_messages(self._room)

    def visible(self) -> list[Message]:
        return [*self.stored, *self.optimistic]


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
    await panel.reload()
    store.answer.set()
    await sending
    return panel.visible()


async def send_inside_reload(db: aiosqlite.Connection) -> list[Message]:
    store = LateStore(db, late="list")
    panel = ChatPanel(store, "editing", "Ada")
    reloading = asyncio.create_task(panel.reload())
    await store.reached.wait()
    await panel.send("The cut is ready")
    store.answer.set()
    await reloading
    return panel.visible()


async def main() -> int:
    async with aiosqlite.connect(":memory:") as db:
        await db.execute(SCHEMA)
        twice = await reload_inside_send(db)
        lost = await send_inside_reload(db)

    print("expected: 1 message after a reload inside a send, 1 after a send inside a reload")
    print(f"there:    {[message.text for message in twice]} and {[message.text for message in lost]}")
    print(f"shown {len(twice)} of 1 and {len(lost)} of 1")
    return 0 if len(twice) == 2 and len(lost) == 0 else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
