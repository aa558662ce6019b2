"""The health of the running bot: asked of every plugin once a minute, shown in /metrics, and told where it is bad."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field

from prometheus_client import Gauge
from sqlalchemy.exc import SQLAlchemyError

from astral_core.alerts import HOUR
from astral_core.declare import Health
from astral_core.errors import AstralError
from astral_core.host.alerts import Alert, raise_alert
from astral_core.host.health import HealthHooks
from astral_core.host.services import Services
from astral_core.inbox.replica import Replica
from astral_core.inbox.work import Work
from astral_core.jobs import Clock

log = logging.getLogger("astral.health")
PERIOD = 60.0  # seconds


@dataclass
class Checkup:
    """Every replica shows what it has found last; the leader alone alerts.

    /metrics waits for nobody: a plugin that hangs or fails has no gauges until it answers.
    """

    hooks: HealthHooks
    services: Services
    replica: Replica
    clock: Clock
    _looking: asyncio.Lock = field(default_factory=asyncio.Lock)
    _gauges: dict[str, Gauge] = field(default_factory=dict)
    _taken: set[str] = field(default_factory=set)  # names of other metrics
    _told: dict[tuple[str, str], float] = field(default_factory=dict)

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        try:
            while True:
                await self.look()
                await self.clock.sleep(PERIOD)
        finally:
            self.hooks.close()

    async def look(self) -> None:
        """Ask everybody once."""
        async with self._looking:
            found = await self.hooks.ask()
            self._show(found)
            if self.replica.leader:
                try:
                    await self._alert(found)
                except (SQLAlchemyError, OSError, AstralError) as error:
                    log.warning("the admins could not be alerted (%s); trying again", type(error).__name__)

    def _show(self, found: dict[str, Health]) -> None:
        registry = self.services.registry_of_metrics
        values = {(p, name): value for p, health in found.items() for name, value in health.gauges.items()}
        wanted = {f"astral_{plugin}_{name}": (plugin, name) for plugin, name in values}
        for name in self._gauges.keys() - wanted.keys():
            registry.unregister(self._gauges.pop(name))
        for name, key in wanted.items():
            if name not in self._gauges and name not in self._taken:
                try:
                    self._gauges[name] = Gauge(name, f"Told by astral_health of plugin {key[0]}", registry=registry)
                except ValueError:
                    self._taken.add(name)
                    log.warning("plugin %r: the gauge %r of astral_health is taken. Fix: call it otherwise.", *key)
            if name in self._gauges:
                self._gauges[name].set(values[key])

    async def _alert(self, found: dict[str, Health]) -> None:
        moment = self.services.time()
        errors = [(p, one) for p, health in found.items() for one in health.findings if one.level == "error"]
        async with Work(self.services.database, self.services.store, "core") as work:
            for plugin, one in errors:
                told = self._told.get((plugin, one.code))
                if told is None or moment - told > HOUR + PERIOD:  # by then it may be said once more
                    raise_alert(work, self.services, Alert(plugin, one.code, [one.text, one.fix], one.values))
            noted = {key: at for key, at in self._told.items() if moment - at <= HOUR + PERIOD}
        self._told = noted | {(plugin, one.code): noted.get((plugin, one.code), moment) for plugin, one in errors}
