"""An effect: a message that a handler wants sent, recorded as data and sent after the handler's commit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Protocol, cast

import msgspec

from astral_core.errors import HandlerError

OnDoubt = Literal["resend", "drop"]


class Ref(msgspec.Struct, frozen=True):
    """A message that an effect of the same handler will send; `n` is that effect's number."""

    n: int

    if not TYPE_CHECKING:  # a type checker says at once that this is no awaitable

        def __await__(self) -> Any:
            """Refused: nothing is sent before the handler ends."""
            return _refuse_await()


class _Recorded:
    """What a verb returns that has nothing to tell."""

    def __await__(self) -> Any:
        return _refuse_await()

    def __bool__(self) -> bool:
        return False


RECORDED: None = cast("None", _Recorded())
"""Returned in place of None by what is recorded, so that `await` says what is wrong with it."""


def _refuse_await() -> NoReturn:
    raise HandlerError("this is only recorded, and done after the handler. Fix: write it without await.")


class Slot(msgspec.Struct, frozen=True, kw_only=True):
    """Where `show` puts its message: `pressed` is the message under the user's finger, if any.

    A slot is that of one `place` of the chat (a forum's topic) and, in a group, of one person: their `user_id`.
    `below`: the slot's message is edited also where another one was pressed, if it stands below that one.
    """

    name: str
    place: str = ""
    user_id: int = 0
    pressed: int | None = None
    fresh: bool = False
    below: bool = False


class Effect(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One Bot API call to be made. `params` are JSON values; `message` stands for `message_id`.

    `reply_to` is the message that this one answers, if it is one of the same handler's. `files` are the names of
    files by those under which they are uploaded; their contents lie beside the record, see `packed`. `attachment` is
    the parameter that carries the file of a message. `cache` is the key under which Telegram's file_id is kept for
    the next time, and `owner` whose picture it is: with that person it is forgotten. An `optional` call that
    Telegram refuses is a line in the log, and nothing that the bot's owner has to look at.
    """

    method: str
    params: dict[str, Any]
    plugin: str = "core"
    message: int | Ref | None = None
    slot: Slot | None = None
    reply_to: Ref | None = None
    attachment: str | None = None
    files: dict[str, str] = {}
    cache: str | None = None
    owner: int | None = None
    on_doubt: OnDoubt = "resend"
    optional: bool = False

    @property
    def chat_id(self) -> int | None:
        """The chat that the effect goes to, if it goes to one."""
        chat = self.params.get("chat_id")
        return chat if isinstance(chat, int) else None


class OutgoingEffect(msgspec.Struct, kw_only=True):
    """An effect with its file's content, on its way to the sender. Made by `outbox.recorded`.

    `record` is the effect as the outbox stores it.
    """

    effect: Effect
    record: str
    data: bytes | None = None


def packed(contents: Mapping[str, bytes]) -> bytes | None:
    """The contents of an effect's files as they are stored: one as it is, several as a map."""
    if not contents:
        return None
    return next(iter(contents.values())) if len(contents) == 1 else msgspec.msgpack.encode(contents)


def unpacked(effect: Effect, data: bytes | None) -> dict[str, tuple[str, bytes]]:
    """(file name, content) of an effect's files, by the names under which they are uploaded."""
    if data is None or not effect.files:
        return {}
    if len(effect.files) == 1:
        return {name: (filename, data) for name, filename in effect.files.items()}
    contents = msgspec.msgpack.decode(data, type=dict[str, bytes])
    return {name: (filename, contents[name]) for name, filename in effect.files.items()}


SlotKey = tuple[int, str, int, str]
"""Which slot: the chat, the place in it, whose it is, its name."""


def slot_key(effect: Effect) -> SlotKey | None:
    """The slot that an effect of `show` goes to; None of any other."""
    slot, chat_id = effect.slot, effect.chat_id
    return None if slot is None or chat_id is None else (chat_id, slot.place, slot.user_id, slot.name)


class SlotState(msgspec.Struct, frozen=True, kw_only=True):
    """The message that a slot holds."""

    chat_id: int
    slot: str
    place: str = ""
    user_id: int = 0
    message_id: int
    photo: bool


class Paced(msgspec.Struct, frozen=True):
    """What a slot is to show, at most once in `every` seconds."""

    key: SlotKey
    content: OutgoingEffect
    every: float


class SendResult(msgspec.Struct, kw_only=True):
    """What came of an effect: the message, and what the core shall remember."""

    message_id: int | None = None
    chat_id: int | None = None  # where it went, if that is not the chat of the effect
    slot: SlotState | None = None
    file_key: str | None = None
    file_id: str | None = None
    file_owner: int | None = None
    blocked: int | None = None
    refused: str | None = None


class Sender(Protocol):
    """Sends one effect. Raises TelegramUnavailable or TelegramThrottled where it should be tried again."""

    async def send(self, content: OutgoingEffect, sent: dict[int, SendResult]) -> SendResult:
        """Send `content`; `sent` holds the results of the same handler's earlier effects by number."""
        ...
