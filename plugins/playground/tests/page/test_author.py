"""What an author sees on the page: where a handler failed, also after a reload, and the button that starts afresh."""

from __future__ import annotations

import time
from typing import Any

import pytest
from playwright.async_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def test_a_failure_shows_its_line_and_traceback_after_a_reload(page: Page, emulator: Any, make: Any) -> None:
    """They stand in the story of the update, folded."""
    failure = {"text": "RuntimeError: a storm", "file": "/x/weather.py", "line": 14, "traceback": "Traceback ..."}
    trace = {"update_id": 1, "stage": "failed", "at": time.time(), "ms": 8, "plugin": "weather", "route": "/storm"}
    emulator.state["updates"] = [make["update"](1, "/storm")]
    emulator.state["traces"] = [{**trace, "error": "ABCD-EFGH", "failure": failure}]
    await page.reload()
    event = page.locator('[data-update="1"]')
    await event.locator("summary").first.click()
    await expect(event.locator(".failure summary")).to_have_text("RuntimeError: a storm · /x/weather.py, 14")
    await event.locator(".failure summary").click()
    await expect(event.locator(".failure pre")).to_have_text("Traceback ...")


async def test_the_button_that_starts_afresh_is_there_where_somebody_can(page: Page, emulator: Any) -> None:
    """An emulator alone has none; the playground's asks first."""
    await page.locator("#tab-person").click()
    await expect(page.locator("#panel-person .doings")).to_be_visible()
    await expect(page.locator("#afresh")).to_have_count(0)
    emulator.state["can_start_afresh"] = True
    await page.reload()
    await page.locator("#tab-person").click()
    emulator.answers["/api/afresh"] = (200, emulator.state)
    await page.locator("#afresh").click()
    await page.locator("dialog button", has_text="Начать с чистого листа").click()
    await emulator.was_asked("/api/afresh", [{}])
