"""What is built from what."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import telegram

from astral_core import core_plugin
from astral_core.app.leadership import Leadership
from astral_core.app.lifecycle import App
from astral_core.app.readiness import Readiness
from astral_core.bot.bot import Bot, build_bot
from astral_core.bot.guard import TransactionGuard
from astral_core.bot.ingest import Ingest
from astral_core.bot.people import People
from astral_core.checkup import Checkup
from astral_core.clock import Clock, SystemClock
from astral_core.config import Settings
from astral_core.db.engine import Database, open_database
from astral_core.errors import ConfigError
from astral_core.handled import Handled
from astral_core.host.health import HealthHooks
from astral_core.host.host import Host, load
from astral_core.host.services import Services
from astral_core.host.state import LoadedPlugin
from astral_core.inbox.build import build_inbox
from astral_core.inbox.crowd import Crowd
from astral_core.inbox.observer import Observer
from astral_core.inbox.store import Store
from astral_core.kinds.telemetry import TelemetrySubscribers
from astral_core.observe.metrics import Metrics
from astral_core.observe.telemetry import Telemetry
from astral_core.observe.watchdog import Watchdog
from astral_core.process_pool import ProcessPool
from astral_core.roster import Roster
from astral_core.supervisor import Supervisor
from astral_core.web.webhook import TelegramWebhook

log = logging.getLogger("astral")


def build(
    settings: Settings,
    *,
    polling: bool = False,
    plugins: list[LoadedPlugin] | None = None,
    clock: Clock | None = None,
) -> App:
    """Build a bot from settings. Raises ConfigError, PluginLoadError or ConflictError; starts nothing.

    `clock` says what time it is, as for jobs; the machine's unless told.
    """
    _check(settings, polling)
    host = load(settings, core_plugin.plugin, plugins)
    name = f"astral-{secrets.token_hex(4)}"
    clock, database, supervisor, metrics = clock or SystemClock(), _open(settings, name), Supervisor(), Metrics()
    people = People(database)
    telemetry = Telemetry(metrics, _telemetry_subscribers(host), people.forgotten)

    def forgotten(lane: int) -> None:
        people.forget(lane)
        bot.chats.forget(lane)

    def make_bot(store: Store, crowd: Crowd) -> Bot:
        guard = TransactionGuard(strict=settings.inbox.slow_wait == "raise")
        services = _services(
            settings, host, store, metrics, telemetry, guard, crowd, lambda: made.application.bot.bot,
            lambda method, params: made.call(method, params),
        )  # fmt: skip
        made = build_bot(services, people, guard, metrics.called)
        return made

    direct = settings.database.direct_url
    inbox, bot = build_inbox(
        database, settings.inbox, bot_id=settings.bot_id, name=name, make_bot=make_bot,
        observer=_observer(metrics, telemetry), supervisor=supervisor, clock=clock, forgotten=forgotten,
        direct_url=direct.get_secret_value() if direct else None,
    )  # fmt: skip
    ingest = Ingest(inbox.store, people, bot.chats, host.registry, metrics, f"tg:{settings.bot_id}")
    return App(
        settings=settings, host=host, database=database, inbox=inbox, bot=bot, ingest=ingest,
        webhook=TelegramWebhook(settings.telegram, ingest, metrics),
        leadership=Leadership(inbox.election, bot.transport, bot.services, ingest, supervisor, polling=polling),
        readiness=Readiness(inbox, database, metrics), roster=Roster(host, database, inbox.replica, metrics),
        checkup=Checkup(HealthHooks(host), bot.services, inbox.election, clock), metrics=metrics,
        telemetry=telemetry, watchdog=Watchdog(metrics, host.owner_of), supervisor=supervisor,
    )  # fmt: skip


def _services(
    settings: Settings, host: Host, store: Store, metrics: Metrics, telemetry: Telemetry,
    guard: TransactionGuard, crowd: Crowd, bot: Callable[[], telegram.User],
    call: Callable[[str, dict[str, Any]], Awaitable[Any]],
) -> Services:  # fmt: skip
    return Services(
        settings, store.database, store, host.registry, ProcessPool(settings.pool.workers, warm=settings.pool.warm),
        host.languages(), host.plugin_settings, telemetry.handled, implementations=host.implementations,
        call=call, username=lambda: bot().username or "", title=lambda: bot().first_name, time=store.shared.time,
        steady=store.shared.steady, crowd=crowd, waits=guard.waits, traces=[guard.trace()],
        registry_of_metrics=metrics.registry,
    )  # fmt: skip


def _observer(metrics: Metrics, telemetry: Telemetry) -> Observer:
    def committed(operations: int, seconds: float) -> None:
        metrics.batch.observe(operations)
        metrics.commit_seconds.observe(seconds)

    return Observer(
        handled=telemetry.handled, committed=committed, fenced=metrics.fenced.inc, doubtful=metrics.doubtful.inc,
        taken_over=metrics.takeovers.inc,
    )  # fmt: skip


def _telemetry_subscribers(host: Host) -> list[tuple[str, Callable[[list[Handled]], Awaitable[None]]]]:
    routes = host.registry.of(TelemetrySubscribers).routes.values()
    return [(route.plugin, partial(route.handler, host.contexts[route.plugin])) for route in routes]


def _open(settings: Settings, name: str) -> Database:
    wanted = settings.database
    url = wanted.url.get_secret_value()
    return open_database(url, wanted.pool_size, name=name, plugin_connections=wanted.plugin_connections)


def _check(settings: Settings, polling: bool) -> None:  # the caller's own switch
    if settings.bot_id <= 0:
        raise ConfigError("telegram.token is not a bot token.")
    if settings.telegram.public_url and not polling and settings.telegram.webhook_secret is None:
        raise ConfigError(
            "telegram.public_url is set without telegram.webhook_secret: anybody could post updates. Fix: set "
            "ASTRAL_TELEGRAM__WEBHOOK_SECRET to 32 random characters."
        )
    if _is_public(settings.telegram.public_url) and settings.web.metrics_token is None:
        log.warning(
            "web.metrics_token is not set: whoever a proxy on this machine lets through may look like you, and read "
            "/metrics. Fix: set ASTRAL_WEB__METRICS_TOKEN."
        )


def _is_public(url: str | None) -> bool:
    """Whether a proxy may stand before the bot: there is none where Telegram itself runs on this machine."""
    return url is not None and urlsplit(url).hostname not in {"127.0.0.1", "::1", "localhost"}
