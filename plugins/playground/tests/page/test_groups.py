"""Groups, topics, media, polls, reactions and inline results on the page, over the real emulator.

With ASTRAL_SCREENSHOTS=<folder> pictures of every chat are written there, in both schemes, wide and as on a phone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from page_kit.club import RESULTS, Club, answer_inline
from page_kit.gallery import build
from page_kit.looking import CONTRAST, NAMELESS, OVERFLOWS
from playwright.async_api import Browser, expect

from astral_playground.page import add_page
from astral_playground.telegram.actions import send_text
from astral_playground.telegram.invitations import create_by
from astral_playground.telegram.records import Invoice
from astral_playground.telegram.server import make_app
from astral_playground.telegram.state import World

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

SHOTS = os.environ.get("ASTRAL_SCREENSHOTS")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def _club(browser: Browser) -> AsyncIterator[Club]:
    world = World()
    app = make_app(world)
    add_page(app)
    runner = web.AppRunner(app, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    gallery = build(world)
    bot = asyncio.create_task(answer_inline(base, world.token))
    context = await browser.new_context(locale="ru-RU", reduced_motion="reduce")
    page = await context.new_page()
    page.set_default_timeout(10_000)
    club = Club(base, gallery, page)
    page.on("pageerror", lambda error: club.errors.append(str(error)))
    page.on("console", lambda line: club.errors.append(line.text) if line.type == "error" else None)
    yield club
    await context.close()
    bot.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await bot
    await runner.cleanup()


@pytest_asyncio.fixture(loop_scope="session")
async def club(_club: Club) -> AsyncIterator[Club]:
    """The club; a complaint in the page's console fails the test."""
    _club.errors.clear()
    yield _club
    await _club.page.emulate_media(color_scheme="light")
    assert _club.errors == []


async def test_chats_of_a_person(club: Club) -> None:
    """One sees the chats that one is in; to play another member stays in the group, a stranger falls back."""
    one = club.gallery
    page = await club.open(one.anna.id, one.quiz.id)
    names = page.locator("#chats .room-top b")
    await expect(names.filter(has_text="Поход в субботу")).to_have_count(1)
    await expect(page.locator("#chats [aria-current]")).to_contain_text("Вечер викторины")
    await page.locator("#people button", has_text="Кирилл").click()
    await expect(page.locator("#bot-name")).to_have_text("Вечер викторины")
    await expect(names.filter(has_text="Новости клуба")).to_have_count(0)
    await page.locator("#people button", has_text="Зоя").click()
    await page.locator("#chats button", has_text="Новости клуба").click()
    await expect(page.locator("#silent")).to_have_text("Здесь пишут только администраторы")
    await page.locator("#people button", has_text="Кирилл").click()
    await expect(page.locator("#bot-name")).to_have_text("Astral Bot")


async def test_topics(club: Club) -> None:
    """A topic shows its own messages, what one writes there stays there, and who may can close it."""
    one = club.gallery
    page = await club.open(one.anna.id, one.quiz.id)
    await page.locator(".topic", has_text="Правила").click()
    await expect(club.row("Где можно прочитать правила?")).to_be_visible()
    await expect(page.locator("#messages")).not_to_contain_text("Во сколько начинаем?")
    await page.locator("#input").fill("Читайте выше")
    await page.keyboard.press("Enter")
    await expect(club.row("Читайте выше")).to_be_visible()
    assert list(one.world.messages[one.quiz.id].values())[-1].thread == one.thread
    await page.get_by_role("button", name="Закрыть тему").click()
    await expect(club.row("Анна закрывает тему")).to_be_visible()
    await page.get_by_role("button", name="Открыть тему снова").click()
    await page.get_by_role("button", name="Новая тема").click()
    await page.get_by_label("Название темы").fill("Призы")
    await page.keyboard.press("Enter")
    await expect(page.locator('.topic[aria-pressed="true"]')).to_have_text("Призы")
    await expect(page.locator("#messages article")).to_have_count(1)


async def test_who_speaks(club: Club) -> None:
    """Others have names, ranks and faces, an anonymous administrator the group's; one's own stand on the right."""
    one = club.gallery
    page = await club.open(one.anna.id, one.quiz.id)
    await expect(club.row("Во сколько начинаем?").locator(".author b")).to_have_text("Зоя")
    await expect(club.row("be on time").locator(".author")).to_have_text(re.compile("Вечер викторины.*анонимно"))
    await expect(club.row("Вопрос 1 из 10").locator(".rank")).to_have_text("админ")
    await expect(club.row("Тогда в 19:30")).to_have_class(re.compile(r"\bout\b"))
    await expect(club.row("Мне тоже удобнее").locator(".quote b")).to_have_text("Зоя")
    await page.locator("#people button", has_text="Ben").click()
    await expect(club.row("be on time")).to_have_class(re.compile(r"\bout\b"))


async def test_reactions(club: Club) -> None:
    """A press on a reaction joins it or takes it back; the picker adds another one, by keyboard, too."""
    one = club.gallery
    page = await club.open(one.anna.id, one.quiz.id)
    row = club.row("Во сколько начинаем?")
    await row.hover()
    await row.get_by_role("button", name="Реакция").focus()
    await page.keyboard.press("Enter")
    await expect(row.get_by_role("menuitem", name="👍")).to_be_focused()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    own = row.locator(".reaction.own")
    await expect(own).to_have_text("❤️1")
    await own.click()
    await expect(row.locator(".reaction")).to_have_count(0)
    heat = club.row("Вопрос 1 из 10").locator(".reaction", has_text="🔥")
    await expect(heat.locator("b")).to_have_text("2")
    await expect(heat).to_have_attribute("title", "Зоя, Кирилл")


async def test_polls(club: Club) -> None:
    """A press votes, shares are shown, the vote is taken back; a quiz says what was right."""
    one = club.gallery
    await club.open(one.ben.id, one.quiz.id)
    poll = club.row("Сколько команд?")
    await poll.get_by_role("button", name="Три").click()
    await expect(poll.locator(".result b")).to_have_text(["25%", "25%", "50%"])
    await poll.get_by_role("button", name="Retract the vote").click()
    await expect(poll.locator(".option")).to_have_count(3)
    quiz = club.row("Столица Австралии?")
    await quiz.get_by_role("button", name="Сидней").click()
    await expect(quiz.locator(".result.wrong")).to_contain_text("Сидней")
    await expect(quiz.locator(".result.right")).to_contain_text("Канберра")


async def test_media(club: Club) -> None:
    """An album is one bubble, a voice plays, and everything else of a chat has its card."""
    one = club.gallery
    page = await club.open(one.anna.id, one.friends.id)
    album = page.locator(".album.of-5")
    await expect(album.locator("img")).to_have_count(5)
    await expect(page.locator("article", has=album)).to_contain_text("Лучшее за день")
    voice = page.locator(".sound.voice")
    await voice.get_by_role("button").click()
    await expect(voice.get_by_role("button", name="Пауза: Голосовое сообщение")).to_be_visible()
    await expect(voice.locator(".time")).to_contain_text("/ 0:03")
    await expect(page.locator(".sound:not(.voice)")).to_contain_text("Дорога")
    await expect(page.locator("img.sticker")).to_have_attribute("alt", "Стикер 🎒")
    await expect(page.locator(".dice")).to_have_attribute("aria-label", "🎲: выпало 5")
    await expect(page.locator(".map-text")).to_contain_text("Кафе у вокзала")
    await expect(page.locator(".checklist .done")).to_have_text("Палатка")
    await expect(page.locator(".film.circle")).to_be_visible()
    await expect(page.locator(".forward")).to_have_text("Переслано от: Новости клуба")


async def test_sending_an_album_and_a_voice(club: Club, picture: Callable[[int, int], bytes]) -> None:
    """Several files go as one album with the field's text, a made-up voice message as one that plays."""
    one = club.gallery
    page = await club.open(one.zoya.id, one.friends.id)
    await page.locator("#input").fill("Ещё две")
    async with page.expect_file_chooser() as chooser:
        await page.locator("#attach").click()
        await page.locator("#attachments .item", has_text="Фото или видео").click()
    files: Any = [{"name": f"{n}.png", "mimeType": "image/png", "buffer": picture(60, 40)} for n in range(2)]
    await (await chooser.value).set_files(files)
    await expect(page.locator("article.out .album.of-2 img")).to_have_count(2)
    await expect(page.locator("#input")).to_have_value("")
    await page.locator("#attach").click()
    await page.locator("#attachments .item", has_text="Голосовое").click()
    await page.locator("dialog button[type=submit]").click()
    await expect(page.locator("article.out .sound.voice")).to_have_count(2)  # the gallery has one
    voice = page.locator("article.out .sound.voice").last
    await voice.get_by_role("button").click()
    await expect(voice.get_by_role("button", name="Пауза")).to_be_visible()


async def test_editing_and_deleting(club: Club) -> None:
    """One's own message is changed in the field, Escape leaves it as it was, and it can be deleted."""
    one = club.gallery
    page = await club.open(one.zoya.id, one.friends.id)
    await page.locator("#input").fill("Опечтка")
    await page.keyboard.press("Enter")
    row = club.row("Опечтка")
    await row.hover()
    await row.get_by_role("button", name="Править").click()
    await expect(page.locator("#input")).to_have_value("Опечтка")
    await page.keyboard.press("Escape")
    await expect(page.locator("#input")).to_have_value("")
    await row.hover()
    await row.get_by_role("button", name="Править").click()
    await page.locator("#input").fill("Опечатка")
    await page.keyboard.press("Enter")
    fixed = club.row("Опечатка")
    await expect(fixed.locator(".meta")).to_contain_text("изменено")
    await fixed.hover()
    await fixed.get_by_role("button", name="Удалить").click()
    await expect(page.locator("#messages")).not_to_contain_text("Опечатка")


async def test_forwarding_and_requests(club: Club) -> None:
    """A message goes on into another chat; a link of invitation brings a request, which an administrator grants."""
    one = club.gallery
    page = await club.open(one.ben.id, one.friends.id)
    row = club.row("Photos from the last trip")
    await row.hover()
    await row.get_by_role("button", name="Forward").click()
    await page.locator("dialog .item", has_text="Astral Bot").click()
    await expect(club.row("Photos from the last trip").locator(".forward")).to_have_text("Forwarded from Ben")
    invitation = create_by(one.world, one.friends, one.ben, by_request=True)
    send_text(one.world, one.kirill, f"Впустите: {invitation.link}")
    page = await club.open(one.kirill.id, None)
    await club.row("Впустите").locator("a").click()
    await expect(page.locator(".toast")).to_have_text("Заявка отправлена, решает администратор")
    page = await club.open(one.ben.id, one.friends.id)
    await page.locator("#chat-title").click()
    await page.get_by_role("button", name="Let Кирилл in").click()
    await expect(page.locator("#panel-group .member", has_text="Кирилл").locator("small")).to_have_text("member")


async def test_inline_results(club: Club) -> None:
    """`@bot words` shows what the bot offers; arrows and Enter choose one, which goes through the bot."""
    one = club.gallery
    page = await club.open(one.kirill.id, one.quiz.id)
    await page.locator("#input").fill("@playground_bot вик")
    await expect(page.locator("#inline .inline-item")).to_have_count(1)
    await page.locator("#input").fill("@playground_bot ")
    await expect(page.locator("#inline .inline-item b")).to_have_text([title for _, title, _ in RESULTS])
    await page.locator("#input").press("ArrowDown")
    await page.keyboard.press("ArrowDown")
    await expect(page.locator("#inline .inline-item").last).to_be_focused()
    await page.keyboard.press("Enter")
    sent = club.row("Быстрая: начали!")
    await expect(sent.locator(".via")).to_have_text("через @playground_bot")
    await expect(page.locator("#inline")).to_be_hidden()
    await expect(page.locator("#input")).to_have_value("")
    await page.locator("#input").fill("@playground_bot нет такого")
    await expect(page.locator("#inline")).to_contain_text("Бот ничего не предлагает")
    await page.keyboard.press("Escape")
    await expect(page.locator("#inline")).to_be_hidden()


async def test_members(club: Club) -> None:
    """The panel lists who is in the group and as what; the owner restricts, bans and lets in again."""
    one = club.gallery
    page = await club.open(one.anna.id, one.quiz.id)
    await page.locator("#chat-title").click()
    panel = page.locator("#panel-group")
    await expect(panel.locator(".member b")).to_have_count(5)
    kirill = panel.locator(".member", has_text="Кирилл")
    for choice, status in (("Ограничить…", "ограничения"), ("Забанить", "в бане"), ("Снять бан", "нет в чате")):
        await kirill.get_by_role("button", name="Действия").click()
        await kirill.get_by_role("menuitem", name=choice).click()
        if choice == "Ограничить…":
            await page.locator("dialog button[type=submit]").click()
        await expect(kirill.locator("small")).to_have_text(status)
    await expect(club.row("Анна исключает: Кирилл")).to_be_visible()
    await kirill.get_by_role("button", name="Действия").click()
    await kirill.get_by_role("menuitem", name="Добавить").click()
    await expect(kirill.locator("small")).to_have_text("участник")
    async with page.expect_response("**/api/bot"):
        await panel.get_by_role("switch", name="Режим приватности").uncheck()
    await expect(panel.get_by_role("switch", name="Режим приватности")).not_to_be_checked()
    assert one.world.bot.privacy is False
    one.world.bot.privacy = True


async def test_a_new_group(club: Club) -> None:
    """Title, kind, topics, people and the bot's place are chosen in one form; then one is in it."""
    one = club.gallery
    page = await club.open(one.ben.id, None)
    await page.locator("#add-group").click()
    await page.get_by_label("Title").fill("Chess")
    await page.locator("dialog .check", has_text="With topics").click()
    await page.locator("dialog .choice", has_text="Administrator").click()
    await page.locator("dialog .check", has_text="Кирилл").click()
    await page.locator("dialog button[type=submit]").click()
    await expect(page.locator("#bot-name")).to_have_text("Chess")
    group = next(group for group in one.world.groups.values() if group.title == "Chess")
    assert group.is_forum
    assert group.member(one.world.bot.id).status == "administrator"
    assert [group.member(who.id).present for who in (one.anna, one.zoya, one.kirill)] == [True, True, False]
    await page.locator("#people button", has_text="Кирилл").click()
    await page.locator("#join-chat").click()
    await page.locator("dialog .item", has_text="Chess").click()
    await expect(page.locator("#bot-name")).to_have_text("Chess")
    await expect(club.row("Кирилл теперь в группе")).to_be_visible()
    await page.locator("#chat-title").click()
    await page.locator("#panel-group .member", has_text="(вы)").get_by_role("button").click()
    await page.get_by_role("menuitem", name="Выйти").click()
    await expect(page.locator("#bot-name")).to_have_text("Astral Bot")


async def test_an_invoice_in_a_group_says_where_to_pay(club: Club) -> None:
    """Its number could be that of another invoice in the private chat: nothing is paid by mistake."""
    one = club.gallery
    page = await club.open(one.ben.id, one.friends.id)
    invoice = Invoice("Пирог", "Яблочный", "p", "XTR", 10)
    one.answer(one.friends, {"invoice": {"title": "Пирог"}}, invoice=invoice)
    await page.locator(".key.pay").click()
    await expect(page.locator(".toast.error")).to_have_text("The playground takes payments in private chats only")
    await expect(page.locator("dialog")).to_have_count(0)


async def test_tools_on_a_phone(club: Club) -> None:
    """Where there is no mouse a tap on a message shows what one can do with it."""
    one = club.gallery
    page = await club.open(one.anna.id, one.quiz.id, width=360, height=740)
    row = club.row("Во сколько начинаем?")
    await row.locator(".text").click()
    await row.get_by_role("button", name="Ответить").click()
    await expect(page.locator("#replying")).to_contain_text("Зоя")
    await page.keyboard.press("Escape")
    await row.get_by_role("button", name="Реакция").click()
    box = await row.locator(".picker").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 360


async def test_a_long_chat_stays_fast(club: Club) -> None:
    """Of 2,000 messages the newest are drawn; a new one shows at once, and scrolling up brings earlier ones."""
    one = club.gallery
    world = one.world
    for number in range(2000):
        send_text(world, one.kirill, f"строка {number}")
    world.updates.drop_all()
    page = await club.open(one.kirill.id, None)
    await expect(page.locator("[data-id]", has_text="строка 1999")).to_be_in_viewport()
    assert await page.locator("#messages article").count() < 200
    await page.locator("#input").fill("раз")
    await page.locator("#input").press("Enter")
    await expect(page.locator("#messages article").last).to_contain_text("раз")
    assert await page.locator("#messages article").count() < 200  # what costs time is what is drawn
    before = await page.locator("#messages article").count()
    await page.locator("#scroll").evaluate("node => node.scrollTo(0, 0)")
    await expect(page.locator("#messages article")).not_to_have_count(before)
    await expect(page.get_by_role("button", name="раньше")).to_be_attached()


@pytest.mark.parametrize(
    ("scheme", "width", "height"),
    [
        ("dark", 360, 740),
        ("light", 1440, 900),
        pytest.param("light", 360, 740, marks=pytest.mark.rest),
        pytest.param("dark", 1440, 900, marks=pytest.mark.rest),
    ],
)
async def test_every_chat_fits_and_can_be_read(club: Club, scheme: Any, width: int, height: int) -> None:
    """No part of a chat leaves the window, every control has a name, every text enough contrast."""
    one = club.gallery
    await club.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    for name, chat in {"quiz": one.quiz.id, "friends": one.friends.id, "news": one.news.id, "private": None}.items():
        page = await club.open(one.anna.id, chat, width=width, height=height)
        await page.locator("#messages article").first.wait_for()
        for fault in (OVERFLOWS, NAMELESS, CONTRAST):
            assert await page.evaluate(fault) == [], name
        if SHOTS:
            await page.wait_for_timeout(300)
            await page.screenshot(path=Path(SHOTS) / f"{name}-{width}-{scheme}.png")
    if SHOTS and width < 720:
        await page.locator("#back").click()
        await page.screenshot(path=Path(SHOTS) / f"chats-{width}-{scheme}.png")
