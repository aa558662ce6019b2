"""Rows of payments, orders and refunds as frozen records; how they are found and locked.

Rows are locked in one order everywhere: payment, order, entitlement.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, ClassVar, Self, TypeVar
from uuid import UUID

from sqlalchemy import RowMapping, Select, Table, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from astral_payments.errors import PaymentsError
from astral_payments.tables import orders, payments, refunds

R = TypeVar("R", bound="Record")


@dataclass(frozen=True, slots=True)
class Record:
    """A row of `table`, with a field for each of its columns."""

    table: ClassVar[Table]

    @classmethod
    def from_row(cls, row: RowMapping) -> Self:
        """The record in a row that has all columns of the table, maybe beside those of others."""
        return cls(**{field.name: row[cls.table.c[field.name]] for field in fields(cls)})

    @classmethod
    def joined(cls, row: RowMapping) -> Self | None:
        """The record in a row of an outer join; None where there is none of this table."""
        return cls.from_row(row) if row[cls.table.c.id] is not None else None


@dataclass(frozen=True, slots=True)
class OrderRow(Record):
    """What somebody wants to buy, at the prices that `snapshot` keeps."""

    table: ClassVar[Table] = orders

    id: UUID
    user_id: int
    product: str
    snapshot: str
    status: str
    paid_payment_id: int | None
    invoiced_at: datetime | None
    created_at: datetime
    paid_at: datetime | None


@dataclass(frozen=True, slots=True)
class PaymentRow(Record):
    """An attempt to pay an order, or money that came for none. Amounts are minor units."""

    table: ClassVar[Table] = payments

    id: int
    order_id: UUID | None
    user_id: int
    provider: str
    provider_ref: str | None
    account_id: str
    mode: str
    idempotence_key: str | None
    amount_minor: int
    currency: str
    refunded_minor: int
    status: str
    reason: str | None
    confirmation_url: str | None
    return_token: str | None
    bot: str | None
    checks: int
    next_check_at: datetime | None
    created_at: datetime
    settled_at: datetime | None

    @property
    def ref(self) -> str:
        """Its id at the provider.

        :raises PaymentsError: it has none; what was paid has one.
        """
        if self.provider_ref is None:
            raise PaymentsError(f"payment {self.id} has no id at its provider: nobody can have paid it")
        return self.provider_ref

    @property
    def rest_minor(self) -> int:
        """What of the money has not gone back."""
        return self.amount_minor - self.refunded_minor


@dataclass(frozen=True, slots=True)
class RefundRow(Record):
    """Money of a payment that is to go back, or went."""

    table: ClassVar[Table] = refunds

    id: int
    payment_id: int
    provider_ref: str | None
    idempotence_key: str
    amount_minor: int
    status: str
    reason: str
    actor: int | None
    attempts: int
    next_try_at: datetime | None
    error: str | None
    refused_at: datetime | None
    created_at: datetime


async def first(session: AsyncSession, kind: type[R], query: Select[Any]) -> R | None:
    """The first record of `query`; None where it finds nothing."""
    row = (await session.execute(query)).mappings().first()
    return kind.from_row(row) if row is not None else None


async def every(session: AsyncSession, kind: type[R], query: Select[Any]) -> list[R]:
    """All records of `query`."""
    return [kind.from_row(row) for row in (await session.execute(query)).mappings()]


async def by_ref(session: AsyncSession, provider: str, ref: str) -> PaymentRow | None:
    """The payment that `provider` calls `ref`; None where it is not known."""
    return await first(
        session, PaymentRow, select(payments).where(payments.c.provider == provider, payments.c.provider_ref == ref)
    )


async def payment_with_order(session: AsyncSession, payment_id: int) -> tuple[PaymentRow | None, OrderRow | None]:
    """The payment and its order, unlocked; None for what is not there."""
    payment = await first(session, PaymentRow, select(payments).where(payments.c.id == payment_id))
    if payment is None or payment.order_id is None:
        return payment, None
    return payment, await first(session, OrderRow, select(orders).where(orders.c.id == payment.order_id))


async def lock_payment(session: AsyncSession, payment_id: int) -> PaymentRow | None:
    """The payment, locked until the commit; None where there is none."""
    query = select(payments).where(payments.c.id == payment_id)
    return await first(session, PaymentRow, query.with_for_update())


async def lock_order(session: AsyncSession, order_id: UUID | None) -> OrderRow | None:
    """The order, locked until the commit; None where there is none. Lock the payment first."""
    if order_id is None:
        return None
    return await first(session, OrderRow, select(orders).where(orders.c.id == order_id).with_for_update())


async def lock_both(session: AsyncSession, payment_id: int) -> tuple[PaymentRow, OrderRow | None]:
    """A payment that is known to be there and its order, locked until the commit.

    :raises PaymentsError: there is no such payment.
    """
    payment = await lock_payment(session, payment_id)
    if payment is None:
        raise PaymentsError(f"there is no payment {payment_id}")
    return payment, await lock_order(session, payment.order_id)


def inserting(session: AsyncSession, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that knows ON CONFLICT, for the engine of `session`."""
    if session.get_bind().dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)
