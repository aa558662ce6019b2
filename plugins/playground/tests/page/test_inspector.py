"""The inspector: the way of updates, JSON, faults, the person."""

from __future__ import annotations

import asyncio
import json
import re
import time
from typing import Any

import pytest
from playwright.async_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


def call(call_id: int, method: str, at: float, *, ok: bool = True) -> dict[str, Any]:
    base = {"id": call_id, "method": method, "at": at, "ms": 3.5, "ok": ok, "chat_id": 1001, "update_id": 1}
    failed = {"error_code": 0 if ok else 429, "description": "" if ok else "Too Many Requests: retry after 3"}
    return {**base, **failed, "via": "http", "message_id": 7}


async def test_the_way_of_an_update(page: Page, emulator: Any, make: Any) -> None:
    """One sees each delivery, the plugin and route that handled it, and each call with its time and error."""
    at = time.time()
    tries = [
        {"at": at, "status": 0, "ms": 20, "error": "Connection refused"},
        {"at": at + 2, "status": 200, "ms": 12.5, "error": ""},
    ]
    calls = [call(1, "sendMessage", at + 2.1, ok=False), call(2, "sendMessage", at + 2.2)]
    emulator.emit("update", make["update"](1, "/start", deliveries=tries, calls=calls))
    trace = {"update_id": 1, "stage": "handled", "at": at + 2.01, "ms": 8, "plugin": "natal", "route": "/start"}
    emulator.emit("trace", {**trace, "outcome": "refused"})
    event = page.locator('[data-update="1"]')
    await expect(event.locator("summary").first).to_contain_text("natal · /start")
    await event.locator("summary").first.click()
    await expect(event.locator(".step-title")).to_have_text(
        ["Создано", "Доставка 1", "Доставка 2", "Обработано", "sendMessage", "sendMessage"]
    )
    await expect(event.locator(".step.bad .step-detail")).to_have_text(
        ["Connection refused", "429 Too Many Requests: retry after 3"]
    )
    await expect(event.locator(".step.plugin .step-detail")).to_have_text("natal · /start · refused")
    await expect(event.locator(".step-time").nth(2)).to_have_text("12,5 мс")
    emulator.answers["/api/calls"] = (200, {"calls": [{**calls[1], "params": {"text": "привет"}}]})
    await event.locator(".step.call button").click()
    await expect(page.locator("dialog .json")).to_contain_text('"text": "привет"')


async def test_open_update_stays_open(page: Page, emulator: Any, make: Any) -> None:
    """An update that changes while one reads it does not fold."""
    emulator.emit("update", make["update"](1, "/start", state="delivering"))
    event = page.locator('[data-update="1"]')
    await event.locator("summary").first.click()
    emulator.emit("update", make["update"](1, "/start", calls=[call(1, "sendPhoto", time.time())]))
    await expect(event.locator(".step.call")).to_be_visible()
    await expect(event).to_have_attribute("open", "")


async def test_message_json_and_versions(page: Page, emulator: Any, make: Any) -> None:
    """Choosing a message shows its Bot API object, its former texts and the update that made it."""
    history = [{"date": int(time.time()), "spans": [{"text": "Строю…", "styles": []}], "buttons": []}]
    emulator.emit("update", make["update"](5, "/chart", message_id=1, calls=[call(1, "sendMessage", time.time())]))
    emulator.arrive(make["message"](7, "Готово", history=history, edited=1))
    await page.locator('[data-id="7"] .text').click()
    panel = page.locator("#panel-message")
    await expect(panel.locator("pre")).to_contain_text('"message_id": 7')
    await expect(panel.locator(".versions")).to_contain_text("Строю…")
    await expect(page.locator('[data-id="7"]')).to_have_class(re.compile("chosen"))
    await panel.locator(".pill").click()
    await expect(page.locator('[data-update="5"]')).to_have_attribute("open", "")
    assert json.loads(await panel.locator("pre").text_content()) == {"message_id": 7, "text": "Готово"}


async def test_faults(page: Page, emulator: Any) -> None:
    """One press arms a fault, it is listed with what is left of it, the header warns, and it can be removed."""
    await page.locator("#tab-trouble").click()
    await page.locator(".tile", has_text="429").click()
    rule = {"id": 3, "method": "*", "kind": "429", "retry_after": 3, "times": 2}
    emulator.emit("faults", {"faults": [rule], "switches": {}})
    await expect(page.locator(".faults li")).to_contain_text("429, ждать 3 с · ещё 2 раза")
    await expect(page.locator("#fault-pill")).to_have_text("1")
    async with page.expect_response("**/api/faults/3"):
        await page.locator(".faults button").click()
    assert emulator.asked[0][2] == {"method": "*", "kind": "429", "retry_after": 3, "times": 1}
    assert emulator.asked[1][:2] == ("DELETE", "/api/faults/3")


async def test_own_fault(page: Page, emulator: Any) -> None:
    """A fault of one's own has a method, a kind, seconds and a number of times."""
    await page.locator("#tab-trouble").click()
    await page.get_by_role("button", name="Своя поломка").click()
    await page.locator("#field-method").select_option("sendPhoto")
    await page.locator("dialog .choice", has_text="slow").click()
    await page.locator("#field-times").fill("")
    await page.locator("#field-wait").fill("2.5")
    await page.locator("dialog button[type=submit]").click()
    await expect(page.locator("dialog")).to_have_count(0)
    await emulator.was_asked("/api/faults", [{"method": "sendPhoto", "kind": "slow", "times": None, "delay": 2.5}])


async def test_switches(page: Page, emulator: Any) -> None:
    """Duplicates, lost answers, delay, order and pause are one press each and follow the emulator."""
    await page.locator("#tab-trouble").click()
    await page.get_by_label("Двойная доставка: чаще").click()
    await page.get_by_role("group", name="Поздняя доставка").get_by_text("2", exact=True).click()
    await page.get_by_role("switch", name="Придержать доставку").check()
    emulator.emit("faults", {"faults": [], "switches": {"duplicate_every": 3, "paused": True}})
    await expect(page.locator("output").first).to_have_text("1 из 3")
    await expect(page.get_by_role("switch", name="Придержать доставку")).to_be_checked()
    await expect(page.locator("#fault-pill")).to_have_text("2")
    expected = [{"duplicate_every": 1}, {"delay": 2}, {"paused": True}]
    await emulator.was_asked("/api/switches", expected)


async def test_person(page: Page, emulator: Any) -> None:
    """Language, stars, premium and the block are changed here."""
    await page.locator("#tab-person").click()
    await page.get_by_role("button", name="English").click()
    await page.locator("#panel-person .pill", has_text="+100").click()
    await page.get_by_role("switch", name="Telegram Premium").check()
    await page.get_by_role("switch", name="Бот заблокирован").check()
    expected = [{"language_code": "en"}, {"stars": 600}, {"premium": True}, {"blocked": True}]
    await emulator.was_asked("/api/users/1001", expected)


async def test_starting_anew_asks_first(page: Page, emulator: Any, make: Any) -> None:
    """A reset is asked for; «no» changes nothing, «yes» empties the chat."""
    emulator.arrive(make["message"](1, "старое"))
    await page.locator("#reset").click()
    await page.locator("dialog").get_by_text("Отмена").click()
    await emulator.was_asked("/api/reset", [])
    await page.locator("#reset").click()
    emulator.state["chats"] = {}
    await page.locator("dialog .primary").click()
    await expect(page.locator(".messages article")).to_have_count(0)
    await emulator.was_asked("/api/reset", [{"user_id": 1001}])


async def test_saving_the_chat(page: Page, emulator: Any, make: Any) -> None:
    """The chat is saved as the Bot API's own objects."""
    emulator.arrive(make["message"](1, "привет"))
    await page.locator("#tab-person").click()
    async with page.expect_download() as saved:
        await page.get_by_role("button", name="Сохранить чат").click()
    download = await saved.value
    assert download.suggested_filename == "chat-1001.json"
    transcript = json.loads(await asyncio.to_thread((await download.path()).read_text, "utf-8"))
    assert transcript["messages"] == [{"message_id": 1, "text": "привет"}]


async def test_inspector_folds_and_remembers(page: Page) -> None:
    """A folded inspector leaves the tab order and stays folded after a reload; tabs follow the arrow keys."""
    await page.locator("#tab-timeline").press("ArrowRight")
    await expect(page.locator("#tab-message")).to_be_focused()
    await expect(page.locator("#panel-message")).to_be_visible()
    await page.locator("#close-inspector").click()
    await expect(page.locator("#toggle-inspector")).to_be_focused()
    assert await page.locator("#inspector").evaluate("node => node.inert")
    await page.reload()
    await expect(page.locator("#toggle-inspector")).to_have_attribute("aria-expanded", "false")
