"""What the owner of a shop reads at once, what `astral_health` says of it, and what a buyer reads meanwhile."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, update

from astral_core import Health, now
from astral_payments.handlers.fetch import EVENT_ATTEMPTS, UNANSWERED_ATTEMPTS
from astral_payments.health import astral_health
from astral_payments.settings import PaymentsSettings
from astral_payments.tables import events, payments, refunds, transitions
from astral_payments.yookassa_client import API_URL

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def alerts(user: Any) -> list[str]:
    """What of the messages of a chat is an alert."""
    return [message.text for message in user.messages if message.text.startswith("⚠️")]


async def asked(seller: Any) -> Health:
    """What the plugin says of itself now."""
    found: Health = await astral_health(seller.kit.context("payments"))
    return found


def codes(found: Health) -> dict[str, str]:
    """Code -> level of its findings."""
    return {one.code: one.level for one in found.findings}


@pytest.mark.parametrize("change", [{"amount_minor": 100}, {"account_id": "555"}, {"mode": "live"}])
async def test_money_that_does_not_match_alerts_the_owner_and_the_buyer_reads_that_it_is_checked(
    seller: Any, change: dict[str, Any]
) -> None:
    """The owner in their own language and with both numbers; the buyer once, with a next step, and no product."""
    admin, anna = await seller.admin(language_code="ru"), seller.buyer()
    url = await seller.link(anna)
    await seller.execute(update(payments).values(**change))
    await seller.pay(url)
    message = await anna.wait_for("a person looks at it")
    assert "The whole sky" in message.text
    assert message.button_rows[0][0]["text"] == "Help with a payment"
    await seller.quiet()
    (told,) = alerts(admin)
    payment = await seller.newest()
    assert told.startswith(f"⚠️ payments\n\nПлатёж {payment.id} не проведён")
    assert payment.provider_ref in told
    await seller.execute(update(payments).values(next_check_at=now()))
    await seller.job()
    assert len(alerts(admin)) == 1
    assert len([one for one in anna.messages if "a person looks at it" in one.text]) == 1
    assert await seller.granted() == 0


@on_sqlite
async def test_a_conflict_after_the_end_is_an_alert(seller: Any) -> None:
    """A payment that was canceled and is paid after all: the buyer's money is there, and nobody knows it else."""
    admin, anna = await seller.admin(), seller.buyer()
    url = await seller.link(anna)
    await seller.execute(update(payments).values(status="canceled"))
    await seller.pay(url)
    await anna.wait_for("a person looks at it")
    await seller.quiet()
    (told,) = alerts(admin)
    assert "status 'succeeded' cannot follow 'canceled'" in told


@on_sqlite
async def test_what_another_buyer_paid_is_told_to_the_owner_alone(seller: Any) -> None:
    """A payment that only names our number and order is not this buyer's: he reads nothing of it."""
    admin, anna, eve = await seller.admin(), seller.buyer(), seller.buyer("Eve")
    await seller.link(anna)
    target = await seller.newest()
    url = await seller.link(eve)
    remote = seller.yookassa.bank.payments[(await seller.newest()).provider_ref]
    remote.metadata |= {"payment_id": str(target.id), "order_id": str(target.order_id)}
    await seller.execute(update(payments).where(payments.c.id != target.id).values(provider_ref=None))
    await seller.pay(url)
    await seller.quiet()
    assert len(alerts(admin)) == 1
    assert not any("a person looks at it" in one.text for user in (anna, eve) for one in user.messages)


@on_sqlite
async def test_a_notification_that_is_given_up_is_an_alert_where_the_payment_is_ours(seller: Any) -> None:
    """Anybody may post ids: those alarm nobody."""
    admin, anna = await seller.admin(), seller.buyer()
    await seller.link(anna)
    payment = await seller.newest()
    del seller.yookassa.bank.payments[payment.provider_ref]
    for ref in ("2d03", payment.provider_ref):
        subject = {"id": ref, "status": "succeeded", "metadata": {}}
        body = {"type": "notification", "event": "payment.succeeded", "object": subject}
        assert await seller.notify(json.dumps(body)) == 200
    await seller.quiet()
    await seller.execute(update(events).values(attempts=EVENT_ATTEMPTS - 1, next_try_at=now()))
    await seller.job()
    assert await seller.states(events) == ["dead", "dead"]
    (told,) = alerts(admin)
    assert payment.provider_ref in told
    assert codes(await asked(seller)) == {"events-dead": "warning"}
    assert (await asked(seller)).gauges["events_dead"] == 1


@on_sqlite
async def test_yookassa_that_never_answers_is_an_alert(seller: Any) -> None:
    """When the last try of a notification is over."""
    admin = await seller.admin()
    seller.yookassa.set_faults([{"where": "api", "do": "drop_before", "times": None}])
    body = {"type": "notification", "event": "payment.succeeded", "object": {"id": "2d03", "status": "succeeded"}}
    assert await seller.notify(json.dumps(body)) == 200
    await seller.quiet()
    assert alerts(admin) == []
    await seller.execute(update(events).values(attempts=UNANSWERED_ATTEMPTS, next_try_at=now()))
    await seller.job()
    (told,) = alerts(admin)
    assert "YooKassa has given no answer for a day and more" in told


@on_sqlite
async def test_a_refused_refund_is_an_alert_and_a_finding_until_the_money_is_back(seller: Any) -> None:
    """The owner reads why, and how to ask again."""
    admin, anna = await seller.admin(), seller.buyer()
    await seller.pay(await seller.link(anna))
    await anna.wait_for("Thank you!")
    await seller.quiet()
    fault = {"where": "refund", "do": "pending_then", "status": "canceled", "reason": "insufficient_funds"}
    seller.yookassa.set_faults([{**fault, "seconds": 60}])
    number = (await seller.newest()).id
    await admin.send(f"/refund {number}")
    await admin.wait_for("on its way back")
    await seller.quiet()
    seller.yookassa.advance(61)
    await seller.execute(update(refunds).values(next_try_at=now()))
    await seller.job()
    (told,) = alerts(admin)
    assert f"The money of payment {number} did not go back: insufficient_funds." in told
    assert f"/refund {number}" in told
    assert codes(await asked(seller)) == {"refunds-failed": "warning"}
    await seller.execute(update(payments).values(refunded_minor=payments.c.amount_minor))
    assert codes(await asked(seller)) == {}


async def test_gauges_tell_what_waits(seller: Any) -> None:
    """By state, and how old the oldest is; also in /metrics."""
    empty = await asked(seller)
    assert set(empty.gauges.values()) == {0}
    await seller.link(seller.buyer())
    await seller.execute(update(payments).values(created_at=now() - timedelta(hours=1)))
    await seller.kit.running.checkup.look()
    async with seller.session.get(f"{seller.kit.url}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    shown = dict(line.rsplit(" ", 1) for line in lines if line.startswith("astral_payments_"))
    assert shown["astral_payments_waiting_pending"] == "1.0"
    assert shown["astral_payments_waiting_created"] == "0.0"
    assert 3600 <= float(shown["astral_payments_oldest_waiting_seconds"]) < 3700
    assert codes(await asked(seller)) == {}


async def test_payments_without_any_notification_are_an_alert(seller: Any) -> None:
    """They were found by asking, and for a day nothing has come: the address is not set in the cabinet."""
    admin, anna = await seller.admin(), seller.buyer()
    await seller.link(anna)
    number = (await seller.newest()).id
    paid = {"payment_id": number, "from_status": "pending", "to_status": "succeeded", "cause": "poll"}
    await seller.execute(insert(transitions).values(**paid, at=now() - timedelta(minutes=5)))
    assert codes(await asked(seller)) == {}  # it may still come
    await seller.execute(update(transitions).values(at=now() - timedelta(minutes=20), cause="sweep"))
    assert codes(await asked(seller)) == {"notifications-missing": "error"}
    await seller.execute(update(transitions).values(cause="poll"))
    assert codes(await asked(seller)) == {"notifications-missing": "error"}
    await seller.kit.running.checkup.look()
    await seller.quiet()
    (told,) = alerts(admin)
    assert "/webhook/yookassa" in told
    await seller.execute(update(transitions).values(at=now() - timedelta(hours=5)))
    assert codes(await asked(seller)) == {"notifications-missing": "warning"}
    await seller.execute(update(transitions).values(at=now() - timedelta(minutes=20)))
    for ref, left in (("2d03", {"notifications-missing": "error"}), ((await seller.newest()).provider_ref, {})):
        body = {"type": "notification", "event": "payment.succeeded", "object": {"id": ref, "status": "succeeded"}}
        assert await seller.notify(json.dumps(body)) == 200
        assert codes(await asked(seller)) == left  # a stranger does not silence it


async def test_a_test_key_at_yookassa_itself_is_told_at_the_start(
    sell: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Once, to the owner, and to whoever asks the doctor; at an emulator it is as it should be."""
    async with sell() as seller:
        assert "test-key" not in caplog.text
        assert codes(await asked(seller)) == {}
    monkeypatch.setattr(PaymentsSettings, "gives_away", property(lambda _: True))
    async with sell() as seller:
        assert "alert test-key of plugin 'payments': The shop sells for nothing" in caplog.text
        assert codes(await asked(seller)) == {"test-key": "warning"}


@pytest.mark.parametrize(
    ("key", "url", "away"),
    [("test_x", API_URL, True), ("test_x", f"{API_URL}/", True), ("live_x", API_URL, False),
     ("test_x", "http://127.0.0.1:1/v3", False)],
)  # fmt: skip
def test_only_a_test_key_at_yookassa_itself_gives_things_away(key: str, url: str, away: bool) -> None:
    """An emulator is for trying out."""
    settings = PaymentsSettings(yookassa_shop_id="1", yookassa_secret_key=key, yookassa_api_url=url)
    assert settings.gives_away is away
