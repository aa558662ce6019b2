"""The command lines of `python3 dev.py chaos` and `python3 dev.py soak`."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from astral_playground.testkit.postgres import LocalPostgres, postgres
from astral_playground.testkit.process import zygote

from .monkey import Counts
from .run import Plan, storm
from .trial import trial
from .watch import Watch
from .worst import KINDS, Figures, Worst, parents, prepare, worst

UPDATES_A_KILL = 70
console = Console()


def options(engine: str, kills: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """What both commands take."""
    parts = [
        click.option("--engine", type=click.Choice(["sqlite", "postgresql"]), default=engine, show_default=True),
        click.option("--replicas", type=click.IntRange(1, 9), help="Processes; 3 on PostgreSQL, always 1 on SQLite."),
        click.option("--kills", type=click.IntRange(0), default=kills, show_default=True, help="How many kill -9."),
        click.option("--updates", type=click.IntRange(1), help=f"How many updates; {UPDATES_A_KILL} a kill."),
        click.option("--seed", type=int, default=1, show_default=True, help="Decides what breaks when."),
        click.option("--failover", is_flag=True, help="The balancer tries another replica where one refuses."),
        click.option("--hurry", type=float, default=10.0, show_default=True, help="Divides Telegram's pauses."),
        click.option("--quiet", is_flag=True, help="Only the figures."),
    ]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        for part in reversed(parts):
            command = part(command)
        return command

    return decorate


@contextlib.contextmanager
def database(engine: str, folder: Path) -> Iterator[tuple[str, LocalPostgres | None]]:
    """A database of this run's own, and its server where that may be stopped."""
    if engine == "sqlite":
        yield f"sqlite+aiosqlite:///{folder}/astral.db", None
        return
    with postgres(fsync=True) as server:
        name = server.create_database()
        own = server if isinstance(server, LocalPostgres) else None
        try:
            yield server.url(name), own
        finally:
            if own is not None:
                own.start()  # a run that was broken off may have left it stopped
            server.drop_database(name)


def counts(kills: int, *, replicas: int, stoppable: bool) -> Counts:
    """Besides the kills: rolling restarts; freezes where somebody takes over; stops where the server is ours."""
    share = max(1, kills // 15) if kills else 0
    shared = share if replicas > 1 else 0
    return Counts(kills, freezes=shared, ousts=shared, terms=share, stops=share if stoppable else 0)


def perform(watch: Watch | None, **chosen: Any) -> None:
    """One run; the exit code is 1 where a promise was broken."""
    engine, kills = chosen["engine"], chosen["kills"]
    replicas = 1 if engine == "sqlite" else chosen["replicas"] or 3
    updates = chosen["updates"] or max(500, UPDATES_A_KILL * kills)
    folder = Path(tempfile.mkdtemp(prefix="astral-chaos-"))
    with database(engine, folder) as (url, server), zygote() as parent:
        base = Plan(url, folder)
        wire = replace(base.wire, failover=chosen["failover"], hurry=chosen["hurry"])
        plan = replace(
            base, replicas=replicas, updates=updates, seed=chosen["seed"], server=server, wire=wire, watch=watch,
            counts=counts(kills, replicas=replicas, stoppable=server is not None),
            spared=1 if watch is not None and replicas > 1 else 0,
            said=(lambda _: None) if chosen["quiet"] else console.log,
        )  # fmt: skip
        console.print(
            f"{engine}, {replicas} replica(s), {updates} updates, {plan.counts}, seed {plan.seed}: {folder}"
        )
        verdict = asyncio.run(storm(parent, plan))
    console.print(verdict.table())
    if watch is not None:
        console.print(watch.table())
    for problem in verdict.problems:
        console.print(problem, style="red", markup=False)
    sys.exit(0 if verdict.holds else 1)


def examine(trial_of: str, **chosen: Any) -> None:
    """A trial; the exit code is 1 where an innocent row was given up, or a killer was not."""
    replicas = 1 if chosen["engine"] == "sqlite" else chosen["replicas"] or 3
    folder = Path(tempfile.mkdtemp(prefix="astral-chaos-"))
    with database(chosen["engine"], folder) as (url, server), zygote() as parent:
        base = Plan(
            url, folder, counts=Counts(chosen["kills"]), seed=chosen["seed"], replicas=replicas, server=server
        )
        plan = replace(
            base,
            wire=replace(base.wire, failover=True),
            said=(lambda _: None) if chosen["quiet"] else console.log,
        )
        console.print(f"trial of {trial_of}, {chosen['engine']}, {replicas} replica(s), seed {plan.seed}: {folder}")
        found = asyncio.run(trial(parent, plan, killer=trial_of == "killer"))
    console.print(found.table())
    for problem in found.problems:
        console.print(problem, style="red", markup=False)
    sys.exit(1 if found.problems else 0)


def endure(what: Worst, **chosen: Any) -> None:
    """All faults at once; the exit code is 1 where a promise was broken."""
    replicas = 1 if chosen["engine"] == "sqlite" else chosen["replicas"] or 2
    folder, figures = Path(tempfile.mkdtemp(prefix="astral-chaos-")), Figures()
    with database(chosen["engine"], folder) as (url, server):
        blank = Plan(
            url, folder, seed=chosen["seed"], replicas=replicas, server=server,
            said=(lambda _: None) if chosen["quiet"] else console.log,
        )  # fmt: skip
        blank = replace(blank, wire=replace(blank.wire, failover=chosen["failover"], hurry=chosen["hurry"]))
        ready = prepare(blank, what, figures)
        with parents(ready, what.kinds, figures) as (parent, plan):
            kinds = ", ".join(kind for kind in KINDS if kind in what.kinds)
            console.print(f"{what.minutes:g} minutes of {kinds}; {plan.replicas} replica(s), {plan.counts}: {folder}")
            verdict = asyncio.run(worst(parent, plan, what, figures))
    console.print(verdict.table())
    console.print(figures.table())
    for problem in verdict.problems:
        console.print(problem, style="red", markup=False)
    sys.exit(0 if verdict.holds else 1)


@click.command()
@options("sqlite", 100)
@click.option(
    "--trial", type=click.Choice(["storm", "killer"]),
    help="Look for innocent rows that are given up in a storm, or let one real killer be found; by time, not load.",
)  # fmt: skip
@click.option("--faults", is_flag=True, help="All faults of the table at once, for --minutes; 2 replicas.")
@click.option("--minutes", type=click.FloatRange(0.5), default=15.0, show_default=True, help="Of --faults.")
@click.option("--without", default="", help=f"Leave some of --faults out: {','.join(KINDS)}.")
def chaos(**chosen: Any) -> None:
    """Kill bots at random under load, then look for lost, doubled and overtaking effects and messages."""
    of, faults, minutes = chosen.pop("trial"), chosen.pop("faults"), chosen.pop("minutes")
    left_out = set(filter(None, chosen.pop("without").split(",")))
    if left_out - set(KINDS):
        raise click.BadParameter(
            f"no such faults: {', '.join(sorted(left_out - set(KINDS)))}", param_hint="--without"
        )
    if faults:
        endure(Worst(minutes, frozenset(KINDS) - left_out), **chosen)
    if of is not None:
        examine(of, **chosen)
    perform(None, **chosen)


@click.command()
@options("postgresql", 1000)
def soak(**chosen: Any) -> None:
    """The same for an hour; one replica is spared, and its memory and the lag of its loop are watched."""
    perform(Watch(), **chosen)
