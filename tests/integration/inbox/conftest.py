"""An inbox without Telegram: the real store, lanes and worker on a real database; handler and sender are fakes."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Integer, Table, Text, func, select
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import QueuePool

from astral_core.clock import Clock, SystemClock
from astral_core.config import Inbox as InboxSettings
from astral_core.db.engine import Database, open_database
from astral_core.db.migrate import CORE, upgrade
from astral_core.db.tables import core_inbox, core_outbox, plugin_metadata
from astral_core.errors import DatabaseError
from astral_core.handled import Handled
from astral_core.inbox import lanes as lanes_module
from astral_core.inbox import replica as replica_module
from astral_core.inbox import stage as stage_module
from astral_core.inbox import suspects as suspects_module
from astral_core.inbox import worker as worker_module
from astral_core.inbox.build import build_inbox
from astral_core.inbox.effect import Effect, OutgoingEffect, SendResult
from astral_core.inbox.lane import Lane
from astral_core.inbox.lanes import Lanes
from astral_core.inbox.observer import Observer
from astral_core.inbox.outbox import recorded
from astral_core.inbox.replica import Replica
from astral_core.inbox.row_updates import revive
from astral_core.inbox.rows import InboxRow, NewRow, express_lane
from astral_core.inbox.runner import Outcome
from astral_core.inbox.store import Store
from astral_core.inbox.work import UnitOfWork
from astral_core.inbox.worker import Worker
from astral_core.supervisor import Supervisor

notes = Table(
    "weather_notes", plugin_metadata("weather"), Column("id", Integer, primary_key=True), Column("note", Text)
)
Handler = Callable[[InboxRow, UnitOfWork, Outcome], Awaitable[None]]


async def _make_schema(url: str) -> None:
    database = open_database(url)
    try:
        await upgrade(database, [CORE])
        async with database.engine.begin() as connection:
            await connection.run_sync(notes.metadata.create_all)
    finally:
        await database.dispose()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file; its last connection is closed, so that nothing of it stands in a WAL beside it."""
    path = tmp_path_factory.mktemp("template") / "astral.db"
    asyncio.run(_make_schema(f"sqlite+aiosqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres_server: Any) -> Iterator[str]:
    """A migrated database to copy."""
    name = postgres_server.create_database()
    asyncio.run(_make_schema(postgres_server.url(name)))
    yield name
    postgres_server.drop_database(name)


def message(text: str, chat: int, data: bytes | None = None) -> OutgoingEffect:
    """One message to be sent."""
    effect = Effect(method="sendMessage", params={"chat_id": chat, "text": text}, plugin="weather")
    return recorded(effect, data)


async def _does_nothing(row: InboxRow, work: UnitOfWork, outcome: Outcome) -> None:
    """The handler of tests that look elsewhere."""


@dataclass
class FakeRunner:
    """Runs `handler` for every row and notes what ran."""

    handler: Handler = _does_nothing
    seen: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    alarms: bool = False
    refusals: bool = False

    async def run(self, row: InboxRow, work: UnitOfWork, outcome: Outcome) -> None:
        """Run the test's handler."""
        outcome.plugin, outcome.route, outcome.kind = "weather", "now", "message"
        work.plugin = "weather"
        self.seen.append(row.ext_id)
        await self.handler(row, work, outcome)

    async def refusal(self, row: InboxRow, text: str) -> list[OutgoingEffect]:
        """The refusal as a message."""
        return [message(text, row.lane)]

    def refused(self, effect: Effect, error_id: str) -> list[NewRow]:
        """What tells the owner of a refused message: one row in a lane of its own."""
        return [NewRow("internal:step", effect.method, 9, "step", "{}")] if self.refusals else []

    def too_late(self, row: InboxRow) -> None:
        """Note that the row got no answer in time."""
        self.late.append(row.ext_id)

    async def patience(self, row: InboxRow, *, again: bool = False) -> list[OutgoingEffect]:
        """The promise to go on later as a message."""
        return [message("later", row.lane)]

    def is_about_money(self, row: InboxRow) -> bool:
        """Whether the test says so."""
        return row.kind == "money"

    async def apology(self, row: InboxRow, error_id: str) -> list[OutgoingEffect]:
        """The apology as a message."""
        return [message(f"sorry {error_id}", row.lane)]

    def alarm(self, row: InboxRow, outcome: Outcome, error_id: str) -> list[NewRow]:
        """What tells the owner: one row in a lane of its own."""
        return [NewRow("internal:step", f"alarm:{row.ext_id}", 9, "step", "{}")] if self.alarms else []


@dataclass
class FakeSender:
    """Notes what is sent; `fail` is asked first and may raise."""

    sent: list[str] = field(default_factory=list)
    files: list[bytes] = field(default_factory=list)
    fail: Callable[[str], SendResult | None] = lambda _: None

    async def send(self, content: OutgoingEffect, sent: dict[int, SendResult]) -> SendResult:
        """Send a message of the test."""
        text = content.effect.params["text"]
        answer = self.fail(text)
        await asyncio.sleep(0)
        if answer is not None:
            return answer
        self.sent.append(text)
        if content.data is not None:
            self.files.append(content.data)
        return SendResult(message_id=len(self.sent))


@dataclass
class Bench:
    """One process's inbox. `crash` throws its memory away and begins again on the same database."""

    database: Database
    runner: FakeRunner = field(default_factory=FakeRunner)
    sender: FakeSender = field(default_factory=FakeSender)
    max_lane: int = 1000
    max_pending: int = 20_000
    max_chat: int = 20_000
    workers: int = 8
    bot_id: int = 42
    clock: Clock = field(default_factory=SystemClock)
    told: list[Handled] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    notes: Table = notes
    message: Callable[..., OutgoingEffect] = message
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.build()

    @property
    def engine(self) -> AsyncEngine:
        """The engine."""
        return self.database.engine

    def build(self) -> None:
        """New parts, as after the start of a process."""
        self.supervisor = Supervisor()
        settings = InboxSettings(
            handlers=self.workers,
            max_lane=self.max_lane,
            max_pending=self.max_pending,
            max_chat=self.max_chat,
            handler_timeout=5.0,
        )
        self.inbox, _ = build_inbox(
            self.database, settings, bot_id=self.bot_id, name=f"bench-{secrets.token_hex(4)}",
            make_bot=lambda *_: self, supervisor=self.supervisor, clock=self.clock,
            observer=Observer(handled=self.told.append, committed=lambda count, _: self.batches.append(count)),
        )  # fmt: skip

    @property
    def store(self) -> Store:
        """The inbox's store."""
        return self.inbox.store

    @property
    def lanes(self) -> Lanes:
        """The inbox's lanes."""
        return self.inbox.lanes

    @property
    def worker(self) -> Worker:
        """The inbox's worker."""
        return self.inbox.worker

    @property
    def replica(self) -> Replica:
        """The inbox's replica."""
        return self.inbox.replica

    @property
    def pending(self) -> int:
        """Rows that are not handled yet, as this process knows."""
        return self.inbox.backlog.pending

    async def start(self) -> None:
        """Load what is there, begin to commit and to handle."""
        await self.open()
        await self.begin()

    async def begin(self) -> None:
        """Begin to handle, after `open`."""
        await self.replica.begin()
        self.supervisor.start(self.inbox.timer.run(), "astral-due")

    async def open(self, *, closed: bool = False) -> None:
        """Be ready to store, and handle nothing yet; `closed` lanes take nothing before the bench begins."""
        await self.store.start()
        await self.replica.join()
        if not closed:
            self.inbox.lease.claim()
            self.lanes.open(self.worker)

    async def stop(self, grace: float = 5.0) -> None:
        """Drain."""
        await self.inbox.timer.stop()
        await self.supervisor.close()
        await self.inbox.pacer.stop()
        await self.lanes.stop(grace)
        await self.replica.rest()
        await self.store.stop()
        await self.replica.leave()

    async def crash(self) -> None:
        """Lose everything that is in memory, and give nothing back before."""

        async def release(lanes: Any, *, idle: bool) -> list[int]:
            return []

        async def write(work: Any, rows: Any = ()) -> Any:
            raise DatabaseError("this process is dead")

        await self.inbox.timer.stop()
        await self.supervisor.close()
        self.store.journal.release, self.store.write = release, write  # type: ignore[method-assign]
        await self.inbox.pacer.stop()
        await self.lanes.stop(0.0)
        await self.replica.rest()
        await self.store.stop()
        self.inbox.lease.end()  # its row stays, as that of a dead one
        await self.replica.leave()
        self.build()

    def row(self, lane: int = 7, ext_id: str | None = None, **fields: Any) -> NewRow:
        """An update."""
        number = next(self._numbers)
        kind = fields.pop("kind", "message")
        if fields.get("express"):
            lane = express_lane(kind, lane)
        return NewRow("tg:42", ext_id or str(number), lane, kind, "{}", **fields)

    def lane(self, *rows: InboxRow) -> Lane:
        """The lane that these rows of one chat stand in, held by the test so that no worker takes it."""
        found = self.lanes._lanes[rows[0].lane]
        found.busy = True
        return found

    async def step(self, lane: Lane) -> float:
        """Do the lane's next step here; a look into the database is one, too."""
        return await self.lanes._attempt(lane)

    async def ingest(self, lane: int = 7, ext_id: str | None = None, **fields: Any) -> InboxRow | None:
        """Store an update."""
        return await self.store.ingest(self.row(lane, ext_id, **fields))

    async def settle(self) -> None:
        """Wait until nothing is to be done any more."""
        while self.lanes.active or self.inbox.timer.busy or self.inbox.pacer.busy:  # noqa: ASYNC110  # no event tells
            await asyncio.sleep(0.005)

    async def add_note(self, work: UnitOfWork, text: str) -> None:
        """A business write."""
        await work.session.execute(notes.insert().values(note=text))

    def busy_connections(self) -> int:
        """Connections that handlers hold; the journal has a pool of its own."""
        pool = self.engine.pool
        assert isinstance(pool, QueuePool)
        return pool.checkedout()

    async def all_notes(self) -> list[str]:
        """The business data, in order."""
        async with self.engine.connect() as connection:
            return list((await connection.execute(select(notes.c.note).order_by(notes.c.id))).scalars())

    async def states(self) -> dict[str, int]:
        """ext_id to state of every inbox row."""
        async with self.engine.connect() as connection:
            rows = await connection.execute(select(core_inbox.c.ext_id, core_inbox.c.state))
            return {row.ext_id: row.state for row in rows}

    async def count(self, table: Table = core_outbox) -> int:
        """How many rows `table` has."""
        async with self.engine.connect() as connection:
            return int((await connection.execute(select(func.count()).select_from(table))).scalar_one())


@pytest.fixture
def make_bench() -> Callable[..., Bench]:
    """`make_bench(url)`: one more process's inbox; the caller stops it."""
    return lambda url, **fields: Bench(open_database(url), **fields)


@pytest.fixture
async def bench(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    """An inbox on both engines; the pauses after failures are taken out."""
    monkeypatch.setattr(worker_module, "BUG_DELAY", 0.0)
    monkeypatch.setattr(stage_module, "LEAD", 0.05)
    monkeypatch.setattr(worker_module, "ALONE_DELAY", 0.005)
    monkeypatch.setattr(suspects_module, "DOUBT", 0.0)
    monkeypatch.setattr(lanes_module, "FAILED_DELAY", 0.01)
    made = Bench(open_database(database_url))
    yield made
    await made.stop(grace=0.0)
    await made.database.dispose()


@pytest.fixture
async def pair(
    make_bench: Callable[..., Bench], postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Bench, Bench]]:
    """Two replicas on one database, both at work; looks after each other are frequent."""
    monkeypatch.setattr(replica_module, "BEAT", 0.05)
    first, second = make_bench(postgres_url), make_bench(postgres_url)
    for one in (first, second):
        await one.start()
    yield first, second
    for one in (first, second):
        await one.stop(grace=0.0)
        await one.database.dispose()


@pytest.fixture
def astral_retry(bench: Bench) -> Callable[[str], Awaitable[None]]:
    """`await astral_retry(ext_id)`: what `astral inbox retry` does to a dead row."""

    async def retry(ext_id: str) -> None:
        async with bench.engine.connect() as connection:
            seq = (
                await connection.execute(select(core_inbox.c.seq).where(core_inbox.c.ext_id == ext_id))
            ).scalar_one()
        assert await revive(bench.database, seq)

    return retry
