"""The formulas, against the worked examples of their book and against almanacs."""

from datetime import UTC, date, datetime, timedelta

import pytest

from astral_tides.moon import DAY, DYNAMICAL, FIRST_DAY, LAST_DAY, instant, lit_part, moon_on, quarter_before

MINUTE = timedelta(minutes=1)


def at(*parts: int) -> datetime:
    """A time in UTC."""
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]  # year, month, day, and a time of day


def test_the_worked_examples_of_the_book() -> None:
    """Meeus 49.a: new moon of February 1977; 49.b: last quarter of January 2044; both in dynamical time."""
    assert abs(instant(-283 * 4) + DYNAMICAL - at(1977, 2, 18, 3, 37, 42)) < timedelta(seconds=2)
    assert abs(instant(544 * 4 + 3) + DYNAMICAL - at(2044, 1, 21, 23, 48, 17)) < timedelta(seconds=2)


@pytest.mark.parametrize(
    ("kind", "moment"),
    [
        (0, at(2000, 1, 6, 18, 14)),
        (2, at(2000, 1, 21, 4, 40)),
        (0, at(1999, 8, 11, 11, 8)),  # a total eclipse of the Sun
        (0, at(2017, 8, 21, 18, 30)),  # another one
        (2, at(2018, 7, 27, 20, 20)),  # a total eclipse of the Moon
        (0, at(2024, 4, 8, 18, 21)),
        (1, at(2024, 1, 18, 3, 53)),
        (3, at(2024, 1, 4, 3, 30)),
        (2, at(2025, 3, 14, 6, 55)),
    ],
)
def test_instants_are_those_of_the_almanac(kind: int, moment: datetime) -> None:
    """New moon, first quarter, full moon and last quarter come within one and a half minutes of the almanac's."""
    quarter = quarter_before(moment + DAY)
    assert quarter % 4 == kind
    assert abs(instant(quarter) - moment) < 1.5 * MINUTE


def test_the_lit_part_follows_the_phases() -> None:
    """Nothing at a new moon, half at the quarters, all at a full moon; Meeus 48.a says 0.68 on 12 April 1992."""
    assert abs(lit_part(at(1992, 4, 12)) - 0.6786) < 0.01
    assert lit_part(at(2024, 4, 8, 18, 21)) < 0.01
    assert abs(lit_part(at(2024, 1, 18, 3, 53)) - 0.5) < 0.01
    assert lit_part(at(2025, 3, 14, 6, 55)) > 0.99


def test_a_phase_has_the_day_in_which_it_falls_and_the_days_between_have_the_names_between() -> None:
    """A month from new moon to new moon names the eight phases in order, each instant on its own day."""
    days = [moon_on(date(2024, 4, 8) + n * DAY) for n in range(31)]
    names = [day.phase for day in days]
    assert names[:2] == [0, 1]
    assert list(dict.fromkeys(names)) == [0, 1, 2, 3, 4, 5, 6, 7]
    assert [str(day.day) for day in days if day.phase % 2 == 0] == [
        "2024-04-08", "2024-04-15", "2024-04-23", "2024-05-01", "2024-05-08",
    ]  # fmt: skip
    assert all(day.is_waxing == (day.phase < 4) for day in days)


def test_the_next_ones_are_never_in_the_past() -> None:
    """On the day of a new moon that one is the next; on the day after it is the one of the next month."""
    today, tomorrow = moon_on(date(2024, 4, 8)), moon_on(date(2024, 4, 9))
    assert today.next_new.date() == date(2024, 4, 8)
    assert tomorrow.next_new.date() == date(2024, 5, 8)
    assert today.next_full.date() == tomorrow.next_full.date() == date(2024, 4, 23)


def test_the_first_and_the_last_day_work_and_others_are_refused() -> None:
    """The formulas hold for some centuries: a day beyond them is an error, not a guess."""
    assert 0 <= moon_on(FIRST_DAY).lit <= 1
    assert 0 <= moon_on(LAST_DAY).lit <= 1
    for day in (FIRST_DAY - DAY, LAST_DAY + DAY):
        with pytest.raises(ValueError, match="is not between"):
            moon_on(day)
