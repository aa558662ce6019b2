"""What people write, and the moment that it means."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from astral_core import Refuse

from astral_reminders.when import HOW, NOWHERE, PAST, TOO_LONG, instant, read_reminder, zone_of

MOSCOW, BERLIN, APIA = ZoneInfo("Europe/Moscow"), ZoneInfo("Europe/Berlin"), ZoneInfo("Pacific/Apia")
NOON = datetime(2026, 3, 1, 9, tzinfo=UTC)  # noon in Moscow


def utc(*parts: int) -> datetime:
    """A time in UTC."""
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]  # year, month, day, and a time of day


@pytest.mark.parametrize(
    ("written", "due", "text"),
    [
        ("tomorrow 9:00 tea", utc(2026, 3, 2, 6), "tea"),
        ("Tomorrow 09:05 green tea", utc(2026, 3, 2, 6, 5), "green tea"),
        ("today 18:30 tea", utc(2026, 3, 1, 15, 30), "tea"),
        ("12:01 tea", utc(2026, 3, 1, 9, 1), "tea"),
        ("12:00 tea", utc(2026, 3, 2, 9), "tea"),
        ("9:00 tea", utc(2026, 3, 2, 6), "tea"),
        ("in 10 minutes tea", utc(2026, 3, 1, 9, 10), "tea"),
        ("in 1 minute tea", utc(2026, 3, 1, 9, 1), "tea"),
        ("2026-12-24 18:00 presents", utc(2026, 12, 24, 15), "presents"),
        ("  2028-02-29   0:00   one\nand two ", utc(2028, 2, 28, 21), "one\nand two"),
        ("завтра 9:00 чай", utc(2026, 3, 2, 6), "чай"),
        ("Сегодня 23:59 чай", utc(2026, 3, 1, 20, 59), "чай"),
        ("через 10 минут чай", utc(2026, 3, 1, 9, 10), "чай"),
        ("in 5 minutes 9:00 is a time too", utc(2026, 3, 1, 9, 5), "9:00 is a time too"),
    ],
)
def test_a_reminder_is_read(written: str, due: datetime, text: str) -> None:
    """By the clocks of the zone, in both languages; a time without a day is the next one."""
    assert read_reminder(written, MOSCOW.key, NOON) == (due, text)


def test_the_day_is_that_of_the_zone() -> None:
    """Shortly before midnight in UTC it is tomorrow in Moscow already."""
    assert read_reminder("today 9:00 tea", MOSCOW.key, utc(2026, 3, 1, 23)) == (utc(2026, 3, 2, 6), "tea")


@pytest.mark.parametrize(
    "written",
    [
        "", "tea", "tomorrow", "tomorrow tea", "9:00", "tomorrow 9:00", "tomorrow 9:00  ", "25:00 tea", "9:60 tea",
        "2026-02-30 9:00 tea", "2026-13-01 9:00 tea", "0001-01-01 0:00 tea", "in ten minutes tea", "in 5 minutes",
        "in -5 minutes tea", "yesterday 9:00 tea", "24.12.2026 9:00 tea", "at 9:00 tea", "9.00 tea",
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told_with_what_to_write(written: str) -> None:
    """Neither hours and days that no calendar has, nor a time without a text."""
    with pytest.raises(Refuse) as refused:
        read_reminder(written, MOSCOW.key, NOON)
    assert refused.value.text == HOW


@pytest.mark.parametrize("written", ["today 9:00 tea", "today 12:00 tea", "2020-01-01 9:00 tea", "in 0 minutes tea"])
def test_what_is_over_is_told_so(written: str) -> None:
    """A day that was named is taken at its word."""
    with pytest.raises(Refuse) as refused:
        read_reminder(written, MOSCOW.key, NOON)
    assert refused.value.text == PAST


def test_a_text_is_as_long_as_its_column() -> None:
    """Three hundred characters are kept, one more is refused."""
    assert len(read_reminder(f"9:00 {'ы' * 300}", MOSCOW.key, NOON)[1]) == 300
    with pytest.raises(Refuse) as refused:
        read_reminder(f"9:00 {'ы' * 301}", MOSCOW.key, NOON)
    assert refused.value.text == TOO_LONG


@pytest.mark.parametrize(
    ("zone", "wall", "moment"),
    [
        (BERLIN, "2026-03-29T01:59", utc(2026, 3, 29, 0, 59)),
        (BERLIN, "2026-03-29T02:00", utc(2026, 3, 29, 1)),  # the clocks go from two to three
        (BERLIN, "2026-03-29T02:59", utc(2026, 3, 29, 1)),
        (BERLIN, "2026-03-29T03:00", utc(2026, 3, 29, 1)),
        (BERLIN, "2026-10-25T02:30", utc(2026, 10, 25, 0, 30)),  # shown twice: the first time
        (APIA, "2011-12-30T09:00", utc(2011, 12, 30, 10)),  # a day that Samoa left out
    ],
)  # fmt: skip
def test_a_time_that_the_clocks_leave_out_comes_right_after_the_gap(
    zone: ZoneInfo, wall: str, moment: datetime
) -> None:
    """Not half an hour later, and not the day before."""
    assert instant(datetime.fromisoformat(wall), zone) == moment


@pytest.mark.parametrize("place", ["Berlin", " berlin ", "Europe/Berlin", "europe/berlin"])
def test_a_place_has_a_zone(place: str) -> None:
    """By the city of the tz database's name, or by the whole name."""
    assert zone_of(place) == BERLIN


@pytest.mark.parametrize("place", ["", "Berl", "Mars", "/", "../Europe/Berlin", "\x00"])
def test_a_place_that_nobody_knows_is_refused(place: str) -> None:
    """With what to write instead."""
    with pytest.raises(Refuse) as refused:
        zone_of(place)
    assert refused.value.text == NOWHERE
