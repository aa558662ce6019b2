"""YooKassa's answers in any form: an object, a refusal or an unknown outcome. Strict reading loses no money."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from astral_payments.errors import OutcomeUnknown, OutcomeUnreadable, YooKassaRejected
from astral_payments.listing import _listed, _star, yookassa_page
from astral_payments.returning import return_roubles
from astral_payments.yookassa_client import YooKassaClient
from astral_payments.yookassa_objects import Page, RemotePayment, RemoteRefund, ShopInfo

ID = "2d036654-000f-5000-8000-000000000009"
MONEY = {"value": "199.00", "currency": "RUB"}
PAYMENT: dict[str, Any] = {
    "id": ID, "status": "succeeded", "amount": MONEY, "refunded_amount": MONEY, "recipient": {"account_id": "1"},
    "test": True, "paid": True, "metadata": {"payment_id": "7", "order_id": "8"}, "captured_at": "2026-01-01T00:00Z",
    "confirmation": {"type": "redirect", "confirmation_url": "https://yoomoney.ru/x"},
    "cancellation_details": {"party": "payment_network", "reason": "insufficient_funds"},
}  # fmt: skip
REFUND: dict[str, Any] = {"id": "9a", "payment_id": ID, "status": "succeeded", "amount": MONEY, "created_at": "x"}
SHOP: dict[str, Any] = {"account_id": "1", "status": "enabled", "test": True, "payment_methods": ["bank_card"]}
REFUSAL = {"type": "error", "id": "1", "code": "too_many_requests", "description": "wait", "retry_after": 5}
CALLS: dict[str, tuple[dict[str, Any], Callable[[YooKassaClient], Awaitable[Any]], type]] = {
    "me": (SHOP, lambda one: one.me(), ShopInfo),
    "create": (PAYMENT, lambda one: one.create_payment(
        amount_minor=19900, description="x", return_url="https://a.b", idempotence_key="k"), RemotePayment),
    "get": (PAYMENT, lambda one: one.get_payment(ID), RemotePayment),
    "capture": (PAYMENT, lambda one: one.capture_payment(ID, idempotence_key="k"), RemotePayment),
    "cancel": (PAYMENT, lambda one: one.cancel_payment(ID, idempotence_key="k"), RemotePayment),
    "refund": (REFUND, lambda one: one.create_refund(ID, amount_minor=1, idempotence_key="k"), RemoteRefund),
    "get_refund": (REFUND, lambda one: one.get_refund("9a"), RemoteRefund),
    "payments": ({"items": [PAYMENT, PAYMENT], "next_cursor": "c"}, lambda one: one.list_payments(), Page),
    "refunds": ({"items": [REFUND], "next_cursor": None}, lambda one: one.list_refunds(), Page),
    "raw": ({"items": [PAYMENT]}, lambda one: one.list_raw("payments", since=datetime.now(UTC)), Page),
}  # fmt: skip
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from([10**400, "\x00", "\ud800", "x" * 3000, -1, "199.005", "1e3"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """All nodes of a JSON value, as paths."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, one in inner for found in places(one, (*path, key)))]


@st.composite
def answers(draw: st.DrawFn) -> tuple[str, int, bytes]:
    """A call, a status, and an answer with one or two odd nodes, or of any bytes."""
    name = draw(st.sampled_from(sorted(CALLS)))
    status = draw(st.sampled_from([200, 200, 200, 202, 204, 302, 307, 400, 401, 404, 429, 500, 502]))
    if draw(st.integers(0, 9)) == 0:
        return name, status, draw(st.binary(max_size=40))
    answer: Any = copy.deepcopy(draw(st.sampled_from([CALLS[name][0], CALLS[name][0], REFUSAL])))
    for _ in range(draw(st.integers(0, 2))):
        *way, last = draw(st.sampled_from([path for path in places(answer) if path]))
        node = answer
        for step in way:
            node = node[step]
        if draw(st.booleans()):
            node[last] = draw(anything)
        else:
            del node[last]
    return name, status, json.dumps(answer).encode()


class Api:
    """A server with one answer."""

    def __init__(self) -> None:
        self.next: tuple[int, bytes, dict[str, str]] = (200, b"", {})
        self.asked = 0

    async def answer(self, request: web.Request) -> web.Response:
        """The answer; a redirect leads back here."""
        self.asked += 1
        status, body, headers = self.next
        return web.Response(status=status, body=body, headers={"Location": str(request.url), **headers})


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[Api, YooKassaClient]]:
    """The server, and a client of it."""
    api, app = Api(), web.Application()
    app.router.add_route("*", "/{path:.*}", api.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/v3"
    try:
        async with aiohttp.ClientSession() as session:
            yield api, YooKassaClient("1", SecretStr("test_x"), url, session)
    finally:
        await runner.cleanup()


def texts(value: Any) -> list[str]:
    """What would be stored of an object."""
    fields = [getattr(value, name) for name in getattr(value, "__slots__", ())]
    metadata = list(getattr(value, "metadata", {}).values())
    inner = [found for item in getattr(value, "items", ()) for found in texts(item)]
    return [*(one for one in (*fields, *metadata) if isinstance(one, str)), *inner]


def test_every_answer_is_an_object_a_refusal_or_unknown() -> None:
    """Of every method, whatever comes; what is kept of it can be stored, and a wait is a day at most."""
    with asyncio.Runner() as runner:
        served = serving()
        api, client = runner.run(served.__aenter__())

        @settings(deadline=None)
        @given(answers())
        @example(("me", 200, b"[" * 100_000))
        @example(("get", 200, json.dumps({**PAYMENT, "metadata": {"a": 10**400}}).encode()))
        @example(("create", 429, json.dumps({**REFUSAL, "retry_after": 10**400}).encode()))
        def ask(call: tuple[str, int, bytes]) -> None:
            name, status, body = call
            api.next, api.asked = (status, body, {}), 0
            _, make, kind = CALLS[name]
            wait, found = None, None
            try:
                found = runner.run(_awaited(make(client)))
            except YooKassaRejected as error:
                wait = error.retry_after
            except OutcomeUnknown:
                pass
            else:
                assert isinstance(found, kind)
                assert status == 200
            assert wait is None or 0 <= wait <= 86_400_000
            assert all(text.isprintable() and len(text) <= 4096 for text in texts(found))
            assert api.asked == 1  # no redirect is followed

        try:
            ask()
        finally:
            runner.run(served.__aexit__(None, None, None))


async def _awaited(call: Awaitable[Any]) -> Any:
    return await call


@pytest.mark.parametrize(
    "odd",
    [
        {"status": "on_its_way"}, {"recipient": {"account_id": 1, "gateway_id": None}}, {"x": {"y": [1]}},
        {"metadata": {"payment_id": 7, "order_id": "8", "x": [[]]}}, {"confirmation": {"confirmation_url": 5}},
        {"cancellation_details": {"reason": "\x00"}}, {"captured_at": 5}, {"refunded_amount": None},
    ],
)  # fmt: skip
async def test_what_needs_not_be_known_is_no_reason_not_to_read_a_payment(odd: dict[str, Any]) -> None:
    """New statuses and members, numbers for texts and texts for numbers: the payment is read, its ids are ours."""
    found = RemotePayment.parse({**PAYMENT, **odd})
    assert (found.metadata["payment_id"], found.metadata["order_id"], found.amount_minor) == ("7", "8", 19900)


async def test_packed_or_broken_bodies_are_unknown() -> None:
    """An answer that says it is packed, and is not, is no answer; nothing else is raised."""
    async with serving() as (api, client):
        for encoding in ("gzip", "deflate"):
            api.next = (200, b"not packed", {"Content-Encoding": encoding})
            with pytest.raises(OutcomeUnknown):
                await client.me()


async def test_a_refund_of_another_payment_is_not_ours() -> None:
    """The answer to a refund names its payment: another one's proves nothing."""
    async with serving() as (api, client):
        api.next = (200, json.dumps({**REFUND, "payment_id": "other"}).encode(), {})
        with pytest.raises(OutcomeUnknown, match="another payment"):
            await client.create_refund(ID, amount_minor=1, idempotence_key="k")


async def test_a_list_whose_next_page_is_unknown_proves_no_absence() -> None:
    """A cursor of another form is not the end of the list: a payment that is not found may be on the next page."""
    async with serving() as (api, client):
        api.next = (200, json.dumps({"items": [], "next_cursor": 5}).encode(), {})
        assert (await client.list_payments()).unreadable == 1
        with pytest.raises(Exception, match="next_cursor"):
            await yookassa_page(client, "payments", datetime.now(UTC), None)


class _Refund:
    """A row of a refund whose id at YooKassa is known."""

    provider_ref = "9a"


async def test_a_refund_with_an_unknown_status_is_asked_again() -> None:
    """Neither given up nor made a second time."""

    class Shop:
        def __init__(self, client: YooKassaClient) -> None:
            self.quick = self.patient = client

    async with serving() as (api, client):
        api.next = (200, json.dumps({**REFUND, "status": "on_its_way"}).encode(), {})
        answer = await return_roubles(Shop(client), _Refund(), None)  # type: ignore[arg-type]
    assert answer.state == "unknown"


STAR = {
    "id": "charge", "amount": 100, "date": 1_700_000_000,
    "source": {"type": "user", "user": {"id": 7}, "invoice_payload": "payments:x"},
}  # fmt: skip


@given(st.sampled_from([path for path in places(STAR) if path]), anything)
@example(("date",), 2**70)
@example(("source", "user", "id"), 2**70)
@example(("amount",), 2**70)
@example(("id",), "a\x00b")
def test_no_transaction_of_telegrams_list_hides_another(path: tuple[Any, ...], odd: Any) -> None:
    """What cannot be read or stored is counted; the others are read."""
    changed = copy.deepcopy(STAR)
    node: Any = changed
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = odd
    page = _listed([changed, STAR], _star, None)
    assert page.read == 2
    assert page.charges[-1].ref == "charge"
    assert all(abs(one.user_id or 0) < 2**63 and one.amount_minor < 2**63 for one in page.charges)


def test_an_unreadable_status_is_named() -> None:
    """So that the owner is told where to look."""
    with pytest.raises(Exception, match="status"):
        RemotePayment.parse({**PAYMENT, "status": "x" * 100})
    assert issubclass(OutcomeUnreadable, OutcomeUnknown)
