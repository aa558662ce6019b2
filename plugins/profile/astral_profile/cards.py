"""The wizard's cards: text and buttons for every step of a draft."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from markupsafe import Markup

from astral_core import Button, Context, rows
from astral_profile.api import Profile
from astral_profile.birth import Birth
from astral_profile.clock import moment_of, offset_label
from astral_profile.draft import ASKED_IN_TURN, Draft
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


@dataclass
class Card:
    """A message to be: blocks of text with a blank line between them, and rows of buttons."""

    blocks: list[Markup | str]
    buttons: list[list[Button]] = field(default_factory=list)

    @property
    def text(self) -> Markup:
        """The whole text."""
        return Markup("\n\n").join(block for block in self.blocks if block)


def wizard_card(ctx: Context, draft: Draft, note: Markup | None = None) -> Card:
    """Return the card of a draft's step; `note` says what was wrong with the last answer."""
    card = _CARDS[draft.step](ctx, draft)
    if note is not None:
        card.blocks.append(Markup("<blockquote>{}</blockquote>").format(note))
    card.buttons.append(_way_out(ctx, draft))
    return card


def saved_card(ctx: Context, profile: Profile) -> Card:
    """Return the card that thanks for a profile; the chart comes by itself."""
    blocks: list[Markup | str] = [ctx.t("<b>Thank you, all noted ✨</b>"), _birth(ctx, profile.birth)]
    return Card(blocks, [[_change(ctx)], [menu_button(ctx)]])


def profile_card(ctx: Context, profile: Profile, *, unsaved: bool = False, head: Markup | None = None) -> Card:
    """Return the card of a saved profile."""
    blocks: list[Markup | str] = [head or ctx.t("<b>My profile</b>"), _birth(ctx, profile.birth)]
    buttons = [[_change(ctx)], [menu_button(ctx)]]
    if ctx.has_route("natal:chart"):
        buttons.insert(0, [ctx.button(ctx.t("My chart"), "natal:chart")])
    if unsaved:
        blocks.append(ctx.t("You started to change something and did not finish."))
        buttons.insert(0, [ctx.button(ctx.t("Continue"), "profile:resume")])
    return Card(blocks, buttons)


def unfinished_card(ctx: Context, draft: Draft) -> Card:
    """Return the card that offers to go on with an unfinished draft."""
    return Card(
        [ctx.t("<b>Shall we go on?</b>"), ctx.t("This is what you have told me so far:"), _told(ctx, draft)],
        [
            [ctx.button(ctx.t("Continue"), "profile:resume")],
            [ctx.button(ctx.t("Start over"), "profile:restart")],
            [menu_button(ctx)],
        ],
    )


def empty_card(ctx: Context, head: Markup | None = None) -> Card:
    """Return the card that invites to begin."""
    text = ctx.t("Three short questions about your birth, and your chart is ready.")
    return Card(
        [head or ctx.t("<b>My profile</b>"), text],
        [[ctx.button(ctx.t("Begin"), "profile:begin")], [menu_button(ctx)]],
    )


def menu_button(ctx: Context) -> Button:
    """Return the way to the bot's menu."""
    return ctx.button(ctx.t("‹ Menu"), "core:menu")


def _way_out(ctx: Context, draft: Draft) -> list[Button]:
    # Before the first question there is nothing but the menu; the draft stays.
    first = draft.step == "date" and not draft.editing
    back = ctx.t("‹ Back")
    return [
        ctx.button(back, "core:menu") if first else ctx.button(back, "profile:back", rev=draft.rev),
        ctx.button(ctx.t("Cancel"), "profile:cancel", rev=draft.rev),
    ]


def _lines(lines: list[Markup]) -> Markup:
    return Markup("\n").join(lines)


def _birth(ctx: Context, birth: Birth) -> Markup:
    return _lines(birth_lines(ctx.t, birth, ctx.language))


def _told(ctx: Context, draft: Draft) -> Markup:
    told = told_lines(ctx.t, draft.date, draft.time, draft.place, ctx.language, time_told=draft.time_told)
    return _lines(told)


def _begin(ctx: Context, draft: Draft) -> list[Markup | str]:
    """Return the progress line of the three questions, and what was told so far."""
    if draft.editing:
        return [_told(ctx, draft)]
    step = ASKED_IN_TURN.index(draft.step) + 1
    return [ctx.t("<i>Step {step} of {steps}</i>", step=step, steps=len(ASKED_IN_TURN)), _told(ctx, draft)]


def _picks(ctx: Context, draft: Draft, texts: Sequence[str]) -> list[list[Button]]:
    """Return one button a row, numbered; what the number means depends on the draft's step."""
    return [[ctx.button(text, "profile:pick", rev=draft.rev, n=n)] for n, text in enumerate(texts)]


def _date(ctx: Context, draft: Draft) -> Card:
    text = ctx.t(
        "<b>When were you born?</b>\nWrite the day, month and year, for example <b>15.06.1990</b> or <b>15 June "
        "1990</b>."
    )
    return Card([*_begin(ctx, draft), text], _picks(ctx, draft, [date_short(d, ctx.language) for d in draft.dates]))


def _time(ctx: Context, draft: Draft) -> Card:
    text = ctx.t(
        "<b>What time were you born?</b>\nFor example <b>14:30</b>. To the minute is best: the Ascendant moves "
        "quickly.\n\nNot sure? No problem: the chart works without a time too, just without houses."
    )
    picks = rows((button for row in _picks(ctx, draft, [time_short(t) for t in draft.times]) for button in row), 3)
    unknown = ctx.button(ctx.t("I don’t know"), "profile:unknown", rev=draft.rev)
    return Card([*_begin(ctx, draft), text], [*picks, [unknown]])


def _place(ctx: Context, draft: Draft) -> Card:
    if not draft.hits:
        text = ctx.t(
            "<b>Where were you born?</b>\nWrite the town, for example <b>London</b>. A location (📎) or "
            "coordinates such as <b>51.51, −0.13</b> will do as well."
        )
        return Card([*_begin(ctx, draft), text])
    text = ctx.t("<b>Which place is yours?</b>\nChoose one, or write the name another way.")
    picks = _picks(ctx, draft, hit_labels(draft.hits, ctx.language))
    other = [ctx.button(ctx.t("Another place"), "profile:other", rev=draft.rev)]
    return Card([*_begin(ctx, draft), text], [*picks, other])


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
    return Card([_told(ctx, draft), text], _picks(ctx, draft, [ctx.t("New style, as today"), ctx.t("Old style")]))


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
    return Card([_told(ctx, draft), text], _picks(ctx, draft, labels))


def _gap(ctx: Context, draft: Draft) -> Card:
    birth, found = _resolved(draft)
    if not isinstance(found, Nonexistent):
        return _confirm(ctx, draft)
    instead, day = found.suggestion, date_short(found.suggestion.date, ctx.language)
    if birth.time is None or instead.time is None:
        text = ctx.t(
            "<b>There was no such day there</b>\nThe calendar of this place skipped it. Perhaps it was this?"
        )
        label: Markup | str = day
    else:
        text = ctx.t(
            "<b>There was no such time there</b>\nThe clocks were put forward by {gap}, right over {time}. They "
            "showed {instead} instead.",
            gap=gap_words(ctx.t, found.gap),
            time=time_short(birth.time),
            instead=time_short(instead.time),
        )
        label = f"{day}, {time_short(instead.time)}"
    return Card([_told(ctx, draft), text], [*_picks(ctx, draft, [label]), [_change(ctx)]])


def _confirm(ctx: Context, draft: Draft) -> Card:
    birth, _ = _resolved(draft)
    blocks: list[Markup | str] = [ctx.t("<b>Is everything right?</b>"), _birth(ctx, birth)]
    accept = ctx.button(ctx.t("✓ Yes, that’s right"), "profile:confirm", rev=draft.rev)
    return Card(blocks, [[accept], [_change(ctx)]])


def _change(ctx: Context) -> Button:
    return ctx.button(ctx.t("Change…"), "profile:select_edit_field")


def _edit(ctx: Context, draft: Draft) -> Card:
    birth, _ = _resolved(draft)
    fields = [
        ("date", ctx.t("Date")),
        ("time", ctx.t("Time")),
        ("place", ctx.t("Place")),
        ("clock", ctx.t("UTC offset")),
    ]
    buttons = [ctx.button(text, "profile:start_edit_field", field=name) for name, text in fields]
    return Card([_birth(ctx, birth), ctx.t("<b>What shall we change?</b>")], rows(buttons, 2))


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
    return Card([_told(ctx, draft), text], _picks(ctx, draft, labels))


def _resolved(draft: Draft) -> tuple[Birth, object]:
    birth = draft.birth
    if birth is None:
        raise ValueError(f"the card {draft.step!r} needs a complete draft; go through draft.advance")
    return birth, resolve(birth)


_CARDS: dict[str, Callable[[Context, Draft], Card]] = {
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
    return (dt.datetime.now(dt.UTC) + dt.timedelta(hours=14)).date()
