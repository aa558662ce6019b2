"""Odd values: whatever a handler gives to `ctx`, the handler fails or the message goes out, and the chat goes on."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup
from pydantic import BaseModel

from astral_core import N_, Button, Context, Event, Keyboard, Media, Ref, Routes, State, Upload
from astral_core.db.tables import core_facts
from astral_core.host.state import LoadedPlugin
from astral_core.inbox import worker as worker_module
from astral_playground.testkit.bot import BotKit, bot_kit

routes = Routes()
MakePlugin = Callable[..., LoadedPlugin]
Call = tuple[str, dict[str, Any]]
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
waiting: list[Call] = []  # what the handlers are to do, in turn


class Odd(str):
    """A text that is none of the plain ones."""

    __slots__ = ()


class Silent(Exception):
    """An error that cannot be told."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


class Kept(State):
    """A state with a field that may be anything."""

    n: int = 0
    what: Any = None


class Sang(Event, frozen=True):
    """An event with a field that may be anything."""

    name = "weather.sang"
    what: Any = None


@routes.question("asked")
async def asked(ctx: Context, /, **kept: Any) -> None:
    """Takes an answer."""


@routes.step("later")
async def later(ctx: Context, /, **given: Any) -> None:
    """Does nothing."""


@routes.deep_link("opened/{n:int}")
async def opened(ctx: Context, n: int) -> None:
    """Does nothing."""


@routes.callback("odd", answer="manual")
async def odd(ctx: Context) -> None:
    """Does what waits, after a press."""
    await _do(ctx)


@routes.command("odd")
async def odd_command(ctx: Context) -> None:
    """Does what waits, after a command."""
    await _do(ctx)


@routes.command("raise")
async def fails_without_words(ctx: Context) -> None:
    """Fails with an error that has no text."""
    raise Silent


@routes.command("ask")
async def ask(ctx: Context) -> None:
    """Shows the button."""
    ctx.end_question()
    ctx.reply("press", [[ctx.button("odd", odd())]])


async def _do(ctx: Context) -> None:
    name, arguments = waiting.pop()
    if "what" in arguments:  # the odd value is an argument of the step or question
        arguments["/"] = arguments["/"](what=arguments.pop("what"))
    positional = [arguments.pop(key) for key in ("/", "//", "///") if key in arguments]
    done = getattr(ctx, name)(*positional, **arguments)
    if inspect.iscoroutine(done):
        await done


# What each method is given where the value is not the odd one; "/", "//" and "///" are its first positional ones, and
# "what" is an argument of the route that "/" is.
SANE: dict[str, dict[str, Any]] = {
    "alert": {"/": "k", "//": N_("{n} of it"), "n": 1},
    "t": {"/": "hello {name}", "name": "Anna"},
    "nt": {"/": "one", "//": "{n}", "///": 2},
    "texts": {"language": "ru"},
    "defer": {"/": later, "what": 1, "after": None, "at": None, "key": "k", "keep": "last", "to": 7, "lane": None},
    "cancel": {"/": later, "key": "k", "to": 7, "lane": None},
    "pending": {"/": later, "key": "k", "to": None, "lane": ("order", 7)},
    "emit": {"/": Sang(), "to": None},
    "after_commit": {"callback": print},
    "load": {"/": Kept, "user": 7, "chat": None},
    "save": {"/": Kept(n=1), "user": None, "chat": 7},
    "change": {"/": Kept, "//": lambda old: old, "user": None, "chat": None},
    "upsert": {"/": core_facts, "//": {"name": "odd", "value": "1"}, "key": "name", "keep": ()},
    "insert_ignore": {"/": core_facts, "//": {"name": "odd", "value": "1"}, "key": None},
    "date": {"/": MOMENT, "//": "Europe/Moscow", "style": "long", "year": False},
    "ask": {"/": asked, "what": 1, "within": None, "otherwise": None},
    "end_question": {},
    "reply": {"text": "hi", "buttons": None, "preview": False, "silent": False, "protect": False, "reply_to": True,
              "effect": "7", "on_doubt": "resend"},
    "edit": {"text": "hi", "buttons": None, "ref": 1, "preview": {"url": "https://a.b"}},
    "edit_caption": {"caption": "hi", "buttons": None, "ref": 1, "caption_above": True},
    "edit_media": {"media": Media.photo(b"1", "hi"), "buttons": None, "ref": 1},
    "edit_buttons": {"buttons": None, "ref": 1},
    "delete": {"ref": 1},
    "send_photo": {"photo": b"png", "caption": "hi", "buttons": None, "spoiler": True, "caption_above": True,
                   "cache": "k", "on_doubt": "resend"},
    "send_video": {"video": b"mp4", "caption": "hi", "duration": 1, "width": 1, "height": 1, "thumbnail": b"1",
                   "cover": b"1", "start_timestamp": 1, "supports_streaming": True, "reply_to": 1},
    "send_animation": {"animation": b"gif", "caption": "hi", "duration": 1, "thumbnail": b"1", "protect": True},
    "send_audio": {"audio": b"mp3", "caption": "hi", "performer": "x", "title": N_("x"), "thumbnail": b"1"},
    "send_voice": {"voice": b"ogg", "caption": "hi", "duration": 1, "effect": "7"},
    "send_video_note": {"video_note": b"mp4", "buttons": None, "duration": 1, "length": 1, "thumbnail": b"1"},
    "send_sticker": {"sticker": b"webp", "buttons": None, "emoji": "x", "cache": "k"},
    "send_album": {"pieces": [b"1", Media.video(b"2")], "caption": "hi", "silent": False, "on_doubt": "drop"},
    "send_document": {"document": b"1", "filename": "a.txt", "caption": "", "buttons": None, "thumbnail": b"1"},
    "send_invoice": {"title": "T", "description": "D", "payload": "weather:1", "currency": "XTR",
                     "prices": [{"label": "x", "amount": 1}]},
    "show": {"text": "hi", "buttons": None, "photo": None, "slot": "main", "fresh": None},
    "copy": {"message": 1, "to": 7, "topic": None, "caption": "hi", "buttons": None},
    "forward": {"message": [1, 2], "to": None, "topic": 3},
    "once": {"/": "k", "//": "sendDice", "on_doubt": "repeat", "chat_id": 7},
    "forget_once": {"/": "k"},
    "download": {"file": "id", "to": None, "max_bytes": 9},
    "typing": {"action": "typing"},
    "nearest_language": {"wanted": "pt-br"},
    "answer": {"text": "hi", "alert": False},
    "answer_pre_checkout": {"error": None},
    "answer_shipping": {"options": [], "error": None},
    "answer_inline": {"results": [], "cache": 0, "personal": True, "next_offset": ""},
    "inline_article": {"name": "a", "title": "T", "text": "hi", "buttons": None, "description": "d"},
    "call": {"/": "sendDice", "chat_id": 7, "emoji": "x"},
    "call_now": {"/": "sendChatAction", "chat_id": 7, "action": "typing"},
    "progress": {"action": "typing"},
    "administrators": {},
    "has_role": {"role": "owner"},
    "role_holders": {"role": "owner"},
    "button": {"/": "x", "//": odd()},
    "menu_button": {},
    "has_route": {"key": "weather:odd"},
    "link": {"/": opened(n=1), "group": False},
    "start_parameter": {"/": opened(n=1)},
    "url_button": {"text": "x", "url": "https://example.org", "style": "primary", "icon": "1"},
    "web_app_button": {"text": "x", "url": "https://example.org"},
    "login_button": {"text": "x", "url": "https://example.org", "forward_text": "x", "bot_username": "x"},
    "copy_button": {"text": "x", "copied": "x"},
    "switch_inline_button": {"text": "x", "query": "x", "here": False, "to": ["user"]},
    "pay_button": {"text": "x"},
    "keyboard": {"rows": [["x"]], "placeholder": "x", "selective": True},
    "remove_keyboard": {"selective": True},
    "force_reply": {"placeholder": "x", "selective": True},
    "request_contact": {"text": "x"},
    "request_location": {"text": "x"},
    "request_users": {"text": "x", "number": 1, "most": 2},
    "request_chat": {"text": "x", "number": 1, "channel": True},
    "request_poll": {"text": "x", "kind": "quiz"},
    "run_cpu": {"/": len, "key": None},
    "settings": {"model": BaseModel},
    "url": {"path": "/x"},
    "provide": {"api": str, "instance": "x"},
    "get": {"api": str},
    "find": {"api": str},
    "collect": {"hook": "weather_odd"},
    "counter": {"name": "odd", "text": "Odd things"},
    "gauge": {"name": "odds", "text": "Odd things"},
    "histogram": {"name": "odd_seconds", "text": "Odd things"},
}  # fmt: skip
TEXTS = ["", " ", "\x00", "\ud800", "a\u2028b", "x" * 5000, "<b>", "&", "я" * 70, "%s{0}{name}"]
VALUES: list[Any] = [
    *TEXTS, Markup("<b>x</b>"), Odd("odd"), None, True, 0, -1, 2**31, 2**63, 2**70, -(2**70), 0.5, float("nan"),
    float("inf"), b"", b"\xff", bytearray(b"x"), memoryview(b"x"), [], {}, (), set(), {1: Markup("x")}, [None], [[]],
    [[None]], [[Button("x")]], [[Button(Markup("x"), "url", Markup("https://a.b"))]],
    [[Button("\ud800", "url", "x")]], [[Button("x", "callback_data", 7)]], [Button("x")], Keyboard({}),
    Upload(b"x", "a"),
    Media("film", b"x"), Media.photo(b"x", "hi"), Path("/nowhere"), Ref(99),
    object(), Silent(), datetime.now(UTC), Decimal("NaN"), UUID(int=0), print, Context, odd, later,
    {"a": {"b": "\x00"}}, Sang(what=Markup("x")), Sang(what=object()), Sang(what=2**70), iter("ab"),
    [b"1", Markup("x")],
]  # fmt: skip


def public() -> set[str]:
    """The names of the methods that `Context` has for plugins."""
    return {name for name in dir(Context) if not name.startswith("_") and callable(getattr(Context, name))}


def test_every_public_method_is_among_them() -> None:
    """A new method of `ctx` is given odd values, too."""
    assert public() == set(SANE)


@st.composite
def calls(draw: st.DrawFn) -> tuple[bool, Call]:
    """A call of a method of `ctx` with one odd value, after a press or after a command."""
    name = draw(st.sampled_from([name for name, arguments in SANE.items() if arguments]))
    arguments = dict(SANE[name])
    arguments[draw(st.sampled_from(sorted(arguments)))] = draw(
        st.sampled_from(VALUES) | st.text(max_size=80) | st.integers() | st.floats() | st.binary(max_size=8)
    )
    return draw(st.booleans()), (name, arguments)


def test_no_odd_value_silences_a_chat(
    database_url: str, make_plugin: MakePlugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any method of `ctx`, any value: the chat gets its next answer. What cannot be stored fails in the handler."""
    monkeypatch.setattr(worker_module, "BUG_DELAY", 0.0)
    # pytest keeps log lines as they are, and its workers cannot hand over those with lone surrogates.
    logging.disable(logging.CRITICAL)
    with asyncio.Runner() as runner:
        stack, kit = runner.run(_started(database_url, make_plugin("weather", routes, states=[Kept])))
        anna = kit.user("Anna")

        @given(st.lists(calls(), min_size=6, max_size=6))
        def feed(batch: list[tuple[bool, Call]]) -> None:
            runner.run(_fed(kit, anna, batch))

        try:
            feed()
            runner.run(_fed(kit, anna, [(False, ("settings", {"model": Silent()}))]))
        finally:
            logging.disable(logging.NOTSET)
            runner.run(stack.aclose())


async def _started(database_url: str, plugin: LoadedPlugin) -> tuple[AsyncExitStack, BotKit]:
    stack = AsyncExitStack()
    return stack, await stack.enter_async_context(bot_kit(database_url, plugins=[plugin]))


async def _fed(kit: BotKit, anna: Any, batch: list[tuple[bool, Call]]) -> None:
    await anna.send("/ask")
    button = await anna.wait_for(lambda message: message.text == "press")
    for pressed, (name, arguments) in batch:
        waiting[:] = [(name, dict(arguments)) for _ in range(2)]  # a failure is tried once more
        if pressed:
            await anna.press("odd", message=button)
        else:
            await anna.send("/odd")
        await kit.settled()
    await anna.send("/ask")
    await anna.wait_for(lambda message: message.text == "press")


async def test_a_translated_title_of_an_invoice_is_text(
    database_url: str, make_plugin: MakePlugin, until: Callable[..., Any]
) -> None:
    """`ctx.send_invoice(title=ctx.t(...))` goes out with the text that the buyer shall read."""
    invoice = Routes()

    @invoice.command("buy")
    async def buy(ctx: Context) -> None:
        ctx.send_invoice(
            title=ctx.t("Chart & <more>"), description=ctx.t("All of it"), payload="weather:1", currency="XTR",
            prices=[{"label": ctx.t("Chart"), "amount": 1}],
        )  # fmt: skip

    async with bot_kit(database_url, plugins=[make_plugin("weather", invoice)]) as kit:
        anna = kit.user("Anna")
        await anna.send("/buy")
        await kit.settled()
        (call,) = kit.calls("sendInvoice")
        assert call.params["title"] == "Chart & <more>"
        assert call.params["prices"] == [{"label": "Chart", "amount": 1}]


async def test_an_error_without_words_ends_its_row(
    database_url: str, make_plugin: MakePlugin, caplog: pytest.LogCaptureFixture
) -> None:
    """An exception whose `__str__` fails is a dead letter like any other, with an apology."""
    async with bot_kit(database_url, plugins=[make_plugin("weather", routes)]) as kit:
        anna = kit.user("Anna")
        await anna.send("/raise")
        await anna.wait_for(lambda message: "Something went wrong" in message.text)
        await anna.send("/ask")
        await anna.wait_for(lambda message: message.text == "press")
    assert "Silent" in caplog.text
