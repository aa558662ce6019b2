"""Reminders: a whole bot with this plugin alone, and an emulated Telegram, whose clock the tests move."""

import json

import pytest
from astral_playground.testkit.bot import BotKit
from astral_playground.testkit.chat import Chat

from astral_reminders.tables import items

MINUTE, HOUR = 60, 3600
ANSWER = "I will remind you on March 2, 2026, 9:00 AM."
BUTTONS = [["Done", "In 10 minutes"]]

# Each test runs on SQLite and on PostgreSQL, and begins at noon in Moscow.
pytestmark = [pytest.mark.usefixtures("database_url"), pytest.mark.astral(now="2026-03-01 09:00+00:00")]


async def test_a_reminder_comes_at_its_time(bot: BotKit, chat: Chat) -> None:
    """Not a minute before it, and once."""
    await chat.send("/remind tomorrow 9:00 tea")
    assert chat.texts == [ANSWER]
    await bot.advance(21 * HOUR - MINUTE)
    assert chat.texts == [ANSWER]
    await bot.advance(MINUTE)
    assert chat.texts == [ANSWER, "tea"]
    assert chat.keyboard == BUTTONS
    await bot.advance(48 * HOUR)
    assert chat.texts == [ANSWER, "tea"]


async def test_ten_minutes_more_and_done(bot: BotKit, chat: Chat) -> None:
    """The reminder comes again after each ten minutes, and no more when it is done."""
    await chat.send("/remind in 5 minutes tea")
    await bot.advance(5 * MINUTE)
    for _ in range(2):
        await chat.tap("In 10 minutes")
        assert chat.last.text == "In ten minutes."
        await bot.advance(9 * MINUTE)
        assert chat.last.text == "In ten minutes."
        await bot.advance(MINUTE)
        assert chat.last.text == "tea"
    await chat.tap("Done")
    assert chat.last.text == "Done."
    assert await bot.rows(items) == []
    await bot.advance(HOUR)
    assert chat.last.text == "Done."


async def test_pressed_twice_it_comes_once(bot: BotKit, chat: Chat) -> None:
    """The second press takes the place of what the first one has put off; after Done both do nothing."""
    await chat.send("/remind in 5 minutes tea")
    await bot.advance(5 * MINUTE)
    reminder, data = chat.last, "reminders:snooze/1"
    await chat.tap("In 10 minutes")
    await bot.advance(5 * MINUTE)
    await chat.forge(data, message=reminder)
    await bot.advance(9 * MINUTE)
    assert chat.texts.count("tea") == 0
    await bot.advance(MINUTE)
    assert chat.texts.count("tea") == 1
    await chat.tap("Done")
    await chat.forge(data, message=reminder)
    await bot.advance(HOUR)
    assert chat.texts.count("tea") == 0


async def test_the_list_shows_what_is_coming_and_strikes_off(bot: BotKit, chat: Chat) -> None:
    """The next one first, in one message, which a press changes; what has come is not in it."""
    await chat.send("/list")
    assert chat.last.text == "Nothing is coming."
    for what in ("tomorrow 9:00 bread", "today 18:30 tea", "in 10 minutes milk"):
        await chat.send(f"/remind {what}")
    await bot.advance(10 * MINUTE)
    await chat.send("/list")
    assert chat.last.text == "March 1, 2026, 6:30 PM: tea\nMarch 2, 2026, 9:00 AM: bread"
    assert chat.keyboard == [["Done: tea"], ["Done: bread"]]
    shown = len(chat.texts)
    await chat.tap("Done: tea")
    assert chat.texts[-1] == "March 2, 2026, 9:00 AM: bread"
    assert len(chat.texts) == shown
    await bot.advance(24 * HOUR)
    assert (chat.texts.count("tea"), chat.texts.count("bread")) == (0, 1)


async def test_a_long_list_fits_into_a_message(chat: Chat) -> None:
    """The first twenty with a part of their text, and a button for the first ten."""
    for n in range(22):
        await chat.send(f"/remind in {n + 1} minutes {n:02} {'🍵' * 290}")
    await chat.send("/list")
    assert len(chat.last.text.splitlines()) == 20
    assert [row[0][:8] for row in chat.keyboard] == [f"Done: {n:02}" for n in range(10)]


async def test_each_person_has_an_own_list(bot: BotKit, chat: Chat) -> None:
    """What others wait for is not in it."""
    ben = bot.chat("Ben")
    await chat.send("/remind tomorrow 9:00 tea")
    await ben.send("/list")
    assert ben.last.text == "Nothing is coming."


async def test_a_text_comes_as_it_was_written(bot: BotKit, chat: Chat) -> None:
    """It is no HTML, neither in the reminder nor in the list."""
    await chat.send("/remind in 10 minutes <b>tea</b> & {cake}\nfor two")
    await chat.send("/list")
    assert chat.last.text.endswith(": <b>tea</b> & {cake}\nfor two")
    await bot.advance(10 * MINUTE)
    assert chat.last.text == "<b>tea</b> & {cake}\nfor two"


async def test_what_cannot_be_read_is_answered_with_what_to_write(bot: BotKit, chat: Chat) -> None:
    """And nothing is kept of it."""
    for what in ("", " tea", " tomorrow 25:00 tea", " <b>soon</b> tea"):
        await chat.send(f"/remind{what}")
        assert chat.last.text.startswith("Write it like this: /remind tomorrow 9:00 tea, ")
    await chat.send("/remind today 9:00 tea")
    assert chat.last.text.startswith("That time is over.")
    await chat.send(f"/remind 9:00 {'tea' * 101}")
    assert chat.last.text.startswith("I can keep 300 characters")
    assert await bot.rows(items) == []


async def test_it_speaks_russian(bot: BotKit) -> None:
    """In what people write, and in what they read."""
    chat = bot.chat("Анна", language_code="ru")
    await chat.send("/remind завтра чай")
    assert chat.last.text.startswith("Напишите так: /remind завтра 9:00 чай, ")
    await chat.send("/remind завтра 9:00 чай")
    assert chat.last.text == "Напомню 2 марта 2026 г., 09:00."
    await chat.send("/list")
    assert chat.keyboard == [["Сделано: чай"]]
    await bot.advance(21 * HOUR)
    assert chat.last.text == "чай"
    await chat.tap("Через 10 минут")
    assert chat.last.text == "Напомню через десять минут."


async def test_a_killed_bot_forgets_nothing(bot: BotKit, chat: Chat) -> None:
    """What waits is done after the next start, and what came due meanwhile at once; each comes once."""
    await chat.send("/remind in 10 minutes tea")
    await chat.send("/remind in 30 minutes bread")
    await bot.crash()
    await bot.advance(20 * MINUTE)
    await bot.restart()
    await bot.advance(0)
    assert (chat.texts.count("tea"), chat.texts.count("bread")) == (1, 0)
    await bot.restart()
    await bot.advance(10 * MINUTE)
    assert (chat.texts.count("tea"), chat.texts.count("bread")) == (1, 1)


async def test_others_cannot_touch_a_reminder(bot: BotKit, chat: Chat) -> None:
    """A forged button changes nothing of another person's, nor of what does not exist."""
    ben = bot.chat("Ben")
    await chat.send("/remind tomorrow 9:00 tea")
    await ben.send("/remind tomorrow 9:00 bread")
    await ben.send("/list")
    (kept, _) = await bot.rows(items)
    for route in ("snooze", "done", "strike"):
        for item in (kept.id, 0, -1, 2**63 - 1):
            await ben.forge(f"reminders:{route}/{item}", message=ben.last)
    assert (await bot.rows(items))[0] == kept
    await bot.advance(21 * HOUR)
    assert chat.last.text == "tea"
    assert ben.texts.count("bread") == 1


async def test_a_person_gets_and_deletes_the_own_rows(bot: BotKit, chat: Chat) -> None:
    """The export holds the reminder; after the deletion it does not come, and others keep theirs."""
    ben = bot.chat("Ben")
    for one in (chat, ben):
        await one.send("/remind tomorrow 9:00 tea")
    files = await bot.export(chat, plugin="reminders")
    [item] = json.loads(files["reminders/items.json"])
    assert (item["due_at"], item["text"]) == ("2026-03-02T06:00:00Z", "tea")
    assert await bot.forget(chat, plugin="reminders") == 1
    assert await bot.export(chat, plugin="reminders") == {}
    assert [row.user_id for row in await bot.rows(items)] == [ben.id]
    await bot.advance(21 * HOUR)
    assert chat.texts == [ANSWER]
    assert ben.last.text == "tea"


@pytest.mark.astral(now="2026-03-28 09:00+00:00")
async def test_each_person_has_a_zone_and_summer_time_begins(bot: BotKit, chat: Chat) -> None:
    """Half past two is left out on that night in Berlin: it comes at three, when the gap is over."""
    ben = bot.chat("Ben")
    await chat.send("/zone Berlin")
    assert chat.last.text == "Your times are those of Europe/Berlin now: Mar 28, 2026, 10:00 AM."
    for one in (chat, ben):
        await one.send("/remind tomorrow 2:30 tea")
    assert chat.last.text == "I will remind you on March 29, 2026, 3:00 AM."
    assert ben.last.text == "I will remind you on March 29, 2026, 2:30 AM."
    await bot.advance(14 * HOUR + 30 * MINUTE)
    assert (chat.texts.count("tea"), ben.texts.count("tea")) == (0, 1)
    await bot.advance(90 * MINUTE)
    assert chat.last.text == "tea"


async def test_the_zone_is_kept_given_out_and_forgotten(bot: BotKit, chat: Chat) -> None:
    """It is small state: the core does all of that. A place that nobody knows changes nothing."""
    await chat.send("/zone new york")
    await chat.send("/zone Olympus Mons")
    assert chat.last.text == "I do not know that place. Write a large city nearby, such as /zone Berlin."
    await bot.crash()
    await bot.restart()
    await chat.send("/remind 9:00 tea")
    assert chat.last.text == "I will remind you on March 1, 2026, 9:00 AM."
    files = await bot.export(chat, plugin="reminders")
    assert json.loads(files["reminders/state.json"])[0]["value"] == {"zone": "America/New_York"}
    assert await bot.forget(chat, plugin="reminders") == 2
    assert await bot.export(chat, plugin="reminders") == {}
