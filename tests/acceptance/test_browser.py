"""The same road in a browser: the playground as `python3 dev.py` starts it, driven by a real Chromium.

With ASTRAL_SCREENSHOT=<file> the desktop screenshot of the README is written there.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys

import pytest
import pytest_asyncio
from playwright.async_api import Page, async_playwright, expect

from astral_playground.testkit.browser import ARGUMENTS, find_chromium
from astral_playground.testkit.ports import free_port

CHROMIUM = find_chromium()
SCREENSHOT = os.environ.get("ASTRAL_SCREENSHOT")
SLOW = 60_000  # ms: a busy machine draws a chart in some seconds

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH")]


@pytest_asyncio.fixture
async def playground(tmp_path):
    """The playground's parent process with the bot as its child; its address."""
    port = free_port()
    log = tmp_path / "playground.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "astral_playground", "--port", str(port), "--data", str(tmp_path / "data"),
            stdout=output, stderr=output, cwd=tmp_path,
        )  # fmt: skip
    yield f"http://127.0.0.1:{port}/"
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGINT)
    assert await process.wait() == 0, log.read_text()[-4000:]


@pytest_asyncio.fixture
async def page(playground):
    """The chat page on a desktop; a complaint in its console fails the test."""
    complaints: list[str] = []
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        context = await chromium.new_context(locale="ru-RU", viewport={"width": 1440, "height": 960})
        page = await context.new_page()
        page.set_default_timeout(SLOW)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        for _ in range(200):
            with contextlib.suppress(Exception):
                await page.goto(playground)
                break
            await asyncio.sleep(0.1)
        complaints.clear()  # the page was opened before the server listened
        yield page
        await chromium.close()
    assert complaints == []


async def say(page: Page, text: str) -> None:
    """Type and send."""
    await page.locator("#input").fill(text)
    await page.locator("#input").press("Enter")


async def press(page: Page, text: str | re.Pattern[str]) -> None:
    """Press the newest button with this text."""
    await page.locator(".key", has_text=text).last.click()


async def profile_and_chart(page: Page, begin: str, place: str) -> None:
    """/start, the wizard for 15.06.1990 14:30 Moscow, the chart."""
    await say(page, "/start")
    await press(page, begin)
    for words, answer in (("15.06.1990", "15.06.1990"), ("14:30", "14:30"), ("📎", "Москва")):
        await expect(page.locator("article.in").last).to_contain_text(words, timeout=SLOW)
        await say(page, answer)
    await press(page, place)
    await press(page, re.compile("^✓"))
    await expect(page.locator("article .photo img").last).to_be_visible(timeout=SLOW)


async def ask_for_invoice(page: Page) -> None:
    """Choose Stars; the button may be drawn anew just when it is pressed, and then a person presses once more."""
    invoice = page.locator(".key.pay")
    for patience in (10_000, 10_000, SLOW):
        await page.locator(".key", has_text="⭐").last.click()
        with contextlib.suppress(AssertionError):
            await expect(invoice.last).to_be_visible(timeout=patience)
            return
    await expect(invoice.last).to_be_visible()


@pytest.mark.long
async def test_the_main_road_in_a_browser(page: Page):
    """Анна draws her chart and buys the reading with Stars; Ben buys his on YooKassa's page with a test card."""
    await profile_and_chart(page, "Мой профиль", "Москва, Россия")
    caption = page.locator("article", has=page.locator(".photo")).last
    await expect(caption).to_contain_text("Солнце в Близнецах")
    await expect(caption).to_contain_text("Асцендент в Весах")
    if SCREENSHOT:
        await page.locator("article .photo").last.evaluate("photo => photo.scrollIntoView({block: 'start'})")
        await page.mouse.move(700, 30)
        await page.wait_for_timeout(2500)
        await page.screenshot(path=SCREENSHOT)

    await press(page, "Полный разбор")
    await ask_for_invoice(page)
    await page.locator(".key.pay").last.click()
    await page.locator("dialog.sheet .primary").click()
    await expect(page.locator("article.in", has_text="разбор").last).to_be_visible(timeout=SLOW)
    await expect(page.locator("#messages")).to_contain_text("Для размышления", ignore_case=True, timeout=SLOW)

    await page.locator("#people button", has_text="Ben").click()
    await profile_and_chart(page, "My profile", "Moscow, Russia")
    await press(page, "Full reading")
    await press(page, re.compile("199"))
    async with page.expect_popup() as popup:
        await page.locator("article a.key", has_text=re.compile("Pay|199")).last.click()  # the link, once it is there
    bank = await popup.value
    await bank.locator("button", has_text="4444").first.click()
    await bank.wait_for_url(re.compile("/plugins/payments/return/"))
    await expect(page.locator("#messages")).to_contain_text("reflection", timeout=SLOW)
