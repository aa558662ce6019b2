"""Coordinates inside a big city."""

from __future__ import annotations

import pytest

from astral_profile.api import place_at


@pytest.mark.parametrize(
    ("latitude", "longitude", "name"),
    [
        (48.8566, 2.3522, "Paris"),
        (52.52, 13.405, "Berlin"),
        (50.45, 30.52, "Kyiv"),
        (-33.86, 151.2, "Sydney"),
        (55.66, 37.5, "Moscow"),
        (55.91, 37.73, "Mytishchi"),
        (55.889, 37.445, "Khimki"),
    ],
)
def test_a_district_is_named_after_its_city_and_a_town_nearby_is_not(
    latitude: float, longitude: float, name: str
) -> None:
    """Inside a big city its own name is given, however near a district's centre is; suburbs keep theirs."""
    assert place_at(latitude, longitude, "en").name == name
