"""The health of the running bot: asked of every plugin once a minute, shown in /metrics, and told where it is bad."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field

from prometheus_client import Gauge
from sqlalchemy.exc import SQLAlchemyError

from astral_core.alerts import HOUR
from astral_core.clock import Clock
from astral_core.errors import AstralError
from astral_core.host.alerts import Alert, raise_alert
from astral_core.host.health import HealthHooks
from astral_core.host.services import Services
from astral_core.inbox.election import Election
from astral_core.inbox.work import UnitOfWork
from astral_core.vitals import Health, HealthFinding

log = logging.getLogger("astral.health")
PERIOD = 60.0  # seconds


@dataclass
class Checkup:
    """Every replica shows what it has found last; the leader alone alerts.

    /metrics waits for nobody: a plugin that hangs or fails has no gauges until it answers.
    """

    hooks: HealthHooks
    services: Services
    election: Election
    clock: Clock
    _looking: asyncio.Lock = field(default_factory=asyncio.Lock)
    _gauges: dict[tuple[str, str], Gauge] = field(default_factory=dict)  # by plugin and name
    _taken: set[tuple[str, str]] = field(default_factory=set)  # those whose name in /metrics is another one's
    _told: dict[tuple[str, str], float] = field(default_factory=dict)

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        try:
            while True:
                try:
                    await self.look()
                except asyncio.CancelledError:
                    task = asyncio.current_task()
                    if task is None or task.cancelling():
                        raise
                    log.exception("the plugins' health could not be shown; trying again")  # not we are cancelled
                except Exception:
                    log.exception("the plugins' health could not be shown; trying again")
                await self.clock.sleep(PERIOD)
        finally:
            self.hooks.close()

    async def look(self) -> None:
        """Ask everybody once."""
        async with self._looking:
            found = await self.hooks.ask()
            for plugin in dict.fromkeys([*found, *(one for one, _ in self._gauges)]):
                try:
                    self._show(plugin, found.get(plugin, Health()))
                except Exception:
                    log.exception("plugin %r: the gauges of astral_health could not be shown", plugin)
            if self.election.leader:
                try:
                    await self._alert(found)
                except (SQLAlchemyError, OSError, AstralError) as error:
                    log.warning("the admins could not be alerted (%s); trying again", type(error).__name__)

    def _show(self, plugin: str, health: Health) -> None:
        registry = self.services.registry_of_metrics
        for key in [key for key in self._gauges if key[0] == plugin and key[1] not in health.gauges]:
            registry.unregister(self._gauges.pop(key))
        for name, value in health.gauges.items():
            key = plugin, name
            if key not in self._gauges and key not in self._taken:
                text = f"Told by astral_health of plugin {plugin}"
                try:
                    self._gauges[key] = Gauge(f"astral_{plugin}_{name}", text, registry=registry)
                except ValueError:
                    self._taken.add(key)
                    log.warning("plugin %r: the gauge %r of astral_health is taken. Fix: call it otherwise.", *key)
            if key in self._gauges:
                self._gauges[key].set(value)

    async def _alert(self, found: dict[str, Health]) -> None:
        moment = self.services.steady()
        errors = [(p, one) for p, health in found.items() for one in health.findings if one.level == "error"]
        async with UnitOfWork(self.services.database, self.services.store, "core") as work:
            for plugin, one in errors:
                told = self._told.get((plugin, one.code))
                if told is None or moment - told > HOUR + PERIOD:  # by then it may be said once more
                    self._tell(work, plugin, one)
            noted = {key: at for key, at in self._told.items() if moment - at <= HOUR + PERIOD}
        self._told = noted | {(plugin, one.code): noted.get((plugin, one.code), moment) for plugin, one in errors}

    def _tell(self, work: UnitOfWork, plugin: str, one: HealthFinding) -> None:
        """Alert of one finding; where that cannot be done, it costs no other finding."""
        try:
            raise_alert(work, self.services, Alert(plugin, one.code, [one.text, one.fix], one.values))
        except Exception:
            log.exception("plugin %r: the admins could not be alerted of the finding %r", plugin, one.code)
