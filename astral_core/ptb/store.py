"""Where the data of python-telegram-bot's bots is kept: `core_ptb`, a row for each entry of a dict.

A row that is handled reads what is committed (`look`, shared with others that ask in the same moment), and its commit
writes the entries that it has changed. If somebody else has changed one of them meanwhile, the two are merged.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import logging
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Dialect, and_, bindparam, delete, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from telegram import Bot

from astral_core.db.keyed import of_person, rows_of
from astral_core.db.link import Link
from astral_core.db.states import new_version
from astral_core.db.tables import core_ptb, now
from astral_core.db.together import Together
from astral_core.db.upsert import inserting
from astral_core.ptb.codec import decode, encode
from astral_core.ptb.merge import merged

log = logging.getLogger("astral.ptb")

USER, CHAT, BOT = "user", "chat", "bot"
_AT_ONCE = 64  # slices in one statement
_FEW = 16  # entries that are read by their keys
_KEY, _MORE = ("plugin", "store", "chat_id", "user_id"), ("item", "version", "value")
_DELETE = delete(core_ptb).where(*(core_ptb.c[name] == bindparam(f"{name}_") for name in (*_KEY, "item")))


class Slice(NamedTuple):
    """One dict of a plugin, or the state of one conversation; 0 is no chat, or nobody."""

    plugin: str
    store: str
    chat_id: int
    user_id: int


class Entry(NamedTuple):
    """A value as it is kept; `version` is another one after each change."""

    version: int
    value: bytes


Entries = dict[bytes, Entry]  # by the key in its dict, encoded
NOTHING: Entries = {}


class Change(NamedTuple):
    """An entry that a handler has changed, from `base` to `value`; None is no entry.

    `began` is what the handler saw where nothing was kept: what `setup` has put there.
    """

    slice: Slice
    item: bytes
    base: Entry | None
    value: bytes | None
    began: bytes | None = None


class Look:
    """Reads for all handlers of a process: what is asked for side by side is one query."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._found: Together[tuple[Slice, ...], dict[Slice, Entries]] = Together(self._look, "astral-ptb")

    async def find(self, slices: Iterable[Slice]) -> dict[Slice, Entries]:
        """What is committed in `slices`; those in which nothing is are left out."""
        return await self._found.find(tuple(slices)) or {}

    async def _look(self, asked: list[tuple[Slice, ...]]) -> dict[tuple[Slice, ...], dict[Slice, Entries]]:
        wanted = list(dict.fromkeys(itertools.chain.from_iterable(asked)))
        found: dict[Slice, Entries] = {}
        for *key, item, version, value in await rows_of(self._link, core_ptb, _KEY, _MORE, wanted):
            found.setdefault(Slice(*key), {})[bytes(item)] = Entry(version, bytes(value))
        return {one: {part: found[part] for part in one if part in found} for one in asked}


# --- in the commit of a handler


async def write(connection: AsyncConnection, changes: Sequence[Change], bot: Bot) -> None:
    """Keep `changes` of `bot`, merged with what others have kept meanwhile. A change that is lost is logged."""
    if not changes:
        return
    await _lock(connection, sorted({change.slice for change in changes}))
    current = await _current(connection, changes)
    moment, kept, gone = now(), [], []
    for change in changes:
        value = _settled(change, current.get((change.slice, change.item)), bot)
        key = {**change.slice._asdict(), "item": change.item}
        if value is None:
            gone.append({f"{name}_": part for name, part in key.items()})
        else:
            kept.append({**key, "version": new_version(), "value": value, "saved_at": moment})
    if kept:
        await connection.execute(_upsert(connection.dialect), kept)
    if gone:
        await connection.execute(_DELETE, gone)


@lru_cache(2)
def _upsert(dialect: Dialect) -> Any:
    statement = inserting(dialect, core_ptb)
    told = {name: statement.excluded[name] for name in ("version", "value", "saved_at")}
    return statement.on_conflict_do_update(index_elements=[*_KEY, "item"], set_=told)


async def _lock(connection: AsyncConnection, slices: Sequence[Slice]) -> None:
    """Of several who write a slice one comes after the other: also those who make an entry that is not there yet."""
    if connection.dialect.name != "postgresql":
        return  # whoever writes on SQLite has the whole database
    numbers = sorted(_number(one) for one in slices)
    await connection.exec_driver_sql("SELECT pg_advisory_xact_lock(n) FROM unnest($1::bigint[]) AS n", (numbers,))


def _number(one: Slice) -> int:
    digest = hashlib.blake2b(repr(tuple(one)).encode(), digest_size=8, person=b"astral ptb").digest()
    return int.from_bytes(digest, "big", signed=True)


async def _current(connection: AsyncConnection, changes: Sequence[Change]) -> dict[tuple[Slice, bytes], Entry]:
    """What is kept of the entries that change; of many, the slices that they are in are read whole."""
    columns = (*(core_ptb.c[name] for name in _KEY), core_ptb.c.item, core_ptb.c.version, core_ptb.c.value)
    wanted: list[ColumnElement[bool]] = [and_(_in(one.slice), core_ptb.c.item == one.item) for one in changes]
    if len(changes) > _FEW:
        wanted = [_in(one) for one in {change.slice for change in changes}]
    found: dict[tuple[Slice, bytes], Entry] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        rows = await connection.execute(select(*columns).where(or_(*wanted[start : start + _AT_ONCE])))
        for *key, item, version, value in rows:
            found[Slice(*key), bytes(item)] = Entry(version, bytes(value))
    return found


def _settled(change: Change, current: Entry | None, bot: Bot) -> bytes | None:
    """What is to be kept: the change, or its merging with what somebody else has kept since."""
    base, value = change.base, change.value
    if (current.version if current else None) == (base.version if base else None):
        return value
    lost = value is not None or current is not None
    if value is not None and current is not None:
        value, lost = _merged(base.value if base is not None else change.began, value, current.value, bot)
    if lost:
        what = f"{change.slice.store}_data[{decode(change.item)!r}]" if change.item else change.slice.store
        log.warning(
            "plugin %r: two chats have changed %s at the same time; the change of the earlier one is lost",
            change.slice.plugin, what,
        )  # fmt: skip
    return value


def _merged(base: bytes | None, mine: bytes, theirs: bytes, bot: Bot) -> tuple[bytes, bool]:
    new, old = decode(mine, bot), decode(theirs, bot)
    was = decode(base, bot) if base is not None else type(new)() if isinstance(new, (set, dict)) else None
    value, lost = merged(was, new, old)
    return encode(value, bot), lost


def _in(one: Slice) -> ColumnElement[bool]:
    return and_(*(core_ptb.c[name] == value for name, value in one._asdict().items()))


# --- of a person


async def export(session: AsyncSession, user_id: int, plugin: str | None = None) -> dict[str, bytes]:
    """A file for each plugin, or for one, that keeps something of this person."""
    rows = await session.execute(
        select(core_ptb).where(of_person(core_ptb, user_id, plugin)).order_by(*core_ptb.primary_key)
    )
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows.mappings():
        chat = {"chat": row["chat_id"]} if row["chat_id"] else {}
        item = {"item": _shown(row["item"])} if row["item"] else {}
        one = {"store": row["store"], **chat, **item, "value": _shown(row["value"])}
        found.setdefault(row["plugin"], []).append(one)
    return {
        f"{owner}/ptb.json": json.dumps(kept, ensure_ascii=False, indent=2, default=str).encode()
        for owner, kept in found.items()
    }


def _shown(value: bytes) -> Any:
    """What a person reads of a value."""
    try:
        return _readable(decode(bytes(value)))
    except ValueError:
        return "kept by another version of the bot, and not readable any more"


def _readable(value: Any) -> Any:
    if isinstance(value, (list, set, frozenset, tuple)):
        return [_readable(one) for one in value]
    if isinstance(value, dict):
        return {key if isinstance(key, str) else str(key): _readable(one) for key, one in value.items()}
    return value
