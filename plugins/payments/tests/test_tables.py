"""The database itself refuses what must not be, whatever the code above it does."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, insert
from sqlalchemy.exc import IntegrityError

from astral_core import now
from astral_payments.tables import entitlements, events, metadata, orders, payments, refunds


async def order_of(seller: Any, **changes: Any) -> uuid.UUID:
    """A row of payments_orders."""
    number = uuid.uuid4()
    values = {"id": number, "user_id": seller.anna.id, "product": "sky.full", "snapshot": "{}", "status": "open"}
    await seller.execute(insert(orders).values(**(values | changes)))
    return number


async def payment_of(seller: Any, order_id: uuid.UUID | None, **changes: Any) -> None:
    """A row of payments."""
    values = {
        "order_id": order_id, "user_id": seller.anna.id, "provider": "yookassa", "account_id": "1", "mode": "test",
        "amount_minor": 100, "currency": "RUB", "refunded_minor": 0, "status": "created", "checks": 0,
    }  # fmt: skip
    await seller.execute(insert(payments).values(**(values | changes)))


@pytest.fixture
async def shop(seller: Any) -> Any:
    """The seller with a user, Anna, to whom rows can belong."""
    seller.anna = seller.buyer()
    await seller.anna.send("/shop")
    await seller.anna.wait_for("Shop")
    return seller


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount_minor": 0}, {"amount_minor": -1}, {"refunded_minor": -1}, {"refunded_minor": 101},
        {"status": "brand_new"}, {"provider": "cash"}, {"mode": "prod"}, {"user_id": 10**12}, {"currency": None},
    ],
)  # fmt: skip
async def test_impossible_payments_are_refused(sell: Any, wrong: dict[str, Any]) -> None:
    """Amounts, refunds, statuses and owners are checked by the database."""
    async with sell() as seller:
        seller.anna = seller.buyer()
        await seller.anna.send("/shop")
        await seller.anna.wait_for("Shop")
        with pytest.raises(IntegrityError):
            await payment_of(seller, None, **wrong)
        await payment_of(seller, None)


async def test_one_open_order_a_user_and_product(shop: Any) -> None:
    """A second open order is refused; a paid or expired one may stand beside it."""
    await order_of(shop)
    with pytest.raises(IntegrityError):
        await order_of(shop)
    await order_of(shop, status="paid")
    await order_of(shop, status="expired")
    await order_of(shop, product="sky.other")
    with pytest.raises(IntegrityError):
        await order_of(shop, status="new")


async def test_one_row_for_one_charge(shop: Any) -> None:
    """The same charge, or the same idempotence key, cannot stand in two payments."""
    order_id = await order_of(shop)
    await payment_of(shop, order_id, provider_ref="a", idempotence_key="k")
    for same in ({"provider_ref": "a"}, {"idempotence_key": "k"}):
        with pytest.raises(IntegrityError):
            await payment_of(shop, order_id, **same)
    await payment_of(shop, order_id, provider="stars", provider_ref="a")
    await payment_of(shop, order_id)
    await payment_of(shop, order_id)


async def test_a_product_is_owned_once(shop: Any) -> None:
    """A second live entitlement is refused by the unique index; after a revocation there may be a new one."""
    first, second = await order_of(shop), await order_of(shop, status="paid")
    await payment_of(shop, first)
    await payment_of(shop, second)
    one = {"user_id": shop.anna.id, "product": "sky.full", "order_id": first, "payment_id": 1}
    two = {**one, "order_id": second, "payment_id": 2}
    await shop.execute(insert(entitlements).values(**one))
    with pytest.raises(IntegrityError):
        await shop.execute(insert(entitlements).values(**two))
    await shop.execute(entitlements.update().values(revoked_at=now()))
    await shop.execute(insert(entitlements).values(**two))
    with pytest.raises(IntegrityError):
        await shop.execute(insert(entitlements).values(**one))


async def test_one_refund_a_payment_and_one_row_a_notification(shop: Any) -> None:
    """Neither can be there twice."""
    await payment_of(shop, None)
    refund = {"payment_id": 1, "amount_minor": 1, "status": "requested", "reason": "x", "attempts": 0}
    await shop.execute(insert(refunds).values(**refund, idempotence_key="a"))
    with pytest.raises(IntegrityError):
        await shop.execute(insert(refunds).values(**refund, idempotence_key="b"))
    event = {"provider": "yookassa", "event": "e", "object_id": "o", "payment_ref": "o", "dedupe_key": "d"}
    await shop.execute(insert(events).values(**event))
    with pytest.raises(IntegrityError):
        await shop.execute(insert(events).values(**event))
    with pytest.raises(IntegrityError):
        await shop.execute(insert(events).values(**{**event, "dedupe_key": "x", "state": "maybe"}))


async def test_the_migration_makes_the_tables_that_the_code_has(seller: Any) -> None:
    """Alembic finds no difference between the migrated database and the metadata."""

    def differences(connection: Connection) -> list[Any]:
        def ours(thing: Any, name: str | None, kind: str, reflected: bool, other: Any) -> bool:
            return kind != "table" or str(name) == "payments" or str(name).startswith("payments_")

        options = {"include_object": ours, "target_metadata": metadata}
        found: list[Any] = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
        return [item for item in found if "payments_schema" not in str(item)]

    async with seller.kit.running.database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []
