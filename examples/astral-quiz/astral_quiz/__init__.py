"""Astral plugin: a quiz for groups, also through inline mode."""

import json
from collections.abc import Mapping

from astral_core import N_, Plugin, PluginContext, Tables
from sqlalchemy import delete, select

from astral_quiz import game
from astral_quiz.tables import answers, metadata

plugin = Plugin(
    tables=Tables(metadata),
    routes=[game.routes],
    about=N_("I hold a quiz in your group."),
    personal=N_("Which questions you answered, and whether rightly: for the score."),
)


@plugin.hook
async def astral_export_user(ctx: PluginContext, user_id: int) -> Mapping[str, bytes]:
    """Give out what is kept of a person."""
    columns = (
        answers.c.game_id.label("game"),
        (answers.c.number + 1).label("question"),
        answers.c.is_right.label("right"),
    )
    mine = select(*columns).where(answers.c.user_id == user_id).order_by(answers.c.game_id, answers.c.number)
    async with ctx.work() as work:
        rows = [row._asdict() for row in await work.session.execute(mine)]
    return {"quiz.json": json.dumps(rows, indent=2).encode()} if rows else {}


@plugin.hook
async def astral_delete_user(ctx: PluginContext, user_id: int) -> int:
    """Delete what is kept of a person; return how many rows that were."""
    async with ctx.work() as work:
        gone = delete(answers).where(answers.c.user_id == user_id).returning(answers.c.number)
        return len((await work.session.execute(gone)).all())
