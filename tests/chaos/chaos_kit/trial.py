"""Who is taken for a killer? Kills at random, cut connections and a database that blinks, then calm; or a real one.

In the storm no harmless row may end as a dead letter, also steps of six and thirty seconds, which hardly ever end
between two kills. The killer has to, and the others' chats must hardly notice.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import subprocess
import time
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass, field
from typing import Any

from rich.table import Table
from sqlalchemy.exc import DBAPIError

from astral_playground.testkit.process import until

from .monkey import Blow, Monkey
from .ready import Ready, percentile, waited
from .run import House, Plan, house
from .telegram import Telegram
from .traffic import FIRST_CHAT, Posting, Writer

PACE = 1.0  # seconds between two kills, on average
CUT, BLINK = 4.0, 7.0  # seconds between two cuts of liveness connections, and between two of the database's
RATE = 20.0  # updates a second
CALM = 900.0  # seconds that the bots may need to end everything afterwards
KILLER_LIMIT = 120.0
SLOW = 2.0  # seconds: the others' 99th percentile beside a killer
_LIVENESS = (
    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND classid = 1095980114 AND granted"
)


@dataclass
class Finding:
    """The figures of a trial."""

    engine: str
    seed: int
    replicas: int
    kills: int = 0
    cuts: int = 0
    blinks: int = 0
    deaths: int = 0  # of the killer
    updates: int = 0
    put_off: int = 0
    dead: int = 0
    p99: float = 0.0  # seconds
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)

    def table(self) -> Table:
        """The figures for people."""
        table = Table(title=f"trial: {self.engine}, {self.replicas} replica(s), seed {self.seed}")
        table.add_column("what")
        table.add_column("how many", justify="right")
        for name in ("kills", "cuts", "blinks", "deaths", "updates", "put_off", "dead", "p99", "seconds"):
            value = getattr(self, name)
            table.add_row(name.replace("_", " "), f"{value:.2f}" if isinstance(value, float) else str(value))
        return table


@dataclass
class _Trial:
    plan: Plan
    made: House
    telegram: Telegram
    monkey: Monkey
    found: Finding
    drawn: random.Random
    writer: Writer

    def post(self, chat: int, action: str) -> Posting:
        """An update of a chat."""
        posting = self.writer.make(FIRST_CHAT + chat, action)
        self.made.expect(posting)
        self.telegram.add(posting)
        return posting

    async def write(self) -> None:
        """Updates of many chats, at an even pace, and now and then one with a long step."""
        number = 0
        while True:
            number += 1
            self.post(100 + self.drawn.randrange(60), self.drawn.choice(("write", "reply", "press", "later")))
            if number % int(4 * RATE) == 1:
                self.post(self.drawn.randrange(20), "six")
            if number % int(20 * RATE) == 1:
                self.post(20 + self.drawn.randrange(20), "thirty")
            await asyncio.sleep(1 / RATE)

    async def kill(self) -> None:
        """The kills of the plan."""
        for _ in range(self.plan.counts.kills):
            await asyncio.sleep(self.drawn.expovariate(1 / PACE))
            await self.monkey._strike(Blow(0, "kill", self.drawn.randrange(self.plan.replicas), 0.0, 0.0))

    async def cut(self) -> None:
        """Cut the connections by which replicas show that they live."""
        while True:
            await asyncio.sleep(CUT)
            with contextlib.suppress(DBAPIError, OSError):  # the database is away just now
                self.found.cuts += len(await self.made.books.ask(_LIVENESS))

    async def blink(self) -> None:
        """Let the database be away for a moment."""
        while True:
            await asyncio.sleep(BLINK)
            await self.monkey._stop_server(0.3)
            self.found.blinks += 1


async def trial(zygote: subprocess.Popen[bytes], plan: Plan, *, killer: bool) -> Finding:
    """Do it and judge it."""
    began = time.monotonic()
    async with house(zygote, plan) as made:
        addresses = [replica.url for replica in made.replicas]
        async with Telegram(addresses, made.secret, plan.wire, plan.seed) as telegram:
            found = Finding("sqlite" if made.books.is_sqlite else "postgresql", plan.seed, plan.replicas)
            drawn = random.Random(f"trial {plan.seed}")  # noqa: S311  # it draws accidents, not secrets
            monkey = Monkey(made.replicas, made.until_finished, made.oust, plan.server, said=plan.said)
            scene = _Trial(plan, made, telegram, monkey, found, drawn, Writer(1, plan.seed))
            made.supervise(monkey)
            await (_beside_a_killer(scene) if killer else _through_a_storm(scene))
            found.seconds = time.monotonic() - began
            await made.kill()
            return found


@contextlib.asynccontextmanager
async def side_by_side(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run coroutines until the block ends; what one of them raises is raised here."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for error in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(error, Exception):
                raise error


async def _through_a_storm(scene: _Trial) -> None:
    """Kills, cuts and blinks; then calm, until all is done."""
    breaks = [scene.cut(), scene.blink()] if scene.plan.server is not None else []
    async with side_by_side(scene.write(), *breaks):
        await scene.kill()
    made, found = scene.made, scene.found
    found.kills = scene.monkey.done["kill"]
    await scene.telegram.until(len(made.written))
    await until(made.books.idle, CALM, "all is done")
    await _count(scene)
    if found.dead:
        found.problems += await made.books.dead()
    rows = {(row.chat, f"{row.stream}:{row.number}") for row in await made.books.rows()}
    wanted = {(posting.chat, key) for posting in made.written if posting.acked_at for key in posting.writes}
    if wanted - rows:
        found.problems.append(f"{len(wanted - rows)} rows are lost")


async def _beside_a_killer(scene: _Trial) -> None:
    """One update kills each process that handles it; everybody else writes on."""
    made, found = scene.made, scene.found
    ready = Ready(made.replicas)

    async def convicted() -> bool:
        with contextlib.suppress(DBAPIError, OSError):
            return bool(await made.books.dead())
        return False

    killer = FIRST_CHAT + 7
    async with side_by_side(scene.write(), ready.watch()):
        await asyncio.sleep(3.0)
        scene.post(7, "die")
        await until(convicted, KILLER_LIMIT, "the killer is a dead letter")
        await asyncio.sleep(3.0)
    await scene.telegram.until(len(made.written))
    await until(made.books.idle, CALM, "all is done")
    await _count(scene)
    found.deaths = sum("ended with 9" in text for text in made.fallen)
    found.problems += [text for text in made.fallen if "ended with 9" not in text]
    if found.dead != 1 or found.deaths != 3:
        found.problems.append(f"{found.dead} dead letters, {found.deaths} dead processes: {await made.books.dead()}")
    others = [posting for posting in made.written if posting.chat != killer and posting.first_sent_at]
    found.p99 = percentile([waited(posting, ready.downs) for posting in others])
    if found.p99 >= SLOW:
        found.problems.append(f"the others waited {found.p99:.2f} s (p99)")


async def _count(scene: _Trial) -> None:
    found = scene.found
    found.updates, found.dead = len(scene.made.written), len(await scene.made.books.dead())
    found.put_off = int(await scene.made.books.one("SELECT count(*) FROM core_inbox WHERE crashes > 0"))
