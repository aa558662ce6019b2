"""A profile plugin whose births are set by the test."""

from __future__ import annotations

import datetime as dt

from astral_core import Plugin
from astral_profile.api import Birth, Place, Profile, ProfileApi, ProfileCompleted

plugin = Plugin(events=[ProfileCompleted])
BIRTHS: dict[int, Birth] = {}
MOSCOW = Place("Москва", "RU", 55.75204, 37.61781, "Europe/Moscow", 12_000_000)


def birth(day: str, time: str | None, place: Place = MOSCOW, **fields: int) -> Birth:
    """A birth by the clock of its place."""
    return Birth(dt.date.fromisoformat(day), time and dt.time.fromisoformat(time), place, **fields)


class Births:
    async def active(self, session, user_id):
        found = BIRTHS.get(user_id)
        return found and Profile(user_id % 1000 + 1, user_id, "", found, dt.datetime.now(dt.UTC))


@plugin.callback("begin")
async def begin(ctx):
    ctx.reply("wizard")


@plugin.callback("my_profile")
async def my_profile(ctx):
    ctx.reply("profile")


@plugin.command("complete")
async def complete(ctx):
    ctx.emit(ProfileCompleted(user_id=ctx.user.id, profile_id=ctx.user.id % 1000 + 1, changed=("date",)))


@plugin.hook
async def astral_lifespan(ctx):
    ctx.provide(ProfileApi, Births())
    yield
