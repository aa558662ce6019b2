"""Much data of one person, a little at a time: for `astral_export_user`."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Column, Row, Select

from astral_core.host.context import PluginContext

BATCH = 50


async def in_batches(ctx: PluginContext, query: Select[Any], key: Column[int]) -> AsyncIterator[Sequence[Row[Any]]]:
    """The rows of `query` in the order of `key`, its table's primary key, fifty at a time.

    The keys are read first. Between two batches no connection is held, so that nobody waits for whoever takes them.
    """
    async with ctx.work() as work:
        keys = (await work.session.scalars(query.with_only_columns(key).order_by(key))).all()
    for start in range(0, len(keys), BATCH):
        some = query.where(key.in_(keys[start : start + BATCH])).order_by(key)
        async with ctx.work() as work:
            rows = (await work.session.execute(some)).all()
        yield rows


async def json_array(batches: AsyncIterable[Iterable[Any]]) -> AsyncIterator[bytes]:
    """The pieces of a JSON array, an item a line, of batches of items; text that is JSON goes in as `msgspec.Raw`."""
    before = b"[\n"
    async for batch in batches:
        if lines := [msgspec.json.encode(item) for item in batch]:
            yield before + b",\n".join(lines)
            before = b",\n"
    yield b"\n]\n" if before == b",\n" else b"[]\n"
