"""What breaks, and when: a plan drawn from a seed, in which each blow falls when so many updates are finished."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from astral_playground.testkit.process import BotProcess

LONG_FREEZE = 11.5  # seconds: beyond the 10 s after which a silent replica counts as dead


class Server(Protocol):
    """A database server that can be stopped and started; `QUIT` is PostgreSQL's immediate stop."""

    def start(self) -> None:
        """Start, and return when it takes connections."""

    def stop(self, signal: Literal["INT", "QUIT", "KILL"] = "INT") -> None:
        """Stop."""


@dataclass(frozen=True)
class Counts:
    """How many blows of each kind. Every third freeze is longer than a replica's silence may be.

    An oust is a freeze during which the others take the replica for dead and cannot cut its connections: when it
    comes back, the fence of its chats alone keeps it from doing what was done.
    """

    kills: int = 0
    freezes: int = 0
    ousts: int = 0
    terms: int = 0
    stops: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.kills + self.freezes + self.ousts + self.terms + self.stops


@dataclass(frozen=True)
class Blow:
    """`kind` falls `pause` seconds after `at` updates are finished, and lasts `length` seconds where it lasts."""

    at: int
    kind: str
    place: int
    pause: float
    length: float


def plan(counts: Counts, updates: int, replicas: int, seed: int, spared: int = 0) -> list[Blow]:
    """The blows of a run, in order. The first `spared` replicas are never hit."""
    drawn = random.Random(f"plan {seed}")  # noqa: S311  # it draws accidents, not secrets
    kinds = ["kill"] * counts.kills + ["freeze"] * counts.freezes + ["oust"] * counts.ousts
    kinds += ["term"] * counts.terms + ["stop"] * counts.stops
    drawn.shuffle(kinds)
    step = updates * 0.95 / max(1, len(kinds))
    blows, freezes = [], 0
    for number, kind in enumerate(kinds):
        freezes += kind == "freeze"
        length = LONG_FREEZE if kind == "freeze" and freezes % 3 == 1 else drawn.uniform(0.3, 2.0)
        at = int((number + drawn.random() / 2) * step)
        blows.append(Blow(at, kind, drawn.randrange(spared, replicas), drawn.uniform(0, 0.3), length))
    return blows


@dataclass
class Monkey:
    """Carries a plan out. `finished(n)` waits until n updates are finished; `said` is told of each blow.

    `oust(replica)` strikes it off the database's list of replicas.
    """

    replicas: Sequence[BotProcess]
    finished: Callable[[int], Awaitable[None]]
    oust: Callable[[BotProcess], Awaitable[None]]
    server: Server | None = None
    spared: int = 0
    said: Callable[[str], None] = lambda _: None
    done: Counter[str] = field(default_factory=Counter)
    moments: list[float] = field(default_factory=list)  # of kills and freezes
    ending: set[int] = field(default_factory=set)  # pids that were told to end
    _thaws: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self, blows: Sequence[Blow]) -> None:
        """All blows, one after the other; returns when the last frozen replica runs again."""
        for blow in blows:
            await self.finished(blow.at)
            await asyncio.sleep(blow.pause)
            await self._strike(blow)
        await asyncio.gather(*self._thaws)

    async def _strike(self, blow: Blow) -> None:
        if blow.kind == "stop":
            await self._stop_server(blow.length)
            return
        replica = await self._victim(blow.place)
        self.said(f"{blow.kind} {replica.url} after {blow.at}")
        self.done[blow.kind] += 1
        self.moments.append(time.monotonic())
        if blow.kind in ("freeze", "oust"):
            replica.freeze()
            task = asyncio.create_task(self._thaw(replica, replica.pid, blow.length))
            self._thaws.add(task)
            task.add_done_callback(self._thaws.discard)
            if blow.kind == "oust":  # it may have to wait for what the frozen one has locked
                await self.oust(replica)
            return
        self.ending.add(replica.pid)
        replica.signal(signal.SIGKILL if blow.kind == "kill" else signal.SIGTERM)

    async def _victim(self, place: int) -> BotProcess:
        """The replica at `place`, or the next one that runs and is not frozen."""
        while True:
            for offset in range(len(self.replicas) - self.spared):
                size = len(self.replicas) - self.spared
                replica = self.replicas[self.spared + (place - self.spared + offset) % size]
                if replica.alive and not replica.frozen and replica.pid not in self.ending:
                    return replica
            await asyncio.sleep(0.01)  # the supervisor starts one in a moment

    @staticmethod
    async def _thaw(replica: BotProcess, pid: int, length: float) -> None:
        await asyncio.sleep(length)
        if replica.pid == pid:
            replica.thaw()

    async def _stop_server(self, length: float) -> None:
        if self.server is None:
            return
        self.said(f"the database stops for {length:.1f} s")
        self.done["stop"] += 1
        await asyncio.to_thread(self.server.stop, "QUIT")
        await asyncio.sleep(length)
        await asyncio.to_thread(self.server.start)
