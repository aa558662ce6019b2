"""The books: what the emulators say was paid and returned, what the bots' tables say, and who was told what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from .goods import CARD, STARS, ware_of

Cell = tuple[int, str]  # (buyer, code of a ware)

DUE = {"payments": "next_check_at", "payments_events": "next_try_at", "payments_refunds": "next_try_at"}
SINCE = {"payments": "created_at", "payments_events": "received_at", "payments_refunds": "created_at"}


@dataclass(frozen=True)
class Money:
    """A payment in the provider's own books. `paid` is 0 where nobody paid; all in the smallest units."""

    way: str
    ref: str
    buyer: int
    ware: str
    paid: int
    returned: int = 0
    by_hand: int = 0  # the part of `returned` that the owner gave back of a payment that was to stay
    asked: bool = False  # somebody asked for the whole of it
    number: str = ""  # what the bot called it

    @property
    def cell(self) -> Cell:
        """Whose money it is, and what for."""
        return self.buyer, self.ware

    @property
    def kept(self) -> int:
        """What the owner still has of it."""
        return self.paid - self.returned


@dataclass(frozen=True)
class Row:
    """A row of the table `payments`."""

    id: int
    buyer: int
    way: str
    ref: str | None
    amount: int
    returned: int
    status: str


@dataclass(frozen=True)
class Grant:
    """A row of the table `payments_entitlements`; `live` until it is revoked."""

    buyer: int
    ware: str
    payment_id: int
    live: bool

    @property
    def cell(self) -> Cell:
        """Who has what."""
        return self.buyer, self.ware


@dataclass
class Books:
    """Everything that the judge looks at. `thanks` and `goods` count messages that reached a buyer."""

    money: list[Money] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    grants: list[Grant] = field(default_factory=list)
    thanks: Counter[Cell] = field(default_factory=Counter)
    goods: Counter[Cell] = field(default_factory=Counter)
    doubtful: int = 0  # that many messages may have gone out twice, by the bots' logs
    pending: list[str] = field(default_factory=list)
    dead: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)  # refunds that were given up, and notifications


class Tables:
    """The bots' database, read from outside by plain SQL."""

    def __init__(self, url: str) -> None:
        self.is_sqlite = url.startswith("sqlite")
        options = {"timeout": 30} if self.is_sqlite else {}
        self._engine: AsyncEngine = create_async_engine(url, poolclass=NullPool, connect_args=options)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._engine.dispose()

    async def ask(self, query: str, **parameters: Any) -> Sequence[Any]:
        """All rows of a query."""
        async with self._engine.connect() as connection:
            return (await connection.execute(text(query), parameters)).all()

    async def hurry(self) -> None:
        """Let the time come for all that the plugin wants to look at later: a run has no hours to wait."""
        skip = "" if self.is_sqlite else " FOR UPDATE SKIP LOCKED"
        async with self._engine.begin() as connection:
            for table, due in DUE.items():
                late = f"SELECT id FROM {table} WHERE {due} > {SINCE[table]}{skip}"  # noqa: S608  # names of ours
                now = f"UPDATE {table} SET {due} = {SINCE[table]} WHERE id IN ({late})"  # noqa: S608
                await connection.execute(text(now))

    async def forget_sweeps(self) -> None:
        """Let the providers' lists be read again at once: a run has no quarter of an hour to wait."""
        long_ago = "UPDATE core_due SET due_at = '2020-01-01 00:00:00.000000' WHERE route = 'payments.sweep'"
        async with self._engine.begin() as connection:
            await connection.execute(text(f"{long_ago} AND state = 0"))

    async def number(self, ref: str) -> int | None:
        """Our number of a payment that has arrived, by the provider's id; None until then."""
        query = "SELECT id FROM payments WHERE provider_ref = :ref AND status = 'succeeded'"
        found = await self.ask(query, ref=ref)
        return int(found[0][0]) if found else None

    async def read(self, books: Books) -> None:
        """Add to `books` what the tables say."""
        books.rows = [Row(*row) for row in await self.ask(ROWS)]
        grants = await self.ask("SELECT user_id, product, payment_id, revoked_at FROM payments_entitlements")
        books.grants = [Grant(buyer, ware, number, at is None) for buyer, ware, number, at in grants]
        books.pending = [case async for case in self._cases(PENDING)]
        books.dead = [case async for case in self._cases(DEAD)]
        books.failed = [case async for case in self._cases(FAILED)]

    async def _cases(self, queries: dict[str, str]) -> Any:
        for what, query in queries.items():
            for row in await self.ask(query):
                yield f"{what} {' '.join(map(str, row))}"


ROWS = """
SELECT id, user_id, provider, provider_ref, amount_minor, refunded_minor, status FROM payments ORDER BY id
"""
PENDING = {
    "inbox row": "SELECT seq, kind, error FROM core_inbox WHERE state IN (0, 3) AND kind <> 'job'",
    "due work": "SELECT id, route, key FROM core_due WHERE kind <> 'job'",
    "message": "SELECT seq, n FROM core_outbox WHERE state NOT IN (1, 2)",
    "payment": "SELECT id, status FROM payments WHERE status NOT IN ('succeeded', 'canceled', 'failed')",
    "refund": "SELECT id, status, error FROM payments_refunds "
    "WHERE status NOT IN ('succeeded', 'canceled', 'failed')",
    "notification": "SELECT id, event, error FROM payments_events WHERE state = 'new'",
}
DEAD = {
    "inbox row": "SELECT seq, kind, error FROM core_inbox WHERE state = 2",
    "message": "SELECT seq, n, error FROM core_outbox WHERE state = 2",
}
FAILED = {
    "refund": "SELECT id, status, error FROM payments_refunds WHERE status IN ('canceled', 'failed')",
    "notification": "SELECT e.id, e.event, e.error FROM payments_events e JOIN payments p "
    "ON p.provider = e.provider AND p.provider_ref = e.payment_ref WHERE e.state = 'dead'",
}


@dataclass
class Journal:
    """What the harness did itself, and saw: whose link it was, what was given back by hand, what was said."""

    owners: dict[str, Cell] = field(default_factory=dict)  # by YooKassa's id of a payment
    by_hand: Counter[str] = field(default_factory=Counter)  # kopecks, by the provider's id
    asked: set[str] = field(default_factory=set)  # ids of payments of which the whole was asked back
    thanks: Counter[Cell] = field(default_factory=Counter)
    goods: Counter[Cell] = field(default_factory=Counter)
    figures: Counter[str] = field(default_factory=Counter)

    def cards(self, bank: Any) -> Iterator[Money]:
        """The payments of the emulated YooKassa. One that no buyer was led to belongs to buyer 0."""
        for payment in bank.payments.values():
            buyer, ware = self.owners.get(payment.id, (0, ""))
            yield Money(
                CARD, payment.id, buyer, ware, payment.amount if payment.status == "succeeded" else 0,
                payment.refunded, self.by_hand[payment.id], payment.id in self.asked,
                payment.metadata.get("payment_id", ""),
            )  # fmt: skip

    def stars(self, world: Any) -> Iterator[Money]:
        """The payments of the emulated Telegram."""
        for charge, payment in world.payments.items():
            paid, ware = payment.invoice.total_amount, ware_of(payment.invoice.title)
            returned, code = paid if payment.refunded else 0, ware.code if ware is not None else ""
            yield Money(
                STARS, charge, payment.user_id, code, paid, returned, self.by_hand[charge], charge in self.asked
            )  # fmt: skip
