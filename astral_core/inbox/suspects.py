"""Suspects: rows that a process handled when it died. Who killed it is found out by running them apart.

Two tables hold the evidence: `core_runs` says which process began a suspect, `core_deaths` which processes died. A
process that was only taken for dead takes its own death out again, so that only real deaths count.

1. A suspect runs again soon. It has the process to itself for a moment, apart from rows that nobody suspects; the
   more suspects wait, the shorter that moment is. If several ran when the process died, only the one that began last
   is held to have brought it; the others run once more, apart.
2. If a process dies of it again, the row leaves its lane and waits (`inbox.suspect_delay`); its chat goes on.
3. Then it runs a last time, alone. If the process dies again, the row waits once more, and is then a dead letter.

A process that dies while it does not run the row proves that something else kills: nothing is decided as long as that
happens, and the last try is put off. So a storm of kills convicts nobody, and a killer costs three processes; one
more where it kills so late that another suspect has begun after it. Rows about money are tried every hour and never
given up.
"""

from __future__ import annotations

import enum
from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy import delete, exists, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from astral_core.db.engine import Database
from astral_core.db.tables import PARKED, PENDING, core_deaths, core_inbox, core_runs, shared_now
from astral_core.db.upsert import inserting
from astral_core.inbox import row_updates

MONEY_DELAY = 3600.0  # seconds between the tries of a row about money
DOUBT = 3.0  # seconds in which a process that was taken for dead says that it lives
KEEP = timedelta(days=2)  # of deaths, which is longer than any row waits for its last try


class Verdict(enum.Enum):
    """What to do with a suspect."""

    RUN = "run it, after a moment beside others"
    APART = "run it, after a longer moment beside others"
    LAST = "run it a last time, alone"
    SOON = "look again in a moment"
    WAIT = "put it off"
    DROP = "end it in silence: it is too old to be answered"
    GUILTY = "a dead letter"


class Case(NamedTuple):
    """What is known of a suspect.

    `tries`: how often it was put off. `waited`: nothing ran since then. `deaths`: processes that died while they ran
    it, since the evidence was last thrown away; `fresh`: one of them just now; `company`: one of them began another
    suspect later. `others`: processes that died of late while they did not run it.
    """

    tries: int = 0
    waited: bool = False
    deaths: int = 0
    fresh: bool = False
    company: bool = False
    others: int = 0


class Judgement(NamedTuple):
    """A verdict, and whether the runs until now count no longer."""

    verdict: Verdict
    void: bool = False


def judge(case: Case, *, express: bool, money: bool) -> Judgement:
    """Decide about a suspect."""
    if case.deaths and case.fresh:
        return Judgement(Verdict.SOON)
    if express and (case.deaths or case.tries):
        return Judgement(Verdict.DROP, void=True)  # Telegram drops such a question after ten seconds
    if not case.tries and case.deaths < (2 if case.company else 1):
        return Judgement(Verdict.APART if case.deaths else Verdict.RUN)
    if not case.tries:
        return Judgement(Verdict.WAIT, void=True)
    if not case.waited and case.deaths:
        return Judgement(Verdict.WAIT, void=money)  # if others die now, it was not this row
    if case.others:
        return Judgement(Verdict.WAIT, void=True)
    if money or not case.deaths:
        return Judgement(Verdict.LAST, void=True)
    return Judgement(Verdict.GUILTY, void=True)


async def look(database: Database, connection: AsyncConnection, seq: int, delay: float) -> Case:
    """What the database knows of row `seq`; deaths within `delay` seconds are of late.

    A death that is still to come, because the clock was set back since, is of late, but not of this moment.
    """
    moment = shared_now(database.engine.dialect)
    runs = select(core_runs.c.process).where(core_runs.c.seq == seq)
    dead = core_deaths.c.process.in_(runs)
    others = select(func.count()).where(core_deaths.c.at > moment - timedelta(seconds=delay), ~dead)
    just_died = (core_deaths.c.at > moment - timedelta(seconds=DOUBT), core_deaths.c.at <= moment)
    fresh = select(func.count()).where(dead, *just_died)
    own, beside = core_runs.alias(), core_runs.alias()
    company = exists().where(  # who began last before a death is the likeliest to have brought it
        own.c.seq == seq, own.c.process.in_(select(core_deaths.c.process)),
        beside.c.process == own.c.process, beside.c.seq != seq, beside.c.began_at >= own.c.began_at,
    )  # fmt: skip
    row = (
        await connection.execute(
            select(
                core_inbox.c.crashes,
                core_inbox.c.due_at.is_not(None),
                select(func.count()).where(dead).scalar_subquery(),
                fresh.scalar_subquery(),
                company,
                others.scalar_subquery(),
            ).where(core_inbox.c.seq == seq)
        )
    ).first()
    if row is None:  # somebody deleted it; its end will be fenced
        return Case()
    tries, waited, deaths, just_now, company_then, of_others = row
    soon = bool(just_now) and not database.is_sqlite  # a file lock is never wrong
    return Case(tries, bool(waited), deaths, soon, bool(company_then), of_others)


async def begin(database: Database, connection: AsyncConnection, seq: int, process: str, *, waited: bool) -> None:
    """Note that `process` runs the row."""
    moment = {"began_at": shared_now(database.engine.dialect)}
    noted = inserting(database.engine.dialect, core_runs).values(seq=seq, process=process, **moment)
    await connection.execute(noted.on_conflict_do_update(index_elements=["seq", "process"], set_=moment))
    if waited:
        await connection.execute(update(core_inbox).where(core_inbox.c.seq == seq).values(due_at=None))


def ended(seq: int, process: str) -> Any:
    """`process` ran the row and lives."""
    return delete(core_runs).where(core_runs.c.seq == seq, core_runs.c.process == process)


def void(seq: int) -> Any:
    """What ran the row until now proves nothing."""
    return delete(core_runs).where(core_runs.c.seq == seq)


def put_off(database: Database, seq: int, delay: float) -> Any:
    """Let a pending row wait for `delay` seconds, outside of its lane."""
    due = shared_now(database.engine.dialect) + timedelta(seconds=delay)
    return (
        update(core_inbox)
        .where(core_inbox.c.seq == seq, core_inbox.c.state == PENDING)
        .values(state=PARKED, parked_for=row_updates.SUSPECT, due_at=due, crashes=core_inbox.c.crashes + 1)
    )


async def release_due(database: Database, delay: float) -> int:
    """Make rows pending again whose time has come, and let their owners know; return how many.

    Nothing waits for more than `delay` seconds, or MONEY_DELAY: what would was put off before the clock was set back.
    """
    moment = shared_now(database.engine.dialect)
    due_at, longest = core_inbox.c.due_at, timedelta(seconds=max(delay, MONEY_DELAY))
    due = (
        update(core_inbox)
        .where(
            core_inbox.c.state == PARKED,
            core_inbox.c.parked_for == row_updates.SUSPECT,
            or_(due_at <= moment, due_at > moment + longest),
        )
        .values(state=PENDING, parked_for=None)
        .returning(core_inbox.c.lane, core_inbox.c.seq)
    )
    return await row_updates.rows_again(database, due)


async def note_deaths(connection: AsyncConnection, processes: list[str]) -> None:
    """These processes died."""
    for process in processes:
        await connection.execute(delete(core_deaths).where(core_deaths.c.process == process))
        await connection.execute(insert(core_deaths).values(process=process, at=shared_now(connection.dialect)))


def alive(process: str) -> Any:
    """This process lives: nobody died of what it ran."""
    return delete(core_deaths).where(core_deaths.c.process == process)


async def purge(connection: AsyncConnection) -> None:
    """Delete evidence that nobody will look at."""
    before = shared_now(connection.dialect) - KEEP
    await connection.execute(delete(core_deaths).where(core_deaths.c.at < before))
    open_case = exists().where(core_inbox.c.seq == core_runs.c.seq, core_inbox.c.state.in_([PENDING, PARKED]))
    await connection.execute(delete(core_runs).where(core_runs.c.began_at < before, ~open_case))
