"""What the plugin deletes of a person, whose tables are kept: all but what the law demands to keep."""

from __future__ import annotations

from sqlalchemy import delete, select, update

from astral_core import PluginContext, now
from astral_payments.tables import OPEN, entitlements, orders, payments


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
