"""Users and open questions, cached in memory; the database is the truth."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec
from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from astral_core.db.engine import Database
from astral_core.db.tables import core_dialogs, core_users, now
from astral_core.db.together import Together
from astral_core.db.upsert import inserting
from astral_core.inbox.envelope import Sender, as_json

K = TypeVar("K")
V = TypeVar("V")
SIZE = 10_000


@dataclass(frozen=True, slots=True)
class User:
    """A person. `language` is the one chosen with /language, `language_code` the one of their Telegram."""

    id: int
    first_name: str
    last_name: str | None = None
    username: str | None = None
    language_code: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """The route that takes a user's next message, and its arguments."""

    route: str
    args: dict[str, Any]
    edits_from: int | None = None  # the first message whose edit answers it; None if that is not known
    timer: str | None = None  # the mark of what closes it if nobody answers in time


# Made once: to make a statement costs more than to run it.
_USERS = select(*(core_users.c[name] for name in User.__slots__), core_users.c.blocked_at).where(
    core_users.c.id.in_(bindparam("people", expanding=True))
)
QuestionKey = tuple[int, str, int]  # the chat, the place in it, the person


class Lru(Generic[K, V]):
    """A bounded dict that forgets what was not used for longest."""

    def __init__(self, size: int = SIZE) -> None:
        self._size = size
        self._items: OrderedDict[K, V] = OrderedDict()

    def __contains__(self, key: K) -> bool:
        return key in self._items

    def get(self, key: K) -> V | None:
        """The value, now the youngest; None where it is unknown."""
        if key in self._items:
            self._items.move_to_end(key)
            return self._items[key]
        return None

    def put(self, key: K, value: V) -> None:
        """Keep a value."""
        self._items[key] = value
        self._items.move_to_end(key)
        if len(self._items) > self._size:
            self._items.popitem(last=False)

    def drop(self, key: K) -> None:
        """Forget a value."""
        self._items.pop(key, None)

    def drop_if(self, condition: Callable[[K], bool]) -> None:
        """Forget all values whose keys fit."""
        for key in [key for key in self._items if condition(key)]:
            del self._items[key]


class People:
    """Reads users and questions of this bot.

    They are cached while nobody else may write them: on SQLite always, since there is one process; on PostgreSQL
    while this replica owns the person's own chat (`forget` ends that).
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._shared = not database.is_sqlite
        self._found: Together[int, Any] = Together(self._look, "astral-people")
        self.users: Lru[int, User] = Lru()
        self.questions: Lru[QuestionKey, Question | None] = Lru()
        self.seen: Lru[int, Sender] = Lru()  # people as this replica has stored them, and as they come in
        self._blocked: Lru[int, bool] = Lru()  # whether they blocked the bot: of those in `users`

    async def user(self, user_id: int, lane: int) -> User | None:
        """The user, as known in the lane that asks; None who never wrote to the bot."""
        cached = not self._shared or lane == user_id
        found = self.users.get(user_id) if cached else None
        if found is None:
            row = await self._found.find(user_id)
            if row is None:
                return None
            *values, blocked_at = row
            found = User(*values)
            if cached:
                self.users.put(user_id, found)
                self._blocked.put(user_id, blocked_at is not None)
        return found

    async def _look(self, people: list[int]) -> dict[int, Any]:
        several = 1 << (len(people) - 1).bit_length()  # few lengths, and so few statements for PostgreSQL to plan
        padded = people + people[:1] * (several - len(people))
        async with self._database.engine.connect() as connection:
            return {row.id: row for row in (await connection.execute(_USERS, {"people": padded})).all()}

    async def question(self, key: QuestionKey) -> Question | None:
        """What somebody was asked in a place."""
        if key not in self.questions:
            names = ("route", "args", "message_id", "timer")
            query = select(*(core_dialogs.c[name] for name in names)).where(*_asked(key))
            async with self._database.engine.connect() as connection:
                row = (await connection.execute(query)).first()
            found = Question(row.route, msgspec.json.decode(row.args), row.message_id, row.timer) if row else None
            self.keep_question(key, found)
            return found
        return self.questions.get(key)

    async def asked_at(self, key: QuestionKey) -> datetime | None:
        """When the open question was asked; None where there is none."""
        async with self._database.engine.connect() as connection:
            found = await connection.execute(select(core_dialogs.c.created_at).where(*_asked(key)))
            return found.scalar_one_or_none()

    def keep_question(self, key: QuestionKey, question: Question | None) -> None:
        """Cache what a user is asked in a place, where that is safe."""
        chat, place, person = key
        if not self._shared or (chat == person and not place):
            self.questions.put(key, question)

    async def forgotten(self, people: set[int]) -> set[int]:
        """Who of `people` asked to be forgotten and has not come back: their rows are empty."""
        query = select(core_users.c.id).where(core_users.c.id.in_(people), core_users.c.first_name == "")
        async with self._database.engine.connect() as connection:
            return set((await connection.execute(query)).scalars())

    def forget_person(self, user_id: int) -> None:
        """Keep nothing of this person in memory, in whatever chat."""
        self.seen.drop(user_id)
        self.users.drop(user_id)
        self._blocked.drop(user_id)
        self.questions.drop_if(lambda key: key[2] == user_id)

    def forget(self, lane: int) -> None:
        """This lane may be another replica's from now on."""
        self.users.drop(lane)
        self.questions.drop((lane, "", lane))
        self._blocked.drop(lane)

    def forget_chat(self, chat_id: int) -> None:
        """What was asked in this chat is asked elsewhere now."""
        self.questions.drop_if(lambda key: key[0] == chat_id)

    def is_blocked(self, user_id: int) -> bool:
        """Whether this user blocked the bot, as far as that is known here: to the owner of their lane."""
        return self._blocked.get(user_id) is True

    def note_blocked(self, user_id: int, *, blocked: bool) -> None:
        """Telegram says that this user blocked the bot, or did so no longer."""
        if user_id in self._blocked:  # else another replica may own their lane, and hear what is told next
            self._blocked.put(user_id, blocked)

    async def unblock(self, user_id: int) -> None:
        """The user writes again."""
        self.note_blocked(user_id, blocked=False)
        async with self._database.engine.begin() as connection:
            await connection.execute(update(core_users).where(core_users.c.id == user_id).values(blocked_at=None))


def _asked(key: QuestionKey) -> tuple[Any, ...]:
    chat, place, person = key
    return core_dialogs.c.chat_id == chat, core_dialogs.c.place == place, core_dialogs.c.user_id == person


async def save_question(session: AsyncSession | AsyncConnection, key: QuestionKey, question: Question | None) -> None:
    """Write what somebody is asked in a place; None ends it."""
    if question is None:
        await session.execute(delete(core_dialogs).where(*_asked(key)))
        return
    chat, place, person = key
    connection = await session.connection() if isinstance(session, AsyncSession) else session
    values = {
        "route": question.route, "args": as_json(question.args), "created_at": now(),
        "message_id": question.edits_from, "timer": question.timer,
    }  # fmt: skip
    new = inserting(connection.dialect, core_dialogs).values(chat_id=chat, place=place, user_id=person, **values)
    await session.execute(new.on_conflict_do_update(index_elements=["chat_id", "place", "user_id"], set_=values))
