"""Charts and readings in the database, on both engines."""

from __future__ import annotations

import json
import random
import re
import tracemalloc
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import IntegrityError

from astral_core.db.tables import core_users, now
from astral_core.privacy import Privacy
from astral_natal import store
from astral_natal.compute import compute_chart
from astral_natal.encode import decode_chart, encode_chart
from astral_natal.errors import ChartFormatError
from astral_natal.model import ChartRequest
from astral_natal.tables import natal_charts, natal_readings
from astral_playground.testkit.bot import bot_kit, module_plugin

CHART = compute_chart(ChartRequest(2448057.9375, 55.75204, 37.61781))
UNTIMED = compute_chart(
    ChartRequest(2448057.9375, 55.75, 37.6, time_known=False, day_start_jd=2448057.3, day_end_jd=2448058.3)
)
ANNA, BORIS = 101, 202


async def everything(privacy, user):
    """What /mydata gives out, read to its end: a list of dicts for each file."""
    return {
        name: json.loads(b"".join([piece async for piece in pieces]))
        for name, pieces in (await privacy.export(user, "natal")).items()
    }


@pytest.fixture
async def work(database_url):
    """Units of work in a migrated database that knows two people: `async with work() as session`; `work.privacy`."""
    async with bot_kit(database_url, [module_plugin("natal", "astral_natal.plugin")]) as kit:
        context = kit.context("natal")

        @asynccontextmanager
        async def begin():
            async with context.work() as unit:
                yield unit.session

        async with begin() as session:
            people = [
                {"id": who, "first_name": "Somebody", "created_at": now(), "seen_at": now()} for who in (ANNA, BORIS)
            ]
            await session.execute(insert(core_users), people)
        begin.privacy = kit.context("core").get(Privacy)
        yield begin


@pytest.mark.parametrize("chart", [CHART, UNTIMED], ids=["timed", "untimed"])
async def test_a_chart_comes_back_as_it_was_kept(work, chart):
    """By id and by key, equal to the last digit; not for another user, profile or key."""
    async with work() as session:
        number = await store.keep_chart(session, ANNA, 1, "k", chart, "night")
    async with work() as session:
        found = await store.chart_by_id(session, number, ANNA)
        assert found == await store.chart_by_key(session, ANNA, 1, "k")
        assert found.chart == chart
        assert (found.id, found.user_id, found.profile_id, found.key, found.theme) == (number, ANNA, 1, "k", "night")
        assert await store.chart_by_id(session, number, BORIS) is None
        assert await store.chart_by_id(session, number + 1, ANNA) is None
        assert await store.chart_by_key(session, ANNA, 2, "k") is None
        assert await store.chart_by_key(session, ANNA, 1, "other") is None


async def test_keeping_the_same_again_writes_nothing(work):
    """The same chart in the same theme has one row, and its unit of work stays a reading one."""
    async with work() as session:
        number = await store.keep_chart(session, ANNA, 1, "k", CHART, "night")
    async with work() as session:
        assert await store.keep_chart(session, ANNA, 1, "k", CHART, "night") == number
        assert not session.wrote
    async with work() as session:
        assert await store.keep_chart(session, BORIS, 1, "k", CHART, "night") != number


async def test_the_last_theme_is_the_one_chosen_last(work):
    """None before the first chart; then that of the chart whose theme changed last."""
    async with work() as session:
        assert await store.last_theme(session, ANNA) is None
        first = await store.keep_chart(session, ANNA, 1, "one", CHART, "night")
    async with work() as session:
        await store.keep_chart(session, ANNA, 1, "two", CHART, "night")
    async with work() as session:
        assert await store.keep_chart(session, ANNA, 1, "one", CHART, "paper") == first
    async with work() as session:
        assert await store.last_theme(session, ANNA) == "paper"
        assert await store.last_theme(session, BORIS) is None


async def test_a_chart_of_another_version_is_an_error(work):
    """What this version cannot read is said, not guessed."""
    async with work() as session:
        number = await store.keep_chart(session, ANNA, 1, "k", CHART, "night")
        await session.execute(update(natal_charts).values(chart=json.dumps({"schema": 0})))
    async with work() as session:
        with pytest.raises(ChartFormatError, match="schema 0"):
            await store.chart_by_id(session, number, ANNA)


async def test_readings_are_found_by_chart_and_language(work):
    """The newest reading of the chart in the language, as it was kept; None for others."""
    async with work() as session:
        await store.keep_reading(session, ANNA, "k", "ru", ["старый"])
        await store.keep_reading(session, ANNA, "k", "ru", ["один", "<b>два</b> & «три»"], "order-1")
        await store.keep_reading(session, ANNA, "k", "en", ["one"])
    async with work() as session:
        assert await store.reading(session, ANNA, "k", "ru") == ["один", "<b>два</b> & «три»"]
        assert await store.reading(session, ANNA, "k", "en") == ["one"]
        assert await store.reading(session, ANNA, "other", "ru") is None
        assert await store.reading(session, BORIS, "k", "ru") is None
        assert await store.is_answered(session, "order-1")
        assert not await store.is_answered(session, "order-2")


async def test_an_order_that_waits_is_answered_in_its_own_row(work):
    """A payment without birth data waits; its reading fills the row, and then nothing waits."""
    async with work() as session:
        await store.keep_waiting(session, ANNA, "order-1")
    async with work() as session:
        assert await store.waiting_order(session, ANNA) == "order-1"
        assert await store.waiting_order(session, BORIS) is None
        assert await store.is_answered(session, "order-1")
        await store.keep_reading(session, ANNA, "k", "ru", ["текст"], "order-1")
    async with work() as session:
        assert await store.waiting_order(session, ANNA) is None
        assert await store.reading(session, ANNA, "k", "ru") == ["текст"]
    assert len((await everything(work.privacy, ANNA))["natal/readings.json"]) == 1


async def test_the_database_itself_refuses_a_second_answer(work):
    """Two rows for one payment are impossible, whatever the code does."""
    async with work() as session:
        await store.keep_waiting(session, ANNA, "order-1")
    with pytest.raises(IntegrityError):
        async with work() as session:
            await session.execute(insert(natal_readings).values(user_id=BORIS, order_id="order-1"))


async def test_export_and_deletion_take_all_of_one_user(work):
    """Everything of the user and nothing of others, also what still waits."""
    async with work() as session:
        for user in (ANNA, BORIS):
            await store.keep_chart(session, user, 1, "k", CHART, "paper")
            await store.keep_reading(session, user, "k", "ru", [f"для {user}"], f"order-{user}")
        await store.keep_waiting(session, ANNA, "order-3")
    known = await everything(work.privacy, ANNA)
    assert [chart["theme"] for chart in known["natal/charts.json"]] == ["paper"]
    assert decode_chart(known["natal/charts.json"][0]["chart"]) == CHART
    assert [(one["order_id"], one["messages"]) for one in known["natal/readings.json"]] == [
        (f"order-{ANNA}", [f"для {ANNA}"]),
        ("order-3", None),
    ]
    assert (await work.privacy.delete(ANNA, "natal")).rows == 3
    assert await everything(work.privacy, ANNA) == {}
    assert len((await everything(work.privacy, BORIS))["natal/readings.json"]) == 1
    assert (await work.privacy.delete(ANNA, "natal")).rows == 0


async def test_charts_beyond_the_limit_go_but_those_of_readings(work, monkeypatch):
    """The ones looked at longest ago go first; a paid reading keeps its chart, and other people keep theirs."""
    monkeypatch.setattr(store, "CHARTS_KEPT", 3)
    async with work() as session:
        await store.keep_chart(session, BORIS, 1, "old", CHART, "night")
        await store.keep_chart(session, ANNA, 1, "paid", CHART, "night")
        await store.keep_reading(session, ANNA, "paid", "ru", ["текст"], "order-1")
    for key in ("one", "two", "three", "four", "five"):
        async with work() as session:
            await store.keep_chart(session, ANNA, 1, key, CHART, "night")
    async with work() as session:
        kept = await session.execute(select(natal_charts.c.user_id, natal_charts.c.key).order_by(natal_charts.c.id))
        assert kept.all() == [(BORIS, "old"), (ANNA, "paid"), (ANNA, "three"), (ANNA, "four"), (ANNA, "five")]


@pytest.mark.rest
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_ten_thousand_charts_are_read_a_few_at_a_time(work):
    """The export of somebody with very many charts holds few of them in memory, and others have their turns."""
    row = {"user_id": ANNA, "profile_id": 0, "theme": "night", "created_at": now(), "updated_at": now()}
    async with work() as session:
        rows = [{**row, "key": str(number), "chart": _like_a_chart(number)} for number in range(50)]
        await session.execute(insert(natal_charts), rows)
        await session.execute(text(TWO_HUNDRED_TIMES))
    sizes = []
    tracemalloc.start()
    try:
        for pieces in (await work.privacy.export(ANNA, "natal")).values():
            sizes += [len(piece) async for piece in pieces]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sum(sizes) > 40 * 2**20
    assert max(sizes) < 2**20
    assert len(sizes) > 200, "others have their turns between the pieces"
    assert peak < 10 * 2**20


TWO_HUNDRED_TIMES = """
WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 199)
INSERT INTO natal_charts (user_id, profile_id, key, theme, chart, created_at, updated_at)
SELECT user_id, n, key, theme, chart, created_at, updated_at FROM natal_charts, numbers
"""


def _like_a_chart(number):
    """A chart's text with other digits: it cannot be packed together with the next one."""
    digits = random.Random(number)  # noqa: S311  # the same in each run
    return re.sub(r"(?<=\d)\d", lambda _: str(digits.randrange(10)), json.dumps(encode_chart(CHART)))
