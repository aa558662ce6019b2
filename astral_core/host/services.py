"""What the core offers to plugins while it runs; one object a process, made by the composition root."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from time import monotonic
from time import time as wall_time
from typing import TYPE_CHECKING, Any, TypeVar

import aiohttp
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from astral_core import descriptors
from astral_core.config import Settings
from astral_core.db.engine import Database
from astral_core.db.link import Link, OwnLink
from astral_core.db.states import StateStore
from astral_core.errors import ConfigError, DeclarationError
from astral_core.handled import Handled
from astral_core.host.registry import Registry
from astral_core.host.roles import Roles
from astral_core.inbox.crowd import Crowd
from astral_core.inbox.once import Once
from astral_core.inbox.store import Store
from astral_core.languages.catalogs import Catalogs
from astral_core.languages.spoken import Languages
from astral_core.threads import NAMES, Resolver

if TYPE_CHECKING:
    from astral_core.process_pool import ProcessPool

M = TypeVar("M", Counter, Gauge, Histogram)


@dataclass
class Services:
    """The running parts. `providers` maps public types to (plugin, instance).

    `implementations(hook)` gives (plugin, call) for each living plugin that implements a plugin's own hook.
    """

    settings: Settings
    database: Database
    store: Store
    registry: Registry
    cpu: ProcessPool
    spoken: Languages
    plugin_settings: Mapping[str, Any] = field(repr=False)
    telemetry: Callable[[Handled], None]
    providers: dict[Any, tuple[str, Any]] = field(default_factory=dict)
    implementations: Callable[[str], Iterable[tuple[str, Callable[[], Any]]]] = lambda _hook: ()
    call: Callable[[str, dict[str, Any]], Awaitable[Any]] | None = None  # makes a call of the Bot API at once
    username: Callable[[], str] = lambda: ""  # the bot's own, once Telegram has told it
    title: Callable[[], str] = lambda: ""  # the bot's name, as Telegram shows it
    time: Callable[[], float] = wall_time  # seconds since the Unix epoch, by the clock that all replicas share
    steady: Callable[[], float] = monotonic  # seconds by a clock that nobody sets, for what this process remembers
    crowd: Crowd = field(default_factory=lambda: Crowd(64))  # the handlers that wait for something slow
    waits: Callable[[str], None] = lambda _what: None  # is told before a handler waits for something slow
    traces: list[aiohttp.TraceConfig] = field(default_factory=list)
    registry_of_metrics: CollectorRegistry = field(default_factory=CollectorRegistry)
    _metrics: dict[str, Any] = field(default_factory=dict)
    _http: aiohttp.ClientSession | None = None

    @property
    def http(self) -> aiohttp.ClientSession:
        """The HTTP client that all plugins share; made at first use, closed by the core."""
        if self._http is None or self._http.closed:
            timeout = aiohttp.ClientTimeout(total=35, connect=5)
            # Bounded for each host: what one plugin's server does not answer takes no connection of others.
            most, per_host = descriptors.outgoing(self.settings, descriptors.limit())
            connector = aiohttp.TCPConnector(limit=most, limit_per_host=per_host, resolver=Resolver(NAMES))
            self._http = aiohttp.ClientSession(
                connector=connector, timeout=timeout, trust_env=False, trace_configs=self.traces
            )
        return self._http

    def metric(self, kind: type[M], name: str, text: str, labels: tuple[str, ...]) -> M:
        """A plugin's own metric, made at the first call. DeclarationError where it was made as another one."""
        known = self._metrics.get(name)
        if known is None:
            known = self._metrics[name] = kind(name, text, labels, registry=self.registry_of_metrics)
        if type(known) is not kind or known._labelnames != labels:  # noqa: SLF001  # there is no public accessor
            plugin = name.split("_")[1]
            raise DeclarationError(plugin, f"the metric {name!r} was made with another kind or other labels.")
        made: M = known
        return made

    @cached_property
    def reader(self) -> Link:
        """A connection for small reads that handlers share."""
        return OwnLink(self.database, "reader")

    @cached_property
    def states(self) -> StateStore:
        """Reads small state."""
        return StateStore(self.reader)

    @cached_property
    def roles(self) -> Roles:
        """Who has which role."""
        return Roles(self.database, self.settings, self.registry.roles)

    @property
    def catalogs(self) -> Mapping[str, Catalogs]:
        """The texts of each plugin."""
        return self.spoken.catalogs

    @cached_property
    def once(self) -> Once:
        """Makes calls of the Bot API once."""
        if self.call is None:
            raise ConfigError("a plugin calls the Bot API. Fix: set ASTRAL_TELEGRAM__TOKEN.")
        return Once(self.store, self.call)

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that people may choose."""
        return self.spoken.offered

    async def close(self) -> None:
        """Close the shared client, and the connection for small reads."""
        if "reader" in self.__dict__:  # somebody has used it
            await self.reader.close()
        if self._http is not None:
            await self._http.close()
