"""Statements on one inbox row that are rare: counts of failures and deaths, dead letters, messages in doubt."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import case, delete, exists, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from astral_core.db.engine import Database
from astral_core.db.tables import (
    ADOPTED,
    DEAD,
    DEAD_EFFECT,
    DONE,
    ORPHANED,
    PARKED,
    PENDING,
    SENDING,
    SENT,
    UNSENT,
    core_inbox,
    core_lanes,
    core_outbox,
    core_runs,
    shared_now,
    storable,
)
from astral_core.inbox.due import SOURCE as DUE
from astral_core.inbox.money import PAYMENT
from astral_core.inbox.rows import INTERNAL
from astral_core.inbox.statements import CHANNEL

REPLAYED = -1  # the attempts of a row that was parked before: its user has been told
SUSPECT = "?"  # `parked_for` of a row that waits for its last try; no plugin can be called so
REPLAY = 200  # rows that are made pending again in one transaction


def done(database: Database, seq: int) -> Any:
    """End a pending row; there is nothing more to do."""
    values = {"state": DONE, "payload": None, "done_at": shared_now(database.engine.dialect)}
    return update(core_inbox).where(core_inbox.c.seq == seq, core_inbox.c.state == PENDING).values(values)


def dead(database: Database, seq: int, error_id: str, error: str) -> Any:
    """End a pending row as a dead letter; its payload stays for a later retry."""
    moment = shared_now(database.engine.dialect)
    return (
        update(core_inbox)
        .where(core_inbox.c.seq == seq, core_inbox.c.state == PENDING)
        .values(state=DEAD, done_at=moment, error_id=error_id, error=storable(error, 4000))
    )


def dead_messages(seq: int, error_id: str, error: str) -> Any:
    """Send no message of a row any more: they wait for a retry."""
    return (
        update(core_outbox)
        .where(core_outbox.c.seq == seq, core_outbox.c.state.in_([UNSENT, SENDING]))
        .values(state=DEAD_EFFECT, error_id=error_id, error=storable(error, 4000))
    )


def parked(seq: int, plugin: str) -> Any:
    """Let a pending row wait, outside of its lane, until `plugin` is back."""
    return (
        update(core_inbox)
        .where(core_inbox.c.seq == seq, core_inbox.c.state == PENDING)
        .values(state=PARKED, parked_for=plugin)
    )


def parked_words() -> tuple[Any, ...]:
    """That a row is parked and holds what somebody wrote or pressed: no payment, and no durable work of a handler."""
    paid = or_(*(core_inbox.c.payload.contains(word) for word in PAYMENT))
    return core_inbox.c.state == PARKED, core_inbox.c.source.startswith("tg:"), ~paid


def owned(lane: int, replica: int | None, epoch: int) -> Any:
    """That `lane` is still this replica's, since the claim of `epoch`."""
    own = core_lanes.c
    return exists().where(own.lane == lane, own.owner == replica, own.epoch == epoch)


def attempt(seq: int, attempts: int) -> Any:
    """Count a failed attempt."""
    return update(core_inbox).where(core_inbox.c.seq == seq).values(attempts=attempts)


def sending(seq: int, n: int, state: int = SENDING) -> Any:
    """Note that a message is about to be sent that must not be repeated, or (UNSENT) that it was not."""
    return update(core_outbox).where(core_outbox.c.seq == seq, core_outbox.c.n == n).values(state=state)


def sent(seq: int, n: int, message_id: int | None) -> Any:
    """Note that a message was sent before it was recorded."""
    where = (core_outbox.c.seq == seq, core_outbox.c.n == n)
    return update(core_outbox).where(*where).values(state=SENT, message_id=message_id)


# As when a row arrives: its owner, or whoever adopts the lane, sees by the count that there is more than it knows of.
_ARRIVED = (
    f"INSERT INTO core_lanes AS known (lane, owner, epoch, arrivals, state) VALUES (:lane, :me, 1, 1, {ADOPTED})"
    " ON CONFLICT (lane) DO UPDATE SET arrivals = known.arrivals + 1,"
    f" state = CASE known.state WHEN {ORPHANED} THEN {ORPHANED} ELSE {ADOPTED} END,"
    " owner = coalesce(known.owner, excluded.owner),"
    " epoch = CASE WHEN known.owner IS NULL AND excluded.owner IS NOT NULL THEN known.epoch + 1 ELSE known.epoch END"
)
_NOTIFY = "SELECT pg_notify(coalesce(:base || '_' || owner, :base), :lane) FROM core_lanes WHERE lane = :number"


async def revive(database: Database, seq: int) -> bool:
    """Make a dead row, or one that was put off, pending again, and let its owner know; False where there is none."""
    put_off = (core_inbox.c.state == PARKED) & (core_inbox.c.parked_for == SUSPECT)
    where = (core_inbox.c.seq == seq, (core_inbox.c.state == DEAD) | put_off, core_inbox.c.payload.is_not(None))
    again = _pending(0).where(*where)
    # A dead row's due row has gone with it: without this name of its own it would be taken for a cancelled one.
    fired = (core_inbox.c.state == DEAD) & (core_inbox.c.source == DUE)
    alone = {
        "source": case((fired, f"{INTERNAL}:" + core_inbox.c.kind), else_=core_inbox.c.source),
        "ext_id": case((fired, "due:" + core_inbox.c.ext_id), else_=core_inbox.c.ext_id),
    }
    return await rows_again(database, again.values(alone), fresh=True) == 1


async def replay(database: Database, plugin: str, able: Collection[int], me: int | None) -> int:
    """Make pending again what waits for `plugin`, the oldest first; return how many rows that are.

    Only in lanes that nobody owns, which `me` claims, and in those of `able` replicas: others would park it again.
    """
    waits = [core_inbox.c.state == PARKED, core_inbox.c.parked_for == plugin]
    if not database.is_sqlite:
        own = core_lanes.c
        waits.append(~exists().where(own.lane == core_inbox.c.lane, own.owner.is_not(None), own.owner.not_in(able)))
    total = 0
    while True:
        some = select(core_inbox.c.seq).where(*waits).order_by(core_inbox.c.seq).limit(REPLAY).scalar_subquery()
        again = _pending(REPLAYED).where(core_inbox.c.state == PARKED, core_inbox.c.seq.in_(some))
        number = await rows_again(database, again, me, fresh=True)
        total += number
        if number < REPLAY:
            return total


async def awaited(database: Database, plugins: Sequence[str]) -> list[str]:
    """Those of `plugins` for which something waits."""
    waits = (core_inbox.c.state == PARKED, core_inbox.c.parked_for.in_(plugins))
    async with database.engine.connect() as connection:
        return list((await connection.execute(select(core_inbox.c.parked_for).where(*waits).distinct())).scalars())


def _pending(attempts: int) -> Any:
    values = {"state": PENDING, "attempts": attempts, "crashes": 0, "error": None, "error_id": None, "done_at": None,
              "parked_for": None, "due_at": None}  # fmt: skip
    return update(core_inbox).values(values).returning(core_inbox.c.lane, core_inbox.c.seq)


async def revive_message(database: Database, number: int) -> bool:
    """Let a refused message go out again, and let its owner know; False where there is no such message."""
    values = {"state": UNSENT, "error": None, "error_id": None}
    where = (core_outbox.c.id == number, core_outbox.c.state == DEAD_EFFECT)
    change = update(core_outbox).where(*where).values(values).returning(core_outbox.c.lane)
    async with database.engine.begin() as connection:
        lanes = (await connection.execute(change)).scalars().all()
        await arrived(database, connection, lanes)
    return len(lanes) == 1


async def rows_again(database: Database, change: Any, me: int | None = None, *, fresh: bool = False) -> int:
    """Run `change`, which returns lanes and seqs, and let the lanes' owners know; return how many rows it changed.

    `fresh`: whether they have killed processes is forgotten.
    """
    async with database.engine.begin() as connection:
        rows = (await connection.execute(change)).all()
        # What the user was told when the row was given up or parked must not stand in the way of its new messages.
        said = core_outbox.c.seq.in_([seq for _, seq in rows])
        if rows:
            await connection.execute(delete(core_outbox).where(said))
        if rows and fresh:
            await connection.execute(delete(core_runs).where(core_runs.c.seq.in_([seq for _, seq in rows])))
        await arrived(database, connection, [lane for lane, _ in rows], me)
    return len(rows)


async def arrived(
    database: Database, connection: AsyncConnection, lanes: Iterable[int], me: int | None = None
) -> None:
    """Let the owners of `lanes` know that rows came; `me` claims those that nobody owns."""
    if database.is_sqlite:
        return
    for lane in sorted(set(lanes)):  # in the order in which commits lock them
        await connection.execute(text(_ARRIVED), {"lane": lane, "me": me})
        await connection.execute(text(_NOTIFY), {"base": CHANNEL, "lane": str(lane), "number": lane})
