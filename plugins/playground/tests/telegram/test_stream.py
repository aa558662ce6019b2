"""The page's event stream: what happens, in order, resumed after a break."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
import telegram
from telegram import InlineKeyboardButton as Button
from telegram import InlineKeyboardMarkup as Keyboard

from astral_playground.telegram import EmulatedUser, TelegramEmulator
from astral_playground.telegram.server import STREAM
from astral_playground.telegram.stream import KEEP


class Listener:
    """A page that listens."""

    def __init__(self, tg: TelegramEmulator, http: aiohttp.ClientSession) -> None:
        self._url, self._http = f"{tg.url}/api/stream", http
        self.events: list[tuple[str, str, Any]] = []
        self._answer: aiohttp.ClientResponse | None = None

    async def open(self, last_id: str = "", **query: str) -> None:
        """Connect; return when the stream has begun."""
        headers = {"Last-Event-ID": last_id} if last_id else {}
        self._answer = await self._http.get(self._url, headers=headers, params=query)
        assert self._answer.content_type == "text/event-stream"

    async def until(self, name: str) -> Any:
        """Read to the next event of this name; its data."""
        assert self._answer is not None
        fields: dict[str, str] = {}
        async with asyncio.timeout(10):
            async for raw in self._answer.content:
                line = raw.decode().rstrip("\n")
                key, _, value = line.partition(": ")
                if line:
                    fields[key] = value
                elif "event" in fields:
                    self.events.append((fields["id"], fields["event"], json.loads(fields["data"])))
                    fields = {}
                    if self.events[-1][1] == name:
                        return self.events[-1][2]
        raise AssertionError(f"the stream ended before {name}")

    def close(self) -> None:
        """Hang up."""
        if self._answer is not None:
            self._answer.close()

    @property
    def names(self) -> list[str]:
        """Names of the events so far."""
        return [name for _, name, _ in self.events]


@pytest.fixture
async def listen(tg: TelegramEmulator, http: aiohttp.ClientSession) -> AsyncIterator[Callable[[], Listener]]:
    """Makes listeners."""
    made: list[Listener] = []

    def make() -> Listener:
        made.append(Listener(tg, http))
        return made[-1]

    yield make
    for one in made:
        one.close()


async def test_a_dialogue(
    tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser, listen: Callable[[], Listener]
) -> None:
    """Messages, edits, presses, answers, toasts, typing, deletions come in order."""
    page = listen()
    await page.open()
    await anna.send("Привет")
    await bot.send_chat_action(anna.id, "typing")
    sent = await bot.send_message(anna.id, "x", reply_markup=Keyboard([[Button("a", callback_data="1")]]))
    query = await anna.press("a")
    await bot.answer_callback_query(query.id, "Готово", show_alert=True)
    await bot.edit_message_text("y", anna.id, sent.message_id)
    await bot.delete_message(anna.id, sent.message_id)
    deleted = await page.until("delete")
    assert deleted == {"user_id": anna.id, "message_ids": [sent.message_id]}
    found = {name: data for _, name, data in page.events}
    order = [name for name in page.names if name not in {"update", "call", "bot", "user"}]
    assert order == ["message", "typing", "message", "pressed", "answered", "toast", "edit", "delete"]
    assert found["typing"] == {"user_id": anna.id, "action": "typing"}
    assert found["toast"] == {"user_id": anna.id, "text": "Готово", "alert": True, "kind": "callback"}
    assert found["answered"] == {
        "user_id": anna.id,
        "chat_id": anna.id,
        "message_id": sent.message_id,
        "data": "1",
        "callback_query_id": query.id,
        "text": "Готово",
        "alert": True,
        "url": "",
        "expired": False,
    }
    assert found["edit"]["message"]["spans"] == [{"text": "y", "styles": []}]
    assert found["call"]["method"] == "editMessageText"
    assert "params" not in found["call"]
    numbers = [int(event_id.partition("-")[2]) for event_id, _, _ in page.events]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


async def test_payment_events(
    tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser, listen: Callable[[], Listener]
) -> None:
    """A checkout shows its deadline, its end and the new balances."""
    page = listen()
    await page.open()
    price = [telegram.LabeledPrice("x", 60)]
    sent = await bot.send_invoice(anna.id, "Титул", "Что", "p:1", "XTR", price, provider_token="")
    paying = asyncio.create_task(anna.pay())
    pending = await page.until("checkout")
    assert (pending["state"], pending["message_id"], pending["slug"]) == ("pending", sent.message_id, None)
    assert pending["deadline"] == pytest.approx(tg.world.clock.time() + 10, abs=5)
    await bot.answer_pre_checkout_query(next(iter(tg.world.checkouts)), ok=True)
    await paying
    assert await page.until("balance") == {"user_id": anna.id, "stars": 40, "bot_stars": 60}
    assert (await page.until("checkout"))["state"] == "paid"
    service = await page.until("message")
    assert service["message"]["service"]["kind"] == "payment"


async def test_people_bot_and_faults(
    tg: TelegramEmulator, bot: telegram.Bot, http: aiohttp.ClientSession, listen: Callable[[], Listener]
) -> None:
    """New people, a bot that goes down, rules, switches, traces, a reset."""
    page = listen()
    await page.open()
    tg.user("Борис")
    assert (await page.until("user"))["first_name"] == "Борис"
    tg.world.set_bot_up(True)
    assert (await page.until("bot"))["up"]
    tg.world.set_bot_up(False, "Traceback: ...")
    down = await page.until("bot")
    assert (down["up"], down["detail"]) == (False, "Traceback: ...")
    tg.fail("getMe", "500")
    assert (await page.until("faults"))["faults"][0]["method"] == "getMe"
    tg.switch(paused=True)
    assert (await page.until("faults"))["switches"]["paused"]
    event = {"update_id": 5, "name": "handler", "self": 1, "ms": 2.5}
    async with http.post(f"{tg.url}/api/trace", json={"events": [event]}) as answer:
        assert (answer.status, await answer.json()) == (202, {"accepted": 1})
    assert await page.until("trace") == event
    await bot.set_my_commands([("a", "b")])
    assert (await page.until("user"))["commands"] == [{"command": "a", "description": "b"}]
    tg.world.reset()
    assert await page.until("reset") == {}


async def test_update_story(
    tg: TelegramEmulator, bot: telegram.Bot, receiver: Any, listen: Callable[[], Listener], anna: EmulatedUser
) -> None:
    """An update is told from its making over its delivery to the calls for it."""
    await bot.set_webhook(receiver.url)
    await receiver.got(1)
    page = listen()
    await page.open()
    await anna.send("Привет")
    await receiver.got(2)
    await bot.send_message(anna.id, "Ответ")
    states = []
    while True:
        update = await page.until("update")
        if update["summary"] == "Привет":
            states.append(update["state"])
            if update["state"] == "delivered" and update["calls"]:
                break
    assert states[:2] == ["created", "delivering"]
    assert update["deliveries"][0]["status"] == 200
    assert update["deliveries"][0]["ms"] > 0
    assert [call["method"] for call in update["calls"]] == ["sendMessage"]


async def test_resume(tg: TelegramEmulator, anna: EmulatedUser, listen: Callable[[], Listener]) -> None:
    """After a break the page gets exactly what it missed, by header or by query."""
    page = listen()
    await page.open()
    await anna.send("1")
    await page.until("message")
    last = page.events[-1][0]
    page.close()
    await anna.send("2")
    for options in ({"last_id": last}, {"after": last}):
        again = listen()
        await again.open(**options)
        assert (await again.until("message"))["message"]["spans"][0]["text"] == "2"
        assert int(again.events[0][0].partition("-")[2]) == int(last.partition("-")[2]) + 1


async def test_state_tells_where_to_resume(
    tg: TelegramEmulator, anna: EmulatedUser, http: aiohttp.ClientSession, listen: Callable[[], Listener]
) -> None:
    """Nothing is lost between the state and the stream."""
    async with http.get(f"{tg.url}/api/state") as answer:
        state = await answer.json()
    await anna.send("между")
    page = listen()
    await page.open(after=state["seq"])
    assert (await page.until("message"))["message"]["spans"][0]["text"] == "между"


@pytest.mark.parametrize("last_id", ["deadbeef-1", "nonsense", "{life}-999999", "{life}-x", "{life}-1"])
async def test_what_cannot_be_resumed(
    tg: TelegramEmulator,
    anna: EmulatedUser,
    http: aiohttp.ClientSession,
    listen: Callable[[], Listener],
    last_id: str,
) -> None:
    """An id of another life, of the future or from too long ago: `reset` comes first."""
    async with http.get(f"{tg.url}/api/state") as answer:
        life = (await answer.json())["seq"].partition("-")[0]
    if last_id == "{life}-1":
        for _ in range(KEEP + 5):
            tg.world.emit("typing", user_id=anna.id, action="typing")
    page = listen()
    await page.open(last_id.format(life=life))
    assert await page.until("reset") == {}
    await anna.send("дальше")
    await page.until("message")
    assert "reset" not in page.names[1:]


async def test_nobody_looks(tg: TelegramEmulator, anna: EmulatedUser, http: aiohttp.ClientSession) -> None:
    """Until a page has asked for the state or the stream, events are not made: tests without a page stay fast."""
    stream = tg.app[STREAM]
    await anna.send("1")
    before = stream.last_id
    async with http.get(f"{tg.url}/api/state") as answer:
        assert (await answer.json())["seq"] == before
    await anna.send("2")
    assert stream.last_id != before
