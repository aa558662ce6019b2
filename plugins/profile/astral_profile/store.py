"""Drafts and profiles in the database. Birth data is never logged: only ids are."""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any

import msgspec
from sqlalchemy import Row, delete, insert, select, update

from astral_core import Session, now
from astral_profile.api import Profile
from astral_profile.birth import Birth, Place
from astral_profile.draft import Draft
from astral_profile.tables import drafts, profiles

log = logging.getLogger("astral.plugins.profile")


class Profiles:
    """The plugin's `ProfileApi`."""

    async def active(self, session: Session, user_id: int) -> Profile | None:
        """Return the profile that the user's charts are about."""
        query = select(profiles).where(profiles.c.user_id == user_id, profiles.c.active)
        row = (await session.execute(query)).first()
        return _profile(row) if row is not None else None


async def load_draft(session: Session, user_id: int) -> Draft | None:
    """Return the user's unfinished questionnaire; None too where a later version wrote it in a form unknown here."""
    data = await session.scalar(select(drafts.c.data).where(drafts.c.user_id == user_id))
    if data is None:
        return None
    try:
        return msgspec.json.decode(data, type=Draft)
    except msgspec.DecodeError:
        # The message of the error may quote the data, and so it stays out of the log.
        log.warning("the draft of user %d is not readable by this version; it is asked for anew", user_id)
        return None


async def save_draft(session: Session, user_id: int, draft: Draft) -> None:
    """Keep the user's unfinished questionnaire."""
    values = {"data": msgspec.json.encode(draft).decode(), "updated_at": now()}
    changed = update(drafts).where(drafts.c.user_id == user_id).values(**values).returning(drafts.c.user_id)
    if await session.scalar(changed) is None:
        await session.execute(insert(drafts).values(user_id=user_id, **values))


async def drop_draft(session: Session, user_id: int) -> None:
    """Forget the user's unfinished questionnaire."""
    await session.execute(delete(drafts).where(drafts.c.user_id == user_id))


async def drop_old_drafts(session: Session, before: dt.datetime) -> int:
    """Forget what nobody has gone on with since; return how many there were."""
    old = delete(drafts).where(drafts.c.updated_at < before).returning(drafts.c.user_id)
    return len((await session.execute(old)).all())


async def save_profile(session: Session, user_id: int, profile_id: int | None, birth: Birth) -> int:
    """Write a birth into one of the user's profiles, or into a new active one; return its id."""
    values = {**_columns(birth), "updated_at": now()}
    if profile_id is not None:
        own = (profiles.c.id == profile_id, profiles.c.user_id == user_id)
        await session.execute(update(profiles).where(*own).values(**values))
        return profile_id
    added = insert(profiles).values(user_id=user_id, **values).returning(profiles.c.id)
    return int((await session.execute(added)).scalar_one())


def _columns(birth: Birth) -> dict[str, Any]:
    place = birth.place
    return {
        "birth_date": birth.date,
        "birth_time": birth.time,
        "place_name": place.name,
        "country": place.country,
        "latitude": place.latitude,
        "longitude": place.longitude,
        "zone": place.zone,
        "population": place.population,
        "fold": birth.fold,
        "offset_seconds": birth.offset_seconds,
    }


def _profile(row: Row[Any]) -> Profile:
    place = Place(row.place_name, row.country, row.latitude, row.longitude, row.zone, row.population)
    birth = Birth(row.birth_date, row.birth_time, place, row.fold, row.offset_seconds)
    return Profile(row.id, row.user_id, row.label, birth, row.updated_at)
