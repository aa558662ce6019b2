"""What `Store.ingest` promises: durable when it returns, once per update, nobody suffers for another."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import select, text

from astral_core.db.engine import open_database
from astral_core.db.tables import DEAD, DONE, PENDING, core_inbox, core_users
from astral_core.errors import DatabaseError, IngestRefused
from astral_core.inbox.envelope import Sender


async def test_ingest_is_durable_when_it_returns(bench, database_url: str) -> None:
    """A second, independent connection sees the row as soon as `ingest` returned."""
    await bench.open()
    stored = await bench.ingest(lane=5, ext_id="100")
    other = open_database(database_url)
    try:
        async with other.engine.connect() as connection:
            row = (await connection.execute(select(core_inbox))).one()
    finally:
        await other.dispose()
    assert (row.seq, row.ext_id, row.lane, row.state, row.payload) == (stored.seq, "100", 5, PENDING, "{}")
    assert row.received_at == stored.received_at
    assert row.received_at.tzinfo is not None


async def test_the_same_update_is_stored_once_across_commits(bench, monkeypatch) -> None:
    """A repeated delivery is None, counts nothing and is not handed out again."""
    handed: list[Any] = []
    monkeypatch.setattr(bench.lanes, "dispatch", lambda stored: handed.extend(row for row in stored.rows if row))
    await bench.open()
    first = await bench.ingest(ext_id="1")
    assert await bench.ingest(ext_id="1") is None
    assert [row.seq for row in handed] == [first.seq]
    assert bench.pending == 1


async def test_the_same_update_twice_in_one_commit_is_stored_once(bench, monkeypatch) -> None:
    """Two equal rows of one batch are one row: one caller gets it, the other None."""
    handed: list[Any] = []
    monkeypatch.setattr(bench.lanes, "dispatch", lambda stored: handed.extend(row for row in stored.rows if row))
    waiting = [asyncio.ensure_future(bench.ingest(ext_id="1")) for _ in range(2)]
    await asyncio.sleep(0)
    await bench.open()
    results = await asyncio.gather(*waiting)
    assert bench.batches == [2]
    assert [result is None for result in results] == [False, True]
    assert len(handed) == 1


async def test_the_same_number_of_another_source_is_another_update(bench) -> None:
    """The key is source and id together."""
    await bench.open()
    row = bench.row(ext_id="1")
    row.source = "tg:43"
    assert await bench.ingest(ext_id="1") is not None
    assert await bench.store.ingest(row) is not None


async def test_concurrent_ingest_shares_commits(bench, monkeypatch) -> None:
    """What arrives during a commit goes into the next one together; seqs are handed out in order."""
    handed: list[int] = []
    monkeypatch.setattr(bench.lanes, "dispatch", lambda stored: handed.extend(row.seq for row in stored.rows if row))
    await bench.open()
    stored = await asyncio.gather(*(bench.ingest(lane=n) for n in range(300)))
    assert sum(bench.batches) == 300
    assert len(bench.batches) <= 3
    assert handed == sorted(row.seq for row in stored)


@pytest.mark.parametrize("size", [1, 7, 8, 9, 63, 64, 65, 210])
async def test_a_commit_of_any_size_stores_what_is_new_and_in_order(bench, size: int) -> None:
    """Every third update was there before, every fifth comes twice; each new one gets its own row, in order."""
    await bench.open()
    before = [await bench.ingest(ext_id=str(number)) for number in range(0, size, 3)]
    names = [str(number) for number in range(size)] + [str(number) for number in range(0, size, 5)]
    stored = await asyncio.gather(*(bench.ingest(lane=int(name), ext_id=name) for name in names))
    new = [row for row in stored if row is not None]
    assert [row.ext_id for row in new] == [str(number) for number in range(size) if number % 3]
    assert [row.seq for row in new] == sorted(row.seq for row in new)
    async with bench.database.engine.connect() as connection:
        kept = {row.ext_id: (row.seq, row.lane) for row in await connection.execute(select(core_inbox))}
    assert len(kept) == size == len(before) + len(new)
    assert all(kept[row.ext_id] == (row.seq, row.lane) for row in new)


async def test_one_bad_operation_fails_alone(bench) -> None:
    """An operation that the database or its own code refuses does not take the others of its commit with it."""

    async def wrong_sql(connection: Any) -> None:
        await connection.execute(text("INSERT INTO core_users (id) VALUES (1)"))

    async def wrong_code(connection: Any) -> None:
        raise ValueError("a bug")

    async def fine(connection: Any) -> int:
        return int((await connection.execute(text("SELECT 41 + 1"))).scalar_one())

    bad = bench.row(ext_id="bad")
    bad.lane = None
    updates = [bench.ingest(ext_id="0"), bench.store.ingest(bad), bench.ingest(ext_id="1")]
    waiting = [asyncio.ensure_future(update) for update in updates]
    await asyncio.sleep(0)
    await bench.open()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    writes = [bench.store.write(work) for work in (wrong_sql, fine, wrong_code)]
    results += await asyncio.gather(*writes, return_exceptions=True)
    kinds = [type(result).__name__ for result in results]
    assert kinds == ["InboxRow", "DatabaseError", "InboxRow", "DatabaseError", "int", "DatabaseError"]
    assert await bench.states() == {"0": PENDING, "1": PENDING}
    assert bench.pending == 2
    assert isinstance(results[5].__cause__, ValueError)


async def test_a_cancelled_caller_does_not_lose_its_update(bench, monkeypatch) -> None:
    """The poster may hang up: its update is committed and handed out all the same, the others are answered."""
    handed: list[str] = []
    monkeypatch.setattr(bench.lanes, "dispatch", lambda stored: handed.extend(row.ext_id for row in stored.rows))
    gone = asyncio.ensure_future(bench.ingest(ext_id="gone"))
    await asyncio.sleep(0)
    gone.cancel()
    await bench.open()
    await bench.ingest(ext_id="here")
    assert handed == ["gone", "here"]


async def test_names_that_a_database_cannot_hold_are_stored(bench) -> None:
    """NUL, lone surrogates and overlong names of users neither fail nor spoil the commit; changes are taken over."""
    await bench.open()
    user = Sender(
        id=9, first_name="A\x00\ud800" + "b" * 400, last_name="c" * 999, username="d" * 99, language_code="e" * 50
    )
    await bench.ingest(user=user.columns())
    await bench.ingest(user=Sender(id=9, first_name="Anna").columns())
    async with bench.engine.connect() as connection:
        row = (await connection.execute(select(core_users))).one()
    assert (row.first_name, row.last_name, row.username, row.language_code) == ("Anna", None, None, None)
    columns = user.columns()
    assert columns["first_name"][:3] == "A\ufffd?"
    assert [len(columns[key]) for key in ("first_name", "last_name", "username", "language_code")] == [
        256,
        256,
        64,
        16,
    ]


async def test_two_updates_of_one_user_in_one_commit(bench) -> None:
    """The upsert of users takes the newest state of a user who appears twice."""
    users = [Sender(id=9, first_name=name).columns() for name in ("Old", "New")]
    waiting = [asyncio.ensure_future(bench.ingest(user=user)) for user in users]
    await asyncio.sleep(0)
    await bench.open()
    await asyncio.gather(*waiting)
    async with bench.engine.connect() as connection:
        assert (await connection.execute(select(core_users.c.first_name))).scalars().all() == ["New"]


async def test_too_many_pending_rows_are_refused_but_express_ones(bench) -> None:
    """At the limit the poster is told when to come again; what must be answered at once still gets in."""
    bench.inbox.backlog.limit = 2
    await bench.open()
    await bench.ingest()
    await bench.ingest()
    with pytest.raises(IngestRefused) as caught:
        await bench.ingest()
    assert 1 <= caught.value.retry_after <= 5
    assert await bench.ingest(kind="inline_query", express=True) is not None


async def test_a_full_queue_is_refused(bench) -> None:
    """While the database does not answer, the queue has an end; what is in it is committed afterwards."""
    waiting = [asyncio.ensure_future(bench.ingest(ext_id=str(n))) for n in range(1000)]
    await asyncio.sleep(0)
    with pytest.raises(IngestRefused) as caught:
        await bench.ingest()
    assert caught.value.retry_after == 1
    await bench.open()
    assert all(row is not None for row in await asyncio.gather(*waiting))


async def test_a_dead_letter_is_stored_but_not_handed_out(bench, monkeypatch) -> None:
    """An unreadable update is kept for the owner and never run."""
    handed: list[Any] = []
    monkeypatch.setattr(bench.lanes, "dispatch", lambda stored: handed.extend(row for row in stored.rows if row))
    await bench.open()
    assert await bench.ingest(ext_id="sha256:x", kind="unreadable", state=DEAD, error="not an update") is None
    assert handed == []
    assert bench.pending == 0
    assert await bench.states() == {"sha256:x": DEAD}


async def test_stop_commits_what_is_queued_and_refuses_what_comes_later(bench) -> None:
    """Nobody waits for ever: before the end everything is committed, after it the caller gets an error."""
    await bench.open()
    queued = [asyncio.ensure_future(bench.ingest(ext_id=str(n))) for n in range(50)]
    await asyncio.sleep(0)
    await bench.store.stop()
    assert all(row is not None for row in await asyncio.gather(*queued))
    with pytest.raises(DatabaseError, match="stopped"):
        await bench.ingest()


async def test_a_database_that_is_away_fails_all_who_wait_and_later_serves_again(bench) -> None:
    """Everybody is told, the flusher lives on."""
    await bench.open()
    async with bench.engine.begin() as connection:
        await connection.execute(text("ALTER TABLE core_inbox RENAME TO core_away"))
    results = await asyncio.gather(*(bench.ingest(ext_id=str(n)) for n in range(3)), return_exceptions=True)
    assert [type(result) for result in results] == [DatabaseError] * 3
    assert bench.pending == 0
    async with bench.engine.begin() as connection:
        await connection.execute(text("ALTER TABLE core_away RENAME TO core_inbox"))
    assert await bench.ingest(ext_id="0") is not None


async def test_rows_that_are_handed_out_late_are_handled_once(bench) -> None:
    """A row that is committed but not handed out yet, when its lane is read, is not lost and not doubled."""
    await bench.start()
    async with bench.engine.begin() as connection:
        await connection.execute(core_users.update().values(blocked_at=None))  # the transaction begins
        stored = await bench.store.journal.insert(connection, [bench.row(ext_id="1")])
    bench.lanes._lanes.clear()
    await bench.lanes.sync()
    await bench.settle()
    bench.store.accept(stored)
    await bench.settle()
    assert bench.runner.seen == ["1"]
    assert await bench.states() == {"1": DONE}
