"""What a person writes: the draft after the answer, and what was wrong with it."""

from __future__ import annotations

from astral_core import Context, Markup, View
from astral_profile.api import place_at, search
from astral_profile.birth import Place
from astral_profile.cards import today_anywhere
from astral_profile.clock import parse_offset
from astral_profile.draft import Draft, offer, with_date, with_offset, with_place, with_time
from astral_profile.notes import date_note, place_note, time_note
from astral_profile.parse import Coordinates, Parsed, ParseProblem, parse_coordinates, parse_date, parse_time
from astral_profile.places.index import Hit
from astral_profile.words import echo

Answered = tuple[Draft, Markup | None]


async def take(ctx: Context, draft: Draft, message: View) -> Answered:
    """Return the draft after what was just sent, and why it is no answer to the draft's card, None where it is."""
    location, text = message.location, message.text
    if location is not None:
        if draft.step != "place":
            return draft, ctx.t("That is a place, thank you. Here another answer is needed.")
        return await _at(ctx, draft, Coordinates(location.latitude, location.longitude))
    if text is None:
        return draft, ctx.t("Please answer with a text.")
    match draft.step:
        case "date":
            return _take_date(ctx, draft, text)
        case "time":
            return _take_time(ctx, draft, text)
        case "place":
            return await _take_place(ctx, draft, text)
        case "clock":
            return _take_offset(ctx, draft, text)
    return draft, ctx.t("Please choose one of the buttons.")


def _take_date(ctx: Context, draft: Draft, text: str) -> Answered:
    found = parse_date(text, today_anywhere(), ctx.language)
    if isinstance(found, Parsed):
        return with_date(draft, found.value), None
    return offer(draft, dates=found.suggestions), date_note(ctx.t, found, echo(text))


def _take_time(ctx: Context, draft: Draft, text: str) -> Answered:
    found = parse_time(text)
    if isinstance(found, Parsed):
        return with_time(draft, found.value), None
    return offer(draft, times=found.suggestions), time_note(ctx.t, found, echo(text))


def _take_offset(ctx: Context, draft: Draft, text: str) -> Answered:
    seconds = parse_offset(text)
    if seconds is None:
        return draft, ctx.t("I could not read “{typed}” as an offset. Write it like this: UTC+3.", typed=echo(text))
    return with_offset(draft, seconds), None


async def _take_place(ctx: Context, draft: Draft, text: str) -> Answered:
    point = parse_coordinates(text)
    if isinstance(point, Parsed):
        return await _at(ctx, draft, point.value)
    if point.problem is ParseProblem.OUT_OF_RANGE:
        places = [await _place_at(ctx, one) for one in point.suggestions]
        hits = tuple(Hit(place) for place in places)
    else:
        hits = tuple(await ctx.run_cpu(search, text, ctx.language))
    note = None if hits and point.problem is not ParseProblem.OUT_OF_RANGE else place_note(ctx.t, point, echo(text))
    return offer(draft, hits=hits), note


async def _at(ctx: Context, draft: Draft, point: Coordinates) -> Answered:
    return with_place(draft, await _place_at(ctx, point)), None


async def _place_at(ctx: Context, point: Coordinates) -> Place:
    return await ctx.run_cpu(place_at, point.latitude, point.longitude, ctx.language)
