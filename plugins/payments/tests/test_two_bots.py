"""Two bots in one YooKassa shop: both count their payments from 1, and the shop has one address for notifications."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from astral_core import now
from astral_payments.tables import entitlements, events, payments

LOST = {"where": "api", "match": {"method": "POST", "path": "/payments$"}, "do": "drop_before"}


async def paid_at(other: Any) -> Any:
    """Somebody buys at the other bot and pays; the payment as YooKassa has it."""
    boris = other.buyer("Boris")
    await other.pay(await other.link(boris))
    await other.yookassa.idle()
    return other.yookassa.bank.payments[(await other.newest()).provider_ref]


async def test_money_of_another_bot_pays_no_order_here(sell: Any, caplog: pytest.LogCaptureFixture) -> None:
    """It has the number of our payment whose creation got no answer: an orphan, no alert; the other bot grants."""
    async with sell() as seller, sell(beside=seller) as other:
        admin, anna = seller.buyer("Owner", id=4242), seller.buyer()
        await admin.send("/start")
        await admin.wait_for()
        seller.yookassa.set_faults([LOST])
        await seller.choose_card(anna)
        await anna.wait_for("slow to answer")
        await seller.quiet()
        caplog.clear()
        remote = await paid_at(other)
        await seller.quiet()
        ours = await seller.newest()
        assert remote.metadata["payment_id"] == str(ours.id)
        assert (ours.status, ours.provider_ref) == ("unknown", None)
        assert await seller.states(events) == ["orphan"]
        assert await seller.count(entitlements) == 0
        assert seller.paid == []
        assert not any(message.text.startswith("⚠️") for message in admin.messages)
        assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
        await other.execute(update(payments).values(next_check_at=now()))
        await other.job()
        assert await other.granted() == 1


async def test_both_bots_sell_side_by_side(sell: Any) -> None:
    """A payment that is known by its id here is not touched by one of the same number there."""
    async with sell() as seller, sell(beside=seller) as other:
        anna = seller.buyer()
        url = await seller.link(anna)
        await paid_at(other)
        await seller.quiet()
        assert await seller.states(events) == ["orphan"]
        assert (await seller.newest()).status == "pending"
        await seller.pay(url)
        await anna.wait_for("Thank you!")
        await seller.quiet()
        assert await seller.states(events) == ["done", "orphan"]


async def test_the_list_of_the_shop_holds_payments_of_both(sell: Any) -> None:
    """Looked for after 23 hours, our payment is not found in the other bot's of the same number."""
    async with sell() as seller, sell(beside=seller) as other:
        anna = seller.buyer()
        seller.yookassa.set_faults([LOST])
        await seller.choose_card(anna)
        await anna.wait_for("slow to answer")
        await seller.quiet()
        seller.yookassa.set_faults([{"where": "notification", "do": "lose", "times": None}])
        remote = await paid_at(other)
        remote.created_at -= timedelta(hours=24)
        long_ago = now() - timedelta(hours=24)
        await seller.execute(update(payments).values(created_at=long_ago, next_check_at=now()))
        await seller.job()
        assert (await seller.newest()).status == "failed"
        assert await seller.granted() == 0
