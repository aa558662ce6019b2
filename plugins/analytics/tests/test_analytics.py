"""What analytics keeps, what /stats says, and to whom."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import select

from astral_analytics.recorder import as_row
from astral_analytics.tables import events
from astral_core import Handled
from astral_playground.testkit.bot import bot_kit, module_plugin

ANALYTICS = [module_plugin("analytics", "astral_analytics.plugin")]


def handled(**changes):
    """One record of telemetry."""
    values = {
        "plugin": "natal", "route": "chart", "kind": "callback", "outcome": "ok", "ms": 12.5, "wait_ms": 1.5,
        "at": 1_800_000_000.0, "user_id": 7, "update_id": 99,
    }  # fmt: skip
    return Handled(**{**values, **changes})


async def rows_of(kit):
    """The rows of analytics_events, once telemetry was handed out."""
    await kit.running.telemetry.flush()
    async with kit.running.database.engine.connect() as connection:
        return (await connection.execute(select(events).order_by(events.c.id))).all()


def test_a_handled_update_becomes_a_row_of_names_and_numbers():
    """A row says who handled what, how long and how it ended; the time is aware and in UTC."""
    row = as_row(handled())
    assert row["name"] == "update"
    assert (row["plugin"], row["route"], row["outcome"], row["ms"], row["wait_ms"]) == (
        "natal",
        "chart",
        "ok",
        12.5,
        1.5,
    )
    assert row["at"] == datetime.fromtimestamp(1_800_000_000, UTC)


def test_an_emitted_event_is_named_after_itself():
    """A plugin's event is found under its own name."""
    row = as_row(handled(route="natal.chart_ready", kind="event", outcome="emitted", update_id=None))
    assert row["name"] == "natal.chart_ready"


def test_overlong_names_are_cut_to_the_columns():
    """A route's name of any length is no reason to lose a batch."""
    row = as_row(handled(route="r" * 500, plugin="p" * 500))
    assert len(row["route"]) == 96
    assert len(row["plugin"]) == 32


async def test_every_update_is_one_row_with_plugin_route_and_outcome(database_url):
    """Commands and presses of a user stand in analytics_events, each once."""
    async with bot_kit(database_url, ANALYTICS) as kit:
        anna = kit.user("Anna", language_code="en")
        await anna.send("/start")
        await anna.wait_for("Hello, Anna!")
        await anna.press("What I can do")
        await anna.wait_for("About this bot")
        rows = await rows_of(kit)
    assert [(row.plugin, row.route, row.kind, row.outcome) for row in rows] == [
        ("core", "/start", "command", "ok"),
        ("core", "help", "callback", "ok"),
    ]
    assert all(row.user_id == anna.id and row.ms > 0 and row.update_id for row in rows)


async def test_stats_shows_figures_to_admins_in_their_language(sqlite_url):
    """An admin reads people, updates and the busiest routes, and switches the period in place."""
    async with bot_kit(sqlite_url, ANALYTICS, admins=(5001,)) as kit:
        olga = kit.user("Ольга", language_code="ru", id=5001)
        await olga.send("/start")
        await olga.wait_for("Здравствуйте")
        await kit.running.telemetry.flush()
        await olga.send("/stats")
        answer = await olga.wait_for("Astral в цифрах")
        assert "Люди: 1, новые: 1, активные: 1" in answer.text
        assert "core · /start — 1 ×" in answer.text
        assert "<" not in answer.text
        assert " ms" not in answer.text
        await olga.press("7 дней")
        await olga.wait_for("Astral в цифрах · 7 дней")
        assert olga.last.message_id == answer.message_id


async def test_the_menu_leads_admins_to_the_figures(sqlite_url):
    """An admin has a button for /stats in the menu, others have none."""
    async with bot_kit(sqlite_url, ANALYTICS, admins=(5001,)) as kit:
        olga, eve = kit.user("Olga", language_code="en", id=5001), kit.user("Eve", language_code="en")
        await olga.send("/start")
        await olga.wait_for("Hello, Olga!")
        await olga.press("Figures of the bot")
        await olga.wait_for("Astral in figures · 1 day")
        await eve.send("/start")
        assert "Figures of the bot" not in (await eve.wait_for("Hello, Eve!")).buttons


async def test_stats_is_closed_to_others_also_by_a_forged_button(sqlite_url):
    """Who is no admin gets no figures: neither by the command nor by a button made by hand."""
    async with bot_kit(sqlite_url, ANALYTICS, admins=(5001,)) as kit:
        eve = kit.user("Eve", language_code="en")
        await eve.send("/stats")
        refused = await eve.wait_for(lambda message: message.sender == "bot")
        assert "figures" not in refused.text.lower()
        async with kit.context("analytics").http.post(
            f"{kit.url}/webhook/telegram",
            headers={"X-Telegram-Bot-Api-Secret-Token": kit.secret},
            json={
                "update_id": 77,
                "callback_query": {
                    "id": "1", "from": {"id": eve.id, "is_bot": False, "first_name": "Eve", "language_code": "en"},
                    "chat_instance": "1", "data": "analytics:stats/7",
                    "message": {
                        "message_id": refused.message_id, "date": 1, "chat": {"id": eve.id, "type": "private"},
                    },
                },
            },
        ) as response:  # fmt: skip
            assert response.status == 200
        await eve.wait_for("That button has expired.")


async def test_a_user_gets_and_deletes_the_own_rows(sqlite_url):
    """/mydata holds the user's rows; after /forget none of them is left, others' stay."""
    async with bot_kit(sqlite_url, ANALYTICS) as kit:
        anna, boris = kit.user("Anna", language_code="en"), kit.user("Boris", language_code="en")
        for person in (anna, boris):
            await person.send("/start")
            await person.wait_for("Hello")
        assert {row.user_id for row in await rows_of(kit)} == {anna.id, boris.id}
        await anna.send("/forget")
        await anna.wait_for("cannot be undone")
        await kit.running.telemetry.flush()
        await anna.press("Yes, delete everything")
        await anna.wait_for("I have deleted your data")
        async with kit.running.database.engine.connect() as connection:
            left = (await connection.execute(select(events.c.user_id, events.c.route))).all()
        assert "/start" not in [row.route for row in left if row.user_id == anna.id]
        assert boris.id in {row.user_id for row in left}
