"""What the wizard's cards say at every step of a draft. Their buttons are made where the routes are."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from astral_core import Context, Markup, now
from astral_profile.birth import Birth
from astral_profile.clock import moment_of, offset_label
from astral_profile.draft import ASKED_IN_TURN, Draft, Step
from astral_profile.labels import coordinates_label, place_name
from astral_profile.places.index import Hit
from astral_profile.words import (
    birth_lines,
    clock_words,
    date_short,
    gap_words,
    time_short,
    time_words,
    told_lines,
)
from astral_profile.zones import Ambiguous, Nonexistent, resolve

HOUR = 3600


@dataclass(frozen=True, slots=True)
class Card:
    """What a card says, and what its numbered buttons offer; what a number means depends on `step`."""

    step: Step
    text: Markup
    picks: Sequence[str] = ()


def wizard_card(ctx: Context, draft: Draft) -> Card:
    """Return the card of a draft's step."""
    return _CARDS[draft.step](ctx, draft)


def joined(*blocks: Markup) -> Markup:
    """Return blocks of text with a blank line between them, the empty ones left out."""
    return Markup("\n\n").join(filter(None, blocks))


def birth_text(ctx: Context, birth: Birth) -> Markup:
    """Return the lines that tell a whole birth."""
    return Markup("\n").join(birth_lines(ctx.t, birth, ctx.language))


def told_text(ctx: Context, draft: Draft) -> Markup:
    """Return one line for each answer given so far."""
    told = told_lines(ctx.t, draft.date, draft.time, draft.place, ctx.language, time_told=draft.time_told)
    return Markup("\n").join(told)


def _begin(ctx: Context, draft: Draft, question: Markup) -> Markup:
    """Return the progress line of the three questions, what was told so far, and the question."""
    told = told_text(ctx, draft)
    if draft.editing:
        return joined(told, question)
    step = ASKED_IN_TURN.index(draft.step) + 1
    return joined(ctx.t("<i>Step {step} of {steps}</i>", step=step, steps=len(ASKED_IN_TURN)), told, question)


def _date(ctx: Context, draft: Draft) -> Card:
    text = ctx.t(
        "<b>When were you born?</b>\nWrite the day, month and year, for example <b>15.06.1990</b> or <b>15 June "
        "1990</b>."
    )
    return Card("date", _begin(ctx, draft, text), [date_short(day, ctx.language) for day in draft.dates])


def _time(ctx: Context, draft: Draft) -> Card:
    text = ctx.t(
        "<b>What time were you born?</b>\nFor example <b>14:30</b>. To the minute is best: the Ascendant moves "
        "quickly.\n\nNot sure? No problem: the chart works without a time too, just without houses."
    )
    return Card("time", _begin(ctx, draft, text), [time_short(time) for time in draft.times])


def _place(ctx: Context, draft: Draft) -> Card:
    if not draft.hits:
        text = ctx.t(
            "<b>Where were you born?</b>\nWrite the town, for example <b>London</b>. A location (📎) or "
            "coordinates such as <b>51.51, −0.13</b> will do as well."
        )
    else:
        text = ctx.t("<b>Which place is yours?</b>\nChoose one, or write the name another way.")
    return Card("place", _begin(ctx, draft, text), hit_labels(draft.hits, ctx.language))


def hit_labels(hits: tuple[Hit, ...], language: str) -> list[str]:
    """Return what the buttons say; coordinates are added where two would say the same."""
    names = [place_name(hit.place, language, hit.near) for hit in hits]
    labels = []
    for hit, name in zip(hits, names, strict=True):
        degrees = coordinates_label(hit.place.latitude, hit.place.longitude, language)
        labels.append(degrees if not name else f"{name} · {degrees}" if names.count(name) > 1 else name)
    return labels


def _style(ctx: Context, draft: Draft) -> Card:
    text = ctx.t(
        "<b>By which calendar is this date?</b>\nUntil February 1918 people there used the old style, thirteen "
        "days behind. Which one is in your papers?"
    )
    return Card("style", joined(told_text(ctx, draft), text), [ctx.t("New style, as today"), ctx.t("Old style")])


def _fold(ctx: Context, draft: Draft) -> Card:
    birth, found = _resolved(draft)
    if not isinstance(found, Ambiguous) or birth.time is None:
        return _confirm(ctx, draft)
    text = ctx.t(
        "<b>The first time or the second?</b>\nThe clocks were put back then and showed {time} twice. If you do "
        "not know, take the first: you can change it whenever you like.",
        time=time_words(birth.time, ctx.language),
    )
    labels = [
        ctx.t("The first: {clock}", clock=clock_words(ctx.t, replace(birth, fold=0))),
        ctx.t("The second: {clock}", clock=clock_words(ctx.t, replace(birth, fold=1))),
    ]
    return Card("fold", joined(told_text(ctx, draft), text), labels)


def _gap(ctx: Context, draft: Draft) -> Card:
    birth, found = _resolved(draft)
    if not isinstance(found, Nonexistent):
        return _confirm(ctx, draft)
    instead, day = found.suggestion, date_short(found.suggestion.date, ctx.language)
    if birth.time is None or instead.time is None:
        text = ctx.t(
            "<b>There was no such day there</b>\nThe calendar of this place skipped it. Perhaps it was this?"
        )
        label = day
    else:
        text = ctx.t(
            "<b>There was no such time there</b>\nThe clocks were put forward by {gap}, right over {time}. They "
            "showed {instead} instead.",
            gap=gap_words(ctx.t, found.gap),
            time=time_short(birth.time),
            instead=time_short(instead.time),
        )
        label = f"{day}, {time_short(instead.time)}"
    return Card("gap", joined(told_text(ctx, draft), text), [label])


def _confirm(ctx: Context, draft: Draft) -> Card:
    birth, _ = _resolved(draft)
    return Card("confirm", joined(ctx.t("<b>Is everything right?</b>"), birth_text(ctx, birth)))


def _edit(ctx: Context, draft: Draft) -> Card:
    birth, _ = _resolved(draft)
    return Card("edit", joined(birth_text(ctx, birth), ctx.t("<b>What shall we change?</b>")))


def clock_choices(birth: Birth) -> tuple[int | None, ...]:
    """Return the offsets that the clock card offers: the zone's own (None), an hour less and an hour more."""
    whole = round(moment_of(by_zone(birth)).offset_seconds)
    return None, whole - HOUR, whole + HOUR


def by_zone(birth: Birth) -> Birth:
    """Return the birth without what the person said about the offset."""
    return replace(birth, offset_seconds=None)


def _clock(ctx: Context, draft: Draft) -> Card:
    birth, _ = _resolved(draft)
    text = ctx.t(
        "<b>How far from UTC was the clock?</b>\nBy the history of the time zone it was {clock}. In some years "
        "some districts kept a different time. If you are sure of another offset, choose or write it, for example "
        "<b>UTC+3</b>.",
        clock=clock_words(ctx.t, by_zone(birth)),
    )
    labels = [
        ctx.t("As the time zone says") if seconds is None else offset_label(seconds)
        for seconds in clock_choices(birth)
    ]
    return Card("clock", joined(told_text(ctx, draft), text), labels)


def _resolved(draft: Draft) -> tuple[Birth, object]:
    birth = draft.birth
    if birth is None:
        raise ValueError(f"the card {draft.step!r} needs a complete draft; go through draft.advance")
    return birth, resolve(birth)


_CARDS: dict[Step, Callable[[Context, Draft], Card]] = {
    "date": _date,
    "time": _time,
    "place": _place,
    "style": _style,
    "fold": _fold,
    "gap": _gap,
    "confirm": _confirm,
    "edit": _edit,
    "clock": _clock,
}


def today_anywhere() -> dt.date:
    """Return the latest date that any clock on Earth shows now."""
    return (now() + dt.timedelta(hours=14)).date()
