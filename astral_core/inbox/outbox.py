"""The outbox: messages of a handler that wrote, committed with its writes and sent after them."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from astral_core.db.engine import Database
from astral_core.db.tables import (
    DEAD_EFFECT,
    SENT,
    UNSENT,
    core_blobs,
    core_files,
    core_outbox,
    core_slots,
    core_users,
    now,
    storable,
)
from astral_core.inbox.effect import Content, Effect, Sent


@dataclass(slots=True)
class Delivery:
    """The messages of one inbox row on their way. `recorded` tells that they stand in the outbox."""

    seq: int
    lane: int
    contents: dict[int, Content]
    recorded: bool
    results: dict[int, Sent] = field(default_factory=dict)
    unmarked: list[int] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)
    tries: int = 0

    @property
    def next(self) -> int | None:
        """The number of the next effect to send; None where all are through."""
        return next((n for n in self.contents if n not in self.results), None)


async def record(connection: AsyncConnection, seq: int, lane: int, contents: Sequence[Content]) -> None:
    """Store `contents` in the handler's transaction."""
    for n, content in enumerate(contents):
        blob = None
        if content.data is not None:
            stored = await connection.execute(insert(core_blobs).values(data=content.data).returning(core_blobs.c.id))
            blob = stored.scalar_one()
        await connection.execute(insert(core_outbox).values(_outbox_values(seq, n, lane, content.effect, blob)))


def _outbox_values(seq: int, n: int, lane: int, effect: Effect, blob: int | None) -> dict[str, Any]:
    return {
        "seq": seq,
        "n": n,
        "lane": lane,
        "plugin": effect.plugin,
        "effect": msgspec.json.encode(effect).decode(),
        "blob_id": blob,
    }


async def unsent_seqs(database: Database) -> list[int]:
    """The inbox rows whose messages are not all sent, in the order of their commits."""
    query = select(core_outbox.c.seq).where(core_outbox.c.state == UNSENT).group_by(core_outbox.c.seq)
    async with database.engine.connect() as connection:
        return list((await connection.execute(query.order_by(func.min(core_outbox.c.id)))).scalars())


async def load_unsent(database: Database, seqs: Sequence[int] | None = None) -> list[Delivery]:
    """The deliveries that an earlier process left, in order: all of them, or those of the inbox rows `seqs`."""
    waiting = select(core_outbox.c.seq).where(core_outbox.c.state == UNSENT)
    if seqs is not None:
        waiting = waiting.where(core_outbox.c.seq.in_(seqs))
    query = (
        select(core_outbox, core_blobs.c.data)
        .outerjoin(core_blobs, core_blobs.c.id == core_outbox.c.blob_id)
        .where(core_outbox.c.seq.in_(waiting.scalar_subquery()))
        .order_by(core_outbox.c.id)
    )
    async with database.engine.connect() as connection:
        records = (await connection.execute(query)).all()
    grouped: dict[int, list[Any]] = defaultdict(list)
    for item in records:
        grouped[item.seq].append(item)
    deliveries = []
    for seq, items in grouped.items():
        contents = {
            item.n: Content(effect=msgspec.json.decode(item.effect, type=Effect), data=item.data) for item in items
        }
        results = {item.n: Sent(message_id=item.message_id) for item in items if item.state != UNSENT}
        deliveries.append(Delivery(seq, items[0].lane, contents, recorded=True, results=results))
    return deliveries


async def remember(connection: AsyncConnection, bot_id: int, sents: Sequence[Sent]) -> None:
    """Keep what the sending taught: slots, file ids, users who blocked the bot."""
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    for sent in sents:
        if sent.slot is not None:
            slot = make(core_slots).values(msgspec.to_builtins(sent.slot))
            keep = {"message_id": sent.slot.message_id, "photo": sent.slot.photo}
            await connection.execute(slot.on_conflict_do_update(index_elements=["chat_id", "slot"], set_=keep))
        if sent.file_key is not None and sent.file_id is not None:
            file = make(core_files).values(bot_id=bot_id, key=sent.file_key, file_id=sent.file_id, created_at=now())
            known = file.on_conflict_do_update(index_elements=["bot_id", "key"], set_={"file_id": sent.file_id})
            await connection.execute(known)
        if sent.blocked is not None:
            await connection.execute(
                update(core_users).where(core_users.c.id == sent.blocked).values(blocked_at=now())
            )


async def mark_sent(connection: AsyncConnection, delivery: Delivery, numbers: Sequence[int], error_id: str) -> None:
    """Mark these effects of a recorded delivery; the last mark deletes what was sent, dead ones stay."""
    for n in numbers:
        sent = delivery.results[n]
        state = DEAD_EFFECT if sent.refused else SENT
        dead = {"error": storable(sent.refused, 4000), "error_id": error_id} if sent.refused else {}
        await connection.execute(
            update(core_outbox)
            .where(core_outbox.c.seq == delivery.seq, core_outbox.c.n == n)
            .values(state=state, message_id=sent.message_id, **dead)
        )
    if delivery.next is None:
        through = (core_outbox.c.seq == delivery.seq, core_outbox.c.state == SENT)
        blobs = select(core_outbox.c.blob_id).where(*through, core_outbox.c.blob_id.is_not(None))
        await connection.execute(delete(core_blobs).where(core_blobs.c.id.in_(blobs)))
        await connection.execute(delete(core_outbox).where(*through))


async def record_dead(connection: AsyncConnection, delivery: Delivery, numbers: Sequence[int], error_id: str) -> None:
    """Write down refused effects of a delivery that was not recorded, so that an owner finds them."""
    for n in numbers:
        error = storable(delivery.results[n].refused or "", 4000)
        values = _outbox_values(delivery.seq, n, delivery.lane, delivery.contents[n].effect, None)
        await connection.execute(
            insert(core_outbox).values(**values, state=DEAD_EFFECT, error=error, error_id=error_id)
        )
