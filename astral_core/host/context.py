"""What a plugin gets outside of handlers: its own settings, logger, texts, units of work, and the others' APIs."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Hashable
from functools import partial
from typing import Any, ParamSpec, TypeVar, cast

import aiohttp
from markupsafe import Markup
from prometheus_client import Counter, Gauge, Histogram
from pydantic import BaseModel

from astral_core.declare import Event, StepRoute
from astral_core.errors import ConfigError, DeclarationError
from astral_core.handled import Handled
from astral_core.host.alerts import Alert, raise_alert
from astral_core.host.services import Services
from astral_core.i18n import fill
from astral_core.inbox.address import Address
from astral_core.inbox.envelope import as_builtins
from astral_core.inbox.work import Work

P = ParamSpec("P")
T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)


class PluginContext:
    """The core as one plugin sees it. `id` and `version` are the plugin's own."""

    def __init__(self, plugin: str, version: str, services: Callable[[], Services]) -> None:
        self.id = plugin
        self.version = version
        self.log = logging.getLogger(f"astral.plugins.{plugin}")
        self._services = services

    def __repr__(self) -> str:
        return f"<PluginContext {self.id}>"

    @property
    def services(self) -> Services:
        """The running parts; only after the start."""
        return self._services()

    @property
    def http(self) -> aiohttp.ClientSession:
        """An HTTP client with real time-outs, shared by all plugins."""
        return self.services.http

    def settings(self, model: type[M]) -> M:
        """The plugin's settings, as the model that it declared with `astral_config`."""
        found = self.services.plugin_settings.get(self.id)
        if not isinstance(found, model):
            raise ConfigError(f"plugin {self.id!r} asks for {model.__name__}. Fix: return it from astral_config.")
        return found

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that the bot speaks, as codes."""
        return self.services.languages

    def t(self, language: str, text: str, /, **values: Any) -> Markup:
        """`text` in `language`; values are escaped for HTML."""
        text = fill(self.services.catalogs[self.id].for_language(language).gettext(text), values)
        return Markup(text)  # noqa: S704  # values are escaped, the text is the plugin's own

    def nt(self, language: str, singular: str, plural: str, n: int, /, **values: Any) -> Markup:
        """The form of a text that `n` demands in `language`; `{n}` is filled in."""
        catalog = self.services.catalogs[self.id].for_language(language)
        text = fill(catalog.ngettext(singular, plural, n), {"n": n, **values})
        return Markup(text)  # noqa: S704  # the same

    def counter(self, name: str, text: str, *labels: str) -> Counter:
        """A Prometheus counter `astral_<plugin>_<name>_total`; the same one at every call. Labels have few values."""
        return self.services.metric(Counter, f"astral_{self.id}_{name}", text, labels)

    def gauge(self, name: str, text: str, *labels: str) -> Gauge:
        """A Prometheus gauge `astral_<plugin>_<name>`; the same one at every call."""
        return self.services.metric(Gauge, f"astral_{self.id}_{name}", text, labels)

    def histogram(self, name: str, text: str, *labels: str) -> Histogram:
        """A Prometheus histogram `astral_<plugin>_<name>` of seconds or bytes; the same one at every call."""
        return self.services.metric(Histogram, f"astral_{self.id}_{name}", text, labels)

    def url(self, path: str) -> str | None:
        """The public address of `path`; None where the bot has no public address."""
        public = self.services.settings.telegram.public_url
        return f"{public.rstrip('/')}{path}" if public else None

    def provide(self, api: type[T], instance: T) -> None:
        """Offer `instance` to the other plugins under its public type."""
        other = self.services.providers.get(api)
        if other is not None and other[0] != self.id:
            raise DeclarationError(self.id, f"{api.__name__} is already provided by plugin {other[0]!r}.")
        self.services.providers[api] = (self.id, instance)

    def api(self, api: type[T]) -> T | None:
        """What another plugin provides under `api`; None where nobody does."""
        found = self.services.providers.get(api)
        return cast("T", found[1]) if found else None

    def collect(self, hook: str) -> list[tuple[str, Any]]:
        """(plugin, result) of a hook that this plugin brings: one plugin at a time, each with its own context.

        A plugin whose implementation fails is named in the log and left out. Only for sync hooks.
        """
        results = []
        for plugin, call in self.services.implementations(hook):
            try:
                results.append((plugin, call()))
            except Exception:
                self.log.exception("%s of plugin %r failed and is left out", hook, plugin)
        return results

    def work(self) -> Work:
        """A unit of work for code outside of handlers: `async with ctx.work() as work: ...` commits at the end."""
        return Work(self.services.database, self.services.store, self.id)

    async def run_cpu(self, function: Callable[..., T], *args: Any, key: Hashable = None) -> T:
        """Run a picklable top-level `function` in the process pool, once at a time for each `key`."""
        return await self.services.cpu.run(function, *args, key=key)

    def warm(self, function: Callable[..., object], *args: Any) -> None:
        """Run `function` in the process pool in the background; stands in astral_lifespan."""
        self.services.cpu.warm(function, *args)

    def defer(
        self, work: Work, step: StepRoute[P], chat_id: int, key: str | None = None, *args: P.args, **kwargs: P.kwargs
    ) -> None:
        """Add durable work for the lane of `chat_id` to `work`; once for each `key`."""
        if args:
            raise DeclarationError(self.id, f"arguments of the step {step.name!r} go by keyword.")
        route = self.services.registry.key_of(step)
        key = key if key is not None else uuid.uuid4().hex
        work.add_row("step", f"{route}:{key}", chat_id, {"route": route, "args": kwargs})

    def emit(self, work: Work, event: Event, chat_id: int) -> None:
        """Add `event` to `work`: one durable row for each subscriber, in the lane of `chat_id`."""
        emit(self.services, self.id, work, event, chat_id, None)

    def alert(self, work: Work, key: str, text: str, /, **values: Any) -> None:
        """Tell the bot's admins, once `work` is committed: as `Context.alert`, for code outside of handlers."""
        raise_alert(work, self.services, Alert(self.id, key, [text], values))


def emit(services: Services, plugin: str, work: Work, event: Event, lane: int, to: Address | None) -> None:
    """Add an event of `plugin` to `work`: a row for each subscriber in `lane`; `to` as in NewRow."""
    registry = services.registry
    if registry.events.get(event.name) != plugin:
        raise DeclarationError(plugin, f"emits {event.name!r}, which it does not declare.", "astral_events")
    for listener, name in registry.listeners(event.name):
        body = {"event": event.name, "plugin": listener, "name": name, "data": as_builtins(event)}
        work.add_row("event", f"{listener}:{uuid.uuid4().hex}", lane, body, to)
    work.after_commit.append(partial(_tell, services, plugin, event.name, lane if to is None else to.chat))


def _tell(services: Services, plugin: str, event: str, chat_id: int) -> None:
    """Telemetry of a committed event, also where nobody subscribed to it."""
    told = Handled(
        plugin=plugin, route=event, kind="event", outcome="emitted", ms=0, wait_ms=0, at=time.time(),
        user_id=chat_id if chat_id > 0 else None, chat_id=chat_id,
    )  # fmt: skip
    services.telemetry(told)
