"""The roster: which plugins are here and which are away, in this process and in the others.

What waited for a plugin goes on when it is back. Where two replicas run different plugins, the same button works in
one of them and not in the other: that is said in the log, and is a metric.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from dataclasses import dataclass, field

import msgspec
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from astral_core.db.engine import Database
from astral_core.db.tables import core_replicas
from astral_core.host import memory
from astral_core.host.host import Host
from astral_core.inbox import row_updates
from astral_core.inbox.replica import Replica
from astral_core.observe.metrics import Metrics

log = logging.getLogger("astral.host")
PERIOD = 15.0  # seconds between two looks at the other replicas, and at what waits


@dataclass
class Roster:
    """Keeps the registry's knowledge of who is away, the database's, and the metrics'."""

    host: Host
    database: Database
    replica: Replica
    metrics: Metrics
    _disagreed: dict[str, str] = field(default_factory=dict)

    async def remember(self) -> None:
        """Write down what the plugins declare, before any of them can fail in its lifespan."""
        host, people = self.host, self.host.people()
        snapshots = [(one, memory.snapshot_of(one, host.registry, host.runner, people)) for one in host.alive]
        await memory.remember(self.database, snapshots)

    async def call(self) -> None:
        """When it is settled who runs: recall the others, and tell the other replicas."""
        self.host.registry.set_away(await memory.recall(self.database, self.host.plugins))
        states = {plugin.id: plugin.state.value for plugin in self.host.plugins if plugin.id != "core"}
        for name, state in states.items():
            self.metrics.plugin_state.labels(name, state).set(1)
        await self.replica.tell_plugins(msgspec.json.encode(states).decode())

    async def replay(self) -> None:
        """Let what waited for a plugin of this process go on."""
        here = [plugin.id for plugin in self.host.alive]
        for plugin in await row_updates.awaited(self.database, here):
            states = await self._replicas()
            able = {number for number, said in states.items() if said.get(plugin) == "active"}
            mine = self.replica.lease.number
            number = await row_updates.replay(self.database, plugin, able | {mine or 0}, mine)
            if number:
                log.info("%d rows had waited for plugin %r, which is back; they go on", number, plugin)

    async def watch(self) -> None:
        """Look after the others for ever: another replica may have kept what this one can handle."""
        while True:
            await asyncio.sleep(PERIOD)
            try:
                await self.replay()
                await self.compare()
            except (SQLAlchemyError, OSError) as error:
                log.warning("the roster could not be read (%s); trying again", type(error).__name__)

    async def compare(self) -> None:
        """Say where replicas disagree on who runs, once for each change."""
        disagreed = _disagreed(await self._replicas())
        for name, sentence in disagreed.items():
            if self._disagreed.get(name) != sentence:
                log.warning("replicas disagree on plugin %r: %s. Fix: `astral replicas` and their logs say why.",
                            name, sentence)  # fmt: skip
        for name in disagreed.keys() | self._disagreed.keys():
            self.metrics.plugin_disagreement.labels(name).set(name in disagreed)
        self._disagreed = disagreed

    async def _replicas(self) -> dict[int, dict[str, str]]:
        """Each replica's number, and the state of each plugin there."""
        async with self.database.engine.connect() as connection:
            rows = (await connection.execute(select(core_replicas.c.id, core_replicas.c.plugins))).all()
        return {number: states_of(text) for number, text in rows}


def states_of(text: str) -> dict[str, str]:
    try:
        return msgspec.json.decode(text, type=dict[str, str])
    except msgspec.MsgspecError:
        return {}  # another version's words


def _disagreed(replicas: dict[int, dict[str, str]]) -> dict[str, str]:
    """Plugin -> who says what, for each one that is active in one replica and something else in another."""
    said: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    told = {number: states for number, states in replicas.items() if states}
    for name in {name for states in told.values() for name in states}:
        for number, states in sorted(told.items()):
            said[name][states.get(name, "not installed")].append(number)
    return {
        name: ", ".join(f"{state} in {', '.join(map(str, numbers))}" for state, numbers in sorted(states.items()))
        for name, states in sorted(said.items())
        if "active" in states and len(states) > 1
    }
