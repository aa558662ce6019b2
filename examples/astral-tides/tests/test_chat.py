"""What people get from /moon: a whole bot with this plugin alone, and an emulated Telegram."""

import json
from datetime import timedelta

import pytest
from astral_core import now
from astral_playground.testkit.bot import BotKit
from astral_playground.testkit.chat import Chat
from sqlalchemy import update

import astral_tides
from astral_tides.tables import subscribers

# Each test runs on SQLite and on PostgreSQL. The hour is always past.
pytestmark = [
    pytest.mark.usefixtures("database_url"),
    pytest.mark.astral(settings={"plugins": {"tides": {"hour": 0}}}),
]


async def make_due(bot: BotKit) -> None:
    """Let the day of everybody's next message be today."""
    async with bot.running.database.engine.connect() as connection:
        await connection.execute(update(subscribers).values(next_on=now().date()))
        await connection.commit()


async def test_a_typed_day_is_told_in_full(chat: Chat) -> None:
    """Phase, lit part, next new and full moon of a known day; a button leads to the day after it."""
    await chat.send("/moon 2024-04-08")
    assert chat.last.text == (
        "🌑 New moon\n8 April 2024\n\n0 % of the disc is lit.\n"
        "Next new moon: 8 April 2024, 18:21 UTC\nNext full moon: 23 April 2024, 23:49 UTC"
    )
    await chat.tap("The next day")
    assert chat.last.text.startswith("🌒 Waxing crescent\n9 April 2024")
    assert len(chat.texts) == 1


async def test_today_has_a_button_to_tomorrow(chat: Chat) -> None:
    """The command alone is about today; the button moves the same message on by a day, and back."""
    await chat.send("/moon")
    today = chat.last.text
    await chat.tap("Tomorrow")
    assert chat.last.text != today
    await chat.tap("Today")
    assert chat.last.text == today
    assert len(chat.texts) == 1


@pytest.mark.parametrize("typed", ["31.02.2026", "1066-10-14", "<b>soon</b>"])
async def test_what_is_no_day_is_explained(chat: Chat, typed: str) -> None:
    """A mistake is answered with the way to write it."""
    await chat.send(f"/moon {typed}")
    assert "Write it like this: /moon 2026-12-24, from 1900 to 2100." in chat.last.text


async def test_the_menu_leads_to_it_in_russian(bot: BotKit) -> None:
    """Who speaks Russian finds it in the menu, and reads and types Russian."""
    chat = bot.chat("Анна", language_code="ru")
    await chat.send("/start")
    await chat.tap("Луна сегодня")
    assert "диска." in chat.last.text
    await chat.send("/moon 23.04.2024")
    assert "Полнолуние\n23 апреля 2024\n\nОсвещено 100 % диска." in chat.last.text


async def test_a_forged_button_is_refused(chat: Chat) -> None:
    """A number of no day that the formulas know is told so, and nothing breaks."""
    await chat.send("/moon")
    await chat.forge("tides:day/1")
    assert "This button is out of date" in chat.last.text


async def test_a_subscriber_gets_one_message_a_day(bot: BotKit, chat: Chat) -> None:
    """From the day after the subscription, when its hour is past; once a day, however often the job runs."""
    await chat.send("/moon")
    await chat.tap("Send it every day")
    assert "every day at 00:00 UTC" in chat.last.text
    await bot.run_job("tides.daily")
    assert len(chat.texts) == 1
    await make_due(bot)
    await bot.run_job("tides.daily")
    await bot.run_job("tides.daily")
    assert len(chat.texts) == 2
    assert "of the disc is lit" in chat.last.text
    assert [row.next_on for row in await bot.rows(subscribers)] == [now().date() + timedelta(days=1)]


async def test_who_unsubscribes_gets_no_more(bot: BotKit, chat: Chat) -> None:
    """The button ends it, also where the row was due."""
    await chat.send("/moon")
    await chat.tap("Send it every day")
    await make_due(bot)
    await chat.tap("No more daily messages")
    await bot.run_job("tides.daily")
    assert len(chat.texts) == 1
    assert await bot.rows(subscribers) == []


async def test_more_subscribers_than_a_batch_are_all_served(bot: BotKit, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batch follows batch until everybody has the message; who has blocked the bot is left out."""
    monkeypatch.setattr(astral_tides, "BATCH", 2)
    chats = [bot.chat(f"Person {n}") for n in range(6)]
    for chat in chats:
        await chat.send("/moon")
        await chat.tap("Send it every day")
    await chats[0].block()
    await make_due(bot)
    await bot.run_job("tides.daily")
    assert [len(chat.texts) for chat in chats] == [1, 2, 2, 2, 2, 2]


async def test_a_person_gets_and_deletes_the_own_row(bot: BotKit) -> None:
    """The export holds the subscription, the deletion leaves nothing of it, and others keep theirs."""
    anna, ben = bot.chat("Anna"), bot.chat("Ben")
    for chat in (anna, ben):
        await chat.send("/moon")
        await chat.tap("Send it every day")
    files = await bot.export(anna, plugin="tides")
    assert json.loads(files["tides/subscribers.json"])[0]["next_on"] == (now() + timedelta(days=1)).date().isoformat()
    assert await bot.forget(anna, plugin="tides") == 1
    assert await bot.export(anna, plugin="tides") == {}
    assert [row.user_id for row in await bot.rows(subscribers)] == [ben.id]
