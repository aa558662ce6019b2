"""Rare cases that cost an update, a message or the whole bot once they come: each was seen to, and stays seen to."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any, Self

import asyncpg
import pytest
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.engine import make_url

from astral_core.bot.people import People
from astral_core.db import engine as engine_module
from astral_core.db import link as link_module
from astral_core.db.engine import open_database
from astral_core.db.tables import DEAD, DONE, core_inbox, core_lanes, core_replicas, core_users, now
from astral_core.errors import TelegramThrottled
from astral_core.inbox import replica as replica_module
from astral_core.inbox.due import Due
from astral_core.inbox.effect import SendResult, SlotState
from astral_core.inbox.lease import Lease
from astral_core.inbox.postgres import PostgresJournal
from astral_core.inbox.rows import LaneSnapshot, NewRow, express_lane
from astral_core.inbox.work import UnitOfWork


async def until(condition: Any) -> None:
    """Wait for something that has no event."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  # no event tells
            await asyncio.sleep(0.01)


async def test_a_handler_that_rolled_back_itself_ends_in_a_transaction_too(bench) -> None:
    """After `session.rollback()` of its own the end of the row and its messages are still all or nothing."""
    failed: list[bool] = []

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        await bench.add_note(work, "taken back")
        await work.session.rollback()
        outcome.contents = [bench.message("hello", row.lane)]

    bench.runner.handler = handler
    record = bench.store.journal.record

    async def fail_once(*arguments: Any) -> None:
        if not failed:
            failed.append(True)
            raise ConnectionError("the connection broke")
        await record(*arguments)

    bench.store.journal.record = fail_once
    await bench.start()
    await bench.ingest(ext_id="1")
    await bench.settle()
    assert bench.sender.sent == ["hello"]
    assert await bench.states() == {"1": DONE}
    assert await bench.all_notes() == []


async def test_a_panic_in_an_extension_is_a_dead_letter_and_no_dead_worker(bench) -> None:
    """What is no Exception ends the row that raised it, not the workers one by one."""

    class PanicError(BaseException):
        pass

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        if row.ext_id.startswith("bad"):
            raise PanicError("index out of bounds")
        outcome.contents = [bench.message(row.ext_id, row.lane)]

    bench.runner.handler = handler
    bench.workers = 2
    bench.build()
    await bench.start()
    for number in range(3):
        await bench.ingest(lane=number, ext_id=f"bad {number}")
    await bench.settle()
    await bench.ingest(lane=9, ext_id="good")
    await bench.settle()
    assert "good" in bench.sender.sent
    assert await bench.states() == {"bad 0": DEAD, "bad 1": DEAD, "bad 2": DEAD, "good": DONE}


async def test_a_dead_row_of_a_free_chat_can_be_revived(bench, astral_retry) -> None:
    """Nobody owns the chat, as after some seconds of silence: whoever is there takes the row."""
    fails = True

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        if fails:
            raise ValueError("a bug")

    bench.runner.handler = handler
    await bench.start()
    await bench.ingest(ext_id="1")
    await bench.settle()
    assert await bench.states() == {"1": DEAD}
    async with bench.engine.begin() as connection:
        await connection.execute(update(core_lanes).values(owner=None, state=0))
    bench.lanes.forget_all()
    fails = False
    await astral_retry("1")
    await bench.lanes.sync()
    await bench.lanes.adopt()
    await bench.settle()
    assert await bench.states() == {"1": DONE}


async def test_suspicion_is_forgotten_with_its_row(bench) -> None:
    """What an earlier process left is handled, and nothing of it stays in memory."""
    await bench.open(closed=True)
    for number in range(20):
        await bench.ingest(lane=number)
    await bench.replica.begin()
    await bench.settle()
    assert set((await bench.states()).values()) == {DONE}
    assert bench.inbox.inflight.suspects == 0


async def test_a_stop_in_the_middle_of_an_answer_says_nothing_twice(bench) -> None:
    """Telegram throttles the second of three messages for longer than the bot takes to stop: the next one goes on."""
    throttled = True

    def fail(words: str) -> None:
        if throttled and words == "two":
            raise TelegramThrottled("sendMessage", "Too Many Requests", 60.0)

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        outcome.contents = [bench.message(words, row.lane) for words in ("one", "two", "three")]

    bench.runner.handler, bench.sender.fail = handler, fail
    await bench.start()
    await bench.ingest(ext_id="1")
    await until(lambda: bench.sender.sent == ["one"])
    await bench.stop()
    assert await bench.states() == {"1": DONE}
    throttled = False
    bench.build()
    await bench.start()
    await until(lambda: len(bench.sender.sent) == 3)
    await bench.settle()
    assert bench.sender.sent == ["one", "two", "three"]
    assert len(bench.runner.seen) == 1


# --- PostgreSQL


@pytest.mark.postgres
async def test_handlers_that_hold_all_connections_hold_up_no_acknowledgement(make_bench, postgres_url) -> None:
    """The inbox has connections of its own: Telegram does not wait for a handler that waits for Telegram."""
    bench = make_bench(postgres_url)
    bench.database = open_database(postgres_url, 2)
    bench.workers = 16
    bench.build()
    go = asyncio.Event()

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        if row.ext_id.startswith("slow"):
            await work.session.execute(select(core_inbox.c.seq).limit(1))
            await go.wait()
        outcome.contents = [bench.message(row.ext_id, row.lane)]

    def slot(words: str) -> SendResult | None:
        return (
            SendResult(message_id=1, slot=SlotState(chat_id=7, slot="main", message_id=1, photo=False))
            if words
            else None
        )

    bench.runner.handler, bench.sender.fail = handler, slot
    await bench.start()
    for number in range(8):
        await bench.ingest(lane=100 + number, ext_id=f"slow {number}")
    await until(lambda: len(bench.runner.seen) == 8)
    async with asyncio.timeout(3):
        await bench.ingest(lane=7, ext_id="quick")
        await bench.ingest(lane=8, ext_id="next")
    go.set()
    await bench.settle()
    await bench.stop()
    await bench.database.dispose()


@pytest.mark.postgres
async def test_a_late_failure_does_not_bury_what_its_successor_handles(make_bench, postgres_url, monkeypatch) -> None:
    """A replica that was taken for dead fails in its handler: the row is the other's by now, and is done."""
    monkeypatch.setattr(replica_module, "BEAT", 0.05)
    first, second = make_bench(postgres_url), make_bench(postgres_url)
    late, begun, go = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def fails_late(row: Any, work: Any, outcome: Any) -> None:
        await late.wait()
        raise ValueError("too late")

    async def takes_its_time(row: Any, work: Any, outcome: Any) -> None:
        begun.set()
        await go.wait()
        await second.add_note(work, row.ext_id)

    first.runner.handler, second.runner.handler = fails_late, takes_its_time
    await first.start()
    await second.start()
    await first.ingest(ext_id="1")
    await until(lambda: first.runner.seen == ["1"])
    first.replica._leaving = True  # it notices nothing
    async with second.engine.begin() as connection:
        await connection.execute(delete(core_replicas).where(core_replicas.c.id == first.replica.lease.number))
    await begun.wait()
    late.set()
    await until(lambda: any(told.outcome == "retry" for told in first.told))
    await until(lambda: 7 not in first.lanes._lanes)
    go.set()
    await second.settle()
    assert await second.states() == {"1": DONE}
    assert await second.all_notes() == ["1"]
    for bench in (first, second):
        await bench.stop(grace=0.0)
        await bench.database.dispose()


@pytest.fixture
async def journals(postgres_url: str) -> AsyncIterator[list[PostgresJournal]]:
    """Two replicas' journals, and three thousand lanes of the first one."""
    database = open_database(postgres_url, 4)
    one = {"bot_id": 42, "host": "h", "pid": 1, "port": 1, "version": "1", "leader": False}
    lanes = [{"lane": number, "owner": 1, "epoch": 1, "arrivals": 0, "state": 1} for number in range(3000)]
    random.Random(7).shuffle(lanes)  # noqa: S311  # dice of a test
    async with database.engine.begin() as connection:
        await connection.execute(insert(core_replicas), [{"id": n, "name": f"n{n}", **one} for n in (1, 2)])
        await connection.execute(insert(core_lanes), lanes)
    made = []
    for number in (1, 2):
        lease = Lease(shared=True)
        lease.grant(number)
        lease.claim()
        made.append(PostgresJournal(database, 42, lease))
        await made[-1].open()
    yield made
    for journal in made:
        await journal.close()
    await database.dispose()


@pytest.mark.postgres
async def test_lanes_that_are_given_back_and_lanes_that_are_fed_never_wait_for_each_other(journals) -> None:
    """A commit locks its lanes in order; who gives many of them back at the same time makes no deadlock."""
    first, second = journals
    dice = random.Random(7)  # noqa: S311  # the same
    for turn in range(10):
        held = [LaneSnapshot(lane, 1, 0) for lane in dice.sample(range(3000), 3000)]
        rows = [NewRow("tg:42", f"{turn}-{lane}", lane, "message", "{}") for lane in dice.sample(range(3000), 300)]
        idle = turn % 2 == 0
        await asyncio.gather(first.release(held, idle=idle), second.commit(rows, []))


@pytest.mark.postgres
async def test_a_frozen_replica_that_holds_a_claim_open_is_found_dead(journals, postgres_url: str) -> None:
    """Its transaction holds its own row by the foreign key: that must not hide it from those who look."""
    database = open_database(postgres_url, 2)
    async with database.engine.begin() as connection:
        old = text("UPDATE core_replicas SET last_seen = now() - interval '1 minute' WHERE id = 2")
        await connection.execute(old)
    async with database.engine.connect() as frozen, database.engine.connect() as looks:
        await frozen.execute(insert(core_lanes).values(lane=-5, owner=2, epoch=1, arrivals=1, state=1))
        found = (await looks.execute(text(replica_module._DEAD), {"me": 1})).all()
    assert [row.id for row in found] == [2]
    await database.dispose()


@pytest.mark.postgres
async def test_an_express_query_caches_no_language(journals, postgres_url: str) -> None:
    """The chat may be another replica's, where the language is changed: it is asked for when the chat comes here."""
    database = open_database(postgres_url, 2)
    async with database.engine.begin() as connection:
        values = {"first_name": "Vera", "language": "en", "created_at": now(), "seen_at": now()}
        await connection.execute(insert(core_users).values(id=7, **values))
    people = People(database)
    await people.user(7, express_lane("inline_query", 7))
    async with database.engine.begin() as connection:
        await connection.execute(update(core_users).values(language="ru"))
    user = await people.user(7, 7)
    assert user is not None
    assert user.language == "ru"
    await database.dispose()


class Wire:
    """A proxy before the server's socket; `cut` lets the connections stand, and nothing go through."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._open: list[asyncio.Event] = []
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        for event in self._open:
            event.set()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """All connections that are open now lead nowhere; new ones work."""
        for event in self._open:
            event.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
        there, back = await asyncio.open_unix_connection(self._path)
        self._writers += [writer, back]
        is_open = asyncio.Event()
        is_open.set()
        self._open.append(is_open)

        async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            try:
                while data := await source.read(65536):
                    await is_open.wait()
                    target.write(data)
                    await target.drain()
            except ConnectionError:
                return
            finally:
                target.close()

        await asyncio.gather(pump(reader, back), pump(there, writer))


@pytest.mark.long
@pytest.mark.postgres
async def test_connections_that_lead_nowhere_are_given_up(make_bench, postgres_url: str, monkeypatch) -> None:
    """After a failover the old connections say nothing any more: posts fail soon, and then they work again."""
    monkeypatch.setattr(link_module, "ANSWER", 0.5)
    monkeypatch.setattr(engine_module, "ANSWER", 0.5)
    monkeypatch.setattr(replica_module, "LEASE", 0.5)
    monkeypatch.setattr(replica_module, "BEAT", 0.05)
    url = make_url(postgres_url)
    folder = url.query.get("host")
    if not isinstance(folder, str):
        pytest.skip("the server has no unix socket")
    async with Wire(f"{folder}/.s.PGSQL.{url.port or 5432}") as wire:
        bench = make_bench(f"postgresql+asyncpg://{url.username}@127.0.0.1:{wire.port}/{url.database}")
        await bench.start()
        await bench.ingest(ext_id="before")
        await bench.settle()
        before = bench.replica.lease.number
        wire.cut()
        await until(lambda: bench.replica.lease.number is not None and bench.replica.lease.number != before)
        await until(lambda: bench.store.journal.owner is not None)

        async def posted() -> bool:
            try:
                return await bench.ingest(ext_id="after") is not None
            except Exception:  # noqa: BLE001  # Telegram would come again, too
                return False

        async with asyncio.timeout(20):
            while not await posted():  # noqa: ASYNC110  # no event tells
                await asyncio.sleep(0.05)
        await until(lambda: "after" in bench.runner.seen)
        work = UnitOfWork(bench.database, bench.store, "weather")  # the timer's connections have led nowhere, too
        work.due.append(Due("step", "weather.fire", 7, "k", "{}"))
        await work.commit()
        await work.close()
        await until(lambda: any(name.endswith(":1") for name in bench.runner.seen))
        await bench.stop(grace=0.0)
        await bench.database.dispose()


async def test_the_inbox_asks_the_server_for_no_types(make_bench, postgres_url, monkeypatch) -> None:
    """A driver that looks up array types does so anew for each statement of each new connection."""
    looked_up: list[Any] = []

    async def look_up(connection: Any, oids: Any, limit: Any) -> Any:
        looked_up.append(oids)
        return await introspect(connection, oids, limit)

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        await one.add_note(work, row.ext_id)
        outcome.contents = [one.message(row.ext_id, row.lane)]

    introspect = asyncpg.Connection._introspect_types
    monkeypatch.setattr(asyncpg.Connection, "_introspect_types", look_up)
    one = make_bench(postgres_url)
    one.runner.handler = handler
    await one.start()
    await one.ingest(ext_id="1")
    await one.ingest(ext_id="2")
    await one.settle()
    await one.stop()
    await one.database.dispose()
    assert one.sender.sent == ["1", "2"]
    assert looked_up == []
