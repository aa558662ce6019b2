"""Money that has to go back and does not: it is tried for days, and buyer, owner and admin read how it is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from astral_core import now
from astral_payments.refunding import GIVE_UP
from astral_payments.tables import payments, refunds
from astral_playground.telegram import checkout
from astral_playground.yookassa import checks

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
CANCELED = {"where": "refund", "do": "pending_then", "status": "canceled", "seconds": 60}


async def again(seller: Any) -> Any:
    """The time of the next try has come; the refund's row after it."""
    await seller.execute(update(refunds).values(next_try_at=now()))
    await seller.job()
    return (await seller.rows(select(refunds)))[0]


async def paid_twice(seller: Any, anna: Any) -> None:
    """One invoice is paid twice, and the owner has drawn the bot's stars meanwhile."""
    invoice = await seller.invoice(anna)
    world = seller.kit.telegram.world
    checkout._settle(world, world.users[anna.id], invoice.invoice)
    await anna.wait_for("Thank you!")
    checkout._settle(world, world.users[anna.id], invoice.invoice)
    world.bot.stars = 0
    await anna.wait_for("takes longer than usual")
    await seller.quiet()


async def card_paid(seller: Any, anna: Any) -> int:
    """A product is bought with a card; the payment's number."""
    await seller.pay(await seller.link(anna))
    await anna.wait_for("Thank you!")
    await seller.quiet()
    number: int = (await seller.newest()).id
    return number


async def test_stars_that_cannot_go_back_are_tried_until_they_can(seller: Any) -> None:
    """The buyer reads that it takes longer and then that it is there, the owner why; each of it once."""
    admin, anna = await seller.admin(), seller.buyer()
    await paid_twice(seller, anna)
    row = await again(seller)
    assert (row.status, row.error) == ("requested", "Balance_too_low")
    assert row.next_try_at > now() + timedelta(minutes=5)
    (alert,) = seller.told(admin, "did not go back: Balance_too_low")
    assert "/refunds" in alert
    await anna.send("/payments")
    await anna.wait_for("on its way back to you, takes longer than usual")
    await anna.send("/paysupport")
    await anna.wait_for("is on its way back to you and takes longer than usual")
    await admin.send("/refunds")
    shown = await admin.wait_for("Refunds that wait")
    assert f"No. {row.payment_id} · 150" in shown.text
    assert "Balance_too_low" in shown.text
    seller.kit.telegram.world.bot.stars = 500
    row = await again(seller)
    assert row.status == "succeeded"
    assert anna.stars == 850
    assert await seller.granted() == 1
    assert len(seller.told(anna, "and it takes longer than usual")) == len(seller.told(anna, "I have returned")) == 1
    assert len(seller.told(admin, "did not go back")) == 1
    await admin.send("/refunds")
    await admin.wait_for("No refund waits")


@on_sqlite
async def test_an_admin_need_not_wait_for_the_next_try(seller: Any) -> None:
    """/refund of a payment whose refund was refused asks at once."""
    admin, anna = await seller.admin(), seller.buyer()
    await paid_twice(seller, anna)
    seller.kit.telegram.world.bot.stars = 500
    await admin.send(f"/refund {(await seller.newest()).id}")
    await admin.wait_for("again now")
    await anna.wait_for("I have returned")
    await seller.quiet()
    assert await seller.states(refunds) == ["succeeded"]


@on_sqlite
async def test_after_two_weeks_people_take_over(seller: Any) -> None:
    """The owner is told that it is given up, the buyer whom to write to; an admin may still ask again."""
    admin, anna = await seller.admin(), seller.buyer()
    await paid_twice(seller, anna)
    await seller.execute(update(refunds).values(refused_at=now() - GIVE_UP))
    row = await again(seller)
    assert (row.status, row.next_try_at) == ("failed", None)
    (alert,) = seller.told(admin, "I do not try any more: Balance_too_low")
    assert f"/refund {row.payment_id}" in alert
    assert f"name payment {row.payment_id}" in seller.told(anna, "I could not return your money")[0]
    await anna.send("/payments")
    await anna.wait_for("I could not return it, please write to us")
    await anna.send("/paysupport")
    await anna.wait_for("could not be returned yet")
    await admin.send("/refunds")
    await admin.wait_for("given up: Balance_too_low")
    seller.kit.telegram.world.bot.stars = 500
    await admin.send(f"/refund {row.payment_id}")
    await anna.wait_for("I have returned")


@on_sqlite
async def test_stars_of_a_charge_that_nobody_knows_are_not_tried_again(seller: Any) -> None:
    """What can never succeed ends at once."""
    admin, anna = await seller.admin(), seller.buyer()
    await anna.pay(await seller.invoice(anna))
    await anna.wait_for("Thank you!")
    await seller.execute(update(payments).values(provider_ref="another-charge"))
    await admin.send(f"/refund {(await seller.newest()).id}")
    await anna.wait_for("I could not return your money")
    await seller.quiet()
    assert await seller.states(refunds) == ["failed"]
    assert len(seller.told(admin, "I do not try any more: Charge_id_invalid")) == 1


@pytest.mark.parametrize("reason", ["insufficient_funds", "general_decline"])
@on_sqlite
async def test_a_refund_that_yookassa_cancels_is_asked_for_with_another_key(seller: Any, reason: str) -> None:
    """With the old key YooKassa would only repeat what it said."""
    admin, anna = await seller.admin(), seller.buyer()
    number = await card_paid(seller, anna)
    seller.yookassa.set_faults([{**CANCELED, "reason": reason}])
    await admin.send(f"/refund {number}")
    await admin.wait_for("on its way back")
    await seller.quiet()
    await admin.send(f"/refund {number}")
    await admin.wait_for("being returned already")
    key = (await seller.rows(select(refunds)))[0].idempotence_key
    seller.yookassa.advance(61)
    row = await again(seller)
    assert (row.status, row.error, row.provider_ref) == ("requested", reason, None)
    assert row.idempotence_key != key
    assert await seller.granted() == 1
    assert len(seller.told(anna, "takes longer than usual")) == 1
    row = await again(seller)
    assert row.status == "succeeded"
    assert await seller.granted() == 0
    await anna.wait_for("I have returned")


@on_sqlite
async def test_a_closed_wallet_ends_a_refund(seller: Any) -> None:
    """YooKassa would cancel it each time."""
    admin, anna = await seller.admin(), seller.buyer()
    number = await card_paid(seller, anna)
    seller.yookassa.set_faults([{**CANCELED, "reason": "yoo_money_account_closed"}])
    await admin.send(f"/refund {number}")
    await admin.wait_for("on its way back")
    await seller.quiet()
    seller.yookassa.advance(61)
    row = await again(seller)
    assert (row.status, row.error) == ("failed", "yoo_money_account_closed")
    assert len(seller.told(admin, "I do not try any more")) == 1


@on_sqlite
async def test_a_refund_that_is_asked_for_anew_is_repeated_from_its_first_try_on(seller: Any) -> None:
    """Its answer is lost: the reconciliation comes again, however often the earlier refund was tried."""
    admin, anna = await seller.admin(), seller.buyer()
    number = await card_paid(seller, anna)
    seller.yookassa.set_faults([{**CANCELED, "reason": "yoo_money_account_closed"}])
    await admin.send(f"/refund {number}")
    await admin.wait_for("on its way back")
    await seller.quiet()
    seller.yookassa.advance(61)
    row = await again(seller)
    assert (row.status, row.attempts) == ("failed", 1)
    seller.yookassa.set_faults([{"where": "api", "match": {"method": "POST"}, "do": "drop_before"}])
    await admin.send(f"/refund {number}")
    await admin.wait_for("on its way back")
    await seller.quiet()
    assert (await seller.rows(select(refunds)))[0].status == "unknown"
    row = await again(seller)
    assert (row.status, row.attempts) == ("succeeded", 1)
    assert await seller.granted() == 0
    assert len(seller.told(anna, "I have returned")) == 1


@on_sqlite
async def test_a_shop_that_may_not_refund_yet_is_asked_again(seller: Any) -> None:
    """403: the owner has to change something, and then it works by itself."""
    admin, anna = await seller.admin(), seller.buyer()
    number = await card_paid(seller, anna)
    forbidden = {"where": "api", "match": {"method": "POST", "path": "/refunds$"}, "do": "status", "http": 403}
    seller.yookassa.set_faults([forbidden])
    await admin.send(f"/refund {number}")
    await anna.wait_for("takes longer than usual")
    await seller.quiet()
    assert len(seller.told(admin, "did not go back: YooKassa refused create_refund: HTTP 403")) == 1
    row = await again(seller)
    assert row.status == "succeeded"


@on_sqlite
async def test_money_that_went_back_by_hand_is_not_asked_for(seller: Any) -> None:
    """YooKassa refuses because the owner was quicker, and no notification came: that is a success."""
    admin, anna = await seller.admin(), seller.buyer()
    number = await card_paid(seller, anna)
    await by_hand(seller, "199.00", heard=False)
    await admin.send(f"/refund {number}")
    await anna.wait_for("I have returned")
    await seller.quiet()
    assert await seller.states(refunds) == ["succeeded"]
    assert await seller.granted() == 0
    assert seller.told(admin, "did not go back") == []
    assert len(seller.yookassa.bank.refunds) == 1


async def by_hand(seller: Any, value: str, *, heard: bool) -> None:
    """The owner gives money back in YooKassa's cabinet; where it is not `heard`, the notification is lost."""
    if not heard:
        seller.yookassa.set_faults([{"where": "notification", "do": "lose"}])
    bank, ref = seller.yookassa.bank, (await seller.newest()).provider_ref
    asked = checks.refund({"payment_id": ref, "amount": {"value": value, "currency": "RUB"}})
    bank.create_refund(bank.payment(ref), asked)
    await seller.quiet()


async def test_a_part_returned_by_hand_is_not_taken_for_the_refund_that_nobody_knows_of(seller: Any) -> None:
    """No answer for 23 hours, and meanwhile 50 of 199 roubles by hand: that is what the books say, and no more."""
    admin, anna = await seller.admin(), seller.buyer()
    number = await card_paid(seller, anna)
    seller.yookassa.set_faults([{"where": "api", "match": {"method": "POST"}, "do": "drop_before"}])
    await admin.send(f"/refund {number}")
    await admin.wait_for("on its way back")
    await seller.quiet()
    await by_hand(seller, "50.00", heard=False)
    await seller.execute(update(refunds).values(created_at=now() - timedelta(hours=23, minutes=1)))
    row = await again(seller)
    assert row.status == "failed"
    assert (await seller.newest()).refunded_minor == 5000
    assert await seller.granted() == 1
    assert seller.told(anna, "I have returned") == []
    (alert,) = seller.told(admin, "went back in another way")
    assert "50" in alert
    await admin.send(f"/refund {number}")
    await admin.wait_for("149")
    await anna.wait_for("I have returned")
    await seller.quiet()
    assert sorted(refund.amount for refund in seller.yookassa.bank.refunds.values()) == [5000, 14900]
    assert (await seller.newest()).refunded_minor == 19900
    assert await seller.granted() == 0


@on_sqlite
async def test_a_refund_of_our_own_is_found_after_a_day_without_an_answer(seller: Any) -> None:
    """The answer was lost, the refund was made: amount and time say that it is ours."""
    admin, anna = await seller.admin(), seller.buyer()
    number = await card_paid(seller, anna)
    lost = [
        {"where": "api", "match": {"method": "POST"}, "do": "drop_after"},
        {"where": "notification", "do": "lose"},
    ]
    seller.yookassa.set_faults(lost)
    await admin.send(f"/refund {number}")
    await admin.wait_for("on its way back")
    await seller.quiet()
    await seller.execute(update(refunds).values(created_at=now() - timedelta(hours=23, minutes=1)))
    row = await again(seller)
    assert (row.status, row.provider_ref) == ("succeeded", next(iter(seller.yookassa.bank.refunds)))
    assert await seller.granted() == 0


@on_sqlite
async def test_a_refund_that_was_never_made_is_asked_for_anew_after_a_day(seller: Any) -> None:
    """YooKassa's list does not have it, so a new key makes no second one."""
    admin, anna = await seller.admin(), seller.buyer()
    number = await card_paid(seller, anna)
    seller.yookassa.set_faults([{"where": "api", "match": {"method": "POST"}, "do": "drop_before"}])
    await admin.send(f"/refund {number}")
    await admin.wait_for("on its way back")
    await seller.quiet()
    await seller.execute(update(refunds).values(created_at=now() - timedelta(hours=24)))
    assert (await again(seller)).status == "requested"
    assert (await again(seller)).status == "succeeded"
    assert len(seller.yookassa.bank.refunds) == 1


@on_sqlite
async def test_a_refund_whose_answer_cannot_be_read_is_told_and_not_made_twice(seller: Any) -> None:
    """The owner reads which member it is; a list that may hide our refund is no leave to ask for another one."""
    admin, anna = await seller.admin(), seller.buyer()
    number = await card_paid(seller, anna)
    fault = {"where": "api", "do": "mutate", "times": None, "match": {"path": "/refunds"}}
    hidden = {"items": [{"id": 7}]}
    seller.yookassa.set_faults(
        [{**fault, "patch": {"amount": {"value": 199}, **hidden}}, {"where": "notification", "do": "lose"}]
    )
    await admin.send(f"/refund {number}")
    await admin.wait_for("cannot read amount.value")
    await seller.execute(update(refunds).values(created_at=now() - timedelta(hours=24)))
    assert (await again(seller)).status == "unknown"
    seller.yookassa.set_faults([])
    assert (await again(seller)).status != "failed"
    assert len(seller.yookassa.bank.refunds) == 1
