"""The languages whose command menus Telegram has from us: it keeps a menu until somebody takes it away.

Without the database nothing is known of earlier menus, and those of now are set all the same.
"""

from __future__ import annotations

import logging
from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from astral_core.db.engine import Database
from astral_core.db.tables import core_facts
from astral_core.db.upsert import upsert

log = logging.getLogger("astral.bot")
_FACT = "menu languages"


async def known_menus(database: Database) -> set[str]:
    """The codes of languages for which there may be menus, from earlier starts."""
    query = select(core_facts.c.value).where(core_facts.c.name == _FACT)
    try:
        async with database.engine.connect() as connection:
            value = (await connection.execute(query)).scalar_one_or_none() or ""
    except (SQLAlchemyError, OSError) as error:
        log.warning("menus in languages that are gone are not taken away (%s)", type(error).__name__)
        return set()
    return set(filter(None, value.split(",")))


async def note_menus(database: Database, codes: Collection[str]) -> None:
    """Note them: before menus are set those that will be there, afterwards those that are."""
    value = ",".join(sorted(filter(None, codes)))
    try:
        async with database.engine.begin() as connection:
            await connection.execute(upsert(connection.dialect, core_facts, {"name": _FACT, "value": value}, "name"))
    except (SQLAlchemyError, OSError) as error:
        log.warning("the languages of the command menus are not noted (%s)", type(error).__name__)
