"""What the plugin knows of a person: given out on request, and deleted but for what the law demands to keep."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, update

from astral_core import PluginContext, now
from astral_payments.tables import OPEN, entitlements, orders, payments

_PAYMENT = ("id", "order_id", "provider", "provider_ref", "amount_minor", "currency", "refunded_minor", "status",
            "reason", "created_at", "settled_at")  # fmt: skip


async def astral_export_user(ctx: PluginContext, user_id: int) -> dict[str, bytes]:
    """Orders, payments and what they gave, as JSON. Amounts are minor units."""
    async with ctx.work() as work:
        tables = {
            "orders": select(orders).where(orders.c.user_id == user_id),
            "payments": select(*(payments.c[name] for name in _PAYMENT)).where(payments.c.user_id == user_id),
            "entitlements": select(entitlements).where(entitlements.c.user_id == user_id),
        }
        found = {
            name: [dict(row) for row in (await work.session.execute(query)).mappings()]
            for name, query in tables.items()
        }
    if not any(found.values()):
        return {}
    return {"payments.json": json.dumps(found, ensure_ascii=False, indent=2, default=_plain).encode()}


async def astral_delete_user(ctx: PluginContext, user_id: int) -> int:
    """Take back what was bought and delete orders that were never paid.

    Payments stay with number, amount and date: accounting law demands them. Their links and reasons
    go; a payment that is still under way is finished first.
    """
    async with ctx.work() as work:
        session = work.session
        revoked = await session.execute(
            update(entitlements)
            .where(entitlements.c.user_id == user_id, entitlements.c.revoked_at.is_(None))
            .values(revoked_at=now(), revoke_reason="forgotten")
        )
        emptied = await session.execute(
            update(payments)
            .where(payments.c.user_id == user_id, payments.c.settled_at.is_not(None))
            .values(confirmation_url=None, return_token=None, reason=None)
        )
        paid_for = select(payments.c.order_id).where(payments.c.order_id.is_not(None))
        unpaid = await session.execute(
            delete(orders).where(orders.c.user_id == user_id, orders.c.status == OPEN, orders.c.id.not_in(paid_for))
        )
        return int(revoked.rowcount + emptied.rowcount + unpaid.rowcount)  # type: ignore[attr-defined]  # an UPDATE's has it


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"payments: {type(value).__name__} cannot be exported")
