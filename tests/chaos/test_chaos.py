"""Bots under load are killed, frozen, stopped and cut off from their database, at random: nothing is lost or doubled.

The seed decides what breaks when, and stands in the table that a failure shows. `python3 dev.py chaos` runs longer;
`.ci/run` has it kill a hundred times.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from chaos_kit.main import database
from chaos_kit.monkey import Counts
from chaos_kit.run import Plan, storm
from chaos_kit.verdict import Verdict
from rich.console import Console

SEED = 20


def assert_holds(verdict: Verdict) -> None:
    """Every promise was kept; the figures stand in the output of a test that fails."""
    Console().print(verdict.table())
    assert verdict.holds, "\n".join(verdict.problems)


@pytest.mark.timeout(400)
async def test_sqlite_survives_kills(zygote: subprocess.Popen[bytes], tmp_path: Path) -> None:
    """One process, killed and restarted all the time: no update lost, no effect twice, all in order, file sound."""
    with database("sqlite", tmp_path) as (url, _):
        plan = Plan(url, tmp_path, updates=200, counts=Counts(kills=4, terms=1), seed=SEED)
        verdict = await storm(zygote, plan)
    assert_holds(verdict)
    assert verdict.kills == 4


@pytest.mark.postgres
@pytest.mark.timeout(400)
async def test_replicas_survive_kills_freezes_and_a_server_that_dies(
    zygote: subprocess.Popen[bytes], postgres_server: object, tmp_path: Path
) -> None:
    """Three replicas and no stickiness: whoever dies, the others go on; who comes back is fenced."""
    del postgres_server  # it skips where there is none
    with database("postgresql", tmp_path) as (url, server):
        stops = 1 if server is not None else 0
        counts = Counts(kills=4, freezes=1, ousts=1, terms=1, stops=stops)
        plan = Plan(url, tmp_path, 3, updates=300, counts=counts, seed=SEED, server=server, chats=200, backlog=240)
        verdict = await storm(zygote, plan)
    assert_holds(verdict)
    assert (verdict.kills, verdict.freezes, verdict.ousts) == (4, 1, 1)
