"""A plugin with one button that does nothing: what is measured is the way of the update alone."""

from __future__ import annotations

from astral_core import Context, Routes, Update, hookimpl

routes = Routes()


@routes.callback("noop")
async def noop(update: Update, ctx: Context) -> None:
    """Nothing."""


@hookimpl
def astral_routes() -> Routes:
    """The one button."""
    return routes
