"""YooKassa's REST API over the bot's own aiohttp session: the SDK checks requests, real time-outs, one shop.

The SDK's transport is not used: it has no time-out, blocks the event loop, keeps its credentials in
process-wide state and raises AttributeError for a lost connection. Here every request has a time-out, can be
cancelled, and ends in an object, in :class:`YooKassaRejected` or in :class:`OutcomeUnknown`.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import logging
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

import aiohttp
from pydantic import SecretStr

from astral_core.errors import ConfigError
from astral_payments import yookassa_requests as bodies
from astral_payments.errors import (
    InvalidRequest,
    OutcomeUnknown,
    OutcomeUnreadable,
    PaymentsError,
    Unreadable,
    YooKassaRejected,
)
from astral_payments.yookassa_objects import OBJECT_ID, Page, RemotePayment, RemoteRefund, ShopInfo

__all__ = ["API_URL", "YooKassaClient"]

API_URL = "https://api.yookassa.ru/v3"
TIMEOUT = aiohttp.ClientTimeout(total=35, connect=5)
"""YooKassa may work on a request for 30 s before it gives up with 500; hence 35 s in all."""

_MAX_BODY = 1 << 20
_KEY = re.compile(r"[0-9A-Za-z+,\-._]{1,64}", re.ASCII)
_SHOP_ID = re.compile(r"[0-9A-Za-z_-]{1,64}", re.ASCII)
_CODE = re.compile(r"[a-z0-9_]{1,64}", re.ASCII)
_log = logging.getLogger("astral.plugins.payments")

T = TypeVar("T")


class YooKassaClient:
    """One shop's access to YooKassa.

    Every changing method takes `idempotence_key` (1 to 64 of ``0-9A-Za-z+,-._``): commit it to the database
    before the call, and repeat the call with it after :class:`OutcomeUnknown`.

    All methods raise

    * :class:`InvalidRequest`: an argument is wrong, nothing was sent;
    * :class:`YooKassaRejected`: YooKassa refused, nothing was done;
    * :class:`OutcomeUnknown`: no answer that says what happened.

    :param api_url: the official address, or an emulator on a loopback address, which takes test keys only.
    :param session: stays the caller's; it is not closed here.
    :raises ConfigError: the shop id or the address is unusable.
    """

    def __init__(
        self,
        shop_id: str,
        secret_key: SecretStr,
        api_url: str,
        session: aiohttp.ClientSession,
        *,
        timeout: aiohttp.ClientTimeout = TIMEOUT,
    ) -> None:
        if not _SHOP_ID.fullmatch(shop_id):
            raise ConfigError("plugins.payments.yookassa_shop_id must be the shop's number from the cabinet")
        secret = secret_key.get_secret_value()
        if not secret or not secret.isascii() or not secret.isprintable():
            raise ConfigError("plugins.payments.yookassa_secret_key is empty or has characters no key has")
        self.shop_id = shop_id
        self._api_url = _checked_url(api_url, secret)
        token = base64.b64encode(f"{shop_id}:{secret}".encode()).decode()
        self._authorization = SecretStr(f"Basic {token}")
        self._session = session
        self._timeout = timeout

    def __repr__(self) -> str:
        return f"YooKassaClient(shop_id={self.shop_id!r}, api_url={self._api_url!r})"

    async def me(self) -> ShopInfo:
        """The shop's settings: a check of the credentials and of test or live mode."""
        return await self._call("me", "GET", "/me", ShopInfo.parse)

    async def create_payment(
        self,
        *,
        amount_minor: int,
        description: str,
        return_url: str,
        idempotence_key: str,
        currency: str = "RUB",
        metadata: Mapping[str, str] | None = None,
        receipt: Mapping[str, Any] | None = None,
        capture: bool = True,
    ) -> RemotePayment:
        """Create a payment that the payer confirms at its `confirmation_url`.

        :param amount_minor: kopecks.
        :param description: 1 to 128 characters; the payer sees it.
        :param return_url: where the payer's browser goes afterwards; YooKassa adds nothing to it.
        :param metadata: at most 16 strings to find the payment by.
        :param receipt: the 54-FZ receipt as the API's JSON; its sum must be the amount.
        :param capture: False only holds the money until :meth:`capture_payment`.
        """
        body = bodies.payment_body(
            amount_minor=amount_minor,
            currency=currency,
            description=description,
            return_url=return_url,
            metadata=metadata or {},
            receipt=receipt,
            capture=capture,
        )
        return await self._change("create_payment", "/payments", RemotePayment.parse, idempotence_key, body)

    async def get_payment(self, payment_id: str) -> RemotePayment:
        """The payment of this id. Right after its creation a 404 may be a lag of YooKassa's."""
        path = f"/payments/{_checked_id(payment_id)}"
        return await self._call("get_payment", "GET", path, RemotePayment.parse, expected_id=payment_id)

    async def list_payments(
        self,
        *,
        created_since: datetime | None = None,
        created_before: datetime | None = None,
        status: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[RemotePayment]:
        """A page of payments, newest first: created at or after one moment and before another (both aware)."""
        query = _list_query(created_since, created_before, limit, cursor, status=status)
        return await self._call("list_payments", "GET", "/payments", _payments, query=query)

    async def capture_payment(
        self,
        payment_id: str,
        *,
        idempotence_key: str,
        amount_minor: int | None = None,
        currency: str = "RUB",
        receipt: Mapping[str, Any] | None = None,
    ) -> RemotePayment:
        """Take held money: all of it, or `amount_minor` of it (the rest goes back to the payer)."""
        path = f"/payments/{_checked_id(payment_id)}/capture"
        body = bodies.capture_body(amount_minor=amount_minor, currency=currency, receipt=receipt)
        return await self._change(
            "capture_payment", path, RemotePayment.parse, idempotence_key, body, expected_id=payment_id
        )

    async def cancel_payment(self, payment_id: str, *, idempotence_key: str) -> RemotePayment:
        """Let held money go."""
        path = f"/payments/{_checked_id(payment_id)}/cancel"
        return await self._change(
            "cancel_payment", path, RemotePayment.parse, idempotence_key, {}, expected_id=payment_id
        )

    async def create_refund(
        self,
        payment_id: str,
        *,
        amount_minor: int,
        idempotence_key: str,
        currency: str = "RUB",
        description: str | None = None,
        metadata: Mapping[str, str] | None = None,
        receipt: Mapping[str, Any] | None = None,
    ) -> RemoteRefund:
        """Give back a succeeded payment or a part of it; the refund may stay `pending` for a while."""
        body = bodies.refund_body(
            payment_id=_checked_id(payment_id),
            amount_minor=amount_minor,
            currency=currency,
            description=description,
            metadata=metadata,
            receipt=receipt,
        )
        refund = await self._change("create_refund", "/refunds", RemoteRefund.parse, idempotence_key, body)
        if refund.payment_id != payment_id:
            raise OutcomeUnknown("create_refund", "the answer is about another payment", 200)
        return refund

    async def get_refund(self, refund_id: str) -> RemoteRefund:
        """The refund of this id."""
        path = f"/refunds/{_checked_id(refund_id)}"
        return await self._call("get_refund", "GET", path, RemoteRefund.parse, expected_id=refund_id)

    async def list_refunds(
        self,
        *,
        payment_id: str | None = None,
        created_since: datetime | None = None,
        created_before: datetime | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[RemoteRefund]:
        """A page of refunds, newest first; also those that were made by hand in the cabinet."""
        about = None if payment_id is None else _checked_id(payment_id)
        query = _list_query(created_since, created_before, limit, cursor, payment_id=about)
        return await self._call("list_refunds", "GET", "/refunds", _refunds, query=query)

    async def list_raw(self, what: str, *, since: datetime, limit: int = 100, cursor: str | None = None) -> Page[Any]:
        """A page of "payments" captured or "refunds" created since a moment, newest first, as the API's JSON.

        For sweeps: one entry that cannot be read must not hide the others.
        """
        query = _list_query(since, None, limit, cursor)
        if what == "payments":
            query["captured_at.gte"] = query.pop("created_at.gte")
        return await self._call(f"list_{what}", "GET", f"/{what}", _entries, query=query)

    # --- the wire -----------------------------------------------------------------------------------------

    async def _change(
        self,
        operation: str,
        path: str,
        parse: Callable[[dict[str, Any]], T],
        key: str,
        body: dict[str, Any],
        expected_id: str | None = None,
    ) -> T:
        if not _KEY.fullmatch(key):
            raise InvalidRequest("idempotence_key must have 1 to 64 characters of 0-9A-Za-z+,-._")
        return await self._call(operation, "POST", path, parse, key=key, body=body, expected_id=expected_id)

    async def _call(
        self,
        operation: str,
        method: str,
        path: str,
        parse: Callable[[dict[str, Any]], T],
        *,
        key: str | None = None,
        body: dict[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        expected_id: str | None = None,
    ) -> T:
        started = time.monotonic()
        status, raw = await self._exchange(operation, method, path, key=key, body=body, query=query)
        _log.debug("YooKassa %s: HTTP %d in %.0f ms", operation, status, (time.monotonic() - started) * 1000)
        data = _json_object(operation, status, raw)
        if status != 200:
            raise _refusal(operation, status, data)
        if expected_id is not None and data.get("id") != expected_id:
            raise OutcomeUnknown(operation, "the answer is about another object", status)
        problem: str
        try:
            return parse(data)
        except Unreadable as error:
            problem = error.member
        raise OutcomeUnreadable(operation, problem, status)

    async def _exchange(
        self,
        operation: str,
        method: str,
        path: str,
        *,
        key: str | None,
        body: dict[str, Any] | None,
        query: Mapping[str, str] | None,
    ) -> tuple[int, bytes]:
        """Send and read at most 1 MiB. Errors are raised outside `except`: aiohttp's carry our headers."""
        headers = {"Authorization": self._authorization.get_secret_value(), "Accept": "application/json"}
        headers["Accept-Encoding"] = "identity"  # what is packed may be a thousand times as long as it looks
        content: bytes | None = None
        if body is not None:
            content = json.dumps(body).encode()
            headers |= {"Content-Type": "application/json", "Idempotence-Key": key or ""}
        try:
            async with self._session.request(
                method,
                f"{self._api_url}{path}",
                data=content,
                params=query,
                headers=headers,
                timeout=self._timeout,
                allow_redirects=False,
                raise_for_status=False,
            ) as response:
                raw = bytearray()
                async for chunk in response.content.iter_chunked(1 << 16):
                    raw += chunk
                    if len(raw) > _MAX_BODY:
                        response.close()
                        break
                status = response.status
        except TimeoutError:
            cause = "no answer in time"
        except (aiohttp.ClientError, OSError) as error:
            cause = f"the connection failed ({type(error).__name__})"
        else:
            if len(raw) <= _MAX_BODY:
                return status, bytes(raw)
            raise OutcomeUnknown(operation, "the answer is longer than 1 MiB", status)
        raise OutcomeUnknown(operation, cause)


def _json_object(operation: str, status: int, raw: bytes) -> dict[str, Any]:
    """The JSON object of an answer that is final: 200 or 4xx."""
    if status != 200 and not 400 <= status < 500:
        raise OutcomeUnknown(operation, f"HTTP {status}", status)
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise OutcomeUnknown(operation, f"HTTP {status} without the API's JSON", status)
    return data


def _refusal(operation: str, status: int, data: dict[str, Any]) -> PaymentsError:
    code = data.get("code")
    if data.get("type") != "error" or not isinstance(code, str) or not _CODE.fullmatch(code):
        return OutcomeUnknown(operation, f"HTTP {status} without the API's JSON", status)
    wait = data.get("retry_after")
    return YooKassaRejected(
        operation,
        status,
        code,
        _short(data.get("description")),
        _short(data.get("parameter")),
        min(wait, 86_400_000) if isinstance(wait, int) and wait >= 0 else None,  # a day
    )


def _short(text: object) -> str | None:
    """Foreign text that may stand in a log line."""
    if not isinstance(text, str):
        return None
    return "".join(char if char.isprintable() else " " for char in text[:200])


def _checked_id(value: str) -> str:
    """An id that may stand in a path: ids come from notifications, which anybody can forge."""
    if not isinstance(value, str) or not OBJECT_ID.fullmatch(value):
        raise InvalidRequest("an id of YooKassa's has 1 to 64 characters of 0-9A-Za-z-")
    return value


def _list_query(
    since: datetime | None, before: datetime | None, limit: int, cursor: str | None, **more: str | None
) -> dict[str, str]:
    if not 1 <= limit <= 100:
        raise InvalidRequest(f"limit must be from 1 to 100, is {limit}")
    query = {name: value for name, value in more.items() if value is not None}
    query["limit"] = str(limit)
    if cursor is not None:
        query["cursor"] = cursor
    for name, moment in (("created_at.gte", since), ("created_at.lt", before)):
        if moment is None:
            continue
        if moment.tzinfo is None:
            raise InvalidRequest(f"{name} needs a time zone: pass an aware datetime")
        query[name] = moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return query


def _checked_url(api_url: str, secret: str) -> str:
    """Keys go to YooKassa alone; test keys to an emulator on this machine too."""
    url = api_url.rstrip("/")
    if url == API_URL:
        return url
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        local = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local or parts.scheme not in {"http", "https"} or parts.query or parts.fragment or parts.username:
        raise ConfigError(
            f"plugins.payments.yookassa_api_url must be {API_URL}, or an emulator's address on localhost"
        )
    if not secret.startswith("test_"):
        raise ConfigError("an emulator takes test keys only: yookassa_secret_key must start with test_")
    return url


def _payments(data: dict[str, Any]) -> Page[RemotePayment]:
    return Page.parse(data, RemotePayment.parse)


def _refunds(data: dict[str, Any]) -> Page[RemoteRefund]:
    return Page.parse(data, RemoteRefund.parse)


def _entries(data: dict[str, Any]) -> Page[Any]:
    return Page.parse(data, lambda entry: entry)
