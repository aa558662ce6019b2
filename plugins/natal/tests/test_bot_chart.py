"""The chart in Telegram, over a whole bot and an emulated Telegram."""

from __future__ import annotations

import json
import re

import pytest
from sqlalchemy import update

from astral_core import now
from astral_natal.tables import natal_charts
from astral_playground.testkit.bot import bot_kit

PLANETS = list("☉☽☿♀♂♃♄♅♆♇")
TIMEOUT = 60.0  # the first picture starts a process and reads the ephemeris, beside whatever else the machine does


def is_photo(message):
    return "photo" in message.content


def calls(kit, method):
    return [call for call in kit.telegram.calls if call.method == method]


@pytest.fixture
async def anna(sqlite_url, profiles, with_profiles):
    """Anna, born on 15 June 1990 at 14:30 in Moscow, and the bot."""
    async with bot_kit(sqlite_url, with_profiles()) as kit:
        user = kit.user("Анна", language_code="ru")
        profiles.BIRTHS[user.id] = profiles.birth("1990-06-15", "14:30")
        user.kit = kit
        yield user
        assert not any("<" in message.text for message in user.messages), "a tag is shown as text"


async def test_a_chart_is_a_photo_with_the_big_three(database_url, profiles, with_profiles):
    """On both engines: a photo with Sun, Moon and Ascendant in words, the planets' buttons and no price."""
    async with bot_kit(database_url, with_profiles()) as kit:
        anna = kit.user("Анна", language_code="ru")
        profiles.BIRTHS[anna.id] = profiles.birth("1990-06-15", "14:30")
        await anna.send("/chart")
        photo = await anna.wait_for(is_photo, timeout=TIMEOUT)
        for words in ("Солнце в Близнецах", "Луна в Рыбах", "Асцендент в Весах"):
            assert words in photo.text
        assert len(photo.text.encode("utf-16-le")) // 2 <= 1024
        assert photo.buttons == [*PLANETS, "Аспекты", "Тема: бумага", "‹ Меню"]
        assert [call.params["action"] for call in calls(kit, "sendChatAction")] == ["upload_photo"]
        largest = photo.content["photo"][-1]
        assert (largest["width"], largest["height"]) == (1024, 1280)
        uploads = [is_upload(call) for call in calls(kit, "sendPhoto")]
        await anna.send("/chart")
        await anna.wait_for(is_photo, timeout=TIMEOUT)
        uploads = [is_upload(call) for call in calls(kit, "sendPhoto")]
        assert uploads == [True, False]


def is_upload(call):
    return not isinstance(call.params["photo"], str) or call.params["photo"].startswith("attach://")


async def test_the_menu_leads_to_the_chart(anna):
    """The menu has a button for the chart."""
    await anna.send("/start")
    await anna.wait_for()
    await anna.press("Натальная карта")
    assert "Солнце" in (await anna.wait_for(is_photo, timeout=TIMEOUT)).text


async def test_without_a_profile_there_is_an_invitation(sqlite_url, profiles, with_profiles):
    """Who has told nothing yet is invited to, with a button that starts the questions."""
    async with bot_kit(sqlite_url, with_profiles()) as kit:
        boris = kit.user("Борис", language_code="ru")
        await boris.send("/chart")
        invitation = await boris.wait_for("Натальная карта")
        assert invitation.buttons == ["Построить карту", "‹ Меню"]
        await boris.press("Построить карту")
        await boris.wait_for("wizard")
        assert not calls(kit, "sendPhoto")


async def test_planets_speak_in_one_message_below_the_photo(anna):
    """Every planet has its text; all taps, on the photo and on the text, change one message."""
    await anna.send("/chart")
    photo = await anna.wait_for(is_photo, timeout=TIMEOUT)
    await anna.press("☉", message=photo)
    text = await anna.wait_for("Солнце в Близнецах, 9-й дом")
    seen = {text.text}
    for glyph in PLANETS[1:]:
        await anna.press(glyph, message=photo if glyph in "☽♂♄" else text)
        changed = await anna.wait_for(lambda message: message.text not in seen)
        assert changed.message_id == text.message_id
        seen.add(changed.text)
    assert len(seen) == 10
    for button, words in (("AC", "Асцендент в Весах"), ("MC", "в Раке"), ("☊", "в Водолее")):
        await anna.press(button, message=text)
        assert (await anna.wait_for(words)).message_id == text.message_id
    assert len(calls(anna.kit, "sendMessage")) == 1


async def test_below_a_second_photo_stands_its_own_text(anna):
    """After the chart was sent again its buttons do not change a text far above, but write below it."""
    await anna.send("/chart")
    await anna.wait_for(is_photo, timeout=TIMEOUT)
    await anna.press("☉")
    first = await anna.wait_for("Солнце")
    await anna.send("/chart")
    photo = await anna.wait_for(is_photo, timeout=TIMEOUT)
    await anna.press("☽", message=photo)
    assert (await anna.wait_for("Луна в Рыбах")).message_id > photo.message_id > first.message_id


async def test_aspects_are_told_and_named(anna):
    """Three aspects in words, the others by name, all in the message of the planets."""
    await anna.send("/chart")
    await anna.wait_for(is_photo, timeout=TIMEOUT)
    await anna.press("Аспекты")
    text = (await anna.wait_for("Как ваши планеты")).text
    assert text.count("\n· ") >= 8
    assert "А ещё" in text


async def test_a_forged_button_shows_nobody_elses_chart(anna):
    """The id of another user's chart in a button leads to one's own chart, as an unknown planet leads nowhere."""
    await anna.send("/chart")
    photo = await anna.wait_for(is_photo, timeout=TIMEOUT)
    data = next(button["callback_data"] for row in photo.button_rows for button in row if button["text"] == "☉")
    mallory = anna.kit.user("Mallory", language_code="en")
    await mallory.send("/chart")
    invitation = await mallory.wait_for("Your natal chart")
    invitation.markup["inline_keyboard"][0][0]["callback_data"] = data
    await mallory.press(data, message=invitation)
    await mallory.wait_until(lambda: len([one for one in mallory.messages if one.sender == "bot"]) >= 1)
    assert not any("Gemini" in message.text for message in mallory.messages)
    photo.markup["inline_keyboard"][0][0]["callback_data"] = data.rpartition("/")[0] + "/vulcan"
    await anna.press("☉", message=photo)
    assert (await anna.wait_for("такой точки нет")).buttons[:10] == PLANETS


async def test_the_theme_is_switched_and_remembered(anna):
    """The other theme comes in place of the first, and is the one that the next chart is drawn in."""
    await anna.send("/chart")
    night = await anna.wait_for(is_photo, timeout=TIMEOUT)
    await anna.press("Тема: бумага")
    paper = await anna.wait_for(is_photo, timeout=TIMEOUT)
    await anna.wait_until(lambda: night.deleted or night not in anna.messages)
    assert paper.content["photo"][-1]["file_id"] != night.content["photo"][-1]["file_id"]
    await anna.send("/chart")
    again = await anna.wait_for(is_photo, timeout=TIMEOUT)
    assert "Тема: ночь" in again.buttons
    assert again.content["photo"][-1]["file_id"] == paper.content["photo"][-1]["file_id"]


async def test_a_completed_profile_is_drawn_at_once_and_a_changed_one_anew(anna, profiles):
    """The event of the profile brings the chart; another birth another chart; the old buttons still work."""
    await anna.send("/complete")
    first = await anna.wait_for(is_photo, timeout=TIMEOUT)
    assert "Асцендент в Весах" in first.text
    profiles.BIRTHS[anna.id] = profiles.birth("1990-12-15", "14:30")
    await anna.send("/complete")
    second = await anna.wait_for(is_photo, timeout=TIMEOUT)
    assert "Солнце в Стрельце" in second.text
    await anna.press("☉", message=first)
    await anna.wait_for("Солнце в Близнецах")
    await anna.press("☉", message=second)
    await anna.wait_for("Солнце в Стрельце")


async def test_an_unknown_time_leaves_houses_out(anna, profiles):
    """No Ascendant is claimed, the caption says why, and the Moon's change of sign is told with its hour."""
    profiles.BIRTHS[anna.id] = profiles.birth("1934-03-09", None)
    await anna.send("/chart")
    photo = await anna.wait_for(is_photo, timeout=TIMEOUT)
    assert "Асцендент" not in photo.text
    assert "Время рождения неизвестно" in photo.text
    await anna.press("☽")
    text = await anna.wait_for(lambda message: message.message_id > photo.message_id)
    assert re.search(r"\d\d:\d\d", text.text)
    assert {"AC", "MC"}.isdisjoint(text.buttons)


async def test_beyond_the_polar_circle_porphyry_stands_in(anna, profiles):
    """A birth in Murmansk has houses, and the caption says which."""
    murmansk = profiles.Place("Мурманск", "RU", 68.97917, 33.09251, "Europe/Moscow")
    profiles.BIRTHS[anna.id] = profiles.birth("1970-01-10", "15:20", murmansk)
    await anna.send("/chart")
    assert "Порфирия" in (await anna.wait_for(is_photo, timeout=TIMEOUT)).text


@pytest.mark.parametrize(
    ("day", "time", "zone", "words"),
    [
        ("1985-09-29", "02:30", "Europe/Moscow", "дважды"),
        ("1981-04-01", "00:30", "Europe/Moscow", "вперёд"),
        ("2011-12-30", None, "Pacific/Apia", "Этого дня"),
        ("2053-10-08", "12:00", "Europe/Moscow", "эфемериды"),
    ],
)
async def test_what_cannot_be_drawn_is_explained(anna, profiles, day, time, zone, words):
    """A time that came twice, one that never came, a skipped day, a date beyond the ephemeris: said, and mendable."""
    profiles.BIRTHS[anna.id] = profiles.birth(day, time, profiles.Place("", "", 10.0, 37.0, zone))
    await anna.send("/chart")
    answer = await anna.wait_for(words, timeout=TIMEOUT)
    assert answer.buttons == ["Исправить данные", "‹ Меню"]
    assert not calls(anna.kit, "sendPhoto")


async def test_no_chart_is_in_the_log(anna, caplog):
    """Birth data and charts are personal: neither date nor place nor longitudes are logged."""
    caplog.set_level("DEBUG", logger="astral")
    await anna.send("/chart")
    await anna.wait_for(is_photo, timeout=TIMEOUT)
    await anna.press("☉")
    await anna.wait_for("Солнце")
    logged = "\n".join(record.getMessage() for record in caplog.records)
    assert not re.search(r"1990|Москва|55\.75|84\.0|2448058", logged)


async def test_people_get_a_copy_and_are_forgotten(database_url, profiles, with_profiles):
    """The export holds the chart; after the deletion nothing is left, and an old button draws nothing."""
    async with bot_kit(database_url, with_profiles()) as kit:
        anna = kit.user("Анна", language_code="ru")
        profiles.BIRTHS[anna.id] = profiles.birth("1990-06-15", "14:30")
        await anna.send("/chart")
        await anna.wait_for(is_photo, timeout=TIMEOUT)
        files = await kit.export(anna, plugin="natal")
        [chart] = json.loads(files["natal/charts.json"])
        assert chart["chart"]["points"][0]["sign"] == "gemini"
        assert chart["created_at"] < now().isoformat()
        assert await kit.forget(anna, plugin="natal") == 1
        assert await kit.export(anna, plugin="natal") == {}


async def test_a_button_of_another_version_draws_the_chart_anew(anna):
    """A stored chart that this version cannot read is no dead end: the tap brings a new chart."""
    await anna.send("/chart")
    photo = await anna.wait_for(is_photo, timeout=TIMEOUT)
    async with anna.kit.context("natal").work() as work:
        await work.session.execute(update(natal_charts).values(chart='{"schema": 0}', key="of another version"))
    await anna.press("☉", message=photo)
    again = await anna.wait_for(is_photo, timeout=TIMEOUT)
    await anna.press("☉", message=again)
    await anna.wait_for("Солнце в Близнецах, 9-й дом")


async def test_the_bot_speaks_english_too(sqlite_url, profiles, with_profiles):
    """Caption, buttons and texts follow the user's language."""
    async with bot_kit(sqlite_url, with_profiles()) as kit:
        ann = kit.user("Ann", language_code="en")
        profiles.BIRTHS[ann.id] = profiles.birth("1990-06-15", "14:30")
        await ann.send("/chart")
        photo = await ann.wait_for(is_photo, timeout=TIMEOUT)
        assert "Ascendant in Libra" in photo.text
        assert photo.buttons[10:] == ["Aspects", "Theme: paper", "‹ Menu"]
        await ann.press("Aspects")
        await ann.wait_for("And also")
        await ann.press("MC")
        await ann.wait_for("in Cancer")
        assert not any("<" in message.text for message in ann.messages), "a tag is shown as text"
