"""The wizard's state as a value, and how answers change it. Nothing here knows of Telegram or the database."""

from __future__ import annotations

import datetime as dt
import secrets
from typing import Literal

import msgspec
from msgspec.structs import replace

from astral_profile.birth import Birth, Place, from_julian, may_be_old_style
from astral_profile.places.index import Hit
from astral_profile.zones import Ambiguous, Nonexistent, resolve

Step = Literal["date", "time", "place", "style", "fold", "gap", "confirm", "edit", "clock"]
FIELDS: tuple[Literal["date", "time", "place", "clock"], ...] = ("date", "time", "place", "clock")
ASKED_IN_TURN: tuple[Step, ...] = ("date", "time", "place")


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What was answered so far, and which card is shown.

    `rev` grows with every change and stands in the card's buttons, so that a button of an older card is known as
    such. `editing` says that a complete draft is being changed: after the field comes the confirm card again.
    `dates`, `times` and `hits` are what the card offers as buttons.
    """

    rev: int
    step: Step = "date"
    editing: bool = False
    date: dt.date | None = None
    time: dt.time | None = None
    time_told: bool = False
    place: Place | None = None
    style_told: bool = False
    fold: int | None = None
    offset_seconds: int | None = None
    dates: tuple[dt.date, ...] = ()
    times: tuple[dt.time, ...] = ()
    hits: tuple[Hit, ...] = ()

    @property
    def birth(self) -> Birth | None:
        """The birth, once date, time and place were told."""
        if self.date is None or not self.time_told or self.place is None:
            return None
        return Birth(self.date, self.time, self.place, self.fold, self.offset_seconds)

    @property
    def begun(self) -> bool:
        """Whether anything was told."""
        return self.date is not None or self.time_told or self.place is not None


def new_draft() -> Draft:
    """Return an empty draft. Its first `rev` is random: buttons of an earlier draft fit by no chance."""
    return Draft(rev=secrets.randbits(40))


def draft_of(birth: Birth) -> Draft:
    """Return a complete draft of a saved profile, to be changed."""
    return Draft(
        rev=secrets.randbits(40),
        step="edit",
        editing=True,
        date=birth.date,
        time=birth.time,
        time_told=True,
        place=birth.place,
        style_told=True,
        fold=birth.fold,
        offset_seconds=birth.offset_seconds,
    )


def go(draft: Draft, step: Step) -> Draft:
    """Return the draft at another card, without what the old card offered."""
    return replace(draft, rev=draft.rev + 1, step=step, dates=(), times=(), hits=())


def offer(
    draft: Draft,
    *,
    dates: tuple[dt.date, ...] = (),
    times: tuple[dt.time, ...] = (),
    hits: tuple[Hit, ...] = (),
) -> Draft:
    """Return the draft at the same card, which now offers these."""
    return replace(draft, rev=draft.rev + 1, dates=dates, times=times, hits=hits)


def advance(draft: Draft) -> Draft:
    """Return the draft at the first card that is still needed, in the end the confirm card."""
    return go(draft, _needed(draft))


def _needed(draft: Draft) -> Step:
    if draft.date is None:
        return "date"
    if not draft.time_told:
        return "time"
    birth = draft.birth
    if birth is None:
        return "place"
    if not draft.style_told and may_be_old_style(birth.date, birth.place.country):
        return "style"
    match resolve(birth):
        case Ambiguous():
            return "fold"
        case Nonexistent():
            return "gap"
    return "confirm"


def back(draft: Draft) -> Draft:
    """Return the draft one card earlier."""
    match draft.step:
        case "date":
            return advance(draft) if draft.editing else draft
        case "time":
            return advance(draft) if draft.editing else go(draft, "date")
        case "place":
            return advance(draft) if draft.editing else go(draft, "time")
        case "edit":
            return advance(draft)
        case "clock":
            return go(draft, "edit")
        case _:
            return go(draft, "edit" if draft.editing else "place")


def edit(draft: Draft, field: Literal["date", "time", "place", "clock"]) -> Draft:
    """Return the draft at the card of one field, whose old value stays until a new one is told."""
    return replace(go(draft, field), editing=True)


def with_date(draft: Draft, date: dt.date) -> Draft:
    """Take a date; what was told about the clock of another day is asked anew."""
    return advance(replace(draft, date=date, style_told=False, fold=None, offset_seconds=None))


def with_time(draft: Draft, time: dt.time | None) -> Draft:
    """Take a time, or None for an unknown one."""
    return advance(replace(draft, time=time, time_told=True, fold=None))


def with_place(draft: Draft, place: Place) -> Draft:
    """Take a place; what was told about the clock elsewhere is asked anew."""
    return advance(replace(draft, place=place, fold=None, offset_seconds=None))


def with_style(draft: Draft, *, old: bool) -> Draft:
    """Take the answer which calendar the date was written by; an old-style date becomes a Gregorian one."""
    date = draft.date
    if old and date is not None:
        date = from_julian(date.year, date.month, date.day)
    return advance(replace(draft, date=date, style_told=True, fold=None))


def with_fold(draft: Draft, fold: int) -> Draft:
    """Take the answer which passage of a repeated hour is meant."""
    return advance(replace(draft, fold=fold))


def with_offset(draft: Draft, seconds: int | None) -> Draft:
    """Take an offset that the person knows, or None for the zone's own."""
    return advance(replace(draft, offset_seconds=seconds))


def with_suggestion(draft: Draft) -> Draft:
    """Take what the clock showed instead of a time that it skipped; the draft as it is where it skipped none."""
    birth = draft.birth
    found = resolve(birth) if birth is not None else None
    if not isinstance(found, Nonexistent):
        return advance(draft)
    instead = found.suggestion
    return advance(replace(draft, date=instead.date, time=instead.time, fold=None))


def changes(old: Birth | None, new: Birth) -> tuple[str, ...]:
    """Return which of "date", "time", "place" and "clock" differ; all that were told for a new profile."""
    if old is None:
        return ("date", "time", "place")
    differ = {
        "date": old.date != new.date,
        "time": old.time != new.time,
        "place": old.place != new.place,
        "clock": (old.fold, old.offset_seconds) != (new.fold, new.offset_seconds),
    }
    return tuple(name for name, changed in differ.items() if changed)
