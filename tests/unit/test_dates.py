"""Moments and days as people write them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from astral_core.errors import HandlerError
from astral_core.host.dates import shown_date

MOMENT = datetime(2026, 11, 30, 22, 35, tzinfo=UTC)


@pytest.mark.parametrize(
    ("language", "zone", "style", "year", "shown"),
    [
        ("en", UTC, "medium", True, "Nov 30, 2026, 10:35 PM"),
        ("ru", "Europe/Moscow", "medium", True, "1 дек. 2026 г., 01:35"),
        ("ru", "Europe/Moscow", "long", False, "1 декабря, 01:35"),
        ("de", ZoneInfo("Europe/Berlin"), "short", True, "30.11.26, 23:35"),
        ("de", "Europe/Berlin", "medium", False, "30. Nov., 23:35"),
        ("pt-br", UTC, "medium", True, "30 de nov. de 2026 22:35"),
        ("xx", UTC, "short", True, "11/30/26, 10:35 PM"),
    ],
)
def test_a_moment_is_shown_in_its_zone(language: str, zone: Any, style: Any, year: bool, shown: str) -> None:
    """As the CLDR says of each language; spaces are plain ones, so that tests and people can search for them."""
    assert shown_date("party", MOMENT, zone, language, style, year=year) == shown


def test_a_day_has_no_hour() -> None:
    """A date is shown alone, and no zone moves it."""
    assert shown_date("party", date(2026, 11, 30), "Asia/Tokyo", "ru", "long", year=True) == "30 ноября 2026 г."
    assert shown_date("party", date(2026, 11, 30), UTC, "en", "long", year=False) == "November 30"


@pytest.mark.parametrize(
    ("moment", "zone", "style", "why"),
    [
        (datetime(2026, 1, 1), UTC, "medium", "has no time zone. Fix: take astral_core.now()"),  # noqa: DTZ001
        (MOMENT, "Europe/Nowhere", "medium", "there is no time zone 'Europe/Nowhere'"),
        (MOMENT, "../../etc/passwd", "medium", "there is no time zone"),
        (MOMENT, UTC, "tiny", "Fix: one of short, medium, long, full"),
    ],
)
def test_what_cannot_be_shown(moment: Any, zone: Any, style: Any, why: str) -> None:
    """The error says what is wrong."""
    with pytest.raises(HandlerError, match=why):
        shown_date("party", moment, zone, "en", style, year=True)
