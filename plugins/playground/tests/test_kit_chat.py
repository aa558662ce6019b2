"""What a person can do in the kit's chat, and what a test sees of it. The plugin under test is this file."""

from __future__ import annotations

import sys

import pytest

from astral_core import Context, Plugin, View
from astral_playground.testkit.bot import BotKit
from astral_playground.testkit.chat import Chat

pytestmark = pytest.mark.astral(plugins=[sys.modules[__name__]])
PIXEL = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"
    b"\x00\x00\x00\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\x00\x05\x00\x01\xff\x89\x99=\x1d\x00\x00\x00\x00IEND\xaeB`\x82"
)
MEDIA = ("photo", "document", "location", "contact")
plugin = Plugin()


@plugin.callback("more/{n:int}")
async def more(ctx: Context, n: int) -> None:
    """Counts."""
    ctx.edit(f"Страница {n}", [[ctx.button("Ещё", more(n=n + 1))]])


@plugin.callback("save", answer="manual")
async def save(ctx: Context) -> None:
    """Answers itself."""
    ctx.answer("Сохранено")


@plugin.command("menu")
async def menu(ctx: Context) -> None:
    """All kinds of buttons."""
    ctx.reply("Меню", [[ctx.button("Ещё", more(n=2)), ctx.button("Сохранить", save())],
                       [ctx.button("Страница\u00a03", more(n=3))],
                       [ctx.url_button("Сайт", "https://example.org/")]])  # fmt: skip


@plugin.command("who")
async def who(ctx: Context) -> None:
    """Says who asked, twice."""
    ctx.reply(f"{ctx.user.first_name} speaks {ctx.language}")
    ctx.reply(f"chat {ctx.chat.id}")


@plugin.command("below")
async def below(ctx: Context) -> None:
    """A keyboard below the chat."""
    ctx.reply("Выберите", ctx.keyboard([["/who", "Нет"]]))


@plugin.command("card")
async def card(ctx: Context) -> None:
    """A file as an answer."""
    ctx.send_animation(b"GIF89a", reply_to=True)


@plugin.command("buy")
async def buy(ctx: Context) -> None:
    """An invoice for Stars."""
    price = [{"label": "Звезда", "amount": 5}]
    ctx.send_invoice(title="Звезда", description="Одна", payload="kitchat:star", currency="XTR", prices=price)


@plugin.pre_checkout()
async def pre_checkout(ctx: Context, query: View) -> None:
    """Agrees."""
    ctx.answer_pre_checkout()


@plugin.payment()
async def payment(ctx: Context, payment: View) -> None:
    """Thanks."""
    ctx.reply("Спасибо!")


@plugin.message(*MEDIA)
async def received(ctx: Context) -> None:
    """Names what came."""
    ctx.reply(f"got {next(kind for kind in MEDIA if getattr(ctx.message, kind))}")


async def test_an_act_returns_when_all_its_messages_are_there(chat: Chat) -> None:
    """Nothing is waited for in a test: both messages are in the chat when send() returns."""
    await chat.send("/who")
    assert chat.texts == ["Anna speaks en", f"chat {chat.id}"]
    assert chat.last is chat.messages[-1]


async def test_tap_finds_a_button_by_its_text_and_by_its_data(chat: Chat) -> None:
    """Both name the same button, and the edit has been made when tap() returns."""
    await chat.send("/menu")
    await chat.tap("Ещё")
    assert chat.last.text == "Страница 2"
    await chat.tap("kitchat:more/3")
    assert chat.last.text == "Страница 3"
    assert chat.keyboard == [["Ещё"]]


async def test_a_button_is_found_by_ordinary_spaces(chat: Chat) -> None:
    """Prices and dates have no-break spaces, which nobody sees; both spellings name the button."""
    for text in ("Страница 3", "Страница\u00a03"):
        await chat.send("/menu")
        await chat.tap(text)
        assert chat.last.text == "Страница 3"
    await chat.send("/menu")
    await chat.user.press("Страница 3")


async def test_tap_tells_the_answer_to_the_press(chat: Chat) -> None:
    """The toast is what the handler answered."""
    await chat.send("/menu")
    query = await chat.tap("Сохранить")
    assert query is not None
    assert (query.answered, query.text) == (True, "Сохранено")
    assert chat.toasts == ["Сохранено"]


async def test_a_missing_button_is_an_error_that_lists_those_that_are_there(chat: Chat) -> None:
    """Texts and what they do, so that the typing mistake is seen at once."""
    await chat.send("/menu")
    with pytest.raises(LookupError) as caught:
        await chat.tap("Еще")
    assert "Chat('Anna'" in str(caught.value)
    assert (
        "'Ещё' (kitchat:more/2), 'Сохранить' (kitchat:save), 'Страница\\xa03' (kitchat:more/3), 'Сайт' (https://example.org/)"
        in str(caught.value)
    )
    with pytest.raises(LookupError, match="Сайт"):
        await chat.tap("Сайт")


async def test_an_empty_chat_has_nothing_to_tap_to_read_or_to_pay(chat: Chat) -> None:
    """Each of the three says so."""
    with pytest.raises(LookupError, match="none"):
        await chat.tap("Ещё")
    with pytest.raises(LookupError, match="has not written to Anna"):
        _ = chat.last.text
    with pytest.raises(LookupError, match="no invoice to pay"):
        await chat.pay()
    assert chat.keyboard == []


async def test_a_button_below_the_chat_sends_its_text(chat: Chat) -> None:
    """It stands in `keyboard`, and a tap on it is a message."""
    await chat.send("/below")
    assert chat.keyboard == [["/who", "Нет"]]
    assert await chat.tap("/who") is None
    assert chat.texts[-2:] == ["Anna speaks en", f"chat {chat.id}"]
    with pytest.raises(LookupError, match="below the chat: '/who', 'Нет'"):
        await chat.tap("Да")


async def test_photos_files_places_and_contacts_reach_the_handler(chat: Chat) -> None:
    """Each kind of message comes as Telegram would send it."""
    await chat.send_photo(PIXEL)
    await chat.send_document(b"%PDF", "a.pdf")
    await chat.send_location(55.75, 37.62)
    await chat.send_contact("+70000000000")
    assert chat.texts == ["got photo", "got document", "got location", "got contact"]


async def test_a_message_tells_its_kind_and_a_chat_has_its_file(chat: Chat) -> None:
    """What the bot sent, and what people sent; a text has no file."""
    sent = await chat.send_voice(b"OggS")
    assert (sent.kind, chat.file(sent).data) == ("voice", b"OggS")
    await chat.send("/card")
    assert (chat.last.kind, chat.last.reply_to) == ("animation", chat.messages[-2].message_id)
    assert (chat.file(chat.last).data, chat.file(chat.last).file_name) == (b"GIF89a", "animation.gif")
    await chat.send("/who")
    with pytest.raises(LookupError, match=r"\(text\) has no file"):
        chat.file(chat.last)


async def test_pay_buys_the_missing_stars_and_pays(chat: Chat) -> None:
    """The price leaves the balance, and the bot's thanks are there."""
    await chat.send("/buy")
    outcome = await chat.pay()
    assert outcome.status == "paid"
    assert chat.stars == 0
    assert chat.last.text == "Спасибо!"


async def test_several_people_talk_to_one_bot(bot: BotKit, chat: Chat) -> None:
    """Each has a chat of their own, with their language."""
    ben = bot.chat("Ben", language_code="ru")
    await ben.send("/who")
    await chat.send("/who")
    assert (ben.texts[0], chat.texts[0]) == ("Ben speaks ru", "Anna speaks en")
    assert [call.params["text"] for call in bot.calls("sendMessage", ben)] == ben.texts
    assert len(bot.calls("sendMessage")) == 4


async def test_a_blocked_bot_is_told_and_may_write_again_later(bot: BotKit, chat: Chat) -> None:
    """The block and its end reach the bot as updates of their own."""
    await chat.send("/who")
    await chat.block()
    await chat.unblock()
    await chat.send("/who")
    assert len(chat.texts) == 4
    assert [update.type for update in bot.telegram.world.updates.history].count("my_chat_member") == 2


async def test_forged_data_reaches_the_bot_though_no_button_has_it(chat: Chat) -> None:
    """As a hostile client can send it; before there is a message with buttons, there is nothing to forge."""
    with pytest.raises(LookupError, match="sees no message with buttons"):
        await chat.forge("x:more/1")
    await chat.send("/menu")
    key = next(one["callback_data"] for one in chat.last.button_rows[0] if one["text"] == "Ещё")
    await chat.forge(key.replace("/2", "/41"))
    assert chat.last.text == "Страница 41"
    await chat.forge("nobody:nothing")
    assert "expired" in chat.last.text
