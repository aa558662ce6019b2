"""What YooKassa answers: members that nobody needs, in whatever form, never stand between money and its product."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from astral_core import now
from astral_payments.errors import PaymentsError, Unreadable
from astral_payments.tables import entitlements, payments
from astral_payments.yookassa_objects import Page, RemotePayment, RemoteRefund, ShopInfo

PAYMENT: dict[str, Any] = {
    "id": "2d5f", "status": "succeeded", "amount": {"value": "199.00", "currency": "RUB"},
    "recipient": {"account_id": "100500"}, "test": False, "metadata": {"payment_id": "7"},
}  # fmt: skip
REFUND: dict[str, Any] = {
    "id": "9a", "payment_id": "2d5f", "status": "succeeded", "amount": {"value": "199.00", "currency": "RUB"},
}  # fmt: skip
SHOP: dict[str, Any] = {"account_id": "100500", "status": "enabled", "test": False}
# Members that the API's reference names beside those that settling needs.
OPTIONAL = (
    "paid", "payment_method", "captured_at", "created_at", "expires_at", "description", "refundable",
    "receipt_registration", "authorization_details", "transfers", "deal", "merchant_customer_id", "income_amount",
    "confirmation", "cancellation_details", "invoice_details", "refund_method", "sources", "receipt_id", "x_new",
)  # fmt: skip
SEEN = [
    {"payment_method": {"type": "sberbank", "phone": "7900***1234"}},
    {"payment_method": {"type": "bank_card", "card": {"first6": None, "last4": None, "expiry_month": "9"}}},
    {"payment_method": {"type": "bank_card", "card": {"first6": "22007007", "card_product": None}}},
    {"authorization_details": {"three_d_secure": None}}, {"transfers": {}}, {"deal": None},
    {"payment_method": {"type": "something_new"}}, {"payment_method": None}, {"confirmation": "later"},
    {"cancellation_details": {"party": 1, "reason": None}}, {"created_at": 1_700_000_000}, {"paid": "yes"},
]  # fmt: skip

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
more = st.dictionaries(st.sampled_from(OPTIONAL), anything, max_size=6)


def needed(found: RemotePayment) -> tuple[Any, ...]:
    """What settling looks at."""
    return (found.id, found.status, found.amount_minor, found.currency, found.account_id, found.test,
            found.refunded_minor, dict(found.metadata))  # fmt: skip


WANTED = ("2d5f", "succeeded", 19900, "RUB", "100500", False, 0, {"payment_id": "7"})


@given(more)
def test_no_optional_member_makes_a_payment_unreadable(odd: dict[str, Any]) -> None:
    """Any value of any member that is not needed: the same payment."""
    assert needed(RemotePayment.parse({**PAYMENT, **odd})) == WANTED


@pytest.mark.parametrize("odd", SEEN)
def test_shapes_that_were_seen_in_the_wild_are_read(odd: dict[str, Any]) -> None:
    """Cards without numbers, wallets with phones, members that are null or empty."""
    assert needed(RemotePayment.parse({**PAYMENT, **odd})) == WANTED


@given(more)
def test_no_optional_member_makes_a_refund_or_the_shop_unreadable(odd: dict[str, Any]) -> None:
    """The same of refunds, and of what a start asks the shop."""
    refund = RemoteRefund.parse({**REFUND, **odd})
    assert (refund.id, refund.payment_id, refund.status, refund.amount_minor) == ("9a", "2d5f", "succeeded", 19900)
    shop = ShopInfo.parse({**SHOP, **odd, "fiscalization": odd.get("deal"), "payment_methods": odd.get("transfers")})
    assert (shop.account_id, shop.enabled, shop.test) == ("100500", True, False)


@given(st.sampled_from(["id", "status", "amount", "recipient", "test", "refunded_amount", "metadata"]), anything)
def test_a_needed_member_is_read_or_named(name: str, value: Any) -> None:
    """Nothing else is raised for whatever stands there, and the name leads to it."""
    named = ""
    try:
        RemotePayment.parse({**PAYMENT, name: value})
    except Unreadable as error:
        named = error.member
    assert named.startswith(name) if named else isinstance(value, (str, bool, dict)) or value is None


@pytest.mark.parametrize(
    ("change", "member"),
    [
        ({"amount": {"value": 199.0, "currency": "RUB"}}, "amount.value"), ({"amount": None}, "amount"),
        ({"amount": {"value": "1e3", "currency": "RUB"}}, "amount"), ({"test": "no"}, "test"),
        ({"recipient": {}}, "recipient.account_id"), ({"id": "../me"}, "id"), ({"metadata": [1]}, "metadata"),
        ({"refunded_amount": {"value": "1.00", "currency": "USD"}}, "refunded_amount.currency"),
    ],
)  # fmt: skip
def test_the_member_is_named(change: dict[str, Any], member: str) -> None:
    """So that the alert tells the owner where to look; floats are never taken for money."""
    with pytest.raises(Unreadable) as caught:
        RemotePayment.parse({**PAYMENT, **change})
    assert caught.value.member == member
    missing = {key: value for key, value in PAYMENT.items() if key != "status"}
    with pytest.raises(Unreadable, match="status"):
        RemotePayment.parse(missing)


@pytest.mark.parametrize("data", [None, [], "x", 1, {}])
@pytest.mark.parametrize("parse", [RemotePayment.parse, RemoteRefund.parse, ShopInfo.parse])
def test_what_is_no_object_is_unreadable(parse: Callable[[Any], Any], data: Any) -> None:
    """One kind of error for all of them."""
    with pytest.raises(PaymentsError):
        parse(data)


def test_one_unreadable_entry_spoils_no_list() -> None:
    """The others are read, and that one was there is told: such a page proves no absence."""
    page = Page.parse({"items": [PAYMENT, {**PAYMENT, "amount": 7}, None], "next_cursor": 5}, RemotePayment.parse)
    assert [item.id for item in page.items] == ["2d5f"]
    assert (page.unreadable, page.next_cursor) == (3, None)


on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@on_sqlite
@pytest.mark.parametrize("odd", SEEN[:6])
async def test_money_reaches_its_product_past_odd_members(seller: Any, odd: dict[str, Any]) -> None:
    """From the button to the product with every answer of the API changed."""
    seller.yookassa.set_faults(
        [{"where": "api", "do": "mutate", "patch": odd, "times": None, "match": {"path": "/payments"}}]
    )
    anna = seller.buyer()
    await seller.pay(await seller.link(anna))
    await anna.wait_for("Thank you!")
    assert await seller.count(entitlements) == 1


async def test_what_cannot_be_read_is_told_to_the_owner_and_asked_again(seller: Any) -> None:
    """Nothing is granted or given up: when YooKassa can be understood again, the buyer gets the product."""
    olga = await seller.admin()
    anna = seller.buyer()
    url = await seller.link(anna)
    fault = {"where": "api", "do": "mutate", "patch": {"amount": {"value": 199}}, "times": None}
    seller.yookassa.set_faults([{**fault, "match": {"method": "GET", "path": "/payments/"}}])
    await seller.pay(url)
    await anna.press("I have paid")
    await anna.wait_until(lambda: any("checked by a person" in toast for toast in anna.toasts))
    await seller.execute(update(payments).values(next_check_at=now()))
    await seller.job()
    payment = await seller.newest()
    assert payment.status == "pending"
    assert payment.next_check_at is not None
    assert any("cannot read amount.value" in message.text for message in olga.messages)
    seller.yookassa.set_faults([])
    await seller.execute(update(payments).values(next_check_at=now()))
    await seller.job()
    await anna.wait_for("Thank you!")
    assert await seller.count(entitlements) == 1
