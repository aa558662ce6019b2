"""What Telegram sends beside messages and presses ends well, and nobody is answered who asked nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from telegram import Update
from telegram.ext import TypeHandler

from astral_core import GROUP, Context, Routes
from astral_core.botapi.table import Field, alternatives, table, update_kinds
from astral_core.db.tables import DEAD, DONE, core_dialogs, core_inbox, core_users
from astral_core.host.state import LoadedPlugin
from astral_playground.testkit.bot import bot_kit

MakePlugin = Callable[..., LoadedPlugin]
Start = Callable[..., AbstractAsyncContextManager[Any]]

SUPER = {"id": -1001, "type": "supergroup", "title": "Stars"}
NEWS = {"id": -1003, "type": "channel", "title": "News"}
TELEGRAM = {"id": 777000, "is_bot": False, "first_name": "Telegram"}
ANSWERS: list[str] = []
RUN: list[Any] = []
routes = Routes()


@routes.command("ask", chat=GROUP)
async def ask_in_group(ctx: Context) -> None:
    """Notes who ran it."""
    RUN.append(ctx.user.id)


@routes.command("name")
async def ask(ctx: Context) -> None:
    """Asks for a name."""
    ctx.ask(name())
    ctx.reply("Your name?")


@routes.question("name", accept=("text", "users_shared", "chat_shared", "web_app_data"))
async def name(ctx: Context) -> None:
    """Takes it; a number is asked for again."""
    if ctx.text == "fail":
        raise ValueError("no")
    ANSWERS.append(ctx.text)
    if ctx.text.isdecimal():
        ctx.ask(name())
        ctx.reply("That is a number.")
    else:
        ctx.reply("Thank you.")


@routes.command("both")
async def both(ctx: Context) -> None:
    """Asks for two names, one after the other."""
    ctx.ask(first())


@routes.question("first")
async def first(ctx: Context) -> None:
    """Takes the first one."""
    ANSWERS.append(f"first: {ctx.text}")
    ctx.ask(name())


@pytest.fixture
def plugins(make_plugin: MakePlugin) -> list[LoadedPlugin]:
    """The plugin of these tests."""
    ANSWERS.clear()
    RUN.clear()
    return [make_plugin("odd", routes)]


def said(groups: Any, before: int) -> list[str]:
    """What was said since."""
    return [call.params.get("text", call.method) for call in groups.calls(before)]


# Each of them as Telegram's page of Message has it, https://core.telegram.org/bots/api#message
SERVICE = {
    "pinned_message": {"message_id": 1, "date": 0, "chat": {"id": 7, "type": "private"}},
    "message_auto_delete_timer_changed": {"message_auto_delete_time": 86400},
    "gift": {"gift": {"id": "1", "star_count": 5}},
    "chat_background_set": {"type": {"type": "fill"}},
    "write_access_allowed": {"from_request": True},
    "proximity_alert_triggered": {"distance": 5},
    "boost_added": {"boost_count": 1},
    "new_chat_members": [{"id": 9, "is_bot": False, "first_name": "N"}],
    "video_chat_started": {},
    "forum_topic_created": {"name": "x", "icon_color": 1},
    "something_of_2031": {"a": 1},
}


@pytest.mark.parametrize("kind", list(SERVICE))
async def test_service_messages_ask_for_no_answer(
    sqlite_url: str, start: Start, plugins: list[LoadedPlugin], kind: str
) -> None:
    """In private and in groups; an open question stays open, and takes the next message that says something."""
    async with start(sqlite_url, plugins) as groups:
        person = groups.kit.chat("Anna")
        await person.send("/name")
        before = len(groups.kit.calls())
        for chat in ({"id": person.id, "type": "private", "first_name": "Anna"}, SUPER):
            update = groups.update("", person.id, chat, **{kind: SERVICE[kind]})
            del update["message"]["text"]
            await groups.send(update)
        assert said(groups, before) == []
        await person.send("Anna")
        assert ANSWERS == ["Anna"]
        assert await groups.states() == {DONE}


async def test_every_service_message_of_the_table_is_one() -> None:
    """What is neither known as content nor says where a message comes from tells of something that happened."""
    from astral_core.bot.update import SAID

    members = set(table().types["Message"])
    assert members >= SAID
    assert {"pinned_message", "web_app_data", "gift", "successful_payment", "users_shared"} & SAID == set()


async def test_an_automatic_forward_of_a_channels_post_runs_no_command(
    sqlite_url: str, start: Start, plugins: list[LoadedPlugin]
) -> None:
    """Telegram itself is no person: neither as a user of the handler nor in the database."""
    async with start(sqlite_url, plugins) as groups:
        forwarded = {"from": TELEGRAM, "sender_chat": NEWS, "is_automatic_forward": True}
        await groups.say("/ask", SUPER, **forwarded)
        await groups.say("/ask", SUPER, **{**forwarded, "sender_chat": None})
        assert RUN == []
        await groups.say("/ask", SUPER, user=5001)
        assert RUN == [5001]
        async with groups.kit.running.database.engine.connect() as connection:
            assert 777000 not in (await connection.execute(select(core_users.c.id))).scalars().all()


@pytest.mark.parametrize("kind", ["channel_post", "edited_channel_post", "edited_message", "guest_message"])
async def test_posts_and_edits_with_commands_are_quiet(
    sqlite_url: str, start: Start, plugins: list[LoadedPlugin], kind: str
) -> None:
    """A route has to ask for them."""
    async with start(sqlite_url, plugins) as groups:
        update = groups.update("/ask", 5001, NEWS if "post" in kind else SUPER)
        before = len(groups.kit.calls())
        await groups.send({"update_id": update["update_id"], kind: update["message"]})
        assert (said(groups, before), RUN) == ([], [])
        assert await groups.states() == {DONE}


async def test_commands_as_people_type_them(sqlite_url: str, start: Start, plugins: list[LoadedPlugin]) -> None:
    """With the bot's name, with a new line or a no-break space behind: these act. The rest is quiet."""
    async with start(sqlite_url, plugins) as groups:
        for text in (f"/Ask@{groups.name.upper()}", "/ask\nplease", "/ask\u00a0please"):
            await groups.say(text, SUPER, user=5001)
        assert RUN == [5001] * 3
        private = {"id": 5001, "type": "private", "first_name": "V"}
        before = len(groups.kit.calls())
        await groups.say("/ask@another_bot", private, user=5001)
        await groups.say("/", private, user=5001)
        photo = {"photo": [{"file_id": "x", "file_unique_id": "y", "width": 1, "height": 1}], "caption": "/ask"}
        update = groups.update("", 5001, private, **photo)
        del update["message"]["text"]
        await groups.send(update)
        bot = {"id": groups.kit.running.settings.bot_id, "is_bot": True, "first_name": "Bot"}
        await groups.say("what our own inline mode offered", private, user=5001, via_bot=bot)
        assert said(groups, before) == []
        assert RUN == [5001] * 3


async def test_who_edits_the_last_message_has_answered(
    database_url: str, start: Start, plugins: list[LoadedPlugin]
) -> None:
    """Instead of writing a new one. Who edits an older message is told so, and the question stays open."""
    async with start(database_url, plugins) as groups:
        person = groups.kit.chat("Anna")
        private = {"id": person.id, "type": "private", "first_name": "Anna"}

        async def post(kind: str, text: str, number: int) -> list[str]:
            before = len(groups.kit.calls())
            update = groups.update(text, person.id, private, message_id=number)
            await groups.send({"update_id": update["update_id"], kind: update["message"]})
            return said(groups, before)

        await post("message", "hello", 9_000)
        await post("message", "/name", 9_010)
        assert await post("message", "12", 9_020) == ["That is a number."]
        (hint,) = await post("edited_message", "hello!", 9_000)
        assert hint.startswith("I have taken that message already")
        assert await post("edited_message", "/name", 9_020) == []
        assert ANSWERS == ["12"]
        assert await post("edited_message", "Anna", 9_020) == ["Thank you."]
        assert ANSWERS == ["12", "Anna"]
        assert await post("edited_message", "Ann", 9_020) == []  # no question is open
        async with groups.kit.running.database.engine.connect() as connection:
            assert (await connection.execute(select(core_dialogs))).all() == []


async def test_an_edit_answers_no_question_that_was_asked_after_it(
    sqlite_url: str, start: Start, plugins: list[LoadedPlugin]
) -> None:
    """Neither the next one, by a correction of the answer before, nor one by other words in place of the command."""
    async with start(sqlite_url, plugins) as groups:
        private = {"id": 5001, "type": "private", "first_name": "Anna"}

        async def post(kind: str, text: str, number: int) -> None:
            update = groups.update(text, 5001, private, message_id=number)
            await groups.send({"update_id": update["update_id"], kind: update["message"]})

        await post("message", "/both", 100)
        await post("edited_message", "oops", 100)
        assert ANSWERS == []
        await post("message", "Ana", 102)
        await post("edited_message", "Anna", 102)
        assert ANSWERS == ["first: Ana"]
        await post("message", "Smith", 104)
        assert ANSWERS == ["first: Ana", "Smith"]


async def test_a_failure_after_an_edit_is_told_like_any_other(
    sqlite_url: str, start: Start, plugins: list[LoadedPlugin]
) -> None:
    """Somebody waits for an answer."""
    async with start(sqlite_url, plugins) as groups:
        person = groups.kit.chat("Anna")
        await person.send("/name")
        update = groups.update("fail", person.id, {"id": person.id, "type": "private"}, message_id=9_999)
        before = len(groups.kit.calls())
        await groups.send({"update_id": update["update_id"], "edited_message": update["message"]})
        await groups.kit.advance(2)
        assert "Something went wrong" in said(groups, before)[0]


@pytest.mark.parametrize("kind", ["users_shared", "chat_shared", "web_app_data"])
async def test_what_a_button_below_the_chat_sends_answers_a_question(
    sqlite_url: str, start: Start, plugins: list[LoadedPlugin], kind: str
) -> None:
    """It is a service message, but somebody meant something. Where nothing was asked it is quiet."""
    shared = {
        "users_shared": {"request_id": 1, "users": [{"user_id": 9}]}, "chat_shared": {"request_id": 1, "chat_id": -5},
        "web_app_data": {"data": "x", "button_text": "y"},
    }  # fmt: skip
    async with start(sqlite_url, plugins) as groups:
        person = groups.kit.chat("Anna")
        private = {"id": person.id, "type": "private", "first_name": "Anna"}
        for command, answers in (("/start", []), ("/name", [""])):
            await person.send(command)
            before = len(groups.kit.calls())
            update = groups.update("", person.id, private, **{kind: shared[kind]})
            del update["message"]["text"]
            await groups.send(update)
            assert answers == ANSWERS
            assert bool(said(groups, before)) is bool(answers)


async def test_numbers_that_start_anew_lower_are_handled_once_in_order(
    sqlite_url: str, start: Start, plugins: list[LoadedPlugin]
) -> None:
    """After a quiet week Telegram chooses the next number at random."""
    async with start(sqlite_url, plugins) as groups:
        for number in (900, 901, 5, 6, 5):
            update = groups.update("/ask", 5000 + number, SUPER)
            await groups.send({**update, "update_id": number})
        assert RUN == [5900, 5901, 5005, 5006]


async def test_telegram_is_newer_than_this(
    sqlite_url: str, start: Start, plugins: list[LoadedPlugin], caplog: pytest.LogCaptureFixture
) -> None:
    """Kinds of the future, two at once, members of another form: taken, quiet, and the next update works."""
    bodies: list[dict[str, Any]] = [
        {"a_kind_of_2031": {"chat": SUPER, "text": "/ask"}},
        {"a_kind_of_2031": ["x"]},
        {"a_kind_of_2031": "x"},
        {"a_kind_of_2031": None},
        {},
        {"poll": {"id": "1"}, "message_reaction": {"chat": SUPER}},
        {"callback_query": {"id": "1"}},
        {"callback_query": {"id": "1", "from": {"id": 5, "first_name": "V", "is_bot": False}, "data": ["x"]}},
        {"callback_query": "x"},
        {"my_chat_member": {"chat": SUPER, "date": "x", "new_chat_member": "x"}},
        {"my_chat_member": {"chat": SUPER, "date": 2**60, "new_chat_member": {"status": ["x"]}}},
        {"chat_member": {"chat": SUPER}},
        {"message": {"message_id": 5, "date": 5, "chat": SUPER}},
        {"message": {"message_id": "x", "date": [], "chat": SUPER, "from": "x", "text": {"a": 1}}},
        {"message": {"chat": {"id": 7, "type": "private"}, "from": {"id": 7, "first_name": 5}, "text": 5}},
        {"message": {"chat": SUPER, "migrate_to_chat_id": "x", "sender_chat": 5, "reply_to_message": []}},
        {"message": {"chat": SUPER, "migrate_to_chat_id": 2**70, "message_thread_id": 2**70, "is_topic_message": 1}},
        {"edited_message": {"chat": {"id": 7, "type": "private"}, "text": ["x"], "from": {"id": 7}}},
        {"inline_query": {"id": "x"}},
        {"pre_checkout_query": {"id": "x", "from": {"id": 7, "first_name": "V"}, "invoice_payload": ["x"]}},
        {"business_message": {"chat": {"id": 9, "type": "private"}, "business_connection_id": 5}},
    ]
    async with start(sqlite_url, plugins) as groups:
        for body in bodies:
            await groups.send({"update_id": groups.update()["update_id"], **body})
        await groups.kit.advance(2)
        async with groups.kit.running.database.engine.connect() as connection:
            columns = (core_inbox.c.kind, core_inbox.c.payload)
            dead = (await connection.execute(select(*columns).where(core_inbox.c.state == DEAD))).all()
        assert [row.payload for row in dead if row.kind != "pre_checkout_query"] == []
        await groups.say("/ask", SUPER, user=5001)
        assert RUN == [5001]


# --- whatever can be made from the table


def _scalar(type_: str) -> st.SearchStrategy[Any]:
    return {
        "Integer": st.integers(-(2**63), 2**63 - 1), "Float": st.floats(allow_nan=False, allow_infinity=False),
        "Boolean": st.booleans(), "True": st.just(True), "InputFile": st.just("x"),
    }.get(type_, st.text(max_size=8))  # fmt: skip


JUNK = st.sampled_from(
    [None, [], {}, "x", "", 5, -5, 2**70, True, [[]], [{}], {"id": "x"}, {"id": None}, 0.5, "\u0000"]
)


def _value(type_: str, depth: int) -> st.SearchStrategy[Any]:
    options = alternatives(type_)
    if len(options) > 1:
        return st.one_of([_value(one, depth) for one in options])
    if type_.startswith("["):
        return st.lists(_value(type_[1:-1], depth), max_size=2)
    known = table()
    if type_ in known.unions:
        return st.sampled_from(known.unions[type_]).flatmap(lambda one: _value(one, depth))
    if type_ not in known.types:
        return _scalar(type_)
    return _object(known.types[type_], depth)


def _object(fields: dict[str, Field], depth: int) -> st.SearchStrategy[dict[str, Any]]:
    """An object that lacks some members, and in which some are junk."""

    @st.composite
    def make(draw: st.DrawFn) -> dict[str, Any]:
        found: dict[str, Any] = {}
        names = [name for name, field in fields.items() if field.required]
        others = [name for name in fields if name not in names]
        if others and depth:
            names += draw(st.lists(st.sampled_from(others), max_size=3, unique=True))
        for name in names:
            fate = draw(st.integers(0, 9))
            if fate == 0:
                continue
            field = fields[name]
            if fate == 1:
                found[name] = draw(JUNK)
            elif field.constant:
                found[name] = field.constant
            else:
                found[name] = draw(_value(field.type, depth - 1)) if depth else draw(JUNK)
        return found

    return make()


@st.composite
def updates(draw: st.DrawFn) -> dict[str, Any]:
    """An update of any kind."""
    kind = draw(st.sampled_from([*update_kinds(), "a_kind_of_2031"]))
    fields = table().types.get(table().types["Update"][kind].type, {}) if kind in update_kinds() else {}
    return {kind: draw(_object(fields, 3) | JUNK)}


async def _hears(update: Update, context: Any) -> None:
    """A handler of python-telegram-bot's that takes everything."""


async def test_no_update_of_any_form_stops_the_bot(
    sqlite_url: str, make_plugin: MakePlugin, post: Any, make_update: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever the table allows, with members that are missing or of another type: 200, and the next update works.

    Payments are the exception: one that names no plugin is kept for the owner as a dead letter.
    """
    foreign = Routes()
    foreign.raw(TypeHandler(object, _hears))
    plugins = [make_plugin("odd", routes), make_plugin("foreign", foreign)]
    async with bot_kit(sqlite_url, plugins=plugins) as kit:
        made: list[dict[str, Any]] = []

        @settings(
            max_examples=150, deadline=None, database=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(updates())
        def collect(update: dict[str, Any]) -> None:
            made.append(update)

        collect()
        for update in made:
            body = json.dumps({"update_id": make_update()["update_id"], **update}).encode()
            status, _ = await post(kit, body)
            assert status == 200, update
        await kit.settled()
        await kit.advance(2)
        async with kit.running.database.engine.connect() as connection:
            rows = (await connection.execute(select(core_inbox).where(core_inbox.c.state != DONE))).all()
        money = ("pre_checkout_query", "unreadable")
        left = [row for row in rows if row.kind not in money and "payment" not in (row.payload or "")]
        assert [(row.state, row.payload, row.error) for row in left] == []
        RUN.clear()
        await post(kit, make_update("/ask", 5001, SUPER))
        await kit.settled()
        assert RUN == [5001]
