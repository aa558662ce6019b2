"""Sizes, colour schemes, keyboard, names for screen readers."""

from __future__ import annotations

from typing import Any

import pytest
from page_kit.looking import CONTRAST, NAMELESS, OVERFLOWS
from playwright.async_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

LONG = "Достопримечательность" * 12


def fill(emulator: Any, make: Any) -> None:
    message = make["message"]
    photo = {"url": "/api/files/a", "width": 1080, "height": 1350, "spoiler": False}
    keys = [
        [{"text": LONG, "kind": "callback", "data": "a"}],
        [{"text": name, "kind": "callback", "data": name} for name in "абвгдежз"],
    ]
    invoice = {
        "title": LONG,
        "description": LONG,
        "currency": "XTR",
        "total_amount": 999999,
        "paid": True,
        "state": "paid",
    }
    file = {"url": "/api/files/b", "file_name": LONG + ".pdf", "mime_type": "application/pdf", "size": 1}
    code = [{"text": LONG, "styles": ["pre"], "language": "json"}, {"text": LONG, "styles": ["code"]}]
    emulator.say(message(1, LONG, "user"))
    emulator.say(message(2, LONG, photo=photo, buttons=keys, edited=1))
    emulator.say(message(3, spans=code, reply_to=2))
    emulator.say(message(4, document=file))
    emulator.say(message(5, invoice={**invoice, "slug": None, "photo": None, "payload": "x"}))
    emulator.say(message(6, location={"latitude": 1.5, "longitude": 2.5}, **{"from": "user"}))
    service = {"kind": "refund", "currency": "XTR", "total_amount": 50, "charge_id": "c"}
    emulator.say(message(7, service=service, **{"from": "service"}))
    emulator.state["users"][1]["first_name"] = LONG[:60]
    emulator.state["updates"] = [
        make["update"](1, LONG, deliveries=[{"at": 1.5, "status": 500, "ms": 3, "error": LONG}])
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(390, 844), (320, 640), (900, 700), (1440, 900)])
async def test_nothing_overflows(
    open_page: Any, emulator: Any, make: Any, scheme: str, width: int, height: int
) -> None:
    """No text, picture or keyboard leaves the window, whatever its length, and every text can be read."""
    fill(emulator, make)
    page = await open_page(f"http://127.0.0.1:{emulator.port}", width=width, height=height, color_scheme=scheme)
    await page.locator('[data-id="7"]').wait_for()
    assert await page.evaluate(OVERFLOWS) == []
    assert await page.evaluate("document.documentElement.scrollWidth") == width
    assert await page.evaluate(CONTRAST) == []
    assert await page.evaluate(NAMELESS) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_inspector_fits_a_phone(open_page: Any, emulator: Any, make: Any, scheme: str) -> None:
    """Each tab of the inspector fits 390 px, can be read and has names; Escape closes it."""
    fill(emulator, make)
    rule = {"id": 1, "method": "editMessageReplyMarkup", "kind": "slow", "delay": 3, "times": None}
    emulator.state["faults"] = [rule]
    page = await open_page(f"http://127.0.0.1:{emulator.port}", width=390, height=844, color_scheme=scheme)
    await page.locator("#toggle-inspector").click()
    for tab in ("timeline", "message", "trouble", "person"):
        await page.locator(f"#tab-{tab}").click()
        await expect(page.locator(f"#panel-{tab} > *").first).to_be_visible()
        assert await page.evaluate(OVERFLOWS) == [], tab
        assert await page.evaluate(CONTRAST) == [], tab
        assert await page.evaluate(NAMELESS) == [], tab
    await page.keyboard.press("Escape")
    await expect(page.locator("#toggle-inspector")).to_have_attribute("aria-expanded", "false")


async def test_phone_has_one_column(open_page: Any, emulator: Any, make: Any) -> None:
    """On a phone the chat fills the window, «back» leads to the people, who show what is new, and from there on."""
    page: Page = await open_page(f"http://127.0.0.1:{emulator.port}", width=390, height=844)
    await expect(page.locator("#input")).to_be_visible()
    await expect(page.locator("#people")).to_be_hidden()
    emulator.arrive(make["message"](1, "новое", chat_id=1002))
    await expect(page.locator("#back-badge")).to_have_text("1")
    await page.locator("#back").click()
    await expect(page.locator("#input")).to_be_hidden()
    emulator.arrive(make["message"](1, "и здесь"))
    await expect(page.locator("#people .badge")).to_have_count(2)
    await page.locator("#people button", has_text="Борис").click()
    await expect(page.locator(".messages article")).to_contain_text("новое")


async def test_everything_is_reached_by_keyboard(page: Page, emulator: Any, make: Any) -> None:
    """Tab visits people, header, messages' buttons, the field and the inspector, always with a visible ring."""
    emulator.arrive(make["message"](1, "?", buttons=[[{"text": "Да", "kind": "callback", "data": "x"}]]))
    await page.locator('[data-id="1"]').wait_for()
    await page.locator("#add-user").focus()
    seen = set()
    for _ in range(40):
        await page.keyboard.press("Tab")
        name, ring = await page.evaluate(
            "() => { const n = document.activeElement, s = getComputedStyle(n);"
            " const ring = s.outlineStyle !== 'none' || s.borderStyle !== 'none';"
            " return [n.id || n.dataset.focus || n.className, ring] }"
        )
        seen.add(name)
        assert ring or name == "", name
    wanted = {"user-1002", "reset", "scroll", "key-1-0-0", "menu-button", "input", "attach", "tab-timeline"}
    assert wanted <= seen


async def test_messages_that_arrive_during_a_scroll_are_followed_too(page: Page, emulator: Any, make: Any) -> None:
    """A message that arrives while the chat still glides to the one before it is brought into view as well."""
    for number in range(1, 31):
        emulator.arrive(make["message"](number, f"строка {number}\n" * 12))
        await page.wait_for_timeout(40)
    await expect(page.locator('[data-id="30"]')).to_be_in_viewport()


async def test_newest_message_is_in_view(page: Page, emulator: Any, make: Any) -> None:
    """The chat follows new messages, but not while one reads older ones; a button leads back."""
    for number in range(1, 41):
        emulator.arrive(make["message"](number, f"строка {number}"))
    await expect(page.locator('[data-id="40"]')).to_be_in_viewport()
    await page.locator("#scroll").evaluate("node => node.scrollTo(0, 0)")
    await expect(page.locator("#to-end")).to_be_visible()
    emulator.arrive(make["message"](41, "новая"))
    await page.locator('[data-id="41"]').wait_for()
    await expect(page.locator('[data-id="1"]')).to_be_in_viewport()
    await page.locator("#to-end").click()
    await expect(page.locator('[data-id="41"]')).to_be_in_viewport()


async def test_choosing_a_message_on_a_phone(open_page: Any, emulator: Any, make: Any) -> None:
    """A tap marks the message, the inspector then opens at it, a second tap lets it go."""
    emulator.say(make["message"](7, "привет"))
    page: Page = await open_page(f"http://127.0.0.1:{emulator.port}", width=390, height=844)
    text = page.locator('[data-id="7"] .text')
    await text.click()
    await expect(page.locator(".chosen")).to_have_count(1)
    await page.locator("#toggle-inspector").click()
    await expect(page.locator("#panel-message pre")).to_contain_text('"message_id": 7')
    await page.keyboard.press("Escape")
    await text.click()
    await expect(page.locator(".chosen")).to_have_count(0)
