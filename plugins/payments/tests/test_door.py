"""The door for YooKassa's notifications: told before it is shown, forged beforehand, or sent by strangers."""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, text, update

from astral_core import now
from astral_core.db.tables import core_inbox
from astral_payments import door
from astral_payments.door import Budget, Door
from astral_payments.handlers.fetch import EVENT_ATTEMPTS
from astral_payments.health import astral_health
from astral_payments.notices import KEEP_OTHERS, KEEP_OURS, MOST_OF_ONE
from astral_payments.settings import PaymentsSettings
from astral_payments.tables import events
from astral_payments.web import BadNotification, read_hint
from astral_payments.yookassa_client import API_URL, YooKassaClient
from astral_playground.yookassa import checks

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
ON_POSTGRES = pytest.param("postgresql", marks=pytest.mark.postgres)
STALE = {"where": "api", "match": {"method": "GET", "path": "/payments/"}, "do": "stale"}


def told(ref: str, **changes: Any) -> dict[str, Any]:
    """What YooKassa posts when the payment has succeeded, as far as we read it."""
    amount = {"value": "199.00", "currency": "RUB"}
    subject = {"id": ref, "status": "succeeded", "amount": amount, "refunded_amount": {**amount, "value": "0.00"}}
    return {"type": "notification", "event": "payment.succeeded", "object": subject, **changes}


def stranger() -> dict[str, Any]:
    """A notification about a payment that does not exist."""
    return told(str(uuid.uuid4()))


async def bought(seller: Any, anna: Any) -> Any:
    """The payment, paid and settled."""
    await seller.pay(await seller.link(anna))
    await anna.wait_for("Thank you!")
    await seller.quiet()
    return await seller.newest()


async def linked(seller: Any) -> tuple[Any, str, Any]:
    """A buyer, where to pay, and the payment that is not paid yet."""
    anna = seller.buyer()
    url = await seller.link(anna)
    await seller.quiet()
    return anna, url, await seller.newest()


async def looked(seller: Any) -> None:
    """What waits is due, and the reconciliation comes."""
    await seller.execute(update(events).where(events.c.state == "new").values(next_try_at=now()))
    await seller.job()


def give_back(seller: Any, ref: str, value: str) -> Any:
    """A refund in the cabinet."""
    bank = seller.yookassa.bank
    asked = checks.refund({"payment_id": ref, "amount": {"value": value, "currency": "RUB"}})
    return bank.create_refund(bank.payment(ref), asked)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The payments that YooKassa was asked for."""
    calls: list[str] = []
    ask = YooKassaClient.get_payment

    async def get_payment(self: YooKassaClient, payment_id: str) -> Any:
        calls.append(payment_id)
        return await ask(self, payment_id)

    monkeypatch.setattr(YooKassaClient, "get_payment", get_payment)
    return calls


# --- told and not shown yet


async def test_what_is_told_before_it_is_shown_is_asked_again_soon(seller: Any) -> None:
    """The notification is ahead of YooKassa's replicas: it stays open, and is looked at again soon."""
    anna, url, _ = await linked(seller)
    seller.yookassa.set_faults([STALE])
    await seller.pay(url)
    await seller.quiet()
    (row,) = await seller.rows(select(events))
    assert (row.state, await seller.granted()) == ("new", 0)
    assert row.next_try_at - row.received_at < timedelta(seconds=10)
    await looked(seller)
    await anna.wait_for("Thank you!")
    assert await seller.states(events) == ["done"]


@on_sqlite
@pytest.mark.parametrize("before", [(), ("149.00",)])
async def test_a_refund_that_is_told_before_it_is_shown_is_not_lost(seller: Any, before: tuple[str, ...]) -> None:
    """Also the last one of several, of which the payment shows an earlier and larger one."""
    payment = await bought(seller, seller.buyer())
    for value in before:
        give_back(seller, payment.provider_ref, value)
        await seller.quiet()
    seller.yookassa.set_faults([STALE])
    give_back(seller, payment.provider_ref, "50.00" if before else "199.00")
    await seller.quiet()
    assert await seller.granted() == 1
    assert (await seller.states(events))[-1] == "new"
    await looked(seller)
    assert await seller.granted() == 0
    assert set(await seller.states(events)) == {"done"}


@on_sqlite
async def test_refunds_that_cannot_be_listed_are_asked_for_again(seller: Any) -> None:
    """What the payment shows counts at once; the notification is open until the refund itself is shown."""
    payment = await bought(seller, seller.buyer())
    seller.yookassa.set_faults([{"where": "api", "match": {"method": "GET", "path": "/refunds"}, "do": "status"}])
    give_back(seller, payment.provider_ref, "199.00")
    await seller.quiet()
    assert await seller.granted() == 0
    assert await seller.states(events) == ["done", "new"]
    await looked(seller)
    assert await seller.states(events) == ["done", "done"]


@on_sqlite
async def test_what_yookassa_never_shows_is_given_up_without_an_alarm(
    seller: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The payer himself may post that he has paid: that is no reason to call the owner."""
    _, _, payment = await linked(seller)
    assert await seller.notify(told(payment.provider_ref)) == 200
    await seller.quiet()
    await seller.execute(update(events).values(attempts=EVENT_ATTEMPTS - 1))
    await looked(seller)
    (row,) = await seller.rows(select(events))
    assert (row.state, row.next_try_at) == ("done", None)
    assert "does not show" in row.error
    assert await seller.granted() == 0
    assert "alert" not in caplog.text


@on_sqlite
@pytest.mark.parametrize("event", ["payment.waiting_for_capture", "payment.canceled"])
async def test_old_news_and_contradictions_of_an_end_are_over(seller: Any, event: str) -> None:
    """A later state was read: nothing more can come."""
    payment = await bought(seller, seller.buyer())
    await seller.execute(delete(events))
    assert await seller.notify(told(payment.provider_ref, event=event)) == 200
    await seller.quiet()
    assert await seller.states(events) == ["done"]
    assert await seller.granted() == 1


# --- forged beforehand


@pytest.mark.parametrize("state", ["new", "orphan", "dead", "done"])
async def test_a_forged_notification_does_not_swallow_the_real_one(sell: Any, state: str) -> None:
    """Whoever knows the id posts what YooKassa will post: however that ended, the real one is looked into at once."""
    async with sell() as seller:
        anna, url, payment = await linked(seller)
        assert await seller.notify(told(payment.provider_ref)) == 200
        await seller.quiet()
        ended = {"state": state, "error": "nothing came of it", "attempts": 7, "next_try_at": None}
        later = {"next_try_at": now() + timedelta(hours=1)} if state == "new" else {}
        await seller.execute(update(events).values(**ended | later, received_at=now() - timedelta(minutes=1)))
        await seller.pay(url)
        await anna.wait_for("Thank you!")
        await seller.quiet()
        (row,) = await seller.rows(select(events))
        assert (row.seen, row.state, row.error, row.next_try_at) == (2, "done", None, None)


@on_sqlite
async def test_repetitions_are_looked_into_seldom_but_never_forgotten(seller: Any, asked: list[str]) -> None:
    """Many of the same at once are one look now and one soon; what YooKassa has confirmed is only counted."""
    anna, url, payment = await linked(seller)
    for _ in range(10):
        assert await seller.notify(told(payment.provider_ref)) == 200
    await seller.quiet()
    assert len(asked) == 1
    (row,) = await seller.rows(select(events))
    assert row.next_try_at - now() < timedelta(seconds=30)
    await seller.pay(url)
    await seller.quiet()  # YooKassa's own notification is one more of the same: not in the middle of the look
    await looked(seller)
    await anna.wait_for("Thank you!")
    assert len(asked) == 2
    for _ in range(3):
        assert await seller.notify(told(payment.provider_ref)) == 200
    await seller.quiet()
    assert len(asked) == 2
    (row,) = await seller.rows(select(events))
    assert (row.seen, row.state) == (14, "done")


@on_sqlite
async def test_inventions_about_one_payment_are_few_rows(seller: Any) -> None:
    """Its payer knows the id and may invent refunds: some wait, more are looked into with these, none is refused."""
    anna, url, payment = await linked(seller)
    for number in range(2 * MOST_OF_ONE):
        subject = {"id": f"invented-{number}", "payment_id": payment.provider_ref, "status": "succeeded"}
        assert await seller.notify(told("", event="refund.succeeded", object=subject)) == 200
    await seller.quiet()
    assert await seller.states(events) == ["new"] * MOST_OF_ONE
    await seller.execute(update(events).values(received_at=now() - timedelta(minutes=1)))
    await seller.pay(url)
    await anna.wait_for("Thank you!")
    assert await seller.count(events) == MOST_OF_ONE


@on_sqlite
async def test_a_repetition_during_the_last_look_keeps_it_open(seller: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real one comes while the forged one is about to be given up."""
    _, _, payment = await linked(seller)
    assert await seller.notify(told(payment.provider_ref)) == 200
    await seller.quiet()
    await seller.execute(update(events).values(attempts=EVENT_ATTEMPTS - 1))
    ask = YooKassaClient.get_payment

    async def get_payment(self: YooKassaClient, payment_id: str) -> Any:
        found = await ask(self, payment_id)
        assert await seller.notify(told(payment.provider_ref)) == 200
        return found

    monkeypatch.setattr(YooKassaClient, "get_payment", get_payment)
    await looked(seller)
    assert await seller.states(events) == ["new"]


# --- the limit


def waiting(count: int, **changes: Any) -> list[dict[str, Any]]:
    """Rows of notifications about unknown payments."""
    shared = {"provider": "yookassa", "event": "payment.succeeded", "state": "new", "attempts": 0, "seen": 1}
    due = now() + timedelta(hours=1)
    rows = [{**shared, "next_try_at": due, "received_at": now(), **changes} for _ in range(count)]
    return [row | {key: str(uuid.uuid4()) for key in ("object_id", "payment_ref", "dedupe_key")} for row in rows]


async def test_what_we_know_is_taken_however_many_strangers_wait(seller: Any) -> None:
    """Unknown ids beyond the limit get 503, also on both engines alike; the buyer has his product all the same."""
    anna, url, _ = await linked(seller)
    await seller.execute(insert(events).values(waiting(door.MOST_WAITING)))
    assert await seller.notify(stranger()) == 503
    await seller.pay(url)
    await anna.wait_for("Thank you!")
    await seller.quiet()
    assert (await seller.states(events)).count("done") == 1
    assert await seller.count(events) == door.MOST_WAITING + 1


async def test_what_is_over_does_not_count(seller: Any) -> None:
    """Closed notifications leave room, also those that an older version left with a time."""
    await seller.execute(insert(events).values(waiting(1000, state="done")))
    assert await seller.notify(stranger()) == 200


@pytest.mark.parametrize("database_url", [ON_POSTGRES], indirect=True)
async def test_a_notification_that_is_closed_meanwhile_is_due_at_no_time(seller: Any) -> None:
    """The reconciliation has read it as open; before it writes, the step on another replica has closed it."""
    _, _, payment = await linked(seller)
    row = waiting(1, next_try_at=now() - timedelta(seconds=1))[0]
    await seller.execute(insert(events).values(**row | {"payment_ref": payment.provider_ref}))
    blocked = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'UPDATE%events%'"
    async with seller.kit.running.database.engine.connect() as closing:
        await closing.execute(update(events).values(state="done", next_try_at=None))
        job = asyncio.create_task(seller.job())
        async with asyncio.timeout(10):
            while not (await seller.rows(text(blocked)))[0][0]:  # noqa: ASYNC110 - a lock tells nobody
                await asyncio.sleep(0.02)
        await closing.commit()
    await job
    (row,) = await seller.rows(select(events))
    assert (row.state, row.next_try_at, row.attempts) == ("done", None, 0)


# --- strangers


async def test_strangers_spend_few_calls_of_the_shop(
    sell: Any, monkeypatch: pytest.MonkeyPatch, asked: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """A budget a minute for what we do not know, and one line for all of it; what we know is looked into."""
    monkeypatch.setattr(door, "CALLS", 3)
    async with sell() as seller:
        anna, url, _ = await linked(seller)
        for _ in range(12):
            assert await seller.notify(stranger()) == 200
        await seller.quiet()
        assert len(asked) <= 4  # one may have been saved up meanwhile
        await seller.pay(url)
        await anna.wait_for("Thank you!")
        for _ in range(3):
            await looked(seller)
        assert (await seller.states(events)).count("new") >= 8
    for line in ("calls of this minute are used", "names a payment that cannot be read"):
        assert caplog.text.count(line) == 1


async def until_closed(seller: Any, work: Coroutine[Any, Any, None]) -> None:
    """Do `work`; then end what hangs at YooKassa."""
    try:
        await work
    finally:
        await seller.yookassa.__aexit__()


async def test_strangers_hold_up_nobody_while_yookassa_hangs(sell: Any) -> None:
    """More forged notifications than there are workers wait for an answer: people and real notifications do not."""
    async with sell() as seller:
        _, _, payment = await linked(seller)
        people = [seller.buyer(f"Anna {number}") for number in range(5)]
        hang = {"where": "api", "match": {"method": "GET"}, "do": "delay", "seconds": 60, "times": None}
        seller.yookassa.set_faults([hang])

        async def crowd() -> None:
            forged = await asyncio.gather(*(seller.notify(stranger()) for _ in range(150)))
            assert set(forged) == {200}
            for anna in people:
                await anna.send("/shop")
                await anna.wait_for("Shop")
            assert await seller.notify(told(payment.provider_ref)) == 200

        await until_closed(seller, crowd())


async def test_without_a_shop_there_is_nobody_to_notify(sell: Any) -> None:
    """404 and not a row, whatever is posted."""
    async with sell(yookassa_shop_id=None, yookassa_secret_key=None) as seller:
        before = await seller.count(core_inbox)  # Stars need no shop: their list was read at the start
        assert [await seller.notify(body) for body in (stranger(), b"x")] == [404, 404]
        assert await seller.count(events) == 0
        assert await seller.count(core_inbox) == before


async def test_refusals_are_one_line_a_minute_and_kind(sell: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever anybody posts, the log does not grow with it."""
    caplog.set_level(logging.INFO)
    async with sell() as seller:
        await seller.execute(insert(events).values(waiting(door.MOST_WAITING)))
        caplog.clear()
        for _ in range(4):
            assert await seller.notify(b"x") == 400
            assert await seller.notify(stranger()) == 503
    lines = [record.getMessage() for record in caplog.records if record.name == "astral.plugins.payments"]
    assert len(lines) == 2
    assert all("0 more of these were left out" in line for line in lines)


async def test_closed_notifications_are_deleted_in_time(seller: Any) -> None:
    """Those about payments of others after days, ours after months, open ones never."""
    _, _, payment = await linked(seller)
    ages = {"old": KEEP_OTHERS + timedelta(hours=1), "young": KEEP_OTHERS - timedelta(hours=1)}
    rows = {
        name: waiting(1, state=state, received_at=now() - age)[0]
        for name, state, age in (
            ("gone", "dead", ages["old"]), ("gone, too", "orphan", ages["old"]), ("young", "dead", ages["young"]),
            ("open", "new", ages["old"]), ("ours", "done", ages["old"]), ("ours, old", "done", KEEP_OURS * 1.01),
        )
    }  # fmt: skip
    for name, row in rows.items():
        row["payment_ref"] = payment.provider_ref if name.startswith("ours") else row["payment_ref"]
        row["error"] = name
    await seller.execute(insert(events).values(list(rows.values())))
    await seller.job("payments.tidy")
    assert {row.error for row in await seller.rows(select(events.c.error))} == {"young", "open", "ours"}


def test_a_budget_is_so_many_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """All at once or one by one; what is not used in many minutes is saved for one."""
    moment = [100.0]
    monkeypatch.setattr(door.time, "monotonic", lambda: moment[0])
    budget = Budget(4)
    assert [budget.take() for _ in range(5)] == [True] * 4 + [False]
    moment[0] += 15
    assert [budget.take() for _ in range(2)] == [True, False]
    moment[0] += 3600
    assert [budget.take() for _ in range(5)] == [True] * 4 + [False]


# --- the sender's address


@pytest.mark.parametrize(
    ("address", "let_in"),
    [
        ("185.71.76.0", True), ("185.71.76.31", True), ("185.71.76.32", False), ("185.71.77.5", True),
        ("77.75.153.127", True), ("77.75.153.128", False), ("77.75.154.127", False), ("77.75.154.128", True),
        ("77.75.156.11", True), ("77.75.156.12", False), ("77.75.156.35", True), ("2a02:5180:ffff::1", True),
        ("2a02:5181::1", False), ("::ffff:185.71.76.5", True), ("127.0.0.1", False), ("::1", False), ("", False),
        (None, False), ("unix", False),
    ],
)  # fmt: skip
def test_the_addresses_of_yookassa(address: str | None, let_in: bool) -> None:
    """Those that its documentation names, and no other; nothing that is no address."""
    log = logging.getLogger("test")
    settings = PaymentsSettings(yookassa_shop_id="1", yookassa_secret_key="test_x", ip_check="enforce")
    assert Door(settings, log).lets_in(address) is let_in
    for check in ("off", "log"):
        assert Door(settings.model_copy(update={"ip_check": check}), log).lets_in(address)
    emulated = settings.model_copy(update={"yookassa_api_url": "http://127.0.0.1:1/v3"})
    assert Door(emulated, log).lets_in(address) is (let_in or address in ("127.0.0.1", "::1"))


async def test_a_stranger_is_named_and_let_in_or_refused(
    sell: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """By default the address is named in the log, once a minute; "enforce" refuses it, also behind a proxy."""
    async with sell() as seller:
        assert await seller.notify(stranger()) == 200
        assert "no address of YooKassa's" not in caplog.text  # the emulator on this machine
    monkeypatch.setattr(PaymentsSettings, "emulated", property(lambda _: False))
    async with sell() as seller:
        assert [await seller.notify(stranger()) for _ in range(2)] == [200, 200]
        assert caplog.text.count("came from 127.0.0.1, which is no address of YooKassa's") == 1
    async with sell(ip_check="enforce", web={"trusted_proxies": ("127.0.0.1",)}) as seller:
        for address, status in (("1.2.3.4", 403), ("185.71.76.5, 1.2.3.4", 403), ("1.2.3.4, 185.71.76.5", 200)):
            assert await seller.notify(stranger(), headers={"X-Forwarded-For": address}) == status
        assert await seller.notify(stranger()) == 403
        assert await seller.count(events) == 4  # of all three bots


async def test_enforce_without_a_trusted_proxy_is_a_finding(sell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind the proxy of public_url every notification would be refused; at an emulator none is."""

    async def found(**changes: Any) -> list[str]:
        async with sell(ip_check="enforce", **changes) as seller:
            return [one.code for one in (await astral_health(seller.kit.context("payments"))).findings]

    assert await found() == []
    monkeypatch.setattr(PaymentsSettings, "emulated", property(lambda _: False))
    monkeypatch.setattr(PaymentsSettings, "gives_away", property(lambda _: False))
    assert await found() == ["ip-check"]
    assert await found(web={"trusted_proxies": ("127.0.0.1",)}) == []
    assert PaymentsSettings(yookassa_api_url=f"{API_URL}/").ip_check == "log"


# --- odd bytes


async def test_a_nul_anywhere_is_answered_alike(seller: Any) -> None:
    """PostgreSQL stores no such character: what has it where it counts is malformed, elsewhere nobody looks."""
    for body in (
        told("2d03", event="payment.\x00"), told("2d03", event="\x00"), told("2d\x0003"), told("2d03\x00"),
        told("", event="refund.succeeded", object={"id": "r", "payment_id": "2d03\x00"}), told("2d03", type="\x00"),
    ):  # fmt: skip
        assert await seller.notify(body) == 400, body
    for number, odd in enumerate(({"status": "\x00"}, {"amount": {"\x00": "\x00"}}, {"metadata": {"a": "\x00"}})):
        ref = f"2d03-{number}"
        assert await seller.notify(told(ref, object={"id": ref, **odd})) == 200, odd
    assert await seller.notify(told("2d03", event="payment.\ud800")) == 400
    assert await seller.count(events) == 3


@pytest.mark.parametrize("event", ["", "a" * 65, "payment.Succeeded", "платёж", "payment succeeded", "a\n"])
def test_events_that_no_column_takes_are_refused(event: str) -> None:
    """Small letters, dots and underscores, 64 at most."""
    with pytest.raises(BadNotification):
        read_hint(json.dumps(told("2d03", event=event)).encode())
