"""One chaos run: bots under load from an emulated Telegram, while a monkey breaks them; then the verdict."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from astral_playground.testkit.ports import free_port
from astral_playground.testkit.process import BotProcess, Nursery, until

from . import verdict as judging
from .api import TOKEN, BotApi, Faults, Sent
from .books import Books
from .monkey import Counts, Monkey, Server, plan
from .telegram import Telegram, Wire
from .traffic import Posting, Writer
from .verdict import Verdict
from .watch import Watch

STALL = 60.0  # seconds without any progress: something hangs
IDLE_LIMIT = 90.0
SUSPECT_DELAY = 5.0  # seconds until a row that may have killed is tried a last time; ten minutes otherwise
DOUBTFUL = "doubtful"
WIRE = Wire(hurry=10.0, lost_answers=0.01, hang_ups=0.01)
FAULTS = Faults(lost=0.005, throttled=0.001, broken=0.005, delay=0.01)
STORM = Path(__file__).with_name("storm.py")


class Stalled(Exception):
    """Nothing moves any more."""


@dataclass(frozen=True)
class Plan:
    """What is to be done. `backlog` updates at most are unfinished at a time.

    `bot_url` is the database as the bots see it, if they are another user than the harness. `settings` go on top of
    the usual ones, `second_settings` on top of those for the second replica; `second` is its parent, if it has one of
    its own.
    """

    url: str
    folder: Path
    replicas: int = 1
    updates: int = 4000
    counts: Counts = field(default_factory=Counts)
    seed: int = 1
    chats: int = 120
    backlog: int = 160
    spared: int = 0
    wire: Wire = WIRE
    faults: Faults = FAULTS
    server: Server | None = None
    watch: Watch | None = None
    said: Callable[[str], None] = lambda _: None
    bot_url: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    plugins: tuple[Path, ...] = (STORM,)
    second: subprocess.Popen[bytes] | None = None
    second_settings: Mapping[str, str] = field(default_factory=dict)


def environment(url: str, api_url: str, port: int, secret: str) -> dict[str, str]:
    """The settings of one replica: the core and the plugin of the run, nothing else."""
    return {
        "ASTRAL_CONFIG": "none.toml",
        "ASTRAL_TELEGRAM__TOKEN": TOKEN,
        "ASTRAL_TELEGRAM__API_URL": api_url,
        "ASTRAL_TELEGRAM__WEBHOOK_SECRET": secret,
        "ASTRAL_TELEGRAM__PUBLIC_URL": "http://127.0.0.1:1",  # the emulated balancer knows the replicas itself
        "ASTRAL_WEB__PORT": str(port),
        "ASTRAL_DATABASE__URL": url,
        "ASTRAL_DATABASE__POOL_SIZE": "8",
        "ASTRAL_HOST__ENABLED": "[]",
        "ASTRAL_HOST__REQUIRED": "[]",
        "ASTRAL_HOST__ON_ERROR": "stop",
        "ASTRAL_POOL__WARM": "false",
        "ASTRAL_INBOX__SUSPECT_DELAY": f"{SUSPECT_DELAY}",
        "ASTRAL_INBOX__HANDLER_TIMEOUT": "60",
    }


@dataclass
class House:
    """The bots of a run, their Telegram and their database. Replicas that end are started again."""

    nursery: Nursery
    api: BotApi
    books: Books
    replicas: list[BotProcess]
    secret: str
    postings: dict[tuple[int, str], Posting] = field(default_factory=dict)
    written: list[Posting] = field(default_factory=list)
    finished: int = 0
    fallen: list[str] = field(default_factory=list)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _supervisors: list[asyncio.Task[None]] = field(default_factory=list)

    def expect(self, posting: Posting) -> None:
        """Take note of an update; it is finished when its first answer was sent."""
        self.written.append(posting)
        if posting.answers:
            self.postings[posting.chat, posting.answers[0]] = posting

    def heard(self, sent: Sent) -> None:
        """The Bot API has taken a message."""
        posting = self.postings.get((sent.chat, sent.text))
        if posting is not None and not posting.first_sent_at:
            posting.first_sent_at = sent.at
            self.finished += 1
            self._changed.set()

    async def until_finished(self, count: int) -> None:
        """Wait until `count` updates are finished; RuntimeError where nothing moves any more."""
        while self.finished < count:
            self._changed.clear()
            try:
                async with asyncio.timeout(STALL):
                    await self._changed.wait()
            except TimeoutError:
                raise Stalled(f"no answer for {STALL} s, {self.finished} updates are finished") from None

    async def oust(self, replica: BotProcess) -> None:
        """Let the others take `replica` for dead."""
        await self.books.oust(replica.port)

    def supervise(self, monkey: Monkey) -> None:
        """Start every process again that ends, as a supervisor does; note those that nobody had told to end."""
        self._supervisors = [asyncio.create_task(self._supervise(replica, monkey)) for replica in self.replicas]

    async def _supervise(self, replica: BotProcess, monkey: Monkey) -> None:
        while True:
            pid = replica.pid
            code = await replica.ended(limit=3600)
            ends = (0, -9) if replica.was_ready else (0, -9, -15)  # SIGTERM before Python can hear it
            alone = pid not in monkey.ending or code not in ends
            if alone and (replica.was_ready or not monkey.done["stop"]):  # no database, no start: that is right
                self.fallen.append(f"{replica.url} ended with {code}, see {replica.log}")
            await replica.spawn()

    async def close(self) -> list[int]:
        """SIGTERM for all; their exit codes."""
        await self._let_be()
        for replica in self.replicas:
            replica.thaw()
            await until(partial(replica.answers, "/healthz"), what=f"{replica.url} listens")
        return list(await asyncio.gather(*(replica.stop() for replica in self.replicas)))

    async def kill(self) -> None:
        """kill -9 for all: what hangs would not end otherwise."""
        await self._let_be()
        for replica in self.replicas:
            await replica.kill()

    async def _let_be(self) -> None:
        for task in self._supervisors:
            task.cancel()
        for error in await asyncio.gather(*self._supervisors, return_exceptions=True):
            if isinstance(error, Exception):
                raise error


@contextlib.asynccontextmanager
async def house(zygote: subprocess.Popen[bytes], plan: Plan) -> AsyncIterator[House]:
    """The bots of `plan`, ready."""
    secret = secrets.token_urlsafe(24)
    files = tuple(part for path in plan.plugins for part in ("--plugin", str(path)))
    async with (
        BotApi(plan.faults, plan.seed) as api, Books(plan.url) as books, Nursery(zygote) as nursery,
        Nursery(plan.second) if plan.second is not None else contextlib.nullcontext(nursery) as other,
    ):  # fmt: skip
        await books.make_tables()
        url = plan.bot_url or plan.url
        replicas = []
        for number in range(plan.replicas):
            second = plan.second_settings if number == 1 else {}
            settings = {**environment(url, api.url, free_port(), secret), **plan.settings, **second}
            log = plan.folder / f"bot-{number}.log"
            replicas.append(BotProcess(other if number == 1 else nursery, settings, log, files))
        made = House(nursery, api, books, replicas, secret)
        api.on_sent = made.heard
        await replicas[0].start()
        for replica in replicas[1:]:
            await replica.spawn()
        yield made


async def feed(plan: Plan, made: House, telegram: Telegram) -> None:
    """Write updates as fast as they are finished."""
    writer = Writer(plan.chats, plan.seed)
    for number in range(plan.updates):
        await made.until_finished(number - plan.backlog)
        posting = writer.draw()
        made.expect(posting)
        telegram.add(posting)


async def storm(zygote: subprocess.Popen[bytes], what: Plan) -> Verdict:
    """Do `what` and judge it."""
    began = time.monotonic()
    async with house(zygote, what) as made:
        addresses = [replica.url for replica in made.replicas]
        async with Telegram(addresses, made.secret, what.wire, what.seed) as telegram:
            monkey = Monkey(made.replicas, made.until_finished, made.oust, what.server, what.spared, what.said)
            found = Verdict("sqlite" if made.books.is_sqlite else "postgresql", what.seed, what.replicas)
            try:
                await break_things(what, made, telegram, monkey)
                codes = await made.close()
                found.accuse("did not end with 0 on SIGTERM", [code for code in codes if code])
            except* Stalled as stalled:
                found.accuse("stalled", [str(error) for error in stalled.exceptions])
                await made.kill()
            await judge(found, made, telegram, monkey)
            found.seconds = time.monotonic() - began
            return found


async def break_things(what: Plan, made: House, telegram: Telegram, monkey: Monkey) -> None:
    """Load and blows side by side, until every update is delivered and the bots are idle."""
    blows = plan(what.counts, what.updates, what.replicas, what.seed, what.spared)
    made.supervise(monkey)
    watching = asyncio.create_task(what.watch.run(made.replicas)) if what.watch is not None else None
    async with asyncio.TaskGroup() as group:
        group.create_task(feed(what, made, telegram))
        group.create_task(monkey.run(blows))
    await telegram.until(what.updates)
    try:
        await until(made.books.idle, IDLE_LIMIT, "the bots are idle")
    except AssertionError as error:
        raise Stalled(str(error)) from None
    finally:
        if watching is not None:
            watching.cancel()


async def judge(found: Verdict, made: House, telegram: Telegram, monkey: Monkey) -> None:
    """Compare what was asked for with what is there."""
    rows = await made.books.rows()
    put_off = await made.books.put_off(made.written)
    found.put_off = sum(not answer.startswith("d:") for _, answer in put_off)
    logs = [replica.text() for replica in made.replicas]
    doubtful = sum(line.count(DOUBTFUL) > 0 for log in logs for line in log.splitlines())
    found.updates, found.expired = len(made.written), telegram.expired
    found.kills, found.freezes, found.ousts, found.restarts, found.database_stops = (
        monkey.done[kind] for kind in ("kill", "freeze", "oust", "term", "stop")
    )
    found.fallen = found.accuse("ended by themselves", made.fallen)
    found.resends, found.unavailable = telegram.resends, telegram.statuses[503]
    judging.judge_rows(found, made.written, rows, put_off)
    judging.judge_counters(found, rows, await made.books.counters())
    judging.judge_messages(found, made.written, rows, made.api.sent, doubtful, put_off)
    found.left_over = sum(await made.books.waiting())
    found.dead = found.accuse("dead", await made.books.dead())
    found.integrity = await made.books.integrity()
    if found.integrity != "ok" or found.left_over:
        found.problems.append(f"integrity: {found.integrity}, left over: {found.left_over}")
    found.longest_take_over = judging.longest_take_over(made.written, monkey.moments)
