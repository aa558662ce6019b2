"""Webhook delivery by the server's algorithm, to a real HTTP receiver."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import telegram
from aiohttp import web
from telegram import InlineKeyboardButton as Button
from telegram import InlineKeyboardMarkup as Keyboard

from astral_playground.telegram import EmulatedUser, ManualClock, TelegramEmulator

Settle = Callable[..., Any]


def status(code: int, **headers: str) -> Callable[[], web.Response]:
    """An answer with this status."""
    return lambda: web.Response(status=code, headers=headers)


@pytest.fixture
async def hooked(tg: TelegramEmulator, bot: telegram.Bot, receiver: Any) -> TelegramEmulator:
    """An emulator that delivers to `receiver`."""
    await bot.set_webhook(receiver.url, secret_token="s3cret", max_connections=10)
    return tg


@pytest.fixture
async def frozen_hook(frozen: TelegramEmulator, frozen_bot: telegram.Bot, receiver: Any) -> TelegramEmulator:
    """The same with time that stands still."""
    await frozen_bot.set_webhook(receiver.url)
    return frozen


async def sleeping(clock: ManualClock, seconds: float, settle: Settle) -> None:
    """Wait until somebody sleeps for so long."""
    await settle(lambda: any(abs(left - seconds) < 0.01 for left in clock.sleepers()))


async def failed(tg: TelegramEmulator, tries: int, settle: Settle) -> None:
    """Wait until the newest update has failed so often and waits for its next try."""
    update = tg.world.updates.history[-1]
    await settle(lambda: len(update.deliveries) == tries and update.state == "retrying")


async def test_an_update_arrives(hooked: TelegramEmulator, receiver: Any, settle: Settle) -> None:
    """JSON by POST with the secret header; after a 2xx it is delivered, and the bot is up."""
    anna = hooked.user("Анна", language_code="ru")
    await anna.send("/start")
    update = (await receiver.got(1))[0]
    assert update["message"]["text"] == "/start"
    assert update["message"]["entities"] == [{"type": "bot_command", "offset": 0, "length": 6}]
    assert update["message"]["from"]["language_code"] == "ru"
    assert receiver.headers[0]["X-Telegram-Bot-Api-Secret-Token"] == "s3cret"
    assert receiver.headers[0]["Content-Type"] == "application/json"
    await settle(lambda: not hooked.world.updates.pending)
    story = hooked.world.updates.history[-1]
    assert (story.state, story.deliveries[0].status, hooked.world.bot.up) == ("delivered", 200, True)


async def test_any_2xx_is_good(hooked: TelegramEmulator, receiver: Any, settle: Settle) -> None:
    """204 counts as well."""
    receiver.default = status(204)
    anna = hooked.user("Анна")
    await anna.send("a")
    await settle(lambda: [u.state for u in hooked.world.updates.history] == ["delivered"])
    assert len(receiver.updates) == 1


async def test_one_at_a_time_for_a_chat(hooked: TelegramEmulator, receiver: Any, settle: Settle) -> None:
    """Messages of one chat travel one after the other, in order."""
    hold = receiver.holds["message"] = asyncio.Event()
    anna = hooked.user("Анна")
    for number in range(5):
        await anna.send(str(number))
    await receiver.got(1)
    assert receiver.running == 1
    hold.set()
    await receiver.got(5)
    assert receiver.texts == list("01234")
    assert receiver.most_running == 1


async def test_chats_travel_at_once(hooked: TelegramEmulator, receiver: Any) -> None:
    """Messages of different chats are in flight together, up to max_connections."""
    hold = receiver.holds["message"] = asyncio.Event()
    people = [hooked.user(f"u{number}") for number in range(12)]
    for person in people:
        await person.send("x")
    await receiver.got(10)
    await asyncio.sleep(0.05)
    assert receiver.most_running == 10
    hold.set()
    await receiver.got(12)
    assert receiver.most_running == 10


async def test_press_and_message_of_one_person_overtake_each_other(
    hooked: TelegramEmulator, receiver: Any, bot: telegram.Bot
) -> None:
    """A press has a queue of its own: it does not wait for the message before it."""
    anna = hooked.user("Анна")
    await anna.send("/start")
    await receiver.got(1)
    await bot.send_message(anna.id, "x", reply_markup=Keyboard([[Button("a", callback_data="1")]]))
    receiver.holds["message"] = asyncio.Event()
    await anna.send("долго")
    await anna.press("a")
    await anna.press("a")
    await receiver.got(4)
    assert receiver.kinds == ["message", "message", "callback_query", "callback_query"]


async def test_queue_numbers(hooked: TelegramEmulator, receiver: Any, bot: telegram.Bot) -> None:
    """Queue ids are those of the server: chat, press + 3<<33, checkout + 4<<33, membership + 5<<33."""
    anna = hooked.user("Анна", stars=10)
    await anna.send("/start")
    await bot.send_message(anna.id, "x", reply_markup=Keyboard([[Button("a", callback_data="1")]]))
    await anna.press("a")
    await bot.send_invoice(anna.id, "t", "d", "p", "XTR", [telegram.LabeledPrice("x", 5)], provider_token="")
    receiver.answers = []
    paying = asyncio.create_task(anna.pay())
    await receiver.got(3)
    await bot.answer_pre_checkout_query(receiver.updates[-1]["pre_checkout_query"]["id"], ok=True)
    await paying
    await anna.block()
    queues = {update.type: update.queue_id - anna.id for update in hooked.world.updates.history}
    assert queues == {
        "message": 0,
        "callback_query": 3 << 33,
        "pre_checkout_query": 4 << 33,
        "my_chat_member": 5 << 33,
    }


async def test_retries(
    frozen_hook: TelegramEmulator, frozen_bot: telegram.Bot, receiver: Any, clock: ManualClock, settle: Settle
) -> None:
    """The first retry comes at once, the next ones after 2, 4, 8, ... seconds; the error stands in the info."""
    receiver.default = status(500)
    anna = frozen_hook.user("Анна")
    await anna.send("a")
    await anna.send("b")
    await receiver.got(2)
    for count, pause in enumerate((2, 4, 8, 16, 32), start=3):
        await sleeping(clock, pause, settle)
        clock.advance(pause - 0.1)
        await asyncio.sleep(0.01)
        assert len(receiver.updates) == count - 1
        clock.advance(0.1)
        await receiver.got(count)
    info = await frozen_bot.get_webhook_info()
    assert info.last_error_message == "Wrong response from the webhook: 500 Internal Server Error"
    assert info.last_error_date is not None
    assert info.pending_update_count == 2
    assert set(receiver.texts) == {"a"}
    receiver.default = status(200)
    clock.advance(120)
    await receiver.got(9)
    assert receiver.texts[-2:] == ["a", "b"]


async def test_pauses_are_bounded(
    frozen_hook: TelegramEmulator, receiver: Any, clock: ManualClock, settle: Settle
) -> None:
    """No pause is longer than two minutes."""
    receiver.default = status(500)
    anna = frozen_hook.user("Анна")
    await anna.send("a")
    await receiver.got(2)
    for count in range(3, 14):
        await failed(frozen_hook, count - 1, settle)
        clock.advance(120)
        await receiver.got(count)


async def test_retry_after_is_honoured(
    frozen_hook: TelegramEmulator, receiver: Any, clock: ManualClock, settle: Settle
) -> None:
    """Retry-After replaces the pause."""
    receiver.answers = [status(503, **{"Retry-After": "7"}), status(503, **{"Retry-After": "soon"})]
    anna = frozen_hook.user("Анна")
    await anna.send("a")
    await receiver.got(1)
    await sleeping(clock, 7, settle)
    clock.advance(6.5)
    await asyncio.sleep(0.02)
    assert len(receiver.updates) == 1
    clock.advance(0.5)
    await receiver.got(2)
    await sleeping(clock, 2, settle)
    clock.advance(2)
    await receiver.got(3)


async def test_a_failing_chat_does_not_hold_others(frozen_hook: TelegramEmulator, receiver: Any) -> None:
    """Only its own queue waits for a failed update."""
    receiver.answers = [status(503, **{"Retry-After": "60"})]
    anna, boris = frozen_hook.user("Анна"), frozen_hook.user("Борис")
    await anna.send("a")
    await receiver.got(1)
    await boris.send("b")
    await receiver.got(2)
    assert receiver.texts == ["a", "b"]


@pytest.mark.parametrize(("kind", "lifetime"), [("message", 86_400), ("callback_query", 150)])
async def test_expiry(
    frozen_hook: TelegramEmulator,
    frozen_bot: telegram.Bot,
    receiver: Any,
    clock: ManualClock,
    settle: Settle,
    kind: str,
    lifetime: float,
) -> None:
    """What would be delivered after its time is dropped: a message after a day, a press after 150 seconds."""
    anna = frozen_hook.user("Анна")
    await anna.send("/start")
    await receiver.got(1)
    receiver.default = status(503, **{"Retry-After": "60"})
    if kind == "message":
        await anna.send("a")
    else:
        await frozen_bot.send_message(anna.id, "x", reply_markup=Keyboard([[Button("a", callback_data="1")]]))
        await anna.press("a")
    update = frozen_hook.world.updates.history[-1]
    assert update.expires_at - update.created == lifetime
    await failed(frozen_hook, 1, settle)
    clock.advance(lifetime - 61)
    await failed(frozen_hook, 2, settle)
    clock.advance(60)
    await receiver.got(4)
    await settle(lambda: update.state == "expired")
    assert not frozen_hook.world.updates.pending


async def test_time_out(
    frozen_hook: TelegramEmulator, frozen_bot: telegram.Bot, receiver: Any, clock: ManualClock, settle: Settle
) -> None:
    """An answer that does not come within 60 seconds is a failure: `Read timeout expired`, then a retry."""
    hold = receiver.holds["message"] = asyncio.Event()
    anna = frozen_hook.user("Анна")
    await anna.send("a")
    await receiver.got(1)
    await sleeping(clock, 60, settle)
    clock.advance(60)
    await receiver.got(2)
    assert (await frozen_bot.get_webhook_info()).last_error_message == "Read timeout expired"
    hold.set()
    await settle(lambda: not frozen_hook.world.updates.pending)


async def test_bot_is_down(tg: TelegramEmulator, bot: telegram.Bot, settle: Settle) -> None:
    """Nobody listens: `Connection refused`, the bot is shown as down."""
    await bot.set_webhook("http://127.0.0.1:9/hook")
    anna = tg.user("Анна")
    await anna.send("a")
    await settle(lambda: tg.world.bot.detail == "Connection refused")
    assert not tg.world.bot.up
    assert (await bot.get_webhook_info()).last_error_message == "Connection refused"


async def test_redirects_are_failures(hooked: TelegramEmulator, receiver: Any, bot: telegram.Bot) -> None:
    """Telegram follows no redirects."""
    receiver.answers = [status(302, Location="/elsewhere")]
    anna = hooked.user("Анна")
    await anna.send("a")
    await receiver.got(2)
    assert (await bot.get_webhook_info()).last_error_message == "Wrong response from the webhook: 302 Found"


async def test_gone_for_a_day(
    frozen_hook: TelegramEmulator, receiver: Any, clock: ManualClock, settle: Settle
) -> None:
    """23 hours of nothing but 410 take the webhook away."""
    receiver.default = status(410)
    anna = frozen_hook.user("Анна")
    await anna.send("a")
    await failed(frozen_hook, 2, settle)
    clock.advance(23 * 3600 + 1)
    await settle(lambda: frozen_hook.world.webhook.url == "")


@pytest.mark.parametrize("form", [True, False])
async def test_method_in_the_answer(hooked: TelegramEmulator, receiver: Any, settle: Settle, form: bool) -> None:
    """A method in the answer's body is called, as JSON or as a form; its record says where it came from."""
    anna = hooked.user("Анна")
    body = {"method": "sendMessage", "chat_id": str(anna.id), "text": "Привет"}

    def answer() -> web.Response:
        if form:
            return web.Response(
                text=f"method=sendMessage&chat_id={anna.id}&text=Hi",
                content_type="application/x-www-form-urlencoded",
            )
        return web.json_response(body)

    receiver.answers = [answer]
    await anna.send("/start")
    message = await anna.wait_for("Hi" if form else "Привет")
    assert message.sender == "bot"
    await settle(lambda: len(hooked.calls_of("sendMessage")) == 1)
    call = hooked.calls_of("sendMessage")[0]
    assert (call.via, call.ok) == ("webhook_answer", True)


@pytest.mark.parametrize(
    "body",
    [
        {"method": "getMe"},
        {"method": "deleteWebhook"},
        {"method": "setWebhook", "url": ""},
        {"method": "logOut"},
        {"method": "close"},
        {"text": "no method"},
        ["no object"],
    ],
)
async def test_answers_that_are_ignored(hooked: TelegramEmulator, receiver: Any, settle: Settle, body: Any) -> None:
    """get*, webhook methods, logOut and close, and what is no call, are not run from an answer."""
    receiver.default = lambda: web.json_response(body)
    anna = hooked.user("Анна")
    before = len(hooked.calls)
    await anna.send("a")
    await settle(lambda: not hooked.world.updates.pending)
    assert len(hooked.calls) == before
    assert hooked.world.webhook.url == receiver.url


async def test_wrong_call_in_an_answer(hooked: TelegramEmulator, receiver: Any, settle: Settle) -> None:
    """A failing call of an answer leaves a record; the update is delivered all the same."""
    receiver.default = lambda: web.json_response({"method": "sendMessage", "chat_id": 5, "text": "x"})
    anna = hooked.user("Анна")
    await anna.send("a")
    await settle(lambda: bool(hooked.calls_of("sendMessage")))
    assert hooked.calls_of("sendMessage")[0].description == "Bad Request: chat not found"
    assert not hooked.world.updates.pending


async def test_broken_answers_do_no_harm(hooked: TelegramEmulator, receiver: Any, settle: Settle) -> None:
    """A body that is no JSON in spite of its type counts as empty."""
    receiver.answers = [lambda: web.Response(body=b"\xff{", content_type="application/json")]
    anna = hooked.user("Анна")
    await anna.send("a")
    await settle(lambda: not hooked.world.updates.pending)


async def test_duplicates(hooked: TelegramEmulator, receiver: Any, settle: Settle) -> None:
    """duplicate_every 2: each second delivered update comes twice, before the next one of its queue."""
    hooked.switch(duplicate_every=2)
    anna = hooked.user("Анна")
    for text in "abcd":
        await anna.send(text)
    await receiver.got(6)
    await settle(lambda: not hooked.world.updates.pending)
    assert receiver.texts == list("abbcdd")
    ids = [update["update_id"] for update in receiver.updates]
    assert ids[1] == ids[2]


async def test_lost_answers(hooked: TelegramEmulator, receiver: Any, settle: Settle) -> None:
    """drop_response_every 1: the bot handled the update, its answer is lost, so the update comes again, once."""
    hooked.switch(drop_response_every=1)
    anna = hooked.user("Анна")
    for text in "ab":
        await anna.send(text)
    await settle(lambda: not hooked.world.updates.pending)
    assert receiver.texts == list("aabb")


async def test_delay(frozen_hook: TelegramEmulator, receiver: Any, clock: ManualClock, settle: Settle) -> None:
    """Each delivery starts `delay` seconds late."""
    frozen_hook.switch(delay=3)
    anna = frozen_hook.user("Анна")
    await anna.send("a")
    await sleeping(clock, 3, settle)
    assert receiver.updates == []
    clock.advance(3)
    await receiver.got(1)


async def test_pause_and_reorder(hooked: TelegramEmulator, receiver: Any, settle: Settle) -> None:
    """reorder serves the newest queue first, and keeps the order within a queue; paused holds all back."""
    hooked.switch(paused=True, reorder=True)
    people = [hooked.user(name) for name in ("Анна", "Борис", "Вера")]
    for person in people:
        await person.send(f"{person.user.first_name} 1")
    await people[0].send("Анна 2")
    await asyncio.sleep(0.02)
    assert receiver.updates == []
    hold = receiver.holds["message"] = asyncio.Event()
    hooked.switch(paused=False)
    await receiver.got(1)
    await asyncio.sleep(0.05)
    assert receiver.texts == ["Вера 1"]
    hold.set()
    await receiver.got(4)
    assert receiver.texts == ["Вера 1", "Борис 1", "Анна 1", "Анна 2"]


def test_unknown_switch() -> None:
    """A misspelt switch is named."""
    with pytest.raises(ValueError, match="there is no switch 'duplicates'"):
        TelegramEmulator().switch(duplicates=3)


async def test_updates_wait_for_a_webhook(
    tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser, receiver: Any
) -> None:
    """What came before setWebhook is delivered after it; drop_pending_updates throws it away."""
    await bot.set_webhook(receiver.url)
    await receiver.got(1)
    await bot.delete_webhook()
    await anna.send("later")
    assert (await bot.get_webhook_info()).pending_update_count == 1
    tg.world.next_set_webhook = 0
    await bot.set_webhook(receiver.url, drop_pending_updates=True)
    await anna.send("now")
    await receiver.got(2)
    assert receiver.texts == ["/start", "now"]


async def test_in_flight_stays_pending_when_the_webhook_goes(
    hooked: TelegramEmulator, receiver: Any, bot: telegram.Bot
) -> None:
    """deleteWebhook cuts a delivery off; the update is then fetched by getUpdates."""
    receiver.holds["message"] = asyncio.Event()
    anna = hooked.user("Анна")
    await anna.send("a")
    await receiver.got(1)
    await bot.delete_webhook()
    assert [update.message.text for update in await bot.get_updates() if update.message] == ["a"]


async def test_at_most_twice_the_connections_are_loaded(
    tg: TelegramEmulator, bot: telegram.Bot, receiver: Any
) -> None:
    """As at Telegram, one busy chat with 2 x max_connections updates keeps the others waiting."""
    receiver.holds["message"] = hold = asyncio.Event()
    await bot.set_webhook(receiver.url, max_connections=2)
    anna, boris = tg.user("Анна"), tg.user("Борис")
    for number in range(4):
        await anna.send(f"a{number}")
    await boris.send("b")
    await receiver.got(1)
    await asyncio.sleep(0.05)
    assert receiver.texts == ["a0"]
    hold.set()
    await receiver.got(5)
    assert receiver.texts[1:3] in (["a1", "b"], ["b", "a1"])


async def test_deliver_now(frozen_hook: TelegramEmulator, receiver: Any, clock: ManualClock, settle: Settle) -> None:
    """`retry` does not wait for the pause to end, as a person does not after a restart of the bot."""
    receiver.answers = [status(503, **{"Retry-After": "600"})]
    anna = frozen_hook.user("Анна")
    await anna.send("a")
    await failed(frozen_hook, 1, settle)
    frozen_hook.retry()
    await receiver.got(2)
