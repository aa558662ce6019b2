"""Bots of other frameworks in private chats: commands, buttons, dialogs, files, errors."""

from __future__ import annotations

import asyncio

import pytest
from foreign_kit.stage import Stage

pytestmark = [pytest.mark.rest, pytest.mark.asyncio(loop_scope="session")]


async def test_a_greeting(stage: Stage) -> None:
    """/start is answered with a formatted text, and the argument of a deep link arrives."""
    anna = await stage.known("Anna")
    assert anna.last.content["entities"] == [{"offset": 7, "length": 4, "type": "bold"}]
    await anna.send("/start friend_7")
    await anna.wait_for("You came by friend_7.")


async def test_a_command_with_arguments(stage: Stage) -> None:
    """The framework cuts command and arguments where Telegram's entity says, with the bot's name in it, too."""
    anna = await stage.known()
    await anna.send("/add 2 40")
    assert (await anna.wait_for()).text == "42"
    await anna.send(f"/add@{stage.tg.world.bot.username} 3 4")
    assert (await anna.wait_for()).text == "7"


async def test_an_answer_to_the_webhook(stage: Stage) -> None:
    """What aiogram and grammY put into the answer to Telegram's request is a call like any other."""
    anna = await stage.known()
    await anna.send("/direct")
    await anna.wait_for("Straight away")
    expected = {"aiogram-webhook": "sendMessage", "grammy-webhook": "sendChatAction"}
    method = expected.get(f"{stage.framework}-{stage.mode}")
    calls = stage.tg.world.calls
    await stage.until(
        lambda: (
            method is None or any(one.ok and (one.method, one.via) == (method, "webhook_answer") for one in calls)
        ),
        f"{method} in an answer",
    )


async def test_a_pressed_button(stage: Stage) -> None:
    """Each press edits the same message and shows a toast."""
    anna = await stage.known()
    await anna.send("/count")
    card = await anna.wait_for("Pressed 0 times")
    for number in (1, 2):
        query = await anna.press("Press me")
        assert await anna.wait_for(f"Pressed {number} times") is card
        await anna.wait_answer(query)
        assert query.answered
    assert anna.toasts == ["Counted", "Counted"]
    assert card.buttons == ["Press me"]


async def test_a_dialog(stage: Stage) -> None:
    """The bot remembers where each of two people is, asks again for what it cannot read, and forgets at the end."""
    anna, ben = await stage.known("Anna"), await stage.known("Ben")
    for person in (anna, ben):
        await person.send("/form")
        await person.wait_for("What is your name?")
    await anna.send("Anne")
    await anna.wait_for("How old is Anne?")
    await ben.send("Benjamin")
    await ben.wait_for("How old is Benjamin?")
    await anna.send("young")
    await anna.wait_for("A number, please.")
    await anna.send("30")
    await anna.wait_for("Anne, 30. Saved.")
    await ben.send("/cancel")
    await ben.wait_for("Cancelled.")


async def test_a_photo_both_ways(stage: Stage, picture: bytes) -> None:
    """The bot downloads what a person sent to the last byte, sends it back by its id, and uploads its own."""
    anna = await stage.known()
    await anna.send_photo(picture)
    back = await anna.wait_for(f"Photo of {len(picture)} bytes")
    assert back.content["photo"][-1]["width"] == 64
    await anna.send("/photo")
    sent = await anna.wait_for("A picture")
    assert sent.content["photo"][-1]["height"] == 48


async def test_a_document_both_ways(stage: Stage) -> None:
    """Name, type and bytes of a file arrive, here and there."""
    anna = await stage.known()
    await anna.send_document("Привет".encode(), "письмо.txt", mime_type="text/plain")
    back = await anna.wait_for("письмо.txt: 12 bytes")
    assert back.content["document"]["file_name"] == "письмо.txt"
    await anna.send("/document")
    sent = await anna.wait_for("A file")
    assert sent.content["document"]["file_name"] == "hello.txt"
    assert sent.content["document"]["file_size"] == 12


async def test_an_album_of_the_bot(stage: Stage) -> None:
    """Two uploaded pictures are one album, whose first message has the caption."""
    anna = await stage.known()
    await anna.send("/album")
    await anna.wait_for("An album")
    await stage.until(lambda: sum("media_group_id" in one.content for one in anna.messages) == 2, "album")
    first, second = (one for one in anna.messages if "media_group_id" in one.content)
    assert first.content["media_group_id"] == second.content["media_group_id"]
    assert (first.text, second.text) == ("An album", "")


async def test_contact_and_location(stage: Stage) -> None:
    """A reply keyboard asks for both, and goes when the bot takes it away."""
    anna = await stage.known()
    await anna.send("/contact")
    await anna.wait_for("Who and where?")
    keyboard = anna.user.reply_keyboard
    assert keyboard is not None
    assert [sorted(button) for button in keyboard["keyboard"][0]] == [
        ["request_contact", "text"], ["request_location", "text"],
    ]  # fmt: skip
    await anna.send_location(52.52, 13.4)
    await anna.wait_for("Place 52.5 13.4")
    await anna.send_contact("+4930123")
    await anna.wait_for("Phone +4930123")
    assert anna.user.reply_keyboard is None


async def test_a_blocked_bot(stage: Stage) -> None:
    """Who blocked the bot is a 403 in the framework's own words."""
    anna, ben = await stage.known("Anna"), await stage.known("Ben")
    await ben.block()
    await anna.send(f"/tell {ben.id} Hello")
    await anna.wait_for("403 Forbidden: bot was blocked by the user")
    await ben.unblock()
    await anna.send(f"/tell {ben.id} Hello")
    await anna.wait_for("Told")
    await stage.reads(ben.id, "Hello")


async def test_errors(stage: Stage) -> None:
    """An unknown chat, broken tags and a flood are the errors that the framework has for them."""
    anna = await stage.known()
    await anna.send("/tell 999999999 Hello")
    assert "chat not found" in (await anna.wait_for("400 ")).text.lower()
    await anna.send(f"/tell {anna.id} <b>Hello")
    assert "can't parse entities" in (await anna.wait_for("400 ")).text.lower()
    ben = await stage.known("Ben")
    stage.tg.fail("sendMessage", "429", chat_id=ben.id, retry_after=7)
    await anna.send(f"/tell {ben.id} Hello")
    await anna.wait_for("429 wait 7")


async def test_a_purchase(stage: Stage) -> None:
    """Invoice, pre-checkout, payment and refund: in the end nobody has lost a Star."""
    anna = await stage.known(stars=20)
    await anna.send("/buy tea")
    await anna.wait_for(lambda message: message.invoice is not None)
    assert (await anna.pay()).status == "paid"
    await anna.wait_for("Paid 5")
    assert anna.stars == 15
    await anna.send("/refund")
    await anna.wait_for("Returned")
    assert anna.stars == 20


async def test_a_purchase_that_the_bot_declines(stage: Stage) -> None:
    """The person reads the bot's reason and keeps their Stars."""
    anna = await stage.known(stars=20)
    await anna.send("/buy coffee")
    await anna.wait_for(lambda message: message.invoice is not None)
    outcome = await anna.pay()
    assert (outcome.status, outcome.error) == ("failed", "Sold out")
    assert anna.stars == 20


async def test_many_people(stage: Stage) -> None:
    """Ten people at once each get their own answers."""
    people = [stage.person(f"P{number}") for number in range(10)]
    await asyncio.gather(*(person.send(f"/add {number} 100") for number, person in enumerate(people)))
    for number, person in enumerate(people):
        await stage.reads(person.id, str(100 + number))
