"""One person in one chat: each act returns when the bot is done with it."""

from __future__ import annotations

from typing import Any

from astral_playground.telegram.client import EmulatedUser
from astral_playground.telegram.groups import Group, Room, Topic
from astral_playground.telegram.records import CallbackQuery, Message
from astral_playground.testkit.place import Kit, Place


class Seat(Place):
    """What a person does and sees. `user` is the person: acts through it do not wait for the bot."""

    def __init__(self, kit: Kit, user: EmulatedUser, room: Room, topic: Topic | None = None) -> None:
        super().__init__(kit, room)
        self.user = user
        self._topic = topic

    @property
    def _where(self) -> dict[str, Any]:
        """What acts of the emulator have to know of the place."""
        if not isinstance(self.room, Group):
            return {}
        return {"room": self.room, "thread": None if self._topic is None else self._topic.id}

    async def _done(self, message: Message) -> Message:
        await self._kit.settled()
        return message

    async def send(self, text: str, *, reply_to: Message | None = None) -> Message:
        """Write a text."""
        return await self._done(await self.user.send(text, reply_to=reply_to, **self._where))

    async def send_photo(self, photo: bytes, *, caption: str = "") -> Message:
        """Send a picture (PNG, JPEG, GIF or WebP)."""
        return await self._done(await self.user.send_photo(photo, caption=caption, **self._where))

    async def send_document(self, data: bytes, file_name: str, *, caption: str = "") -> Message:
        """Send a file."""
        return await self._done(await self.user.send_document(data, file_name, caption=caption, **self._where))

    async def send_location(self, latitude: float, longitude: float) -> Message:
        """Share a place; degrees."""
        return await self._done(await self.user.send_location(latitude, longitude, **self._where))

    async def send_contact(self, phone_number: str) -> Message:
        """Share the person's own phone number."""
        return await self._done(await self.user.send_contact(phone_number, **self._where))

    async def tap(self, button: str, *, message: Message | None = None) -> CallbackQuery | None:
        """Tap a button by its text or its data, of `message` or of the newest message that has it.

        Returns what became of the press; None for a button below the chat, which sends its text. LookupError names
        the buttons that are there.
        """
        holder, data = self._find(button, message)
        query = None
        if holder is not None:
            query = await self.user.press(data, message=holder)
        else:
            await self.user.send(data, **self._where)
        await self._kit.settled()
        return query

    async def forge(self, data: str, *, message: Message | None = None) -> CallbackQuery:
        """Send callback data that no button has, as a hostile client can; bots must not trust it."""
        holders = [message] if message is not None else [one for one in self.messages[::-1] if one.button_rows]
        if not holders:
            name = self.user.user.first_name
            raise LookupError(f"{name} sees no message with buttons here.\n{self.transcript()}")
        query = await self.user.forge(data, message=holders[0])
        await self._kit.settled()
        return query
