"""The wizard's buttons. What comes with them is untrusted: every one of them may be old, pressed twice or forged."""

from __future__ import annotations

from telegram import Update

from astral_core import Context, Routes
from astral_profile.api import ProfileCompleted
from astral_profile.cards import clock_choices, empty_card, profile_card, saved_card
from astral_profile.draft import (
    Draft,
    back,
    changes,
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
from astral_profile.handlers.answers import current, overview, reshow, show_card, show_draft
from astral_profile.store import Profiles, drop_draft, save_profile
from astral_profile.zones import Moment, resolve

routes = Routes()


@routes.callback("begin")
async def begin(update: Update, ctx: Context) -> None:
    """Start the questions; who has answered some goes on, who has a profile sees it."""
    draft = await current(ctx)
    if await Profiles().active(ctx.session, ctx.user.id) is not None:
        await overview(ctx)
    elif draft is not None:
        reshow(ctx, draft)
    else:
        await show_draft(ctx, new_draft())


@routes.callback("resume")
async def resume(update: Update, ctx: Context) -> None:
    """Go on where the questions were left."""
    draft = await current(ctx)
    if draft is None:
        await overview(ctx)
        return
    reshow(ctx, draft)


@routes.callback("restart")
async def restart(update: Update, ctx: Context) -> None:
    """Forget the answers and begin again."""
    await current(ctx)
    if await Profiles().active(ctx.session, ctx.user.id) is not None:
        await overview(ctx)
        return
    await show_draft(ctx, new_draft())


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


@routes.callback("pick/{rev:int}/{n:int}")
async def pick(update: Update, ctx: Context, rev: int, n: int) -> None:
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
async def unknown(update: Update, ctx: Context, rev: int) -> None:
    """Take that the time is not known."""
    draft = await _shown(ctx, rev)
    if draft is None:
        return
    if draft.step != "time":
        reshow(ctx, draft)
        return
    await show_draft(ctx, with_time(draft, None))


@routes.callback("other/{rev:int}")
async def other(update: Update, ctx: Context, rev: int) -> None:
    """None of the places offered: say what else can be done."""
    draft = await _shown(ctx, rev)
    if draft is None:
        return
    if draft.step != "place":
        reshow(ctx, draft)
        return
    await show_draft(ctx, offer(draft), ctx.t("Then write the name another way, or the nearest larger town."))


@routes.callback("back/{rev:int}")
async def go_back(update: Update, ctx: Context, rev: int) -> None:
    """Go one card back; from an unchanged profile back to the profile."""
    draft = await _shown(ctx, rev)
    if draft is None:
        return
    profile = await Profiles().active(ctx.session, ctx.user.id)
    unchanged = profile is not None and draft.birth is not None and not changes(profile.birth, draft.birth)
    if draft.step == "edit" and unchanged:
        await drop_draft(ctx.session, ctx.user.id)
        await overview(ctx)
        return
    await show_draft(ctx, go(draft, "edit") if unchanged and draft.editing else back(draft))


@routes.callback("cancel/{rev:int}")
async def cancel(update: Update, ctx: Context, rev: int) -> None:
    """Forget the draft; a saved profile stays as it is."""
    draft = await _shown(ctx, rev)
    if draft is None:
        return
    await drop_draft(ctx.session, ctx.user.id)
    profile = await Profiles().active(ctx.session, ctx.user.id)
    if profile is not None:
        show_card(ctx, profile_card(ctx, profile, head=ctx.t("<b>Nothing was changed</b>")))
    else:
        show_card(ctx, empty_card(ctx, ctx.t("<b>Cancelled</b>\nYour answers are deleted.")))


@routes.callback("confirm/{rev:int}")
async def confirm(update: Update, ctx: Context, rev: int) -> None:
    """Save the profile and tell the other plugins."""
    draft = await _shown(ctx, rev)
    if draft is None:
        return
    birth = draft.birth
    if draft.step != "confirm" or birth is None or not isinstance(resolve(birth), Moment):
        reshow(ctx, draft)
        return
    user_id, profiles = ctx.user.id, Profiles()
    before = await profiles.active(ctx.session, user_id)
    profile_id = await save_profile(ctx.session, user_id, before.id if before else None, birth)
    await drop_draft(ctx.session, user_id)
    changed = changes(before.birth if before else None, birth)
    ctx.emit(ProfileCompleted(user_id=user_id, profile_id=profile_id, changed=changed))
    ctx.log.info("profile %d is complete, changed: %s", profile_id, ", ".join(changed) or "nothing")
    saved = await profiles.active(ctx.session, user_id)
    if saved is not None:
        show_card(ctx, saved_card(ctx, saved))
