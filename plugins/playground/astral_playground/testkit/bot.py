"""A whole bot for a test: the real application, its own database, an emulated Telegram over real HTTP."""

from __future__ import annotations

import contextlib
import secrets
import uuid
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, Table, select

from astral_core.app import App, build
from astral_core.clock import showing
from astral_core.config import Settings, load_settings
from astral_core.errors import ConfigError
from astral_core.host.context import PluginContext
from astral_core.host.state import Declarations, LoadedPlugin, State
from astral_core.inbox import once
from astral_core.inbox.envelope import as_json
from astral_core.inbox.personal import Person as About
from astral_core.inbox.rows import INTERNAL, NewRow
from astral_core.inbox.schedule import lane_of
from astral_core.kinds.job import Jobs
from astral_core.privacy import Privacy, export_kept, forget_kept
from astral_playground.telegram.client import EmulatedUser
from astral_playground.telegram.emulator import TelegramEmulator
from astral_playground.telegram.groups import Kind
from astral_playground.telegram.records import Call
from astral_playground.testkit.chat import Chat
from astral_playground.testkit.clock import MovableClock
from astral_playground.testkit.crash import crash
from astral_playground.testkit.group import Group, Person, Role, new_group
from astral_playground.testkit.ports import free_port
from astral_playground.testkit.schema import fill
from astral_playground.testkit.settle import settled


def module_plugin(name: str, module: str) -> LoadedPlugin:
    """A plugin out of an importable module, as if its package were installed."""
    return LoadedPlugin(id=name, distribution=f"astral-{name}", version="0", module_name=module)


def _fresh(plugin: LoadedPlugin) -> LoadedPlugin:
    """The plugin as it was before it was loaded: a host of an earlier start has left its marks on it."""
    return replace(
        plugin, state=State.LOADED, phase="", reason="", error=None, is_imported=False, declared=Declarations()
    )


@dataclass
class BotKit:
    """A bot under test. `start` and `stop` may be called again and again: the database stays."""

    telegram: TelegramEmulator
    database_url: str
    plugins: Sequence[LoadedPlugin] | None = None
    overrides: dict[str, Any] = field(default_factory=dict, repr=False)
    port: int = field(default_factory=free_port)
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    app: App | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """The bot's own address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def running(self) -> App:
        """The running application."""
        if self.app is None:
            raise RuntimeError("BotKit: the bot is not running; call start() first")
        return self.app

    def settings(self) -> Settings:
        """Settings for the emulated Telegram, with the test's overrides on top."""
        base: dict[str, Any] = {
            "telegram": {
                "token": self.telegram.token,
                "api_url": self.telegram.api_url,
                "webhook_secret": self.secret,
                "public_url": self.url,
            },
            "web": {"port": self.port},
            "database": {"url": self.database_url},
            "host": {"on_error": "stop"},
            "pool": {"warm": False},  # a test that computes nothing starts no process
            "inbox": {"slow_wait": "raise"},
        }
        for key, value in self.overrides.items():
            base[key] = {**base[key], **value} if isinstance(value, dict) and key in base else value
        return load_settings(**base)

    def fresh_plugins(self) -> list[LoadedPlugin] | None:
        """The plugins as they are before a start; None means all installed ones."""
        return None if self.plugins is None else [_fresh(plugin) for plugin in self.plugins]

    async def start(self) -> App:
        """Start the bot on its database."""
        app = build(self.settings(), plugins=self.fresh_plugins(), clock=self.telegram.world.clock)
        await fill(self.database_url, app.host.chains())  # a copy takes a tenth of the migrations' time
        await app.__aenter__()
        self.app = app
        return app

    async def stop(self) -> None:
        """Stop the bot as SIGTERM does."""
        if self.app is not None:
            app, self.app = self.app, None
            await app.stop()

    async def crash(self) -> None:
        """End the bot as kill -9 does: what is not committed is gone, no handler ends, no message is sent."""
        app, self.app = self.running, None
        await crash(app, self.database_url, self.telegram.world)

    async def restart(self) -> App:
        """Stop the bot, if it runs, and start it; it has then handled what was left."""
        await self.stop()
        app = await self.start()
        self.telegram.retry()  # a start is no time to wait for Telegram's next try
        await self.settled()
        return app

    async def settled(self) -> None:
        """Return when the bot has handled and sent all that there is."""
        await settled(lambda: self.app, self.telegram.world)

    async def advance(self, seconds: float) -> None:
        """Move the clock on: Telegram's, that of the bot's jobs, and what `astral_core.now()` shows.

        Deliveries are tried again, answers and checkouts run out of time, and each job whose time has come runs once.
        """
        clock = self._clock("advance")
        clock.advance(seconds)
        await self.settled()
        fired = self.app is not None
        while fired:  # what was due when something ran may be due again
            fired = await self.running.inbox.timer.fire() > 0
            await self.settled()

    def freeze(self, moment: datetime | str) -> None:
        """Set the clock to a moment ("2026-03-01 09:00+00:00") and let `astral_core.now()` stand still there.

        `advance` moves it on from there. ValueError where it has no zone.
        """
        self._clock("freeze").freeze(moment)

    def _clock(self, act: str) -> MovableClock:
        clock = self.telegram.world.clock
        if not isinstance(clock, MovableClock):
            raise TypeError(f"BotKit.{act}: this Telegram has another clock; give it a MovableClock")
        return clock

    # What a plugin keeps

    def context(self, plugin: str) -> PluginContext:
        """The context of a plugin, as its hooks get it; LookupError names the plugins that run."""
        contexts = self.running.host.contexts
        if plugin not in contexts:
            raise LookupError(f"no plugin {plugin!r} runs in this bot; these do: {', '.join(contexts)}")
        return contexts[plugin]

    async def rows(self, what: Table | Select[Any]) -> list[Row[Any]]:
        """The rows of a table by its primary key, or those of a query."""
        query = select(what).order_by(*what.primary_key) if isinstance(what, Table) else what
        async with self.running.database.engine.connect() as connection:
            return list(await connection.execute(query))

    async def export(self, person: Person, *, plugin: str | None = None) -> dict[str, bytes]:
        """What the plugins, or one of them, give out of a person; names of files are those in /mydata's archive."""
        async with self.context("core").work() as work:
            files = await export_kept(work.session, person.id, plugin)
        for name, content in (await self._privacy(plugin).export(person.id, plugin)).items():
            files[name] = content if isinstance(content, bytes) else b"".join([piece async for piece in content])
        return files

    async def forget(self, person: Person, *, plugin: str | None = None) -> int:
        """Let the plugins, or one of them, delete what they know of a person; the number of rows that went."""
        deleted = await self._privacy(plugin).delete(person.id, plugin)
        rows = deleted.rows
        while not deleted.is_all:
            deleted = await self._privacy(plugin).delete(person.id, plugin)
            rows += deleted.rows
        async with self.context("core").work() as work:
            rows += await forget_kept(work.session, person.id, plugin)
            await once.forget(work.session, About(person.id), plugin)
        await self.settled()
        return rows

    def _privacy(self, plugin: str | None) -> Privacy:
        """What asks all plugins; LookupError for one that does not run."""
        return self.context(plugin or "core").get(Privacy)

    async def run_job(self, name: str) -> None:
        """Run the job `name` ("weather.daily") now, as when its time has come."""
        jobs = self.running.host.registry.of(Jobs).routes
        if name not in jobs:
            raise ConfigError(f"BotKit.run_job: no plugin has a job {name!r}; there are: {', '.join(jobs) or 'none'}")
        key = f"{name}:{uuid.uuid4().hex}"  # beside the time slots, which are the clock's
        row = NewRow(f"{INTERNAL}:job", key, lane_of(name), "job", as_json({"job": name}))
        await self.running.inbox.store.ingest(row)
        await self.settled()

    # Who is in Telegram

    def calls(self, method: str | None = None, chat: Chat | Group | None = None) -> list[Call]:
        """The calls of the Bot API that the bot has made, oldest first: all, of one method, into one chat."""
        return [
            call
            for call in self.telegram.calls
            if method in {None, call.method} and (chat is None or call.chat_id == chat.id)
        ]

    def chat(self, first_name: str, **fields: Any) -> Chat:
        """The private chat of a new person, which stands for the person, too; fields as of `user`."""
        return Chat(self, self.user(first_name, **fields))

    def user(self, first_name: str, **fields: Any) -> EmulatedUser:
        """A new person who talks to the bot: id, last_name, username, language_code, premium, stars."""
        return self.telegram.user(first_name, **fields)

    def group(
        self, title: str, *, admins: Iterable[Person] = (), members: Iterable[Person] = (),
        topics: Iterable[str] = (), kind: Kind = "supergroup", privacy: bool | None = None,
        bot: Role | None = "member", username: str = "", id: int | None = None,  # noqa: A002  # as of `chat`
    ) -> Group:  # fmt: skip
        """A new group, supergroup or channel; the first of `admins` created it.

        With `topics` it is a forum. `privacy` is the bot's privacy mode, in all groups, as @BotFather sets it; on
        unless told. The bot comes in last; `bot=None` leaves it out, and in a channel it is always an administrator.
        `id` is for a group that the settings name.
        """
        return new_group(
            self, title, admins=admins, members=members, topics=topics, kind=kind, privacy=privacy, bot=bot,
            username=username, group_id=id,
        )  # fmt: skip


@contextlib.asynccontextmanager
async def bot_kit(
    database_url: str, plugins: Sequence[LoadedPlugin] | None = None, **overrides: Any
) -> AsyncIterator[BotKit]:
    """A running bot; all installed plugins (but the playground) unless `plugins` names them."""
    async with started(database_url, plugins, overrides) as kit:
        yield kit


@contextlib.asynccontextmanager
async def started(
    database_url: str,
    plugins: Sequence[LoadedPlugin] | None,
    overrides: dict[str, Any],
    *,
    now: datetime | None = None,
) -> AsyncIterator[BotKit]:
    """A running bot; at the moment `now`, where its clock then stands, or at the machine's."""
    clock = MovableClock()
    if now is not None:
        clock.freeze(now)
    async with TelegramEmulator(clock=clock) as telegram:
        kit = BotKit(telegram, database_url, plugins, overrides)
        with showing(clock.now):
            await kit.start()
            try:
                yield kit
            finally:
                await kit.stop()
