"""A plugin whose handlers lock two rows, half of them in the other order: PostgreSQL ends one of two by force."""

from __future__ import annotations

from sqlalchemy import update

from astral_core import PRIVATE, Context, Plugin
from chaos_kit.storm import locks, note, number_of, update_of

ROWS = (1, 2)
plugin = Plugin()


@plugin.command("cross", chat=PRIVATE)
async def cross(ctx: Context) -> None:
    """Lock both rows, write and answer."""
    number = number_of(ctx)
    for row in ROWS if (ctx.chat.id + number) % 2 else ROWS[::-1]:
        await ctx.session.execute(update(locks).where(locks.c.id == row).values(value=number))
    await note(ctx, update_of(ctx), "m", number)
    ctx.reply(f"m:{number}")
