"""What the plugins say of themselves (astral_health), with the database to read and without a running bot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from markupsafe import Markup
from sqlalchemy import event

from astral_core.config import Settings
from astral_core.db.engine import Database, open_database
from astral_core.db.migrate import status
from astral_core.doctor.database import has_content
from astral_core.finding import Finding
from astral_core.host.health import FAILED, HealthHooks
from astral_core.host.host import Host
from astral_core.i18n import fill
from astral_core.offline import at_rest
from astral_core.vitals import HealthFinding


async def check_health(settings: Settings, host: Host) -> list[Finding]:
    """Ask each plugin whose tables are up to date; what it tries to write is refused by the database."""
    database = _read_only(open_database(settings.database.url.get_secret_value(), pool_size=4))
    if database.is_sqlite and not has_content(str(database.engine.url.database)):
        return []  # to open it would make it
    async with at_rest(settings, host, database):
        behind = {item.plugin for item in await status(database, host.chains()) if not item.up_to_date}
        if "core" in behind:
            return []  # a new database, or one of which the check of the schema has told
        asked = HealthHooks(host, skip=behind)
        found = await asked.ask()
        asked.close()
        return [finding for plugin, health in found.items() for finding in _told(plugin, health.findings)]


def _told(plugin: str, findings: Any) -> Iterator[Finding]:
    for one in findings:
        if one.code == FAILED:
            yield Finding(
                "health-failed", f"plugin {plugin}", _plain(one, one.text), _plain(one, one.fix), fatal=False
            )
        else:
            text, fix = _plain(one, one.text), _plain(one, one.fix)
            yield Finding("health", f"{plugin}.{one.code}", text, fix, fatal=one.level == "error")


def _plain(finding: HealthFinding, text: str) -> str:
    """A text for the terminal: filled in, and without its markup."""
    return Markup(fill(text, dict(finding.values))).striptags()  # noqa: S704  # it is taken out


def _read_only(database: Database) -> Database:
    def query_only(connection: Any, record: Any) -> None:
        del record
        cursor = connection.cursor()
        cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    if not database.is_sqlite:
        return replace(database, engine=database.engine.execution_options(postgresql_readonly=True))
    event.listen(database.engine.sync_engine, "connect", query_only)
    return database
