"""What other plugins may import from the profile plugin."""

from __future__ import annotations

from astral_profile.birth import EARLIEST, LATEST, Birth, Place
from astral_profile.labels import coordinates_label, country_name, place_label, place_name
from astral_profile.places.index import Hit, place_at, search
from astral_profile.zones import (
    Ambiguous,
    LocalDay,
    Moment,
    Nonexistent,
    Resolution,
    local_day,
    resolve,
    tzdata_version,
)

__all__ = [
    "EARLIEST",
    "LATEST",
    "Ambiguous",
    "Birth",
    "Hit",
    "LocalDay",
    "Moment",
    "Nonexistent",
    "Place",
    "Resolution",
    "coordinates_label",
    "country_name",
    "local_day",
    "place_at",
    "place_label",
    "place_name",
    "resolve",
    "search",
    "tzdata_version",
]
