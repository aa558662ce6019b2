"""What other plugins may import from the profile plugin."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

from astral_core import Event, Session
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
    "Profile",
    "ProfileApi",
    "ProfileCompleted",
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


@dataclass(frozen=True, slots=True)
class Profile:
    """Somebody's birth data as a user keeps it; `label` is the user's name for it, "" for the user's own."""

    id: int
    user_id: int
    label: str
    birth: Birth
    updated_at: dt.datetime


@runtime_checkable
class ProfileApi(Protocol):
    """What the profile plugin does for others: `ctx.find(ProfileApi)` gives it, or None where it is not there.

    Where a user has no profile, lead to the callback `profile:begin`: it starts the wizard, and `ProfileCompleted`
    tells when it is done.
    """

    async def active(self, session: Session, user_id: int) -> Profile | None:
        """Return the profile that the user's charts are about, None while there is none."""


class ProfileCompleted(Event, frozen=True, kw_only=True):
    """A user has accepted the confirm card.

    `changed` names what differs from before: some of "date", "time", "place" and "clock" (the offset, or which
    passage of a repeated hour); all of date, time and place for a new profile, none where nothing differs.
    """

    name: ClassVar[str] = "profile.completed"
    user_id: int
    profile_id: int
    changed: tuple[str, ...]
