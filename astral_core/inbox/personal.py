"""What of a person stands in the inbox and the outbox: found, given out, forgotten.

A person's own chat is a lane, and so are their express queries. In groups, and among what could not be read, a row is
a person's by what its payload says. Few rows still have a payload: those that wait, failed, or are parked.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from html import escape
from typing import Any

import msgspec
from sqlalchemy import and_, delete, false, func, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from astral_core.db.tables import (
    DEAD,
    DEAD_EFFECT,
    DONE,
    PARKED,
    PENDING,
    SENT,
    core_blobs,
    core_due,
    core_inbox,
    core_outbox,
    core_users,
    shared_now,
)
from astral_core.db.upsert import dialect_of
from astral_core.inbox import money, row_updates
from astral_core.inbox.address import decode
from astral_core.inbox.due import SOURCE as DUE
from astral_core.inbox.elsewhere import KIND as MESSAGES
from astral_core.inbox.envelope import UNREADABLE, as_json
from astral_core.inbox.rows import EXPRESS_LANES, INTERNAL, chat_of, express_lane

BATCH = 100  # rows; a payload has up to some dozens of kilobytes
SHORTEST = 3  # letters of a name: shorter ones are other words, too
_OWN, _OTHERS, _NOBODYS = range(3)
_ID = ("user_id", "chat_id")  # members of a durable row's arguments that name a person
_NO_PERSON = frozenset((
    "update_id", "message_id", "message_ids", "message_thread_id", "date", "edit_date", "offset", "length",
    "duration", "width", "height", "file_size", "amount", "total_amount",
))  # fmt: skip
# Members of a message that people read; others, such as parse_mode, are words of Telegram's.
_TEXTS = frozenset((
    "text", "caption", "title", "description", "question", "explanation", "message_text", "input_field_placeholder",
    "quote", "label", "performer", "first_name", "last_name", "address", "custom_title", "options", "url",
))  # fmt: skip
_MARKUP = r'</?[a-z][a-z-]*(?=[\s>])|\b(?:href|emoji-id)(?==")|\bclass="[^"]*"|&\w+;'  # words of HTML's
_CUT = "…"
_CORE = "core."  # steps that delete and alert: they hold nobody's words, and a deletion must not be lost


class Person(msgspec.Struct, frozen=True):
    """Who is looked for. In groups, a first name is theirs as well; elsewhere many people have it."""

    id: int
    username: str | None = None
    names: tuple[str, ...] = ()

    @property
    def lanes(self) -> list[int]:
        """The private chat and the express lanes."""
        return [self.id, *(express_lane(kind, self.id) for kind in EXPRESS_LANES)]

    def is_in(self, value: Any, name: str = "") -> bool:
        """Whether the id stands in a JSON value: as a number of something that may be a person, or as a word."""
        if isinstance(value, dict):
            return any(self.is_in(member, key) for key, member in value.items())
        if isinstance(value, list):
            return any(self.is_in(item, name) for item in value)
        if isinstance(value, str):
            return re.search(rf"(?<!\w){self.id}(?!\w)", value) is not None
        return value == self.id and not isinstance(value, bool) and name not in _NO_PERSON

    def cut_from(self, params: Any, name: str = "", *, html: bool = False) -> Any:
        """A message's parameters without the person's names in what people read."""
        if isinstance(params, dict):
            html = str(params.get("parse_mode", "")).upper() == "HTML" if "parse_mode" in params else html
            return {key: self.cut_from(member, key, html=html) for key, member in params.items()}
        if isinstance(params, list):
            return [self.cut_from(item, name, html=html) for item in params]
        return self.cut(params, html=html) if isinstance(params, str) and name in _TEXTS else params

    def cut(self, text: str, *, html: bool = False) -> str:
        """`text` without the person's names."""
        names = [name for name in self.names if len(name) >= SHORTEST]
        spelled = [re.escape(one) for name in names for one in {name, escape(name)}]
        if len(self.username or "") >= SHORTEST:
            spelled.append(f"(?i:{re.escape(self.username or '')})")
        if not spelled:
            return text
        known = rf"(?<!\w)(?P<name>{'|'.join(sorted(spelled, key=len, reverse=True))})(?!\w)"
        pattern = rf"{known}|{_MARKUP}" if html else known
        return re.sub(pattern, lambda found: found[0] if found["name"] is None else _CUT, text)


def _judge(person: Person, row: Any) -> tuple[int, Any]:
    """Whose a row is; and of another one's row the payload without what is this person's."""
    if row.lane in person.lanes:
        return _OWN, None
    kind, payload, address = row.kind, row.payload, decode(row.address, chat_of(row.lane))
    if address is not None and person.id in (address.user, address.chat):
        return _OWN, None
    if str(person.id) not in payload and kind != MESSAGES:
        return _NOBODYS, None  # most rows; nothing is parsed
    try:
        body = msgspec.json.decode(payload)
    except msgspec.DecodeError:
        return (_OWN if person.is_in(payload) else _NOBODYS), None
    if kind == MESSAGES and not row.source.startswith("tg:"):
        return _judge_messages(person, row.lane, body)
    if kind == UNREADABLE:
        return (_OWN if person.is_in(body) else _NOBODYS), None
    if not row.source.startswith("tg:"):
        return (_OWN if person.id in _named(body) else _NOBODYS), None
    parts = [part for name, part in body.items() if name != "update_id"]
    if any(isinstance(part, dict) and _is_by(part, person.id) for part in parts):
        return _OWN, None
    rest = without(body, person.id)
    return (_NOBODYS, None) if rest == body else (_OTHERS, rest)


def _judge_messages(person: Person, lane: int, body: Any) -> tuple[int, Any]:
    """The same of messages for another chat, as of those in the outbox: in groups a name is cut out of them."""
    if person.is_in(body):
        return _OWN, None
    cut = person.cut_from(body) if lane < 0 else body
    return (_NOBODYS, None) if cut == body else (_OTHERS, cut)


def _is_by(part: dict[str, Any], user_id: int) -> bool:
    """Whether an object of Telegram's comes from this person, or from the private chat with them."""
    people = [part.get(name) for name in ("from", "user", "chat", "sender_user", "user_chat_id")]
    return any(isinstance(one, dict) and one.get("id") == user_id for one in people) or user_id in people


def _named(value: Any) -> Iterator[int]:
    """The people, and chats, that the arguments of a durable row name."""
    if isinstance(value, dict):
        for name, member in value.items():
            if name in _ID and isinstance(member, int):
                yield member
            yield from _named(member)
    elif isinstance(value, list):
        for item in value:
            yield from _named(item)


def _is_kept(row: Any, payments: Collection[str]) -> bool:
    """Whether a row is about money, or a durable step of the core."""
    if money.is_about_money(row, payments):
        return True
    return not row.source.startswith("tg:") and any(name.startswith(_CORE) for name in money.named_by(row))


def without(value: Any, user_id: int) -> Any:
    """A JSON value without what is this person or comes from them, such as a message that is replied to."""
    if isinstance(value, dict):
        return {name: without(item, user_id) for name, item in value.items() if not _is_theirs(item, user_id)}
    if isinstance(value, list):
        return [without(item, user_id) for item in value if not _is_theirs(item, user_id)]
    return value


def _is_theirs(value: Any, user_id: int) -> bool:
    return isinstance(value, dict) and (value.get("id") == user_id or _is_by(value, user_id))


async def _judged(session: AsyncSession, person: Person, *where: Any) -> list[tuple[Any, int, Any]]:
    """(row, whose it is, what others keep of it) of the rows that have a payload and have to do with the person."""
    names = ("seq", "lane", "source", "kind", "state", "parked_for", "payload", "received_at", "address")
    columns = [core_inbox.c[name] for name in names]
    query = select(*columns).where(*where, core_inbox.c.payload.is_not(None)).order_by(core_inbox.c.seq).limit(BATCH)
    found: list[tuple[Any, int, Any]] = []
    rows: Sequence[Any] = (await session.execute(query)).all()
    while rows:
        judged = [(row, *_judge(person, row)) for row in rows]
        found += [one for one in judged if one[1] != _NOBODYS]
        rows = (await session.execute(query.where(core_inbox.c.seq > rows[-1].seq))).all()
    return found


async def waiting(session: AsyncSession, person: Person, but: int) -> list[dict[str, Any]]:
    """The person's rows that still have a payload, without the row `but`, for a copy of their data."""
    own = and_(core_inbox.c.state == PENDING, core_inbox.c.lane.in_(person.lanes), core_inbox.c.seq != but)
    found = []
    for where in (own, core_inbox.c.state == DEAD, core_inbox.c.state == PARKED):
        found += [row for row, whose, _ in await _judged(session, person, where) if whose == _OWN]
    states = {PENDING: "waits", DEAD: "failed", PARKED: "waits for a part of the bot"}
    return [
        {"kind": row.kind, "received_at": row.received_at.isoformat(),
         "state": "is tried again" if row.parked_for == row_updates.SUSPECT else states[row.state],
         "payload": _readable(row.payload)} for row in found
    ]  # fmt: skip


async def due(session: AsyncSession, person: Person) -> list[dict[str, Any]]:
    """Durable work of the person that waits for its time, for a copy of their data."""
    return [
        {"kind": row.kind, "due_at": row.due_at.isoformat(), "payload": _readable(row.payload)}
        for row in await _due(session, person)
    ]


async def _due(session: AsyncSession, person: Person) -> list[Any]:
    """The due rows that were armed for the person or in their lanes, or whose arguments name them."""
    own = (core_due.c.person == person.id) | core_due.c.lane.in_(person.lanes)
    query = select(core_due, literal(DUE).label("source")).order_by(core_due.c.due_at)
    found = list((await session.execute(query.where(own))).all())
    others = query.where(~func.coalesce(own, false()), core_due.c.payload.contains(str(person.id)))
    rows = (await session.execute(others)).all()
    return found + [row for row in rows if person.id in _named(_readable(row.payload))]


async def unsent(session: AsyncSession, person: Person) -> list[dict[str, Any]]:
    """Messages to the person that were not sent, for a copy of their data."""
    where = (core_outbox.c.lane.in_(person.lanes), core_outbox.c.state != SENT)
    columns = (core_outbox.c.effect, core_outbox.c.created_at, core_outbox.c.state)
    rows = (await session.execute(select(*columns).where(*where).order_by(core_outbox.c.id))).all()
    return [
        {"created_at": row.created_at.isoformat(), "state": "refused" if row.state == DEAD_EFFECT else "waits",
         "message": _readable(row.effect)} for row in rows
    ]  # fmt: skip


def _readable(payload: str) -> Any:
    try:
        return msgspec.json.decode(payload)
    except msgspec.DecodeError:
        return payload


async def forget(session: AsyncSession, person: Person, payments: Collection[str] = ()) -> None:
    """Take the person's words out of everything that failed or is parked; with them goes the way to retry it.

    A pending row is still to be handled and loses its payload then. A dead one, also a payment's, ends like a done
    one: a payment's own record is the provider's. Of what is parked, payments stay, and so does durable work that
    waits for its plugin: it is handled when that is back, and a deletion in that plugin follows. Durable work that
    was put off, or waits for its time, ends, or it would run after the deletion; but not that of `payments`, the
    plugins that take some.
    """
    moment = shared_now(await dialect_of(session))
    ended = {"state": DONE, "payload": None, "error": None, "parked_for": None, "done_at": moment}
    lanes = core_inbox.c.lane.in_(person.lanes)
    may_end = or_(core_inbox.c.state == DEAD, and_(*row_updates.parked_words()))
    own, others = await _search(session, person)
    await session.execute(update(core_inbox).where(lanes, may_end).values(ended))
    for some in _pieces(own):
        await session.execute(update(core_inbox).where(core_inbox.c.seq.in_(some), may_end).values(ended))
    put_off = await _judged(session, person, *_put_off())
    for some in _pieces([row.seq for row, whose, _ in put_off if whose == _OWN and not _is_kept(row, payments)]):
        await session.execute(update(core_inbox).where(core_inbox.c.seq.in_(some), *_put_off()).values(ended))
    for seq, payload in others:
        where = (core_inbox.c.seq == seq, core_inbox.c.state.in_((DEAD, PARKED)))
        await session.execute(update(core_inbox).where(*where).values(payload=payload))
    for some in _pieces([row.id for row in await _due(session, person) if not _is_kept(row, payments)]):
        await session.execute(delete(core_due).where(core_due.c.id.in_(some)))
    await _forget_messages(session, person)


def _put_off() -> tuple[Any, ...]:
    """Durable work that may have killed a process, and is tried again in some minutes."""
    inbox = core_inbox.c
    return inbox.state == PARKED, inbox.parked_for == row_updates.SUSPECT, inbox.source.startswith(f"{INTERNAL}:")


async def forget_late(connection: AsyncConnection, payments: Collection[str] = ()) -> None:
    """Take the words out of dead letters of people whose row in core_users is empty: they failed after /forget.

    Money that came, and durable work of `payments`, the plugins that take some, is left to its owner for as long as
    other dead letters are.
    """
    names = ("seq", "lane", "source", "payload", "address")
    query = select(*(core_inbox.c[name] for name in names)).order_by(core_inbox.c.seq).limit(BATCH)
    query = query.where(core_inbox.c.state == DEAD, core_inbox.c.payload.is_not(None))
    rows: Sequence[Any] = (await connection.execute(query)).all()
    while rows:
        people = {row.seq: _people_of(row, payments) for row in rows}
        known = set().union(*people.values())
        empty = select(core_users.c.id).where(core_users.c.id.in_(known), core_users.c.first_name == "")
        gone = set((await connection.execute(empty)).scalars())
        seqs = [seq for seq, some in people.items() if not some.isdisjoint(gone)]
        where = (core_inbox.c.seq.in_(seqs), core_inbox.c.state == DEAD)
        await connection.execute(update(core_inbox).where(*where).values(state=DONE, payload=None, error=None))
        rows = (await connection.execute(query.where(core_inbox.c.seq > rows[-1].seq))).all()


def _people_of(row: Any, payments: Collection[str]) -> set[int]:
    """Whose a dead row is, so that it goes with them: nobody's where it stays in any case."""
    if _is_kept(row, payments):
        return set()
    if row.source.startswith("tg:"):
        return {_sender(row)}
    people, address = {_sender(row)}, decode(row.address, chat_of(row.lane))
    if address is not None and address.user is not None:
        people.add(address.user)
    try:
        return people.union(_named(msgspec.json.decode(row.payload)))
    except msgspec.DecodeError:
        return people


def _sender(row: Any) -> int:
    """Who caused a row, by its payload; else the chat of its lane."""
    try:
        body = msgspec.json.decode(row.payload)
        people = [part.get(name) for part in body.values() if isinstance(part, dict) for name in ("from", "user")]
        return next(int(one["id"]) for one in people if isinstance(one, dict) and "id" in one)
    except (msgspec.DecodeError, AttributeError, StopIteration, ValueError, TypeError):
        return chat_of(row.lane)


async def _search(session: AsyncSession, person: Person) -> tuple[list[int], list[tuple[int, str]]]:
    """Rows of the person outside of their lanes, and rows of others that quote them, with what shall be left."""
    own: list[int] = []
    others: list[tuple[int, str]] = []
    for state in (DEAD, PARKED):
        where = (core_inbox.c.state == state, core_inbox.c.lane.not_in(person.lanes))
        for row, whose, rest in await _judged(session, person, *where):
            if whose == _OWN:
                own.append(row.seq)
            else:
                others.append((row.seq, as_json(rest)))
    return own, others


async def _forget_messages(session: AsyncSession, person: Person) -> None:
    """Refused messages to the person, and those elsewhere that have their id, with the files that they carry.

    In groups a name is cut out of the others. In somebody's private chat it proves nothing: many people have it.
    """
    columns = [core_outbox.c[name] for name in ("id", "lane", "blob_id", "effect", "error")]
    query = select(*columns).where(core_outbox.c.state == DEAD_EFFECT).order_by(core_outbox.c.id)
    rows: list[Any] = []
    for row in (await session.execute(query)).all():
        effect = _readable(row.effect)
        params = effect.get("params") if isinstance(effect, dict) else effect
        if row.lane in person.lanes or person.is_in(params):
            rows.append(row)
        elif row.lane < 0:
            cut = person.cut_from(params)
            left = as_json({**effect, "params": cut}) if isinstance(effect, dict) and cut != params else row.effect
            error = person.cut(row.error) if row.error else row.error
            if (left, error) != (row.effect, row.error):
                where = (core_outbox.c.id == row.id, core_outbox.c.state == DEAD_EFFECT)
                await session.execute(update(core_outbox).where(*where).values(effect=left, error=error))
    for some in _pieces([row.id for row in rows]):
        where = (core_outbox.c.id.in_(some), core_outbox.c.state == DEAD_EFFECT)
        await session.execute(delete(core_outbox).where(*where))
    for some in _pieces([row.blob_id for row in rows if row.blob_id is not None]):
        await session.execute(delete(core_blobs).where(core_blobs.c.id.in_(some)))


def _pieces(numbers: Sequence[int]) -> Iterable[Sequence[int]]:
    return (numbers[start : start + BATCH] for start in range(0, len(numbers), BATCH))
