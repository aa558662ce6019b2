"""The composition root: what is built from what, and the order of start and stop. It stands here and nowhere else."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Any, Self

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import QueuePool
from telegram.error import InvalidToken

from astral_core import core_plugin, failpoint
from astral_core.bot.application import BotApplication, BotRunner, build_application
from astral_core.bot.commands import announce_commands
from astral_core.bot.guard import Guard
from astral_core.bot.hook import Hook
from astral_core.bot.ingest import Ingest
from astral_core.bot.people import People
from astral_core.bot.polling import poll_forever
from astral_core.bot.reachable import name_of, until_reachable
from astral_core.bot.sender import MessageSender
from astral_core.bot.transport import Transport
from astral_core.checkup import Checkup
from astral_core.config import Settings
from astral_core.cpu import Cpu
from astral_core.db import migrate
from astral_core.db.engine import Database, open_database
from astral_core.declare import Handled
from astral_core.errors import (
    ConfigError,
    DatabaseError,
    MigrationError,
    PluginLoadError,
)
from astral_core.host.discover import quarantine_dependents
from astral_core.host.health import HealthHooks
from astral_core.host.host import Host, enforce_policy, load
from astral_core.host.lifespan import start_plugins
from astral_core.host.services import Services
from astral_core.host.state import Plugin
from astral_core.inbox import retention
from astral_core.inbox.deliver import Deliverer
from astral_core.inbox.lanes import Lanes
from astral_core.inbox.replica import Replica
from astral_core.inbox.rows import Census
from astral_core.inbox.store import Store
from astral_core.inbox.worker import Worker
from astral_core.jobs import Clock, SystemClock, run_jobs
from astral_core.observe.metrics import Metrics
from astral_core.observe.telemetry import Telemetry
from astral_core.observe.watchdog import Watchdog
from astral_core.privacy import Privacy
from astral_core.roster import Roster
from astral_core.web.health import Health
from astral_core.web.server import WebServer, build_web, start_server
from astral_core.web.webhook import TelegramWebhook

log = logging.getLogger("astral")
GRACE = 20.0
FIRST_PURGE = 60.0  # seconds after the start, when there is no hurry any more
FRESH = 5.0  # seconds for which "the database answers" holds
UPDATES = ["message", "callback_query", "pre_checkout_query", "my_chat_member"]
EVERYTHING = [*UPDATES, "edited_message", "channel_post", "edited_channel_post", "inline_query", "shipping_query",
              "chosen_inline_result", "poll", "poll_answer", "chat_member", "chat_join_request"]  # fmt: skip


@dataclass
class App:
    """One bot. `async with app:` starts and stops it; `port` is the one that it listens on."""

    settings: Settings
    host: Host
    database: Database
    store: Store
    services: Services
    people: People
    transport: Transport
    application: BotApplication
    lanes: Lanes
    webhook: TelegramWebhook
    ingest: Ingest
    metrics: Metrics
    telemetry: Telemetry
    worker: Worker
    watchdog: Watchdog
    replica: Replica
    roster: Roster
    checkup: Checkup
    clock: Clock = field(default_factory=SystemClock)
    polling: bool = False
    port: int = 0
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    _stack: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)
    _serving: bool = False
    _announced: int = 0
    _counted: float = 0.0
    _web: WebServer | None = None

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException as error:
            await self._close()
            if isinstance(error, (SQLAlchemyError, OSError)):
                raise DatabaseError(
                    f"the database cannot be reached ({name_of(error)}). "
                    "Fix: start it, and look at ASTRAL_DATABASE__URL."
                ) from error
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _start(self) -> None:
        """Each step pushes its own undoing: stop is this list read backwards, after the web server was closed."""
        enter = self._stack.push_async_callback
        enter(self.database.dispose)
        enter(self.services.close)
        enter(self.transport.close)
        enter(self.services.cpu.close)
        health = Health(self._points, self.metrics, self._gauges, self.settings.web.metrics_token)
        web = build_web(self.host, self.webhook, health)
        self.replica.lock()  # refuse a second process before it takes the port
        enter(self.replica.leave)
        self._web = await start_server(web, self.webhook, self.settings.web)
        self.port = self.replica.port = self._web.port
        log.info("listening on http://%s:%d", self.settings.web.host, self.port)
        await self._migrate()
        await self.store.start()
        enter(self.store.stop)
        enter(self.replica.rest)
        await self.replica.join()
        self.webhook.accepting = True
        self.watchdog.start()
        enter(self.watchdog.stop)
        await asyncio.to_thread(self.services.read_texts)
        await self._start_plugins()
        self.telemetry.start()
        enter(self.telemetry.stop)
        self._background(self._purge(), "astral-retention")
        self._background(self._begin_to_handle(), "astral-begin")

    async def stop(self) -> None:
        """Drain: not ready, no new posts, running handlers finish, the rest stays in the database."""
        self._serving = False
        if failpoint.armed:
            failpoint.hit("app.draining")
        await asyncio.sleep(self.settings.web.drain_delay)
        self.webhook.accepting = False
        await self._close()

    async def _close(self) -> None:
        """The way in first: a request that is still answered needs the plugin and the inbox that it speaks to."""
        if self._web is not None:
            await self._web.close()
        await self._stack.aclose()

    def _background(self, work: Any, name: str) -> None:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._background_ended)

        async def cancel() -> None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        self._stack.push_async_callback(cancel)

    def _background_ended(self, task: asyncio.Task[Any]) -> None:
        """A bot that lost one of its parts must not look alive: it ends, and its supervisor starts it anew."""
        if not task.cancelled() and task.exception() is not None:
            log.critical("%s failed; this process ends", task.get_name(), exc_info=task.exception())
            self.lost.set()

    async def _migrate(self) -> None:
        """Bring the schema up to date. A plugin whose tables are not as it needs them is set aside."""
        chains = self.host.chains()
        if self.settings.database.auto_migrate:
            failed = await migrate.upgrade_each(self.database, chains)
        else:
            failed = {
                item.plugin: MigrationError("its schema is not up to date. Fix: astral db upgrade")
                for item in await migrate.status(self.database, chains)
                if not item.up_to_date
            }
        if migrate.CORE.plugin in failed:
            raise MigrationError("the core's schema is not up to date. Fix: astral db upgrade.")
        for plugin in self.host.plugins:
            if plugin.id in failed:
                plugin.fail("migrate", failed[plugin.id])
        quarantine_dependents(self.host.plugins)
        enforce_policy(self.host)

    async def _start_plugins(self) -> None:
        self.host.services = self.services
        self.services.providers[Privacy] = ("core", Privacy(self.host, self.telemetry.forget))
        await self.roster.remember()
        await start_plugins(self.host, self._stack)
        for plugin in self.host.plugins:
            if not plugin.alive:
                self.host.registry.withdraw(plugin.id)
                self.telemetry.withdraw(plugin.id)
        enforce_policy(self.host)
        await self.roster.call()

    async def _begin_to_handle(self) -> None:
        """Initialize python-telegram-bot, however long Telegram is away, then let the lanes run."""
        try:
            await until_reachable(self.application.initialize)
        except InvalidToken:
            log.critical("Telegram does not know this token. Fix: take ASTRAL_TELEGRAM__TOKEN from @BotFather.")
            self.lost.set()
            return
        self._stack.push_async_callback(self._shutdown_application)
        self.store.dispatch = self.lanes.dispatch
        await until_reachable(self.roster.replay)
        await until_reachable(self.replica.begin)
        self._background(self.roster.watch(), "astral-roster")
        self._background(self.checkup.watch(), "astral-checkup")
        self._stack.push_async_callback(self.lanes.stop, GRACE)
        self._background(run_jobs(self.host.registry, self.store, self.clock), "astral-jobs")
        if self.replica.leader:
            await self._lead_once()
        self._background(self._lead_forever(), "astral-leader")
        self._serving = True
        log.info("ready: @%s, plugins: %s", self.application.bot.username, ", ".join(p.id for p in self.host.alive))

    async def _lead_forever(self) -> None:
        """What only one replica may do, whenever that is this one: tell Telegram, or fetch from it."""
        while True:
            await self.replica.led()
            if self.polling:
                await poll_forever(self.transport, self.ingest, self._wanted, lambda: self.replica.leader)
            else:
                await self._lead_once()
                await self.replica.deposed()

    async def _lead_once(self) -> None:
        """Set the webhook and the command menu, once a time that this replica becomes the leader."""
        if self.replica.terms == self._announced:
            return
        self._announced = self.replica.terms
        telegram = self.settings.telegram
        if telegram.public_url and telegram.webhook_secret and not self.polling:
            hook = Hook(self.transport, self.database, telegram, self._wanted)
            await until_reachable(hook.ensure)
        self._background(announce_commands(self.transport, self.services), "astral-menu")

    @property
    def _wanted(self) -> list[str]:
        return EVERYTHING if self.host.registry.raws else UPDATES

    async def _shutdown_application(self) -> None:
        await self.application.shutdown()

    async def _purge(self) -> None:
        await asyncio.sleep(FIRST_PURGE)
        while True:
            try:
                inbox, payments = self.settings.inbox, self.host.registry.payments
                await retention.purge(self.store, inbox.keep_done_hours, inbox.keep_dead_hours, payments)
                await retention.compact(self.store)
            except DatabaseError as error:
                log.warning("done rows could not be deleted, trying again in an hour: %s", error)
            await asyncio.sleep(3600)

    async def _points(self) -> dict[str, bool]:
        fresh = time.monotonic() - self._counted < FRESH
        database = fresh and not self.store.failing
        return {"serving": self._serving, "registered": self.replica.registered, "database": database}

    def _count(self, census: Census) -> None:
        """What the database says once a second: it answers, and this is the truth of all replicas."""
        self._counted = time.monotonic()
        self.store.pending = census.pending
        self.metrics.dead_letters.set(census.dead)
        self.metrics.oldest_pending.set(census.oldest)
        self.metrics.outbox_pending.set(census.unsent)
        self.metrics.replicas.set(census.replicas)
        self.metrics.parked.set(census.parked)

    def _gauges(self) -> None:
        self.metrics.pending.set(self.store.pending)
        self.metrics.lanes.set(self.lanes.active)
        self.metrics.lanes_owned.set(len(self.lanes))
        pool = self.database.engine.pool
        self.metrics.pool_in_use.set(pool.checkedout() if isinstance(pool, QueuePool) else 0)


def build(
    settings: Settings, *, polling: bool = False, plugins: list[Plugin] | None = None, clock: Clock | None = None
) -> App:
    """Build a bot from settings. Raises ConfigError, PluginLoadError or ConflictError; starts nothing.

    `clock` says what time it is, as for jobs; the machine's unless told.
    """
    _check(settings, polling)
    host = load(settings, core_plugin, plugins)
    name = f"astral-{secrets.token_hex(4)}"
    database = _open(settings, name)
    metrics = Metrics()
    store = Store(database, settings.bot_id, settings.inbox.max_pending, committed=_committed(metrics))
    people = People(database)
    telemetry = Telemetry(metrics, _telemetry_subscribers(host), people.forgotten)
    services = Services(
        settings, database, store, host.registry, Cpu(settings.pool.workers, warm=settings.pool.warm),
        host.catalogs(), host.plugin_settings, telemetry.handled, registry_of_metrics=metrics.registry,
    )  # fmt: skip
    clock = clock or SystemClock()
    services.implementations, services.time = host.implementations, clock.time
    token = settings.telegram.token.get_secret_value() if settings.telegram.token else ""
    guard = Guard(strict=settings.inbox.waiting == "raise")
    services.waits, services.traces = guard.waits, [guard.trace()]
    transport = Transport(settings.telegram.api_url, token, guard.telegram, metrics.called)
    application = build_application(settings, transport, host.registry, clock.time)
    sender = MessageSender(transport, database, settings.bot_id, people.block)
    runner = BotRunner(application, services, people, transport, guard)
    deliverer = Deliverer(store, sender, doubt=metrics.doubtful.inc, alarm=runner.refused)
    worker = Worker(
        database, store, runner, deliverer,
        settings.inbox.handler_timeout, handled=telemetry.handled, fenced=metrics.fenced.inc, process=name,
        suspect_delay=settings.inbox.suspect_delay,
    )  # fmt: skip
    lanes = Lanes(
        store, worker.step, settings.inbox.handlers, settings.inbox.max_lane,
        inherit=worker.inherit, forgotten=people.forget,
    )  # fmt: skip
    lanes.keep, lanes.express = deliverer.keep, worker.deadlines.watch
    direct = settings.database.direct_url
    replica = Replica(
        database, store, lanes, settings.bot_id, name, direct.get_secret_value() if direct else None,
        on_takeover=metrics.takeovers.inc,
    )  # fmt: skip
    deliverer.alive, store.unsure = replica.may_send, replica.unsure
    ingest = Ingest(store, people, host.registry, metrics, f"tg:{settings.bot_id}")
    app = App(
        settings=settings, host=host, database=database, store=store, services=services, people=people,
        transport=transport, application=application, lanes=lanes,
        webhook=TelegramWebhook(settings.telegram, ingest, metrics), ingest=ingest, metrics=metrics,
        telemetry=telemetry, worker=worker, watchdog=Watchdog(metrics, host.owner_of), replica=replica,
        roster=Roster(host, database, replica, metrics),
        checkup=Checkup(HealthHooks(host), services, replica, clock), clock=clock, polling=polling,
    )  # fmt: skip
    replica.on_count = app._count  # noqa: SLF001  # made for each other here
    replica.on_end = lanes.on_end = app._background_ended  # noqa: SLF001  # the same
    return app


def _committed(metrics: Metrics) -> Callable[[int, float], None]:
    def committed(operations: int, seconds: float) -> None:
        metrics.batch.observe(operations)
        metrics.commit_seconds.observe(seconds)

    return committed


def _telemetry_subscribers(host: Host) -> list[tuple[str, Callable[[list[Handled]], Awaitable[None]]]]:
    return [(plugin, partial(item.handler, host.contexts[plugin])) for plugin, item in host.registry.telemetry]


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
    if settings.telegram.public_url and settings.web.metrics_token is None:
        log.warning(
            "web.metrics_token is not set: whoever a proxy on this machine lets through may look like you, and read "
            "/metrics. Fix: set ASTRAL_WEB__METRICS_TOKEN."
        )


__all__ = ["App", "PluginLoadError", "build"]
