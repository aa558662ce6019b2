"""The page over the real emulator, with a small bot that speaks the Bot API by HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Page, expect

from astral_playground.page import add_page
from astral_playground.telegram.server import make_app
from astral_playground.telegram.state import World

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


class ScriptedBot:
    """Greets, toasts, edits, draws and sells; enough of a bot to walk through the whole page."""

    def __init__(self, base: str, token: str, picture: bytes) -> None:
        self.url = f"{base}/bot{token}"
        self.picture = picture
        self.approve = True
        self.got: list[dict[str, Any]] = []

    async def call(self, method: str, **params: Any) -> Any:
        async with self.session.post(f"{self.url}/{method}", json=params) as answer:
            return (await answer.json()).get("result")

    async def run(self) -> None:
        async with aiohttp.ClientSession() as self.session:
            commands = [{"command": "start", "description": "Начать"}, {"command": "chart", "description": "Карта"}]
            await self.call("setMyCommands", commands=commands)
            offset = 0
            while True:
                for update in await self.call("getUpdates", offset=offset, timeout=20) or []:
                    offset = update["update_id"] + 1
                    self.got.append(update)
                    await self.handle(update)

    async def handle(self, update: dict[str, Any]) -> None:
        if query := update.get("callback_query"):
            message = query["message"]
            alert = query["data"] == "alert"
            await self.call("answerCallbackQuery", callback_query_id=query["id"], text="Готово", show_alert=alert)
            where = {"chat_id": message["chat"]["id"], "message_id": message["message_id"]}
            await self.call("editMessageText", **where, text=f"Нажали {query['data']}")
        elif checkout := update.get("pre_checkout_query"):
            refusal = {} if self.approve else {"error_message": "Товар закончился"}
            query_id = checkout["id"]
            await self.call("answerPreCheckoutQuery", pre_checkout_query_id=query_id, ok=self.approve, **refusal)
        elif message := update.get("message"):
            await self.reply(message["chat"]["id"], message)

    async def reply(self, chat_id: int, message: dict[str, Any]) -> None:
        text = message.get("text", "")
        if text.startswith("/start"):
            keys = [[{"text": "Тост", "callback_data": "toast"}, {"text": "Окно", "callback_data": "alert"}]]
            greeting = f"Привет, <b>{message['from']['first_name']}</b>! {text[7:]}"
            markup = {"inline_keyboard": keys}
            await self.call("sendMessage", chat_id=chat_id, text=greeting, parse_mode="HTML", reply_markup=markup)
        elif text == "/chart":
            form = aiohttp.FormData({"chat_id": str(chat_id), "caption": "Ваша карта"})
            form.add_field("photo", self.picture, filename="chart.png", content_type="image/png")
            await self.session.post(f"{self.url}/sendPhoto", data=form)
        elif text == "/buy":
            prices = json.dumps([{"label": "Разбор", "amount": 50}])
            goods = {"title": "Разбор", "description": "20 страниц", "payload": "p", "currency": "XTR"}
            await self.call("sendInvoice", chat_id=chat_id, prices=prices, provider_token="", **goods)
        elif "successful_payment" in message:
            await self.call("sendMessage", chat_id=chat_id, text="Спасибо!")


@pytest.fixture
def world() -> World:
    world = World()
    world.add_user("Анна", language_code="ru", stars=500)
    world.add_user("Emma", language_code="en", stars=20)
    return world


@pytest_asyncio.fixture(loop_scope="session")
async def base(world: World) -> AsyncIterator[str]:
    app = make_app(world)
    add_page(app)
    runner = web.AppRunner(app, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest_asyncio.fixture(loop_scope="session")
async def bot(base: str, world: World, picture: Callable[[int, int], bytes]) -> AsyncIterator[ScriptedBot]:
    scripted = ScriptedBot(base, world.token, picture(400, 500))
    task = asyncio.create_task(scripted.run())
    yield scripted
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


@pytest_asyncio.fixture(loop_scope="session")
async def live(bot: ScriptedBot, base: str, open_page: Any) -> Page:
    """The page over the emulator with the bot at work."""
    page = await open_page(base)
    await expect(page.locator("#menu-button")).to_be_visible()
    return page


async def say(page: Page, text: str) -> None:
    await page.locator("#input").fill(text)
    await page.locator("#input").press("Enter")


async def test_conversation(live: Page) -> None:
    """A command is answered, a button toasts, alerts and edits in place, a picture comes, ticks show delivery."""
    await live.locator(".starter").first.click()
    greeting = live.locator("article.in").first
    await expect(greeting.locator("strong")).to_have_text("Анна")
    await expect(live.locator("article.out .tick")).to_have_attribute("aria-label", "Доставлено боту")
    await greeting.locator(".key", has_text="Тост").click()
    await expect(live.locator(".toast")).to_have_text("Готово")
    await expect(greeting.locator(".text")).to_contain_text("Нажали toast")
    await expect(greeting.locator(".meta")).to_contain_text("изменено")
    await expect(greeting.locator(".key")).to_have_count(0)
    await say(live, "/chart")
    picture = live.locator("article .photo img")
    await expect(picture).to_have_attribute("alt", "Ваша карта")
    assert await picture.evaluate("async node => { await node.decode(); return node.naturalWidth }") == 400
    await say(live, "/start")
    await live.locator(".key", has_text="Окно").click()
    await expect(live.locator("dialog.alert p")).to_have_text("Готово")


async def test_buying(live: Page, bot: ScriptedBot, world: World) -> None:
    """A declined order costs nothing; a confirmed one takes the stars, says so, and the bot hears of it."""
    await say(live, "/buy")
    bot.approve = False
    await live.locator(".key.pay").click()
    await live.locator("dialog .primary").click()
    await expect(live.locator("dialog [role=alert]")).to_have_text("Товар закончился")
    await live.locator("dialog .primary").click()
    assert world.user(1001).stars == 500
    bot.approve = True
    await live.locator(".key.pay").click()
    await live.locator("dialog .primary").click()
    await expect(live.locator("dialog .success")).to_be_visible()
    await expect(live.locator("article.service")).to_contain_text("«Разбор»")
    await expect(live.locator("article.in").last).to_contain_text("Спасибо!")
    await expect(live.locator(".paid-mark")).to_have_text("Оплачено")
    await expect(live.locator("dialog")).to_have_count(0)
    assert world.user(1001).stars == 450


async def test_inspecting_and_breaking(live: Page, bot: ScriptedBot) -> None:
    """The way of an update names its calls; a fault hits the next call and is spent."""
    await say(live, "/start")
    event = live.locator(".event").first
    await expect(event.locator(".step.call")).to_have_count(1)
    await event.locator("summary").first.click()
    await event.locator(".step.call button").click()
    await expect(live.locator("dialog .json")).to_contain_text("sendMessage")
    await live.keyboard.press("Escape")
    await live.locator("#tab-trouble").click()
    await live.locator(".tile", has_text="500").click()
    await expect(live.locator("#fault-pill")).to_be_visible()
    await say(live, "/start")
    await expect(live.locator("#fault-pill")).to_be_hidden()
    await live.locator("#tab-timeline").click()
    await expect(live.locator(".event-icon.bad")).to_have_count(1)
    await expect(live.locator("article.in")).to_have_count(1)


async def test_people_and_resets(live: Page, bot: ScriptedBot, world: World) -> None:
    """A new person talks to the bot in their language; a block and a new start reach the emulator."""
    await live.locator("#add-user").click()
    await live.locator("#field-first_name").fill("Zoe")
    await live.locator("dialog .choice", has_text="English").click()
    await live.locator("dialog button[type=submit]").click()
    await expect(live.locator(".starter span").last).to_have_text("Natal chart")
    await say(live, "/start gift")
    await expect(live.locator("article.in")).to_contain_text("Привет, Zoe! gift")
    await live.locator("#tab-person").click()
    await live.get_by_role("switch", name="Bot blocked").check()
    await live.locator("#unblock").click()
    await expect(live.locator("#input")).to_be_visible()
    await live.locator("#reset").click()
    await live.locator("dialog .primary").click()
    await expect(live.locator("#messages article")).to_have_count(0)
    await expect(live.locator(".starter")).to_have_count(3)
    changes = [
        update["my_chat_member"]["new_chat_member"]["status"] for update in bot.got if "my_chat_member" in update
    ]
    assert changes == ["kicked", "member"]


async def test_two_pages_see_the_same(live: Page, base: str, open_page: Any) -> None:
    """What happens in one window is seen in the other, as another person's news."""
    other = await open_page(base, "/?user=2")
    await expect(other.locator("#people [aria-current]")).to_contain_text("Emma")
    await say(live, "/start")
    await expect(other.locator("#people button", has_text="Анна").locator(".badge")).to_have_text("1")
    await expect(other).to_have_title(re.compile(r"^\(1\)"))
