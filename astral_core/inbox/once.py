"""Calls of the Bot API that are made once: an intent is committed, the call made, its result committed.

A handler that runs again gets the kept result. A process that dies between the intent and the result leaves a doubt:
nobody knows whether Telegram has done what was asked. Who comes next makes the call again, or is told so.
"""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, and_, delete, exists, func, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from astral_core import failpoint
from astral_core.db.engine import Database, brief
from astral_core.db.tables import core_once, core_replicas, shared_now
from astral_core.db.upsert import insert_ignore
from astral_core.errors import DoubtfulCall, HandlerError, TelegramRefused, TelegramThrottled, TelegramUnavailable
from astral_core.inbox.envelope import as_json
from astral_core.inbox.personal import Person, without
from astral_core.inbox.store import Store

log = logging.getLogger("astral.inbox")
LIFE = 60.0  # seconds after which a call is over, whoever made it: the transport gives up after 30
RESULT_LIMIT = 65_536  # bytes
MOST = 10_000  # results that are kept of one plugin in one chat
Call = Callable[[str, dict[str, Any]], Awaitable[Any]]
_once = core_once.c


@dataclass(frozen=True, slots=True, kw_only=True)
class OneCall:
    """A call and its key. `seq` is the inbox row that wants it, in `chat_id` and for `user_id`.

    `repeat`: it is made again where it is in doubt.
    """

    plugin: str
    key: str
    method: str
    params: dict[str, Any]
    chat_id: int
    user_id: int | None
    seq: int
    repeat: bool

    @property
    def row(self) -> ColumnElement[bool]:
        """Its row."""
        return and_(_once.plugin == self.plugin, _once.key == self.key)


class _Turn(Enum):
    """What to do about a call."""

    MAKE = "nobody has made it"
    KEPT = "its result is here"
    BUSY = "somebody else is making it"
    DOUBT = "somebody may have made it"


class Once:
    """Makes calls once, for all handlers of this process."""

    def __init__(self, store: Store, call: Call) -> None:
        self._store = store
        self._call = call
        self._under_way: set[tuple[str, str]] = set()

    async def result(self, one: OneCall) -> Any:
        """The result of a call, made now or kept. Needs a connection, so the handler should hold none.

        Raises what the call raises; TelegramUnavailable while somebody else makes it, DoubtfulCall where it may have
        been made and is not to be repeated.
        """
        async with brief(self._store.database) as connection:
            known = (await connection.execute(_look(self._store.database, one))).first()
        if known is not None and known.made:
            return _kept(one, known)
        mark = uuid.uuid4().hex
        turn, known = await self._store.write(lambda connection: self._begin(connection, one, mark))
        if known is not None and turn is not _Turn.MAKE:
            _check_method(one, known)
        if turn is _Turn.KEPT:
            return _kept(one, known)
        if turn is _Turn.BUSY:
            raise TelegramUnavailable(one.method, f"the key {one.key!r} is in use elsewhere", maybe_done=False)
        if turn is _Turn.DOUBT:
            raise DoubtfulCall(one.method, one.key)
        self._under_way.add((one.plugin, one.key))
        try:
            return await self._make(one, mark)
        finally:
            self._under_way.discard((one.plugin, one.key))

    async def forget(self, plugin: str, key: str) -> bool:
        """Forget a call, so that the next one is made; False if nothing was known of it."""
        gone = delete(core_once).where(_once.plugin == plugin, _once.key == key)
        return bool((await self._store.write(lambda connection: connection.execute(gone))).rowcount)

    async def _begin(self, connection: AsyncConnection, one: OneCall, mark: str) -> tuple[_Turn, Any]:
        """Commit that this process makes the call, unless that is not its turn."""
        database = self._store.database
        await connection.exec_driver_sql("SELECT 1")  # a transaction that may write begins
        known = (await connection.execute(_look(database, one))).first()
        values = {
            "method": one.method, "made": False, "result": None, "mark": mark, "process": database.name,
            "seq": one.seq, "begun_at": shared_now(database.engine.dialect),
        }  # fmt: skip
        if known is None:
            key = {"plugin": one.plugin, "key": one.key, "chat_id": one.chat_id, "user_id": one.user_id}
            new = insert_ignore(connection.dialect, core_once, {**key, **values}, ("plugin", "key"))
            stored = await connection.execute(new)
            return (_Turn.MAKE if stored.rowcount == 1 else _Turn.BUSY), None
        turn = self._turn(one, known)
        if turn is _Turn.MAKE:
            taken = update(core_once).where(one.row, _once.mark == known.mark, ~_once.made).values(values)
            if (await connection.execute(taken)).rowcount != 1:
                turn = _Turn.BUSY
        return turn, known

    def _turn(self, one: OneCall, known: Any) -> _Turn:
        """What to do about a call of which something is known.

        A row is run by one process at a time: what an earlier run of the same row began is over, or in doubt.
        """
        if known.made:
            return _Turn.KEPT
        if known.process == self._store.database.name:
            busy = (one.plugin, one.key) in self._under_way
        else:
            busy = known.lives and not known.late and known.seq != one.seq
        if busy:
            return _Turn.BUSY
        return _Turn.MAKE if one.repeat and known.method == one.method else _Turn.DOUBT

    async def _make(self, one: OneCall, mark: str) -> Any:
        if failpoint.armed:
            failpoint.hit("once.begun")
        mine = and_(one.row, _once.mark == mark)
        try:
            result = await self._called(one)
        except (TelegramRefused, TelegramThrottled, TelegramUnavailable) as error:
            if not getattr(error, "maybe_done", False):  # Telegram has not done it: there is no doubt
                await self._store.write(lambda connection: connection.execute(delete(core_once).where(mine)))
            raise
        if failpoint.armed:
            failpoint.hit("once.made")
        text = as_json(result)
        size = len(text.encode())
        values = {"made": True, "result": text if size <= RESULT_LIMIT else None}
        note = update(core_once).where(mine).values(values)
        if not (await self._store.write(lambda connection: connection.execute(note))).rowcount:
            raise TelegramUnavailable(one.method, f"the key {one.key!r} was forgotten or taken", maybe_done=False)
        if failpoint.armed:
            failpoint.hit("once.kept")
        if size > RESULT_LIMIT:
            raise _too_large(one)
        return result

    async def _called(self, one: OneCall) -> Any:
        """Make the call; in a group that is a supergroup by now, make it there."""
        try:
            return await self._call(one.method, one.params)
        except TelegramRefused as error:
            if error.migrated_to is None or "chat_id" not in one.params:
                raise
            return await self._call(one.method, {**one.params, "chat_id": error.migrated_to})


def _look(database: Database, one: OneCall) -> Any:
    """What is known of a call; `lives`: the process that began it is there, `late`: it began long ago."""
    names = ("method", "made", "result", "mark", "process", "seq")
    late = _once.begun_at < shared_now(database.engine.dialect) - timedelta(seconds=LIFE)
    lives = literal(False) if database.is_sqlite else exists().where(core_replicas.c.name == _once.process)
    query = select(*(_once[name] for name in names), late.label("late"), lives.label("lives"))
    return query.where(one.row)


def _check_method(one: OneCall, known: Any) -> None:
    if known.method != one.method:
        raise HandlerError(
            f"plugin {one.plugin!r}: the key {one.key!r} is that of {known.method}, and {one.method} needs another "
            "one. Fix: put the method's name or its purpose into the key."
        )


def _kept(one: OneCall, known: Any) -> Any:
    _check_method(one, known)
    if known.result is None:
        raise _too_large(one)
    return msgspec.json.decode(known.result)


def _too_large(one: OneCall) -> HandlerError:
    return HandlerError(
        f"plugin {one.plugin!r}: the call of {one.method} was made, but its result has more than {RESULT_LIMIT} "
        "bytes and is not kept. Fix: use ctx.call_now for calls that only ask."
    )


# --- whose they are


async def known(session: AsyncSession, person: Person) -> list[dict[str, Any]]:
    """The person's calls, for a copy of their data."""
    query = select(core_once).where(_theirs(person)).order_by(_once.begun_at)
    return [
        {"plugin": row.plugin, "key": row.key, "method": row.method, "at": row.begun_at.isoformat(),
         "result": msgspec.json.decode(row.result) if row.result else None}
        for row in (await session.execute(query)).all() if _is_of(person, row)
    ]  # fmt: skip


async def forget(session: AsyncSession, person: Person, plugin: str | None = None) -> None:
    """Forget the person's calls, of all plugins or of one; from results of others, take out what they say of them."""
    query = select(core_once).where(_theirs(person) | _mentions(person))
    rows = await session.execute(query if plugin is None else query.where(_once.plugin == plugin))
    for row in rows.all():
        where = (_once.plugin == row.plugin, _once.key == row.key)
        if _is_of(person, row):
            await session.execute(delete(core_once).where(*where))
        elif row.result is not None:
            rest = without(msgspec.json.decode(row.result), person.id)
            rest = as_json(person.cut_from(rest) if row.chat_id < 0 else rest)
            if rest != row.result:
                await session.execute(update(core_once).where(*where).values(result=rest))


def _theirs(person: Person) -> ColumnElement[bool]:
    named = _once.key.contains(str(person.id), autoescape=True)
    return or_(_once.user_id == person.id, _once.chat_id == person.id, named)


def _mentions(person: Person) -> ColumnElement[bool]:
    words = (str(person.id), *person.names, *([person.username] if person.username else []))
    return or_(*(_once.result.contains(word, autoescape=True) for word in words))


def _is_of(person: Person, row: Any) -> bool:
    """Whether a row is the person's: a key that contains the digits of an id may be another's."""
    return person.id in (row.user_id, row.chat_id) or person.is_in(row.key)


# --- when they go


async def move(connection: AsyncConnection, old: int, new: int) -> None:
    """The group `old` is the supergroup `new`: keys that name it follow."""
    named = or_(_once.chat_id == old, _once.key.contains(str(old), autoescape=True))
    query = select(_once.plugin, _once.key, _once.chat_id).where(named)
    for row in (await connection.execute(query)).all():
        key = re.sub(rf"(?<![\w-]){old}(?!\w)", str(new), row.key)
        where = (_once.plugin == row.plugin, _once.key == row.key)
        there = core_once.alias()
        taken = exists().where(there.c.plugin == row.plugin, there.c.key == key) if key != row.key else literal(False)
        chat = new if row.chat_id == old else row.chat_id
        moved = update(core_once).where(*where, ~taken).values(key=key, chat_id=chat)
        if not (await connection.execute(moved)).rowcount:
            await connection.execute(delete(core_once).where(*where))  # the supergroup has one of its own


async def purge(connection: AsyncConnection) -> None:
    """Keep the newest calls of each plugin in each chat: a plugin that makes up keys for ever fills no table."""
    groups = (_once.plugin, _once.chat_id)
    many = select(*groups).group_by(*groups).having(func.count() > MOST)
    for plugin, chat_id in (await connection.execute(many)).all():
        mine = (_once.plugin == plugin, _once.chat_id == chat_id)
        newest = select(_once.begun_at).where(*mine).order_by(_once.begun_at.desc())
        too_old = _once.begun_at <= newest.offset(MOST).limit(1).scalar_subquery()
        number = (await connection.execute(delete(core_once).where(*mine, too_old))).rowcount
        log.warning(
            "plugin %r keeps more than %d calls of ctx.once in one chat; the oldest %d are forgotten",
            plugin, MOST, number,
        )  # fmt: skip
