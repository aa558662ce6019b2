"""Every call to the Bot API goes through here: one aiohttp session, no URL or token in any error.

`Transport.call` is the way of effects: plain JSON in, plain JSON out, no python-telegram-bot objects.
`AiohttpRequest` is the same wire for python-telegram-bot's own methods.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec
from telegram._utils.defaultvalue import DefaultValue
from telegram._utils.types import ODVInput
from telegram.error import NetworkError, TimedOut
from telegram.request import BaseRequest, RequestData
from yarl import URL

from astral_core.errors import TelegramRefused, TelegramThrottled, TelegramUnavailable

log = logging.getLogger("astral.bot")
# Each kind of time-out is a timer of its own in each call: these two are enough, and only the first one costs.
TIMEOUT = aiohttp.ClientTimeout(total=30, sock_connect=5)
UPLOAD_TIMEOUT = aiohttp.ClientTimeout(total=120, sock_connect=5)
# A large file takes its time; a connection on which nothing comes does not.
FILE_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=30)
_WHO, _FILE = "getMe", "file"
_PERHAPS_THE_TOKEN = (HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND)
_JSON, _BINARY = {"Content-Type": "application/json"}, "application/octet-stream"
BeforeCall = Callable[[str], None]
AfterCall = Callable[[str, int, float], None]


class Transport:
    """A pooled client of one bot.

    `guard(method)` is asked before each call (it may raise), `told(method, code, seconds)` of each one that ended,
    with the code 0 where no answer came.
    """

    def __init__(
        self, api_url: str, token: str, guard: BeforeCall | None = None, told: AfterCall | None = None
    ) -> None:
        self._base = f"{api_url.rstrip('/')}/bot{token}/"
        self._files = f"{api_url.rstrip('/')}/file/bot{token}/"
        self._guard = guard
        self._told = told
        self._session: aiohttp.ClientSession | None = None

    def __repr__(self) -> str:
        return "<Transport>"

    @property
    def session(self) -> aiohttp.ClientSession:
        """The session, made at first use inside the running loop."""
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                timeout=TIMEOUT,
                connector=aiohttp.TCPConnector(limit=256, keepalive_timeout=60),
                # Telegram sets no cookies, and answers of a kilobyte are not worth packing: a sixth of a call's cost.
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent"),
                auto_decompress=False,
                trust_env=False,
            )
        return self._session

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    async def call(
        self,
        method: str,
        params: Mapping[str, Any],
        files: Mapping[str, tuple[str, bytes]] | None = None,
        hold: float | None = None,
    ) -> Any:
        """Call `method`, return its `result`. `files` maps attachment names to (file name, content).

        `hold` is the total time in seconds, for calls that Telegram holds open.

        Raises TelegramRefused (4xx), TelegramThrottled (429) or TelegramUnavailable (no or broken answer, 5xx).
        """
        if self._guard:
            self._guard(method)
        code, body = await self._post(method, params, files, hold)
        try:
            answer = msgspec.json.decode(body)
            if answer["ok"]:
                return answer["result"]
            description = str(answer.get("description", ""))
            parameters = answer.get("parameters")
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, KeyError, TypeError, AttributeError):
            raise TelegramUnavailable(method, "unreadable answer", code) from None
        if code == HTTPStatus.TOO_MANY_REQUESTS:
            wait: Any = parameters.get("retry_after") if isinstance(parameters, dict) else None
            raise TelegramThrottled(method, description, wait)
        if code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise TelegramUnavailable(method, description, code)
        # No code says that the token is wrong: 404 is also said of a method that the server does not know.
        if code in _PERHAPS_THE_TOKEN and (method == _WHO or not await self._is_known()):
            raise TelegramUnavailable(method, description, code, maybe_done=False)
        raise TelegramRefused(method, description, code, migrated_to=_migrated(parameters))

    async def _is_known(self) -> bool:
        """Whether the server takes this token: what it says to getMe."""
        try:
            await self.call(_WHO, {})
        except TelegramRefused:
            return True  # it refused that question, and not us
        except TelegramUnavailable as error:
            if error.code in _PERHAPS_THE_TOKEN:
                return False
            raise
        return True

    @contextlib.asynccontextmanager
    async def file(self, path: str) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer with the content of a file, by the `file_path` of getFile.

        Raises as `call`, also where the connection breaks while the content is read.
        """
        if any(part in ("", ".", "..") for part in path.split("/")):
            raise TelegramRefused(_FILE, "the server names a path that leads elsewhere")
        began, code = time.perf_counter(), 0
        try:
            address = URL(self._files + quote(path), encoded=True)
            async with self.session.get(address, timeout=FILE_TIMEOUT) as response:
                code = response.status
                if code == HTTPStatus.TOO_MANY_REQUESTS:
                    wait: Any = response.headers.get("Retry-After")
                    raise TelegramThrottled(_FILE, "too many downloads", wait)
                if code >= HTTPStatus.INTERNAL_SERVER_ERROR:
                    raise TelegramUnavailable(_FILE, "the server failed", code, maybe_done=False)
                if code != HTTPStatus.OK:
                    raise TelegramRefused(_FILE, "file not found", code)
                yield response
        except TimeoutError:
            raise TelegramUnavailable(_FILE, "timed out", maybe_done=False) from None
        except aiohttp.ClientError as error:
            what = f"connection failed ({type(error).__name__})"
            raise TelegramUnavailable(_FILE, what, maybe_done=False) from None
        finally:
            self.tell(_FILE, code, began)

    async def best_effort(self, method: str, params: Mapping[str, Any]) -> None:
        """Call `method` where nothing depends on it; a failure is a line in the log."""
        try:
            await self.call(method, params)
        except (TelegramRefused, TelegramThrottled, TelegramUnavailable) as error:
            log.info("best effort: %s", error)

    async def _post(
        self,
        method: str,
        params: Mapping[str, Any],
        files: Mapping[str, tuple[str, bytes]] | None,
        hold: float | None,
    ) -> tuple[int, bytes]:
        if files:
            form = aiohttp.FormData(quote_fields=False)  # names of files as they are, in UTF-8
            for key, value in params.items():
                form.add_field(key, value if isinstance(value, str) else json.dumps(value))
            for key, (filename, content) in files.items():
                form.add_field(key, io.BytesIO(content), filename=filename, content_type=_BINARY)
            sent: dict[str, Any] = {"data": form, "timeout": UPLOAD_TIMEOUT}
        else:
            sent = {"data": msgspec.json.encode(params), "headers": _JSON}
        if hold is not None:
            sent["timeout"] = aiohttp.ClientTimeout(total=hold, sock_connect=5)
        began, code = time.perf_counter(), 0
        try:
            async with self.session.post(self._base + method, **sent) as response:
                body = await response.read()
                code = response.status
                return code, body
        except TimeoutError:
            raise TelegramUnavailable(method, "timed out") from None
        except aiohttp.ClientError as error:
            # The error's own text may hold the URL, and the URL holds the token.
            reached = not isinstance(error, aiohttp.ClientConnectorError)
            what = f"connection failed ({type(error).__name__})"
            raise TelegramUnavailable(method, what, maybe_done=reached) from None
        finally:
            self.tell(method, code, began)

    def tell(self, method: str, code: int, began: float) -> None:
        """Count a call that began at `began` (perf_counter)."""
        if self._told is not None:
            self._told(method, code, time.perf_counter() - began)


class AiohttpRequest(BaseRequest):
    """python-telegram-bot's network layer over the transport's session."""

    def __init__(self, transport: Transport, read_timeout: float = 20) -> None:
        self._transport = transport
        self._read_timeout = read_timeout

    @property
    def read_timeout(self) -> float | None:
        """Seconds to wait for an answer."""
        return self._read_timeout

    async def initialize(self) -> None:
        """Nothing: the session is made at first use."""

    async def shutdown(self) -> None:
        """Nothing: the transport is closed by its owner, after the last effect was sent."""

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: ODVInput[float] = BaseRequest.DEFAULT_NONE,
        write_timeout: ODVInput[float] = BaseRequest.DEFAULT_NONE,
        connect_timeout: ODVInput[float] = BaseRequest.DEFAULT_NONE,
        pool_timeout: ODVInput[float] = BaseRequest.DEFAULT_NONE,
    ) -> tuple[int, bytes]:
        """Send one request; NetworkError or TimedOut without the URL in them."""
        del write_timeout, pool_timeout
        name = url.rpartition("/")[2]
        if self._transport._guard and method == "POST":  # noqa: SLF001  # two halves of one module
            self._transport._guard(name)  # noqa: SLF001
        timeout = aiohttp.ClientTimeout(
            total=None, connect=_seconds(connect_timeout, 5), sock_read=_seconds(read_timeout, self._read_timeout)
        )
        began, code = time.perf_counter(), 0
        try:
            async with self._transport.session.request(
                method, url, data=_form(request_data), timeout=timeout
            ) as response:
                body = await response.read()
                code = response.status
                return code, body
        except TimeoutError:
            raise TimedOut(f"{name} timed out") from None
        except aiohttp.ClientError as error:
            raise NetworkError(f"{name}: connection failed ({type(error).__name__})") from None
        finally:
            self._transport.tell(name if method == "POST" else "file", code, began)


def _migrated(parameters: Any) -> int | None:
    """The supergroup that a group has become, https://core.telegram.org/bots/api#responseparameters."""
    found = parameters.get("migrate_to_chat_id") if isinstance(parameters, dict) else None
    return found if isinstance(found, int) and not isinstance(found, bool) and abs(found) < 2**63 else None


def _seconds(value: ODVInput[float], default: float) -> float | None:
    return default if isinstance(value, DefaultValue) else value


def _form(data: RequestData | None) -> aiohttp.FormData | None:
    if data is None or not data.parameters:
        return None
    form = aiohttp.FormData(quote_fields=False)  # names of files as they are, in UTF-8
    for key, value in data.json_parameters.items():
        form.add_field(key, value)
    for key, (filename, content, mime) in (data.multipart_data or {}).items():
        form.add_field(key, content, filename=filename, content_type=mime)
    return form
