"""What YooKassa and Telegram know and nobody told: the sweep finds it, and leaves alone what is somebody else's."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import delete, select, update

from astral_core import now
from astral_payments import listing
from astral_payments.listing import _listed, _payment, _refund, _star
from astral_payments.tables import events, findings, orders, payments, refunds, sweeps, transitions
from astral_playground.telegram import checkout
from astral_playground.telegram.methods.payments import refund_star_payment
from astral_playground.telegram.params import Params
from astral_playground.yookassa import checks

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
LOSE = {"where": "notification", "do": "lose", "times": None}


def deaf(seller: Any) -> None:
    """From now on no notification of YooKassa's arrives."""
    seller.yookassa.set_faults([LOSE])


def unheard_stars(seller: Any, anna: Any, invoice: Any) -> str:
    """Stars are paid, and Telegram has given up to tell; the charge's id."""
    world = seller.kit.telegram.world
    charge: str = checkout._settle(world, world.users[anna.id], invoice).charge_id
    world.updates.drop_all()
    return charge


def unheard_return(seller: Any, anna: Any, charge: str) -> None:
    """Telegram gives the stars back, and the bot does not hear of it."""
    world = seller.kit.telegram.world
    refund_star_payment(world, Params({"user_id": str(anna.id), "telegram_payment_charge_id": charge}, {}))
    world.updates.drop_all()


def by_hand(seller: Any, ref: str, value: str) -> None:
    """The owner gives money back in YooKassa's cabinet."""
    bank = seller.yookassa.bank
    bank.create_refund(
        bank.payment(ref), checks.refund({"payment_id": ref, "amount": {"value": value, "currency": "RUB"}})
    )


async def card_paid(seller: Any, anna: Any) -> Any:
    """A product is bought with a card; the payment's row."""
    await seller.pay(await seller.link(anna))
    await anna.wait_for("Thank you!")
    await seller.quiet()
    return await seller.newest()


async def test_a_refund_in_the_cabinet_of_which_nobody_told_takes_the_product_back(seller: Any) -> None:
    """The sweep reads YooKassa's refunds: the product goes, and its buyer is told once."""
    anna = seller.buyer()
    row = await card_paid(seller, anna)
    deaf(seller)
    by_hand(seller, row.provider_ref, "50.00")
    await seller.sweep()
    assert await seller.granted() == 1
    assert (await seller.newest()).refunded_minor == 5000
    by_hand(seller, row.provider_ref, "149.00")
    await seller.sweep()
    assert await seller.granted() == 0
    assert await seller.states(orders) == ["refunded"]
    await seller.sweep()
    assert len(seller.revoked) == 1
    assert len(seller.told(anna, "I have returned")) == 1
    assert await seller.count(refunds) == 0


@on_sqlite
async def test_a_cabinet_refund_of_an_old_payment_is_found(seller: Any) -> None:
    """The payment is not in the list of this week any more, its refund is."""
    anna = seller.buyer()
    row = await card_paid(seller, anna)
    deaf(seller)
    remote = seller.yookassa.bank.payment(row.provider_ref)
    remote.captured_at -= timedelta(days=100)
    by_hand(seller, row.provider_ref, "199.00")
    await seller.sweep()
    assert await seller.granted() == 0


async def test_stars_that_were_paid_unheard_are_granted(seller: Any) -> None:
    """Telegram's update is lost: the list has the charge, its order is here."""
    anna = seller.buyer()
    invoice = (await seller.invoice(anna)).invoice
    charge = unheard_stars(seller, anna, invoice)
    await seller.sweep()
    await anna.wait_for("Thank you!")
    await seller.sweep()
    await seller.quiet()
    assert await seller.granted() == 1
    assert len(seller.paid) == 1
    assert (await seller.newest()).provider_ref == charge
    assert [row.cause for row in await seller.rows(select(transitions))] == ["sweep"]


async def test_stars_that_went_back_unheard_take_the_product_back(seller: Any) -> None:
    """A refund by somebody else, or a chargeback: Telegram's list has it under the charge's own id."""
    anna = seller.buyer()
    outcome = await anna.pay(await seller.invoice(anna))
    await anna.wait_for("Thank you!")
    unheard_return(seller, anna, outcome.charge_id)
    await seller.sweep()
    await anna.wait_for("I have returned")
    await seller.sweep()
    assert await seller.granted() == 0
    assert len(seller.revoked) == 1
    assert len(seller.told(anna, "I have returned")) == 1


@on_sqlite
async def test_what_came_and_went_unheard_is_nothing(seller: Any) -> None:
    """Neither thanks nor a product for stars that are back already."""
    anna = seller.buyer()
    invoice = (await seller.invoice(anna)).invoice
    unheard_return(seller, anna, unheard_stars(seller, anna, invoice))
    await seller.sweep()
    assert await seller.count(payments) == 0
    assert seller.told(anna, "Thank you!") == []


@on_sqlite
async def test_a_second_payment_that_was_unheard_goes_back(seller: Any) -> None:
    """The surplus of an order that is here, and nothing else, is returned."""
    anna = seller.buyer()
    invoice = await seller.invoice(anna)
    await anna.pay(invoice)
    await anna.wait_for("Thank you!")
    unheard_stars(seller, anna, invoice.invoice)
    await seller.sweep()
    await anna.wait_for("I have returned")
    await seller.quiet()
    assert anna.stars == 850
    assert await seller.granted() == 1


@on_sqlite
async def test_stars_of_this_bot_without_an_order_are_held(seller: Any) -> None:
    """A copy of the database cannot know whose they are: the owner is told once, and no star moves."""
    admin, anna = await seller.admin(), seller.buyer()
    invoice = (await seller.invoice(anna)).invoice
    invoice.payload = f"payments:{uuid4()}"
    charge = unheard_stars(seller, anna, invoice)
    await seller.sweep()
    await seller.sweep()
    (alert,) = seller.told(admin, "an order that is not in its database")
    assert charge in alert
    assert anna.stars == 850
    assert await seller.count(payments) == 0
    assert [row.what for row in await seller.rows(select(findings))] == ["held"]


@on_sqlite
async def test_what_is_not_this_shops_is_left_alone(seller: Any) -> None:
    """Gifts, withdrawals, sales of other programs with this token, entries of tomorrow: nobody is bothered."""
    admin, anna = await seller.admin(), seller.buyer()
    invoice = (await seller.invoice(anna)).invoice
    invoice.payload = "donation-7"
    unheard_stars(seller, anna, invoice)
    world = seller.kit.telegram.world
    world.transactions += [
        {"id": "w1", "amount": 5, "date": world.now, "receiver": {"type": "fragment"}},
        {"id": "g1", "amount": 5, "date": world.now, "source": {"type": "user", "transaction_type": "gift_purchase"}},
        {"id": 7, "amount": None},
        "what is this",
    ]
    invoice.payload = f"payments:{(await seller.rows(select(orders)))[0].id}"
    unheard_stars(seller, anna, invoice)
    await seller.sweep()
    await anna.wait_for("Thank you!")
    assert await seller.count(payments) == 1
    assert seller.told(admin, "not in its database") == []


@on_sqlite
async def test_the_list_of_stars_is_read_from_where_it_was_left(seller: Any) -> None:
    """All of it at first, page by page; then a hundred back; from its start where it is shorter than it was."""
    anna = seller.buyer()
    invoice = (await seller.invoice(anna)).invoice
    world = seller.kit.telegram.world
    gift = {"id": "g", "amount": 1, "date": world.now, "source": {"type": "other"}}
    world.transactions += [gift] * 250
    unheard_stars(seller, anna, invoice)
    await seller.sweep()
    await anna.wait_for("Thank you!")

    async def asked() -> list[int]:
        before = len(calls(seller))
        await seller.sweep()
        return calls(seller)[before:]

    assert calls(seller)[-3:] == [0, 100, 200]
    assert await asked() == [151, 251]
    assert [row.position for row in await seller.rows(select(sweeps).where(sweeps.c.provider == "stars"))] == [251]
    del world.transactions[20:]
    assert await asked() == [151]
    assert await asked() == [0]


def calls(seller: Any) -> list[int]:
    """From where the list of transactions was asked for."""
    return [int(call.params["offset"]) for call in seller.kit.calls("getStarTransactions")]


@on_sqlite
async def test_a_payment_whose_creation_and_notification_are_lost_is_found(seller: Any) -> None:
    """It says itself which payment and which order it is of."""
    seller.yookassa.set_faults([{"where": "api", "match": {"method": "POST"}, "do": "drop_after"}, LOSE])
    anna = seller.buyer()
    await seller.choose_card(anna)
    await anna.wait_for("slow to answer")
    await seller.quiet()
    (remote,) = seller.yookassa.bank.payments.values()
    seller.yookassa.bank.pay(remote)
    await seller.sweep()
    await anna.wait_for("Thank you!")
    await seller.quiet()
    row = await seller.newest()
    assert (row.status, row.provider_ref) == ("succeeded", remote.id)
    assert await seller.count(events) == 0


@on_sqlite
async def test_a_payment_of_another_bot_of_the_shop_is_left_alone(seller: Any) -> None:
    """Though it carries our numbers: a copy of our database may run beside us, or we may be the copy."""
    admin, anna = await seller.admin(), seller.buyer()
    url = await seller.link(anna)
    deaf(seller)
    (remote,) = seller.yookassa.bank.payments.values()
    remote.metadata["bot"] = "another_bot"
    await seller.pay(url)
    await seller.sweep()
    by_hand(seller, remote.id, "199.00")
    await seller.sweep()
    assert await seller.states(payments) == ["pending"]
    assert await seller.granted() == 0
    assert seller.told(admin, "⚠️") == []


@on_sqlite
async def test_a_card_payment_of_this_bot_without_an_order_is_held(seller: Any) -> None:
    """The database was restored from a copy that is older: the money stays, the owner is told."""
    admin, anna = await seller.admin(), seller.buyer()
    await seller.link(anna)
    deaf(seller)
    (remote,) = seller.yookassa.bank.payments.values()
    for table in (transitions, payments, orders):
        await seller.execute(delete(table))
    seller.yookassa.bank.pay(remote)
    own = remote.metadata["bot"]
    remote.metadata["bot"] = "another_bot"
    await seller.sweep()
    assert seller.told(admin, "⚠️") == []
    remote.metadata["bot"] = own
    await seller.sweep()
    await seller.sweep()
    (alert,) = seller.told(admin, "an order that is not in its database")
    assert remote.id in alert
    assert seller.yookassa.bank.refunds == {}


@on_sqlite
async def test_a_contradiction_is_told_once_a_day(seller: Any) -> None:
    """It stands in the list for a week, and a person looks into it."""
    admin, anna = await seller.admin(), seller.buyer()
    url = await seller.link(anna)
    deaf(seller)
    await seller.execute(update(payments).values(amount_minor=100))
    await seller.pay(url)
    await seller.sweep()
    seen = len(seller.kit.calls())
    await seller.sweep()
    assert len(seller.told(admin, "contradicts it")) == 1
    assert [call.method for call in seller.kit.calls()[seen:]] == ["getStarTransactions"]
    await seller.execute(update(findings).values(at=now() - timedelta(days=2)))
    await seller.sweep()
    assert (await seller.rows(select(findings)))[0].at > now() - timedelta(hours=1)


@on_sqlite
async def test_haste_and_trouble_put_a_sweep_off(seller: Any) -> None:
    """429 for a moment is waited for; a longer one, and an answer that is none, leave it to the next sweep."""
    admin, anna = await seller.admin(), seller.buyer()
    row = await card_paid(seller, anna)
    by = {"where": "api", "match": {"method": "GET", "path": "/refunds$"}}
    seller.yookassa.set_faults([LOSE, {**by, "do": "status", "http": 429, "retry_after": 50}])
    by_hand(seller, row.provider_ref, "199.00")
    seller.kit.telegram.fail("getStarTransactions", "429", times=1, retry_after=600)
    await seller.sweep()
    assert await seller.granted() == 0
    marks = {one.provider for one in await seller.rows(select(sweeps))}
    assert marks == {"stars", "yookassa"}
    await seller.execute(update(sweeps).values(swept_at=now() - timedelta(days=2)))
    seller.yookassa.set_faults([{**by, "do": "html", "http": 502}])
    await seller.sweep()
    (alert,) = seller.told(admin, "could not be read to its end for a day")
    assert "YooKassa" in alert


@on_sqlite
async def test_entries_that_cannot_be_read_are_told_once_a_day(seller: Any) -> None:
    """The owner learns that something may be missed; the same entries are not told again every quarter of an hour."""
    admin, anna = await seller.admin(), seller.buyer()
    await card_paid(seller, anna)
    odd = {"items": [{"id": 7}, "?"], "type": "list"}
    by = {"where": "api", "times": None, "match": {"method": "GET", "path": "/payments$"}}
    seller.yookassa.set_faults([LOSE, {**by, "do": "mutate", "patch": odd}])
    await seller.sweep()
    assert seller.told(admin, "I cannot read") == []  # today's first sweep, of the start, could read all
    for _ in range(2):
        yesterday = now() - timedelta(days=1)
        await seller.execute(update(sweeps).where(sweeps.c.provider == "yookassa").values(swept_at=yesterday))
        await seller.sweep()
        await seller.sweep()
        (alert,) = seller.told(admin, "I cannot read 2 entries in the list of payments at YooKassa")
        assert "cabinet" in alert


@on_sqlite
async def test_all_pages_of_yookassas_lists_are_read(seller: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest entry is on the last page."""
    monkeypatch.setattr(listing, "PAGE", 1)
    people = [seller.buyer("Anna"), seller.buyer("Boris")]
    rows = [await card_paid(seller, person) for person in people]
    deaf(seller)
    for row in rows:
        by_hand(seller, row.provider_ref, "199.00")
    await seller.execute(delete(sweeps))
    await seller.sweep()
    assert await seller.granted() == 0
    assert {one.provider for one in await seller.rows(select(sweeps))} == {"stars", "yookassa"}


@on_sqlite
async def test_after_a_long_absence_the_sweep_goes_further_back(seller: Any) -> None:
    """From eight days before the last one that came to its end."""
    anna = seller.buyer()
    row = await card_paid(seller, anna)
    deaf(seller)
    by_hand(seller, row.provider_ref, "199.00")
    (refund,) = seller.yookassa.bank.refunds.values()
    for thing, name in ((refund, "created_at"), (refund.payment, "captured_at")):
        setattr(thing, name, now() - timedelta(days=20))
    await seller.sweep()
    assert await seller.granted() == 1
    await seller.execute(update(sweeps).values(swept_at=now() - timedelta(days=15)))
    await seller.sweep()
    assert await seller.granted() == 0


def test_an_entry_that_cannot_be_read_hides_no_other_one() -> None:
    """Whatever stands in it."""
    amount = {"value": "1.00", "currency": "RUB"}
    good = {"id": "2d03", "status": "succeeded", "amount": amount}
    odd = [None, 7, {}, {**good, "id": "../me"}, {**good, "amount": "1"}, {**good, "amount": {"value": "NaN"}},
           {**good, "metadata": "x"}]  # fmt: skip
    listed = _listed([*odd, good], _payment, None)
    assert [charge.ref for charge in listed.charges] == ["2d03"]
    assert listed.unreadable == len(odd)
    listed = _listed([{"status": "succeeded"}, {"status": "pending"}, {**good, "payment_id": "3e"}], _refund, None)
    assert [charge.ref for charge in listed.charges] == ["3e"]
    star = {"id": "c", "amount": 5, "date": 1, "source": {"type": "user", "user": {"id": 7}}}
    odd = [{**star, "amount": 0}, {**star, "id": "c" * 256}, {**star, "source": 5}, {"id": "c", "amount": 1}]
    listed = _listed([*odd, star], _star, None)
    assert [charge.user_id for charge in listed.charges] == [7]
    assert listed.unreadable == len(odd)


async def test_a_sweep_that_a_wrong_clock_dated_ahead_leaves_no_gap(seller: Any) -> None:
    """The clock was weeks ahead and was set right: what is unheard is found all the same."""
    await seller.begun()
    deaf(seller)
    anna = seller.buyer()
    await seller.pay(await seller.link(anna))
    await seller.execute(update(sweeps).values(swept_at=now() + timedelta(days=40)))
    await seller.sweep()
    await anna.wait_for("Thank you!")
    assert await seller.granted() == 1
