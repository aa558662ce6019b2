"""The transport: Telegram's answers become typed errors, and no error, repr or log shows the token."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from telegram.error import NetworkError

from astral_core.bot.transport import AiohttpRequest, Transport
from astral_core.errors import TelegramRefused, TelegramThrottled, TelegramUnavailable

TOKEN = "424242:unit-test-token-of-nobody-at-all"
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serve = Callable[[Answer], Awaitable[Transport]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Makes a transport to a server that answers every call with the given handler."""
    runners: list[web.AppRunner] = []
    transports: list[Transport] = []

    async def start(answer: Answer) -> Transport:
        app = web.Application()
        app.router.add_post("/bot{token}/{method}", answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        transports.append(Transport(f"http://127.0.0.1:{runner.addresses[0][1]}/", TOKEN))
        return transports[-1]

    yield start
    for transport in transports:
        await transport.close()
    for runner in runners:
        await runner.cleanup()


def answering(status: int, body: Any) -> Answer:
    """A handler with one answer; bytes go out as they are."""

    async def answer(request: web.Request) -> web.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return web.Response(status=status, body=content)

    return answer


async def test_a_result_is_plain_data(serve: Serve) -> None:
    """JSON in, JSON out."""
    seen: list[Any] = []

    async def echo(request: web.Request) -> web.Response:
        seen.append((request.match_info["token"], request.match_info["method"], await request.json()))
        return web.json_response({"ok": True, "result": {"message_id": 7}})

    transport = await serve(echo)
    assert await transport.call("sendMessage", {"chat_id": 1, "text": "Привет"}) == {"message_id": 7}
    assert seen == [(TOKEN, "sendMessage", {"chat_id": 1, "text": "Привет"})]


async def test_files_travel_beside_their_parameters(serve: Serve) -> None:
    """Structured parameters are JSON texts in the form, as the Bot API wants them."""
    seen: dict[str, Any] = {}

    async def read(request: web.Request) -> web.Response:
        form = await request.post()
        seen.update(
            {key: value.file.read() if isinstance(value, web.FileField) else value for key, value in form.items()}
        )
        return web.json_response({"ok": True, "result": {"message_id": 7}})

    transport = await serve(read)
    params = {"chat_id": 1, "caption": "é", "reply_markup": {"inline_keyboard": []}}
    await transport.call("sendPhoto", params, {"photo": ("p.png", b"PNG")})
    assert seen == {"chat_id": "1", "caption": "é", "reply_markup": '{"inline_keyboard": []}', "photo": b"PNG"}


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, {"ok": False, "description": "Bad Request: chat not found"}, TelegramRefused),
        (403, {"ok": False, "description": "Forbidden"}, TelegramRefused),
        (429, {"ok": False, "description": "slow down", "parameters": {"retry_after": 7}}, TelegramThrottled),
        (429, {"ok": False, "description": "slow down"}, TelegramThrottled),
        (429, {"ok": False, "description": "slow down", "parameters": [1]}, TelegramThrottled),
        (200, b'{"ok": true, "result": "\xff"}', TelegramUnavailable),
        (200, b"[" * 20_000, TelegramUnavailable),
        (500, {"ok": False, "description": "Internal"}, TelegramUnavailable),
        (502, b"<html>bad gateway</html>", TelegramUnavailable),
        (200, b"", TelegramUnavailable),
        (200, b"[]", TelegramUnavailable),
        (200, b'{"ok": true}', TelegramUnavailable),
        (200, {"ok": True, "result": None}, TelegramUnavailable),
        (200, {"ok": True, "result": [{"message_id": 7}]}, TelegramUnavailable),
        (200, {"ok": 1, "result": {"message_id": 7}}, TelegramUnavailable),
        (400, {"ok": True, "result": {"message_id": 7}}, TelegramUnavailable),
        (400, b"<html>bad request</html>", TelegramUnavailable),
        (200, {"ok": False, "description": "no"}, TelegramUnavailable),
        (200, {"ok": False, "error_code": 400, "description": "no"}, TelegramRefused),
        (400, {"ok": False, "description": ["no"], "parameters": 5}, TelegramRefused),
    ],
)
async def test_every_answer_becomes_one_of_three_errors(serve: Serve, status: int, body: Any, error: type) -> None:
    """4xx will never succeed, 429 has its time, everything else is tried again."""
    transport = await serve(answering(status, body))
    with pytest.raises(error) as caught:
        await transport.call("sendMessage", {})
    assert TOKEN not in str(caught.value) + repr(caught.value)
    assert "sendMessage" in str(caught.value)
    if isinstance(caught.value, TelegramThrottled):
        assert caught.value.retry_after == (7 if isinstance(body.get("parameters"), dict) else 1)


@pytest.mark.parametrize(
    ("told", "waited"),
    [
        (7, 7),
        (0.5, 0.5),
        ("12", 12),
        ("soon", 1),
        (None, 1),
        ([3], 1),
        (-4, 0.1),
        (0, 0.1),
        (10**9, 86_400),
        (10**400, 1),
    ],
)
def test_a_wait_that_cannot_be_read_is_a_second_and_none_is_longer_than_a_day(told: object, waited: float) -> None:
    """Whatever stands in `retry_after`, a chat goes on."""
    assert TelegramThrottled("sendMessage", "slow down", told).retry_after == waited
    assert TelegramThrottled("sendMessage", "slow down", float("nan")).retry_after == 1


@pytest.mark.parametrize("status", [401, 404])
@pytest.mark.parametrize(
    ("who", "error"),
    [
        ((200, {"ok": True, "result": {"id": 1, "is_bot": True, "first_name": "B"}}), TelegramRefused),
        ((400, {"ok": False, "description": "odd"}), TelegramRefused),
        ((401, {"ok": False, "description": "Unauthorized"}), TelegramUnavailable),
        ((404, {"ok": False, "description": "Not Found"}), TelegramUnavailable),
        ((404, b"<html>no such page</html>"), TelegramUnavailable),
        ((502, b"<html>bad gateway</html>"), TelegramUnavailable),
        ((429, {"ok": False, "description": "slow down", "parameters": {"retry_after": 7}}), TelegramThrottled),
    ],
)
async def test_a_wrong_token_is_told_from_a_wrong_method_by_what_getme_says(
    serve: Serve, status: int, who: tuple[int, Any], error: type
) -> None:
    """Telegram says 404 to both. A method that it does not know will never succeed, a token's owner can mend it."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.match_info["method"] == "getMe":
            return await answering(*who)(request)
        return await answering(status, {"ok": False, "description": "Not Found"})(request)

    transport = await serve(answer)
    with pytest.raises(error) as caught:
        await transport.call("sendSticer", {})
    if error is TelegramRefused:
        assert (caught.value.method, caught.value.code) == ("sendSticer", status)


async def test_no_connection_is_unavailable_and_hides_the_address() -> None:
    """The library's own error shows the URL, and the URL holds the token."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    transport = Transport(f"http://127.0.0.1:{port}", TOKEN)
    try:
        with pytest.raises(TelegramUnavailable) as caught:
            await transport.call("getMe", {})
        assert caught.value.__cause__ is None
        assert "127.0.0.1" not in str(caught.value)
        with pytest.raises(NetworkError) as also:
            await AiohttpRequest(transport).do_request(f"http://127.0.0.1:{port}/bot{TOKEN}/getMe", "POST")
        assert TOKEN not in str(also.value)
    finally:
        await transport.close()


async def test_an_answer_that_never_comes_is_unavailable(serve: Serve) -> None:
    """`hold` bounds the time of one call."""

    async def slow(request: web.Request) -> web.Response:
        import asyncio

        await asyncio.sleep(30)
        return web.Response()

    transport = await serve(slow)
    with pytest.raises(TelegramUnavailable, match="timed out"):
        await transport.call("getUpdates", {}, hold=0.05)


async def test_best_effort_never_raises(serve: Serve) -> None:
    """A failure of what nothing depends on is a line in the log."""
    transport = await serve(answering(400, {"ok": False, "description": "no"}))
    await transport.best_effort("sendChatAction", {})


async def test_the_guard_sees_every_call_before_it_leaves() -> None:
    """What forbids network after the first write stands here."""

    def refuse(method: str) -> None:
        raise PermissionError(method)

    transport = Transport("http://127.0.0.1:1", TOKEN, refuse)
    with pytest.raises(PermissionError, match="sendMessage"):
        await transport.call("sendMessage", {})


def test_the_repr_shows_no_token() -> None:
    """Objects end up in logs."""
    assert TOKEN not in repr(Transport("http://127.0.0.1:1", TOKEN))
