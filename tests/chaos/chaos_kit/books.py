"""The bots' database, looked at from outside: what they wrote, and what they still have to do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from . import storm
from .traffic import Posting

Key = tuple[int, str]  # (chat, "stream:number")


@dataclass(frozen=True)
class Row:
    """A row of `storm_rows`, in the order of its id."""

    update_id: int
    chat: int
    stream: str
    number: int


class Books:
    """Opens a connection a question, so that nothing of it stands in the way of a server that is stopped."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        self._engine: AsyncEngine = create_async_engine(url, poolclass=NullPool)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._engine.dispose()

    async def make_tables(self) -> None:
        """The plugin's tables."""
        async with self._engine.begin() as connection:
            if self.is_sqlite:
                await connection.execute(text("PRAGMA journal_mode=WAL"))
            await connection.run_sync(storm.metadata.create_all)

    async def ask(self, query: str, **parameters: Any) -> Sequence[Any]:
        """All rows of a query."""
        async with self._engine.connect() as connection:
            return (await connection.execute(text(query), parameters)).all()

    async def one(self, query: str, **parameters: Any) -> Any:
        """The one value of a query."""
        return (await self.ask(query, **parameters))[0][0]

    async def execute(self, statement: str, **parameters: Any) -> None:
        """Change something behind the bots' backs."""
        async with self._engine.begin() as connection:
            await connection.execute(text(statement), parameters)

    async def rows(self) -> list[Row]:
        """What handlers wrote, in order."""
        return [
            Row(*row) for row in await self.ask("SELECT update_id, chat, stream, number FROM storm_rows ORDER BY id")
        ]

    async def written(self, chat: int) -> list[str]:
        """The rows of one chat as `stream:number`, in order."""
        return [f"{row.stream}:{row.number}" for row in await self.rows() if row.chat == chat]

    async def counters(self) -> list[tuple[int, int]]:
        """(chat, value) of every counter row."""
        return [(chat, value) for chat, value in await self.ask("SELECT chat, value FROM storm_counters")]

    async def stored(self) -> int:
        """How many updates are in the inbox, whatever became of them."""
        return int(await self.one("SELECT count(*) FROM core_inbox WHERE source LIKE 'tg:%'"))

    async def waiting(self) -> tuple[int, int]:
        """Rows to be handled, also those that were put off or wait for their time, and unsent messages."""
        inbox = await self.one(
            "SELECT (SELECT count(*) FROM core_inbox WHERE state IN (0, 3))"
            " + (SELECT count(*) FROM core_due WHERE schedule IS NULL)"
        )
        return int(inbox), int(await self.one("SELECT count(*) FROM core_outbox WHERE state NOT IN (1, 2)"))

    async def idle(self) -> bool:
        """Whether nothing is left to do; False where the database does not answer."""
        try:
            return await self.waiting() == (0, 0)
        except (DBAPIError, OSError):
            return False

    async def oust(self, port: int) -> None:
        """Strike the replica at `port` off the list, as others do that take it for dead; its lanes are free then."""
        await self.execute("DELETE FROM core_replicas WHERE port = :port", port=port)

    async def dead(self) -> list[str]:
        """Dead letters and dead messages, in words."""
        inbox = await self.ask("SELECT seq, kind, error FROM core_inbox WHERE state = 2 ORDER BY seq")
        outbox = await self.ask("SELECT seq, n, error FROM core_outbox WHERE state = 2 ORDER BY seq")
        return [f"row {row.seq} ({row.kind}): {row.error}" for row in inbox] + [
            f"message {row.n} of row {row.seq}: {row.error}" for row in outbox
        ]

    async def put_off(self, written: Sequence[Posting]) -> set[Key]:
        """What the rows wrote and said that came late: they might have killed a process, or were tried again.

        The database does not tell of which update a step was; so any step of that chat may be the one. Due work has
        no place in its chat's order.
        """
        late = {(one.chat, answer) for one in written for answer in one.answers if answer.startswith("d:")}
        known = {str(posting.update_id): posting for posting in written}
        steps: defaultdict[int, set[Key]] = defaultdict(set)
        told: defaultdict[int, set[Key]] = defaultdict(set)
        for posting in written:
            steps[posting.chat] |= {(posting.chat, key) for key in posting.answers if key.startswith("s:")}
            for tale in posting.tells:
                told[tale[0]].add(tale)
        again = "source = 'internal:due' AND ext_id NOT LIKE '%\\:1'"
        query = f"SELECT lane, source, ext_id FROM core_inbox WHERE crashes > 0 OR ({again})"  # noqa: S608
        for lane, source, ext_id in await self.ask(query):
            if source == "internal:messages":  # which of them it was is not known any more
                late |= told[lane]
            elif not source.startswith("tg:"):
                late |= steps[lane]
            elif ext_id in known:
                late |= {(known[ext_id].chat, key) for key in known[ext_id].answers} | set(known[ext_id].tells)
        return late

    async def integrity(self) -> str:
        """SQLite's own check; `ok` on PostgreSQL, which has none."""
        return str(await self.one("PRAGMA integrity_check")) if self.is_sqlite else "ok"
