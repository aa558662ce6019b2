"""`astral doctor`: look at settings, plugins, database, Telegram and machine, and say what is wrong.

One check's failure hides no other's findings, and nothing is changed: a file that is not there is not made, a schema
that is behind stays behind. Findings hold no secret: messages are built without values, and what others say (a
plugin's error) passes the redactor of the logs.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from astral_core.config import Settings, try_settings
from astral_core.doctor.codes import CODES
from astral_core.doctor.database import check_database
from astral_core.doctor.health import check_health
from astral_core.doctor.machine import check_machine, check_port
from astral_core.doctor.plugins import Plugins
from astral_core.doctor.running import check_running
from astral_core.doctor.settings import check_public, check_sources, check_texts, invalid
from astral_core.doctor.telegram import check_telegram, check_token
from astral_core.finding import Finding
from astral_core.known_secrets import everything_secret, known_secrets, texts_in
from astral_core.observe.redactor import Redactor

__all__ = ["CODES", "diagnose", "guarded"]

Findings = Iterable[Finding]


def diagnose(*, offline: bool = False) -> list[Finding]:
    """All findings, in the order in which they are best mended. `offline` does not ask Telegram."""
    settings, problems = try_settings()
    if settings is None:
        return _redacted([*invalid(problems), *guarded("machine", lambda: check_machine(None))], everything_secret())
    with _quiet():
        findings = list(_all(settings, offline))
    return _redacted(findings, known_secrets(settings), texts_in(settings.plugins))


def _all(settings: Settings, offline: bool) -> Iterator[Finding]:
    plugins = Plugins(settings)
    yield from guarded("machine", lambda: check_machine(settings))
    yield from guarded("plugins", plugins.check)
    yield from guarded("texts", plugins.texts)
    yield from guarded("settings", lambda: check_sources(settings, [plugin.id for plugin in plugins.found]))
    yield from guarded("texts", lambda: check_texts(settings, plugins.host))
    yield from guarded("settings", lambda: check_public(settings))
    token = guarded("telegram.token", lambda: check_token(settings))
    yield from token
    if not token and not offline:
        yield from guarded("telegram", lambda: asyncio.run(check_telegram(settings)))
    yield from guarded("web", lambda: asyncio.run(check_port(settings)))
    yield from guarded("running bot", lambda: asyncio.run(check_running(settings)))
    database = guarded("database", lambda: asyncio.run(check_database(settings, plugins.chains)))
    yield from database
    host = plugins.host
    if host is not None and not any(finding.fatal for finding in database):
        yield from guarded("health", lambda: asyncio.run(check_health(settings, host)))


def guarded(where: str, check: Callable[[], Findings]) -> list[Finding]:
    """What `check` finds; its own failure is a finding, too."""
    try:
        return list(check())
    except Exception as error:  # noqa: BLE001  # a doctor that breaks off helps nobody
        cause = f"this check failed: {type(error).__name__}."
        return [
            Finding("check-failed", where, cause, "report it, with the settings and without secrets.", fatal=False)
        ]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the checked parts would log off the screen: the findings say it, without tracebacks."""
    handler, root = logging.NullHandler(), logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)


def _redacted(findings: Findings, secrets: Iterable[str], more: Iterable[str] = ()) -> list[Finding]:
    """The findings without `secrets`, should a plugin's or a server's own words hold one.

    What plugins say, and what is said of them, loses `more`, too: which of it is secret, a plugin alone knows.
    """
    known = list(secrets)
    redact, everything = Redactor(known), Redactor([*known, *more])
    return [
        replace(
            item,
            where=redact(item.where),
            cause=(everything if item.code.startswith(("plugin-", "schema-", "health")) else redact)(item.cause),
            fix=redact(item.fix),
        )
        for item in findings
    ]
