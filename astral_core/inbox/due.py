"""Due work: steps and jobs that wait for their time, in a table of their own.

They do not wait in the inbox: a row there keeps its number, and would come before rows of its lane that have been
handled meanwhile. When its time has come, a due row is fired: an inbox row is made of it, with a fresh number, in the
same commit that marks the due row as fired; of several replicas one fires it. The due row stays until its step
commits, and goes in that commit; that of a step which wrote nothing goes with the mark that ends its row. If it is
gone before, because it was cancelled or replaced, the step's writes are rolled back, nothing is said, and its inbox
row ends quietly. So cancelling wins until the messages leave, and nothing is written twice.

When something is due is decided by the clock that all replicas share: the database's. If that is set back by an hour,
one-time work comes an hour later than it would have; if it is set forward, what is due by then runs once. Recurring
work has a rule of its own (`inbox/schedule.py`), and `inbox/setback.py` looks after what waits already.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from msgspec.structs import replace
from sqlalchemy import Interval, String, and_, bindparam, case, delete, exists, func, insert, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from astral_core.clock import SharedClock
from astral_core.db.engine import Database, brief
from astral_core.db.tables import PARKED, PENDING, DueState, core_due, core_inbox, now, shared_now
from astral_core.db.together import Together
from astral_core.errors import InboxError
from astral_core.inbox.address import Address, decode, encode
from astral_core.inbox.journal import Journal
from astral_core.inbox.rows import Ended, Fired, InboxRow, NewRow, chat_of
from astral_core.inbox.schedule import Recurrence, following, read_schedule
from astral_core.inbox.wakeup import SOON

SOURCE = "internal:due"  # of inbox rows that were fired
JOB = "job"  # the kind of recurring work that plugins declare
_WAITING, _FIRED = DueState.WAITING, DueState.FIRED
_KEY = (core_due.c.route, core_due.c.lane, core_due.c.key)


@dataclass(frozen=True, slots=True)
class Due:
    """Work for later, unique by route, lane and key: what waits under the same ones is replaced.

    `at` is the moment, else it is `after` seconds from the commit on. With `keep_first` what waits already stays.
    `to` is its address, where that is more than the chat of its lane. `person` is the user whose it is, that of `to`
    unless told; it is forgotten with them.
    """

    kind: str
    route: str
    lane: int
    key: str
    payload: str
    at: datetime | None = None
    after: float = 0.0
    keep_first: bool = False
    person: int | None = None
    schedule: Recurrence | None = None
    to: Address | None = None


@dataclass(frozen=True, slots=True)
class Cancel:
    """The end of what waits under a key."""

    route: str
    lane: int
    key: str


def _moment(database: Database, ahead: float) -> Any:
    """The time by the clock that all replicas share, and that a test may have moved."""
    return shared_now(database.engine.dialect) + timedelta(seconds=ahead)


def _same(fired: Fired) -> Any:
    c = core_due.c
    return and_(c.id == fired.number, c.generation == fired.generation, c.state == _FIRED)


# --- in the commit of a handler


async def arm(database: Database, connection: AsyncConnection, due: Due, ahead: float) -> None:
    """Let `due` wait for its time."""
    ahead_by = timedelta(seconds=ahead + due.after)
    person = due.to.user if due.person is None and due.to is not None else due.person
    values = {
        "route": due.route, "lane": due.lane, "key": due.key, "kind": due.kind, "payload": due.payload,
        "person": person, "schedule": due.schedule.encoded() if due.schedule else None,
        "address": encode(due.to, chat_of(due.lane)),
    }  # fmt: skip
    by_server = due.at is None and not database.is_sqlite
    when = {"ahead": ahead_by} if by_server else {"due_at": due.at if due.at is not None else now() + ahead_by}
    statement = _arming(database.is_sqlite, by_server=by_server, keep_first=due.keep_first)
    await connection.execute(statement, {**values, **when})


@cache
def _arming(sqlite_: bool, *, by_server: bool, keep_first: bool) -> Any:
    """The statement that arms: to make it costs more than to run it. `by_server` it is due `ahead` of its clock."""
    fresh: dict[str, Any] = {"state": _WAITING, "attempts": 0, "tries": 0, "since": None}
    told = ("kind", "payload", "person", "schedule", "address", "due_at")
    moment = {"due_at": func.clock_timestamp() + bindparam("ahead", type_=Interval())} if by_server else {}
    new = (sqlite.insert if sqlite_ else postgresql.insert)(core_due).values(generation=1, **fresh, **moment)
    replaced = {"generation": core_due.c.generation + 1, **fresh, **{name: new.excluded[name] for name in told}}
    where = ~_is_awaited() if keep_first else None
    return new.on_conflict_do_update(index_elements=list(_KEY), set_=replaced, where=where)


def _is_awaited() -> Any:
    """Whether a due row waits for its time, or for the worker that will run it."""
    return (core_due.c.state == _WAITING) | _has_row()


def _has_row() -> Any:
    """Whether the inbox row of a fired due row is still to be handled."""
    name = core_due.c.id.cast(String) + ":" + core_due.c.generation.cast(String)
    waits = core_inbox.c.state.in_([PENDING, PARKED])
    return exists().where(core_inbox.c.source == SOURCE, core_inbox.c.ext_id == name, waits)


async def cancel(connection: AsyncConnection, gone: Cancel) -> None:
    """Let nothing wait under a key any more, also if it has just been fired."""
    where = (core_due.c.route == gone.route, core_due.c.lane == gone.lane, core_due.c.key == gone.key)
    await connection.execute(delete(core_due).where(*where))


async def pending(connection: AsyncConnection, route: str, lane: int, key: str) -> datetime | None:
    """When what waits under a key is due; None if nothing waits."""
    where = (core_due.c.route == route, core_due.c.lane == lane, core_due.c.key == key, core_due.c.state == _WAITING)
    found: datetime | None = await connection.scalar(select(core_due.c.due_at).where(*where))
    return found


# --- its time has come


async def fire(database: Database, connection: AsyncConnection, limit: int, ahead: float) -> list[NewRow]:
    """Mark up to `limit` rows whose time has come as fired; return the inbox rows to store in this transaction."""
    names = ("id", "generation", "kind", "lane", "payload", "address")
    query = (
        select(*(core_due.c[name] for name in names))
        .where(core_due.c.state == _WAITING, core_due.c.due_at <= _moment(database, ahead))
        .order_by(core_due.c.due_at, core_due.c.id)
        .limit(limit)
    )
    if not database.is_sqlite:
        query = query.with_for_update(skip_locked=True)
    await connection.exec_driver_sql("SELECT 1")  # a transaction that may write begins: nothing changes in between
    rows = (await connection.execute(query)).all()
    if rows:
        numbers = [row.id for row in rows]
        await connection.execute(update(core_due).where(core_due.c.id.in_(numbers)).values(state=_FIRED))
    return [_fired(row) for row in rows]


def _fired(row: Any) -> NewRow:
    """The inbox row that is made of a due row."""
    to = decode(row.address, chat_of(row.lane))
    return NewRow(SOURCE, f"{row.id}:{row.generation}", row.lane, row.kind, row.payload, to=to)


class Outlook(NamedTuple):
    """The seconds until the next row is due, None if none waits; whether one is tried again soon; the clock then.

    The clock is the one that all replicas share, as a test has not moved it.
    """

    left: float | None
    retrying: bool
    clock: datetime


async def outlook(database: Database, ahead: float) -> Outlook:
    """What the timer has to expect."""
    clock = now()
    first = select(core_due.c.due_at).where(core_due.c.state == _WAITING).order_by(core_due.c.due_at).limit(1)
    near = core_due.c.due_at <= _moment(database, ahead) + timedelta(seconds=SOON)
    again = exists().where(core_due.c.state == _WAITING, core_due.c.tries > 0, near)
    shown = literal(None) if database.is_sqlite else func.clock_timestamp()
    async with brief(database) as connection:
        due_at, retrying, shared = (await connection.execute(select(first.scalar_subquery(), again, shown))).one()
    clock = shared or clock
    left = (due_at - clock).total_seconds() - ahead if due_at is not None else None
    return Outlook(left, bool(retrying), clock)


# --- its row is handled


class Finder:
    """Looks up the due rows of inbox rows that were fired, and what the database's clock shows by the way."""

    def __init__(self, journal: Journal, clock: SharedClock) -> None:
        self._journal = journal
        self._clock = clock
        self._fired: Together[int, Fired] = Together(self._look, "astral-due-find")

    async def find(self, row: InboxRow) -> InboxRow | None:
        """`row` with what its due row knows; None if that was cancelled or replaced since."""
        number, _, generation = row.ext_id.partition(":")
        due = await self._fired.find(int(number))
        if due is None or due.generation != int(generation):
            return None
        return replace(row, due=due, attempts=due.attempts, received_at=due.since or row.received_at)

    async def _look(self, numbers: list[int]) -> dict[int, Fired]:
        since = time.monotonic()
        found = await self._journal.fired(numbers)
        if found and found[0].clock is not None:  # a run that ends now is not to be followed by one that is over
            self._clock.read(found[0].clock, since)
        return {due.number: due for due in found}


def over(fired: Fired, moment: datetime) -> Ended:
    """The end of a run at `moment`, by the clock that all share: of the due row, or until its next run."""
    if fired.schedule is None:
        return Ended(fired.number, fired.generation)
    again = following(read_schedule(fired.schedule), fired.due_at or moment, moment)
    return Ended(fired.number, fired.generation, again)


def ended(fired: Fired, moment: datetime) -> Any:
    """The work is over: its due row goes, or waits for the next run. Changes no row if it was cancelled."""
    end = over(fired, moment)
    if end.again is None:
        return delete(core_due).where(_same(fired))
    values = {
        "generation": fired.generation + 1, "state": _WAITING, "attempts": 0, "tries": 0, "since": None,
        "due_at": end.again,
    }  # fmt: skip
    return update(core_due).where(_same(fired)).values(values)


def again(database: Database, row: InboxRow, *, delay: float, attempts: int, tried: float, ahead: float) -> Any:
    """Let durable work that failed wait for another try, outside of its lane; it was tried for `tried` seconds."""
    moment = _moment(database, ahead)
    values = {
        "state": _WAITING, "due_at": moment + timedelta(seconds=delay), "attempts": attempts,
        "tries": tries(row) + 1, "since": moment - timedelta(seconds=tried),
    }  # fmt: skip
    if row.due is not None:
        return update(core_due).where(_same(row.due)).values(generation=row.due.generation + 1, **values)
    return insert(core_due).values(
        kind=row.kind, route="", lane=row.lane, key=f"row:{row.seq}", payload=row.payload, generation=2,
        address=encode(row.to, chat_of(row.lane)), person=row.address.user, **values,
    )  # fmt: skip


def tries(row: InboxRow) -> int:
    """How often durable work has failed until now."""
    return row.due.tries if row.due is not None else 0


def tried(row: InboxRow) -> float:
    """For how many seconds durable work had been tried when it was to be tried again.

    Both times were written at once, so that no clock that was set since has a part in it, and no time in which the
    bot was down.
    """
    if row.due is None or row.due.since is None or row.due.due_at is None:
        return 0.0
    return max((row.due.due_at - row.due.since).total_seconds(), 0.0)


# --- jobs


async def keep_jobs(
    database: Database, connection: AsyncConnection, jobs: Sequence[Due], plugins: Collection[str], clock: SharedClock
) -> None:
    """Arm jobs that are new or have another schedule; forget those that `plugins`, which run, declare no more."""
    query = select(core_due.c.id, core_due.c.route, core_due.c.schedule).where(core_due.c.kind == JOB)
    known = {row.route: row for row in (await connection.execute(query)).all()}
    names = {job.route for job in jobs}
    gone = [row.id for name, row in known.items() if name not in names and name.partition(".")[0] in plugins]
    if gone:
        await connection.execute(delete(core_due).where(core_due.c.id.in_(gone)))
    for job in jobs:
        if job.schedule is None:
            raise InboxError(f"the job {job.route!r} has no schedule.")
        if job.route not in known:
            await arm(database, connection, job, clock.ahead())
        elif known[job.route].schedule != job.schedule.encoded():
            moment = job.schedule.after(clock.now())
            due_at = case((core_due.c.state == _WAITING, moment), else_=core_due.c.due_at)
            values = {"schedule": job.schedule.encoded(), "due_at": due_at}
            await connection.execute(update(core_due).where(core_due.c.id == known[job.route].id).values(values))


async def purge(connection: AsyncConnection) -> None:
    """Fired rows whose inbox row has ended in another way: they go, and recurring ones wait again."""
    lost = (core_due.c.state == _FIRED, ~_has_row())
    await connection.execute(delete(core_due).where(*lost, core_due.c.schedule.is_(None)))
    fresh = {"state": _WAITING, "generation": core_due.c.generation + 1, "attempts": 0, "tries": 0, "since": None}
    values = {**fresh, "due_at": shared_now(connection.dialect)}
    await connection.execute(update(core_due).where(*lost, core_due.c.schedule.is_not(None)).values(values))
