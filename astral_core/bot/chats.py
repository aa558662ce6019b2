"""Groups and channels: where the bot is, what it may do there, which supergroup a group has become.

Like people, chats are cached by the owner of their lane; the database is the truth.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from astral_core.bot.people import Lru
from astral_core.db.engine import Database
from astral_core.db.tables import core_chats
from astral_core.errors import TelegramRefused
from astral_core.inbox.envelope import ChatFacts
from astral_core.inbox.migrate import GONE
from astral_core.observe.logs import LogThrottle

log = logging.getLogger("astral.bot")
KNOWN_FOR = 60.0  # seconds that administrators are kept where Telegram does not tell of changes
Ask = Callable[[str, dict[str, Any]], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Standing:
    """How the bot stands in a chat. `status` is that of its ChatMember, None if nobody told."""

    status: str | None = None
    status_at: datetime | None = None
    migrated_to: int | None = None

    @property
    def gone(self) -> bool:
        """Whether the bot is in this chat no more."""
        return self.status in GONE


@dataclass(frozen=True, slots=True)
class _Administrators:
    ids: frozenset[int]
    until: float  # by the clock


class Chats:
    """Reads chats of this bot. `seen` holds what this replica has stored of chats that updates showed.

    `told` says whether Telegram is asked to tell of changes of members; it does where the bot is an administrator.
    `clock` gives seconds.
    """

    def __init__(
        self, database: Database, ask: Ask, bot_id: int, clock: Callable[[], float], told: Callable[[], bool]
    ) -> None:
        self._database = database
        self._ask = ask
        self._bot_id = bot_id
        self._clock = clock
        self._told = told
        self._standings: Lru[int, Standing] = Lru()
        self._administrators: Lru[int, _Administrators] = Lru()
        self._refused: Lru[int, float] = Lru()  # until when Telegram is not asked for administrators again
        self._lines = LogThrottle()
        self.seen: Lru[int, ChatFacts] = Lru()

    async def standing(self, chat_id: int) -> Standing:
        """How the bot stands in a chat, as known to the owner of the chat's lane."""
        found = self._standings.get(chat_id)
        if found is None:
            found = await self.standing_elsewhere(chat_id)
            self._standings.put(chat_id, found)
        return found

    async def standing_elsewhere(self, chat_id: int) -> Standing:
        """The same for a chat whose lane may be another replica's."""
        columns = (core_chats.c.status, core_chats.c.status_at, core_chats.c.migrated_to)
        async with self._database.engine.connect() as connection:
            row = (await connection.execute(select(*columns).where(core_chats.c.id == chat_id))).first()
        return Standing(*row) if row is not None else Standing()

    async def administrators(self, chat_id: int) -> frozenset[int]:
        """Who administers a group: asked of Telegram, then kept until it tells of a change, or for a minute.

        An anonymous administrator writes as the group: its messages name no person. Raises TelegramRefused where the
        bot may not ask.
        """
        known = self._administrators.get(chat_id)
        if known is None or self._clock() >= known.until:
            answer = await self._ask("getChatAdministrators", {"chat_id": chat_id})
            ids = frozenset(_ids(answer))
            until = float("inf") if self._told() and self._bot_id in ids else self._clock() + KNOWN_FOR
            known = _Administrators(ids, until)
            self._administrators.put(chat_id, known)
        return known.ids

    async def is_administrator(self, chat_id: int, user_id: int) -> bool:
        """Whether somebody administers a group. Nobody is known to where Telegram refuses to tell, for a minute."""
        refused = self._refused.get(chat_id)
        if refused is not None and self._clock() < refused:
            return False
        try:
            return user_id in await self.administrators(chat_id)
        except TelegramRefused as error:
            self._refused.put(chat_id, self._clock() + KNOWN_FOR)
            if (left_out := self._lines()) is not None:
                log.warning(
                    "chat %d: Telegram does not tell who administers it, so nobody is taken for one (%s; %d lines "
                    "like this were left out)", chat_id, error, left_out,
                )  # fmt: skip
            return False

    def changed(self, chat_id: int) -> None:
        """The bot's standing in a chat, or that of somebody else, has changed."""
        self._standings.drop(chat_id)
        self._administrators.drop(chat_id)
        self._refused.drop(chat_id)

    def forget(self, lane: int) -> None:
        """This lane may be another replica's from now on."""
        self.changed(lane)


def _ids(answer: Any) -> list[int]:
    """The people in an answer of getChatAdministrators."""
    members = answer if isinstance(answer, list) else []
    users = [member.get("user") for member in members if isinstance(member, dict)]
    ids = [user.get("id") for user in users if isinstance(user, dict)]
    return [one for one in ids if isinstance(one, int) and not isinstance(one, bool)]
