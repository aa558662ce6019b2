"""The order in which a bot starts and stops."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from sqlalchemy.exc import SQLAlchemyError
from telegram.error import InvalidToken

from astral_core import failpoint
from astral_core.app.leadership import Leadership
from astral_core.app.readiness import Readiness
from astral_core.bot.bot import Bot
from astral_core.bot.ingest import Ingest
from astral_core.bot.reachable import name_of, until_reachable
from astral_core.checkup import Checkup
from astral_core.clock import sharing
from astral_core.config import Settings
from astral_core.db import migrate
from astral_core.db.engine import Database, is_away
from astral_core.errors import DatabaseError, MigrationError
from astral_core.host.discover import quarantine_dependents
from astral_core.host.host import Host, enforce_policy
from astral_core.host.lifespan import start_plugins
from astral_core.inbox import retention
from astral_core.inbox.build import Inbox
from astral_core.jobs import arm_jobs
from astral_core.observe.metrics import Metrics
from astral_core.observe.telemetry import Telemetry
from astral_core.observe.watchdog import Watchdog
from astral_core.privacy import Privacy
from astral_core.roster import Roster
from astral_core.supervisor import Supervisor
from astral_core.web.health import Health
from astral_core.web.server import WebServer, build_web, start_server
from astral_core.web.webhook import TelegramWebhook

log = logging.getLogger("astral")
GRACE = 20.0
FIRST_PURGE = 60.0  # seconds after the start, when there is no hurry any more


@dataclass
class App:
    """One bot. `async with app:` starts and stops it; `port` is the one that it listens on."""

    settings: Settings
    host: Host
    database: Database
    inbox: Inbox
    bot: Bot
    ingest: Ingest
    webhook: TelegramWebhook
    leadership: Leadership
    readiness: Readiness
    roster: Roster
    checkup: Checkup
    metrics: Metrics
    telemetry: Telemetry
    watchdog: Watchdog
    supervisor: Supervisor
    port: int = 0
    _stack: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)
    _web: WebServer | None = None

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException as error:
            await self._close()
            if isinstance(error, (SQLAlchemyError, OSError)):
                raise _database_failed(error) from error
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _start(self) -> None:
        """Each step pushes its own undoing: stop is this list read backwards, after the web server was closed."""
        enter, inbox, services = self._stack.push_async_callback, self.inbox, self.bot.services
        enter(self.database.dispose)
        enter(services.close)
        enter(self.bot.transport.close)
        enter(services.cpu.close)
        ready, token = self.readiness, self.settings.web.metrics_token
        health = Health(ready.points, ready.full, self.metrics, ready.gauges, token)
        web = build_web(self.host, self.webhook, health)
        inbox.replica.lock()  # refuse a second process before it takes the port
        enter(inbox.replica.leave)
        self._web = await start_server(web, self.webhook, self.settings)
        self.port = self._web.port
        log.info("listening on http://%s:%d", self.settings.web.host, self.port)
        await self._find_way()
        await self._migrate()
        await inbox.store.start()
        enter(inbox.store.stop)
        self._stack.enter_context(sharing(inbox.store.shared))
        enter(inbox.replica.rest)
        await inbox.replica.join(self.port)
        self.webhook.open()
        self.watchdog.start()
        enter(self.watchdog.stop)
        for fault in await asyncio.to_thread(services.spoken.read):  # takes a tenth of a second
            log.warning("a text cannot be used: %s", fault)
        await self._start_plugins()
        self.telemetry.start()
        enter(self.telemetry.stop)
        self.supervisor.start(self._purge(), "astral-retention")
        self.supervisor.start(self._begin_to_handle(), "astral-begin")

    async def stop(self) -> None:
        """Drain: not ready, no new posts, running handlers finish, the rest stays in the database."""
        self.readiness.end()
        if failpoint.armed:
            failpoint.hit("app.draining")
        await asyncio.sleep(self.settings.web.drain_delay)
        self.webhook.close()
        await self._close()

    async def _close(self) -> None:
        """The way in first: a request that is still answered needs the plugin and the inbox that it speaks to."""
        if self._web is not None:
            await self._web.close()
        await self.inbox.timer.stop()
        await self.supervisor.close()
        await self._stack.aclose()

    async def _find_way(self) -> None:
        """Refuse a pooler that the bot cannot work through, before anything is written through it."""
        if self.database.is_sqlite:
            return
        from astral_core.db.pooler import refuse  # asyncpg, of no use on SQLite

        section = self.settings.database
        direct = section.direct_url.get_secret_value() if section.direct_url else None
        lost = await refuse(section.url.get_secret_value(), direct)
        if lost is not None:
            log.warning(lost)

    async def _migrate(self) -> None:
        """Bring the schema up to date. A plugin whose tables are not as it needs them is set aside."""
        chains = self.host.chains()
        async with migrate.schema_database(self.settings.database, self.database) as database:
            if self.settings.database.auto_migrate:
                failed = await migrate.upgrade_each(database, chains)
            else:
                failed = {
                    item.plugin: MigrationError("its schema is not up to date. Fix: astral db upgrade")
                    for item in await migrate.status(database, chains)
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
        self.host.serve(self.bot.services)
        self.host.contexts["core"].provide(Privacy, Privacy(self.host, self.telemetry.forget))
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
        application = self.bot.application
        try:
            await until_reachable(application.initialize)
        except InvalidToken:
            log.critical("Telegram does not know this token. Fix: take ASTRAL_TELEGRAM__TOKEN from @BotFather.")
            self.supervisor.give_up()
            return
        self._stack.push_async_callback(application.shutdown)
        await until_reachable(self.roster.replay)
        await until_reachable(self.inbox.replica.begin)
        self._stack.push_async_callback(self.inbox.lanes.stop, GRACE)
        self._stack.push_async_callback(self.inbox.pacer.stop)  # before the lanes are given away
        self.supervisor.start(self.roster.watch(), "astral-roster")
        self.supervisor.start(self.checkup.watch(), "astral-checkup")
        await until_reachable(lambda: arm_jobs(self.host, self.inbox.store))
        await until_reachable(self.inbox.timer.fire)  # the jobs whose time came while the bot was down
        self.supervisor.start(self.inbox.timer.run(), "astral-due")
        await self.leadership.announce()
        self.supervisor.start(self.leadership.run(), "astral-leader")
        self.readiness.begin()
        log.info("ready: @%s, plugins: %s", application.bot.username, ", ".join(p.id for p in self.host.alive))

    async def _purge(self) -> None:
        await asyncio.sleep(FIRST_PURGE)
        while True:
            try:
                inbox, payments = self.settings.inbox, self.host.registry.payments
                await retention.purge(self.inbox.store, inbox.keep_done_hours, inbox.keep_dead_hours, payments)
                await retention.compact(self.inbox.store)
            except DatabaseError as error:
                log.warning("done rows could not be deleted, trying again in an hour: %s", error)
            await asyncio.sleep(3600)


def _database_failed(error: BaseException) -> DatabaseError:
    if is_away(error):
        return DatabaseError(
            f"the database cannot be reached ({name_of(error)}). Fix: start it, and look at ASTRAL_DATABASE__URL."
        )
    return DatabaseError(
        f"the database refuses what the bot asks for at its start ({name_of(error)}). Fix: `astral doctor` looks at "
        "it; may its user make tables, and is it the bot's own?"
    )
