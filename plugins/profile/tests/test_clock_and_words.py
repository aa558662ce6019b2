"""Offsets as people type them and as cards show them; dates and times in words."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from astral_profile.birth import Birth, Place
from astral_profile.clock import moment_of, offset_label, parse_offset
from astral_profile.words import birth_lines, clock_words, date_short, date_words, echo, gap_words, time_words

MOSCOW = Place("Москва", "RU", 55.752, 37.6178, "Europe/Moscow")


def t(source: str, **values: Any) -> Markup:
    """Source texts as they are, filled as the core fills them."""
    text = Markup(source)  # noqa: S704  # the sources are the plugin's own
    return text.format(**values) if values else text


@pytest.mark.parametrize(
    ("typed", "seconds"),
    [
        ("UTC+4", 14_400),
        ("utc +4", 14_400),
        ("GMT-3:30", -12_600),
        ("−5", -18_000),
        ("4", 14_400),
        ("+0330", 12_600),
        ("+4 ч", 14_400),
        ("0", 0),
        ("UTC+15", 54_000),
        ("UTC+16", None),
        ("+3:75", None),
        ("", None),
        ("noon", None),
        ("4 4", None),
        ("+" * 500, None),
    ],
)
def test_offsets_are_read_as_people_write_them(typed: str, seconds: int | None) -> None:
    """Sign, hours and minutes with or without UTC; beyond 15 hours there is no clock on Earth."""
    assert parse_offset(typed) == seconds


@given(st.text())
def test_any_text_is_an_offset_or_none(typed: str) -> None:
    """Nothing that a person types raises."""
    seconds = parse_offset(typed)
    assert seconds is None or abs(seconds) <= 15 * 3600


@given(st.integers(-15 * 60, 15 * 60))
def test_what_is_shown_can_be_typed(minutes: int) -> None:
    """A label of whole minutes reads back as the same offset."""
    label = offset_label(minutes * 60)
    assert parse_offset(label if minutes else "UTC+0") == minutes * 60


@pytest.mark.parametrize(
    ("seconds", "label"), [(0, "UTC"), (14_400, "UTC+4"), (-12_600, "UTC−3:30"), (9017, "UTC+2:30:17")]
)
def test_offset_labels(seconds: int, label: str) -> None:
    """Minutes and seconds are shown only where there are any."""
    assert offset_label(seconds) == label


def test_dates_and_times_in_words() -> None:
    """A date has its weekday; English shows the twelve-hour clock too; seconds only where known."""
    day = dt.date(1990, 6, 15)
    assert date_words(day, "ru") == "15 июня 1990, пятница"
    assert date_words(day, "en") == "Friday, 15 June 1990"
    assert date_short(day, "ru-RU") == "15 июня 1990"
    assert time_words(dt.time(14, 30), "ru") == "14:30"
    assert time_words(dt.time(0, 5), "en") == "00:05 (12:05 am)"
    assert time_words(dt.time(12, 0, 9), "en") == "12:00:09 (12:00:09 pm)"


@pytest.mark.parametrize(
    ("gap", "words"),
    [(dt.timedelta(hours=1), "1 h"), (dt.timedelta(minutes=30), "30 min"), (dt.timedelta(minutes=95), "1 h 35 min")],
)
def test_a_gap_in_words(gap: dt.timedelta, words: str) -> None:
    """Hours and minutes, whichever there are."""
    assert gap_words(t, gap) == words


@pytest.mark.parametrize(
    ("birth", "words"),
    [
        (Birth(dt.date(1990, 6, 15), dt.time(14, 30), MOSCOW), "UTC+4, summer time"),
        (Birth(dt.date(1990, 1, 15), dt.time(14, 30), MOSCOW), "UTC+3, standard time"),
        (Birth(dt.date(1990, 6, 15), dt.time(14, 30), MOSCOW, None, 7200), "UTC+2, as you told me"),
        (
            Birth(dt.date(1905, 6, 15), None, Place("", "", 60.0, 90.0, "Asia/Krasnoyarsk")),
            "UTC+6, local mean time by the Sun",
        ),
    ],
)
def test_the_offset_has_its_reason(birth: Birth, words: str) -> None:
    """Summer time, standard time, the Sun of the place, or the person's own word."""
    assert clock_words(t, birth) == words


def test_a_moment_is_shown_also_where_a_question_is_open() -> None:
    """A repeated hour counts as its first passage, a skipped one as what the clock showed instead."""
    assert moment_of(Birth(dt.date(1985, 9, 29), dt.time(2, 30), MOSCOW)).offset_seconds == 14_400
    skipped = moment_of(Birth(dt.date(1981, 4, 1), dt.time(0, 30), MOSCOW))
    assert skipped.local.isoformat() == "1981-04-01T01:30:00"


def test_what_a_card_shows_is_escaped() -> None:
    """A place name from outside cannot bring tags into the message."""
    place = Place("<b>Bad & Worse", "", 1.0, 2.0, "Etc/UTC")
    text = "\n".join(birth_lines(t, Birth(dt.date(1990, 6, 15), None, place), "en"))
    assert "&lt;b&gt;Bad &amp; Worse" in text


@given(st.text())
def test_an_echo_is_one_short_line(typed: str) -> None:
    """Whatever was typed, a card quotes at most 40 characters in one line."""
    quoted = echo(typed)
    assert len(quoted) <= 40
    assert "\n" not in quoted
