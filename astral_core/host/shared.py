"""What all contexts of a plugin share: its settings, logger and texts, services of others, metrics."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable
from datetime import UTC, date, datetime, tzinfo
from typing import Any, TypeVar, cast

import aiohttp
from markupsafe import Markup
from prometheus_client import Counter, Gauge, Histogram
from pydantic import BaseModel
from typing_extensions import TypeForm

from astral_core.declare import CHAT_ADMIN
from astral_core.errors import ConfigError, DeclarationError, HandlerError, MissingService
from astral_core.host.dates import Style, shown_date
from astral_core.host.services import Services
from astral_core.i18n import Texts
from astral_core.single_file import call_in_file, from_file

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
        """Make a call of the Bot API at once and return its result as JSON, as it came. Files are uploaded.

        In a handler only before its first write, and it is made again if the handler is tried again. Raises
        TelegramUnavailable, TelegramThrottled or TelegramRefused.
        """
        call = self._services.call
        if call is None:
            raise ConfigError(f"plugin {self.id!r} calls {method}. Fix: set ASTRAL_TELEGRAM__TOKEN.")
        return await call(method, params)

    async def role_holders(self, role: str) -> frozenset[int]:
        """The ids of the people to whom the owner gave `role`; the bot's admins for OWNER.

        Owners may all that a role may, and are not among its people. A person may never have written to the bot.
        HandlerError for a role that no plugin names, and for CHAT_ADMIN: `ctx.administrators()` tells those.
        """
        self._services.roles.check(self.id, role)
        if role == CHAT_ADMIN:
            raise HandlerError(
                f"plugin {self.id!r}: CHAT_ADMIN is a role of each group, so ctx.role_holders cannot know whom. "
                "Fix: await ctx.administrators() in a handler of the group."
            )
        return await self._people_of(role)

    async def _people_of(self, role: str) -> frozenset[int]:
        return await self._services.roles.people(role)

    def has_route(self, key: str) -> bool:
        """Whether some plugin declares the callback route `key` (`plugin:name`)."""
        return self._services.registry.has_callback(key)

    # --- texts

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that people may choose, as codes: "en", "pt_BR"."""
        return self._services.languages

    def nearest_language(self, wanted: str | None) -> str:
        """The one of `languages` that is nearest to a tag such as "pt-br" or "de-AT"; else the bot's own."""
        return self._services.spoken.pick(wanted)

    @property
    def language(self) -> str:
        """The language of `t` and `nt`: here the bot's own, in a handler that of the person."""
        return self._services.spoken.own

    def texts(self, language: str) -> Texts:
        """The plugin's texts in `language`: `ctx.texts("ru").t("Hello")`."""
        return Texts(self._services.catalogs[self.id].for_language(language), language)

    def t(self, text: str, /, **values: Any) -> Markup:
        """The source text `text` in this context's language; `values` fill its {placeholders}, escaped for HTML."""
        return self.texts(self.language).t(text, **values)

    def nt(self, singular: str, plural: str, n: int, /, **values: Any) -> Markup:
        """The form of a text that `n` demands in this context's language; `{n}` is filled in."""
        return self.texts(self.language).nt(singular, plural, n, **values)

    def date(
        self,
        moment: datetime | date,
        zone: str | tzinfo = UTC,
        /,
        *,
        style: Style = "medium",
        year: bool = True,
        skeleton: str | None = None,
    ) -> str:
        """A moment or a day as people write it in this context's language: "30 Nov 2026, 23:35".

        A moment is shown in `zone`, such as "Europe/Moscow"; `year=False` leaves the year out.
        `skeleton` names the parts as the CLDR does: "yMMMM" gives "November 2026", "EEE" the weekday. HandlerError if
        it is naive, or if there is no such zone.
        """
        return shown_date(self.id, moment, zone, self.language, style, year=year, skeleton=skeleton)

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
        if "<" in getattr(function, "__qualname__", ""):
            raise HandlerError(
                f"plugin {self.id!r}: ctx.run_cpu cannot send {function.__qualname__} to another process. Fix: a "
                "function at the top of a module."
            )
        file = from_file(function)
        if file is None:
            return await self._services.cpu.run(function, *args, key=key)
        named = (function.__qualname__, key) if key is not None else None
        found: T = await self._services.cpu.run(call_in_file, *file, args, key=named)
        return found

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


def services_of(context: Shared) -> Services:
    """The running parts behind a context; for the core itself."""
    return context._services  # noqa: SLF001  # plugins have no business with them


def _named(api: Any) -> str:
    return getattr(api, "__name__", repr(api))
