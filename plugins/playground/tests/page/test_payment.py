"""The payment sheet."""

from __future__ import annotations

import re
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page, Route, expect

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

INVOICE = {
    "title": "Разбор карты",
    "description": "20 страниц",
    "currency": "XTR",
    "total_amount": 50,
    "photo": None,
    "payload": "natal:full",
    "paid": False,
    "state": "open",
    "slug": None,
}


@pytest_asyncio.fixture(loop_scope="session")
async def sheet(page: Page, emulator: Any, make: Any) -> Any:
    """The sheet of an invoice for 50 stars, open; the person has 500."""
    buttons = [[{"text": "Заплатить ⭐ 50", "kind": "pay"}]]
    emulator.arrive(make["message"](7, invoice=INVOICE, buttons=buttons))
    await page.locator('[data-id="7"] .key.pay').click()
    return page.locator("dialog.sheet")


async def test_sheet_names_product_price_and_balance(sheet: Any) -> None:
    """Before paying one sees what is sold, by whom, for how much and from which balance."""
    await expect(sheet.locator("h2")).to_have_text("Разбор карты")
    await expect(sheet.locator("dd")).to_have_text(["Астрал", "⭐ 500", "⭐ 50"])
    await expect(sheet.locator(".primary")).to_be_focused()


async def test_paying(sheet: Any, page: Page, emulator: Any) -> None:
    """Pay asks the emulator once, shows success and closes by itself."""
    emulator.answers["/api/users/1001/pay"] = (200, {"status": "paid", "charge_id": "c", "error": ""})
    await sheet.locator(".primary").click()
    await expect(sheet.locator(".success")).to_be_visible()
    await expect(sheet.locator("[role=status]")).to_contain_text("Разбор карты, ⭐ 50")
    await expect(page.locator("dialog")).to_have_count(0)
    await emulator.was_asked("/api/users/1001/pay", [{"message_id": 7}])
    await emulator.was_asked("/api/users/1001/cancel", [])


@pytest.mark.parametrize(
    ("error", "text"),
    [
        ("BOT_PRECHECKOUT_TIMEOUT", "Бот не подтвердил заказ за 10 секунд. Деньги не списаны."),
        ("Товар закончился", "Товар закончился"),
        ("", "Оплата не прошла. Деньги не списаны."),
    ],
)
async def test_failures_have_reasons(sheet: Any, page: Page, emulator: Any, error: str, text: str) -> None:
    """A declined order shows the bot's own words, a time-out says that nothing was charged; no toast repeats it."""
    emulator.answers["/api/users/1001/pay"] = (200, {"status": "failed", "charge_id": "", "error": error})
    await sheet.locator(".primary").click()
    await expect(sheet.locator("[role=alert]")).to_have_text(text)
    emulator.emit("toast", {"user_id": 1001, "text": error, "alert": False, "kind": "payment"})
    emulator.emit("typing", {"user_id": 1001, "action": "typing"})
    await expect(page.locator("#bot-status")).to_contain_text("печатает")
    await expect(page.locator(".toast")).to_have_count(0)
    await sheet.locator(".primary").click()
    await expect(page.locator("dialog")).to_have_count(0)
    await emulator.was_asked("/api/users/1001/cancel", [])


async def test_refusal_of_the_emulator(sheet: Any, emulator: Any, open_page: Any) -> None:
    """An error answer is a failure with its reason too."""
    open_page.allowed = "409"
    emulator.answers["/api/users/1001/pay"] = (409, {"error": "already in checkout", "field": None})
    await sheet.locator(".primary").click()
    await expect(sheet.locator("[role=alert]")).to_have_text("already in checkout")


async def test_waiting_for_the_bot(sheet: Any, page: Page) -> None:
    """While the bot is asked the sheet says so and cannot be closed."""

    async def never(_route: Route) -> None:
        return

    await page.route("**/pay", never)
    await sheet.locator(".primary").click()
    await expect(sheet.locator("[role=progressbar]")).to_be_visible()
    await expect(sheet.locator(".sheet-close")).to_be_hidden()
    await page.keyboard.press("Escape")
    await expect(sheet.locator("[role=progressbar]")).to_be_visible()


@pytest.mark.parametrize("way", ["button", "Escape"])
async def test_cancelling(sheet: Any, page: Page, emulator: Any, way: str) -> None:
    """Closing without paying tells the emulator, once."""
    async with page.expect_response("**/cancel"):
        if way == "button":
            await sheet.get_by_text("Отмена").click()
        else:
            await page.keyboard.press("Escape")
    await expect(page.locator("dialog")).to_have_count(0)
    await emulator.was_asked("/api/users/1001/cancel", [{"message_id": 7}])


async def test_topping_up(sheet: Any, emulator: Any, make: Any) -> None:
    """With too few stars paying waits for a top up, which is one press."""
    emulator.emit("balance", {"user_id": 1001, "stars": 20, "bot_stars": 0})
    await expect(sheet.locator(".hint")).to_contain_text("Не хватает 30 ⭐")
    await expect(sheet.locator(".primary")).to_be_disabled()
    emulator.answers["/api/users/1001"] = (200, make["person"](1001, "Анна", stars=120))
    await sheet.locator(".pill", has_text="+100").click()
    emulator.emit("user", make["person"](1001, "Анна", stars=120))
    await expect(sheet.locator(".primary")).to_be_enabled()
    await emulator.was_asked("/api/users/1001", [{"stars": 120}])


async def test_invoice_link(page: Page, emulator: Any, make: Any) -> None:
    """A link to an invoice opens the same sheet and pays by its slug; other currencies are paid by a test card."""
    invoice = {**INVOICE, "currency": "RUB", "total_amount": 49900, "slug": "abc"}
    emulator.answers["/api/invoices/abc"] = (200, invoice)
    emulator.answers["/api/users/1001/pay"] = (200, {"status": "paid", "charge_id": "c", "error": ""})
    buttons = [[{"text": "Счёт", "kind": "url", "url": "https://t.me/$abc"}]]
    emulator.arrive(make["message"](8, "Ссылка", buttons=buttons))
    await page.locator('[data-id="8"] .key').click()
    sheet = page.locator("dialog.sheet")
    await expect(sheet.locator("dd").last).to_have_text(re.compile(r"499,00\s₽"))
    await expect(sheet.locator("dd").nth(1)).to_have_text("Тестовая карта 4242")
    await sheet.locator(".primary").click()
    await expect(page.locator("dialog")).to_have_count(0)
    await emulator.was_asked("/api/users/1001/pay", [{"slug": "abc"}])


async def test_paid_invoice_says_so(page: Page, emulator: Any, make: Any) -> None:
    """After payment the bubble carries the mark; an invoice without a keyboard gets its Pay button."""
    emulator.arrive(make["message"](9, invoice=INVOICE))
    bubble = page.locator('[data-id="9"]')
    await expect(bubble.locator(".key")).to_have_text("Заплатить ⭐ 50")
    paid = make["message"](9, invoice={**INVOICE, "paid": True, "state": "paid"})
    emulator.emit("edit", {"user_id": 1001, "message": paid})
    await expect(bubble.locator(".paid-mark")).to_have_text("Оплачено")


async def test_pay_page_opens_in_a_new_tab(page: Page, emulator: Any, make: Any) -> None:
    """A payment provider's page leaves the chat open."""
    url = f"http://127.0.0.1:{emulator.port}/api/files/pay"
    emulator.arrive(make["message"](3, "К оплате", buttons=[[{"text": "Оплатить", "kind": "url", "url": url}]]))
    async with page.context.expect_page() as opened:
        await page.locator('[data-id="3"] .key').click()
    assert (await opened.value).url == url
