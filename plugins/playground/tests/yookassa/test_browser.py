"""The pay page in a real browser, without scripts, on a phone and on a desktop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from astral_playground.testkit.browser import ARGUMENTS, find_chromium

CHROMIUM = find_chromium()

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
]


@pytest.fixture
async def shop_page() -> AsyncIterator[str]:
    """The address in the shop, of another origin, to which the payer returns."""

    async def thanks(_request: web.Request) -> web.Response:
        return web.Response(text="<title>Thanks</title>", content_type="text/html")

    app = web.Application()
    app.router.add_get("/back", thanks)
    app.router.add_get("/favicon.ico", thanks)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/back?ref=8Zk"
    await runner.cleanup()


@pytest.fixture
async def browser() -> AsyncIterator[Any]:
    """A Chromium."""
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield opened
        await opened.close()


async def test_payer_types_a_card_and_comes_back(client: Any, browser: Any, shop_page: str) -> None:
    """Card, code, back in the shop: without scripts, within the policy, nothing wider than the screen."""
    for width, height in [(390, 844), (320, 640), (1280, 860)]:
        await pay(client, browser, shop_page, width, height)


async def pay(client: Any, browser: Any, shop_page: str, width: int, height: int) -> None:
    """Pay on a screen of this size."""
    payment = await client.created(confirmation={"type": "redirect", "return_url": shop_page})
    context = await browser.new_context(
        viewport={"width": width, "height": height}, locale="ru-RU", java_script_enabled=False
    )
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    await page.goto(payment["confirmation"]["confirmation_url"])
    await page.click("summary")
    for box in [await element.bounding_box() for element in await page.query_selector_all("button, input, h1")]:
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["height"] >= 26
    assert await page.locator("button.primary").inner_text() == "Заплатить 199,00\u00a0₽"
    await page.fill("input[name=number]", "5555 5555 5555 4477")
    await page.fill("input[name=expiry]", "12/30")
    await page.fill("input[name=csc]", "123")
    await page.click("button.primary")
    await page.click("button[value=confirm]")
    await page.wait_for_url(shop_page)
    assert complaints == []
    await context.close()
    got = (await client.call("GET", f"/payments/{payment['id']}")).body
    assert got["status"] == "succeeded"
