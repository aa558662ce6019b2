"""Clock questions, changing a saved profile, and what is kept, given out and deleted."""

from __future__ import annotations

import datetime as dt
import json
import logging
import subprocess
import sys
from typing import Any

import pytest
from sqlalchemy import insert, update
from sqlalchemy.exc import IntegrityError

from astral_core import now
from astral_profile.api import ProfileApi
from astral_profile.settings import ProfileSettings
from astral_profile.tables import drafts, profiles

# What is not about the database is tried on one engine; the other one costs as much again.
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def _context(talk: Any) -> Any:
    return talk.kit.context("profile")


# --- the clock


@pytest.mark.parametrize(
    ("choice", "fold", "offset"),
    [("The first: UTC+4, summer time", 0, "UTC+4"), ("The second: UTC+3, standard time", 1, "UTC+3")],
)
async def test_a_repeated_hour_is_asked_about(talk: Any, choice: str, fold: int, offset: str) -> None:
    """Moscow put the clocks back on 1985-09-29: 02:30 came twice, and the answer decides the offset."""
    await talk.told(date="29.09.1985", time="02:30")
    assert "showed 02:30 (2:30 am) twice" in talk.card
    await talk.press(choice, "Is everything right?")
    assert offset in talk.card
    await talk.press("✓ Yes, that’s right", "all noted")
    (row,) = await talk.rows()
    assert row["fold"] == fold


@on_sqlite
async def test_a_skipped_time_is_explained_with_what_the_clock_showed(both: Any) -> None:
    """On 1981-04-01 Moscow's clocks went from 00:00 to 01:00: half past midnight was half past one."""
    talk = both
    await talk.told(date="01.04.1981", time="00:30")
    assert "put forward by 1 h" in talk.card
    assert talk.buttons[:2] == ["1 April 1981, 01:30", "Change…"]
    await talk.press("1 April 1981, 01:30", "Is everything right?")
    assert "01:30 (1:30 am)" in talk.card
    assert "UTC+4, summer time" in talk.card


async def test_a_skipped_time_can_be_corrected_instead(talk: Any) -> None:
    """«Change…» leads from the explanation to the fields; another time ends the trouble."""
    await talk.told(date="01.04.1981", time="00:30")
    await talk.press("Change…", "What shall we change?")
    await talk.press("‹ Back", "There was no such time")
    await talk.press("Change…", "What shall we change?")
    await talk.press("Time", "What time were you born?")
    await talk.say("23:30", "Is everything right?")


async def test_a_skipped_day_is_explained(talk: Any) -> None:
    """Samoa left out 30 December 2011 altogether: with an unknown time the day itself is questioned."""
    await talk.told(date="30.12.2011", time="unknown", place="Apia")
    assert "There was no such day" in talk.card
    await talk.press("31 December 2011", "Is everything right?")
    assert "Saturday, 31 December 2011" in talk.card


async def test_an_old_date_in_the_russian_empire_may_be_julian(talk: Any) -> None:
    """Before February 1918 the calendar is asked for; an old-style date is turned into ours, and asked once."""
    await talk.told(date="01.01.1910", time="12:00")
    assert "old style" in talk.card
    await talk.press("Old style", "Is everything right?")
    assert "14 January 1910" in talk.card
    await talk.press("‹ Back", "Step 3 of 3")
    await talk.say("55.75, 37.62", "Is everything right?")
    assert "14 January 1910" in talk.card


async def test_the_offset_can_be_told_and_given_back_to_the_zone(talk: Any) -> None:
    """Who knows better writes the offset or chooses a neighbouring one; the zone's own is one button away."""
    await talk.told()
    await talk.press("Change…", "What shall we change?")
    await talk.press("UTC offset", "How far from UTC")
    assert talk.buttons[:3] == ["As the time zone says", "UTC+3", "UTC+5"]
    await talk.say("late", "could not read “late” as an offset")
    await talk.say("+3:30", "UTC+3:30, as you told me")
    await talk.press("Change…", "What shall we change?")
    await talk.press("UTC offset", "How far from UTC")
    await talk.press("UTC+5", "UTC+5, as you told me")
    await talk.press("✓ Yes, that’s right", "all noted")
    (row,) = await talk.rows()
    assert row["offset_seconds"] == 5 * 3600
    await talk.press("Change…", "What shall we change?")
    await talk.press("UTC offset", "How far from UTC")
    await talk.press("As the time zone says", "UTC+4, summer time")


# --- a saved profile


@on_sqlite
async def test_one_field_is_changed_and_confirmed(both: Any, completed: list[Any]) -> None:
    """«My profile» shows it; one field is asked for, then the confirm card; the event names what changed."""
    talk = both
    await talk.saved()
    await talk.say("/profile", "My profile")
    assert talk.buttons == ["Change…", "‹ Menu"]
    await talk.press("Change…", "What shall we change?")
    await talk.press("Time", "What time were you born?")
    assert "Step" not in talk.card
    await talk.say("15:45", "Is everything right?")
    assert (await talk.rows())[0]["birth_time"] == dt.time(14, 30)
    await talk.press("✓ Yes, that’s right", "all noted")
    (row,) = await talk.rows()
    assert (row["birth_time"], row["birth_date"]) == (dt.time(15, 45), dt.date(1990, 6, 15))
    await talk.settled()
    assert [changed for _, _, changed in completed] == [("date", "time", "place"), ("time",)]


async def test_another_place_forgets_what_was_told_about_the_clock(talk: Any) -> None:
    """An offset told for one place does not follow to another."""
    await talk.saved()
    await talk.press("Change…", "What shall we change?")
    await talk.press("UTC offset", "How far from UTC")
    await talk.press("UTC+3", "as you told me")
    await talk.press("Change…", "What shall we change?")
    await talk.press("Place", "Where were you born?")
    await talk.say("Paris", "Which place")
    await talk.press("Paris, France", "UTC+2, summer time")


async def test_going_back_from_an_unchanged_profile_ends_at_the_profile(talk: Any) -> None:
    """Looking at the fields and going back leaves nothing unfinished."""
    await talk.saved()
    await talk.press("Change…", "What shall we change?")
    await talk.press("Date", "When were you born?")
    await talk.press("‹ Back", "What shall we change?")
    await talk.press("‹ Back", "My profile")
    assert await talk.drafts() == []


async def test_an_unfinished_change_is_offered_and_can_be_dropped(talk: Any) -> None:
    """/profile shows the saved profile and offers to continue; «Cancel» keeps what is saved."""
    await talk.saved()
    await talk.press("Change…", "What shall we change?")
    await talk.press("Date", "When were you born?")
    await talk.say("16.06.1990", "Is everything right?")
    await talk.say("/profile", "did not finish")
    assert "15 June 1990" in talk.card
    await talk.press("Continue", "Is everything right?")
    assert "16 June 1990" in talk.card
    await talk.press("Cancel", "Nothing was changed")
    assert "15 June 1990" in talk.card
    (row,) = await talk.rows()
    assert row["birth_date"] == dt.date(1990, 6, 15)


async def test_starting_over_never_touches_a_saved_profile(talk: Any, forge: Any) -> None:
    """`begin` and `restart` of an old card show the profile that there is, and a nonsense field the choice."""
    await talk.saved()
    for data in ("profile:begin", "profile:restart", "profile:resume", "profile:confirm/3"):
        await forge(talk, data)
        assert "My profile" in talk.card
    await forge(talk, "profile:start_edit_field/nonsense")
    assert "What shall we change?" in talk.card
    assert len(await talk.rows()) == 1


async def test_a_text_without_an_open_question_goes_to_the_core(talk: Any) -> None:
    """After the profile is saved, a message is not taken for an answer."""
    await talk.saved()
    await talk.say("16.06.1990", "did not quite get that")


# --- data


async def test_other_plugins_get_the_active_profile(both: Any) -> None:
    """`ProfileApi.active` gives None before the profile is complete and the birth after."""
    talk = both
    api = _context(talk).get(ProfileApi)
    assert isinstance(api, ProfileApi)
    await talk.say("/profile", "Step 1 of 3")
    async with _context(talk).work() as work:
        assert await api.active(work.session, talk.person.id) is None
    await talk.press("Cancel", "deleted")
    await talk.press("Begin", "Step 1 of 3")
    await talk.press("Cancel", "deleted")
    await talk.saved()
    async with _context(talk).work() as work:
        profile = await api.active(work.session, talk.person.id)
    assert profile is not None
    assert (profile.user_id, profile.label) == (talk.person.id, "")
    assert (profile.birth.date, profile.birth.time) == (dt.date(1990, 6, 15), dt.time(14, 30))
    assert profile.birth.place.zone == "Europe/Moscow"
    assert profile.updated_at.tzinfo is not None


async def test_a_user_has_one_active_profile_at_most(both: Any) -> None:
    """The database itself refuses a second active profile of one user; an inactive one is allowed."""
    talk = both
    await talk.saved()
    (row,) = await talk.rows()
    other = {**{key: value for key, value in row.items() if key != "id"}, "label": "Boris"}
    async with _context(talk).work() as work:
        await work.session.execute(insert(profiles).values(**{**other, "active": False}))
    with pytest.raises(IntegrityError):
        async with _context(talk).work() as work:
            await work.session.execute(insert(profiles).values(**other))


async def test_export_and_deletion_cover_profile_and_draft(both: Any) -> None:
    """/mydata gives both out as JSON, /forget deletes both, of this user alone."""
    talk = both
    await talk.saved()
    await talk.press("Change…", "What shall we change?")
    await talk.press("Date", "When were you born?")
    await talk.say("16.06.1990", "Is everything right?")
    files = await talk.kit.export(talk.person, plugin="profile")
    assert json.loads(files["profile/profiles.json"])[0]["birth_date"] == "1990-06-15"
    assert json.loads(files["profile/drafts.json"])[0]["data"]["date"] == "1990-06-16"
    stranger = talk.kit.user("Stranger")
    assert await talk.kit.export(stranger, plugin="profile") == {}
    assert await talk.kit.forget(stranger, plugin="profile") == 0
    await talk.say("/forget", "cannot be undone")
    await talk.press("Yes, delete everything", "I have deleted your data")
    assert (await talk.rows(), await talk.drafts()) == ([], [])
    await talk.say("/profile", "Step 1 of 3")


async def test_abandoned_drafts_are_deleted_after_the_set_time(both: Any) -> None:
    """The daily job deletes a draft older than `draft_days` and keeps a fresh one; its user starts anew."""
    talk = both
    await talk.say("/profile", "Step 1 of 3")
    await talk.say("15.06.1990", "Step 2 of 3")
    await talk.kit.run_job("profile.drafts")
    assert len(await talk.drafts()) == 1
    async with _context(talk).work() as work:
        await work.session.execute(update(drafts).values(updated_at=now() - dt.timedelta(days=31)))
    await talk.kit.run_job("profile.drafts")
    assert await talk.drafts() == []
    await talk.say("14:30", "Three short questions")


async def test_a_draft_that_this_version_cannot_read_is_asked_for_anew(talk: Any, caplog: Any) -> None:
    """A draft in a later version's form does not lock its user out, and its content stays out of the log."""
    await talk.say("/profile", "Step 1 of 3")
    async with _context(talk).work() as work:
        await work.session.execute(update(drafts).values(data='{"rev": 1, "step": "secret step"}'))
    with caplog.at_level(logging.WARNING):
        await talk.say("/profile", "Step 1 of 3")
    assert "not readable by this version" in caplog.text
    assert "secret step" not in caplog.text


async def test_logs_hold_no_birth_data(talk: Any, caplog: Any) -> None:
    """A whole wizard with a mistake in it logs ids, never a date, a time or a place."""
    with caplog.at_level(logging.DEBUG, logger="astral"):
        await talk.say("/profile", "Step 1 of 3")
        await talk.say("31.02.1990", "calendar")
        await talk.press("Cancel", "deleted")
        await talk.saved()
    records = [record.getMessage() for record in caplog.records if record.name.startswith("astral")]
    assert any("profile" in message and "complete" in message for message in records)
    for secret in ("1990", "14:30", "Moscow", "55.75"):
        assert not any(secret in message for message in records)


async def test_errors_of_the_database_hold_no_birth_data(both: Any) -> None:
    """What SQLAlchemy says of a failed statement names the statement, not the values of the row."""
    talk = both
    await talk.saved()
    (row,) = await talk.rows()
    with pytest.raises(IntegrityError) as failed:
        async with _context(talk).work() as work:
            await work.session.execute(insert(profiles).values(**{**row, "id": row["id"] + 1}))
    assert "Moscow" not in str(failed.value)


def test_settings_know_sensible_bounds_only() -> None:
    """Drafts live 30 days by default; zero days and unknown keys are refused."""
    assert ProfileSettings().draft_days == 30
    for wrong in ({"draft_days": 0}, {"draft_day": 3}):
        with pytest.raises(ValueError):
            ProfileSettings.model_validate(wrong)


@pytest.mark.rest
def test_loading_the_plugin_loads_neither_gazetteer_nor_polygons() -> None:
    """The bot's own process imports neither rapidfuzz nor tzfpy: searching is a worker's task."""
    code = (
        "import sys, astral_profile.plugin; print([name for name in ('rapidfuzz', 'tzfpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
