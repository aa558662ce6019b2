"""The page's API: the state, what people do, faults and switches, and clear errors for bad input."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
import telegram
from telegram import InlineKeyboardButton as Button
from telegram import InlineKeyboardMarkup as Keyboard

from astral_playground.telegram import EmulatedUser, TelegramEmulator


class Page:
    """What the chat page does over HTTP."""

    def __init__(self, tg: TelegramEmulator, http: aiohttp.ClientSession) -> None:
        self._url, self._http = f"{tg.url}/api", http

    async def post(self, path: str, body: Any, **options: Any) -> tuple[int, Any]:
        """Status and decoded answer of a POST."""
        async with self._http.post(f"{self._url}/{path}", json=body, **options) as answer:
            return answer.status, await answer.json()

    async def get(self, path: str) -> Any:
        """The decoded answer of a GET that works."""
        async with self._http.get(f"{self._url}/{path}") as answer:
            assert answer.status == 200
            return await answer.json()


@pytest.fixture
def page(tg: TelegramEmulator, http: aiohttp.ClientSession) -> Page:
    """The page of `tg`."""
    return Page(tg, http)


async def test_state_of_a_chat(
    page: Page, bot: telegram.Bot, anna: EmulatedUser, png: Callable[[int, int], bytes], http: aiohttp.ClientSession
) -> None:
    """The state has people, bot and messages, with text cut into spans and buttons by kind."""
    await bot.set_my_commands([("start", "Начать")], language_code="ru")
    keyboard = Keyboard([[Button("Карта", callback_data="natal:1"), Button("Сайт", url="https://example.org")]])
    sent = await bot.send_message(anna.id, "<b>Да</b> 🌟", parse_mode="HTML", reply_markup=keyboard)
    await bot.edit_message_text("<i>Нет</i>", anna.id, sent.message_id, parse_mode="HTML", reply_markup=keyboard)
    await bot.send_photo(anna.id, png(120, 80), caption="Карта", reply_to_message_id=1)
    await bot.send_document(anna.id, b"12345", filename="карта.pdf")
    state = await page.get("state")
    assert state["bot"]["username"] == "playground_bot"
    assert state["bot"]["commands"] == {"ru": [{"command": "start", "description": "Начать"}]}
    assert state["users"][0]["first_name"] == "Анна"
    assert state["users"][0]["commands"] == [{"command": "start", "description": "Начать"}]
    start, text, photo, document = state["chats"][str(anna.id)]
    assert (start["from"], text["from"]) == ("user", "bot")
    assert start["spans"] == [{"text": "/start", "styles": ["bot_command"]}]
    assert text["spans"] == [{"text": "Нет", "styles": ["italic"]}]
    assert text["buttons"][0][0] == {"text": "Карта", "kind": "callback", "data": "natal:1"}
    assert text["buttons"][0][1] == {"text": "Сайт", "kind": "url", "url": "https://example.org"}
    assert (text["edited"], text["history"][0]["spans"][0]) == (1, {"text": "Да", "styles": ["bold"]})
    assert (photo["photo"]["width"], photo["photo"]["height"], photo["reply_to"]) == (120, 80, 1)
    assert document["document"]["file_name"] == "карта.pdf"
    assert text["raw"]["message_id"] == text["message_id"] == sent.message_id
    assert state["updates"][0]["type"] == "message"
    assert state["updates"][0]["calls"][0]["method"] == "sendMessage"
    assert state["switches"]["duplicate_every"] == 0


async def test_files(
    tg: TelegramEmulator,
    bot: telegram.Bot,
    anna: EmulatedUser,
    png: Callable[[int, int], bytes],
    page: Page,
    http: aiohttp.ClientSession,
) -> None:
    """Pictures are shown, documents are attachments that a browser never renders."""
    await bot.send_photo(anna.id, png(12, 8))
    await bot.send_document(anna.id, b"<script>", filename='a"\r\nX: y.html')
    _, photo, document = (await page.get("state"))["chats"][str(anna.id)]
    async with http.get(tg.url + photo["photo"]["url"]) as answer:
        assert (answer.content_type, await answer.read()) == ("image/png", png(12, 8))
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    async with http.get(tg.url + document["document"]["url"]) as answer:
        assert answer.content_type == "application/octet-stream"
        assert answer.headers["Content-Disposition"].startswith("attachment; filename*=UTF-8''a")
        assert "X" not in answer.headers
        assert await answer.read() == b"<script>"
    async with http.get(f"{tg.url}/api/files/nothing") as answer:
        assert answer.status == 404


async def test_people(page: Page, tg: TelegramEmulator) -> None:
    """People are made and changed; blocking tells the bot."""
    status, user = await page.post(
        "users", {"first_name": "Борис", "username": "boris", "language_code": "ru", "stars": 5}
    )
    assert (status, user["id"], user["stars"], user["blocked"]) == (201, 1001, 5, False)
    status, user = await page.post(
        "users/1001", {"language_code": "en", "blocked": True, "stars": 70, "premium": True}
    )
    assert (status, user["language_code"], user["blocked"], user["stars"], user["premium"]) == (
        200,
        "en",
        True,
        70,
        True,
    )
    assert [update.type for update in tg.world.updates.history] == ["my_chat_member"]
    status, error = await page.post("users", {"first_name": "Бо", "username": "Boris"})
    assert (status, error["field"]) == (409, "username")
    status, error = await page.post("users/9", {"stars": 1})
    assert (status, error["error"]) == (404, "there is no user 9")


async def test_messages_places_and_contacts(page: Page, anna: EmulatedUser) -> None:
    """A text, a place, a contact: 201 with the message and the id of its update."""
    status, sent = await page.post(f"users/{anna.id}/messages", {"text": "Привет", "reply_to": 1})
    assert (status, sent["message"]["from"], sent["message"]["reply_to"]) == (201, "user", 1)
    assert sent["update_id"] == 1_000_002
    status, place = await page.post(f"users/{anna.id}/location", {"latitude": 55.75, "longitude": 37})
    assert (status, place["message"]["location"]) == (201, {"latitude": 55.75, "longitude": 37.0})
    status, contact = await page.post(f"users/{anna.id}/contact", {"phone_number": "+79990000000"})
    assert contact["message"]["contact"]["first_name"] == "Анна"


async def test_upload(
    tg: TelegramEmulator, anna: EmulatedUser, http: aiohttp.ClientSession, png: Callable[[int, int], bytes]
) -> None:
    """Files come as multipart; without a file it is 400."""
    url = f"{tg.url}/api/users/{anna.id}/messages"
    for kind, data, name in (("photo", png(9, 7), "p.png"), ("document", b"abc", "a.txt")):
        form = aiohttp.FormData({"caption": "вот"})
        form.add_field(kind, data, filename=name)
        async with http.post(url, data=form) as answer:
            body = await answer.json()
        assert answer.status == 201
        assert body["message"][kind] is not None
        assert body["message"]["spans"] == [{"text": "вот", "styles": []}]
    form = aiohttp.FormData({"caption": "вот"}, default_to_multipart=True)
    async with http.post(url, data=form) as answer:
        assert (answer.status, (await answer.json())["field"]) == (400, "document")
    form = aiohttp.FormData()
    form.add_field("photo", b"text", filename="p.png")
    async with http.post(url, data=form) as answer:
        assert (answer.status, (await answer.json())["field"]) == (400, "photo")


async def test_press(page: Page, tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser) -> None:
    """A button is pressed by data or text; one that is gone is 409, a missing message 404."""
    sent = await bot.send_message(anna.id, "x", reply_markup=Keyboard([[Button("a", callback_data="1")]]))
    path = f"users/{anna.id}/press"
    status, pressed = await page.post(path, {"message_id": sent.message_id, "data": "1"})
    assert status == 202
    assert tg.world.queries[pressed["callback_query_id"]].data == "1"
    assert (await page.post(path, {"message_id": sent.message_id, "text": "a"}))[0] == 202
    status, error = await page.post(path, {"message_id": sent.message_id, "data": "2"})
    assert (status, "has no callback button '2'" in error["error"]) == (409, True)
    assert (await page.post(path, {"message_id": 999, "data": "1"}))[0] == 404
    assert (await page.post(path, {"message_id": sent.message_id}))[0] == 400
    assert (await page.post(path, {"data": "1"}))[1]["field"] == "message_id"


async def test_pay_and_cancel(
    page: Page, tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser, settle: Callable[..., Any]
) -> None:
    """Paying answers when it is over; the message shows its state; a poor person gets 409."""
    price = [telegram.LabeledPrice("x", 60)]
    sent = await bot.send_invoice(anna.id, "Титул", "Что", "p:1", "XTR", price, provider_token="")
    body = {"message_id": sent.message_id}
    assert (await page.post(f"users/{anna.id}/cancel", body)) == (200, {"status": "cancelled"})
    paying = asyncio.create_task(page.post(f"users/{anna.id}/pay", body))
    await settle(lambda: bool(tg.world.checkouts))
    invoice = (await page.get("state"))["chats"][str(anna.id)][-1]["invoice"]
    assert (invoice["state"], invoice["paid"], invoice["total_amount"]) == ("checkout", False, 60)
    await bot.answer_pre_checkout_query(next(iter(tg.world.checkouts)), ok=True)
    status, outcome = await paying
    assert (status, outcome["status"], outcome["error"]) == (200, "paid", "")
    chat = (await page.get("state"))["chats"][str(anna.id)]
    assert chat[-1]["service"] == {
        "kind": "payment",
        "currency": "XTR",
        "total_amount": 60,
        "charge_id": outcome["charge_id"],
        "title": "Титул",
    }
    assert chat[-2]["invoice"]["state"] == "paid"
    await bot.refund_star_payment(anna.id, outcome["charge_id"])
    assert (await page.get("state"))["chats"][str(anna.id)][-1]["service"]["kind"] == "refund"
    await page.post(f"users/{anna.id}", {"stars": 10})
    status, error = await page.post(f"users/{anna.id}/pay", body)
    assert (status, error["error"]) == (409, "Not enough stars: the price is 60, the balance 10")
    link = await bot.create_invoice_link("Титул", "Что", "p:2", "XTR", price, provider_token="")
    assert (await page.post(f"users/{anna.id}/cancel", {"slug": link.rpartition("$")[2]}))[0] == 200
    assert (await page.post(f"users/{anna.id}/pay", {"slug": "nowhere"}))[0] == 404
    assert (await page.post(f"users/{anna.id}/pay", {"message_id": 1}))[0] == 404


async def test_faults_and_switches(page: Page, tg: TelegramEmulator, http: aiohttp.ClientSession) -> None:
    """Rules and switches are set, shown and taken away."""
    status, fault = await page.post("faults", {"method": "sendMessage", "kind": "429", "retry_after": 3, "times": 2})
    assert (status, fault["id"], fault["retry_after"], fault["times"]) == (201, 1, 3, 2)
    status, fault = await page.post(
        "faults", {"method": "*", "kind": "slow", "delay": 0.5, "times": None, "chat_id": 1001}
    )
    assert (fault["times"], fault["delay"], fault["chat_id"]) == (None, 0.5, 1001)
    assert (await page.post("faults", {"method": "x", "kind": "400", "description": "Bad Request: x"}))[0] == 201
    assert [one["id"] for one in (await page.get("state"))["faults"]] == [1, 2, 3]
    for path, expected in (("faults/2", 204), ("faults/2", 404), ("faults", 204)):
        async with http.delete(f"{tg.url}/api/{path}") as answer:
            assert answer.status == expected
    assert tg.world.faults.rules == []
    status, switches = await page.post("switches", {"duplicate_every": 3, "delay": 0.5, "reorder": True})
    assert switches == {
        "duplicate_every": 3,
        "drop_response_every": 0,
        "delay": 0.5,
        "reorder": True,
        "paused": False,
        "flood_limits": False,
    }


async def test_calls(
    page: Page, bot: telegram.Bot, anna: EmulatedUser, tg: TelegramEmulator, http: aiohttp.ClientSession
) -> None:
    """The log has parameters, result and time; the last ones on demand."""
    for number in range(3):
        await bot.send_message(anna.id, str(number))
    calls = (await page.get("calls"))["calls"]
    assert [call["params"].get("text") for call in calls if call["method"] == "sendMessage"] == ["0", "1", "2"]
    assert calls[-1]["result"]["text"] == "2"
    assert (calls[-1]["via"], calls[-1]["ok"], calls[-1]["chat_id"]) == ("http", True, anna.id)
    assert len((await page.get("calls?limit=1"))["calls"]) == 1
    for limit in ("0", "1001", "x", "-1"):
        async with http.get(f"{tg.url}/api/calls?limit={limit}") as answer:
            assert answer.status == 400


async def test_reset(page: Page, anna: EmulatedUser, tg: TelegramEmulator) -> None:
    """One chat or all begin anew; the answer is the new state."""
    boris = tg.user("Борис")
    await boris.send("b")
    status, state = await page.post("reset", {"user_id": anna.id})
    assert (status, state["chats"][str(anna.id)], len(state["chats"][str(boris.id)])) == (200, [], 1)
    status, state = await page.post("reset", {})
    assert (state["chats"], state["updates"]) == ({str(anna.id): [], str(boris.id): []}, [])
    assert len(state["users"]) == 2
    assert (await page.post("reset", {"user_id": 9}))[0] == 404


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("users", {}, "first_name"),
        ("users", {"first_name": 5}, "first_name"),
        ("users", {"first_name": "a", "stars": -1}, "stars"),
        ("users", {"first_name": "a", "stars": True}, "stars"),
        ("users", {"first_name": "a", "language_code": "Русский"}, "language_code"),
        ("users", {"first_name": "a", "premium": 1}, "premium"),
        ("users", {"first_name": "a", "age": 1}, "age"),
        ("users/1001", {"blocked": "yes"}, "blocked"),
        ("users/1001", {"first_name": ""}, "first_name"),
        ("users/1001/messages", {}, "text"),
        ("users/1001/messages", {"text": "   "}, "text"),
        ("users/1001/messages", {"text": "я" * 4097}, "text"),
        ("users/1001/messages", {"text": "я" * 30000}, "text"),
        ("users/1001/messages", {"text": "a", "reply_to": 99}, "reply_to"),
        ("users/1001/messages", {"text": "a", "reply_to": "1"}, "reply_to"),
        ("users/1001/location", {"latitude": 91, "longitude": 0}, "latitude"),
        ("users/1001/location", {"latitude": "55", "longitude": 0}, "latitude"),
        ("users/1001/location", {"latitude": 55}, "longitude"),
        ("users/1001/contact", {}, "phone_number"),
        ("users/1001/contact", {"phone_number": "1" * 33}, "phone_number"),
        ("users/1001/press", {"message_id": 1.5, "data": "x"}, "message_id"),
        ("faults", {"method": "x", "kind": "fire"}, "kind"),
        ("faults", {"kind": "429"}, "method"),
        ("faults", {"method": "x", "kind": "429", "retry_after": 0}, "retry_after"),
        ("faults", {"method": "x", "kind": "429", "times": 0}, "times"),
        ("faults", {"method": "x", "kind": "slow", "delay": 1e9}, "delay"),
        ("switches", {"duplicate_every": -1}, "duplicate_every"),
        ("switches", {"paused": 1}, "paused"),
        ("switches", {"shuffle": True}, "shuffle"),
        ("trace", {}, "events"),
        ("trace", {"events": [1]}, "events"),
        ("trace", {"events": [{}] * 1001}, "events"),
        ("reset", {"user_id": "all"}, "user_id"),
    ],
)
async def test_bad_bodies(page: Page, anna: EmulatedUser, path: str, body: Any, field: str) -> None:
    """Each mistake is 400 with a sentence and the name of the field; nothing changes."""
    status, error = await page.post(path, body)
    assert (status, error["field"]) == (400, field)
    assert error["error"]
    assert len(anna.messages) == 1


@pytest.mark.parametrize(
    ("data", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'{"text": "a"}', "text/plain", 415),
        (b"text=a", "application/x-www-form-urlencoded", 415),
        (b"", "application/json", 400),
    ],
)
async def test_bodies_that_are_no_json_objects(
    tg: TelegramEmulator, anna: EmulatedUser, http: aiohttp.ClientSession, data: bytes, kind: str, status: int
) -> None:
    """Bodies must be JSON objects and say so: a plain HTML form of another site cannot."""
    url = f"{tg.url}/api/users/{anna.id}/messages"
    async with http.post(url, data=data, headers={"Content-Type": kind}) as answer:
        assert answer.status == status
        assert json.loads(await answer.text())["error"]


@pytest.mark.parametrize(
    "path", ["users/x/messages", "users/9999999999999999999/messages", "users/-1/messages", "nothing"]
)
async def test_wrong_page_paths(page: Page, path: str) -> None:
    """Ids that are none and unknown paths are 404 in JSON."""
    status, error = await page.post(path, {"text": "a"})
    assert status == 404
    assert error["error"]
