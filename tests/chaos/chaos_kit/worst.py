"""All faults at once, for some minutes: `python3 dev.py chaos --faults`.

Beside kills, freezes, restarts and stops of the database: plugins whose API hangs, a chat that floods, deadlocks, odd
answers of the Bot API, lost notices, a clock that is a day ahead, and strangers who take up descriptors. The judge is
that of every run; here it is also told how long everybody else waited.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import aiohttp
from rich.table import Table
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from astral_playground.testkit.postgres import LocalPostgres
from astral_playground.testkit.process import until, zygote

from .api import Faults
from .crowd import CROSSING, FLOODED, HANGING, Flood, People, SilentApi, Strangers
from .hanging import SILENT_API
from .monkey import Counts, Monkey, plan
from .ready import Downs, Ready, percentile, waited
from .run import FAULTS, STORM, House, Plan, Stalled, house, judge
from .telegram import Telegram
from .traffic import Posting, Writer
from .trial import side_by_side
from .verdict import Verdict

KINDS = ("blows", "hanging", "flood", "deadlocks", "odd", "odd-others", "notices", "clocks", "strangers")
# Seldom enough for handlers of 25 s to end: a row of which two processes died runs a last time alone, and hundreds of
# them, one after the other, would take longer than the run.
A_MINUTE = {"kills": 0.25, "freezes": 0.15, "terms": 0.25, "stops": 0.35}
ODD = replace(FAULTS, odd=0.01, odd_others=0.05)
MAX_CHAT = 200  # of the flooded chat: so many updates wait, the rest gets 503
DESCRIPTORS = 256
NOTICES_EVERY, NOTICES_AWAY = 30.0, 8.0  # seconds: how often notices get lost, and for how long
READY_LIMIT = 60.0  # seconds until some process is ready again
END_LIMIT = 600.0  # seconds until all is done, once it is calm
MOST_LINES = 3_000  # log lines a minute and process
ROLE = "astral_chaos"
_NOTIFY = "EXECUTE ON FUNCTION pg_catalog.pg_notify(text, text)"
_FAKETIME = ("/usr/lib/*/faketime/libfaketime.so.1", "/usr/lib/faketime/libfaketime.so.1",
             "/usr/local/lib/faketime/libfaketime.so.1", "/usr/lib64/faketime/libfaketime.so.1")  # fmt: skip


@dataclass(frozen=True)
class Worst:
    """How long, and which of KINDS."""

    minutes: float = 15.0
    kinds: frozenset[str] = frozenset(KINDS)

    @property
    def counts(self) -> Counts:
        """The blows of the run."""
        if "blows" not in self.kinds:
            return Counts()
        return Counts(**{name: max(1, round(each * self.minutes)) for name, each in A_MINUTE.items()})

    @property
    def faults(self) -> Faults:
        """What the Bot API does."""
        return replace(
            ODD, odd=ODD.odd if "odd" in self.kinds else 0.0,
            odd_others=ODD.odd_others if "odd-others" in self.kinds else 0.0,
        )  # fmt: skip


@dataclass
class Figures:
    """What the judge of every run does not tell. Times are in seconds."""

    p50: float = 0.0
    p99: float = 0.0
    longest: float = 0.0
    others: int = 0
    p99_spared: float = 0.0  # of those whose chat the emulated Bot API answered well meanwhile
    not_ready: float = 0.0
    hanging: int = 0  # answers after a call that hung
    flood: Counter[int] = field(default_factory=Counter)
    odd: Counter[str] = field(default_factory=Counter)
    deadlocks: int = 0
    notices_lost: float = 0.0
    hours_ahead: float = 0.0  # the second replica's clock
    strangers: Counter[str] = field(default_factory=Counter)
    lines: list[int] = field(default_factory=list)  # log lines a minute, by process
    left_out: list[str] = field(default_factory=list)

    def table(self) -> Table:
        """The figures for people."""
        table = Table("what", title="all faults at once")
        table.add_column("how many", justify="right")
        for name, value in vars(self).items():
            if isinstance(value, Counter):
                for key, count in sorted(value.items(), key=str):
                    table.add_row(f"{name}: {key}", str(count))
            else:
                shown = ", ".join(map(str, value)) or "–" if isinstance(value, list) else value
                table.add_row(name.replace("_", " "), f"{shown:.2f}" if isinstance(shown, float) else str(shown))
        return table


def faketime() -> str:
    """The library that shows a process another time; "" where there is none."""
    found = [path for pattern in _FAKETIME for path in Path("/").glob(pattern.removeprefix("/"))]
    return str(found[0]) if found else ""


@contextlib.contextmanager
def parents(plan: Plan, kinds: frozenset[str], figures: Figures) -> Iterator[tuple[subprocess.Popen[bytes], Plan]]:
    """The parents of the bots, with few descriptors; that of the second one lives a day ahead."""
    library = faketime()
    ahead = {"FAKETIME": "+1d", "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"}
    if "clocks" in kinds and (not library or plan.replicas < 2):
        figures.left_out.append("clocks")  # they need two replicas, and libfaketime
        library = ""
    with contextlib.ExitStack() as stack:
        made = [stack.enter_context(zygote())]
        if "clocks" in kinds and library:
            made.append(stack.enter_context(zygote(LD_PRELOAD=library, **ahead)))
            plan = replace(plan, second=made[1], second_settings=ahead)  # the library looks at them again and again
        if "strangers" in kinds:
            _few_descriptors(made, figures)
        yield made[0], plan


def _few_descriptors(processes: Sequence[subprocess.Popen[bytes]], figures: Figures) -> None:
    """Let the bots have few, also if they ask for more in all but the first; and the harness as many as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if not hasattr(resource, "prlimit"):
        figures.left_out.append("few descriptors (needs Linux)")
        return
    for number, process in enumerate(processes):
        most = DESCRIPTORS if number else hard
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (min(soft, DESCRIPTORS), most))


def prepare(plan: Plan, what: Worst, figures: Figures) -> Plan:
    """Another user for the bots, if notices shall get lost: nobody can take a right from a superuser."""
    plan = replace(plan, faults=what.faults, counts=what.counts, plugins=(STORM,))
    here = Path(__file__)
    files = {"hanging": ("hangone.py", "hangtwo.py"), "deadlocks": ("crossing.py",)}
    for kind, names in files.items():
        if kind in what.kinds:
            plan = replace(plan, plugins=(*plan.plugins, *(here.with_name(name) for name in names)))
    plan = replace(plan, settings={"ASTRAL_INBOX__MAX_CHAT": str(MAX_CHAT), "PYTHONPATH": str(here.parents[1])})
    if not isinstance(plan.server, LocalPostgres):
        figures.left_out += [kind for kind in ("notices", "deadlocks") if kind in what.kinds]
        return plan
    url = make_url(plan.url)
    database = url.database or ""
    plan.server.execute(f"CREATE ROLE {ROLE} LOGIN", f'ALTER DATABASE "{database}" OWNER TO {ROLE}')
    rights = [f"ALTER DEFAULT PRIVILEGES GRANT ALL ON {kind} TO {ROLE}" for kind in ("TABLES", "SEQUENCES")]
    plan.server.execute(*rights, database=database)
    return replace(plan, bot_url=url.set(username=ROLE).render_as_string(hide_password=False))


@dataclass
class _Scene:
    """Everything that happens at once."""

    what: Worst
    plan: Plan
    made: House
    telegram: Telegram
    figures: Figures
    ready: Ready
    flood: Flood
    strangers: Strangers
    writer: Writer
    started: float

    def work(self) -> list[Coroutine[Any, Any, None]]:
        """What goes on until it is calm."""
        people, kinds = People(self.made, self.telegram, self.writer), self.what.kinds
        work = [people.at_random(), self.ready.watch(READY_LIMIT)]
        if self.plan.second is not None:
            work.append(self._read_clock())
        if "hanging" in kinds:
            work.append(people.in_turn(HANGING))
        if "strangers" in kinds:
            work.append(self.strangers.run())
        if self.plan.bot_url:
            work.append(self._count_deadlocks())
            work += [people.in_turn(CROSSING)] if "deadlocks" in kinds else []
            work += [self._lose_notices()] if "notices" in kinds else []
        return work

    async def _lose_notices(self) -> None:
        """Take the right to notify away for a while, and give it back; also if the run ends meanwhile."""
        try:
            while True:
                await asyncio.sleep(NOTICES_EVERY - NOTICES_AWAY)
                await self._tell(f"REVOKE {_NOTIFY} FROM PUBLIC")
                began = time.monotonic()
                await asyncio.sleep(NOTICES_AWAY)
                await self._tell(f"GRANT {_NOTIFY} TO PUBLIC")
                self.figures.notices_lost += time.monotonic() - began
        finally:
            await self._tell(f"GRANT {_NOTIFY} TO PUBLIC")

    async def _tell(self, statement: str) -> None:
        """Change a right, as soon as the database is there."""
        while True:
            with contextlib.suppress(DBAPIError, OSError):
                await self.made.books.execute(statement)
                return
            await asyncio.sleep(0.2)

    async def _read_clock(self) -> None:
        """See whether the second replica's clock is ahead: the headers of its answers say so."""
        timeout = aiohttp.ClientTimeout(total=2)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
                    async with session.get(f"{self.made.replicas[1].url}/healthz") as answer:
                        shown = parsedate_to_datetime(answer.headers["Date"]).timestamp()
                        self.figures.hours_ahead = (shown - time.time()) / 3600
                await asyncio.sleep(5.0)

    async def _count_deadlocks(self) -> None:
        """PostgreSQL counts them, and forgets its count when it is stopped at once."""
        last = 0
        query = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        while True:
            with contextlib.suppress(DBAPIError, OSError):
                now = int(await self.made.books.one(query))
                self.figures.deadlocks += now - last if now >= last else now
                last = now
            await asyncio.sleep(1.0)


async def worst(zygote: subprocess.Popen[bytes], plan: Plan, what: Worst, figures: Figures) -> Verdict:
    """Do it and judge it."""
    began = time.monotonic()
    async with SilentApi() as one, SilentApi() as two:
        addresses = {f"{SILENT_API}askone": one.url, f"{SILENT_API}asktwo": two.url}
        plan = replace(plan, settings={**plan.settings, **addresses})
        async with house(zygote, plan) as made, _telegram(made, plan) as telegram:
            await made.books.execute("INSERT INTO storm_locks (id, value) VALUES (1, 0), (2, 0)")
            writer = Writer(plan.chats, plan.seed)
            strangers = Strangers([replica.port for replica in made.replicas])
            found = Verdict("sqlite" if made.books.is_sqlite else "postgresql", plan.seed, plan.replicas)
            started, ready, flood = time.monotonic(), Ready(made.replicas), Flood(made, writer)
            scene = _Scene(what, plan, made, telegram, figures, ready, flood, strangers, writer, started)
            monkey = Monkey(made.replicas, _clock(started), made.oust, plan.server, said=plan.said)
            try:
                await _all_at_once(scene, monkey)
                codes = await made.close()
                found.accuse("did not end with 0 on SIGTERM", [code for code in codes if code])
            except Stalled as stalled:
                found.accuse("stalled", [str(stalled)])
                await made.kill()
            await judge(found, made, telegram, monkey)
            _measure(found, scene, (time.monotonic() - started) / 60)
            found.seconds = time.monotonic() - began
            return found


def _telegram(made: House, plan: Plan) -> Telegram:
    return Telegram([replica.url for replica in made.replicas], made.secret, plan.wire, plan.seed)


def _clock(started: float) -> Callable[[int], Awaitable[None]]:
    """What lets the monkey wait: here its blows fall by time, in tenths of a second."""

    async def wait(tenths: int) -> None:
        await asyncio.sleep(started + tenths / 10 - time.monotonic())

    return wait


async def _all_at_once(scene: _Scene, monkey: Monkey) -> None:
    """Work and blows; then calm, until all is done."""
    made, seconds = scene.made, scene.what.minutes * 60
    blows = plan(scene.plan.counts, int(seconds * 10), scene.plan.replicas, scene.plan.seed)
    made.supervise(monkey)
    flood = asyncio.create_task(scene.flood.run()) if "flood" in scene.what.kinds else None
    try:
        async with side_by_side(*scene.work()):
            ended = time.monotonic() + seconds
            await monkey.run(blows)
            await asyncio.sleep(ended - time.monotonic())
        scene.plan.said("it is calm: what is left is done")
        scene.flood.calm = True
        async with asyncio.timeout(END_LIMIT):
            await scene.telegram.until(len(made.written))
            await (flood or asyncio.sleep(0))
        await until(made.books.idle, END_LIMIT, "the bots are idle")
    except (TimeoutError, AssertionError) as error:
        raise Stalled(f"{error or 'some updates were never acknowledged'}") from None
    finally:
        if flood is not None:
            flood.cancel()


def _measure(found: Verdict, scene: _Scene, minutes: float) -> None:
    """Fill in the figures, and accuse what must not be."""
    figures, api, made = scene.figures, scene.made.api, scene.made
    figures.flood, figures.odd, figures.strangers = scene.flood.statuses, api.odd, scene.strangers.done
    figures.not_ready = sum(up - gone for gone, up in scene.ready.downs)
    figures.hanging = sum(bool(posting.first_sent_at) for posting in made.written if posting.chat in HANGING)
    waits(figures, made.written, scene.ready.downs, api.spoilt)
    _keep(scene)
    figures.lines = [round(replica.text().count("\n") / minutes) for replica in made.replicas]
    if max(figures.lines) > MOST_LINES:
        found.problems.append(f"the logs grew by {figures.lines} lines a minute")
    if api.strayed:
        found.problems.append(f"{api.strayed} calls followed a redirect to somebody else")
    if figures.strangers["forged: 200"]:
        found.problems.append(f"{figures.strangers['forged: 200']} posts with a wrong secret were taken")
    seen = {
        "hanging": figures.hanging, "flood": figures.flood[503], "odd": figures.odd.total(),
        "clocks": figures.hours_ahead, "deadlocks": figures.deadlocks, "notices": figures.notices_lost,
        "strangers": figures.strangers["idle"],
    }  # fmt: skip
    found.accuse("never happened", [k for k, n in seen.items() if k in scene.what.kinds and not n
                                    and k not in figures.left_out])  # fmt: skip


def _keep(scene: _Scene) -> None:
    """Write down how long each update waited, beside the logs: who wants to know why looks there."""
    lines = ["acknowledged,by,chat,action,number,waited"]
    for one in scene.made.written:
        if one.first_sent_at:
            wait = waited(one, scene.ready.downs)
            began = one.acked_at - scene.started
            lines.append(f"{began:.2f},{one.acked_by},{one.chat},{one.action},{one.number},{wait:.2f}")
    (scene.plan.folder / "waits.csv").write_text("\n".join(lines), encoding="utf-8")


def waits(figures: Figures, written: Iterable[Posting], downs: Downs, spoilt: Iterable[tuple[int, float]]) -> None:
    """How long those waited whom nothing was the matter with."""
    others = [
        posting for posting in written
        if posting.first_sent_at and posting.chat != FLOODED and posting.chat not in HANGING | CROSSING
    ]  # fmt: skip
    moments: defaultdict[int, list[float]] = defaultdict(list)
    for chat, at in spoilt:
        moments[chat].append(at)
    spared = [
        posting for posting in others
        if not any(posting.acked_at <= at <= posting.first_sent_at for at in moments[posting.chat])
    ]  # fmt: skip
    every = [waited(posting, downs) for posting in others]
    figures.others, figures.p50, figures.p99 = len(every), percentile(every, 0.5), percentile(every)
    figures.longest = max(every, default=0.0)
    figures.p99_spared = percentile([waited(posting, downs) for posting in spared])
