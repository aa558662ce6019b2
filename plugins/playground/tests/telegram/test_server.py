"""The HTTP surface: ways to pass parameters, tokens, hosts and origins, errors, shutdown."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
import telegram

from astral_playground.telegram import DEFAULT_TOKEN, EmulatedUser, TelegramEmulator, World, looks_real

REAL = "123456789:" + "A" * 35


@pytest.mark.parametrize("way", ["query", "form", "multipart", "json", "mixed", "case"])
async def test_ways_of_passing_parameters(
    tg: TelegramEmulator, anna: EmulatedUser, http: aiohttp.ClientSession, way: str
) -> None:
    """GET, form, multipart and JSON mean the same; method names are case-insensitive."""
    url = f"{tg.base_url}{tg.token}/sendMessage"
    markup = {"inline_keyboard": [[{"text": "a", "callback_data": "1"}]]}
    values = {"chat_id": str(anna.id), "text": "Привет", "reply_markup": json.dumps(markup)}
    match way:
        case "query":
            request = http.get(url, params=values)
        case "form":
            request = http.post(url, data=values)
        case "multipart":
            form = aiohttp.FormData(values, default_to_multipart=True)
            request = http.post(url, data=form)
        case "json":
            request = http.post(url, json={"chat_id": anna.id, "text": "Привет", "reply_markup": markup, "x": None})
        case "mixed":
            request = http.post(f"{url}?chat_id={anna.id}", data={k: v for k, v in values.items() if k != "chat_id"})
        case _:
            request = http.post(url.replace("sendMessage", "SENDMESSAGE"), data=values)
    async with request as answer:
        body = await answer.json()
    assert body["ok"], body
    assert body["result"]["text"] == "Привет"
    assert body["result"]["reply_markup"] == markup
    assert tg.calls[-1].method == "sendMessage"


async def test_attachments_by_name(
    tg: TelegramEmulator, anna: EmulatedUser, http: aiohttp.ClientSession, png: Callable[[int, int], bytes]
) -> None:
    """attach://name takes the part with this name; the log keeps name and size, not the bytes."""
    form = aiohttp.FormData({"chat_id": str(anna.id), "photo": "attach://picture"})
    form.add_field("picture", png(20, 10), filename="p.png", content_type="image/png")
    async with http.post(f"{tg.base_url}{tg.token}/sendPhoto", data=form) as answer:
        assert (await answer.json())["result"]["photo"][-1]["width"] == 20
    assert tg.calls[-1].params["picture"] == {"file_name": "p.png", "size": len(png(20, 10))}


@pytest.mark.parametrize(
    ("path", "status", "description"),
    [
        ("/bot{token}/noSuchMethod", 404, "Not Found: method not found"),
        ("/bot{token}", 404, "Not Found"),
        ("/bot{token}/", 404, "Not Found"),
        ("/bot/getMe", 404, "Not Found"),
        ("/bot42:WRONG/getMe", 401, "Unauthorized"),
        ("/botgetMe", 404, "Not Found"),
        ("/nothing", 404, "Not Found"),
    ],
)
async def test_wrong_paths(
    tg: TelegramEmulator, http: aiohttp.ClientSession, path: str, status: int, description: str
) -> None:
    """Unknown methods and paths are 404, wrong tokens 401, in the API's JSON."""
    async with http.get(tg.url + path.format(token=tg.token)) as answer:
        body = await answer.json()
    assert (answer.status, body["ok"], body["error_code"]) == (status, False, status)
    assert body["description"] == description


async def test_a_real_looking_token_is_refused(
    tg: TelegramEmulator, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    """A token like BotFather's is named as such, and kept nowhere."""
    caplog.set_level("DEBUG")
    async with http.post(f"{tg.base_url}{REAL}/getMe") as answer:
        assert answer.status == 401
        text = await answer.text()
    assert "looks like a real one" in text
    assert REAL not in text
    assert REAL not in caplog.text
    assert tg.calls == []


def test_own_token_must_not_look_real() -> None:
    """An emulator cannot be set up with a token like BotFather's; the error does not repeat it."""
    for token in (REAL, "", "42", "42:", "0:ABC", "x:ABC", "42:A B"):
        with pytest.raises(ValueError, match="emulator's token") as error:
            World(token=token)
        assert not token or token not in str(error.value).replace("42:ANY-LETTERS", "")
    assert not looks_real(DEFAULT_TOKEN)
    assert World(token="7:MY-TOKEN").bot.id == 7


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"{", "application/json"),
        (b"[1]", "application/json"),
        (b"\xff\xfe", "application/json"),
        (b"[" * 100_000, "application/json"),
        (b"{}", "application/json; charset=klingon"),
        (b"a=b", "application/x-www-form-urlencoded; charset=klingon"),
        (b"\xff=1", "application/x-www-form-urlencoded"),
        (b"--x\r\nbroken", "multipart/form-data; boundary=x"),
        (b"nothing", "multipart/form-data; boundary=x"),
        (b"nothing", "multipart/form-data"),
        (b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n\xff\r\n--x--", "multipart/form-data; boundary=x"),
    ],
)
@pytest.mark.parametrize("path", ["/bot{token}/getMyName", "/api/users/1001/messages"])
async def test_broken_bodies(
    tg: TelegramEmulator, anna: EmulatedUser, http: aiohttp.ClientSession, path: str, body: bytes, kind: str
) -> None:
    """A body that cannot be read is 4xx with a sentence, or is read as empty, and never 500."""
    url = tg.url + path.format(token=tg.token)
    async with http.post(url, data=body, headers={"Content-Type": kind}) as answer:
        text = await answer.text()
    assert answer.status in {200, 400, 415}, text
    assert json.loads(text)
    assert len(anna.messages) == 1


@pytest.mark.parametrize(
    ("path", "field", "status"),
    [("/bot{token}/sendDocument", "document", 413), ("/api/users/1001/messages", "document", 400)],
)
async def test_too_large_files(
    tg: TelegramEmulator,
    anna: EmulatedUser,
    http: aiohttp.ClientSession,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    field: str,
    status: int,
) -> None:
    """What is larger than Telegram takes is refused, for bots with Telegram's 413."""
    monkeypatch.setattr("astral_playground.telegram.forms.MAX_UPLOAD", 1000)
    for size, expected in ((1001, {status}), (1000, {200, 201})):
        form = aiohttp.FormData({"chat_id": str(anna.id)})
        form.add_field(field, b"x" * size, filename="a.bin")
        async with http.post(tg.url + path.format(token=tg.token), data=form) as answer:
            body = await answer.json()
        assert answer.status in expected
        if status == 413 and size > 1000:
            assert body == {"ok": False, "error_code": 413, "description": "Request Entity Too Large"}


async def test_half_surrogates_are_refused(
    tg: TelegramEmulator, anna: EmulatedUser, http: aiohttp.ClientSession
) -> None:
    """Text that UTF-8 cannot hold is 400."""
    body = b'{"chat_id": %d, "text": "\\ud83d"}' % anna.id
    url = f"{tg.base_url}{tg.token}/sendMessage"
    async with http.post(url, data=body, headers={"Content-Type": "application/json"}) as answer:
        assert (await answer.json())["description"] == "Bad Request: strings must be encoded in UTF-8"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "192.168.0.5:8081", "", "localhost@evil"])
@pytest.mark.parametrize("path", ["/api/state", "/bot{token}/getMe", "/api/stream"])
async def test_foreign_hosts(tg: TelegramEmulator, http: aiohttp.ClientSession, host: str, path: str) -> None:
    """A name that was rebound to this machine opens nothing."""
    async with http.get(tg.url + path.format(token=tg.token), headers={"Host": host}) as answer:
        assert answer.status == 403
        assert "not a name of this machine" in (await answer.json())["error"]


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1", "[::1]:80", "LOCALHOST"])
async def test_loopback_hosts(tg: TelegramEmulator, http: aiohttp.ClientSession, host: str) -> None:
    """Loopback names are fine."""
    async with http.get(f"{tg.url}/api/state", headers={"Host": host}) as answer:
        assert answer.status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize("path", ["/api/users", "/bot{token}/getMe"])
async def test_foreign_origins(
    tg: TelegramEmulator, http: aiohttp.ClientSession, headers: dict[str, str], path: str
) -> None:
    """Another site's page cannot post, neither to the page's API nor to the Bot API."""
    url = tg.url + path.format(token=tg.token)
    async with http.post(url, json={"first_name": "x"}, headers=headers) as answer:
        assert answer.status == 403
        assert "error" in await answer.json()
    assert tg.world.users == {}


async def test_foreign_pictures(tg: TelegramEmulator, anna: EmulatedUser, http: aiohttp.ClientSession) -> None:
    """Another site's page cannot call a method by an <img> either: a GET of the Bot API counts as an act."""
    url = f"{tg.base_url}{tg.token}/sendMessage?chat_id={anna.id}&text=x"
    async with http.get(url, headers={"Sec-Fetch-Site": "cross-site"}) as answer:
        assert answer.status == 403
    async with http.get(f"{tg.url}/api/state", headers={"Sec-Fetch-Site": "cross-site"}) as answer:
        assert answer.status == 200
    assert len(anna.messages) == 1


async def test_own_origin(tg: TelegramEmulator, http: aiohttp.ClientSession) -> None:
    """The page itself may."""
    headers = {"Origin": tg.url, "Sec-Fetch-Site": "same-origin"}
    async with http.post(f"{tg.url}/api/users", json={"first_name": "Анна"}, headers=headers) as answer:
        assert answer.status == 201


def test_only_loopback_is_served() -> None:
    """The emulator cannot be opened to a network."""
    with pytest.raises(ValueError, match="no loopback address"):
        TelegramEmulator(host="192.168.0.5")


async def test_taken_port(tg: TelegramEmulator) -> None:
    """A taken port is an OSError, and nothing is left behind."""
    port = int(tg.url.rpartition(":")[2])
    with pytest.raises(OSError, match=str(port)):
        await TelegramEmulator(port=port).start()


async def test_shutdown_ends_streams_polls_and_faults(
    new_bot: Callable[..., telegram.Bot], settle: Callable[..., Any]
) -> None:
    """Open event streams, a long poll and a hanging call do not hold the server's end."""
    tg = await TelegramEmulator().start()
    tg.fail("getMe", "timeout", delay=600)
    async with aiohttp.ClientSession() as http:
        stream = await http.get(f"{tg.url}/api/stream")
        hanging = asyncio.create_task(_status(http, f"{tg.base_url}{tg.token}/getMe"))
        polling = asyncio.create_task(_status(http, f"{tg.base_url}{tg.token}/getUpdates?timeout=50"))
        await settle(lambda: tg.world.poll.open and tg.world.faults.rules == [])
        started = time.monotonic()
        await tg.stop()
        assert time.monotonic() - started < 5
        assert b"retry" in await stream.read()
        assert await hanging == 500
        assert await polling == 500
    await tg.stop()


async def _status(http: aiohttp.ClientSession, url: str) -> int:
    async with http.get(url) as answer:
        return answer.status


async def test_restart_of_a_stopped_emulator_is_a_new_one(new_bot: Callable[..., telegram.Bot]) -> None:
    """Two emulators live beside each other with their own ports and people."""
    async with TelegramEmulator() as one, TelegramEmulator(token="43:OTHER") as two:
        assert one.url != two.url
        one.user("Анна")
        assert two.world.users == {}
        async with new_bot(two) as bot:
            assert bot.id == 43
    assert repr(one).startswith("TelegramEmulator(127.0.0.1:")
    assert one.api_url == one.url
    assert one.base_url == f"{one.url}/bot"
