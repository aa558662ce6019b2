"""What a plugin gets outside of handlers: its settings, logger, texts, units of work, and the services of others."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Hashable
from datetime import datetime, timedelta
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar, cast

import aiohttp
from markupsafe import Markup
from prometheus_client import Counter, Gauge, Histogram
from pydantic import BaseModel
from typing_extensions import TypeForm

from astral_core.db.session import Session
from astral_core.declare import Event
from astral_core.errors import ConfigError, DeclarationError, HandlerError, MissingService
from astral_core.handled import Handled
from astral_core.host.alerts import Alert, raise_alert
from astral_core.host.arguments import Keep, Lane, check_key, check_time, own_lane, template
from astral_core.host.services import Services
from astral_core.i18n import Texts
from astral_core.inbox import due
from astral_core.inbox.address import Address
from astral_core.inbox.due import Cancel, Due
from astral_core.inbox.effect import RECORDED
from astral_core.inbox.envelope import as_builtins, as_json
from astral_core.inbox.work import UnitOfWork, check_lane
from astral_core.kinds.step import StepCall, StepRoute

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)


class Shared:
    """What all contexts of a plugin have."""

    def __init__(self, plugin: str, services: Callable[[], Services]) -> None:
        self._plugin = plugin
        self._get_services = services

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id}>"

    @property
    def _services(self) -> Services:
        """The running parts; only after the start."""
        return self._get_services()

    # --- the bot

    @property
    def id(self) -> str:
        """The plugin's id."""
        return self._plugin

    @property
    def log(self) -> logging.Logger:
        """The plugin's logger."""
        return logging.getLogger(f"astral.plugins.{self.id}")

    def settings(self, model: type[M]) -> M:
        """The plugin's settings, as the model that it declared (`Plugin(settings=...)`)."""
        found = self._services.plugin_settings.get(self.id)
        if not isinstance(found, model):
            raise ConfigError(
                f"plugin {self.id!r} asks for {model.__name__}. Fix: Plugin(settings={model.__name__})."
            )
        return found

    @property
    def admins(self) -> tuple[int, ...]:
        """The ids of the bot's admins."""
        return tuple(self._services.settings.admins)

    @property
    def bot_id(self) -> int:
        """The bot's own id."""
        return self._services.settings.bot_id

    @property
    def bot_name(self) -> str:
        """The bot's username, without the @."""
        return self._services.username()

    def url(self, path: str) -> str | None:
        """The public address of `path`; None if the bot has no public address."""
        public = self._services.settings.telegram.public_url
        return f"{public.rstrip('/')}{path}" if public else None

    @property
    def trusted_proxies(self) -> tuple[str, ...]:
        """The networks of the proxies before the bot, as the owner wrote them."""
        return tuple(self._services.settings.web.trusted_proxies)

    async def call_now(self, method: str, /, **params: Any) -> Any:
        """Make a call of the Bot API at once and return its result as JSON, as it came.

        In a handler only before its first write, and it is made again if the handler is tried again. Raises
        TelegramUnavailable, TelegramThrottled or TelegramRefused.
        """
        call = self._services.call
        if call is None:
            raise ConfigError(f"plugin {self.id!r} calls {method}. Fix: set ASTRAL_TELEGRAM__TOKEN.")
        return await call(method, params)

    def has_route(self, key: str) -> bool:
        """Whether some plugin declares the callback route `key` (`plugin:name`)."""
        return self._services.registry.has_callback(key)

    # --- texts

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that the bot speaks, as codes."""
        return self._services.languages

    @property
    def language(self) -> str:
        """The language of `t` and `nt`: here the bot's own, in a handler that of the person."""
        return self._services.settings.language

    def texts(self, language: str) -> Texts:
        """The plugin's texts in `language`: `ctx.texts("ru").t("Hello")`."""
        return Texts(self._services.catalogs[self.id].for_language(language), language)

    def t(self, text: str, /, **values: Any) -> Markup:
        """The source text `text` in this context's language; `values` fill its {placeholders}, escaped for HTML."""
        return self.texts(self.language).t(text, **values)

    def nt(self, singular: str, plural: str, n: int, /, **values: Any) -> Markup:
        """The form of a text that `n` demands in this context's language; `{n}` is filled in."""
        return self.texts(self.language).nt(singular, plural, n, **values)

    # --- services

    @property
    def http(self) -> aiohttp.ClientSession:
        """An HTTP client with real time-outs, shared by all plugins."""
        return self._services.http

    def provide(self, api: TypeForm[T], instance: T) -> None:
        """Offer `instance` to the other plugins under its public type. In `astral_lifespan`, before its yield."""
        other = self._services.providers.get(api)
        if other is not None and other[0] != self.id:
            raise DeclarationError(self.id, f"{_named(api)} is already provided by plugin {other[0]!r}.")
        self._services.providers[api] = (self.id, instance)

    def find(self, api: TypeForm[T]) -> T | None:
        """What another plugin provides under `api`; None if nobody does."""
        found = self._services.providers.get(api)
        return cast("T", found[1]) if found else None

    def get(self, api: TypeForm[T]) -> T:
        """What another plugin provides under `api`. MissingService if nobody does."""
        found = self._services.providers.get(api)
        if found is None:
            raise MissingService(
                f"plugin {self.id!r}: nobody provides {_named(api)}. Fix: require the plugin that does in "
                "pyproject.toml, or use ctx.find, which gives None."
            )
        return cast("T", found[1])

    def collect(self, hook: str) -> list[tuple[str, Any]]:
        """(plugin, result) of a hook that this plugin brings: one plugin at a time, each with its own context.

        A plugin whose implementation fails is named in the log and left out. Only for sync hooks.
        """
        results = []
        for plugin, call in self._services.implementations(hook):
            try:
                results.append((plugin, call()))
            except Exception:
                self.log.exception("%s of plugin %r failed and is left out", hook, plugin)
        return results

    async def run_cpu(self, function: Callable[..., T], *args: Any, key: Hashable = None) -> T:
        """Run a picklable top-level `function` in the process pool; what is asked for twice under a `key` runs once.

        In a unit of work only before its first write. Raises CpuBusy, CpuTimeout or CpuCrashed.
        """
        return await self._services.cpu.run(function, *args, key=key)

    # --- metrics

    def counter(self, name: str, text: str, *labels: str) -> Counter:
        """A Prometheus counter `astral_<plugin>_<name>_total`; the same one at every call. Labels have few values."""
        return self._services.metric(Counter, f"astral_{self.id}_{name}", text, labels)

    def gauge(self, name: str, text: str, *labels: str) -> Gauge:
        """A Prometheus gauge `astral_<plugin>_<name>`; the same one at every call."""
        return self._services.metric(Gauge, f"astral_{self.id}_{name}", text, labels)

    def histogram(self, name: str, text: str, *labels: str) -> Histogram:
        """A Prometheus histogram `astral_<plugin>_<name>` of seconds or bytes; the same one at every call."""
        return self._services.metric(Histogram, f"astral_{self.id}_{name}", text, labels)


class PluginContext(Shared):
    """The core as one plugin sees it, in hooks, web routes and telemetry."""

    def work(self) -> OpenWork:
        """A unit of work: `async with ctx.work() as work: ...` commits at the end, or rolls back on an error."""
        services = self._services
        unit = UnitOfWork(services.database, services.store, self.id)
        return OpenWork(self.id, self._get_services, unit)

    def warm(self, function: Callable[..., object], *args: Any) -> None:
        """Run `function` in the process pool in the background; in `astral_lifespan`."""
        self._services.cpu.warm(function, *args)


class Work(Shared):
    """A unit of work: what is written, deferred and emitted in it is committed together, or not at all.

    A handler's Context is one; elsewhere `async with ctx.work() as work:` gives one. What is recorded here returns at
    once and is not awaited.
    """

    def __init__(self, plugin: str, services: Callable[[], Services], unit: UnitOfWork) -> None:
        super().__init__(plugin, services)
        self._unit = unit

    # --- storage

    @property
    def session(self) -> Session:
        """The session of this unit of work; opened at first use."""
        return self._unit.session

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call `callback` after the commit, if anything was written, deferred or emitted.

        For memory only, such as caches: a crash loses it.
        """
        self._unit.after_commit.append(callback)

    # --- durable work

    def defer(
        self,
        call: StepCall,
        /,
        *,
        after: timedelta | None = None,
        at: datetime | None = None,
        key: str | None = None,
        keep: Keep = "last",
        to: int | None = None,
        lane: Lane | None = None,
    ) -> None:
        """Do `call` (a step called with its arguments) durably: after the commit, or `after` a while, or `at` a time.

        `key` is unique for the plugin's step in a lane. What waits under it is replaced; with `keep="first"` it stays
        instead; with `keep="once"` (for work without a time) the work is done once for the key, also if it has been
        done already: keys are remembered for three days (`inbox.keep_done_hours`).

        The work runs in the lane of this handler's chat, or in that of the chat `to`, or in a lane of the plugin's
        own: `lane=("payment", 7)`, where no chat is, and no `ctx.user`. What runs in one lane runs in its order.
        """
        if not isinstance(call, StepCall):
            raise HandlerError(f"ctx.defer takes a step that is called with its arguments, not {call!r}.")
        number, address = self._place(to, lane)
        route = self._services.registry.key_of(call.route)
        body = {"route": route, "args": call.arguments}
        check_time(after, at, key, keep)
        if key is not None:
            check_key(key)
        if after is None and at is None and (key is None or keep == "once"):
            once = f"{number}:{key}" if key is not None else uuid.uuid4().hex
            self._unit.add_row("step", f"{route}:{once}", number, body, address)
            return RECORDED
        seconds = after.total_seconds() if after is not None else 0.0
        self._unit.add_due(
            Due("step", route, number, key or uuid.uuid4().hex, as_json(body), at=at, after=seconds,
                keep_first=keep == "first", to=address)
        )  # fmt: skip
        return RECORDED

    def cancel(self, step: StepRoute[Any], /, *, key: str, to: int | None = None, lane: Lane | None = None) -> None:
        """Let nothing of `step` wait under `key` any more, also if it is just about to run."""
        check_key(key)
        self._unit.add_due(Cancel(self._services.registry.key_of(step), self._place(to, lane)[0], key))
        return RECORDED

    async def pending(
        self, step: StepRoute[Any], /, *, key: str, to: int | None = None, lane: Lane | None = None
    ) -> datetime | None:
        """When the work of `step` that waits under `key` is due; None if none waits. Committed work only."""
        route, number = self._services.registry.key_of(step), self._place(to, lane)[0]
        check_key(key)
        check_lane(self.id, number)
        return await due.pending(await self.session.connection(), route, number, key)

    def emit(self, event: Event, /, *, to: int | None = None) -> None:
        """Tell every subscriber durably, in this lane, or in that of the chat `to`."""
        number, address = self._place(to, None)
        _emit(self._services, self.id, self._unit, event, number, address)
        return RECORDED

    def alert(self, key: str, text: str, /, **values: Any) -> None:
        """Tell each of the bot's admins in private, after the commit: at most once a `key` and hour.

        `text` is a source text of the plugin, translated for each admin when it is delivered: mark it with N_. Then
        it is HTML, which `values` fill; any other text is said as it is. The values are in the log, too, so give ids
        and numbers, no names.
        """
        raise_alert(self._unit, self._services, Alert(self.id, key, [template(text, values)], values))
        return RECORDED

    # --- slow things

    async def run_cpu(self, function: Callable[..., T], *args: Any, key: Hashable = None) -> T:
        """As in a PluginContext; only before the first write."""
        self._services.waits("ctx.run_cpu")
        await self._unit.release_reads()
        return await super().run_cpu(function, *args, key=key)

    def _place(self, to: int | None, lane: Lane | None) -> tuple[int, Address | None]:
        """The lane that is meant, and the address that durable work in it gets."""
        if (to is None) == (lane is None):
            raise HandlerError(
                f"plugin {self.id!r}: this work belongs to no chat. Fix: say either to=<chat id> or lane=(...)."
            )
        return (to, None) if to is not None else (own_lane(self.id, lane or ()), None)


class OpenWork(Work):
    """A unit of work that is opened with `async with` and committed at its end."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._unit.__aexit__(kind, error, trace)


def services_of(context: Shared) -> Services:
    """The running parts behind a context; for the core itself."""
    return context._services  # noqa: SLF001  # plugins have no business with them


def _named(api: Any) -> str:
    return getattr(api, "__name__", repr(api))


def _emit(services: Services, plugin: str, unit: UnitOfWork, event: Event, lane: int, to: Address | None) -> None:
    """Add an event of `plugin` to `unit`: a row for each subscriber in `lane`; `to` as in NewRow."""
    registry = services.registry
    if registry.events.get(event.name) != plugin:
        raise DeclarationError(plugin, f"emits {event.name!r}, which it does not declare.", "Plugin(events=[...])")
    for listener, name in registry.listeners(event.name):
        body = {"event": event.name, "plugin": listener, "name": name, "data": as_builtins(event)}
        unit.add_row("event", f"{listener}:{uuid.uuid4().hex}", lane, body, to)
    unit.after_commit.append(partial(_tell, services, plugin, event.name, lane if to is None else to.chat))


def _tell(services: Services, plugin: str, event: str, chat_id: int) -> None:
    """Telemetry of a committed event, also where nobody subscribed to it."""
    told = Handled(
        plugin=plugin, route=event, kind="event", outcome="emitted", ms=0, wait_ms=0, at=time.time(),
        user_id=chat_id if chat_id > 0 else None, chat_id=chat_id,
    )  # fmt: skip
    services.telemetry(told)
