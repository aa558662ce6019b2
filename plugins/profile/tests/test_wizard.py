"""The wizard over an emulated Telegram: three questions in one message, and every way in, out and astray."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest


async def test_the_whole_wizard_in_russian_is_one_message_edited_in_place(
    opened: Any, database_url: str, completed: list[Any]
) -> None:
    """From the menu to the saved profile the bot has one message, typed answers vanish, and others are told once."""
    async with opened(database_url, language="ru") as talk:
        await talk.say("/start", "Anna")
        await talk.press("Мой профиль", "Шаг 1 из 3")
        await talk.say("15.06.1990", "Шаг 2 из 3")
        assert "15 июня 1990, пятница" in talk.card
        await talk.say("14:30", "Шаг 3 из 3")
        assert "🕑 14:30" in talk.card
        await talk.say("Москва", "Какое место ваше?")
        assert talk.buttons[0] == "Москва, Россия"
        assert "Другое" in talk.buttons
        await talk.press("Москва, Россия", "Всё верно?")
        for line in (
            "15 июня 1990, пятница",
            "14:30",
            "Москва, Россия",
            "55.75° с. ш., 37.62° в. д.",
            "UTC+4, летнее",
        ):
            assert line in talk.card
        await talk.press("✓ Верно", "всё записано")
        assert len(talk.from_bot) == 1
        assert [message.text for message in talk.visible if message.sender == "user"] == ["/start"]
        (row,) = await talk.rows()
        assert (row["birth_date"], row["birth_time"]) == (dt.date(1990, 6, 15), dt.time(14, 30))
        assert (row["place_name"], row["country"], row["zone"]) == ("Москва", "RU", "Europe/Moscow")
        assert row["active"] is True
        assert await talk.drafts() == []
        await talk.settled()
        assert completed == [(talk.person.id, row["id"], ("date", "time", "place"))]


async def test_the_whole_wizard_in_english(both: Any) -> None:
    """The English wizard has the same steps, with the twelve-hour clock beside the time."""
    talk = both
    await talk.say("/start", "Hello")
    await talk.press("My profile", "Step 1 of 3")
    await talk.say("June 15, 1990", "Step 2 of 3")
    await talk.say("2:30 pm", "Step 3 of 3")
    assert "Friday, 15 June 1990" in talk.card
    assert "14:30 (2:30 pm)" in talk.card
    await talk.say("moscow", "Which place")
    await talk.press("Moscow, Russia", "Is everything right?")
    assert "55.75° N, 37.62° E" in talk.card
    assert "UTC+4, summer time" in talk.card
    await talk.press("✓ Yes, that’s right", "all noted")
    assert len(talk.from_bot) == 1


@pytest.mark.parametrize(
    ("typed", "said", "offered"),
    [
        ("hello", "could not read “hello” as a date", []),
        ("<b>", "could not read “<b>” as a date", []),
        ("31.02.1990", "no “31.02.1990” in the calendar", ["28 February 1990", "1 March 1990"]),
        ("15.06", "The year is missing", []),
        ("05/06/1990", "read in two ways", ["5 June 1990", "6 May 1990"]),
        ("15.06.2052", "still to come", []),
        ("15.06.1850", "from 1 January 1900", []),
        ("x" * 300, "x…” as a date", []),
    ],
)
async def test_an_unusable_date_is_said_on_the_card_with_what_may_be_meant(
    talk: Any, typed: str, said: str, offered: list[str]
) -> None:
    """The card keeps the question, quotes the answer, gives an example or the likely dates as buttons."""
    await talk.say("/profile", "Step 1 of 3")
    await talk.say(typed, said)
    assert "When were you born?" in talk.card
    assert talk.buttons == [*offered, "‹ Back", "Cancel"]
    if offered:
        await talk.press(offered[-1], "Step 2 of 3")
        assert offered[-1] in talk.card


async def test_an_unusable_time_is_said_on_the_card(talk: Any) -> None:
    """A time that no clock shows is explained; 24:00 is offered as 00:00."""
    await talk.say("/profile", "Step 1 of 3")
    await talk.say("15.06.1990", "Step 2 of 3")
    await talk.say("at dawn", "could not read “at dawn” as a time")
    await talk.say("25:70", "Hours go from 0 to 23")
    await talk.say("24:00", "No clock shows “24:00”")
    assert talk.buttons[:2] == ["00:00", "I don’t know"]
    await talk.press("00:00", "Step 3 of 3")
    assert "00:00 (12:00 am)" in talk.card


async def test_an_unknown_time_is_an_answer(talk: Any) -> None:
    """The button and the words both lead on; the profile has no time then."""
    await talk.say("/profile", "Step 1 of 3")
    await talk.say("15.06.1990", "Step 2 of 3")
    await talk.press("I don’t know", "Step 3 of 3")
    assert "time unknown" in talk.card
    await talk.press("‹ Back", "Step 2 of 3")
    await talk.say("unknown", "Step 3 of 3")
    await talk.say("Moscow", "Which place")
    await talk.press("Moscow, Russia", "Is everything right?")
    await talk.press("✓ Yes, that’s right", "all noted")
    (row,) = await talk.rows()
    assert row["birth_time"] is None


async def _to_place(talk: Any) -> None:
    await talk.say("/profile", "Step 1 of 3")
    await talk.say("15.06.1990", "Step 2 of 3")
    await talk.say("14:30", "Step 3 of 3")


async def test_a_location_is_a_place(both: Any) -> None:
    """An attached location gives its own coordinates, the zone there and the nearest town's name."""
    talk = both
    await _to_place(talk)
    await talk.person.send_location(48.8566, 2.3522)
    await talk.saw("Is everything right?")
    assert "Paris, France" in talk.card
    assert "UTC+2, summer time" in talk.card
    assert [message.text for message in talk.visible if message.sender == "user"] == ["/profile"]
    await talk.press("✓ Yes, that’s right", "all noted")
    (row,) = await talk.rows()
    assert (row["latitude"], row["longitude"]) == pytest.approx((48.8566, 2.3522), abs=1e-4)
    assert row["zone"] == "Europe/Paris"


async def test_coordinates_are_a_place(talk: Any) -> None:
    """Typed coordinates lead to the confirm card; impossible ones are explained, swapped ones offered."""
    await _to_place(talk)
    await talk.say("200, 300", "no such coordinates")
    await talk.say("151.2, -33.86", "Latitude comes first")
    assert talk.buttons[0] == "Sydney, Australia"
    await talk.say("-33.86, 151.2", "Is everything right?")
    assert "33.86° S, 151.20° E" in talk.card
    assert "UTC+10, standard time" in talk.card


async def test_a_place_far_from_any_town_has_coordinates_only(talk: Any) -> None:
    """At sea there is no name: the card shows degrees and the zone of the ocean."""
    await _to_place(talk)
    await talk.say("0, -30", "Is everything right?")
    assert "📍 0.00° N, 30.00° W" in talk.card
    assert "UTC−2" in talk.card


async def test_namesakes_are_told_apart_and_another_place_can_be_named(talk: Any) -> None:
    """Up to six buttons name a larger town nearby; «Another place» asks again and says how else to answer."""
    await _to_place(talk)
    await talk.say("Springfield", "Which place")
    places = talk.buttons[:-3]
    assert len(places) == len(set(places)) == 6
    assert all("near" in place for place in places)
    await talk.press("Another place", "nearest larger town")
    assert talk.buttons == ["‹ Back", "Cancel"]
    await talk.say("qqqqwwwweeee", "could not find “qqqqwwwweeee”")
    await talk.say("Sovetsk", "Which place")
    await talk.press("Sovetsk, Russia (near Kaliningrad)", "Is everything right?")
    assert "Sovetsk, Russia" in talk.card


async def test_anything_but_an_answer_is_asked_again(talk: Any) -> None:
    """A location at the wrong step, a picture, a text where only buttons help: the card says what is needed."""
    await talk.say("/profile", "Step 1 of 3")
    await talk.person.send_location(48.8566, 2.3522)
    await talk.saw("another answer is needed")
    await talk.person.send_document(b"x", "birth.txt")
    await talk.saw("answer with a text")
    assert talk.visible[-1].sender == "user"  # somebody's own file is not deleted
    await talk.say("15.06.1990", "Step 2 of 3")
    await talk.say("14:30", "Step 3 of 3")
    await talk.say("Moscow", "Which place")
    await talk.press("Moscow, Russia", "Is everything right?")
    await talk.say("yes", "choose one of the buttons")
    assert len(talk.from_bot) == 1


async def test_back_goes_one_step_at_a_time_and_keeps_the_answers(talk: Any) -> None:
    """From the confirm card back to the first question, each card still shows what was told; then the menu."""
    await talk.told()
    await talk.press("‹ Back", "Step 3 of 3")
    await talk.press("‹ Back", "Step 2 of 3")
    await talk.press("‹ Back", "Step 1 of 3")
    assert "Friday, 15 June 1990" in talk.card
    assert "Moscow, Russia" in talk.card
    await talk.press("‹ Back", "Hello")
    assert len(talk.from_bot) == 1
    await talk.press("My profile", "Shall we go on?")


async def test_cancel_deletes_the_answers(talk: Any) -> None:
    """After «Cancel» nothing is kept, and one may begin again."""
    await _to_place(talk)
    await talk.press("Cancel", "Your answers are deleted")
    assert await talk.drafts() == []
    await talk.press("Begin", "Step 1 of 3")
    assert "1990" not in talk.card.split("When were you born?")[0]


async def test_a_restart_in_the_middle_loses_nothing(both: Any) -> None:
    """The bot is stopped and started between two answers: the next one goes on as if nothing had been."""
    talk = both
    await talk.say("/profile", "Step 1 of 3")
    await talk.say("15.06.1990", "Step 2 of 3")
    await talk.kit.restart()
    await talk.say("14:30", "Step 3 of 3")
    await talk.say("Moscow", "Which place")
    await talk.kit.restart()
    await talk.press("Moscow, Russia", "Is everything right?")
    await talk.press("✓ Yes, that’s right", "all noted")
    assert len(talk.from_bot) == 1


async def test_a_command_in_between_costs_nothing(talk: Any) -> None:
    """After /help a text still answers the card; /profile asks whether to go on or to start over, and waits."""
    await _to_place(talk)
    await talk.say("/help", "What I can do")
    await talk.say("Moscow", "Which place")
    await talk.say("/profile", "Shall we go on?")
    await talk.say("Moscow", "did not quite get that")
    await talk.say("/profile", "Shall we go on?")
    assert "Friday, 15 June 1990" in talk.card
    await talk.press("Continue", "Step 3 of 3")
    await talk.say("/profile", "Shall we go on?")
    await talk.press("Start over", "Step 1 of 3")
    assert "1990" not in talk.card.split("When were you born?")[0]
    await talk.say("16.06.1990", "Step 2 of 3")


async def test_another_plugins_button_begins_the_wizard(talk: Any, forge: Any) -> None:
    """`profile:begin` asks the first question in the message that has the button, and goes on with a draft."""
    await talk.say("/start", "Hello")
    await forge(talk, "profile:begin")
    assert "Step 1 of 3" in talk.card
    await talk.say("15.06.1990", "Step 2 of 3")
    assert len(talk.from_bot) == 1
    await talk.say("/start", "Hello")
    await forge(talk, "profile:begin")
    assert "Step 2 of 3" in talk.card
    await talk.say("14:30", "Step 3 of 3")


async def test_double_taps_are_harmless(talk: Any, completed: list[Any]) -> None:
    """Every button pressed twice at once acts once: no step is skipped, one profile is saved, one event sent."""
    await talk.say("/profile", "Step 1 of 3")
    await talk.say("15.06.1990", "Step 2 of 3")
    await talk.person.press("I don’t know")
    await talk.press("I don’t know", "Step 3 of 3")
    await talk.say("Moscow", "Which place")
    await talk.person.press("Moscow, Russia")
    await talk.press("Moscow, Russia", "Is everything right?")
    await talk.person.press("✓ Yes, that’s right")
    await talk.person.press("✓ Yes, that’s right")
    await talk.saw("My profile")
    await talk.settled()
    assert len(await talk.rows()) == 1
    assert len(completed) == 1
    assert len(talk.from_bot) == 1


@pytest.mark.parametrize("step", ["confirm", "back", "cancel", "unknown", "other"])
async def test_a_button_of_an_older_card_changes_nothing(talk: Any, forge: Any, step: str) -> None:
    """A button with an old or invented number shows the present card again."""
    await _to_place(talk)
    before = await talk.drafts()
    await forge(talk, f"profile:{step}/1")
    await forge(talk, "profile:pick/1/0")
    assert await talk.drafts() == before
    await talk.say("Moscow", "Which place")


async def test_a_button_of_an_older_list_takes_nothing_of_the_newer(talk: Any, forge: Any) -> None:
    """The first place of one search, pressed after another search, is not the first place of that."""
    await _to_place(talk)
    await talk.say("Springfield", "Which place")
    old = talk.data(talk.buttons[0])
    await talk.say("Moscow", "Which place")
    await talk.settled()
    before = await talk.drafts()
    await forge(talk, old)
    assert await talk.drafts() == before
    assert talk.buttons[0] == "Moscow, Russia"


@pytest.mark.parametrize("arguments", ["0", "7", "-1", "9223372036854775807"])
async def test_a_forged_choice_changes_nothing(talk: Any, forge: Any, arguments: str) -> None:
    """The right number of the card with a choice that it does not offer changes nothing."""
    await _to_place(talk)
    before = await talk.drafts()
    match = re.search(r"/(\d+)$", talk.data("Cancel"))
    assert match is not None
    await forge(talk, f"profile:pick/{match[1]}/{arguments}")
    for wrong in ("unknown", "confirm"):
        await forge(talk, f"profile:{wrong}/{match[1]}")
    assert await talk.drafts() == before
    assert await talk.rows() == []


@pytest.mark.parametrize(
    "data",
    [
        "profile:resume",
        "profile:restart",
        "profile:select_edit_field",
        "profile:start_edit_field/date",
        "profile:start_edit_field/nonsense",
        "profile:confirm/1",
        "profile:pick/x/y",
    ],
)
async def test_buttons_without_a_draft_or_a_profile_lead_somewhere(talk: Any, forge: Any, data: str) -> None:
    """Whatever is pressed by someone who has told nothing, there is an answer, and no error."""
    await talk.say("/start", "Hello")
    await forge(talk, data)
    assert await talk.rows() == []
    assert "went wrong" not in talk.card
