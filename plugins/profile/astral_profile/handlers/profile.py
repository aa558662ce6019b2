"""«My profile»: show it, and choose what to change."""

from __future__ import annotations

from telegram import Update

from astral_core import Context, Routes
from astral_profile.draft import FIELDS, Draft, draft_of, edit, go, new_draft
from astral_profile.handlers.answers import current, overview, reshow, show_draft
from astral_profile.store import Profiles

routes = Routes()


def N_(text: str) -> str:  # noqa: N802  # gettext's own name: marks a text that is translated later
    """Mark a source text."""
    return text


@routes.callback("my_profile")
@routes.command("profile", description=N_("My profile"))
async def my_profile(update: Update, ctx: Context) -> None:
    """Show the profile, or what is unfinished; who has neither is asked at once."""
    draft = await current(ctx)
    profile = await Profiles().active(ctx.session, ctx.user.id)
    if profile is None and (draft is None or not draft.begun):
        await show_draft(ctx, draft or new_draft())
        return
    await overview(ctx)


async def _complete(ctx: Context) -> Draft | None:
    """Return the draft to change: the one at hand, or one of the saved profile; None where something is missing."""
    draft = await current(ctx)
    if draft is not None and draft.birth is not None:
        return draft
    profile = await Profiles().active(ctx.session, ctx.user.id)
    if profile is not None:
        return draft_of(profile.birth)
    if draft is not None:
        reshow(ctx, draft)
    else:
        await overview(ctx)
    return None


@routes.callback("select_edit_field")
async def select_edit_field(update: Update, ctx: Context) -> None:
    """Let the person choose what to change."""
    draft = await _complete(ctx)
    if draft is not None:
        await show_draft(ctx, go(draft, "edit"))


@routes.callback("start_edit_field/{field:slug}")
async def start_edit_field(update: Update, ctx: Context, field: str) -> None:
    """Ask for one field; after it comes the confirm card."""
    draft = await _complete(ctx)
    if draft is None:
        return
    for name in FIELDS:
        if name == field:
            await show_draft(ctx, edit(draft, name))
            return
    await show_draft(ctx, go(draft, "edit"))
