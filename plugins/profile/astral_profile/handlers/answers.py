"""What a person writes: the answer to the card that is shown."""

from __future__ import annotations

from markupsafe import Markup
from telegram import Message, Update

from astral_core import Context, Routes
from astral_profile.api import place_at, search
from astral_profile.birth import Place
from astral_profile.cards import Card, empty_card, profile_card, today_anywhere, unfinished_card, wizard_card
from astral_profile.clock import parse_offset
from astral_profile.draft import Draft, changes, offer, with_date, with_offset, with_place, with_time
from astral_profile.notes import date_note, place_note, time_note
from astral_profile.parse import Coordinates, Parsed, ParseProblem, parse_coordinates, parse_date, parse_time
from astral_profile.places.index import Hit
from astral_profile.store import Profiles, load_draft, save_draft
from astral_profile.words import echo

routes = Routes()
Answered = tuple[Draft, Markup | None]


@routes.question("answer")
async def answer(update: Update, ctx: Context) -> None:
    """Take the answer to the card that is shown."""
    draft = await current(ctx)
    message = update.effective_message
    if draft is None or message is None:
        await overview(ctx)
        return
    if message.text is not None or message.location is not None:
        # The card stays the last message of the chat, and birth data does not lie about.
        ctx.delete(message.message_id)
    draft, note = await _take(ctx, draft, message)
    await show_draft(ctx, draft, note)


async def _take(ctx: Context, draft: Draft, message: Message) -> Answered:
    if message.location is not None:
        if draft.step != "place":
            return draft, ctx.t("That is a place, thank you. Here another answer is needed.")
        return await _at(ctx, draft, Coordinates(message.location.latitude, message.location.longitude))
    text = message.text
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


# --- what is shown


async def current(ctx: Context) -> Draft | None:
    """Return the user's draft."""
    return await load_draft(ctx.session, ctx.user.id)


async def show_draft(ctx: Context, draft: Draft, note: Markup | None = None) -> None:
    """Keep a draft, show its card and wait for the answer."""
    await save_draft(ctx.session, ctx.user.id, draft)
    reshow(ctx, draft, note)


def reshow(ctx: Context, draft: Draft, note: Markup | None = None) -> None:
    """Show the card of a draft that is kept already, and wait for the answer."""
    show_card(ctx, wizard_card(ctx, draft, note))
    ctx.ask(answer)


def show_card(ctx: Context, card: Card) -> None:
    """Show a card in the bot's one message."""
    ctx.end_question()
    ctx.show(card.text, card.buttons)


async def overview(ctx: Context) -> None:
    """Show what there is: the profile, an unfinished draft, or an invitation to begin."""
    draft = await current(ctx)
    profile = await Profiles().active(ctx.session, ctx.user.id)
    if profile is not None:
        birth = draft.birth if draft is not None else None
        unsaved = birth is not None and bool(changes(profile.birth, birth))
        show_card(ctx, profile_card(ctx, profile, unsaved=unsaved))
    elif draft is not None and draft.begun:
        show_card(ctx, unfinished_card(ctx, draft))
    else:
        show_card(ctx, empty_card(ctx))
