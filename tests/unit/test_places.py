"""The places in which lanes are worked on: whose turn it is, and who needs no place."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from itertools import count

import pytest

from astral_core.errors import Crowded
from astral_core.inbox import places as places_module
from astral_core.inbox.crowd import Crowd, leave_place
from astral_core.inbox.lane import WAKE, Lane
from astral_core.inbox.places import Places
from astral_core.inbox.rows import InboxRow
from astral_core.supervisor import Supervisor

numbers = count(1)


def lane(source: str = "tg:1", *, backlog: bool = False) -> Lane:
    """A lane with one row that has just come, or with old ones."""
    number = next(numbers)
    row = InboxRow(number, source, str(number), number, "message", False, "{}", datetime.now(UTC))
    return Lane(number, rows=[row], backlog=backlog)


def open_places(
    work: Callable[[Lane], Awaitable[None]], number: int = 1, crowd: Crowd | None = None,
    waits: Callable[[asyncio.Task[None], bool], tuple[str, str] | None] = lambda *_: None,
) -> Places:  # fmt: skip
    """Places over a function."""
    return Places(number, work, waits, crowd or Crowd(number), Supervisor())


async def closed(places: Places) -> None:
    """Wait until the workers have left."""
    places.stop()
    await asyncio.gather(*places.tasks, return_exceptions=True)


@pytest.mark.parametrize("old", ["backlog", "own work"])
async def test_newcomers_go_before_an_old_backlog_and_do_not_starve_it(old: str) -> None:
    """Two thousand lanes wait when ten people write; of the next forty turns, each fourth is an old lane's."""
    served: list[str] = []

    async def work(lane: Lane) -> None:
        served.append("old" if lane.backlog or lane.rows[0].internal else "new")
        await asyncio.sleep(0)

    places = open_places(work)
    for _ in range(2_000):
        places.put(lane(backlog=True) if old == "backlog" else lane("internal:due"))
    for _ in range(30):
        places.put(lane())
    places.start()
    while len(served) < 60:  # noqa: ASYNC110  # no event tells
        await asyncio.sleep(0)
    await closed(places)
    assert served[:40].count("new") == 30
    assert "old" in served[:4]
    assert served[41:] == ["old"] * len(served[41:])


async def test_a_lane_whose_row_has_waited_for_long_is_an_old_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those who come now are not kept waiting by all who could not be served in time."""
    served: list[Lane] = []

    async def work(lane: Lane) -> None:
        served.append(lane)

    places = open_places(work)
    monkeypatch.setattr(places_module, "YOUNG", -1.0)
    for _ in range(50):
        places.put(lane())
    monkeypatch.setattr(places_module, "YOUNG", 3600.0)
    newcomer = lane()
    places.put(newcomer)
    places.start()
    while newcomer not in served:  # noqa: ASYNC110  # no event tells
        await asyncio.sleep(0)
    await closed(places)
    assert served.index(newcomer) <= 1


async def test_who_waits_for_something_slow_leaves_the_place_to_others() -> None:
    """One place: a lane whose handler hangs holds nobody up, and when it goes on the places are as many as before."""
    hang, served = asyncio.Event(), asyncio.Event()
    slow = lane()

    async def work(lane: Lane) -> None:
        await (hang.wait() if lane is slow else asyncio.sleep(0))
        served.set()

    crowd = Crowd(1)
    places = open_places(work, crowd=crowd, waits=lambda _, known: None if known else ("weather", "somewhere"))
    places.put(slow)
    places.start()
    places.put(lane())
    await served.wait()
    assert dict(crowd.waiting) == {"weather": 1}
    hang.set()
    while crowd.waiting:  # noqa: ASYNC110  # no event tells
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(places.tasks) == 1
    await closed(places)


async def test_of_a_plugin_that_is_known_to_be_slow_nobody_takes_a_place() -> None:
    """A hundred more of its handlers begin, and the next lane's turn comes without a look at them."""
    hang, served = asyncio.Event(), asyncio.Event()
    crowd, last = Crowd(100), lane()

    async def work(lane: Lane) -> None:
        if lane is last:
            served.set()
            return
        crowd.check("weather", 1)
        await hang.wait()

    for _ in range(25):
        crowd.begin("weather", "somewhere")
    places = open_places(work, crowd=crowd)
    for _ in range(100):
        places.put(lane())
    places.put(last)
    places.start()
    for _ in range(1_000):
        await asyncio.sleep(0)  # no time passes in which anybody could be looked at
    assert served.is_set()
    assert crowd.waiting == {"weather": 125}
    hang.set()
    while crowd.waiting["weather"] > 25:  # noqa: ASYNC110  # no event tells
        await asyncio.sleep(0)
    await closed(places)


async def test_whoever_gets_a_place_knows_nothing_of_the_handler_that_left_it() -> None:
    """A handler's context variables are its own: what runs on its place later is not taken for a part of it."""
    running = contextvars.ContextVar("running", default="nobody")
    seen: list[str] = []
    crowd, slow, hang = Crowd(4), lane(), asyncio.Event()

    async def work(lane: Lane) -> None:
        if lane is not slow:
            seen.append(running.get())
            return
        running.set("slow")
        crowd.check("weather", 1)
        await hang.wait()

    crowd.begin("weather", "somewhere")
    places = open_places(work, crowd=crowd)
    places.put(slow)
    places.put(lane())
    places.start()
    for _ in range(100):
        await asyncio.sleep(0)
    assert seen == ["nobody"]
    hang.set()
    await closed(places)


async def test_who_waits_for_the_database_keeps_the_place() -> None:
    """More of them at a time would only wait for each other."""
    hang, served = asyncio.Event(), asyncio.Event()
    slow = lane()

    async def work(lane: Lane) -> None:
        await (hang.wait() if lane is slow else asyncio.sleep(0))
        served.set()

    places = open_places(work)
    places.put(slow)
    places.start()
    places.put(lane())
    await asyncio.sleep(places_module.LONG + 3 * places_module.LOOK)
    assert not served.is_set()
    hang.set()
    await closed(places)


async def test_no_plugin_has_more_handlers_waiting_than_it_may(caplog: pytest.LogCaptureFixture) -> None:
    """One more begins when one of them has ended, in the order in which they came; the log names plugin and place."""
    crowd, woken = Crowd(1), list[int]()
    for _ in range(crowd.most):
        crowd.check("weather", 1)
        crowd.begin("weather", "fetch() at weather.py:7")
    with pytest.raises(Crowded):
        crowd.check("weather", 1)
    crowd.check("natal", 1)
    lanes = [lane() for _ in range(3)]
    for one in lanes:
        one.wake = lambda one=one: woken.append(one.id)  # type: ignore[misc]
        assert crowd.wait(one, "weather") == WAKE
    crowd.wake()
    assert woken == []
    assert crowd.full == ["weather"]
    crowd.end("weather")
    crowd.wake()
    assert woken == [lanes[0].id]
    for _ in range(crowd.most - 1):
        crowd.end("weather")
    for _ in range(3):
        crowd.wake()
    assert woken == [one.id for one in lanes]
    (line,) = [record.getMessage() for record in caplog.records if "wait for something slow" in record.message]
    assert "plugin 'weather': 1 of its handlers" in line
    assert "fetch() at weather.py:7" in line


async def test_who_waits_for_a_turn_is_not_passed_by_others() -> None:
    """A chat that has more to say comes after those that have been waiting, as long as room is scarce."""
    crowd = Crowd(8)
    for _ in range(crowd.most):
        crowd.begin("weather", "somewhere")
    waits = lane()
    waits.wake = lambda: None
    crowd.wait(waits, "weather")
    crowd.end("weather")
    with pytest.raises(Crowded):
        crowd.check("weather", 1)
    other = lane()
    other.wake = lambda: None
    crowd.wait(other, "weather")
    crowd.wake()  # one lane is called
    with pytest.raises(Crowded):
        crowd.check("weather", other.id)
    crowd.check("weather", waits.id)
    for _ in range(crowd.most // 2):
        crowd.end("weather")
    crowd.check("weather", 1)  # there is room for all


async def test_a_plugin_that_was_slow_for_a_moment_is_not_held_to_be_slow_for_ever() -> None:
    """Who was only expected to wait does not count as a proof that the next one will."""
    crowd, left = Crowd(8), list[str]()
    leave_place.set(lambda plugin, _: left.append(plugin))
    for _ in range(2):
        crowd.begin("weather", "somewhere")
    crowd.check("weather", 1)
    assert left == ["weather"]
    for _ in range(20):
        crowd.begin("weather", "somewhere", seen=False)
    for _ in range(2):
        crowd.end("weather")
    crowd.check("weather", 1)
    assert left == ["weather"]


async def test_lanes_that_wait_for_a_plugin_that_is_well_again_all_go_on() -> None:
    """Also where those who are woken never wait for anything themselves."""
    crowd, woken = Crowd(1), list[int]()
    for _ in range(crowd.most):
        crowd.begin("weather", "somewhere")
    lanes = [lane() for _ in range(100)]
    for one in lanes:
        one.wake = lambda one=one: woken.append(one.id)  # type: ignore[misc]
        crowd.wait(one, "weather")
    lanes[5].lost = True  # another replica has it
    for _ in range(crowd.most):
        crowd.end("weather")
    for _ in range(200):
        crowd.wake()
    assert woken == [one.id for one in lanes if not one.lost]
