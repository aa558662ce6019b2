"""One person in one chat: each act returns when the bot is done with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from astral_playground.telegram import acts_media as media
from astral_playground.telegram.actions import Sent
from astral_playground.telegram.acts_inline import inline_query
from astral_playground.telegram.acts_media import Piece
from astral_playground.telegram.ballots import vote
from astral_playground.telegram.client import EmulatedUser
from astral_playground.telegram.groups import Group, Room, Topic
from astral_playground.telegram.reacting import react
from astral_playground.telegram.records import CallbackQuery, Message
from astral_playground.telegram.state import World
from astral_playground.testkit.inline import Results
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
        return {"room": self.room, "thread": self.thread}

    @property
    def thread(self) -> int | None:
        """The number of the topic."""
        return None if self._topic is None else self._topic.id

    @property
    def _world(self) -> World:
        return self._kit.telegram.world

    async def _act(self, act: Callable[..., Sent], *args: Any, **options: Any) -> Message:
        """Do what the emulator calls `act`, here."""
        self.user.begin()
        return await self._done(act(self._world, self.user.user, *args, **options, **self._where)[0])

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

    # Other media; data is made up unless given

    async def send_voice(self, data: bytes = b"OggS", *, duration: int = 1) -> Message:
        """Speak for `duration` seconds."""
        return await self._act(media.send_voice, data, duration=duration)

    async def send_video(self, data: bytes = b"video", *, caption: str = "", duration: int = 1) -> Message:
        """Send a video."""
        return await self._act(media.send_video, data, caption=caption, duration=duration)

    async def send_video_note(self, data: bytes = b"video", *, duration: int = 1) -> Message:
        """Send a round video."""
        return await self._act(media.send_video_note, data, duration=duration)

    async def send_animation(self, data: bytes = b"video", *, caption: str = "") -> Message:
        """Send a GIF."""
        return await self._act(media.send_animation, data, caption=caption)

    async def send_audio(self, data: bytes = b"ID3", *, caption: str = "", title: str = "") -> Message:
        """Send a piece of music."""
        return await self._act(media.send_audio, data, caption=caption, title=title)

    async def send_sticker(self, data: bytes, *, emoji: str = "🙂") -> Message:
        """Send a sticker (WebP, PNG, TGS or WebM)."""
        return await self._act(media.send_sticker, data, emoji=emoji)

    async def send_dice(self, emoji: str = "🎲", *, value: int | None = None) -> Message:
        """Throw a die; `value` is how it falls, by chance unless told."""
        return await self._act(media.send_dice, emoji, value=value)

    async def send_venue(self, latitude: float, longitude: float, title: str, address: str) -> Message:
        """Share a place with a name; degrees."""
        return await self._act(media.send_venue, latitude, longitude, title, address)

    async def send_poll(self, question: str, options: Sequence[str], *, correct: int | None = None) -> Message:
        """Ask a question; `correct` is the right option of a quiz."""
        return await self._act(media.send_poll, question, options, correct=correct)

    async def send_album(self, pieces: Sequence[bytes | Piece], *, caption: str = "") -> list[Message]:
        """Send 2 to 10 files as one album: pictures as bytes, others as a `Piece`; the caption is the first one's."""
        whole = [piece if isinstance(piece, Piece) else Piece("photo", piece) for piece in pieces]
        if caption:
            whole[:1] = [replace(piece, caption=caption) for piece in whole[:1]]
        self.user.begin()
        sent = media.send_album(self._world, self.user.user, whole, **self._where)
        await self._kit.settled()
        return [message for message, _ in sent]

    async def forward(self, message: Message) -> Message:
        """Forward a message, of any chat, here."""
        return await self._act(media.forward, message)

    # With messages that are there

    async def edit(self, message: Message, text: str) -> None:
        """Change the text or caption of one's own message."""
        self.user.begin()
        media.edit(self._world, self.user.user, message, text)
        await self._kit.settled()

    async def delete(self, *messages: Message) -> None:
        """Delete messages; Telegram tells bots nothing of it."""
        media.delete(self._world, self.user.user, messages)
        await self._kit.settled()

    async def react(self, message: Message, *emoji: str) -> None:
        """Leave reactions on a message in place of one's own before; none takes them off."""
        self.user.begin()
        react(self._world, self.user.user, message, emoji)
        await self._kit.settled()

    async def vote(self, message: Message, *options: int | str) -> None:
        """Vote in the poll of a message, by the options' places from 0 or their texts; none takes the vote back."""
        self.user.begin()
        vote(self._world, self.user.user, message, options)
        await self._kit.settled()

    async def inline(self, query: str, *, chat: Place | None = None) -> Results:
        """Write `@bot query` into the text field of a chat, this one unless told; LookupError without an answer."""
        place = chat or self
        self.user.begin()
        asked, _ = inline_query(self._world, self.user.user, query, room=place.room, thread=place.thread)
        await self._kit.settled()
        if not asked.answered:
            raise LookupError(f"the bot has not answered the inline query {query!r}")
        return Results(self._kit, self.user.user, asked)

    async def tap(self, button: str, *, message: Message | None = None) -> CallbackQuery | None:
        """Tap a button by its text or its data, of `message` or of the newest message that has it.

        Returns what became of the press; None for a button below the chat, which sends its text. LookupError names
        the buttons that are there.
        """
        holder, data = self._find(button, message)
        query = None
        if holder is not None:
            query = await self.user.forge(data, message=holder)  # `press` would look for a text again
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
