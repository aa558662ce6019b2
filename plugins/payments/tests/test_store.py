"""Rows as records: all columns, none of them mistaken for one of another table, and locked in pairs."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from datetime import datetime
from typing import Any, get_args, get_type_hints

import pytest
from sqlalchemy import select

from astral_core import UtcDateTime
from astral_payments.errors import PaymentsError
from astral_payments.store import OrderRow, PaymentRow, Record, RefundRow, lock_both, payment_with_order
from astral_payments.tables import orders, payments, refunds

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.mark.parametrize("kind", [OrderRow, PaymentRow, RefundRow])
def test_a_record_has_the_columns_of_its_table(kind: type[Record]) -> None:
    """Each of them, with its type, and None where a column may be NULL: what mypy says of money is so."""
    hints = get_type_hints(kind)
    found = {field.name: (get_args(hints[field.name]) or (hints[field.name],)) for field in fields(kind)}
    columns = {column.name: column for column in kind.table.columns}
    assert found.keys() == columns.keys()
    for name, column in columns.items():
        held = datetime if isinstance(column.type, UtcDateTime) else column.type.python_type
        assert set(found[name]) == ({held, type(None)} if column.nullable else {held}), name


async def test_joined_rows_are_told_apart(seller: Any) -> None:
    """Payment, order and refund have columns of one name; where a join finds nothing there is None."""
    anna = seller.buyer()
    await seller.link(anna)
    query = (
        select(refunds, payments, orders)
        .select_from(payments)
        .join(orders, orders.c.id == payments.c.order_id)
        .outerjoin(refunds, refunds.c.payment_id == payments.c.id)
    )
    async with seller.kit.context("payments").work() as work:
        row = (await work.session.execute(query)).mappings().one()
        payment, order = await payment_with_order(work.session, 1)
    assert (PaymentRow.from_row(row), OrderRow.from_row(row)) == (payment, order)
    assert (payment.amount_minor, payment.rest_minor, payment.user_id) == (19900, 19900, anna.id)
    assert (order.id, order.product) == (payment.order_id, "sky.full")
    assert RefundRow.joined(row) is None
    with pytest.raises(FrozenInstanceError):
        payment.amount_minor = 1


@on_sqlite
async def test_money_that_is_not_there_is_an_error(seller: Any) -> None:
    """A payment without a row, or without an id at its provider, is not passed over in silence."""
    await seller.link(seller.buyer())
    async with seller.kit.context("payments").work() as work:
        with pytest.raises(PaymentsError, match="no payment 99"):
            await lock_both(work.session, 99)
        payment, _ = await lock_both(work.session, 1)
    assert payment.ref == payment.provider_ref
    lost = PaymentRow(**{field.name: None for field in fields(PaymentRow)} | {"id": 7})
    with pytest.raises(PaymentsError, match="payment 7 has no id"):
        _ = lost.ref
