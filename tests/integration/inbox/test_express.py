"""Express rows have 8 s in all: over their attempts, behind each other, and whatever the database does."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text

from astral_core.db.tables import DEAD, DONE
from astral_core.inbox import express
from astral_core.inbox.express import LIFE, Deadlines
from astral_core.inbox.rows import InboxRow


def row(seq: int = 1, **fields: Any) -> InboxRow:
    """A pre-checkout query."""
    return InboxRow(seq, "tg:1", str(seq), 7, "pre_checkout_query", True, "{}", datetime.now(UTC), **fields)


async def hangs(row: Any, work: Any, outcome: Any) -> None:
    """A handler that waits for a database that does not answer."""
    await asyncio.Event().wait()


async def missed(bench: Any, *ext_ids: str) -> None:
    """Wait until these rows are refused."""
    async with asyncio.timeout(20):
        while set(bench.runner.late) != set(ext_ids):  # noqa: ASYNC110  # no event tells
            await asyncio.sleep(0.005)


async def test_the_time_counts_from_the_receipt_over_all_attempts() -> None:
    """What was spent before, in another attempt or in memory, is gone; read from the database, a row gets no more."""
    late: list[InboxRow] = []
    deadlines = Deadlines(late.append)
    first = row(seen=time.monotonic() - LIFE + 3)
    assert 0 < deadlines.left(first) <= 3
    assert deadlines.left(row()) <= 3  # the same one, read anew
    old = row(2, seen=time.monotonic() - LIFE - 1)
    assert deadlines.left(old) == 0
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert late == [old]
    deadlines.forget(1)
    assert LIFE - 1 < deadlines.left(row()) <= LIFE
    for seq in (1, 2):
        deadlines.forget(seq)


async def test_what_fails_again_and_again_is_buried_within_its_time(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No try begins after the end, and none is waited for that would."""
    monkeypatch.setattr(express, "LIFE", 0.4)  # the first pause is longer

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        raise ConnectionError("the database is away")

    bench.runner.handler = handler
    await bench.start()
    await bench.ingest(ext_id="1", kind="pre_checkout_query", express=True)
    await bench.settle()
    assert bench.runner.seen == ["1"]
    assert await bench.states() == {"1": DEAD}
    assert bench.runner.late == []  # its end came first, with a refusal of its own


async def test_a_locked_database_does_not_hold_up_the_refusal(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither of the row that is handled nor of the one behind it; the end of both is noted afterwards."""
    monkeypatch.setattr(express, "LIFE", 0.2)
    bench.runner.handler = hangs
    await bench.start()
    for ext_id in ("1", "2"):
        await bench.ingest(ext_id=ext_id, kind="pre_checkout_query", express=True)
    async with bench.engine.connect() as holder:
        writes = "UPDATE core_facts SET value = value"  # no other write until it ends
        await holder.execute(text(writes if bench.database.is_sqlite else "LOCK TABLE core_inbox IN EXCLUSIVE MODE"))
        await missed(bench, "1", "2")
        await holder.rollback()
    await bench.settle()
    assert bench.runner.late == ["1", "2"]
    assert await bench.states() == {"1": DEAD, "2": DEAD}


async def test_what_was_answered_is_not_refused(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its time goes on, and nothing comes of it."""
    monkeypatch.setattr(express, "LIFE", 0.1)

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        if row.ext_id == "1":
            outcome.contents = [bench.message("yes", 7)]
        else:
            await asyncio.Event().wait()

    bench.runner.handler = handler
    await bench.start()
    for ext_id in ("1", "2"):
        await bench.ingest(ext_id=ext_id, kind="pre_checkout_query", express=True)
    await missed(bench, "2")
    await bench.settle()
    assert await bench.states() == {"1": DONE, "2": DEAD}
    assert bench.runner.late == ["2"]
    assert bench.inbox.inflight.deadlines._due == {}
