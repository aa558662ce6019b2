"""The command line of `python3 dev.py books`."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from astral_playground.testkit.postgres import postgres
from astral_playground.testkit.process import zygote

from .judge import Verdict
from .mutants import MUTANTS
from .plan import Plan
from .run import run
from .weather import Climate

MUTANT_ORDERS = 40
MUTANT_CALLS = 0.3  # share of API calls that fail: a mutant has to meet what it does wrong
console = Console()


@contextlib.contextmanager
def database(engine: str, folder: Path) -> Iterator[str]:
    """A database of this run's own."""
    if engine == "sqlite":
        yield f"sqlite+aiosqlite:///{folder}/astral.db"
        return
    with postgres() as server:
        name = server.create_database()
        try:
            yield server.url(name)
        finally:
            server.drop_database(name)


def perform(parent: subprocess.Popen[bytes], engine: str, blank: Plan) -> Verdict:
    """One run in a folder and a database of its own."""
    folder = Path(tempfile.mkdtemp(prefix="astral-books-"))
    with database(engine, folder) as url:
        plan = replace(blank, url=url, folder=folder)
        what = f", mutant {plan.mutant}" if plan.mutant else ""
        console.print(
            f"{engine}, {plan.replicas} replica(s), {plan.orders} orders, seed {plan.seed}{what}: {folder}",
            markup=False, soft_wrap=True,
        )  # fmt: skip
        return asyncio.run(run(parent, plan))


def show(verdict: Verdict) -> None:
    """The figures, and what does not agree."""
    table = Table("what", title="the books agree" if verdict.holds else "THE BOOKS DO NOT AGREE")
    table.add_column("how many", justify="right")
    for name, value in verdict.figures.items():
        table.add_row(name, str(value))
    console.print(table)
    for line in verdict.lines():
        console.print(line, style="red", markup=False, soft_wrap=True)


def examine(parent: subprocess.Popen[bytes], engine: str, plan: Plan) -> bool:
    """Let the judge look for each mutant; whether all were found."""
    found = {}
    for mutant, kind in MUTANTS.items():
        verdict = perform(parent, engine, replace(plan, mutant=mutant))
        found[mutant] = kind in verdict.problems
        console.print(
            f"{mutant}: {'found' if found[mutant] else f'NOT FOUND, no {kind!r}'}", markup=False, soft_wrap=True
        )
        for line in verdict.lines():
            console.print(f"  {line}", markup=False, soft_wrap=True)
    return all(found.values())


@click.command()
@click.option("--engine", type=click.Choice(["sqlite", "postgresql"]), default="postgresql", show_default=True)
@click.option("--orders", type=click.IntRange(1), help="How many orders; 300, and 40 with --mutants.")
@click.option("--replicas", type=click.IntRange(1, 9), help="Processes; 2 on PostgreSQL, always 1 on SQLite.")
@click.option("--seed", type=int, default=1, show_default=True, help="Decides who does what, and what goes wrong.")
@click.option("--no-lost-refunds", is_flag=True, help="YooKassa tells of every refund.")
@click.option("--no-lost-stars", is_flag=True, help="Telegram tells of all Stars that are paid and returned.")
@click.option(
    "--mutants", is_flag=True, help="Make the plugin worse in some ways, and see whether the judge finds it."
)
@click.option("--quiet", is_flag=True, help="One line where the books agree.")
def books(engine: str, orders: int | None, replicas: int | None, seed: int, **chosen: bool) -> None:
    """Let people buy in a bad world, then compare what they paid with what they have; 1 where it does not agree."""
    mutants = chosen["mutants"]
    climate = Climate(
        lost_refunds=not chosen["no_lost_refunds"], lost_stars=not chosen["no_lost_stars"]
    )  # fmt: skip
    if mutants:  # nothing is lost: what a sweep finds late would be found in place of the mutant
        climate = Climate(MUTANT_CALLS, lost_refunds=False, lost_stars=False)
    plan = Plan(
        "", Path(), orders or (MUTANT_ORDERS if mutants else 300), 1 if engine == "sqlite" else replicas or 2, seed,
        climate=climate,
    )  # fmt: skip
    with zygote() as parent:
        if mutants:
            sys.exit(0 if examine(parent, engine, replace(plan, patience=45.0)) else 1)
        verdict = perform(parent, engine, plan)
    if chosen["quiet"] and verdict.holds:
        figures = verdict.figures
        sold = figures["paid by card"] + figures["paid by Stars"]
        console.print(
            f"the books agree: {sold} payments, {figures['kills']} kills, {figures['seconds of the run']} s"
        )
    else:
        show(verdict)
    sys.exit(0 if verdict.holds else 1)
