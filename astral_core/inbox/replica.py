"""Who handles the inbox of one database, and who takes over from the dead.

SQLite: one process, by a file lock beside the database; a second one ends with a sentence.

PostgreSQL: any number of replicas. Each holds a session advisory lock on a connection of its own, which the server
gives back in the moment in which the process dies, and writes `last_seen` by the database's clock, which tells of a
frozen one. Whoever sees a dead replica cuts its connections, deletes its row (the foreign key frees its lanes) and
all adopt what waits. Safety rests on none of this: an owner that is late is refused by the fence of its lanes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import time
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from astral_core import failpoint
from astral_core._version import __version__
from astral_core.db.engine import Database, driver_of, open_database
from astral_core.db.tables import HANDED_OVER, ORPHANED, core_replicas, now
from astral_core.errors import ConfigError, DatabaseError, InboxError
from astral_core.inbox import suspects
from astral_core.inbox.election import Election
from astral_core.inbox.filelock import FileLock
from astral_core.inbox.lanes import Lanes
from astral_core.inbox.lease import LEASE, Lease
from astral_core.inbox.observer import Observer
from astral_core.inbox.resync import Resync
from astral_core.inbox.rows import InboxStats
from astral_core.inbox.statements import CHANNEL
from astral_core.inbox.store import Store
from astral_core.inbox.worker import Worker
from astral_core.observe.logs import LogThrottle
from astral_core.supervisor import Supervisor

log = logging.getLogger("astral.inbox")
BEAT = 1.0  # seconds between heartbeats
RETRY = 0.25  # seconds between two looks while the database is away, however many wait for it
FROZEN = 10  # seconds without one, by the database's clock, after which a replica is declared dead
GOODBYE = 5.0  # seconds that the last look may take
RETURNED = 4.0  # seconds after it registered anew in which a replica takes nobody for dead: all may have been cut off
FAR_OFF = 5.0  # seconds by which this machine's clock may differ from the database's without a word
SYNC = 15.0  # seconds between looks for rows that nobody holds
_NAMESPACE, _LEADER = 0x4153_5452, 0  # of advisory locks: "ASTR", and the leader's number

_DEAD = f"""
SELECT id, name FROM core_replicas WHERE id <> :me
  AND (last_seen < now() - interval '{FROZEN} seconds' OR pg_try_advisory_xact_lock({_NAMESPACE}, id))
FOR NO KEY UPDATE SKIP LOCKED
"""  # noqa: S608  # constants
# The foreign key would free lanes in any order; commits lock them in the order of their numbers.
_FREE = """
WITH own AS MATERIALIZED (SELECT lane FROM core_lanes WHERE owner = :id ORDER BY lane FOR UPDATE)
UPDATE core_lanes SET owner = NULL, state = :state WHERE lane IN (SELECT lane FROM own)
"""
_CUT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE application_name = :name AND datname = current_database()"
)
_BORN = "UPDATE core_replicas SET last_seen = now(), started_at = now() WHERE id = :me"
_OTHER_BOT = f"""
SELECT bot_id FROM core_replicas WHERE bot_id <> :bot AND last_seen > now() - interval '{FROZEN} seconds'
"""  # noqa: S608  # constants
_BEAT = "UPDATE core_replicas SET last_seen = now(), leader = :leader WHERE id = :me RETURNING 1"


@dataclass(repr=False)
class Replica:
    """This process among those of its database: registered while its `lease` has a number.

    `name` is what all its connections are called at the server.
    """

    database: Database
    store: Store
    lanes: Lanes
    worker: Worker
    lease: Lease
    resync: Resync
    election: Election
    supervisor: Supervisor
    observer: Observer
    bot_id: int
    name: str
    direct_url: str | None = None
    _port: int = 0
    _plugins: str = "{}"  # the state of each, as JSON
    _census: InboxStats | None = None
    _counted: float = float("-inf")
    _handling: bool = False
    _file: FileLock | None = None
    _link: AsyncConnection | None = None
    _direct: Database | None = None
    _task: asyncio.Task[None] | None = None
    _synced: float = 0.0
    _leaving: bool = False
    _inherits: bool = False  # SQLite: the process before this one died
    _returned: float = float("-inf")  # when this replica registered anew, by the monotonic clock
    _complain: LogThrottle = field(default_factory=LogThrottle)
    _off: LogThrottle = field(default_factory=lambda: LogThrottle(3600.0))

    @property
    def census(self) -> InboxStats | None:
        """What the database held when it was counted last; None before."""
        return self._census

    @property
    def counted(self) -> float:
        """When the database was counted last, by the monotonic clock."""
        return self._counted

    def lock(self) -> None:
        """SQLite: refuse a second process before it does anything."""
        if self.database.is_sqlite:
            self._file = FileLock(str(self.database.engine.url.database))
            self._file.acquire()

    async def join(self, port: int = 0) -> None:
        """Register, once the schema is there, and begin to look after the others. `port` is shown to the owner."""
        self._port = port
        await self._register()
        await self._tend()
        self._task = asyncio.create_task(self._look_after(), name="astral-replica")
        self.supervisor.watch(self._task)

    async def begin(self) -> None:
        """Claim lanes from now on, and take what waits already. May be repeated where the database failed."""
        self._handling = True
        self.lease.claim()
        self.lanes.open(self.worker)
        await self.lanes.sync(inherited=self._inherits)
        await self.lanes.adopt()
        self.lanes.start()
        self.resync.request()

    async def tell_plugins(self, states: str) -> None:
        """Let the other replicas know the state of each plugin here, as JSON."""
        self._plugins = states
        async with self.database.engine.begin() as connection:
            row = core_replicas.c.name == self.name
            await connection.execute(update(core_replicas).where(row).values(plugins=states))

    async def rest(self) -> None:
        """Look after nobody any more: the journal is about to be closed."""
        self._leaving = True
        self.resync.wake()
        if self._task is not None:
            _, late = await asyncio.wait({self._task}, timeout=GOODBYE)
            for task in late:
                task.cancel()

    async def leave(self) -> None:
        """Say goodbye: the others need not find out."""
        if self.lease.number is not None:
            with contextlib.suppress(SQLAlchemyError, OSError):  # the others find out by themselves
                async with self.database.engine.begin() as connection:
                    await connection.execute(delete(core_replicas).where(core_replicas.c.id == self.lease.number))
        await self._disconnect()
        if self._direct is not None:
            await self._direct.dispose()
        if self._file is not None:
            self._file.release()

    # --- registration

    async def _register(self) -> None:
        if self.database.is_sqlite:
            async with self.database.engine.begin() as connection:
                # The file lock says that they are dead. One that ended by itself has taken its row away.
                died = list((await connection.execute(select(core_replicas.c.name))).scalars())
                await suspects.note_deaths(connection, died)
                await connection.execute(delete(core_replicas))
                await connection.execute(insert(core_replicas).values(**self._columns(1)))
            self.lease.grant(1)
            self._inherits = bool(died)
            self.election.decide(True)
            return
        await self._disconnect()
        if self._direct is None:
            url = self.direct_url or self.database.engine.url.render_as_string(hide_password=False)
            self._direct = open_database(url, 2, name=self.name)  # handlers may take all of the other connections
        link = await self._direct.engine.connect()
        self._link = link = await link.execution_options(isolation_level="AUTOCOMMIT")
        number = int((await link.execute(text("SELECT nextval('core_replica_ids')"))).scalar_one())
        # The lock first: a row without it would be that of a dead one.
        await link.execute(text(f"SELECT pg_advisory_lock({_NAMESPACE}, :me)"), {"me": number})
        await self._refuse_another_bot(link)
        await self._forget_earlier_self(link)
        await link.execute(suspects.alive(self.name))
        await link.execute(insert(core_replicas).values(**self._columns(number)))
        await link.execute(
            text("UPDATE core_replicas SET last_seen = now(), started_at = now() WHERE id = :me"), {"me": number}
        )
        from astral_core.db.translated import translated  # asyncpg, of no use on SQLite

        raw: Any = driver_of(link)
        with translated("inbox"):
            await raw.add_listener(CHANNEL, self._heard)
            await raw.add_listener(f"{CHANNEL}_{number}", self._heard)
        self.lease.grant(number)
        if self._handling:
            self._returned = time.monotonic()
        log.info("this is replica %d", number)

    async def _forget_earlier_self(self, link: AsyncConnection) -> None:
        """Free the lanes that were ours under another number, in the order in which commits lock them."""
        earlier = select(core_replicas.c.id).where(core_replicas.c.name == self.name)
        for number in (await link.execute(earlier)).scalars().all():
            await link.execute(text(_FREE), {"id": number, "state": HANDED_OVER})  # nobody died
            await link.execute(delete(core_replicas).where(core_replicas.c.id == number))

    def _columns(self, number: int) -> dict[str, Any]:
        return {
            "id": number, "name": self.name, "bot_id": self.bot_id, "host": socket.gethostname()[:128],
            "pid": os.getpid(), "port": self._port, "version": __version__, "leader": self.database.is_sqlite,
            "plugins": self._plugins,
        }  # fmt: skip

    async def _refuse_another_bot(self, link: AsyncConnection) -> None:
        other = (await link.execute(text(_OTHER_BOT), {"bot": self.bot_id})).scalar()
        if other is not None:
            raise ConfigError(
                f"the bot {other} runs on this database, this is {self.bot_id}. Fix: give each bot a database of its "
                "own (ASTRAL_DATABASE__URL)."
            )

    async def _disconnect(self) -> None:
        link, self._link = self._link, None
        self.lease.end()
        if link is not None:
            with contextlib.suppress(SQLAlchemyError, OSError):
                await link.invalidate()  # back in the pool it would keep the lock
                await link.close()

    def _heard(self, connection: Any, pid: int, channel: str, payload: str) -> None:
        """Other replicas stored rows for our lanes (their numbers, or none where they are too many), or left some."""
        del connection, pid
        if channel == CHANNEL:
            self.resync.wake()
        elif not payload or not self.lanes.notified(int(number) for number in payload.split(",")):
            self.resync.request()

    # --- looking after

    async def _look_after(self) -> None:
        while not self._leaving:
            try:
                await self._tend()
            except (SQLAlchemyError, OSError, InboxError, DatabaseError) as error:
                if self._complain() is not None:
                    log.warning("could not look into the database (%s); trying again", type(error).__name__)
                await asyncio.sleep(RETRY)
                self.resync.calm()
            await self.resync.wait(BEAT)

    async def _tend(self) -> None:
        if not self.database.is_sqlite and not await self._stays():
            return
        if self._handling:
            if await self.lanes.adopt():
                self.resync.wake()  # perhaps there are more; first the next heartbeat
            await self._sync()
            await self.lanes.check_resting()
            await self.lanes.release_idle()
        if self.store.failing:
            await self._try_to_write()
        census = await self._count()
        if census.parked and self.election.leader and self._handling and await self._release_suspects():
            self.resync.request()

    async def _count(self) -> InboxStats:
        """Count what the database holds; which chats have much of it only where any can have."""
        backlog, journal = self.store.backlog, self.store.journal
        asked, since = backlog.ask(), time.monotonic()
        self._census = census = await journal.count()
        if census.clock is not None:
            self.store.shared.read(census.clock, since)
            self._tell_of_a_wrong_clock()
        many = census.pending - census.internal >= backlog.notable
        fullest = await journal.fullest(backlog.notable) if many else {}
        self._counted = time.monotonic()
        backlog.correct(pending=census.pending, internal=census.internal, asked=asked, fullest=fullest)
        return census

    def _tell_of_a_wrong_clock(self) -> None:
        off = self.store.shared.off()
        if abs(off) > FAR_OFF and self._off() is not None:
            log.warning(
                "this machine's clock is %.0f s %s the database's, which counts. Fix: let both machines set their "
                "clocks by NTP.", abs(off), "ahead of" if off > 0 else "behind",
            )  # fmt: skip

    async def _release_suspects(self) -> int:
        return await suspects.release_due(self.database, self.worker.suspect_delay)

    async def _stays(self) -> bool:
        """Beat, and bury the dead. Where that fails this replica may be one of them for the others."""
        try:
            async with asyncio.timeout(LEASE):  # a connection that leads nowhere tells nothing by itself
                if self.lease.number is None:
                    await self._register()
                known = await self._beat()
                if known:
                    await self._bury_the_dead()
        except (SQLAlchemyError, OSError) as error:
            await self._expelled(f"the database is away ({type(error).__name__})")
            raise
        if not known:
            await self._expelled("the other replicas took this one for dead")
        return known

    async def _try_to_write(self) -> None:
        """Find out whether commits succeed again; nobody else would, while no traffic comes."""
        beat = update(core_replicas).where(core_replicas.c.id == self.lease.number).values(last_seen=now())
        with contextlib.suppress(DatabaseError):  # it is as it was
            await self.store.write(lambda connection: connection.execute(beat))

    async def _beat(self) -> bool:
        """Say that this replica lives, and try to lead; False where it is not known any more."""
        if self._link is None:
            return False
        before = time.monotonic()
        if not self.election.leader:
            lead = text(f"SELECT pg_try_advisory_lock({_NAMESPACE}, {_LEADER})")
            self.election.decide(bool((await self._link.execute(lead)).scalar_one()))
        beat = {"me": self.lease.number, "leader": self.election.leader}
        if not (await self._link.execute(text(_BEAT), beat)).scalar():
            return False
        self.lease.renew(before)
        return True

    async def _bury_the_dead(self) -> None:
        """Cut the connections of dead replicas and free their lanes, in one transaction."""
        if self._direct is None or time.monotonic() - self._returned < RETURNED:
            return
        async with self._direct.engine.connect() as connection:
            for number, name in (await connection.execute(text(_DEAD), {"me": self.lease.number})).all():
                log.warning("replica %d is dead; its chats are taken over", number)
                await connection.execute(text(_CUT), {"name": name})
                await suspects.note_deaths(connection, [name])
                await connection.execute(text(_FREE), {"id": number, "state": ORPHANED})
                await connection.execute(delete(core_replicas).where(core_replicas.c.id == number))
                self.resync.request()  # it may have died between a commit and its notice to us
                self.observer.taken_over()
                if failpoint.armed:
                    failpoint.hit("replica.takeover")
            await connection.commit()

    async def _sync(self) -> None:
        if not self.resync.take() and time.monotonic() - self._synced < SYNC:
            return
        self._synced = time.monotonic()
        await self.lanes.sync()

    async def _expelled(self, why: str) -> None:
        """Begin anew under another id: what was ours may be another's by now."""
        if self.lease.number is not None:
            log.warning("%s; this process gives up its chats and registers anew", why)
        self.election.decide(False)
        self.lease.end()
        self.lanes.forget_all()
        await self._disconnect()
        self.resync.request()
