"""What a test sees of a chat: its messages and its buttons."""

from __future__ import annotations

from typing import Any, Protocol

from astral_playground.telegram.emulator import TelegramEmulator
from astral_playground.telegram.files import StoredFile
from astral_playground.telegram.groups import GENERAL, Room
from astral_playground.telegram.records import Message
from astral_playground.telegram.transcript import plain, title, transcript

Found = tuple[Message | None, str]


class Kit(Protocol):
    """The bot that a person talks to."""

    telegram: TelegramEmulator

    async def settled(self) -> None:
        """Return when the bot has handled and sent all that there is."""


class Place:
    """A chat as its members see it. `room` is the emulator's own record of it."""

    def __init__(self, kit: Kit, room: Room) -> None:
        self._kit = kit
        self.room = room

    @property
    def id(self) -> int:
        """The chat's id; that of a private chat is the person's too."""
        return self.room.id

    @property
    def thread(self) -> int | None:
        """The number of the topic, where this is one."""
        return None

    @property
    def messages(self) -> list[Message]:
        """All messages of the chat, or of the topic where this is one, the people's own too, oldest first."""
        found = list(self._kit.telegram.world.messages[self.id].values())
        if self.thread is None:
            return found
        thread = None if self.thread == GENERAL else self.thread
        return [message for message in found if message.thread == thread]

    @property
    def texts(self) -> list[str]:
        """Texts and captions of the bot's messages, oldest first."""
        return [message.text for message in self.messages if message.sender == "bot"]

    @property
    def last(self) -> Message:
        """The bot's newest message; LookupError when there is none."""
        for message in reversed(self.messages):
            if message.sender == "bot":
                return message
        raise LookupError(f"the bot has not written here yet.\n{self.transcript()}")

    @property
    def keyboard(self) -> list[list[str]]:
        """The buttons that can be tapped now, row by row: of the newest message that has some, or below the chat."""
        holder = next((message for message in reversed(self.messages) if message.button_rows), None)
        rows = holder.button_rows if holder is not None else self._reply_rows()
        return [[str(button["text"]) for button in row] for row in rows]

    def file(self, message: Message) -> StoredFile:
        """The file of a message: its `data`, `file_name`, `mime_type`, ...; LookupError where it has none."""
        content = message.content.get(message.kind)
        shown = content[-1] if isinstance(content, list) and content else content
        file_id = shown.get("file_id") if isinstance(shown, dict) else None
        found = self._kit.telegram.world.files.by_id(str(file_id)) if file_id is not None else None
        if found is None:
            raise LookupError(f"message {message.message_id} ({message.kind}) has no file.\n{self.transcript()}")
        return found

    def transcript(self) -> str:
        """The last messages as text: who wrote what, and the buttons."""
        world = self._kit.telegram.world
        return transcript(world, self.id, self.messages, name=self._title())

    def _title(self) -> str:
        return title(self._kit.telegram.world, self.id)

    # Looking for buttons

    def _find(self, button: str, message: Message | None) -> Found:
        """The message and the data of a callback button; no message and the text of one below the chat."""
        candidates = self.messages[::-1] if message is None else [message]
        for holder in candidates:
            pressable = [one for one in _flat(holder.button_rows) if "callback_data" in one]
            named = [one for one in pressable if _same(one, button)]  # a text may be another button's data
            for one in named or [one for one in pressable if button == one["callback_data"]]:
                return holder, str(one["callback_data"])
        if message is None:
            for one in _flat(self._reply_rows()):
                if _same(one, button):
                    self._check_key(one)
                    return None, str(one["text"])
        raise LookupError(self._no_such(button, candidates))

    def _check_key(self, key: dict[str, Any]) -> None:
        """LookupError for a key that shares something: a test has to say what."""
        asks = next((name for name in key if name in _SHARES), None)
        if asks is not None:
            raise LookupError(f"{self!r}: the key {key['text']!r} is {asks}. Fix: {_SHARES[asks]}")

    def _no_such(self, button: str, candidates: list[Message]) -> str:
        shown = [
            f"  message {holder.message_id} ({holder.text[:40]!r}): "
            + ", ".join(_described(one) for one in _flat(holder.button_rows))
            for holder in candidates
            if holder.button_rows
        ]
        if below := _flat(self._reply_rows()):
            shown.append(f"  below the chat: {', '.join(repr(one['text']) for one in below)}")
        there = "\n".join(shown) or "  none"
        return f"{self!r} has no button {button!r} to tap. Buttons that are there:\n{there}\n{self.transcript()}"

    def _reply_rows(self) -> list[list[dict[str, Any]]]:
        rows = (self.room.reply_keyboard or {}).get("keyboard", [])
        return [[one if isinstance(one, dict) else {"text": one} for one in row] for row in rows]


_SHARES = {
    "request_contact": 'await chat.send_contact("+49301234567")',
    "request_location": "await chat.send_location(52.5, 13.4)",
    "request_users": "share people as the emulator does: astral_playground.telegram.actions",
    "request_chat": "share a chat as the emulator does: astral_playground.telegram.actions",
    "request_poll": 'await chat.send_poll("Which?", ["One", "Two"])',
    "web_app": "a test cannot open a Mini App",
}


def _same(button: dict[str, Any], text: str) -> bool:
    return plain(str(button["text"])) == plain(text)


def _flat(rows: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    return [button for row in rows for button in row]


def _described(button: dict[str, Any]) -> str:
    """A button's text and what it does."""
    does = next((str(button[key]) for key in ("callback_data", "url") if key in button), "no callback")
    return f"{button['text']!r} ({does})"
