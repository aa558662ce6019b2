"""What the bot offers to an inline query, and what becomes of a result that a person taps."""

from __future__ import annotations

from typing import Any

from astral_playground.telegram.acts_inline import choose
from astral_playground.telegram.groups import Group
from astral_playground.telegram.inline import InlineQuery
from astral_playground.telegram.records import Message, User
from astral_playground.testkit.place import Kit, Place


class Results:
    """The bot's answer to an inline query. `asked` is the emulator's own record of it."""

    def __init__(self, kit: Kit, user: User, asked: InlineQuery) -> None:
        self._kit = kit
        self._user = user
        self.asked = asked

    def __repr__(self) -> str:
        return f"Results({self.asked.query!r}: {', '.join(map(repr, self.titles)) or 'none'})"

    def __len__(self) -> int:
        return len(self.asked.results)

    def __getitem__(self, place: int) -> dict[str, Any]:
        """The Bot API's InlineQueryResult at a place."""
        return self.asked.results[place]

    @property
    def titles(self) -> list[str]:
        """What the person reads: the title of each result, or its id."""
        return self.asked.titles

    async def choose(self, result: int | str = 0, *, chat: Place | None = None) -> Message:
        """Tap a result, by its place from 0, its title or its id: it is sent where the query was, or into `chat`."""
        if chat is not None:
            is_known = isinstance(chat.room, Group) or chat.id == self._user.id  # others' chats the bot cannot see
            self.asked.room_id, self.asked.thread = chat.id if is_known else 0, chat.thread
        named = {name for one in self.asked.results for name in (one.get("title"), one["id"])}
        if result not in named and result not in range(len(self)):
            raise LookupError(f"there is no result {result!r}; there are: {self.titles}")
        message, _ = choose(self._kit.telegram.world, self._user, self.asked, result)
        await self._kit.settled()
        return message
