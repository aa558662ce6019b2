"""The payment has arrived, and the plugin that sells fails: the buyer is told once, the owner is alerted."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from astral_core import EventFailed
from astral_core.db.tables import DEAD, core_inbox
from astral_core.inbox.row_updates import revive
from astral_payments.api import OrderPaid
from astral_payments.shop import Shop
from astral_payments.tables import orders

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
SORRY = "is paid for, and your money is safe"


async def paid_in_vain(seller: Any, anna: Any) -> None:
    """Anna pays, and what delivers has a bug."""
    sys.modules["astral_test_sky"].broken = True  # type: ignore[attr-defined]
    await anna.pay(await seller.invoice(anna))
    await anna.wait_for("Thank you!")
    await seller.quiet()


def sorries(anna: Any) -> list[Any]:
    """The apologies in the chat."""
    return [message for message in anna.messages if SORRY in message.text]


async def try_again(seller: Any) -> None:
    """What `astral inbox retry` and a restart do to the dead letter."""
    [row] = await seller.rows(select(core_inbox.c.seq).where(core_inbox.c.state == DEAD))
    assert await revive(seller.kit.running.database, row.seq)
    await seller.kit.restart()
    await seller.quiet()


async def told(seller: Any, anna: Any, plugin: str, event: str = OrderPaid.name) -> None:
    """Let the payments plugin hear that a subscriber failed."""
    [order] = await seller.rows(select(orders))
    paid = {"order_id": str(order.id), "user_id": anna.id, "product": order.product}
    failed = EventFailed(event=event, data=paid, plugin=plugin, error_id="2222-2222")
    async with seller.kit.context("core").work() as work:
        work.emit(failed, to=anna.id)
    await seller.quiet()


async def test_a_delivery_that_fails_is_told_to_the_buyer_once_and_to_the_owner(seller: Any) -> None:
    """Kindly, with what was bought, the payment's number and a way to help; tried again by hand, it is delivered."""
    admin, anna = seller.buyer("Owner", id=4242), seller.buyer()
    await admin.send("/start")
    await admin.wait_for()
    await paid_in_vain(seller, anna)
    [sorry] = sorries(anna)
    assert "The whole sky" in sorry.text
    assert "/paysupport and name payment 1" in sorry.text
    await anna.press("Help with a payment")
    await anna.wait_for("For anything else write to us")
    [alert] = [message for message in admin.messages if message.text.startswith("⚠️")]
    assert "payments.order_paid>delivered" in alert.text
    assert seller.paid == []
    for broken, delivered in ((True, 0), (False, 1)):
        sys.modules["astral_test_sky"].broken = broken  # type: ignore[attr-defined]
        await try_again(seller)
        assert len(seller.paid) == delivered
    assert len(sorries(anna)) == 1
    assert await seller.granted() == 1


@on_sqlite
async def test_who_has_the_money_back_reads_no_apology(seller: Any) -> None:
    """The delivery was tried again by hand after the refund, and failed again."""
    anna = seller.buyer()
    await paid_in_vain(seller, anna)
    await seller.execute(delete(core_inbox).where(core_inbox.c.ext_id.startswith("payments.late:")))
    await seller.execute(update(orders).values(status="refunded"))
    await told(seller, anna, "sky")
    assert len(sorries(anna)) == 1


@on_sqlite
async def test_who_sells_nothing_of_it_alarms_no_buyer(seller: Any) -> None:
    """Another plugin that heard of the payment fails, or something else does: nothing is missing."""
    anna = seller.buyer()
    await anna.pay(await seller.invoice(anna))
    await anna.wait_for("Thank you!")
    await seller.quiet()
    await told(seller, anna, "stats")
    await told(seller, anna, "sky", event="payments.order_revoked")
    assert sorries(anna) == []
    await told(seller, anna, "sky")
    assert len(sorries(anna)) == 1


@on_sqlite
async def test_a_seller_that_is_away_is_named_in_the_thanks(seller: Any) -> None:
    """What delivers is set aside between invoice and payment: the buyer reads that it comes later."""
    anna = seller.buyer(language_code="ru")
    await anna.send("/shop")
    await anna.wait_for("Shop")
    await anna.press("Buy")
    await anna.wait_for(lambda message: "payments:pay/sky.full/yookassa" in str(message.button_rows))
    await anna.press("payments:pay/sky.full/yookassa")
    link = await anna.wait_for(lambda message: bool(message.button_rows) and "url" in message.button_rows[0][0])
    seller.kit.context("payments").get(Shop).products.clear()
    await seller.pay(link.button_rows[0][0]["url"])
    thanks = await anna.wait_for("Спасибо!")
    assert "/paysupport и назовите платёж 1" in thanks.text
