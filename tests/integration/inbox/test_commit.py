"""The unit of work: writes, messages, deferred rows and the end of the update commit together or not at all."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import select, text, update

from astral_core.db.tables import DONE, PENDING, core_blobs, core_inbox, core_outbox
from astral_core.errors import Refuse, SessionClosed
from astral_core.inbox.effect import SendResult, SlotState
from astral_core.inbox.lane import Lane
from astral_core.inbox.outbox import Delivery


async def one_row(bench: Any, **fields: Any) -> Lane:
    """A lane with one stored row, to be stepped by the test itself."""
    await bench.open()
    row = await bench.ingest(**fields)
    return bench.lane(row)


async def test_a_handler_that_wrote_commits_everything_at_once(bench) -> None:
    """After the first step the note, the message and the done mark are there together; then it is sent, once."""

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        await bench.add_note(work, "noted")
        outcome.contents = [bench.message("one", 7), bench.message("two", 7, data=b"picture")]

    bench.runner.handler = handler
    lane = await one_row(bench, ext_id="1")
    await bench.step(lane)
    assert await bench.all_notes() == ["noted"]
    assert await bench.states() == {"1": DONE}
    assert await bench.count() == 2
    assert bench.sender.sent == []
    assert bench.pending == 0
    while not lane.idle:
        await bench.step(lane)
    assert bench.sender.sent == ["one", "two"]
    assert bench.sender.files == [b"picture"]
    assert (await bench.count(), await bench.count(core_blobs)) == (0, 0)


async def test_the_payload_is_dropped_when_the_update_is_done(bench) -> None:
    """What a person wrote is kept no longer than needed."""

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        await bench.add_note(work, row.payload)

    bench.runner.handler = handler
    lane = await one_row(bench)
    await bench.step(lane)
    async with bench.engine.connect() as connection:
        row = (await connection.execute(select(core_inbox.c.payload, core_inbox.c.done_at))).one()
    assert row.payload is None
    assert row.done_at is not None


async def test_a_handler_that_only_answers_leaves_no_outbox_row(bench) -> None:
    """Its inbox row is the record: pending until the messages are sent, done afterwards."""

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        await work.session.execute(select(bench.notes))
        outcome.contents = [bench.message("hello", 7)]

    bench.runner.handler = handler
    lane = await one_row(bench, ext_id="1")
    await bench.step(lane)
    assert await bench.states() == {"1": PENDING}
    assert await bench.count() == 0
    await bench.step(lane)
    assert bench.sender.sent == ["hello"]
    assert await bench.states() == {"1": DONE}
    assert bench.pending == 0


async def test_a_row_that_somebody_else_ended_rolls_the_writes_back(bench) -> None:
    """The fence: a late handler leaves no trace, sends nothing, and the count stays right."""

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        async with bench.engine.begin() as connection:
            await connection.execute(update(core_inbox).values(state=DONE))
        await bench.add_note(work, "too late")
        outcome.contents = [bench.message("too late", 7)]

    bench.runner.handler = handler
    lane = await one_row(bench)
    assert bench.pending == 1
    while not lane.idle:
        await bench.step(lane)
    assert await bench.all_notes() == []
    assert (await bench.count(), bench.pending) == (0, 0)


async def test_messages_of_a_commit_whose_answer_was_lost_are_sent(bench) -> None:
    """The commit succeeded, its answer did not arrive, the handler runs again: fenced, but its messages go out."""
    lost = []

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        await bench.add_note(work, "once")
        outcome.contents = [bench.message("once", 7)]
        if not lost:
            commit = work.session.commit_unit

            async def commit_and_lose_the_answer() -> None:
                await commit()
                lost.append(True)
                raise ConnectionError("the connection broke")

            work.session.commit_unit = commit_and_lose_the_answer

    bench.runner.handler = handler
    lane = await one_row(bench)
    while not lane.idle:
        await bench.step(lane)
    assert len(bench.runner.seen) == 2
    assert bench.sender.sent == ["once"]
    assert await bench.all_notes() == ["once"]
    assert (await bench.count(), bench.pending) == (0, 0)


async def test_refuse_rolls_back_and_tells_the_user(bench) -> None:
    """A handler's no: its writes are gone, the user reads why, nothing runs again."""

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        await bench.add_note(work, "never")
        work.add_row("step", "never", 7, {})
        raise Refuse("Not enough stars")

    bench.runner.handler = handler
    lane = await one_row(bench, ext_id="1")
    while not lane.idle:
        await bench.step(lane)
    assert await bench.all_notes() == []
    assert bench.sender.sent == ["Not enough stars"]
    assert await bench.states() == {"1": DONE}
    assert len(bench.runner.seen) == 1
    assert [told.outcome for told in bench.told] == ["refused"]


async def test_deferred_rows_commit_with_the_handler_and_run_before_later_updates(bench) -> None:
    """A step that a handler defers to its own lane is handed out at the commit and is unique by its key."""

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        work.add_row("step", "same", 7, {"step": "x"})
        work.add_row("step", f"own-{row.seq}", 7, {"step": "y"})

    bench.runner.handler = handler
    lane = await one_row(bench, ext_id="1")
    await bench.ingest(ext_id="2")
    while lane.rows[0].kind == "message":
        await bench.step(lane)
    assert [row.ext_id.split("-")[0] for row in lane.rows] == ["same", "own", "own"]
    assert bench.pending == 3
    assert (await bench.states())["1"] == DONE


async def test_long_keys_stay_different(bench) -> None:
    """Two long keys that begin alike are two rows."""
    work = await _work(bench)
    for end in "ab":
        work.add_row("step", "k" * 300 + end, 7, {})
    work.add_row("step", "k" * 300 + "a", 7, {})
    await work.commit()
    await work.close()
    assert len(await bench.states()) == 2
    assert all(len(key) <= 255 for key in await bench.states())


async def _work(bench: Any) -> Any:
    from astral_core.inbox.work import UnitOfWork

    return UnitOfWork(bench.database, bench.store, "weather")


async def test_a_failing_after_commit_callback_does_not_undo_the_commit(bench, caplog) -> None:
    """The commit stands, messages go out, nothing runs again; the log names the plugin."""

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        await bench.add_note(work, "kept")
        outcome.contents = [bench.message("kept", 7)]
        work.after_commit += [lambda: {}["a bug"], lambda: bench.runner.seen.append("called")]

    bench.runner.handler = handler
    lane = await one_row(bench, ext_id="1")
    while not lane.idle:
        await bench.step(lane)
    assert bench.runner.seen == ["1", "called"]
    assert bench.sender.sent == ["kept"]
    assert "'weather'" in caplog.text


async def test_the_session_is_closed_for_good_when_the_handler_ends(bench) -> None:
    """A task that a handler left behind cannot write outside every transaction: the error names the plugin."""
    kept: list[Any] = []

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        await bench.add_note(work, "in time")
        kept.append(work.session)

    bench.runner.handler = handler
    lane = await one_row(bench)
    await bench.step(lane)
    with pytest.raises(SessionClosed, match="'weather'"):
        await kept[0].execute(text("SELECT 1"))


async def test_a_read_only_handler_gives_its_connection_back_before_it_waits(bench) -> None:
    """`release_reads` frees the pool during long work, and does nothing once something was written."""
    work = await _work(bench)
    await work.session.execute(select(bench.notes))
    assert bench.busy_connections() == 1
    await work.release_reads()
    assert bench.busy_connections() == 0
    await bench.add_note(work, "kept")
    await work.release_reads()
    assert bench.busy_connections() == 1
    await work.commit()
    await work.close()
    assert await bench.all_notes() == ["kept"]


async def test_work_as_a_context_commits_or_rolls_back(bench) -> None:
    """`async with` commits at the end and rolls back where the block raised."""
    async with await _work(bench) as work:
        await bench.add_note(work, "yes")
    with pytest.raises(KeyError):  # noqa: PT012  # the block is what rolls back
        async with await _work(bench) as work:
            await bench.add_note(work, "no")
            raise KeyError
    assert await bench.all_notes() == ["yes"]


async def test_what_the_sending_taught_is_kept_with_the_mark(bench) -> None:
    """The slot's message and the file id are stored when the message is marked, and updated the next time."""
    from astral_core.db.tables import core_files, core_slots

    for number in (11, 12):
        slot = SlotState(chat_id=7, slot="wizard", message_id=number, photo=False)
        bench.sender.fail = lambda _, slot=slot: SendResult(
            message_id=slot.message_id, slot=slot, file_key="card", file_id=f"file-{slot.message_id}"
        )
        lane = Lane(7, 1, busy=True)
        lane.deliveries.append(Delivery(number, 7, {0: bench.message("x", 7)}, recorded=False))
        if bench.store._task is None:
            await bench.open()
        await bench.step(lane)
    async with bench.engine.connect() as connection:
        assert [row.message_id for row in await connection.execute(select(core_slots))] == [12]
        assert [row.file_id for row in await connection.execute(select(core_files))] == ["file-12"]


async def test_a_refused_message_is_kept_as_dead_and_the_next_is_sent(bench, caplog) -> None:
    """A permanent refusal is a dead message with an error id, whether it stood in the outbox or not."""

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        if row.kind == "writes":
            await bench.add_note(work, "x")
        outcome.contents = [bench.message("bad", 7), bench.message("good", 7)]

    bench.runner.handler = handler
    bench.sender.fail = lambda text: SendResult(refused="400 chat\x00not found") if text == "bad" else None
    await bench.open()
    for kind in ("writes", "reads"):
        row = await bench.ingest(kind=kind)
        lane = bench.lane(row)
        while not lane.idle:
            await bench.step(lane)
    assert bench.sender.sent == ["good", "good"]
    async with bench.engine.connect() as connection:
        dead = (await connection.execute(select(core_outbox))).all()
    assert [(row.n, row.state, row.error) for row in dead] == [(0, 2, "400 chat\ufffdnot found")] * 2
    assert all(row.error_id in caplog.text for row in dead)


async def test_lanes_run_side_by_side_but_each_in_order(bench) -> None:
    """Every lane's notes come in the order of its updates, nothing is missing, the count ends at nought."""

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        await asyncio.sleep(0)
        await bench.add_note(work, f"{row.lane}:{row.ext_id}")
        outcome.contents = [bench.message(f"{row.lane}:{row.ext_id}", row.lane)]

    bench.runner.handler = handler
    await bench.start()
    await asyncio.gather(*(bench.ingest(lane=n % 10) for n in range(60)))
    await bench.settle()
    notes = await bench.all_notes()
    assert len(notes) == len(set(notes)) == 60
    for found in (notes, bench.sender.sent):
        for lane in range(10):
            numbers = [int(note.partition(":")[2]) for note in found if note.startswith(f"{lane}:")]
            assert numbers == sorted(numbers)
            assert len(numbers) == 6
    assert bench.pending == 0
