"""Every call to the Bot API goes through here: one aiohttp session, no URL or token in any error.

`Transport.call` is the way of effects: plain JSON in, plain JSON out, no python-telegram-bot objects.
`AiohttpRequest` is the same wire for python-telegram-bot's own methods.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import math
import time
from collections.abc import AsyncIterator, Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec
import telegram
from telegram._utils.defaultvalue import DefaultValue
from telegram._utils.types import JSONDict, ODVInput
from telegram.error import BadRequest, NetworkError, TimedOut
from telegram.request import BaseRequest, RequestData
from yarl import URL

from astral_core.botapi.answer import LONGEST, REDIRECTED, flaw, kinds_of, read_answer
from astral_core.descriptors import TELEGRAM
from astral_core.errors import TelegramRefused, TelegramThrottled, TelegramUnavailable
from astral_core.limits import DOWNLOAD_BYTES
from astral_core.threads import CORE, Resolver

log = logging.getLogger("astral.bot")
# Each kind of time-out is a timer of its own in each call: these two are enough, and only the first one costs.
TIMEOUT = aiohttp.ClientTimeout(total=30, sock_connect=5)
UPLOAD = 120  # seconds
UPLOAD_TIMEOUT = aiohttp.ClientTimeout(total=UPLOAD, sock_connect=5)
# A large file takes its time; a connection on which nothing comes does not.
FILE_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=30)
TOO_LONG = f"the answer has more than {LONGEST >> 20} MiB"
_WHO, _FILE = "getMe", "file"
_PERHAPS_THE_TOKEN = (HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND)
_JSON, _BINARY = {"Content-Type": "application/json"}, "application/octet-stream"
# What python-telegram-bot raises where it believes the form of what it reads.
_UNREAD = (ArithmeticError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError)
BeforeCall = Callable[[str], None]
AfterCall = Callable[[str, int, float], None]


class Transport:
    """A pooled client of one bot.

    `guard(method)` is asked before each call (it may raise), `told(method, code, seconds)` of each one that ended,
    with the code 0 where no answer came.
    """

    def __init__(
        self, api_url: str, token: str, guard: BeforeCall | None = None, told: AfterCall | None = None, *,
        connections: int = TELEGRAM,
    ) -> None:  # fmt: skip
        self._base = f"{api_url.rstrip('/')}/bot{token}/"
        self._files = f"{api_url.rstrip('/')}/file/bot{token}/"
        self._guard = guard
        self._told = told
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None

    def __repr__(self) -> str:
        return "<Transport>"

    @property
    def session(self) -> aiohttp.ClientSession:
        """The session, made at first use inside the running loop."""
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                timeout=TIMEOUT,
                connector=aiohttp.TCPConnector(
                    limit=self._connections, keepalive_timeout=60, resolver=Resolver(CORE)
                ),
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
            return read_answer(method, code, body)
        except TelegramRefused as error:
            if method == _WHO and error.code in _PERHAPS_THE_TOKEN:
                raise TelegramUnavailable(method, error.description, error.code, maybe_done=False) from None
            await self.check_token(error)
            raise

    async def check_token(self, error: TelegramRefused) -> None:
        """TelegramUnavailable if `error` is about the token: the call waits until the owner has changed that.

        No code says that the token is wrong: 404 is also said of a method that the server does not know.
        """
        if error.code not in _PERHAPS_THE_TOKEN:
            return
        code, description = error.code, error.description
        try:
            await self.call(_WHO, {})
        except TelegramRefused:
            return  # it refused that question, and not us
        except TelegramUnavailable as away:
            if away.code not in _PERHAPS_THE_TOKEN:
                code, description = away.code, f"it was refused, and {away}"
        else:
            return
        raise TelegramUnavailable(error.method, description, code, maybe_done=False)

    @contextlib.asynccontextmanager
    async def file(self, path: str) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer with the content of a file, by the `file_path` of getFile.

        Raises as `call`, also if the connection breaks while the content is read. A redirect is not followed.
        """
        if any(part in ("", ".", "..") for part in path.split("/")):
            raise TelegramRefused(_FILE, "the server names a path that leads elsewhere")
        began, code = time.perf_counter(), 0
        try:
            address = URL(self._files + quote(path), encoded=True)
            async with self.session.get(address, timeout=FILE_TIMEOUT, allow_redirects=False) as response:
                code = response.status
                _check_file(code, response.headers.get("Retry-After"))
                yield response
        except TimeoutError:
            raise TelegramUnavailable(_FILE, "timed out", maybe_done=False) from None
        except (aiohttp.ClientError, OSError) as error:
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
            async with self.session.post(self._base + method, allow_redirects=False, **sent) as response:
                code = response.status
                body = await _content(response, LONGEST)
        except TimeoutError:
            raise TelegramUnavailable(method, "timed out") from None
        except (aiohttp.ClientError, OSError) as error:
            # The error's own text may hold the URL, and the URL holds the token.
            reached = not isinstance(error, aiohttp.ClientConnectorError)
            what = f"connection failed ({type(error).__name__})"
            raise TelegramUnavailable(method, what, maybe_done=reached) from None
        finally:
            self.tell(method, code, began)
        if body is None:
            raise TelegramUnavailable(method, TOO_LONG, code)
        return code, body

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
        """Send one request. NetworkError, without the URL in it, for every answer that is not of the documented form.

        So the library sees no other, and what it raises for the rest is about what the server said.
        """
        del write_timeout, pool_timeout
        name, is_call = url.rpartition("/")[2], method == "POST"
        if self._transport._guard and is_call:  # noqa: SLF001  # two halves of one module
            self._transport._guard(name)  # noqa: SLF001
        read = _seconds(read_timeout, self._read_timeout)
        timeout = aiohttp.ClientTimeout(
            total=UPLOAD + read if is_call and read is not None else None,
            connect=_seconds(connect_timeout, 5), sock_read=read,
        )  # fmt: skip
        began, code = time.perf_counter(), 0
        try:
            async with self._transport.session.request(
                method, url, data=_form(request_data), timeout=timeout, allow_redirects=False
            ) as response:
                code = response.status
                body = await _content(response, LONGEST if is_call else DOWNLOAD_BYTES)
        except TimeoutError:
            raise TimedOut(f"{name} timed out") from None
        except (aiohttp.ClientError, OSError) as error:
            raise NetworkError(f"{name}: connection failed ({type(error).__name__})") from None
        finally:
            self._transport.tell(name if is_call else _FILE, code, began)
        if is_call:
            return await self._answer(name, code, body)
        return _downloaded(code, body)

    @staticmethod
    def parse_json_payload(payload: bytes) -> JSONDict:
        """The JSON of an answer, which `do_request` has read before."""
        try:
            found: JSONDict = msgspec.json.decode(payload)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise NetworkError(f"unreadable answer ({type(error).__name__})") from None
        return found

    async def _answer(self, method: str, status: int, body: bytes | None) -> tuple[int, bytes]:
        """An answer as the library is to see it."""
        if body is None:
            raise NetworkError(f"{method}: {TOO_LONG}")
        try:
            result = read_answer(method, status, body)
        except TelegramThrottled as error:
            return _told(error, {"retry_after": math.ceil(error.retry_after)})
        except TelegramRefused as error:
            if method != _WHO:
                await self._check_token(error)
            return _told(error, {"migrate_to_chat_id": error.migrated_to} if error.migrated_to is not None else {})
        except TelegramUnavailable as error:
            raise NetworkError(str(error)) from None
        if (where := flaw(method, result)) and not _is_read_by_library(method, result):
            raise NetworkError(f"{method}: unreadable answer: {where} in the result is missing or has another form")
        return HTTPStatus.OK, body

    async def _check_token(self, error: TelegramRefused) -> None:
        try:
            await self._transport.check_token(error)
        except (TelegramUnavailable, TelegramThrottled) as away:
            raise NetworkError(str(away)) from None


async def _content(response: aiohttp.ClientResponse, limit: int) -> bytes | None:
    """The body of an answer; None if it has more than `limit` bytes, of which nothing is kept."""
    if (response.content_length or 0) > limit:
        return None
    parts, size = [], 0
    while part := await response.content.readany():
        size += len(part)
        if size > limit:
            return None
        parts.append(part)
    return b"".join(parts)


def _told(error: TelegramThrottled | TelegramRefused, parameters: dict[str, int]) -> tuple[int, bytes]:
    """A refusal in the documented form."""
    said = {"ok": False, "error_code": error.code, "description": error.description, "parameters": parameters}
    return error.code, msgspec.json.encode(said)


def _is_read_by_library(method: str, result: Any) -> bool:
    """Whether python-telegram-bot can make its object of a result that the table does not know in this form.

    The server may be newer than the table: what the library can read is no trouble.
    """
    for kind in kinds_of(method):
        found = getattr(telegram, kind.strip("[]"), None)
        if found is None:
            continue
        try:
            found.de_list(result, None) if kind.startswith("[") else found.de_json(result, None)
        except _UNREAD as error:
            log.debug("%s: %s of python-telegram-bot cannot be made (%s)", method, kind, type(error).__name__)
        else:
            return True
    return False


def _check_file(code: int, wait: str | None) -> None:
    """Raise what a status says of a download; nothing for a file that comes."""
    if code == HTTPStatus.OK:
        return
    if code == HTTPStatus.TOO_MANY_REQUESTS:
        raise TelegramThrottled(_FILE, "too many downloads", wait)
    if HTTPStatus.BAD_REQUEST <= code < HTTPStatus.INTERNAL_SERVER_ERROR:
        raise TelegramRefused(_FILE, "file not found", code)
    what = REDIRECTED if HTTPStatus.MULTIPLE_CHOICES <= code < HTTPStatus.BAD_REQUEST else "the server failed"
    raise TelegramUnavailable(_FILE, what, code, maybe_done=False)


def _downloaded(code: int, body: bytes | None) -> tuple[int, bytes]:
    """A file for python-telegram-bot, or what became of it."""
    if body is None:
        raise BadRequest("file is too big")
    try:
        _check_file(code, None)
    except TelegramThrottled as error:
        return _told(error, {"retry_after": math.ceil(error.retry_after)})
    except TelegramRefused as error:
        return _told(error, {})
    except TelegramUnavailable as error:
        raise NetworkError(str(error)) from None
    return code, body


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
