"""The wizard: its cards' buttons, and what buttons and answers do.

What comes with a button is untrusted: every one of them may be old, pressed twice or forged. Routes show cards whose
buttons name routes, and so both stand here; what a card says is in `cards`, what an answer means in `answers`.
"""

from __future__ import annotations

from astral_core import N_, Button, Context, Markup, Routes, html, named_route, rows
from astral_profile.api import Profile, ProfileCompleted
from astral_profile.cards import Card, birth_text, clock_choices, joined, told_text, wizard_card
from astral_profile.draft import (
    FIELDS,
    Draft,
    back,
    changes,
    draft_of,
    edit,
    go,
    new_draft,
    offer,
    with_date,
    with_fold,
    with_offset,
    with_place,
    with_style,
    with_suggestion,
    with_time,
)
from astral_profile.handlers.answers import take
from astral_profile.store import Profiles, drop_draft, load_draft, save_draft, save_profile
from astral_profile.zones import Moment, resolve

routes = Routes()
FIELD_TEXTS = {"date": N_("Date"), "time": N_("Time"), "place": N_("Place"), "clock": N_("UTC offset")}


@routes.callback("begin")
async def begin(ctx: Context) -> None:
    """Start the questions; who has answered some goes on, who has a profile sees it."""
    draft = await current(ctx)
    if await saved(ctx) is not None:
        await overview(ctx)
    elif draft is not None:
        reshow(ctx, draft)
    else:
        await show_draft(ctx, new_draft())


@routes.callback("resume")
async def resume(ctx: Context) -> None:
    """Go on where the questions were left."""
    draft = await current(ctx)
    if draft is None:
        await overview(ctx)
        return
    reshow(ctx, draft)


@routes.callback("restart")
async def restart(ctx: Context) -> None:
    """Forget the answers and begin again."""
    if await saved(ctx) is not None:
        await overview(ctx)
        return
    await show_draft(ctx, new_draft())


@routes.question("answer", accept="any")  # the card itself says what it needs instead
async def answer(ctx: Context) -> None:
    """Take the answer to the card that is shown."""
    draft, message = await current(ctx), ctx.message
    if draft is None:
        await overview(ctx)
        return
    if message.text is not None or message.location is not None:
        # The card stays the last message of the chat, and birth data does not lie about.
        ctx.delete(message.message_id)
    draft, note = await take(ctx, draft, message)
    await show_draft(ctx, draft, note)


@routes.callback("pick/{rev:int}/{n:int}")
async def pick(ctx: Context, rev: int, n: int) -> None:
    """Take the n-th of what the card offers."""
    draft = await _shown(ctx, rev)
    if draft is None:
        return
    answered = _picked(draft, n)
    if answered is None:
        reshow(ctx, draft)
        return
    await show_draft(ctx, answered)


def _picked(draft: Draft, n: int) -> Draft | None:
    """Return the draft after a choice; None where the card offers no such one."""
    birth = draft.birth
    match draft.step:
        case "date" if 0 <= n < len(draft.dates):
            return with_date(draft, draft.dates[n])
        case "time" if 0 <= n < len(draft.times):
            return with_time(draft, draft.times[n])
        case "place" if 0 <= n < len(draft.hits):
            return with_place(draft, draft.hits[n].place)
        case "style" if n in {0, 1}:
            return with_style(draft, old=n == 1)
        case "fold" if n in {0, 1}:
            return with_fold(draft, n)
        case "gap" if n == 0:
            return with_suggestion(draft)
        case "clock" if birth is not None and n in {0, 1, 2}:
            return with_offset(draft, clock_choices(birth)[n])
    return None


@routes.callback("unknown/{rev:int}")
async def unknown(ctx: Context, rev: int) -> None:
    """Take that the time is not known."""
    draft = await _shown(ctx, rev)
    if draft is None:
        return
    if draft.step != "time":
        reshow(ctx, draft)
        return
    await show_draft(ctx, with_time(draft, None))


@routes.callback("other/{rev:int}")
async def other(ctx: Context, rev: int) -> None:
    """None of the places offered: say what else can be done."""
    draft = await _shown(ctx, rev)
    if draft is None:
        return
    if draft.step != "place":
        reshow(ctx, draft)
        return
    await show_draft(ctx, offer(draft), ctx.t("Then write the name another way, or the nearest larger town."))


@routes.callback("back/{rev:int}")
async def go_back(ctx: Context, rev: int) -> None:
    """Go one card back; from an unchanged profile back to the profile."""
    draft = await _shown(ctx, rev)
    if draft is None:
        return
    profile = await saved(ctx)
    unchanged = profile is not None and draft.birth is not None and not changes(profile.birth, draft.birth)
    if draft.step == "edit" and unchanged:
        await drop_draft(ctx.session, ctx.user.id)
        await overview(ctx)
        return
    await show_draft(ctx, go(draft, "edit") if unchanged and draft.editing else back(draft))


@routes.callback("cancel/{rev:int}")
async def cancel(ctx: Context, rev: int) -> None:
    """Forget the draft; a saved profile stays as it is."""
    draft = await _shown(ctx, rev)
    if draft is None:
        return
    await drop_draft(ctx.session, ctx.user.id)
    profile = await saved(ctx)
    if profile is not None:
        show_profile(ctx, profile, ctx.t("<b>Nothing was changed</b>"))
    else:
        show_empty(ctx, ctx.t("<b>Cancelled</b>\nYour answers are deleted."))


@routes.callback("confirm/{rev:int}")
async def confirm(ctx: Context, rev: int) -> None:
    """Save the profile and tell the other plugins."""
    draft = await _shown(ctx, rev)
    if draft is None:
        return
    birth = draft.birth
    if draft.step != "confirm" or birth is None or not isinstance(resolve(birth), Moment):
        reshow(ctx, draft)
        return
    user_id = ctx.user.id
    before = await saved(ctx)
    profile_id = await save_profile(ctx.session, user_id, before.id if before else None, birth)
    await drop_draft(ctx.session, user_id)
    changed = changes(before.birth if before else None, birth)
    ctx.emit(ProfileCompleted(user_id=user_id, profile_id=profile_id, changed=changed))
    ctx.log.info("profile %d is complete, changed: %s", profile_id, ", ".join(changed) or "nothing")
    text = joined(ctx.t("<b>Thank you, all noted ✨</b>"), birth_text(ctx, birth))
    show_page(ctx, text, [[_change(ctx)]])  # the chart comes by itself


@routes.callback("select_edit_field")
async def select_edit_field(ctx: Context) -> None:
    """Let the person choose what to change."""
    draft = await _complete(ctx)
    if draft is not None:
        await show_draft(ctx, go(draft, "edit"))


@routes.callback("start_edit_field/{field:slug}")
async def start_edit_field(ctx: Context, field: str) -> None:
    """Ask for one field; after it comes the confirm card."""
    draft = await _complete(ctx)
    if draft is None:
        return
    for name in FIELDS:
        if name == field:
            await show_draft(ctx, edit(draft, name))
            return
    await show_draft(ctx, go(draft, "edit"))


# --- whose answers


async def current(ctx: Context) -> Draft | None:
    """Return the user's draft."""
    return await load_draft(ctx.session, ctx.user.id)


async def saved(ctx: Context) -> Profile | None:
    """Return the user's profile."""
    return await Profiles().active(ctx.session, ctx.user.id)


async def _shown(ctx: Context, rev: int) -> Draft | None:
    """Return the draft if the pressed button is of its present card; else show what is up to date."""
    draft = await current(ctx)
    if draft is None:
        await overview(ctx)
        return None
    if draft.rev != rev:
        reshow(ctx, draft)
        return None
    return draft


async def _complete(ctx: Context) -> Draft | None:
    """Return the draft to change: the one at hand, or one of the saved profile; None where something is missing."""
    draft = await current(ctx)
    if draft is not None and draft.birth is not None:
        return draft
    profile = await saved(ctx)
    if profile is not None:
        return draft_of(profile.birth)
    if draft is not None:
        reshow(ctx, draft)
    else:
        await overview(ctx)
    return None


# --- what is shown


async def show_draft(ctx: Context, draft: Draft, note: Markup | None = None) -> None:
    """Keep a draft, show its card and wait for the answer; `note` says what was wrong with the last one."""
    await save_draft(ctx.session, ctx.user.id, draft)
    reshow(ctx, draft, note)


def reshow(ctx: Context, draft: Draft, note: Markup | None = None) -> None:
    """Show the card of a draft that is kept already, and wait for the answer."""
    card = wizard_card(ctx, draft)
    text = joined(card.text, html("<blockquote>{note}</blockquote>", note=note)) if note else card.text
    ctx.show(text, _buttons(ctx, draft, card))
    ctx.ask(answer())


def show_page(ctx: Context, text: Markup, buttons: list[list[Button]]) -> None:
    """Show a page that asks nothing, with the way to the menu."""
    ctx.end_question()
    ctx.show(text, [*buttons, [ctx.menu_button()]])


async def overview(ctx: Context) -> None:
    """Show what there is: the profile, an unfinished draft, or an invitation to begin."""
    draft = await current(ctx)
    profile = await saved(ctx)
    if profile is not None:
        birth = draft.birth if draft is not None else None
        show_profile(ctx, profile, unsaved=birth is not None and bool(changes(profile.birth, birth)))
    elif draft is not None and draft.begun:
        head, told = ctx.t("<b>Shall we go on?</b>"), ctx.t("This is what you have told me so far:")
        start_over = [ctx.button(N_("Start over"), restart())]
        show_page(ctx, joined(head, told, told_text(ctx, draft)), [[_continue(ctx)], start_over])
    else:
        show_empty(ctx)


def show_profile(ctx: Context, profile: Profile, head: Markup | None = None, *, unsaved: bool = False) -> None:
    """Show a saved profile."""
    blocks = [head or ctx.t("<b>My profile</b>"), birth_text(ctx, profile.birth)]
    buttons = [[_change(ctx)]]
    if ctx.has_route("natal:chart"):
        buttons.insert(0, [ctx.button(N_("My chart"), named_route("natal:chart")())])
    if unsaved:
        blocks.append(ctx.t("You started to change something and did not finish."))
        buttons.insert(0, [_continue(ctx)])
    show_page(ctx, joined(*blocks), buttons)


def show_empty(ctx: Context, head: Markup | None = None) -> None:
    """Invite to begin."""
    text = ctx.t("Three short questions about your birth, and your chart is ready.")
    show_page(ctx, joined(head or ctx.t("<b>My profile</b>"), text), [[ctx.button(N_("Begin"), begin())]])


# --- buttons


def _buttons(ctx: Context, draft: Draft, card: Card) -> list[list[Button]]:
    """The keyboard of a card: what it offers by number, what its step has besides, and the way out."""
    rev = draft.rev
    picks = rows(
        (ctx.button(text, pick(rev=rev, n=n)) for n, text in enumerate(card.picks)), 3 if card.step == "time" else 1
    )
    more: list[list[Button]] = []
    match card.step:
        case "time":
            more = [[ctx.button(N_("I don’t know"), unknown(rev=rev))]]
        case "place" if card.picks:
            more = [[ctx.button(N_("Another place"), other(rev=rev))]]
        case "gap":
            more = [[_change(ctx)]]
        case "confirm":
            more = [[ctx.button(N_("✓ Yes, that’s right"), confirm(rev=rev))], [_change(ctx)]]
        case "edit":
            more = rows((ctx.button(text, start_edit_field(field=name)) for name, text in FIELD_TEXTS.items()), 2)
    # Before the first question there is nothing but the menu; the draft stays.
    first = card.step == "date" and not draft.editing
    back_to = named_route("core:menu")() if first else go_back(rev=rev)
    return [*picks, *more, [ctx.button(N_("‹ Back"), back_to), ctx.button(N_("Cancel"), cancel(rev=rev))]]


def _change(ctx: Context) -> Button:
    return ctx.button(N_("Change…"), select_edit_field())


def _continue(ctx: Context) -> Button:
    return ctx.button(N_("Continue"), resume())
