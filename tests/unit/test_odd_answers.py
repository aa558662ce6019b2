"""Answers of the Bot API in any form: a documented result or one of three errors, and whoever asked goes on."""

from __future__ import annotations

import asyncio
import copy
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from hypothesis import example, given, settings
from hypothesis import strategies as st
from telegram import InputMediaPhoto
from telegram.error import InvalidToken, NetworkError
from telegram.error import TelegramError as LibraryError
from telegram.ext import ExtBot

from astral_core.bot import polling, reachable
from astral_core.bot.polling import poll_forever
from astral_core.bot.reachable import until_reachable
from astral_core.bot.transport import AiohttpRequest, Transport
from astral_core.botapi.answer import LONGEST, UPDATES, flaw, read_answer
from astral_core.botapi.table import alternatives, table
from astral_core.errors import TelegramRefused, TelegramThrottled, TelegramUnavailable
from astral_core.inbox.failure import is_infrastructure

pytestmark = pytest.mark.filterwarnings("ignore::telegram.warnings.PTBDeprecationWarning")
TOKEN = "424242:unit-test-token-of-nobody-at-all"
ME = {"id": 424242, "is_bot": True, "first_name": "Bot", "username": "a_bot"}
ERRORS = (TelegramRefused, TelegramThrottled, TelegramUnavailable)
Canned = tuple[int, bytes]

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from([2**70, -1, 10**300]) | st.text(max_size=8)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
statuses = st.sampled_from([200, 200, 200, 200, 204, 301, 307, 400, 401, 403, 404, 409, 429, 500, 502])


def sample(kind: str, depth: int = 0) -> Any:
    """A value of a documented type: what is always there, and in the first floors the rest."""
    kind = alternatives(kind)[0]
    if kind.startswith("["):
        return [sample(kind[1:-1], depth)] if depth < 2 else []
    if kind in ("Integer", "Float", "String", "Boolean", "True"):
        return {"Integer": 7, "Float": 0.5, "String": "x"}.get(kind, True)
    kind = table().unions.get(kind, [kind])[0]
    fields = table().types.get(kind, {})
    return {
        name: field.constant or sample(field.type, depth + 1)
        for name, field in fields.items()
        if field.required or depth < 1
    }


def documented(method: str) -> dict[str, Any]:
    """What a server that is well answers."""
    return {"ok": True, "result": sample(table().methods[method].returns)}


REFUSALS: list[dict[str, Any]] = [
    {"ok": False, "error_code": 400, "description": "Bad Request: no", "parameters": {"migrate_to_chat_id": -1001}},
    {"ok": False, "error_code": 429, "description": "Too Many Requests", "parameters": {"retry_after": 3}},
]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """All nodes of a JSON value, as paths."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, one in inner for found in places(one, (*path, key)))]


@st.composite
def odd_answers(draw: st.DrawFn, method: str) -> bytes:
    """Any bytes, or a documented answer in which one or two nodes are anything, are gone, or are new."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=60))
    answer = copy.deepcopy(draw(st.sampled_from([documented(method), documented(method), *REFUSALS])))
    for _ in range(draw(st.integers(0, 2))):
        *way, last = draw(st.sampled_from([path for path in places(answer) if path]))
        node: Any = answer
        for step in way:
            node = node[step]
        match draw(st.sampled_from(["other", "gone", "new"])):
            case "other":
                node[last] = draw(anything)
            case "gone":
                del node[last]
            case "new" if isinstance(node, dict):
                node[draw(st.text(max_size=8))] = draw(anything)
    return json.dumps(answer).encode()


@st.composite
def calls(draw: st.DrawFn, methods: list[str]) -> tuple[str, int, bytes]:
    """A method, a status and an answer."""
    method = draw(st.sampled_from(methods))
    return method, draw(statuses), draw(odd_answers(method))


def kind_fits(method: str, result: Any) -> bool:
    """Whether a result is of the documented kind, as far as the top goes."""
    plain: dict[str, type] = {"Integer": int, "String": str}
    return any(
        result is True if kind == "Boolean"
        else isinstance(result, list if kind.startswith("[") else plain.get(kind, dict))
        for kind in alternatives(table().methods[method].returns)
    )  # fmt: skip


@given(calls(sorted(table().methods)))
@example(("sendMessage", 200, b"[" * 100_000))
@example(("sendMessage", 200, b'{"ok":true,"result":{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}}"))
@example(("sendMessage", 429, b'{"ok":false,"parameters":{"retry_after":1e308}}'))
@example(("getMe", 200, b'{"ok":true,"result":{"id":NaN,"is_bot":true,"first_name":"B"}}'))
def test_every_answer_is_a_documented_result_or_one_of_three_errors(call: tuple[str, int, bytes]) -> None:
    """Whatever the status, the bytes and the form; and no wait is longer than a day, or none at all."""
    method, status, body = call
    error: Exception | None = None
    result = None
    try:
        result = read_answer(method, status, body)
    except ERRORS as raised:
        error = raised
    match error:
        case TelegramThrottled(retry_after=wait):
            assert 0.1 <= wait <= 86_400
        case TelegramRefused(code=code, migrated_to=moved):
            assert 400 <= code < 500
            assert moved is None or moved < 0
        case TelegramUnavailable(maybe_done=maybe_done):
            assert maybe_done
        case _:
            assert 200 <= status < 300
            assert kind_fits(method, result)


def test_what_is_documented_is_taken() -> None:
    """No answer of a server that is well is taken for an odd one; a method of tomorrow may answer anything."""
    for method in table().methods:
        result = read_answer(method, 200, json.dumps(documented(method)).encode())
        assert kind_fits(method, result), method
        assert method == UPDATES or flaw(method, result) == "", method
    assert read_answer("doOfTomorrow", 200, b'{"ok":true,"result":[null]}') == [None]


class Server:
    """A Bot API whose next answers are given, by method; then it is well."""

    def __init__(self) -> None:
        self.next: dict[str, list[Canned]] = {}
        self.asked: list[str] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """The next answer to a method."""
        method = request.match_info.get("method", "file")
        self.asked.append(method)
        if self.next.get(method):
            status, body = self.next[method].pop(0)
            return web.Response(status=status, body=body, headers={"Location": f"{self.url}/elsewhere/x"})
        return web.json_response({"ok": True, "result": ME} if method == "getMe" else documented(method))


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[Server, Transport]]:
    """The server, and a transport to it."""
    server, app = Server(), web.Application()
    app.router.add_post("/bot{token}/{method}", server.answer)
    app.router.add_get("/file/bot{token}/{path:.+}", server.answer)
    app.router.add_route("*", "/elsewhere/{method}", server.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    transport = Transport(server.url, TOKEN)
    try:
        yield server, transport
    finally:
        await transport.close()
        await runner.cleanup()


def library_bot(server: Server, transport: Transport) -> ExtBot[None]:
    """python-telegram-bot's bot over the transport."""
    request = AiohttpRequest(transport)
    base = f"{server.url}/bot"
    return ExtBot(TOKEN, base_url=base, base_file_url=f"{server.url}/file/bot", request=request)


NATIVE: dict[str, Callable[[ExtBot[None]], Any]] = {
    "getMe": lambda bot: bot.get_me(),
    "sendMessage": lambda bot: bot.send_message(7, "hi"),
    "sendMediaGroup": lambda bot: bot.send_media_group(7, [InputMediaPhoto("a"), InputMediaPhoto("b")]),
    "editMessageText": lambda bot: bot.edit_message_text("hi", 7, 1),
    "getChat": lambda bot: bot.get_chat(7),
    "getChatAdministrators": lambda bot: bot.get_chat_administrators(7),
    "getFile": lambda bot: bot.get_file("x"),
    "getStarTransactions": lambda bot: bot.get_star_transactions(),
    "getWebhookInfo": lambda bot: bot.get_webhook_info(),
    "answerCallbackQuery": lambda bot: bot.answer_callback_query("1"),
    "setMyCommands": lambda bot: bot.set_my_commands([("a", "b")]),
    "getMyName": lambda bot: bot.get_my_name(),
}


def test_python_telegram_bot_never_meets_an_answer_that_it_cannot_read() -> None:
    """Its own calls end in its objects or errors. An odd answer is NetworkError: the handler runs again for it."""
    with asyncio.Runner() as runner:
        served = serving()
        server, transport = runner.run(served.__aenter__())

        @settings(deadline=None)
        @given(calls(sorted(NATIVE)))
        @example(("getMe", 404, b"<html>no such page</html>"))
        @example(("sendMessage", 200, json.dumps({"ok": True, "result": {"message_id": 7}}).encode()))
        @example(("sendMessage", 429, b'{"ok":false,"error_code":429,"parameters":{"retry_after":"soon"}}'))
        def ask(call: tuple[str, int, bytes]) -> None:
            method, status, body = call
            server.next = {method: [(status, body)]}
            try:
                runner.run(_awaited(NATIVE[method](library_bot(server, transport))))
            except LibraryError as raised:
                error = raised
            else:
                return
            refusal = 400 <= status < 500 or b'"ok": false' in body
            assert is_infrastructure(error) or refusal
            assert TOKEN not in str(error)

        try:
            ask()
        finally:
            runner.run(served.__aexit__(None, None, None))


async def _awaited(call: Any) -> Any:
    return await call


ODD: list[Canned] = [
    (200, b""), (200, b"<html>hello</html>"), (200, b"[]"), (200, b"null"), (200, b"\xff"), (200, b"[" * 100_000),
    (200, b'{"ok":true}'), (200, b'{"ok":true,"result":null}'), (200, b'{"ok":true,"result":[]}'),
    (200, b'{"ok":true,"result":"x"}'), (200, b'{"ok":true,"result":5}'), (200, b'{"ok":true,"result":{}}'),
    (200, b'{"ok":"yes","result":{}}'), (200, b'{"ok":false}'), (200, b'{"ok":true,"result":{"id":"7"}}'),
    (404, b"<html>not found</html>"), (401, b"unauthorized"), (404, b'{"error":"no route"}'), (302, b""), (307, b""),
    (429, b'{"ok":false,"error_code":429,"parameters":[1]}'), (502, b"<html>bad gateway</html>"),
    (429, b'{"ok":false,"parameters":{"retry_after":"soon"}}'), (403, b'{"ok":false,"description":"Forbidden"}'),
    (409, b'{"ok":false,"description":"Conflict"}'), (400, b'{"ok":false,"parameters":{"migrate_to_chat_id":-9}}'),
    *((200, json.dumps({"ok": True, "result": {**ME, **odd}}).encode())
      for odd in ({"id": "7"}, {"id": True}, {"id": 2**70}, {"id": None}, {"first_name": 7}, {"is_bot": "no"},
                  {"username": ["a"]})),
    (200, b'{"ok":true,"result":{"id":NaN,"is_bot":true,"first_name":"B"}}'),
]  # fmt: skip


async def test_a_start_waits_for_a_server_that_cannot_say_who_the_bot_is(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """No odd answer to getMe ends the process or is taken for a refused token; it is told once a minute."""
    monkeypatch.setattr(reachable, "backoff", lambda *_, **__: 0.0)
    async with serving() as (server, transport):
        bot = library_bot(server, transport)
        server.next = {"getMe": list(ODD)}
        await until_reachable(bot.initialize)
        assert bot.bot.id == ME["id"]
        assert server.asked == ["getMe"] * (len(ODD) + 1)
    assert caplog.text.count("not reachable") == 1


@pytest.mark.parametrize("status", [401, 404])
async def test_a_token_that_the_server_refuses_is_refused(status: int) -> None:
    """Only the server's own word says that the token is wrong; that is not waited for."""
    async with serving() as (server, transport):
        server.next = {"getMe": [(status, b'{"ok":false,"error_code":401,"description":"Unauthorized"}')]}
        with pytest.raises(InvalidToken):
            await until_reachable(library_bot(server, transport).initialize)


class Inbox:
    """Keeps what polling stores."""

    def __init__(self) -> None:
        self.bodies: list[Any] = []

    async def take(self, body: bytes, *, polled: bool) -> None:
        """Store one that was fetched."""
        assert polled
        self.bodies.append(json.loads(body))


def updates(*items: Any) -> Canned:
    """An answer of getUpdates."""
    return 200, json.dumps({"ok": True, "result": list(items)}).encode()


UNNUMBERED = [7, None, "x", [], {}, {"update_id": "5"}, {"update_id": None}, {"update_id": 1.5}, {"update_id": True},
              {"update_id": -3}, {"update_id": 2**62}, {"update_id": 2**70}, {"update_id": []}]  # fmt: skip


def test_polling_lives_on_whatever_getupdates_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any answers, then updates: all of those are stored, in whichever answer they come, and odd items once."""
    monkeypatch.setattr(polling, "backoff", lambda *_, **__: 0.0)
    monkeypatch.setattr(polling, "SOON", 0.0)
    monkeypatch.setattr(polling, "REFUSED", 0.0)
    monkeypatch.setattr(polling, "WELL", 0.0)
    real = {"update_id": 41, "message": {"text": "here I am"}}
    answers = st.one_of(
        st.sampled_from(ODD), st.tuples(statuses, odd_answers("getUpdates")),
        st.lists(st.sampled_from(UNNUMBERED) | anything, max_size=4).map(lambda items: updates(*items)),
    )  # fmt: skip
    with asyncio.Runner() as runner:
        served = serving()
        server, transport = runner.run(served.__aenter__())

        @settings(max_examples=60, deadline=None)
        @given(st.lists(answers, max_size=6))
        @example([updates(one, real) for one in UNNUMBERED])
        def poll(before: list[Canned]) -> None:
            inbox = Inbox()
            server.next = {"getUpdates": [*before, updates({"update_id": 2**62}, real)]}
            polled = poll_forever(transport, inbox, [], lambda: bool(server.next["getUpdates"]))  # type: ignore[arg-type]
            runner.run(asyncio.wait_for(polled, 30))
            assert real in inbox.bodies

        try:
            logging.disable(logging.CRITICAL)
            poll()
        finally:
            logging.disable(logging.NOTSET)
            runner.run(served.__aexit__(None, None, None))


async def test_the_offset_moves_by_real_numbers_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """One beyond all real ones would mute the bot for ever, and what stays at Telegram is stored once."""
    pauses: list[int] = []
    monkeypatch.setattr(polling, "backoff", lambda failures, *_: pauses.append(failures) or 0.0)
    odd = {"update_id": 2**62}
    offsets: list[Any] = []
    async with serving() as (server, transport):
        original = transport.call

        async def call(method: str, params: Any, **options: Any) -> Any:
            if method == "getUpdates":
                offsets.append((params["offset"], params["limit"]))
            return await original(method, params, **options)

        monkeypatch.setattr(transport, "call", call)
        inbox = Inbox()
        server.next = {"getUpdates": [
            updates(odd, {"update_id": 7}), updates(odd), updates(odd), (200, b"x" * (LONGEST + 1)), updates(odd),
            updates({"update_id": 8}),
        ]}  # fmt: skip
        await poll_forever(transport, inbox, [], lambda: bool(server.next["getUpdates"]))  # type: ignore[arg-type]
    assert offsets == [(0, 100), (8, 100), (8, 100), (8, 100), (8, 50), (8, 100)]
    assert inbox.bodies == [odd, {"update_id": 7}, {"update_id": 8}]
    assert pauses == [1, 2, 1, 3]  # a server that repeats itself is not asked at once


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_no_redirect_is_followed(status: int) -> None:
    """What people write goes to the server of the settings, and to no other: not the call, not the file."""
    async with serving() as (server, transport):
        server.next = {"sendMessage": [(status, b"")] * 2, "file": [(status, b"")] * 2}
        with pytest.raises(TelegramUnavailable, match=r"Fix: set telegram\.api_url") as call:
            await transport.call("sendMessage", {"chat_id": 7, "text": "secret"})
        with pytest.raises(NetworkError):
            await library_bot(server, transport).send_message(7, "secret")
        with pytest.raises(TelegramUnavailable, match=r"Fix: set telegram\.api_url") as file:
            async with transport.file("a/b"):
                pass
        with pytest.raises(NetworkError):
            await AiohttpRequest(transport).retrieve(f"{server.url}/file/bot{TOKEN}/a/b")
        assert server.asked == ["sendMessage", "sendMessage", "file", "file"]
        assert call.value.maybe_done
        assert not file.value.maybe_done


@pytest.mark.parametrize("native", [False, True])
async def test_an_endless_answer_is_left_off(native: bool) -> None:
    """After some MiB the connection is closed: 64 MiB never come into memory."""
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        while sent < 64 * 2**20:
            await response.write(b" " * 2**20)
            sent += 2**20
        return response

    app = web.Application()
    app.router.add_post("/bot{token}/{method}", endless)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    transport = Transport(f"http://127.0.0.1:{runner.addresses[0][1]}", TOKEN)
    server = Server()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        with pytest.raises((TelegramUnavailable, NetworkError), match="more than 8 MiB"):
            await (library_bot(server, transport).get_me() if native else transport.call("getMe", {}))
    finally:
        await transport.close()
        await runner.cleanup()
    assert sent < 48 * 2**20
