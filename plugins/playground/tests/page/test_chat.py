"""The chat: text, bubbles, buttons, writing, people."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from playwright.async_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


def bubble(page: Page, message_id: int) -> Any:
    return page.locator(f'[data-id="{message_id}"]')


async def test_entities_become_elements(page: Page, emulator: Any, make: Any) -> None:
    """Every style has its element, quotations are not split by a bold word, spoilers open on a press."""
    spans = [
        {"text": "жирно", "styles": ["bold", "italic"]},
        {"text": "черта", "styles": ["underline"]},
        {"text": "нет", "styles": ["strikethrough"]},
        {"text": "print(1)", "styles": ["pre"], "language": "python"},
        {"text": "\nкод", "styles": ["code"]},
        {"text": "цитата ", "styles": ["blockquote"]},
        {"text": "важно", "styles": ["blockquote", "bold"]},
        {"text": "сайт", "styles": ["text_link"], "url": "https://example.org/a"},
        {"text": "тайна", "styles": ["spoiler"]},
    ]
    emulator.arrive(make["message"](1, spans=spans))
    text = bubble(page, 1).locator(".text")
    await expect(text.locator("strong em, em strong")).to_have_text("жирно")
    await expect(text.locator("u")).to_have_text("черта")
    await expect(text.locator("s")).to_have_text("нет")
    await expect(text.locator("pre")).to_have_attribute("data-language", "python")
    await expect(text.locator("pre")).to_have_text("print(1)")
    await expect(text.locator(":scope > code")).to_have_text("код")
    await expect(text.locator("blockquote")).to_have_text("цитата важно")
    link = text.locator("a", has_text="сайт")
    await expect(link).to_have_attribute("target", "_blank")
    await expect(link).to_have_attribute("rel", "noopener noreferrer")
    spoiler = text.locator(".spoiler")
    await expect(spoiler).not_to_have_class(re.compile("shown"))
    await spoiler.press("Enter")
    await expect(spoiler).to_have_class(re.compile("shown"))


async def test_markup_stays_text(page: Page, emulator: Any, make: Any) -> None:
    """Markup in a message is shown as it was typed; links with a scheme that runs code are no links."""
    evil = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    spans = [{"text": "press", "styles": ["text_link"], "url": "javascript:alert(3)"}]
    buttons = [[{"text": "<b>key</b>", "kind": "url", "url": "javascript:alert(4)"}]]
    emulator.arrive(make["message"](1, evil))
    emulator.arrive(make["message"](2, spans=spans, buttons=buttons))
    await expect(bubble(page, 1).locator(".text")).to_contain_text(evil)
    await expect(bubble(page, 2).locator(".key")).to_have_text("<b>key</b>")
    assert await page.locator(".messages img, .messages script, .messages a").count() == 0


async def test_policy_stops_markup_sinks(page: Page, open_page: Any) -> None:
    """Even code inside the page cannot turn text into markup: the browser refuses."""
    open_page.allowed = "TrustedHTML"
    name = await page.evaluate("try { document.body.innerHTML = '<p>'; 'none' } catch (error) { error.name }")
    assert name == "TypeError"


async def test_writing(page: Page, emulator: Any) -> None:
    """Enter sends, Shift+Enter makes a line, blank text is not sent, and the field is empty afterwards."""
    field = page.locator("#input")
    await field.press_sequentially("раз")
    await field.press("Shift+Enter")
    await field.press_sequentially("два")
    await field.press("Enter")
    await expect(field).to_have_value("")
    await field.fill("   ")
    await expect(page.locator("#send")).to_be_disabled()
    await field.press("Enter")
    await emulator.was_asked("/api/users/1001/messages", [{"text": "раз\nдва"}])


async def test_arrow_up_recalls(page: Page, emulator: Any, make: Any) -> None:
    """Up walks back through what this person wrote, down returns, and a text that was begun is left alone."""
    for number, text in enumerate(["первое", "второе"], 1):
        emulator.arrive(make["message"](number, text, "user"))
    await bubble(page, 2).wait_for()
    field = page.locator("#input")
    await field.press("ArrowUp")
    await expect(field).to_have_value("второе")
    await field.press("ArrowUp")
    await expect(field).to_have_value("первое")
    await field.press("ArrowDown")
    await field.press("ArrowDown")
    await expect(field).to_have_value("")
    await field.fill("своё")
    await field.press("ArrowUp")
    await expect(field).to_have_value("своё")


async def test_refused_text_is_not_lost(page: Page, emulator: Any, open_page: Any) -> None:
    """When the emulator refuses a message its reason is shown and the text stands in the field again."""
    open_page.allowed = "400"
    emulator.answers["/api/users/1001/messages"] = (400, {"error": "text is too long", "field": "text"})
    await page.locator("#input").fill("привет")
    await page.locator("#send").click()
    await expect(page.locator(".toast.error")).to_have_text("text is too long")
    await expect(page.locator("#input")).to_have_value("привет")


async def test_days_groups_and_edits(open_page: Any, emulator: Any, make: Any) -> None:
    """Days are separated, neighbours share one tail, an edited message says so."""
    now = int(time.time())
    emulator.say(make["message"](1, "вчера", date=now - 86400))
    emulator.say(make["message"](2, "раз", date=now - 2, edited=1))
    emulator.say(make["message"](3, "два", date=now - 1))
    page = await open_page(f"http://127.0.0.1:{emulator.port}")
    await expect(page.locator(".chip")).to_have_text(["Вчера", "Сегодня"])
    await expect(bubble(page, 2)).not_to_have_class(re.compile(r"\blast\b"))
    await expect(bubble(page, 3)).to_have_class(re.compile(r"\blast\b"))
    await expect(bubble(page, 2).locator(".meta")).to_contain_text("изменено")
    await expect(bubble(page, 3).locator(".meta")).not_to_contain_text("изменено")


async def test_edit_and_delete_events(page: Page, emulator: Any, make: Any) -> None:
    """An edit replaces the bubble in its place, a deletion removes it."""
    for number in (1, 2, 3):
        emulator.arrive(make["message"](number, f"текст {number}"))
    emulator.emit("edit", {"user_id": 1001, "message": make["message"](2, "новый", edited=1)})
    emulator.emit("delete", {"user_id": 1001, "message_ids": [1]})
    await expect(page.locator(".messages article .text")).to_contain_text(["новый", "текст 3"])
    assert await page.locator(".messages article").count() == 2


async def test_button_waits_for_its_answer(page: Page, emulator: Any, make: Any) -> None:
    """A pressed button shows a spinner until the answer, keeps the focus, and is not pressed twice meanwhile."""
    buttons = [[{"text": "Карта", "kind": "callback", "data": "natal:open"}]]
    emulator.arrive(make["message"](1, "Выберите", buttons=buttons))
    key = bubble(page, 1).locator(".key")
    await key.press("Enter")
    await expect(key.locator(".spinner")).to_be_visible()
    await expect(key).to_be_focused()
    await key.press("Enter")
    answer = {"user_id": 1001, "message_id": 1, "data": "natal:open", "callback_query_id": "5"}
    emulator.emit("answered", {**answer, "text": "", "alert": False, "url": ""})
    await expect(key.locator(".spinner")).to_have_count(0)
    await emulator.was_asked("/api/users/1001/press", [{"message_id": 1, "data": "natal:open"}])


async def test_button_that_is_gone(page: Page, emulator: Any, make: Any, open_page: Any) -> None:
    """A refused press says why and the spinner ends."""
    open_page.allowed = "409"
    emulator.answers["/api/users/1001/press"] = (409, {"error": "no such button any more", "field": "data"})
    emulator.arrive(make["message"](1, "?", buttons=[[{"text": "Да", "kind": "callback", "data": "x"}]]))
    await bubble(page, 1).locator(".key").click()
    await expect(page.locator(".toast.error")).to_have_text("no such button any more")
    await expect(bubble(page, 1).locator(".spinner")).to_have_count(0)


async def test_toast_and_alert(page: Page, emulator: Any) -> None:
    """A callback's text is a toast, an alert is modal and closes; other people's toasts are not shown."""
    emulator.emit("toast", {"user_id": 1002, "text": "чужое", "alert": False, "kind": "callback"})
    emulator.emit("toast", {"user_id": 1001, "text": "Готово", "alert": False, "kind": "callback"})
    await expect(page.locator(".toast")).to_have_text(["Готово"])
    emulator.emit("toast", {"user_id": 1001, "text": "Важно", "alert": True, "kind": "callback"})
    await expect(page.locator("dialog.alert p")).to_have_text("Важно")
    await page.locator("dialog.alert button").press("Enter")
    await expect(page.locator("dialog")).to_have_count(0)


async def test_typing_ends_with_the_message(page: Page, emulator: Any, make: Any) -> None:
    """«печатает» stands in the header until the message comes."""
    emulator.emit("typing", {"user_id": 1001, "action": "upload_photo"})
    await expect(page.locator("#bot-status")).to_have_text("отправляет фото")
    emulator.arrive(make["message"](1, "готово"))
    await expect(page.locator("#bot-status")).to_have_text("бот")
    await expect(page.locator(".typing")).to_have_count(0)


async def test_pictures(page: Page, emulator: Any, make: Any) -> None:
    """A photo fills its bubble, opens enlarged and closes on Escape; albums are one bubble."""
    photo = {"url": "/api/files/a", "width": 400, "height": 500, "spoiler": False}
    emulator.arrive(make["message"](1, "Карта", photo=photo))
    for number in (2, 3):
        emulator.arrive(make["message"](number, photo=photo, media_group_id="7"))
    await expect(bubble(page, 2).locator(".album img")).to_have_count(2)
    image = bubble(page, 1).locator(".photo")
    outer = await bubble(page, 1).locator(".bubble").evaluate("node => node.offsetWidth")
    assert await image.evaluate("node => node.offsetWidth") == outer
    await image.click()
    await expect(page.locator("dialog.lightbox img")).to_have_attribute("alt", "Карта")
    await page.keyboard.press("Escape")
    await expect(page.locator("dialog")).to_have_count(0)


async def test_other_kinds(page: Page, emulator: Any, make: Any) -> None:
    """Documents, places, contacts and payments have their own look."""
    file = {"url": "/api/files/b", "file_name": "Карта.pdf", "mime_type": "application/pdf", "size": 2048}
    emulator.arrive(make["message"](1, document=file))
    emulator.arrive(make["message"](2, location={"latitude": 55.75, "longitude": 37.62}))
    emulator.arrive(make["message"](3, contact={"phone_number": "+7999", "first_name": "Анна"}))
    service = {"kind": "payment", "currency": "XTR", "total_amount": 50, "charge_id": "c", "title": "Разбор"}
    emulator.arrive(make["message"](4, service=service, **{"from": "service"}))
    await expect(bubble(page, 1).locator("a.file")).to_have_attribute("download", "Карта.pdf")
    await expect(bubble(page, 1)).to_contain_text("2 КБ")
    await expect(bubble(page, 2)).to_contain_text("55.7500, 37.6200")
    await expect(bubble(page, 3)).to_contain_text("+7999")
    await expect(bubble(page, 4)).to_have_text("Вы заплатили ⭐ 50 за «Разбор»")


async def test_unread_badges(page: Page, emulator: Any, make: Any) -> None:
    """Messages to another person are counted on them and read when the chat is opened."""
    for number in (1, 2):
        emulator.arrive(make["message"](number, "Новость", chat_id=1002))
    boris = page.locator("#people button", has_text="Борис")
    await expect(boris.locator(".badge")).to_have_text("2")
    await expect(page).to_have_title(re.compile(r"^\(2\)"))
    await boris.click()
    await expect(boris.locator(".badge")).to_have_count(0)
    await expect(page.locator(".messages article")).to_have_count(2)


async def test_drafts_stay_with_their_person(page: Page) -> None:
    """A text that was begun waits in its own chat; one that is typed before the next frame is the new person's."""
    await page.locator("#input").fill("черновик")
    await page.locator("#people button", has_text="Борис").click()
    await expect(page.locator("#input")).to_have_value("")
    await page.locator("#people button", has_text="Анна").click()
    await expect(page.locator("#input")).to_have_value("черновик")
    await page.evaluate("document.querySelectorAll('#people button')[1].click(); input.value = 'быстро'")
    await expect(page.locator("#people button", has_text="Борис")).to_have_attribute("aria-current", "true")
    await expect(page.locator("#input")).to_have_value("быстро")


async def test_starters_and_commands(page: Page, emulator: Any) -> None:
    """An empty chat offers three beginnings; the menu sends a command; Escape closes it."""
    await expect(page.locator(".starter span")).to_have_text(["Начать", "Мой профиль", "Натальная карта"])
    await page.locator(".starter").nth(2).click()
    menu = page.locator("#menu-button")
    await menu.click()
    await expect(page.locator("#commands .item").first).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.locator("#commands")).to_be_hidden()
    await expect(menu).to_be_focused()
    await menu.press("Enter")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(page.locator("#commands")).to_be_hidden()
    await emulator.was_asked("/api/users/1001/messages", [{"text": "/chart"}, {"text": "/profile"}])


async def test_reply_keyboard(page: Page, emulator: Any, make: Any) -> None:
    """The bot's own keyboard stands under the field, sends its text, and goes when the bot takes it away."""
    rows = [[{"text": "Да", "kind": "text"}, {"text": "Где я", "kind": "location"}]]
    keyboard = {"buttons": rows, "resize": True, "one_time": False, "persistent": False, "placeholder": "Ответьте"}
    emulator.emit("user", make["person"](1001, "Анна", reply_keyboard={**keyboard, "message_id": 1}))
    await expect(page.locator("#input")).to_have_attribute("placeholder", "Ответьте")
    await page.locator("#reply-keyboard .key", has_text="Да").click()
    await page.locator("#reply-keyboard .key", has_text="Где я").click()
    await page.locator("dialog .pill", has_text="Новосибирск").click()
    await page.locator("dialog button[type=submit]").click()
    await expect(page.locator("dialog")).to_have_count(0)
    await emulator.was_asked("/api/users/1001/messages", [{"text": "Да"}])
    await emulator.was_asked("/api/users/1001/location", [{"latitude": 55.0302, "longitude": 82.9204}])
    emulator.emit("user", make["person"](1001, "Анна"))
    await expect(page.locator("#reply-keyboard")).to_be_hidden()


async def test_replying(page: Page, emulator: Any, make: Any) -> None:
    """An answer names the message it answers; the next message does not."""
    emulator.arrive(make["message"](5, "Вопрос?"))
    await bubble(page, 5).hover()
    await bubble(page, 5).get_by_label("Ответить").click()
    await expect(page.locator("#replying")).to_contain_text("Вопрос?")
    await page.locator("#input").fill("да")
    await page.keyboard.press("Enter")
    await expect(page.locator("#replying")).to_be_hidden()
    await page.locator("#input").fill("ещё")
    await page.keyboard.press("Enter")
    await expect(page.locator("#input")).to_have_value("")
    await emulator.was_asked("/api/users/1001/messages", [{"text": "да", "reply_to": 5}, {"text": "ещё"}])


async def test_sending_a_file(page: Page, emulator: Any) -> None:
    """A photo from the disk goes to the bot under the field `photo`."""
    async with page.expect_file_chooser() as chooser:
        await page.locator("#attach").click()
        await page.locator("#attachments .item", has_text="Фото").click()
    picker = await chooser.value
    async with page.expect_response("**/messages"):
        await picker.set_files({"name": "a.png", "mimeType": "image/png", "buffer": b"\x89PNG"})
    await emulator.was_asked("/api/users/1001/messages", [{"photo": "a.png"}])


async def test_new_person(page: Page, emulator: Any, make: Any) -> None:
    """«+» adds a person with a name and a language and opens their chat."""
    created = make["person"](1009, "Zoe", "en")
    emulator.answers["/api/users"] = (201, created)
    await page.locator("#add-user").click()
    await page.get_by_label("Имя", exact=True).fill("Zoe")
    await page.locator("dialog .choice", has_text="English").click()
    emulator.emit("user", created)
    await page.locator("dialog button[type=submit]").click()
    await expect(page.locator("#people [aria-current]")).to_contain_text("Zoe")
    await emulator.was_asked("/api/users", [{"first_name": "Zoe", "language_code": "en", "stars": 500}])
    await expect(page.locator("html")).to_have_attribute("lang", "en")


async def test_page_speaks_the_persons_language(page: Page, emulator: Any, make: Any) -> None:
    """Everything turns English with an English person, the fixed labels and the bot's name too, and back."""
    await page.locator("#people button", has_text="Emma").click()
    await expect(page.locator("#tab-trouble")).to_have_text("Break")
    await expect(page.locator("#bot-name")).to_have_text("Astral")
    await expect(page.locator(".starter span").last).to_have_text("Natal chart")
    await expect(page.locator("#send")).to_have_attribute("aria-label", "Send")
    emulator.emit("user", make["person"](1003, "Emma", "ru"))
    await expect(page.locator("#tab-trouble")).to_have_text("Сломать")
    await expect(page.locator("#bot-name")).to_have_text("Астрал")


@pytest.mark.parametrize("wanted", ["2", "1002"])
async def test_deep_link(open_page: Any, emulator: Any, wanted: str) -> None:
    """`?user=` takes a place or an id; `start` is sent once, also when the page is loaded again."""
    page = await open_page(f"http://127.0.0.1:{emulator.port}", f"/?user={wanted}&start=promo")
    await expect(page.locator("#people [aria-current]")).to_contain_text("Борис")
    await expect(page).to_have_url(re.compile(r"\?user=1002$"))
    await page.reload()
    await expect(page.locator("#people [aria-current]")).to_contain_text("Борис")
    await emulator.was_asked("/api/users/1002/messages", [{"text": "/start promo"}])


async def test_start_link_in_a_message(page: Page, emulator: Any, make: Any) -> None:
    """A t.me link to this bot starts it here instead of opening a tab."""
    link = {"text": "подарок", "styles": ["text_link"], "url": "https://t.me/playground_bot?start=gift"}
    emulator.arrive(make["message"](1, spans=[link]))
    async with page.expect_response("**/messages"):
        await bubble(page, 1).locator("a").click()
    await emulator.was_asked("/api/users/1001/messages", [{"text": "/start gift"}])
    assert len(page.context.pages) == 1


async def test_banner_tells_why_the_bot_is_down(page: Page, emulator: Any) -> None:
    """A bot that stopped is said so, with its reason on a press; the banner goes when it is back."""
    down = {**emulator.state["bot"], "up": False, "detail": "natal/handlers.py changed\nTraceback"}
    emulator.emit("bot", down)
    await expect(page.locator("#banner")).to_contain_text("Бот не запущен")
    await page.locator("#banner summary").click()
    await expect(page.locator("#banner pre")).to_contain_text("Traceback")
    await expect(page.locator("#bot-status")).to_have_text("не запущен")
    emulator.emit("bot", {**down, "up": True, "detail": ""})
    await expect(page.locator("#banner")).to_be_hidden()


async def test_reconnects(page: Page, emulator: Any, make: Any, open_page: Any) -> None:
    """When the emulator comes back, what was missed is read again and new events flow."""
    open_page.allowed = "net::ERR"
    await emulator.stop()
    await expect(page.locator("#banner")).to_contain_text("Нет связи")
    emulator.say(make["message"](1, "пока вас не было"))
    emulator.seq, emulator.life, emulator.frames = 2, "b2", []  # a new life counts from the beginning
    await emulator.start()
    await expect(page.locator("#banner")).to_be_hidden(timeout=15_000)
    await expect(bubble(page, 1)).to_be_visible()
    emulator.arrive(make["message"](2, "и снова здесь"))
    await expect(bubble(page, 2)).to_be_visible()
    await expect(page.locator(".messages article")).to_have_count(2)


async def test_reset_event_reads_the_state_again(page: Page, emulator: Any, make: Any) -> None:
    """The stream's `reset` makes the page forget what it had."""
    emulator.arrive(make["message"](1, "старое"))
    await bubble(page, 1).wait_for()
    emulator.state["chats"] = {}
    emulator.emit("reset", {})
    await expect(page.locator(".messages article")).to_have_count(0)
    assert emulator.states_read == 2


async def test_blocked_bot(page: Page, emulator: Any, make: Any) -> None:
    """Who blocked the bot sees one button, and it unblocks."""
    emulator.emit("user", make["person"](1001, "Анна", blocked=True))
    await expect(page.locator("#input")).to_be_hidden()
    async with page.expect_response("**/api/users/1001"):
        await page.locator("#unblock").click()
    await emulator.was_asked("/api/users/1001", [{"blocked": False}])


async def test_a_deletion_moves_nothing(page: Page, emulator: Any, make: Any) -> None:
    """The other bubbles stay the very same elements, so that pictures do not flicker and the focus stays."""
    for number in (1, 2, 3):
        emulator.arrive(make["message"](number, f"текст {number}"))
    await bubble(page, 3).wait_for()
    await page.evaluate(
        "window.added = []; new MutationObserver((all) => all.forEach((one) => added.push(...one.addedNodes)))"
        ".observe(document.querySelector('#messages'), { childList: true })"
    )
    emulator.emit("delete", {"user_id": 1001, "message_ids": [2]})
    await expect(bubble(page, 2)).to_have_count(0)
    assert await page.evaluate("added.length") == 0
