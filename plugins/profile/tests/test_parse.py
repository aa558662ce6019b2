"""What people type for dates, times and coordinates."""

from __future__ import annotations

from datetime import date, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from astral_profile.birth import EARLIEST, LATEST
from astral_profile.parse import (
    Coordinates,
    Parsed,
    ParseProblem,
    Refused,
    parse_coordinates,
    parse_date,
    parse_time,
)

TODAY = date(2026, 11, 23)
JUNE_15 = date(1990, 6, 15)
# Texts near what the parsers look for, so that properties are not tested on noise alone.
near_texts = st.text(alphabet="0123456789 .,/-:;°'\"+NSEWcсшюждвamp июняjune²①፩٣", max_size=30)


@pytest.mark.parametrize(
    "text",
    [
        "15.06.1990",
        "15.6.1990",
        "15.06.90",
        "15/6/90",
        "15/06/1990",
        "15-06-1990",
        "15 06 1990",
        "15. 06. 1990",
        "15061990",
        "19900615",
        "1990-06-15",
        "1990.06.15",
        "1990/6/15",
        "15.06.1990 г.",
        "15.06.1990г",
        "  15.06.1990  ",
        "15 июня 1990",
        "15 ИЮНЯ 1990",
        "15 июнь 1990",
        "15 июн 90",
        "15 июня 1990 г.",
        "15 июня 1990 года",
        "15-го июня 1990 года",
        "15июня1990",
        "пятница, 15 июня 1990",
        "15.VI.1990",
        "15 vi 1990",
        "June 15 1990",
        "June 15, 1990",
        "Jun 15, 1990",
        "15 June 1990",
        "15th of June, 1990",
        "Friday, June 15th, 1990",
        "1990 June 15",
        "１５．０６．１９９０",
    ],
)
@pytest.mark.parametrize("language", ["ru", "en"])
def test_dates_are_understood_in_both_languages(text: str, language: str) -> None:
    """A date in any usual spelling is read alike whatever the language of the menus is."""
    assert parse_date(text, TODAY, language) == Parsed(JUNE_15)


@pytest.mark.parametrize("language", ["ru", "en"])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.1.00", date(2000, 1, 1)),
        ("1.1.26", date(2026, 1, 1)),
        ("1.1.30", date(1930, 1, 1)),
        ("31.12.99", date(1999, 12, 31)),
        ("29.02.2000", date(2000, 2, 29)),
        ("01.01.1900", date(1900, 1, 1)),
        ("23.11.2026", TODAY),
        ("3 мая 1985", date(1985, 5, 3)),
        ("3 март 1985", date(1985, 3, 3)),
        ("7 сент 1985", date(1985, 9, 7)),
        ("7 sept 1985", date(1985, 9, 7)),
        ("1 декабря 1985", date(1985, 12, 1)),
    ],
)
def test_years_and_months(text: str, expected: date, language: str) -> None:
    """Years of two digits turn at 30, limits belong to the range, month names may be cut."""
    assert parse_date(text, TODAY, language) == Parsed(expected)


@pytest.mark.parametrize("text", ["05/06/1990", "5/6/90", "05-06-1990"])
def test_day_and_month_that_may_be_swapped_give_both_readings_in_english(text: str) -> None:
    """Americans write the month first, others the day: the wizard asks, the day-first reading first."""
    both = (date(1990, 6, 5), date(1990, 5, 6))
    assert parse_date(text, TODAY, "en") == Refused(ParseProblem.AMBIGUOUS, both)
    assert parse_date(text, TODAY, "ru") == Parsed(both[0])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("13/06/1990", date(1990, 6, 13)),
        ("06/13/1990", date(1990, 6, 13)),
        ("06/06/1990", date(1990, 6, 6)),
        ("05.06.1990", date(1990, 6, 5)),
        ("1/12/26", date(2026, 1, 12)),
    ],
)
def test_english_numbers_with_one_reading_are_not_asked_about(text: str, expected: date) -> None:
    """A number above 12, equal numbers, dots, or a second reading in the future leave nothing to ask."""
    assert parse_date(text, TODAY, "en") == Parsed(expected)


@pytest.mark.parametrize(
    ("text", "problem", "suggestions"),
    [
        ("31.02.1990", ParseProblem.NO_SUCH_DAY, (date(1990, 2, 28), date(1990, 3, 1))),
        ("29.02.1900", ParseProblem.NO_SUCH_DAY, (date(1900, 2, 28), date(1900, 3, 1))),
        ("30 февраля 2000", ParseProblem.NO_SUCH_DAY, (date(2000, 2, 29), date(2000, 3, 1))),
        ("31 June 1990", ParseProblem.NO_SUCH_DAY, (date(1990, 6, 30), date(1990, 7, 1))),
        ("06.15.1990", ParseProblem.NO_SUCH_DAY, (JUNE_15,)),
        ("32.01.1990", ParseProblem.NO_SUCH_DAY, ()),
        ("15.13.1990", ParseProblem.NO_SUCH_DAY, ()),
        ("00.01.1990", ParseProblem.NO_SUCH_DAY, ()),
        ("24.11.2026", ParseProblem.FUTURE, ()),
        ("15.06.2099", ParseProblem.FUTURE, ()),
        ("15.06.28", ParseProblem.FUTURE, (date(1928, 6, 15),)),
        ("31.12.1899", ParseProblem.TOO_EARLY, ()),
        ("01.01.0000", ParseProblem.TOO_EARLY, ()),
        ("15 июня", ParseProblem.NO_YEAR, ()),
        ("June 15", ParseProblem.NO_YEAR, ()),
        ("15.06", ParseProblem.NO_YEAR, ()),
        ("", ParseProblem.EMPTY, ()),
        ("   ", ParseProblem.EMPTY, ()),
        ("1990", ParseProblem.UNREADABLE, ()),
        ("июнь 1990", ParseProblem.UNREADABLE, ()),
        ("15.06.990", ParseProblem.UNREADABLE, ()),
        ("1990-06-1990", ParseProblem.UNREADABLE, ()),
        ("15 ию 1990", ParseProblem.UNREADABLE, ()),
        ("15 июня июля 1990", ParseProblem.UNREADABLE, ()),
        ("15 июня 1990 в Москве", ParseProblem.UNREADABLE, ()),
        ("вчера", ParseProblem.UNREADABLE, ()),
        ("፩ июня 1990", ParseProblem.UNREADABLE, ()),
        ("15.06.1990 " * 20, ParseProblem.UNREADABLE, ()),
    ],
)
def test_dates_are_refused_with_a_reason(text: str, problem: ParseProblem, suggestions: tuple[date, ...]) -> None:
    """What is no date of birth is refused with its reason and, where one is near, a date to choose instead."""
    assert parse_date(text, TODAY, "ru") == Refused(problem, suggestions)


def test_dates_beyond_the_ephemeris_are_refused_when_they_are_past() -> None:
    """From 2053 on a past date can lie beyond the last day that the ephemeris covers."""
    assert parse_date("09.10.2053", date(2060, 1, 1)) == Refused(ParseProblem.TOO_LATE)
    assert parse_date("08.10.2053", date(2060, 1, 1)) == Parsed(LATEST)


@given(st.dates(EARLIEST, TODAY))
def test_every_date_is_read_back_from_its_usual_forms(day: date) -> None:
    """ISO, dotted and worded forms of any accepted date give that date."""
    forms = (day.isoformat(), f"{day:%d.%m.%Y}", f"{day:%d%m%Y}", f"{day.day}. {day.month}. {day.year}")
    assert {parse_date(form, TODAY, "en") for form in forms} == {Parsed(day)}


@given(st.dates(EARLIEST, TODAY))
def test_an_english_slash_date_never_hides_the_other_reading(day: date) -> None:
    """Either the one reading is returned, or the true date is among the two suggested."""
    result = parse_date(f"{day:%d/%m/%Y}", TODAY, "en")
    if isinstance(result, Parsed):
        assert result.value == day
    else:
        assert day in result.suggestions


@given(st.text() | near_texts, st.dates(), st.sampled_from(["ru", "en", ""]))
def test_no_text_breaks_the_date_parser(text: str, today: date, language: str) -> None:
    """Any text gives a date within the range, or a refusal whose suggestions would all be accepted."""
    result = parse_date(text, today, language)
    values = (result.value,) if isinstance(result, Parsed) else result.suggestions
    assert all(EARLIEST <= value <= min(LATEST, today) for value in values)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("14:30", time(14, 30)),
        ("14.30", time(14, 30)),
        ("14-30", time(14, 30)),
        ("14 30", time(14, 30)),
        ("14,30", time(14, 30)),
        ("1430", time(14, 30)),
        ("930", time(9, 30)),
        ("0005", time(0, 5)),
        ("14:30:15", time(14, 30, 15)),
        ("в 14:30", time(14, 30)),
        ("at 2:30 PM", time(14, 30)),
        ("2:30 pm", time(14, 30)),
        ("2:30pm", time(14, 30)),
        ("2.30 p.m.", time(14, 30)),
        ("14:30 pm", time(14, 30)),
        ("14ч30", time(14, 30)),
        ("14 ч 30 мин", time(14, 30)),
        ("14 часов 30 минут", time(14, 30)),
        ("14h30", time(14, 30)),
        ("14", time(14)),
        ("14 ч.", time(14)),
        ("0", time(0)),
        ("00:00", time(0)),
        ("23:59", time(23, 59)),
        ("2pm", time(14)),
        ("2 o'clock", time(2)),
        ("12 am", time(0)),
        ("12:15 am", time(0, 15)),
        ("12 pm", time(12)),
        ("2 часа ночи", time(2)),
        ("12 ночи", time(0)),
        ("11 ночи", time(23)),
        ("5 утра", time(5)),
        ("3 дня", time(15)),
        ("12 дня", time(12)),
        ("час дня", None),
        ("7 вечера", time(19)),
        ("7:45 вечера", time(19, 45)),
        ("около 5 утра", time(5)),
        ("полдень", time(12)),
        ("Полночь", time(0)),
        ("noon", time(12)),
        ("midnight", time(0)),
    ],
)
def test_times_are_understood(text: str, expected: time | None) -> None:
    """Times in the usual spellings of both languages are read; what is not understood is refused."""
    refused: Refused[time] = Refused(ParseProblem.UNREADABLE)
    assert parse_time(text) == (refused if expected is None else Parsed(expected))


@pytest.mark.parametrize(
    "text",
    ["не знаю", "Не знаю.", "незнаю", "неизвестно", "не помню", "хз", "-", "—", "?", "unknown", "I don't know",
     "I don’t know", "dont know", "idk", "no idea", "Not sure!"],
)  # fmt: skip
def test_an_unknown_time_is_an_answer(text: str) -> None:
    """Saying that the time is not known is understood, not refused."""
    assert parse_time(text) == Parsed(None)


@pytest.mark.parametrize(
    ("text", "problem", "suggestions"),
    [
        ("24:00", ParseProblem.NO_SUCH_TIME, (time(0),)),
        ("25:00", ParseProblem.NO_SUCH_TIME, ()),
        ("14:75", ParseProblem.NO_SUCH_TIME, ()),
        ("1990", ParseProblem.NO_SUCH_TIME, ()),
        ("14:30:60", ParseProblem.NO_SUCH_TIME, ()),
        ("14 am", ParseProblem.NO_SUCH_TIME, (time(14),)),
        ("12 вечера", ParseProblem.NO_SUCH_TIME, (time(0), time(12))),
        ("8 ночи", ParseProblem.NO_SUCH_TIME, (time(8), time(20))),
        ("полтретьего", ParseProblem.UNREADABLE, ()),
        ("утром", ParseProblem.UNREADABLE, ()),
        ("14:3", ParseProblem.UNREADABLE, ()),
        ("-5", ParseProblem.UNREADABLE, ()),
        ("14:30 " * 30, ParseProblem.UNREADABLE, ()),
        ("", ParseProblem.EMPTY, ()),
        ("\n", ParseProblem.EMPTY, ()),
    ],
)
def test_times_are_refused_with_a_reason(text: str, problem: ParseProblem, suggestions: tuple[time, ...]) -> None:
    """What is no time is refused with its reason and, where one is near, a time to choose instead."""
    assert parse_time(text) == Refused(problem, suggestions)


@given(st.times().map(lambda moment: moment.replace(microsecond=0)))
def test_every_time_is_read_back_from_its_usual_forms(moment: time) -> None:
    """Any time of the day to the second, and on the clock of twelve hours to the minute, is read back."""
    minute = moment.replace(second=0)
    assert parse_time(moment.isoformat()) == Parsed(moment)
    assert parse_time(f"{minute:%H%M}") == Parsed(minute)
    assert parse_time(f"{minute:%I:%M} {'am' if minute.hour < 12 else 'pm'}") == Parsed(minute)


@given(st.text() | near_texts)
def test_no_text_breaks_the_time_parser(text: str) -> None:
    """Any text gives a result, and every time in it lies within the day."""
    result = parse_time(text)
    values = (result.value,) if isinstance(result, Parsed) else result.suggestions
    assert all(value is None or timedelta(0) <= timedelta(hours=value.hour) < timedelta(days=1) for value in values)


@pytest.mark.parametrize(
    ("text", "latitude", "longitude"),
    [
        ("55.75, 37.61", 55.75, 37.61),
        ("55.75,37.61", 55.75, 37.61),
        ("55.75 37.61", 55.75, 37.61),
        ("55,75 37,61", 55.75, 37.61),
        ("55,75; 37,61", 55.75, 37.61),
        ("55,75, 37,61", 55.75, 37.61),
        ("(55.75, 37.61)", 55.75, 37.61),
        ("-33.86, 151.2", -33.86, 151.2),
        ("−33.86 151.2", -33.86, 151.2),
        ("55.75N 37.61E", 55.75, 37.61),
        ("N55.75 W37.61", 55.75, -37.61),
        ("37.61E 55.75S", -55.75, 37.61),
        ("37.61 в.д., 55.75 с.ш.", 55.75, 37.61),
        ("55.75° с. ш., 37.62° в. д.", 55.75, 37.62),
        ("55.75° ю. ш., 37.62° з. д.", -55.75, -37.62),
        ("55°45'N 37°36'E", 55.75, 37.6),
        ("55°45′00″ с.ш. 37°36′36″ в.д.", 55.75, 37.61),
        ("55°45'00.0\"N 37°36'36.0\"E", 55.75, 37.61),
        ("55° 45' 00'' N, 37° 36' 36'' E", 55.75, 37.61),
        ("90, 180", 90.0, 180.0),
        ("0 0", 0.0, 0.0),
        ("5 5", 5.0, 5.0),
    ],
)
def test_coordinates_are_understood(text: str, latitude: float, longitude: float) -> None:
    """Decimal degrees with point or comma, degrees and minutes, and hemispheres in both languages are read."""
    result = parse_coordinates(text)
    assert isinstance(result, Parsed)
    assert result.value.latitude == pytest.approx(latitude, abs=1e-9)
    assert result.value.longitude == pytest.approx(longitude, abs=1e-9)


@pytest.mark.parametrize(
    ("text", "problem", "suggestions"),
    [
        ("151.2, -33.86", ParseProblem.OUT_OF_RANGE, (Coordinates(-33.86, 151.2),)),
        ("95, 200", ParseProblem.OUT_OF_RANGE, ()),
        ("95N 30E", ParseProblem.OUT_OF_RANGE, ()),
        ("55.75", ParseProblem.UNREADABLE, ()),
        ("55,75", ParseProblem.UNREADABLE, ()),
        ("55N 37N", ParseProblem.UNREADABLE, ()),
        ("N55N 37E", ParseProblem.UNREADABLE, ()),
        ("-55N 37E", ParseProblem.UNREADABLE, ()),
        ("55°75'N 37°36'E", ParseProblem.UNREADABLE, ()),
        ("1 2 3", ParseProblem.UNREADABLE, ()),
        ("Москва", ParseProblem.UNREADABLE, ()),
        ("Москва 55.75 37.61", ParseProblem.UNREADABLE, ()),
        ("", ParseProblem.EMPTY, ()),
    ],
)
def test_what_is_not_coordinates_is_refused(
    text: str, problem: ParseProblem, suggestions: tuple[Coordinates, ...]
) -> None:
    """Names are unreadable (the wizard searches them); impossible numbers are out of range, swapped ones shown."""
    assert parse_coordinates(text) == Refused(problem, suggestions)


@given(st.floats(-90, 90), st.floats(-180, 180))
def test_any_point_is_read_back(latitude: float, longitude: float) -> None:
    """Two decimal numbers are read to the digit, with a point or a comma."""
    text = f"{latitude:.6f} {longitude:.6f}"
    expected = Parsed(Coordinates(float(f"{latitude:.6f}"), float(f"{longitude:.6f}")))
    assert parse_coordinates(text) == parse_coordinates(text.replace(".", ",")) == expected


@given(st.text() | near_texts)
def test_no_text_breaks_the_coordinate_parser(text: str) -> None:
    """Any text gives a result, and every point in it is on the Earth."""
    result = parse_coordinates(text)
    values = (result.value,) if isinstance(result, Parsed) else result.suggestions
    assert all(abs(value.latitude) <= 90 and abs(value.longitude) <= 180 for value in values)
