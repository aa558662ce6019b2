"""What people type, and when the daily message is due."""

from datetime import UTC, date, datetime

import pytest

from astral_tides import is_due
from astral_tides.words import format_moment, read_day


@pytest.mark.parametrize("text", ["2026-12-24", " 2026-12-24 ", "24.12.2026"])
def test_a_day_is_read_in_both_orders(text: str) -> None:
    """Year first with hyphens, or day first with dots."""
    assert read_day(text) == date(2026, 12, 24)


@pytest.mark.parametrize("text", ["", "tomorrow", "2026-02-30", "31.04.2026", "1812-06-24", "2101-01-01"])
def test_what_is_no_day_is_none(text: str) -> None:
    """Neither days that no month has, nor those beyond the formulas, nor words."""
    assert read_day(text) is None


def test_dates_are_written_in_the_readers_language() -> None:
    """The name of the month, and the time to the nearest minute."""
    moment = datetime(2026, 12, 9, 0, 50, 40, tzinfo=UTC)
    assert format_moment(moment, "en") == "9 December 2026, 00:51"
    assert format_moment(moment, "ru") == "9 декабря 2026, 00:51"


def test_the_message_is_due_from_its_hour_on() -> None:
    """Not before the hour, and all day after it: a bot that was away then sends it late, not never."""
    assert not is_due(datetime(2026, 12, 9, 6, 59, tzinfo=UTC), 7)
    assert is_due(datetime(2026, 12, 9, 7, 0, tzinfo=UTC), 7)
    assert is_due(datetime(2026, 12, 9, 23, 59, tzinfo=UTC), 7)
