"""Paced slots: of many contents the newest wins, not faster than its pace, and the last one always arrives."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from astral_core import failpoint
from astral_core.db.tables import core_lanes, core_paced, core_slots, now
from astral_core.errors import TelegramThrottled, TelegramUnavailable
from astral_core.inbox import lanes as lanes_module
from astral_core.inbox import paced, pacer
from astral_core.inbox.effect import Effect, Paced, SendResult, Slot, SlotState, slot_key
from astral_core.inbox.outbox import recorded
from astral_core.inbox.personal import Person

CHAT = 7


def card(text: str, chat: int = CHAT, slot: str = "main") -> Any:
    """What `ctx.show` records."""
    params = {"chat_id": chat, "text": text}
    return recorded(Effect(method="show", params=params, plugin="weather", slot=Slot(name=slot)))


def shows(bench: Any, every: float = 0.2, *, write: bool = False, at_once: str = "", slot: str = "main") -> None:
    """Let handlers of this process show what their row is called, paced, and `at_once` what follows it."""

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        if write:
            await bench.add_note(work, row.ext_id)
        content = card(row.ext_id, row.lane, slot)
        if row.ext_id.startswith("now"):
            outcome.contents = [content]
        elif row.ext_id.startswith("say"):
            outcome.contents = [bench.message(row.ext_id, row.lane)]
        else:
            outcome.paced = [Paced(slot_key(content.effect), content, every)]

    bench.runner.handler = handler


class Timed:
    """Notes when what was sent, and how many edits of the slot were under way at once."""

    def __init__(self, bench: Any) -> None:
        self.at: list[tuple[str, float]] = []
        self.before = bench.sender.fail
        bench.sender.fail = self.note

    def note(self, text: str) -> SendResult | None:
        """A message leaves."""
        answer = self.before(text)
        self.at.append((text, time.monotonic()))
        return answer


async def wanted(bench: Any) -> list[Any]:
    """Contents that are still to be shown."""
    async with bench.engine.connect() as connection:
        return list((await connection.execute(select(core_paced.c.effect))).scalars())


async def until(condition: Callable[[], Any]) -> None:
    """Wait for something that has no event."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  # no event tells
            await asyncio.sleep(0.01)


async def test_of_many_the_newest_is_shown_and_the_last_one_always(bench) -> None:
    """A burst costs one message at once, and from then on one in each turn at most."""
    await bench.start()
    shows(bench, 0.2)
    timed = Timed(bench)
    began = time.monotonic()
    for number in range(60):
        await bench.ingest(ext_id=str(number))
    await bench.settle()
    took = time.monotonic() - began
    assert bench.sender.sent[-1] == "59"
    assert 2 <= len(bench.sender.sent) <= took / 0.2 + 2
    moments = [moment for _, moment in timed.at]
    assert all(later - earlier > 0.18 for earlier, later in itertools.pairwise(moments))
    assert [int(text) for text in bench.sender.sent] == sorted(int(text) for text in bench.sender.sent)
    assert await wanted(bench) == [None]


async def test_other_messages_of_the_chat_do_not_wait(bench) -> None:
    """What is paced for long holds up neither what is said in its chat nor its lane's next rows."""
    await bench.start()
    shows(bench, 2.0)
    await bench.ingest(ext_id="1")
    await until(lambda: bench.sender.sent == ["1"])
    for name in ("2", "say a", "3", "say b"):
        await bench.ingest(ext_id=name)
    await until(lambda: "say b" in bench.sender.sent)
    assert "3" not in bench.sender.sent
    await bench.settle()
    assert bench.sender.sent[-1] == "3"
    assert "2" not in bench.sender.sent


async def test_a_call_that_hangs_holds_up_nothing_either(bench) -> None:
    """While the slot's own call is under way, other messages go out."""
    await bench.start()
    shows(bench)
    go, send = asyncio.Event(), bench.sender.send

    async def hangs(content: Any, sent: Any) -> SendResult:
        if content.effect.method == "show":
            await go.wait()
        return await send(content, sent)

    bench.sender.send = hangs
    await bench.ingest(ext_id="1")
    await bench.ingest(ext_id="say a")
    await until(lambda: bench.sender.sent == ["say a"])
    await bench.ingest(ext_id="2")
    go.set()
    await bench.settle()
    assert bench.sender.sent == ["say a", "1", "2"]


async def test_what_is_shown_at_once_takes_the_place_of_what_waited(bench) -> None:
    """An older paced content never comes after a newer one that was not paced, nor the other way round."""
    await bench.start()
    shows(bench, 1.0)
    await bench.ingest(ext_id="1")
    await until(lambda: bench.sender.sent == ["1"])
    for name in ("2", "now 3"):
        await bench.ingest(ext_id=name)
    await bench.settle()
    assert bench.sender.sent[-1] == "now 3"
    assert "2" not in bench.sender.sent
    await bench.ingest(ext_id="now 4")
    await bench.ingest(ext_id="5")
    await bench.settle()
    assert bench.sender.sent[-2:] == ["now 4", "5"]


async def test_a_message_that_waits_goes_before_what_was_wanted_after_it(bench) -> None:
    """The chat's message for the slot is held up by a 429: the paced one does not overtake it."""
    await bench.start()
    shows(bench)
    tries: list[str] = []

    def fail(text: str) -> SendResult | None:
        tries.append(text)
        if text == "now 1" and tries.count(text) < 3:
            raise TelegramThrottled("sendMessage", "too many", 0.2)
        return None

    bench.sender.fail = fail

    async def both(row: Any, work: Any, outcome: Any) -> None:
        outcome.contents, content = [card("now 1")], card("2")
        outcome.paced = [Paced(slot_key(content.effect), content, 0.1)]

    bench.runner.handler = both
    await bench.ingest(ext_id="1")
    await bench.settle()
    assert bench.sender.sent == ["now 1", "2"]


@pytest.mark.parametrize("failure", ["throttled", "unavailable", "bug in the database"])
async def test_what_could_not_be_shown_is_shown_later(bench, failure: str, monkeypatch) -> None:
    """A 429 is waited for, a Telegram or a database that is away is tried again; the newest content arrives."""
    await bench.start()
    shows(bench, 0.05)
    monkeypatch.setattr(pacer, "backoff", lambda *_: 0.05)
    tries = 0

    def fail(text: str) -> SendResult | None:
        nonlocal tries
        tries += 1
        if tries > 2:
            return None
        if failure == "throttled":
            raise TelegramThrottled("editMessageText", "too many", 0.1)
        if failure == "unavailable":
            raise TelegramUnavailable("editMessageText", "gone")
        raise ConnectionError("the database")

    bench.sender.fail = fail
    await bench.ingest(ext_id="1")
    await until(lambda: tries == 1)
    await bench.ingest(ext_id="2")
    await bench.settle()
    assert bench.sender.sent[-1] == "2"
    assert await wanted(bench) == [None]


async def test_a_429_holds_all_slots_of_its_chat_and_of_no_other(bench) -> None:
    """Telegram has said when this chat may be written to again."""
    await bench.start()
    tries: list[str] = []

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        content = card(row.ext_id, row.lane, row.ext_id)
        outcome.paced = [Paced(slot_key(content.effect), content, 0.05)]

    def fail(text: str) -> SendResult | None:
        tries.append(text)
        if text == "a" and tries.count("a") == 1:
            raise TelegramThrottled("editMessageText", "too many", 0.4)
        return None

    bench.runner.handler, bench.sender.fail = handler, fail
    await bench.ingest(ext_id="a", lane=7)
    await until(lambda: tries == ["a"])
    await bench.ingest(ext_id="b", lane=7)
    await bench.ingest(ext_id="c", lane=8)
    await until(lambda: bench.sender.sent == ["c"])
    await bench.settle()
    assert sorted(bench.sender.sent[1:]) == ["a", "b"]


async def test_what_telegram_refuses_is_told_and_over(bench, caplog: pytest.LogCaptureFixture) -> None:
    """The owner is told as of every refused message, and the slot goes on with the next content."""
    bench.runner.refusals = True
    await bench.start()
    shows(bench)
    bench.sender.fail = lambda text: SendResult(refused="400 Bad Request") if text == "bad" else None
    await bench.ingest(ext_id="bad")
    await bench.settle()
    await bench.ingest(ext_id="good")
    await bench.settle()
    assert bench.sender.sent[-1] == "good"
    assert "bad" not in bench.sender.sent
    assert "show of plugin 'weather' was refused: 400 Bad Request" in caplog.text
    assert "show" in bench.runner.seen  # the row that tells the owner


async def test_what_the_sending_taught_is_kept(bench) -> None:
    """The slot's message, so that the next content is an edit of it."""
    await bench.start()
    shows(bench)
    state = SlotState(chat_id=CHAT, slot="main", message_id=12, photo=False)
    bench.sender.fail = lambda _: SendResult(message_id=12, slot=state)
    await bench.ingest(ext_id="1")
    await bench.settle()
    async with bench.engine.connect() as connection:
        assert [row.message_id for row in await connection.execute(select(core_slots))] == [12]


# --- processes die


async def test_what_was_not_shown_is_shown_by_the_next_process(bench) -> None:
    """Also where the chat has nothing else to do, and where the handler wrote: its pace goes on as well."""
    await bench.start()
    shows(bench, 2.0, write=True)
    await bench.ingest(ext_id="1")
    await until(lambda: bench.sender.sent == ["1"])
    began = time.monotonic()
    await bench.ingest(ext_id="2")
    await until(lambda: "2" in bench.runner.seen and not bench.lanes.active)
    assert await bench.all_notes() == ["1", "2"]
    await bench.crash()
    assert bench.sender.sent == ["1"]
    await bench.start()
    await until(lambda: bench.sender.sent == ["1", "2"])
    assert time.monotonic() - began > 1.8
    await bench.settle()
    assert await wanted(bench) == [None]


@pytest.mark.parametrize("off", [timedelta(days=-1), timedelta(hours=1)], ids=["long ago", "still to come"])
async def test_a_clock_that_was_set_holds_up_no_edit(bench, off: timedelta) -> None:
    """By its row the slot was shown at a moment that is still to come: it waits for its pace, and no longer."""
    shows(bench)
    await bench.start()
    await bench.ingest(ext_id="one")
    await bench.settle()
    async with bench.engine.begin() as connection:
        await connection.execute(update(core_paced).values(shown_at=now() + off))
    timed = Timed(bench)
    begun = time.monotonic()
    await bench.ingest(ext_id="two")
    await until(lambda: bench.sender.sent == ["one", "two"])
    if off > timedelta(0):
        assert timed.at[0][1] - begun >= 0.2


async def test_a_stop_leaves_it_to_the_next_start(bench) -> None:
    """SIGTERM does not wait for a slot's turn."""
    await bench.start()
    shows(bench, 1.0)
    await bench.ingest(ext_id="1")
    await until(lambda: bench.sender.sent == ["1"])
    await bench.ingest(ext_id="2")
    await until(lambda: "2" in bench.runner.seen and not bench.lanes.active)
    await bench.stop()
    assert bench.sender.sent == ["1"]
    bench.build()
    await bench.start()
    await bench.settle()
    assert bench.sender.sent == ["1", "2"]


@pytest.mark.parametrize(("point", "sent"), [("paced.sending", ["1"]), ("paced.sent", ["1", "1"])])
async def test_a_failure_around_the_call_shows_it_again_at_most(
    bench, monkeypatch: pytest.MonkeyPatch, point: str, sent: list[str]
) -> None:
    """It is tried again: an edit that says the same is none for Telegram."""
    monkeypatch.setattr(pacer, "backoff", lambda *_: 0.01)
    await bench.start()
    shows(bench)
    failpoint.arm({"ASTRAL_FAILPOINT": f"{point}:raise@1"})
    try:
        await bench.ingest(ext_id="1")
        await bench.settle()
    finally:
        failpoint.arm({})
    assert bench.sender.sent == sent


async def test_a_commit_whose_answer_was_lost_is_shown_all_the_same(bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lane is read anew, and with it what its slots are to show."""
    monkeypatch.setattr(lanes_module, "FAILED_DELAY", 0.01)
    await bench.start()
    shows(bench)
    failpoint.arm({"ASTRAL_FAILPOINT": "worker.commit_lost:raise@1"})
    try:
        await bench.ingest(ext_id="1")
        await until(lambda: bench.sender.sent == ["1"])
    finally:
        failpoint.arm({})
    await bench.settle()


@pytest.mark.postgres
async def test_another_replica_takes_over_what_is_to_be_shown(pair) -> None:
    """The owner dies between the commit and the slot's turn; a lane with something to show is not given back."""
    first, second = pair
    shows(first, 1.0)
    shows(second, 1.0)
    await first.ingest(ext_id="1")
    await until(lambda: first.sender.sent == ["1"])
    await first.ingest(ext_id="2")
    await until(lambda: "2" in first.runner.seen and not first.lanes.active)
    die(first)
    await until(lambda: second.sender.sent == ["2"])
    await second.settle()
    assert first.sender.sent == ["1"]
    assert await wanted(second) == [None]


def die(bench: Any) -> None:
    """What the others see of a kill -9: the connection with the lock is cut, and nothing is given back."""
    bench.replica._leaving = True
    if bench.replica._task is not None:
        bench.replica._task.cancel()
    bench.inbox.lease.valid = lambda: False
    bench.replica._link.sync_connection.connection.driver_connection.terminate()


@pytest.mark.postgres
async def test_a_chat_stays_with_its_owner_until_all_is_shown(pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """An idle lane is anybody's; one with something to show is not, and is when that is out."""
    first, second = pair
    monkeypatch.setattr(lanes_module, "IDLE", 0.0)
    shows(first, 0.5)
    shows(second, 0.5)
    await first.ingest(ext_id="1")
    await first.ingest(ext_id="2")
    await until(lambda: "2" in first.runner.seen)

    async def owner() -> Any:
        async with first.engine.connect() as connection:
            return await connection.scalar(select(core_lanes.c.owner).where(core_lanes.c.lane == CHAT))

    while first.sender.sent[-1:] != ["2"]:
        held = await owner()
        assert held == first.replica.lease.number or first.sender.sent[-1:] == ["2"]
        await asyncio.sleep(0.02)
    await until(lambda: not len(first.lanes))
    assert await owner() is None
    assert second.sender.sent == []


@pytest.mark.postgres
async def test_many_presses_on_two_replicas_are_few_edits(pair) -> None:
    """Whoever receives them, the chat's owner shows them: in order, in their pace, and the last one."""
    first, second = pair
    for one in pair:
        shows(one, 0.2)
    timed = [Timed(one) for one in pair]
    began = time.monotonic()
    for number in range(100):
        await pair[number % 2].ingest(ext_id=str(number))
    await until(lambda: "99" in [*first.sender.sent, *second.sender.sent])
    took = time.monotonic() - began
    all_of_it = sorted((at, text) for one in timed for text, at in one.at)
    assert all_of_it[-1][1] == "99"
    assert len(all_of_it) <= took / 0.2 + 2
    moments = [moment for moment, _ in all_of_it]
    assert all(later - earlier > 0.18 for earlier, later in itertools.pairwise(moments))


# --- when they go


async def test_what_is_forgotten_is_not_shown(bench) -> None:
    """A person's go, and out of what a group is to see their name is cut; others' stay."""
    await bench.start()
    same = {"place": "", "slot": "s", "plugin": "weather", "version": 1, "every": 60.0}
    rows = [
        {"chat_id": 77, "user_id": 0, "lane": 77, "effect": card("hers", 77).record, **same},
        {"chat_id": -5, "user_id": 77, "lane": -5, "effect": card("hers", -5).record, **same},
        {"chat_id": -5, "user_id": 0, "lane": -5, "effect": card("Anna leads", -5).record, **same},
        {"chat_id": 78, "user_id": 0, "lane": 78, "effect": card("his", 78).record, **same},
    ]
    async with bench.engine.begin() as connection:
        await connection.execute(insert(core_paced), rows)
        assert len(await paced.known(connection, Person(77, None, ("Anna",)))) == 2
        await paced.forget(connection, Person(77, None, ("Anna",)))
        left = (await connection.execute(select(core_paced.c.effect).order_by(core_paced.c.chat_id))).scalars().all()
    assert [("… leads" in left[0], "his" in left[1], len(left))] == [(True, True, 2)]


async def test_what_a_group_was_to_show_is_shown_by_the_supergroup(bench) -> None:
    """In its own lane, as a new message: the numbers of the old one's messages are none there."""
    await bench.start()
    row = {"chat_id": -5, "user_id": 0, "lane": -5, "effect": card("the score", -5).record, "place": "",
           "slot": "main", "plugin": "weather", "version": 1, "every": 1.0}  # fmt: skip
    async with bench.engine.begin() as connection:
        await connection.execute(insert(core_paced).values(row))
        assert await paced.move(connection, -5, -1001)
        (moved,) = (await connection.execute(select(core_paced))).all()
    assert (moved.chat_id, moved.lane) == (-1001, -1001)
    assert '"chat_id":-1001' in moved.effect
    assert '"fresh":true' in moved.effect
    bench.store.resync.request()
    await bench.crash()
    await bench.start()
    if bench.database.is_sqlite:
        await until(lambda: bench.sender.sent == ["the score"])


async def test_old_ones_go(bench) -> None:
    """When a slot was shown last is forgotten once it holds up no edit any more."""
    await bench.start()
    shows(bench)
    await bench.ingest(ext_id="1")
    await bench.settle()
    await bench.store.write(paced.purge)
    assert await bench.count(core_paced) == 1
    async with bench.engine.begin() as connection:
        await connection.execute(update(core_paced).values(shown_at=now() - timedelta(hours=3)))
    await bench.store.write(paced.purge)
    assert await bench.count(core_paced) == 0
