"""One person's private chat with the bot under test: each act returns when the bot is done with it."""

from __future__ import annotations

from typing import Any, Protocol

from astral_playground.telegram.checkout import Outcome
from astral_playground.telegram.client import EmulatedUser
from astral_playground.telegram.emulator import TelegramEmulator
from astral_playground.telegram.records import CallbackQuery, Message


class Kit(Protocol):
    """The bot that a person talks to."""

    telegram: TelegramEmulator

    async def settled(self) -> None:
        """Return when the bot has handled and sent all that there is."""


class Chat:
    """What a person does and sees. `user` is the person: acts through it do not wait for the bot."""

    def __init__(self, kit: Kit, user: EmulatedUser) -> None:
        self._kit = kit
        self.user = user

    def __repr__(self) -> str:
        return f"Chat({self.user.user.first_name!r}, id={self.id})"

    # What is there

    @property
    def id(self) -> int:
        """The chat's id, which is the person's too."""
        return self.user.id

    @property
    def messages(self) -> list[Message]:
        """All messages, the person's own too, oldest first."""
        return self.user.messages

    @property
    def texts(self) -> list[str]:
        """Texts and captions of the bot's messages, oldest first."""
        return [message.text for message in self.messages if message.sender == "bot"]

    @property
    def last(self) -> Message:
        """The bot's newest message; LookupError when there is none."""
        return self.user.last

    @property
    def toasts(self) -> list[str]:
        """What the bot has answered to pressed buttons, oldest first."""
        return self.user.toasts

    @property
    def stars(self) -> int:
        """The person's balance of Stars."""
        return self.user.stars

    @property
    def keyboard(self) -> list[list[str]]:
        """The buttons that can be tapped now, row by row: of the newest message that has some, or below the chat."""
        holder = next((message for message in reversed(self.messages) if message.button_rows), None)
        rows = holder.button_rows if holder is not None else self._reply_rows()
        return [[str(button["text"]) for button in row] for row in rows]

    # What a person does

    async def send(self, text: str, *, reply_to: Message | None = None) -> None:
        """Write a text."""
        await self.user.send(text, reply_to=reply_to)
        await self._kit.settled()

    async def send_photo(self, photo: bytes, *, caption: str = "") -> None:
        """Send a picture (PNG, JPEG, GIF or WebP)."""
        await self.user.send_photo(photo, caption=caption)
        await self._kit.settled()

    async def send_document(self, data: bytes, file_name: str, *, caption: str = "") -> None:
        """Send a file."""
        await self.user.send_document(data, file_name, caption=caption)
        await self._kit.settled()

    async def send_location(self, latitude: float, longitude: float) -> None:
        """Share a place; degrees."""
        await self.user.send_location(latitude, longitude)
        await self._kit.settled()

    async def send_contact(self, phone_number: str) -> None:
        """Share the person's own phone number."""
        await self.user.send_contact(phone_number)
        await self._kit.settled()

    async def tap(self, button: str, *, message: Message | None = None) -> CallbackQuery | None:
        """Tap a button by its text or its data, of `message` or of the newest message that has it.

        Returns what became of the press; None for a button below the chat, which sends its text. LookupError names
        the buttons that are there.
        """
        found = self._find(button, message)
        query = None
        if found is not None:
            holder, data = found
            query = await self.user.press(data, message=holder)
        else:
            await self.user.send(button)
        await self._kit.settled()
        return query

    async def forge(self, data: str, *, message: Message | None = None) -> CallbackQuery:
        """Send callback data that no button has, as a hostile client can; bots must not trust it."""
        query = await self.user.forge(data, message=message)
        await self._kit.settled()
        return query

    async def pay(self, message: Message | None = None, *, link: str | None = None) -> Outcome:
        """Pay the invoice of `message`, of a `link`, or the newest one; Stars that are missing are bought."""
        try:
            price = self._price(message, link)
        except LookupError:
            raise LookupError(f"{self!r}: there is no invoice to pay.\n{self.user.transcript()}") from None
        self.user.top_up(max(price - self.stars, 0))
        outcome = await self.user.pay(message, link=link)
        await self._kit.settled()
        return outcome

    async def block(self) -> None:
        """Block the bot."""
        await self.user.block()
        await self._kit.settled()

    async def unblock(self) -> None:
        """Let the bot write again."""
        await self.user.unblock()
        await self._kit.settled()

    # Looking for things

    def _find(self, button: str, message: Message | None) -> tuple[Message, str] | None:
        """The message and the data of a callback button, or None where it is one below the chat."""
        candidates = self.messages[::-1] if message is None else [message]
        for holder in candidates:
            for one in _flat(holder.button_rows):
                if "callback_data" in one and button in {one["text"], one["callback_data"]}:
                    return holder, one["callback_data"]
        if message is None and any(one["text"] == button for one in _flat(self._reply_rows())):
            return None
        raise LookupError(self._no_such(button, candidates))

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
        return f"{self!r} has no button {button!r} to tap. Buttons that are there:\n{there}"

    def _reply_rows(self) -> list[list[dict[str, Any]]]:
        rows = (self.user.user.reply_keyboard or {}).get("keyboard", [])
        return [[one if isinstance(one, dict) else {"text": one} for one in row] for row in rows]

    def _price(self, message: Message | None, link: str | None) -> int:
        """The Stars that an invoice costs; 0 where it is paid in money."""
        if link is not None:
            invoice = self._kit.telegram.world.invoices.get(link.rpartition("$")[2])
        else:
            held = [one.invoice for one in ([message] if message else self.messages[::-1]) if one.invoice is not None]
            invoice = held[0] if held else None
        if invoice is None:
            raise LookupError(link)
        return invoice.total_amount if invoice.currency == "XTR" else 0


def _flat(rows: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    return [button for row in rows for button in row]


def _described(button: dict[str, Any]) -> str:
    """A button's text and what it does."""
    does = next((str(button[key]) for key in ("callback_data", "url") if key in button), "no callback")
    return f"{button['text']!r} ({does})"
