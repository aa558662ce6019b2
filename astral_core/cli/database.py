"""`astral db`: the schema's revision, and its upgrade."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence

import click

from astral_core import core_plugin
from astral_core.config import load_settings
from astral_core.db import migrate
from astral_core.db.engine import Database, open_database
from astral_core.db.migrate import Chain, Status
from astral_core.host.host import load
from astral_core.inbox.replica import FileLock

Work = Callable[[Database, Sequence[Chain]], Awaitable[list[Status]]]


@click.group()
def db() -> None:
    """The database's schema."""


@db.command("status")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def status(as_json: bool) -> None:  # click passes flags so
    """Each plugin's revision in the database and in the code."""
    _print(_run(migrate.status), as_json)


@db.command("upgrade")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def upgrade(as_json: bool) -> None:  # click passes flags so
    """Bring every plugin's tables to the newest revision. Refused on SQLite while the bot runs."""
    _print(_run(_alone), as_json)


async def _alone(database: Database, chains: Sequence[Chain]) -> list[Status]:
    if not database.is_sqlite:
        return await migrate.upgrade(database, chains)  # PostgreSQL's own lock lets one process migrate at a time
    lock = FileLock(str(database.engine.url.database))
    lock.acquire()
    try:
        return await migrate.upgrade(database, chains)
    finally:
        lock.release()


def _run(work: Work) -> list[Status]:
    settings = load_settings()
    chains = load(settings, core_plugin).chains()

    async def run() -> list[Status]:
        database = open_database(settings.database.url.get_secret_value(), pool_size=2)
        try:
            return await work(database, chains)
        finally:
            await database.dispose()

    return asyncio.run(run())


def _print(items: list[Status], as_json: bool) -> None:
    if as_json:
        records = [
            {"plugin": s.plugin, "current": s.current, "head": s.head, "up_to_date": s.up_to_date} for s in items
        ]
        click.echo(json.dumps(records, indent=2))
        return
    for item in items:
        mark = "ok" if item.up_to_date else "behind"
        click.echo(f"{item.plugin:<16} {item.current or '-':<24} {item.head or '-':<24} {mark}")
