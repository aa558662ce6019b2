"""`python3 dev.py bench`: every budget of Astral, measured on this machine beside other frameworks.

`--only cpu|durable|rates|takeover|kit|due` runs one part, `--quick` takes fewer updates, `--peers ptb,aiogram`
measures beside some of the peers. A run of all parts writes RESULTS.md.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import click
from rich.console import Console
from sqlalchemy.exc import SQLAlchemyError

from benchmarks import acknowledged, cpu, due, durable, kit, many, rates, resources, takeover
from benchmarks.api import Api
from benchmarks.bots import Bots
from benchmarks.machine import Others, facts
from benchmarks.report import BenchError, Report
from benchmarks.roster import CACHE, Peer, chosen
from benchmarks.setting import Setting, described, durable_postgres

RESULTS = Path(__file__).with_name("RESULTS.md")
HOW = (
    "Written by `python3 dev.py bench`, never by hand; the same command repeats it. Ratios between bots of the same "
    "run decide, absolute figures are this machine's."
)
WIDTH = 150  # columns of the printed tables where there is no terminal
PARTS: dict[str, tuple[Callable[[Setting], Awaitable[None]], ...]] = {
    "cpu": (cpu.measure,),
    "durable": (acknowledged.measure, durable.measure),
    "rates": (rates.messages, rates.crowded, resources.measure, many.measure),
    "takeover": (takeover.measure,),
    "kit": (kit.measure,),
    "due": (due.measure,),
}


async def run(parts: list[str], peers: tuple[Peer, ...], quick: bool) -> Report:
    """Measure `parts`; what cannot be measured is said in the report. Logs stay in build/bench/logs."""
    report, others = Report(facts(quick, peers)), Others()
    logs = CACHE / "logs"
    shutil.rmtree(logs, ignore_errors=True)
    logs.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="astral-bench-") as name:
        folder = Path(name)
        with durable_postgres(folder) as (server, reason):
            report.facts.append(("PostgreSQL", described(server) if server else reason))
            async with Api(logs) as api:
                setting = Setting(Bots(api, folder, logs), report, peers, quick, server, reason)
                await _all(setting, parts)
    report.facts.append(("Meanwhile other processes took", f"{others.share()} of the machine"))
    return report


async def _all(setting: Setting, parts: list[str]) -> None:
    try:
        for part in parts:
            for measure in PARTS[part]:
                await _guarded(setting, part, measure)
    finally:
        setting.drop_databases()


async def _guarded(setting: Setting, part: str, measure: Callable[[Setting], Awaitable[None]]) -> None:
    """A part that fails does not take the others with it."""
    try:
        await measure(setting)
    except (BenchError, SQLAlchemyError, OSError, TimeoutError, aiohttp.ClientError) as error:
        setting.say(f"{part} failed: {error}")
        setting.report.missing(f"{part}: {measure.__module__}", "", str(error) or type(error).__name__)


@click.command(help=__doc__)
@click.option("--only", type=click.Choice(list(PARTS)), help="One part; RESULTS.md stays as it is.")
@click.option("--quick", is_flag=True, help="Fewer updates and rounds.")
@click.option("--peers", help="Names of peers, comma-separated; all without.")
def main(only: str | None, quick: bool, peers: str | None) -> None:
    """Measure, print, write."""
    parts = [only] if only else list(PARTS)
    report = asyncio.run(run(parts, chosen(peers), quick))
    console = Console() if sys.stdout.isatty() else Console(width=WIDTH)
    report.print(console)
    if only is None:
        report.write(RESULTS, HOW)
        console.print(f"written to {RESULTS}")


if __name__ == "__main__":
    main()
