"""Rows of a process that died: who may have killed it is tried apart, and only a killer ends as a dead letter."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from astral_core.db.tables import DEAD, DONE, PARKED, PENDING, core_deaths, core_inbox, core_lanes, core_runs
from astral_core.errors import TelegramUnavailable
from astral_core.inbox import replica as replica_module
from astral_core.inbox import row_updates as notes_module
from astral_core.inbox import stage as stage_module
from astral_core.inbox import suspects
from astral_core.inbox.rows import express_lane

DELAY = 600.0


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replica_module, "BEAT", 0.02)


async def until(condition: Callable[[], Any]) -> None:
    """Wait for something that has no event; `condition` may be a coroutine function."""
    async with asyncio.timeout(20):
        while True:
            found = condition()
            if await found if asyncio.iscoroutine(found) else found:
                return
            await asyncio.sleep(0.005)


async def in_state(bench: Any, ext_id: str, state: int) -> bool:
    """Whether the row is in this state by now."""
    return (await bench.states()).get(ext_id) == state


async def die_of(bench: Any, ext_id: str) -> None:
    """A process begins, comes to the row, and dies while it runs it."""
    bench.runner.seen.clear()
    await bench.start()
    await until(lambda: ext_id in bench.runner.seen)
    await bench.crash()


async def time_passes(bench: Any, seconds: float = DELAY + 1, died: Sequence[str] = ()) -> None:
    """What was put off and what died is so much longer ago; other processes `died` just now."""
    earlier = timedelta(seconds=seconds)
    async with bench.engine.begin() as connection:
        rows = (await connection.execute(select(core_inbox.c.seq, core_inbox.c.due_at))).all()
        for seq, due in rows:
            if due is not None:
                await connection.execute(
                    update(core_inbox).where(core_inbox.c.seq == seq).values(due_at=due - earlier)
                )
        for process, at in (await connection.execute(select(core_deaths))).all():
            await connection.execute(
                update(core_deaths).where(core_deaths.c.process == process).values(at=at - earlier)
            )
        await suspects.note_deaths(connection, list(died))


def hangs(bench: Any, *guilty: str) -> None:
    """The handlers of these rows are still at it when the process dies; the others end at once."""

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        if row.ext_id in guilty:
            await asyncio.Event().wait()
        outcome.contents = [bench.message(f"did {row.ext_id}", row.lane)]

    bench.runner.handler = handler


async def left_behind(bench: Any, *rows: tuple[str, int], **fields: Any) -> None:
    """Rows (ext_id, lane) that a process was at when it died."""
    await bench.start()
    for ext_id, lane in rows:
        await bench.ingest(ext_id=ext_id, lane=lane, **fields)
    await until(lambda: rows[0][0] in bench.runner.seen)
    await bench.crash()


async def test_a_row_that_kills_costs_three_processes_and_holds_up_nobody(bench) -> None:
    """Twice in a row, once alone after a wait, and one more wait: a dead letter with its payload and an apology.

    Its chat goes on from the second death on, and is told once that the row was kept.
    """
    hangs(bench, "poison")
    await left_behind(bench, ("poison", 7), ("next", 7))
    await die_of(bench, "poison")
    bench.runner.seen.clear()
    await bench.start()
    await bench.settle()
    assert bench.runner.seen == ["next"]
    assert bench.sender.sent == ["later", "did next"]
    assert await bench.states() == {"poison": PARKED, "next": DONE}
    await time_passes(bench)
    await until(lambda: "poison" in bench.runner.seen)
    await bench.crash()
    bench.runner.seen.clear()
    await bench.start()
    await until(lambda: in_state(bench, "poison", PARKED))
    await time_passes(bench)
    await until(lambda: in_state(bench, "poison", DEAD))
    await bench.settle()
    assert bench.runner.seen == []
    assert [text.partition(" ")[0] for text in bench.sender.sent] == ["later", "did", "sorry"]
    async with bench.engine.connect() as connection:
        dead = (await connection.execute(select(core_inbox).where(core_inbox.c.state == DEAD))).one()
    assert dead.payload == "{}"
    assert "the process died each time" in dead.error
    assert await bench.count(core_runs) == 0


async def test_an_innocent_row_of_two_deaths_is_handled_in_the_end(bench) -> None:
    """It waits after the second death, then runs a last time and ends like any other row."""
    hangs(bench, "unlucky")
    await left_behind(bench, ("unlucky", 7))
    await die_of(bench, "unlucky")
    hangs(bench)
    await bench.start()
    await until(lambda: in_state(bench, "unlucky", PARKED))
    await time_passes(bench)
    await until(lambda: in_state(bench, "unlucky", DONE))
    await bench.settle()
    assert bench.sender.sent == ["later", "did unlucky"]
    assert await bench.count(core_runs) == 0


async def test_while_other_processes_die_nothing_is_decided(bench) -> None:
    """A death that is not the row's puts its last try off, and its verdict, too: a storm convicts nobody."""
    hangs(bench, "unlucky", "other")
    await left_behind(bench, ("unlucky", 7))
    await die_of(bench, "unlucky")
    await bench.start()
    await until(lambda: in_state(bench, "unlucky", PARKED))
    await time_passes(bench, died=["elsewhere"])
    await until(lambda: put_off(bench, "unlucky", 2))
    bench.runner.seen.clear()
    await time_passes(bench)  # calm: the last try
    await until(lambda: "unlucky" in bench.runner.seen)
    await bench.crash()
    await bench.start()
    await until(lambda: put_off(bench, "unlucky", 3))
    await time_passes(bench, died=["elsewhere"])
    await until(lambda: put_off(bench, "unlucky", 4))
    hangs(bench)
    await time_passes(bench)
    await until(lambda: in_state(bench, "unlucky", DONE))


async def put_off(bench: Any, ext_id: str, times: int) -> bool:
    """Whether the row waits, for the `times`th time."""
    query = select(core_inbox.c.state, core_inbox.c.crashes).where(core_inbox.c.ext_id == ext_id)
    async with bench.engine.connect() as connection:
        return tuple((await connection.execute(query)).one()) == (PARKED, times)


async def test_a_row_about_money_is_tried_every_hour_and_never_given_up(bench, caplog) -> None:
    """However many processes die of it, it waits for the next hour."""
    hangs(bench, "paid")
    await left_behind(bench, ("paid", 7), kind="money")
    for _ in range(5):
        bench.runner.seen.clear()
        await bench.start()
        await hours_pass_until(bench, lambda: "paid" in bench.runner.seen)
        assert not await in_state(bench, "paid", DEAD)
        await bench.crash()
    hangs(bench)
    await bench.start()
    await hours_pass_until(bench, lambda: bench.sender.sent[-1:] == ["did paid"])
    waits = {record.args[2] for record in caplog.records if "tried again in" in record.message}
    assert waits == {3600.0}


async def hours_pass_until(bench: Any, condition: Callable[[], bool]) -> None:
    """Whenever the row is put off, an hour goes by."""
    async with asyncio.timeout(20):
        while not condition():
            if await in_state(bench, "paid", PARKED):
                await time_passes(bench, suspects.MONEY_DELAY + 1)
            await asyncio.sleep(0.02)


async def test_an_express_row_of_two_deaths_is_dropped(bench) -> None:
    """Telegram takes no answer after ten seconds: it ends in silence, and is no dead letter."""
    hangs(bench, "1")
    lane = express_lane("pre_checkout_query", 7)
    await left_behind(bench, ("1", lane), kind="pre_checkout_query", express=True)
    await die_of(bench, "1")
    await bench.start()
    await until(lambda: in_state(bench, "1", DONE))
    assert bench.sender.sent == []


async def test_a_process_that_ends_by_itself_leaves_no_suspects(bench) -> None:
    """A restart, however many rows it interrupts, is no death."""
    hangs(bench, "1")
    for _ in range(4):
        await bench.start()
        await bench.ingest(ext_id="1", lane=7)
        await until(lambda: "1" in bench.runner.seen)
        await bench.stop(grace=0.0)
        bench.build()
        bench.runner.seen.clear()
    assert await bench.count(core_runs) == await bench.count(core_deaths) == 0
    hangs(bench)
    await bench.start()
    await until(lambda: in_state(bench, "1", DONE))


async def test_only_the_first_row_of_a_lane_is_under_suspicion(bench) -> None:
    """Its run stands in the database while it lasts; rows behind it, and new ones, cost nothing."""
    noted: dict[str, int] = {}

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        noted[row.ext_id] = await bench.count(core_runs)

    hangs(bench, "first", "other")
    await left_behind(bench, ("first", 7), ("second", 7), ("other", 8))
    bench.runner.handler = handler
    await bench.start()
    await bench.ingest(ext_id="new", lane=9)
    await bench.settle()
    await bench.ingest(ext_id="newer", lane=9)
    await bench.settle()
    assert noted["first"] >= 1
    assert noted["other"] >= 1
    assert noted["newer"] == 0
    assert await bench.count(core_runs) == 0


async def test_a_row_that_fails_without_killing_is_not_guilty(bench) -> None:
    """Telegram away over several starts is no crash: the runs are taken back, the row lives on."""

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        raise TelegramUnavailable("getFile", "no answer")

    hangs(bench, "1")
    await left_behind(bench, ("1", 7))
    bench.runner.handler = handler
    for _ in range(3):
        bench.runner.seen.clear()
        await bench.start()
        await until(lambda: len(bench.runner.seen) > 1)
        await until(lambda: no_runs(bench))
        await bench.crash()
    assert await bench.states() == {"1": PENDING}


async def no_runs(bench: Any) -> bool:
    """Whether no run of a suspect stands in the database."""
    return await bench.count(core_runs) == 0


async def test_a_suspect_has_the_process_to_itself_for_a_moment(bench) -> None:
    """So the next death convicts one of them alone; one that takes long lets the others begin."""
    order: list[str] = []
    go = asyncio.Event()

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        order.append(f"begin {row.ext_id}")
        if row.ext_id == "3":
            await go.wait()
        await asyncio.sleep(0)
        order.append(f"end {row.ext_id}")

    hangs(bench, "1", "2", "3")
    await left_behind(bench, ("1", 1), ("2", 2), ("3", 3))
    bench.runner.handler = handler
    await bench.start()
    await until(lambda: len(order) >= 5)
    go.set()
    await bench.settle()
    assert "end 3" in order[-3:]
    pairs = [word for word in order if not word.endswith("3")]
    suspects_alone = [(pairs[n], pairs[n + 1]) for n in range(0, len(pairs), 2)]
    assert all(begin[6:] == end[4:] for begin, end in suspects_alone)
    assert set((await bench.states()).values()) == {DONE}


async def test_many_suspects_do_not_queue_up_for_long(bench, monkeypatch) -> None:
    """Where many chats waited when the process died, they run side by side: the more wait, the less each leads."""
    monkeypatch.setattr(stage_module, "LEAD", 0.5)
    running: list[str] = []
    most = 0

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        nonlocal most
        running.append(row.ext_id)
        most = max(most, len(running))
        await asyncio.sleep(0.3)
        running.remove(row.ext_id)

    names = [str(number) for number in range(40)]
    hangs(bench, *names)
    await left_behind(bench, *((name, 100 + int(name)) for name in names))
    bench.runner.handler = handler
    await bench.start()
    await bench.settle()
    assert most >= 4
    assert set((await bench.states()).values()) == {DONE}


async def test_of_those_who_ran_when_the_process_died_the_last_to_begin_is_put_off(bench, monkeypatch) -> None:
    """A killer costs no process more because others hang beside it, and these are handled at once."""
    monkeypatch.setattr(stage_module, "LEAD", 0.01)
    hangs(bench, "slow", "killer")
    await left_behind(bench, ("slow", 1), ("killer", 2))
    bench.runner.seen.clear()
    await bench.start()
    await until(lambda: {"slow", "killer"} <= set(bench.runner.seen))
    await bench.crash()
    hangs(bench)
    await bench.start()
    await until(lambda: in_state(bench, "killer", PARKED))
    await until(lambda: in_state(bench, "slow", DONE))
    assert sorted(bench.sender.sent) == ["did slow", "later"]  # two chats, which have no order


async def test_a_killer_that_takes_its_time_is_found_apart(bench, monkeypatch) -> None:
    """Another one began after it and waits for its sake; at the next death the killer is put off, too."""
    monkeypatch.setattr(stage_module, "LEAD", 0.01)
    hangs(bench, "slow", "killer")
    await left_behind(bench, ("killer", 1), ("slow", 2))
    bench.runner.seen.clear()
    await bench.start()
    await until(lambda: {"slow", "killer"} <= set(bench.runner.seen))
    await bench.crash()
    bench.runner.seen.clear()
    await bench.start()
    await until(lambda: in_state(bench, "slow", PARKED))
    await until(lambda: "killer" in bench.runner.seen)
    assert await in_state(bench, "killer", PENDING)
    await bench.crash()
    await bench.start()
    await until(lambda: in_state(bench, "killer", PARKED))


@pytest.mark.parametrize("once", [1, 3])
async def test_a_verdict_is_kept_where_the_process_dies_before_it_is_carried_out(bench, monkeypatch, once) -> None:
    """The evidence goes when the row leaves its lane, and not before: however often it dies there, it is put off."""
    hangs(bench, "poison")
    await left_behind(bench, ("poison", 7))
    await die_of(bench, "poison")
    for _ in range(once):
        stuck = asyncio.Event()

        async def patience(row: Any, *, again: bool, here: asyncio.Event = stuck) -> Any:
            here.set()
            await asyncio.Event().wait()

        bench.runner.seen.clear()
        monkeypatch.setattr(bench.runner, "patience", patience)
        await bench.start()
        await stuck.wait()
        await bench.crash()
        assert bench.runner.seen == []
    monkeypatch.undo()
    await bench.start()
    await until(lambda: in_state(bench, "poison", PARKED))


async def test_a_suspect_that_runs_is_not_acquitted_by_a_retry_that_finds_nothing(bench, astral_retry) -> None:
    """`astral inbox retry` of a pending row says that there is none, and leaves the evidence alone."""
    hangs(bench, "poison")
    await left_behind(bench, ("poison", 7))
    bench.runner.seen.clear()
    await bench.start()
    await until(lambda: "poison" in bench.runner.seen)
    assert not await notes_module.revive(bench.database, 1)
    assert await bench.count(core_runs) == 1
    await bench.crash()


@pytest.mark.parametrize("times", [8])
async def test_a_database_that_is_cut_off_again_and_again_is_no_death(
    make_bench: Any, postgres_url: str, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    """Each interruption makes the process register anew under another number: it lives, and no row is a suspect."""
    monkeypatch.setattr(replica_module, "RETRY", 0.01)
    one = make_bench(postgres_url)
    go = asyncio.Event()

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        await go.wait()
        await one.add_note(work, row.ext_id)

    one.runner.handler = handler
    await one.start()
    await one.ingest(ext_id="1", lane=7)
    for _ in range(times):
        number = one.replica.lease.number
        await one.replica._link.invalidate()
        await until(lambda before=number: one.replica.lease.number not in (None, before))
    assert await one.count(core_deaths) == await one.count(core_runs) == 0
    go.set()
    await until(lambda: in_state(one, "1", DONE))
    assert await one.all_notes() == ["1"]
    await one.stop()
    await one.database.dispose()


async def test_a_replica_that_was_taken_for_dead_and_lives_takes_its_death_back(
    make_bench: Any, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others take its chats over; that it lives stands in the database when it registers anew."""
    first, second = make_bench(postgres_url), make_bench(postgres_url)
    hangs(first, "1")
    hangs(second, "1")
    await first.start()
    await second.start()
    await first.ingest(ext_id="1", lane=7)
    await until(lambda: "1" in first.runner.seen)
    gate = asyncio.Event()
    register = first.replica._register

    async def late() -> None:
        await gate.wait()
        await register()

    monkeypatch.setattr(first.replica, "_register", late)
    await first.replica._link.invalidate()
    await until(lambda: "1" in second.runner.seen)
    assert await second.count(core_deaths) == 1
    gate.set()
    await until(lambda: no_deaths(second))
    async with second.engine.connect() as connection:
        case = await suspects.look(second.database, connection, 1, DELAY)
    assert (case.deaths, case.others) == (0, 0)
    for one in (first, second):
        await one.stop(grace=0.0)
        await one.database.dispose()


async def no_deaths(bench: Any) -> bool:
    """Whether no death stands in the database."""
    return await bench.count(core_deaths) == 0


async def test_a_row_that_arrives_in_an_orphaned_lane_hides_no_suspect(make_bench: Any, postgres_url: str) -> None:
    """The owner died, and the chat's next update claims the lane: its first row is a suspect all the same."""
    first, second = make_bench(postgres_url), make_bench(postgres_url)
    hangs(first, "1")
    await first.start()
    await first.ingest(ext_id="1", lane=7)
    await until(lambda: "1" in first.runner.seen)
    await first.crash()
    runs: list[int] = []

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        runs.append(await second.count(core_runs))

    second.runner.handler = handler
    adopt = second.store.journal.adopt

    async def nothing(limit: int) -> list[Any]:
        return []

    second.store.journal.adopt = nothing
    await second.start()
    await until(lambda: orphaned(second))
    await second.ingest(ext_id="2", lane=7)
    await second.settle()
    second.store.journal.adopt = adopt
    assert runs[0] == 1
    for one in (first, second):
        await one.stop(grace=0.0)
        await one.database.dispose()


async def orphaned(bench: Any) -> bool:
    """Whether the chat's owner is known to be dead."""
    query = select(func.count()).where(core_lanes.c.owner.is_(None), core_lanes.c.lane == 7)
    async with bench.engine.connect() as connection:
        return bool((await connection.execute(query)).scalar_one())
