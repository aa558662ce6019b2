"""The emulated person of a test: acts, and waits for what the bot does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from . import actions, checkout
from .groups import Group
from .params import Upload
from .records import CallbackQuery, Message, User
from .state import World
from .transcript import plain, transcript

TIMEOUT = 30.0  # s of real time that a wait may take
_SHOWN = 5

Predicate = Callable[[Message], bool]


class EmulatedUser:
    """A person's telephone. After each act `wait_for` looks at what the bot sent or edited since that act."""

    def __init__(self, world: World, user: User) -> None:
        self._world = world
        self.user = user
        self.toasts: list[str] = []
        self._fresh: list[Message] = []
        self._changed = asyncio.Event()
        world.listen(self._on_event)

    def __repr__(self) -> str:
        return f"EmulatedUser({self.user.first_name!r}, id={self.user.id})"

    @property
    def id(self) -> int:
        """The person's id, which is the id of their chat too."""
        return self.user.id

    @property
    def stars(self) -> int:
        """The person's balance of Stars."""
        return self.user.stars

    @property
    def messages(self) -> list[Message]:
        """All messages of the chat with the bot, oldest first."""
        return list(self._world.messages[self.user.id].values())

    @property
    def last(self) -> Message:
        """The newest message of the bot; LookupError when there is none."""
        for message in reversed(self.messages):
            if message.sender == "bot":
                return message
        raise LookupError(f"the bot has not written to {self.user.first_name} yet.\n{self.transcript()}")

    def _on_event(self, name: str, data: dict[str, Any]) -> None:
        if name in {"message", "edit"}:
            message = data["message"]
            # A card that only lost its buttons is nothing that a person waits for.
            if message.chat_id == self.user.id and message.sender == "bot" and not data.get("retired"):
                self._fresh.append(message)
        elif name == "toast" and data["user_id"] == self.user.id:
            self.toasts.append(data["text"])
        self._changed.set()

    def begin(self) -> None:
        """An act begins: `wait_for` looks at what the bot does from here on."""
        self._fresh.clear()

    # Acts: in the private chat with the bot, or in `room`, the group or channel, and there in the topic `thread`

    async def send(
        self, text: str, *, reply_to: Message | None = None, room: Group | None = None, thread: int | None = None
    ) -> Message:
        """Write a text."""
        self._fresh.clear()
        number = None if reply_to is None else reply_to.message_id
        return actions.send_text(self._world, self.user, text, number, room=room, thread=thread)[0]

    async def send_location(self, latitude: float, longitude: float, **where: Any) -> Message:
        """Share a place; degrees."""
        self._fresh.clear()
        return actions.send_location(self._world, self.user, latitude, longitude, **where)[0]

    async def send_contact(self, phone_number: str, **where: Any) -> Message:
        """Share one's own phone number."""
        self._fresh.clear()
        return actions.send_contact(self._world, self.user, phone_number, **where)[0]

    async def send_document(
        self, data: bytes, file_name: str, *, mime_type: str = "application/octet-stream", caption: str = "",
        **where: Any,
    ) -> Message:  # fmt: skip
        """Send a file."""
        return self.send_file("document", Upload(data, file_name, mime_type), caption, **where)

    async def send_photo(self, data: bytes, *, caption: str = "", **where: Any) -> Message:
        """Send a picture (PNG, JPEG, GIF or WebP)."""
        return self.send_file("photo", Upload(data, "photo.jpg", "image/jpeg"), caption, **where)

    def send_file(self, kind: str, upload: Upload, caption: str = "", **where: Any) -> Message:
        """Send a file as a message of this kind: photo, document, and what else the emulator knows."""
        self._fresh.clear()
        return actions.send_file(self._world, self.user, kind, upload, caption, **where)[0]

    async def press(self, button: str, *, message: Message | None = None) -> CallbackQuery:
        """Press a button by its text or its data, of `message` or of the newest message that has it."""
        holder, data = self._button(button, message)
        self._fresh.clear()
        return actions.press(self._world, self.user, holder, data)[0]

    async def forge(self, data: str, *, message: Message | None = None) -> CallbackQuery:
        """Send callback data of no button, as a hostile client can; of `message`, or the newest with buttons."""
        holders = [message] if message is not None else [one for one in self.messages[::-1] if one.button_rows]
        if not holders:
            raise LookupError(f"{self.user.first_name} sees no message with buttons.\n{self.transcript()}")
        self._fresh.clear()
        return actions.press(self._world, self.user, holders[0], data)[0]

    def _button(self, button: str, message: Message | None) -> tuple[Message, str]:
        candidates = self.messages[::-1] if message is None else [message]
        for holder in candidates:
            for row in holder.button_rows:
                for one in row:
                    if "callback_data" in one and (
                        plain(button) == plain(one["text"]) or button == one["callback_data"]
                    ):
                        return holder, one["callback_data"]
        raise LookupError(f"{self.user.first_name} sees no button {button!r}.\n{self.transcript()}")

    async def pay(self, message: Message | None = None, *, link: str | None = None) -> checkout.Outcome:
        """Open and pay the invoice of `message`, of a `link`, or the newest one; waits for the bot's answer."""
        invoice = self._invoice(message, link)
        self._fresh.clear()
        return await checkout.pay(self._world, self.user, invoice)

    async def cancel(self, message: Message | None = None, *, link: str | None = None) -> None:
        """Open an invoice and close it again without paying."""
        checkout.cancel(self._world, self.user, self._invoice(message, link))

    def _invoice(self, message: Message | None, link: str | None) -> Any:
        if link is not None:
            return checkout.find_invoice(self._world, self.user, slug=link)
        held = [one for one in self.messages if one.invoice is not None] if message is None else [message]
        if not held:
            raise LookupError(f"{self.user.first_name} sees no invoice.\n{self.transcript()}")
        return checkout.find_invoice(self._world, self.user, message_id=held[-1].message_id)

    async def block(self) -> None:
        """Block the bot."""
        actions.set_blocked(self._world, self.user, blocked=True)

    async def unblock(self) -> None:
        """Let the bot write again."""
        actions.set_blocked(self._world, self.user, blocked=False)

    def top_up(self, stars: int) -> None:
        """Buy Stars."""
        self._world.change_user(self.user, stars=self.user.stars + stars)
        self._world.emit("balance", user=self.user)

    # Waiting

    async def wait_for(self, predicate: Predicate | str | None = None, *, timeout: float = TIMEOUT) -> Message:  # noqa: ASYNC109 - the one bound of a test
        """The first message that the bot sent or edited since the last act and that fits.

        `predicate` is a function, a part of the text, or None for any message. TimeoutError with the transcript
        after `timeout` seconds.
        """
        seen = 0
        try:
            async with asyncio.timeout(timeout):
                while True:
                    self._changed.clear()
                    for message in self._fresh[seen:]:
                        if _fits(predicate, message):
                            return message
                    seen = len(self._fresh)
                    await self._changed.wait()
        except TimeoutError:
            wanted = f"{predicate!r}" if isinstance(predicate, str) else "what was asked for"
            raise TimeoutError(
                f"{self.user.first_name} has waited {timeout:g} s for {wanted}.\n{self.transcript()}"
            ) from None

    async def wait_until(self, condition: Callable[[], bool], *, timeout: float = TIMEOUT) -> None:  # noqa: ASYNC109 - as above
        """Return once `condition()` holds; it is asked whenever anything happens in the world."""
        try:
            async with asyncio.timeout(timeout):
                while True:
                    self._changed.clear()
                    if condition():
                        return
                    await self._changed.wait()
        except TimeoutError:
            raise TimeoutError(
                f"{self.user.first_name} has waited {timeout:g} s for a condition.\n{self.transcript()}"
            ) from None

    async def wait_answer(self, query: CallbackQuery, *, timeout: float = TIMEOUT) -> CallbackQuery:  # noqa: ASYNC109 - as above
        """Return when the spinner of a pressed button has stopped."""
        await self.wait_until(query.done.is_set, timeout=timeout)
        return query

    def transcript(self) -> str:
        """The last messages of the chat and the last calls and updates, for an error's text."""
        calls = [
            f"  {call.method} -> {'ok' if call.ok else call.description}"
            for call in list(self._world.calls)[-_SHOWN:]
        ]
        updates = [
            f"  {update.update_id} {update.type} {update.state} {[d.error or d.status for d in update.deliveries]}"
            for update in list(self._world.updates.history)[-_SHOWN:]
        ]
        chat = transcript(self._world, self.id, self.messages)
        return "\n".join([chat, "last calls:", *calls, "last updates:", *updates])


def _fits(predicate: Predicate | str | None, message: Message) -> bool:
    if message.deleted:
        return False
    if predicate is None:
        return True
    if isinstance(predicate, str):
        return predicate in message.text
    return predicate(message)
