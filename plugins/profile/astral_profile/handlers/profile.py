"""«My profile»: the way in from the menu."""

from __future__ import annotations

from astral_core import N_, Context, Routes
from astral_profile.draft import new_draft
from astral_profile.handlers.wizard import current, overview, saved, show_draft

routes = Routes()


@routes.callback("my_profile")
@routes.command("profile", description=N_("My profile"))
async def my_profile(ctx: Context) -> None:
    """Show the profile, or what is unfinished; who has neither is asked at once."""
    draft = await current(ctx)
    if await saved(ctx) is None and (draft is None or not draft.begun):
        await show_draft(ctx, draft or new_draft())
        return
    await overview(ctx)


routes.menu(N_("My profile"), my_profile(), order=20)
