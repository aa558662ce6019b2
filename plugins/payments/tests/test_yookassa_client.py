"""The YooKassa client against the emulator: the whole API, and every way in which an answer can be lost."""

from __future__ import annotations

import asyncio
import base64
import logging
import re
import subprocess
import sys
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr

import astral_payments
from astral_core.errors import AstralError, ConfigError
from astral_payments.errors import InvalidRequest, OutcomeUnknown, PaymentsError, YooKassaRejected
from astral_payments.yookassa_client import API_URL, TIMEOUT, YooKassaClient
from astral_payments.yookassa_objects import RemotePayment
from astral_playground.yookassa import Shop, VirtualClock, YooKassaEmulator

SECRET = "test_very-secret-key"
START = datetime(2026, 11, 22, 10, 51, 18, tzinfo=UTC)
RECEIPT: dict[str, Any] = {
    "customer": {"email": "user@example.com"},
    "items": [
        {
            "description": "Натальная карта",
            "quantity": "1",
            "amount": {"value": "199.00", "currency": "RUB"},
            "vat_code": 1,
            "measure": "piece",
            "payment_subject": "service",
            "payment_mode": "full_payment",
        }
    ],
}


@pytest.fixture
async def emulator() -> AsyncIterator[YooKassaEmulator]:
    """An emulator with a frozen clock."""
    clock = VirtualClock(START, running=False)
    async with YooKassaEmulator(shops=[Shop(secret_key=SECRET)], clock=clock) as running:
        yield running


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """The HTTP session that the core would own."""
    async with aiohttp.ClientSession() as opened:
        yield opened


@pytest.fixture
def client(emulator: YooKassaEmulator, session: aiohttp.ClientSession) -> YooKassaClient:
    """The shop's client."""
    return YooKassaClient("100500", SecretStr(SECRET), emulator.api_url, session)


def order(**changes: Any) -> dict[str, Any]:
    """Right arguments of create_payment."""
    return {
        "amount_minor": 19900,
        "description": "Полная натальная карта",
        "return_url": "https://bot.example/pay/return/8Zk",
        "metadata": {"payment_id": "41"},
        "idempotence_key": "ord-1-1",
    } | changes


def pay(emulator: YooKassaEmulator, payment: RemotePayment) -> None:
    """The payer pays."""
    emulator.bank.pay(emulator.bank.payment(payment.id))


# --- the API ----------------------------------------------------------------------------------------------


async def test_payment_goes_its_way(client: YooKassaClient, emulator: YooKassaEmulator) -> None:
    """Create, pay, read, refund in part, read the refund: amounts are exact kopecks."""
    created = await client.create_payment(**order(receipt=RECEIPT))
    assert (created.status, created.amount_minor, created.currency, created.test) == ("pending", 19900, "RUB", True)
    assert created.metadata == {"payment_id": "41"}
    assert created.confirmation_url == f"{emulator.base_url}/checkout/payments/v2/contract?orderId={created.id}"
    pay(emulator, created)
    paid = await client.get_payment(created.id)
    assert (paid.status, paid.paid, paid.account_id) == ("succeeded", True, "100500")
    assert paid.captured_at == "2026-11-22T10:51:18.000Z"
    assert paid.confirmation_url is None
    part = {**RECEIPT, "items": [RECEIPT["items"][0] | {"amount": {"value": "50.01", "currency": "RUB"}}]}
    refund = await client.create_refund(
        paid.id, amount_minor=5001, idempotence_key="ref-1", description="часть", metadata={"a": "b"}, receipt=part
    )
    assert (refund.payment_id, refund.amount_minor, refund.status) == (paid.id, 5001, "succeeded")
    assert await client.get_refund(refund.id) == refund
    assert (await client.get_payment(created.id)).refunded_minor == 5001
    assert (await client.list_refunds(payment_id=paid.id)).items == (refund,)


async def test_held_money_is_captured_or_let_go(client: YooKassaClient, emulator: YooKassaEmulator) -> None:
    """Two-step payments: a part is taken from one, another is canceled with its party and reason."""
    first = await client.create_payment(**order(capture=False))
    second = await client.create_payment(**order(capture=False, idempotence_key="ord-2-1"))
    for payment in (first, second):
        pay(emulator, payment)
    held = await client.get_payment(first.id)
    assert held.status == "waiting_for_capture"
    taken = await client.capture_payment(first.id, idempotence_key="cap-1", amount_minor=10000)
    assert (taken.status, taken.amount_minor) == ("succeeded", 10000)
    gone = await client.cancel_payment(second.id, idempotence_key="can-1")
    assert (gone.status, gone.cancellation_reason) == ("canceled", "canceled_by_merchant")
    third = await client.create_payment(**order(capture=False, idempotence_key="ord-3-1"))
    pay(emulator, third)
    assert (await client.capture_payment(third.id, idempotence_key="cap-3")).amount_minor == 19900


async def test_lists_give_all_pages_between_two_moments(client: YooKassaClient, emulator: YooKassaEmulator) -> None:
    """Pages by cursor, newest first; bounds in any time zone."""
    ids = []
    for number in range(5):
        ids.append((await client.create_payment(**order(idempotence_key=f"k{number}"))).id)
        emulator.advance(60)
    first = await client.list_payments(limit=3)
    second = await client.list_payments(limit=3, cursor=first.next_cursor)
    assert [item.id for item in (*first.items, *second.items)] == ids[::-1]
    assert second.next_cursor is None
    since = (START + timedelta(minutes=1)).astimezone(datetime.now().astimezone().tzinfo)
    some = await client.list_payments(created_since=since, created_before=START + timedelta(minutes=3))
    assert [item.id for item in some.items] == [ids[2], ids[1]]
    assert (await client.list_payments(status="succeeded")).items == ()


async def test_me_tells_mode_and_shop(client: YooKassaClient) -> None:
    """The start-up check: which shop, live or test, receipts or not."""
    me = await client.me()
    assert (me.account_id, me.enabled, me.test, me.fiscalization) == ("100500", True, True, False)
    assert me.payment_methods == ("bank_card",)


async def test_unknown_members_are_ignored(client: YooKassaClient, emulator: YooKassaEmulator) -> None:
    """A new member in an answer breaks nothing."""
    payment = await client.create_payment(**order())
    emulator.set_faults([{"where": "api", "do": "unknown_fields"}])
    assert await client.get_payment(payment.id) == payment


# --- refusals ---------------------------------------------------------------------------------------------


async def test_refusal_carries_code_description_and_parameter(client: YooKassaClient) -> None:
    """A 4xx is YooKassaRejected with all that YooKassa said; it is a PaymentsError and an AstralError."""
    await client.create_payment(**order())
    with pytest.raises(YooKassaRejected, match="Idempotence key duplicated") as caught:
        await client.create_payment(**order(description="other"))
    error = caught.value
    assert (error.operation, error.status, error.code) == ("create_payment", 400, "invalid_request")
    assert (error.description, error.parameter) == ("Idempotence key duplicated", "Idempotence-Key")
    assert isinstance(error, PaymentsError)
    assert isinstance(error, AstralError)


async def test_missing_objects_wrong_keys_and_haste_are_refusals(
    client: YooKassaClient, emulator: YooKassaEmulator, session: aiohttp.ClientSession
) -> None:
    """404, 401 and 429 are told apart by status and code; 429 says how long to wait."""
    with pytest.raises(YooKassaRejected) as missing:
        await client.get_payment("2d036654-000f-5000-8000-000000000009")
    assert (missing.value.status, missing.value.code) == (404, "not_found")
    stranger = YooKassaClient("100500", SecretStr("test_wrong"), emulator.api_url, session)
    with pytest.raises(YooKassaRejected) as wrong:
        await stranger.me()
    assert (wrong.value.status, wrong.value.code) == (401, "invalid_credentials")
    emulator.set_faults([{"where": "api", "do": "status", "http": 429, "retry_after": 1000}])
    with pytest.raises(YooKassaRejected) as hasty:
        await client.me()
    assert (hasty.value.status, hasty.value.retry_after) == (429, 1000)


# --- unknown outcomes -------------------------------------------------------------------------------------

LOST: list[dict[str, Any]] = [
    {"do": "drop_after"},
    {"do": "drop_before"},
    {"do": "truncate_body"},
    {"do": "html", "http": 502},
    {"do": "html", "http": 502, "before": False},
    {"do": "html", "http": 403},
    {"do": "html", "http": 302, "before": False},
    {"do": "status", "http": 500},
    {"do": "status", "http": 500, "before": False},
    {"do": "status", "http": 202, "before": False},
]


@pytest.mark.parametrize("fault", LOST, ids=lambda fault: "-".join(str(value) for value in fault.values()))
async def test_lost_answer_is_unknown_and_the_same_key_settles_it(
    client: YooKassaClient, emulator: YooKassaEmulator, fault: dict[str, Any]
) -> None:
    """Whatever was lost, OutcomeUnknown comes, and the same key then leads to one single payment."""
    emulator.set_faults([{"where": "api", **fault}])
    with pytest.raises(OutcomeUnknown, match="same idempotence key") as caught:
        await client.create_payment(**order())
    assert caught.value.operation == "create_payment"
    made = set(emulator.bank.payments)
    processed = fault["do"] in {"drop_after", "truncate_body"} or fault.get("before") is False
    assert len(made) == int(processed)
    payment = await client.create_payment(**order())
    assert made <= {payment.id}
    assert set(emulator.bank.payments) == {payment.id}


async def test_lost_refund_is_made_once(client: YooKassaClient, emulator: YooKassaEmulator) -> None:
    """A refund whose answer was lost is found by the same key: the money goes back once."""
    payment = await client.create_payment(**order())
    pay(emulator, payment)
    emulator.set_faults([{"where": "api", "match": {"path": "refunds"}, "do": "drop_after"}])
    with pytest.raises(OutcomeUnknown):
        await client.create_refund(payment.id, amount_minor=10000, idempotence_key="r")
    await client.create_refund(payment.id, amount_minor=10000, idempotence_key="r")
    assert (await client.get_payment(payment.id)).refunded_minor == 10000


class Raw:
    """A server that answers with given bytes, or never."""

    def __init__(self) -> None:
        self.answer: bytes | None = None
        self.url = ""
        self.connected = asyncio.Event()
        self.closed = asyncio.Event()
        self.requests: list[bytes] = []

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connected.set()
        self.requests.append(await reader.readuntil(b"\r\n\r\n"))
        if self.answer is not None:
            writer.write(self.answer)
        else:
            await reader.read()
        self.closed.set()
        writer.close()

    def json(self, body: bytes, status: str = "200 OK") -> None:
        """Answer with this body."""
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self.answer = head.encode() + body


@pytest.fixture
async def raw() -> AsyncIterator[Raw]:
    """A raw TCP server."""
    server = Raw()
    listening = await asyncio.start_server(server.handle, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v3"
    yield server
    listening.close()


def _short(url: str, session: aiohttp.ClientSession, total: float = 0.2) -> YooKassaClient:
    return YooKassaClient(
        "100500", SecretStr(SECRET), url, session, timeout=aiohttp.ClientTimeout(total=total, connect=5)
    )


async def test_stalled_socket_times_out(raw: Raw, session: aiohttp.ClientSession) -> None:
    """A server that never answers ends in OutcomeUnknown; the default is 35 s, 5 s to connect."""
    with pytest.raises(OutcomeUnknown, match="no answer in time") as caught:
        await _short(raw.url, session).create_payment(**order())
    assert caught.value.status is None
    assert (TIMEOUT.total, TIMEOUT.connect) == (35, 5)


async def test_cancellation_is_prompt_and_closes_the_connection(raw: Raw, session: aiohttp.ClientSession) -> None:
    """A cancelled call ends as cancelled, without waiting for the server, and frees its connection."""
    task = asyncio.create_task(_short(raw.url, session, total=600).me())
    await asyncio.wait_for(raw.connected.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 5)
    await asyncio.wait_for(raw.closed.wait(), 5)


async def test_nobody_listens(session: aiohttp.ClientSession) -> None:
    """A refused connection is reported as such, without the SDK's AttributeError."""
    with pytest.raises(OutcomeUnknown, match="ClientConnectorError"):
        await _short("http://127.0.0.1:9/v3", session, total=5).me()


GOOD = (
    b'{"id":"1","status":"pending","amount":{"value":"1.00","currency":"RUB"},"recipient":{"account_id":"1"},'
    b'"created_at":"x","test":true,"paid":false}'
)


async def test_the_smallest_payment_is_read(raw: Raw, session: aiohttp.ClientSession) -> None:
    """The required members are enough: the malformed answers below differ from this one only."""
    raw.json(GOOD)
    payment = await _short(raw.url, session, 5).get_payment("1")
    assert (payment.amount_minor, payment.metadata, payment.refunded_minor) == (100, {}, 0)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'{"id":"1"',
        b"\xff",
        b"[" * 100_000,
        b"{}",
        GOOD.replace(b'"1.00"', b'"1.005"'),
        GOOD.replace(b'"1.00"', b"1.00"),
        GOOD.replace(b'"1.00"', b'"NaN"'),
        GOOD.replace(b'"RUB"', b'"XTR"'),
        GOOD.replace(b'"id":"1"', b'"id":"2"'),
        GOOD.replace(b"true", b'"yes"'),
        GOOD.replace(b'"recipient":{"account_id":"1"},', b""),
        GOOD.replace(b'"status":"pending",', b""),
        GOOD[:-1] + b',"metadata":[1]}',
        GOOD[:-1] + b',"confirmation":{"type":"redirect"' + b',"x":1' * 200_000 + b"}}",
    ],
    ids=range(17),
)
async def test_malformed_answers_are_unknown(raw: Raw, session: aiohttp.ClientSession, body: bytes) -> None:
    """A 200 that is not the payment that was asked for decides nothing: too long, no JSON, wrong members."""
    raw.json(body)
    with pytest.raises(OutcomeUnknown):
        await _short(raw.url, session, 10).get_payment("1")


async def test_endless_answers_are_cut_off(session: aiohttp.ClientSession) -> None:
    """After 1 MiB the client stops reading and closes the connection; it does not wait for the end."""
    sent = 0
    closed = asyncio.Event()

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
        with suppress(ConnectionError):
            for _ in range(2000):
                writer.write(b" " * 65536)
                sent += 65536
                await writer.drain()
        closed.set()
        writer.close()

    server = await asyncio.start_server(pour, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v3"
    with pytest.raises(OutcomeUnknown, match="longer than 1 MiB"):
        await _short(url, session, 60).me()
    await asyncio.wait_for(closed.wait(), 20)
    server.close()
    assert sent < 64 << 20


async def test_4xx_without_the_api_shape_is_unknown(raw: Raw, session: aiohttp.ClientSession) -> None:
    """A 4xx of something in between (a proxy) is no refusal of YooKassa's."""
    for body in (b"{}", b'{"type":"error"}', b'{"type":"error","code":"a b\\n"}', b"<html>"):
        raw.json(body, "403 Forbidden")
        with pytest.raises(OutcomeUnknown):
            await _short(raw.url, session, 5).me()


async def test_foreign_texts_in_refusals_are_tamed(raw: Raw, session: aiohttp.ClientSession) -> None:
    """A description is shortened and loses its control characters before it enters a message."""
    raw.json(
        b'{"type":"error","code":"invalid_request","description":"a\\nb' + b"x" * 9999 + b'"}', "400 Bad Request"
    )
    with pytest.raises(YooKassaRejected) as caught:
        await _short(raw.url, session, 5).me()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


async def test_redirects_are_not_followed(raw: Raw, session: aiohttp.ClientSession) -> None:
    """The key is not carried to another address: a redirect is an unknown outcome after one request."""
    raw.answer = f"HTTP/1.1 307 T\r\nLocation: {raw.url}/other\r\nContent-Length: 0\r\n\r\n".encode()
    with pytest.raises(OutcomeUnknown, match="HTTP 307"):
        await _short(raw.url, session, 5).me()
    assert len(raw.requests) == 1


# --- what is refused at home ------------------------------------------------------------------------------

FORGED = ["", "../me", "..%2fme", "1/cancel", "a?b", "a#b", "1" * 65, "é", "1\n", None, 1]


@pytest.mark.parametrize("forged", FORGED)
async def test_forged_ids_never_reach_a_path(raw: Raw, session: aiohttp.ClientSession, forged: Any) -> None:
    """An id from a forged notification is refused before anything is sent."""
    client = _short(raw.url, session)
    calls: list[Callable[[], Awaitable[Any]]] = [
        lambda: client.get_payment(forged),
        lambda: client.get_refund(forged),
        lambda: client.cancel_payment(forged, idempotence_key="k"),
        lambda: client.capture_payment(forged, idempotence_key="k"),
        lambda: client.create_refund(forged, amount_minor=1, idempotence_key="k"),
    ]
    for call in calls:
        with pytest.raises(InvalidRequest, match="id of YooKassa"):
            await call()
    assert not raw.connected.is_set()


def _receipt(**item: Any) -> dict[str, Any]:
    return {**RECEIPT, "items": [RECEIPT["items"][0] | item]}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"idempotence_key": ""}, "idempotence_key"),
        ({"idempotence_key": "a b"}, "idempotence_key"),
        ({"idempotence_key": "k" * 65}, "idempotence_key"),
        ({"amount_minor": 0}, "positive"),
        ({"amount_minor": -1}, "minor units"),
        ({"amount_minor": 199.0}, "minor units"),
        ({"currency": "XTR"}, "Stars"),
        ({"description": ""}, "description"),
        ({"description": "x" * 129}, "description"),
        ({"return_url": "/back"}, "return_url"),
        ({"return_url": "javascript:alert(1)"}, "return_url"),
        ({"return_url": "https://[x"}, "return_url"),
        ({"metadata": {str(n): "" for n in range(17)}}, "16 keys"),
        ({"metadata": {"k": 1}}, "strings"),
        ({"metadata": {"k" * 33: ""}}, "32 characters"),
        ({"metadata": {"k": "v" * 513}}, "512"),
        ({"receipt": {}}, "receipt.items"),
        ({"receipt": {"items": RECEIPT["items"]}}, "receipt.customer"),
        ({"receipt": {**RECEIPT, "customer": {"full_name": "x"}}}, "SDK"),
        ({"receipt": _receipt(vat_code=13)}, "vat_code"),
        ({"receipt": _receipt(quantity="x")}, "quantity"),
        ({"receipt": _receipt(quantity="-1")}, "quantity"),
        ({"receipt": _receipt(quantity="2")}, "add up to"),
        ({"receipt": _receipt(amount={"value": 199, "currency": "RUB"})}, "amount"),
        ({"receipt": _receipt(amount={"value": "199.00", "currency": "USD"})}, "RUB"),
        ({"receipt": {**RECEIPT, "items": ["x"]}}, "must be an object"),
    ],
)
async def test_wrong_orders_are_refused_before_sending(
    raw: Raw, session: aiohttp.ClientSession, changes: dict[str, Any], text: str
) -> None:
    """A wrong argument is named and nothing leaves the machine."""
    with pytest.raises(InvalidRequest, match=re.escape(text)):
        await _short(raw.url, session).create_payment(**order(**changes))
    assert not raw.connected.is_set()


async def test_other_wrong_arguments_are_refused(client: YooKassaClient) -> None:
    """Lists, captures and refunds check theirs too."""
    with pytest.raises(InvalidRequest, match="limit"):
        await client.list_payments(limit=101)
    with pytest.raises(InvalidRequest, match="time zone"):
        await client.list_payments(created_since=datetime(2026, 1, 1))  # noqa: DTZ001  # the mistake under test
    with pytest.raises(InvalidRequest, match="amount_minor"):
        await client.capture_payment("1", idempotence_key="k", receipt=RECEIPT)
    with pytest.raises(InvalidRequest, match="description"):
        await client.create_refund("1", amount_minor=1, idempotence_key="k", description="x" * 251)


@pytest.mark.parametrize(
    ("shop", "secret", "url", "text"),
    [
        ("", SECRET, API_URL, "shop_id"),
        ("1:2", SECRET, API_URL, "shop_id"),
        ("1", "", API_URL, "secret_key"),
        ("1", "test_\n", API_URL, "secret_key"),
        ("1", SECRET, "https://evil.example/v3", "api_url"),
        ("1", SECRET, "http://api.yookassa.ru/v3", "api_url"),
        ("1", SECRET, "ftp://127.0.0.1/v3", "api_url"),
        ("1", SECRET, "http://user@127.0.0.1/v3", "api_url"),
        ("1", SECRET, "http://127.0.0.1.evil.example/v3", "api_url"),
        ("1", SECRET, "http://[x/v3", "api_url"),
        ("1", "live_real", "http://127.0.0.1:8081/v3", "test keys only"),
    ],
)
async def test_unsafe_settings_are_refused(
    session: aiohttp.ClientSession, shop: str, secret: str, url: str, text: str
) -> None:
    """A key goes to YooKassa or, if it is a test key, to this machine; the error never shows it."""
    with pytest.raises(ConfigError, match=text) as caught:
        YooKassaClient(shop, SecretStr(secret), url, session)
    assert not secret or secret not in str(caught.value)


# --- secrets, state, imports ------------------------------------------------------------------------------


async def test_secrets_and_bodies_stay_inside(
    raw: Raw, session: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither logs nor errors with their causes nor repr hold the key, the header, or what was sent."""
    caplog.set_level(logging.DEBUG)
    token = base64.b64encode(f"100500:{SECRET}".encode()).decode()
    client = _short(raw.url, session)
    texts = [repr(client), str(vars(client))]
    for answer in (
        None,
        b"broken",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{answer-body",
        b'HTTP/1.1 500 X\r\n\r\n{"a',
    ):
        raw.answer = answer
        try:
            await client.create_payment(**order(receipt=RECEIPT))
        except PaymentsError as error:
            texts.append("".join(traceback.format_exception(error)))
            texts += [repr(error), repr(error.__context__), repr(vars(error))]
    assert len(texts) == 2 + 4 * 4
    assert f"Authorization: Basic {token}".encode() in raw.requests[0]
    seen = "\n".join(texts) + caplog.text
    for secret in (SECRET, token, "user@example.com", "Полная", "8Zk", "answer-body"):
        assert secret not in seen


async def test_two_shops_do_not_mix(session: aiohttp.ClientSession) -> None:
    """Clients of two shops in one process keep their credentials: each sees its own payments only."""
    shops = [Shop(id="1", secret_key="test_a"), Shop(id="2", secret_key="test_b")]
    async with YooKassaEmulator(shops=shops) as emulator:
        clients = [YooKassaClient(shop.id, SecretStr(shop.secret_key), emulator.api_url, session) for shop in shops]
        made = await asyncio.gather(
            *(clients[n % 2].create_payment(**order(idempotence_key=f"k{n}")) for n in range(40))
        )
        assert [payment.account_id for payment in made] == ["1", "2"] * 20
        assert len((await clients[0].list_payments()).items) == 20


async def test_any_mapping_is_sent_and_left_as_it_was(client: YooKassaClient) -> None:
    """The SDK drops metadata that is no plain dict; here any mapping arrives, and nothing is changed."""
    receipt = _receipt()
    before = repr(receipt)
    made = await client.create_payment(**order(metadata=MappingProxyType({"a": "b"}), receipt=receipt))
    assert made.metadata == {"a": "b"}
    assert repr(receipt) == before


def test_the_sdk_is_imported_when_it_is_needed() -> None:
    """Importing the client loads neither the SDK nor its HTTP library: they cost a third of a second."""
    code = (
        "import sys, astral_payments.yookassa_client;"
        "sys.exit(any(m in sys.modules for m in ('yookassa', 'requests', 'babel', 'jinja2')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_the_sdks_transport_is_never_used() -> None:
    """No source of the plugin touches the SDK's global configuration, its resources or threads for them."""
    sources = Path(astral_payments.__file__).parent.rglob("*.py")
    banned = re.compile(
        r"Configuration\.|from yookassa import|yookassa\.client|yookassa\.payment\b|to_thread\(Payment"
    )
    assert [path.name for path in sources if banned.search(path.read_text())] == []
