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
import secrets
import socket
import time
from collections.abc import Callable
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
from astral_core.inbox.filelock import FileLock
from astral_core.inbox.lanes import Lanes
from astral_core.inbox.rows import Census
from astral_core.inbox.statements import CHANNEL
from astral_core.inbox.store import Store
from astral_core.observe.logs import Seldom

log = logging.getLogger("astral.inbox")
BEAT = 1.0  # seconds between heartbeats
RETRY = 0.25  # seconds between two looks while the database is away, however many wait for it
FROZEN = 10  # seconds without one, by the database's clock, after which a replica is declared dead
LEASE = 7.0  # seconds after its last heartbeat for which a replica may send: less than FROZEN, by its own clock
GOODBYE = 5.0  # seconds that the last look may take
RETURNED = 4.0  # seconds after it registered anew in which a replica takes nobody for dead: all may have been cut off
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


@dataclass
class Replica:
    """This process among those of its database. `registered` while it is one of them.

    One of them is the leader, which does what only one may do. `on_count` is told what the database holds,
    `on_takeover` of each replica that was found dead, `on_end` of a failure here.
    """

    database: Database
    store: Store
    lanes: Lanes
    bot_id: int
    name: str = field(default_factory=lambda: f"astral-{secrets.token_hex(4)}")
    direct_url: str | None = None
    port: int = 0
    plugins: str = "{}"  # the state of each, as JSON: the others shall see it
    on_count: Callable[[Census], None] | None = None
    on_takeover: Callable[[], None] | None = None
    on_end: Callable[[asyncio.Task[None]], None] | None = None
    leader: bool = False
    terms: int = 0  # how often this replica has become the leader
    handling: bool = False
    _file: FileLock | None = None
    _link: AsyncConnection | None = None
    _direct: Database | None = None
    _task: asyncio.Task[None] | None = None
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _seen: float = 0.0
    _synced: float = 0.0
    _unsure: bool = False
    _leaving: bool = False
    _inherits: bool = False  # SQLite: the process before this one died
    _returned: float = float("-inf")  # when this replica registered anew, by the monotonic clock
    _id: int | None = None
    _complain: Seldom = field(default_factory=lambda: Seldom(5.0))
    _led: asyncio.Event = field(default_factory=asyncio.Event)
    _deposed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def registered(self) -> bool:
        """Whether the database knows this replica."""
        return self._id is not None

    @property
    def number(self) -> int | None:
        """What the database calls this replica."""
        return self._id

    def may_send(self) -> bool:
        """Whether no other replica can have been told yet that this one is dead."""
        return self.database.is_sqlite or (self.registered and time.monotonic() - self._seen < LEASE)

    def lock(self) -> None:
        """SQLite: refuse a second process before it does anything."""
        if self.database.is_sqlite:
            self._file = FileLock(str(self.database.engine.url.database))
            self._file.acquire()

    async def join(self) -> None:
        """Register, once the schema is there, and begin to look after the others."""
        await self._register()
        await self._tend()
        self._task = asyncio.create_task(self._look_after(), name="astral-replica")
        if self.on_end is not None:
            self._task.add_done_callback(self.on_end)

    async def begin(self) -> None:
        """Claim lanes from now on, and take what waits already. May be repeated where the database failed."""
        self.handling = True
        self.store.journal.replica = self._id
        await self.lanes.sync(inherited=self._inherits)
        await self.lanes.adopt()
        self.lanes.start()
        self.unsure()

    def unsure(self) -> None:
        """Look into the database soon: there may be rows that this process stored and does not know of."""
        self._unsure = True
        self._wake.set()

    async def led(self) -> None:
        """Wait until this replica is the leader."""
        await self._led.wait()

    async def deposed(self) -> None:
        """Wait until this replica is the leader no more."""
        await self._deposed.wait()

    def _lead(self, leader: bool) -> None:
        if leader and not self.leader:
            self.terms += 1
        self.leader = leader
        (self._led.set if leader else self._led.clear)()
        (self._deposed.clear if leader else self._deposed.set)()

    async def rest(self) -> None:
        """Look after nobody any more: the journal is about to be closed."""
        self._leaving = True
        self._wake.set()
        if self._task is not None:
            _, late = await asyncio.wait({self._task}, timeout=GOODBYE)
            for task in late:
                task.cancel()

    async def leave(self) -> None:
        """Say goodbye: the others need not find out."""
        if self._id is not None:
            with contextlib.suppress(SQLAlchemyError, OSError):  # the others find out by themselves
                async with self.database.engine.begin() as connection:
                    await connection.execute(delete(core_replicas).where(core_replicas.c.id == self._id))
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
                await suspects.note_deaths(self.database, connection, died)
                await connection.execute(delete(core_replicas))
                await connection.execute(insert(core_replicas).values(**self._columns(1)))
            self._id = 1
            self._inherits = bool(died)
            self._lead(True)
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
        from astral_core.inbox.postgres import translated  # asyncpg, of no use on SQLite

        raw: Any = driver_of(link)
        with translated():
            await raw.add_listener(CHANNEL, self._heard)
            await raw.add_listener(f"{CHANNEL}_{number}", self._heard)
        self._id, self._seen = number, time.monotonic()
        if self.handling:
            self.store.journal.replica = number
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
            "pid": os.getpid(), "port": self.port, "version": __version__, "leader": self.database.is_sqlite,
            "plugins": self.plugins,
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
        self._id = None
        if link is not None:
            with contextlib.suppress(SQLAlchemyError, OSError):
                await link.invalidate()  # back in the pool it would keep the lock
                await link.close()

    def _heard(self, connection: Any, pid: int, channel: str, payload: str) -> None:
        """Other replicas stored rows for our lanes (their numbers, or none where they are too many), or left some."""
        del connection, pid
        if channel == CHANNEL:
            self._wake.set()
        elif not payload or not self.lanes.notified(int(number) for number in payload.split(",")):
            self.unsure()

    # --- looking after

    async def _look_after(self) -> None:
        while not self._leaving:
            try:
                await self._tend()
            except (SQLAlchemyError, OSError, InboxError, DatabaseError) as error:
                if self._complain() is not None:
                    log.warning("could not look into the database (%s); trying again", type(error).__name__)
                await asyncio.sleep(RETRY)
                self._wake.clear()  # whoever wanted to know something meanwhile has waited, too
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(BEAT):
                    await self._wake.wait()
            self._wake.clear()

    async def _tend(self) -> None:
        if not self.database.is_sqlite and not await self._stays():
            return
        if self.handling:
            if await self.lanes.adopt():
                self._wake.set()  # perhaps there are more; first the next heartbeat
            await self._sync()
            await self.lanes.release_idle()
        if self.store.failing:
            await self._try_to_write()
        census = await self.store.journal.count()
        if self.on_count:
            self.on_count(census)
        if census.parked and self.leader and self.handling and await suspects.release_due(self.database):
            self.unsure()

    async def _stays(self) -> bool:
        """Beat, and bury the dead. Where that fails this replica may be one of them for the others."""
        try:
            async with asyncio.timeout(LEASE):  # a connection that leads nowhere tells nothing by itself
                if not self.registered:
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
        beat = update(core_replicas).where(core_replicas.c.id == self._id).values(last_seen=now())
        with contextlib.suppress(DatabaseError):  # it is as it was
            await self.store.write(lambda connection: connection.execute(beat))
            self.store.failing = False

    async def _beat(self) -> bool:
        """Say that this replica lives, and try to lead; False where it is not known any more."""
        if self._link is None:
            return False
        before = time.monotonic()
        if not self.leader:
            lead = text(f"SELECT pg_try_advisory_lock({_NAMESPACE}, {_LEADER})")
            self._lead(bool((await self._link.execute(lead)).scalar_one()))
        if not (await self._link.execute(text(_BEAT), {"me": self._id, "leader": self.leader})).scalar():
            return False
        self._seen = before
        return True

    async def _bury_the_dead(self) -> None:
        """Cut the connections of dead replicas and free their lanes, in one transaction."""
        if self._direct is None or time.monotonic() - self._returned < RETURNED:
            return
        async with self._direct.engine.connect() as connection:
            for number, name in (await connection.execute(text(_DEAD), {"me": self._id})).all():
                log.warning("replica %d is dead; its chats are taken over", number)
                await connection.execute(text(_CUT), {"name": name})
                await suspects.note_deaths(self.database, connection, [name])
                await connection.execute(text(_FREE), {"id": number, "state": ORPHANED})
                await connection.execute(delete(core_replicas).where(core_replicas.c.id == number))
                self._unsure = True  # it may have died between a commit and its notice to us
                if self.on_takeover:
                    self.on_takeover()
                if failpoint.armed:
                    failpoint.hit("replica.takeover")
            await connection.commit()

    async def _sync(self) -> None:
        if not self._unsure and time.monotonic() - self._synced < SYNC:
            return
        self._unsure = False
        self._synced = time.monotonic()
        await self.lanes.sync()

    async def _expelled(self, why: str) -> None:
        """Begin anew under another id: what was ours may be another's by now."""
        if self.registered:
            log.warning("%s; this process gives up its chats and registers anew", why)
        self._lead(False)
        self.store.journal.replica = None
        self.lanes.forget_all()
        await self._disconnect()
        self._unsure = True
