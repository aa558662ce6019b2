"""Which handler gets an update: order, commands, deep links, questions, foreign handlers, admins."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select
from telegram import Update
from telegram.ext import MessageHandler, filters

from astral_core import ANY, OWNER, Context, RawContext, Routes, named_route
from astral_core.db.tables import DONE, PARKED, core_inbox, now
from astral_core.host.state import LoadedPlugin
from astral_core.inbox import suspects
from astral_core.inbox.row_updates import SUSPECT
from astral_playground.testkit.bot import bot_kit

MakePlugin = Callable[..., LoadedPlugin]
Post = Callable[..., Awaitable[tuple[int, Any]]]
MakeUpdate = Callable[..., dict[str, Any]]
Until = Callable[..., Awaitable[Any]]

routes = Routes()


@routes.command("echo", description="Say it again", chat=ANY)
async def echo(ctx: Context) -> None:
    """Tell the arguments."""
    ctx.reply("echo: " + "|".join(ctx.args.split()))


@routes.command("secret", role=OWNER, description="For admins")
async def secret(ctx: Context) -> None:
    """Admins only."""
    ctx.reply("for admins")


@routes.deep_link("moon/{phase:slug}")
async def link(ctx: Context, phase: str) -> None:
    """A deep link."""
    ctx.reply(f"link: {phase}")


@routes.command("ask")
async def ask(ctx: Context) -> None:
    """Ask a question with arguments of several types."""
    ctx.ask(answer(n=3, word="moon", many=(1, 2), key=UUID(int=5)))
    ctx.reply("when?")


@routes.question("when")
async def answer(ctx: Context, n: int, word: str, many: list[int], key: str) -> None:
    """Tell what came, with the types that it came in."""
    ctx.reply(f"answer: {ctx.text} {n} {word} {many!r} {key!r}")
    if ctx.text == "again":
        ctx.ask(answer(n=n + 1, word=word, many=many, key=key))


@routes.command("buttons")
@routes.callback("buttons")
async def buttons(ctx: Context) -> None:
    """A command and a button share this handler."""
    ctx.reply(
        "choose", [[ctx.button("Open 7", open_(n=7))], [ctx.button("Menu again", named_route("weather:buttons")())]]
    )


@routes.callback("open/{n:int}")
async def open_(ctx: Context, n: int) -> None:
    """A button with an argument."""
    ctx.reply(f"opened {n}")


async def foreign(update: Update, context: RawContext) -> None:
    """An existing python-telegram-bot handler."""
    context.astral.reply("foreign")


foreign_routes = Routes()
foreign_routes.raw(MessageHandler(filters.Regex("^(foreign|/echo)"), foreign))
text_routes = Routes()


@text_routes.text()
async def catch_all(ctx: Context) -> None:
    """The catch-all."""
    ctx.reply("caught")


async def test_an_update_goes_to_exactly_one_route_in_the_written_order(
    database_url: str, make_plugin: MakePlugin
) -> None:
    """Command before question before foreign handler before catch-all; nothing runs twice."""
    plugin = make_plugin("weather", routes, foreign_routes, text_routes)
    async with bot_kit(database_url, plugins=[plugin]) as kit:
        anna = kit.user("Anna")
        for said, heard in [
            ("/echo one  two", "echo: one|two"),
            ("foreign talk", "foreign"),
            ("anything", "caught"),
            ("/unknown", "I did not quite get that. Here is what I can do:"),
            ("/ask", "when?"),
            ("/unknown", "I did not quite get that. Here is what I can do:"),
            ("foreign answer", "answer: foreign answer 3 moon [1, 2] '00000000-0000-0000-0000-000000000005'"),
            ("foreign again", "foreign"),
        ]:
            before = len(kit.telegram.calls_of("sendMessage"))
            await anna.send(said)
            assert (await anna.wait_for()).text == heard
            assert len(kit.telegram.calls_of("sendMessage")) == before + 1


async def test_commands_are_found_by_name_case_and_addressee(
    sqlite_url: str, make_plugin: MakePlugin, post: Post, make_update: MakeUpdate, until: Until
) -> None:
    """/ECHO and /echo@ThisBot are ours, in groups too; /echo@another_bot is somebody else's."""
    async with bot_kit(sqlite_url, plugins=[make_plugin("weather", routes)]) as kit:
        anna = kit.user("Anna")
        await anna.send("/echo")
        await anna.wait_for("echo:")
        name = kit.running.bot.application.bot.username
        for said in ("/ECHO x", f"/echo@{name} x", f"/echo@{name.upper()} x"):
            await anna.send(said)
            assert (await anna.wait_for()).text == "echo: x"
        group = {"id": -100500, "type": "supergroup", "title": "Friends"}
        for said in ("/echo@another_bot x", "just talk", "/unknown"):
            await post(kit, make_update(said, anna.id, group))
        await post(kit, make_update(f"/echo@{name} in group", anna.id, group))
        call = await until(lambda: [c for c in kit.telegram.calls_of("sendMessage") if c.chat_id == -100500])
        assert len(call) == 1
        assert "in|group" in str(call[0].params)


async def test_deep_links_go_to_their_plugin(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """/start weather-xyz is the plugin's; /start with anything else greets."""
    async with bot_kit(sqlite_url, plugins=[make_plugin("weather", routes)]) as kit:
        anna = kit.user("Anna")
        await anna.send("/start weather-moon-1")
        assert (await anna.wait_for()).text == "link: 1"
        await anna.send("/start nobody-1")
        assert "Hello, Anna" in (await anna.wait_for()).text


async def test_a_question_survives_a_restart_with_the_same_arguments(
    database_url: str, make_plugin: MakePlugin
) -> None:
    """What was asked stands in the database; its arguments have the same types before and after a restart.

    A command in between acts, and leaves the question open; an answer ends it.
    """
    async with bot_kit(database_url, plugins=[make_plugin("weather", routes)]) as kit:
        anna = kit.user("Anna")
        await anna.send("/ask")
        await anna.wait_for("when?")
        await anna.send("again")
        first = await anna.wait_for()
        await kit.restart()
        await anna.send("again")
        second = await anna.wait_for()
        assert second.text == first.text.replace(" 3 ", " 4 ")
        await anna.send("/echo")
        await anna.wait_for("echo:")
        await anna.send("late")
        assert (await anna.wait_for()).text == first.text.replace("again 3", "late 5")
        await anna.send("later")
        assert "answer" not in (await anna.wait_for()).text


async def test_a_question_belongs_to_one_person_in_one_chat(
    sqlite_url: str, make_plugin: MakePlugin, until: Until
) -> None:
    """Another person's next message is no answer."""
    async with bot_kit(sqlite_url, plugins=[make_plugin("weather", routes)]) as kit:
        anna, boris = kit.user("Anna"), kit.user("Boris")
        await anna.send("/ask")
        await anna.wait_for("when?")
        await boris.send("hello")
        assert "answer" not in (await boris.wait_for()).text
        await anna.send("hello")
        assert "answer: hello" in (await anna.wait_for()).text


async def test_admin_commands_do_not_exist_for_others(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """Others get the fall-back, and do not read of them in /help or in Telegram's menu."""
    plugin = make_plugin("weather", routes)
    async with bot_kit(sqlite_url, plugins=[plugin], admins=(1001,)) as kit:
        admin, anna = kit.user("Admin", id=1001), kit.user("Anna", id=1002)
        await admin.send("/secret")
        assert (await admin.wait_for()).text == "for admins"
        await anna.send("/secret")
        assert "for admins" not in (await anna.wait_for()).text
        await anna.send("/help")
        shown = await anna.wait_for()
        assert "/echo — Say it again" in shown.text
        assert "/secret" not in shown.text
        await admin.send("/help")
        assert "/secret" in (await admin.wait_for()).text
        menus = [call.params for call in kit.telegram.calls_of("setMyCommands")]
        assert "secret" not in str([one for one in menus if one["scope"]["type"] != "chat"])


async def test_buttons_carry_typed_arguments_and_share_handlers_with_commands(
    sqlite_url: str, make_plugin: MakePlugin
) -> None:
    """One handler behind a command and a button; a name leads to a route as well as the function does."""
    async with bot_kit(sqlite_url, plugins=[make_plugin("weather", routes)]) as kit:
        anna = kit.user("Anna")
        await anna.send("/buttons")
        await anna.wait_for("choose")
        await anna.press("Menu again")
        await anna.wait_for("choose")
        await anna.press("Open 7")
        assert (await anna.wait_for()).text == "opened 7"


async def test_forged_and_outdated_buttons_say_that_they_expired(
    sqlite_url: str, make_plugin: MakePlugin, post: Post, make_update: MakeUpdate
) -> None:
    """Whatever data comes, the user reads a sentence, and no row dies."""
    async with bot_kit(sqlite_url, plugins=[make_plugin("weather", routes)]) as kit:
        anna = kit.user("Anna")
        await anna.send("/buttons")
        message = await anna.wait_for("choose")
        for number, data in enumerate(
            [
                "weather:open/x",
                "weather:open",
                "weather:open/1/2",
                "gone:open/1",
                "",
                "///",
                "weather:open/" + "9" * 40,
            ]
        ):
            sender = make_update(user=anna.id)["message"]
            query = {"id": str(number), "from": sender["from"], "chat_instance": "1", "data": data}
            query["message"] = {**sender, "message_id": message.message_id}
            anna._fresh.clear()
            status, _ = await post(kit, {"update_id": 70_000 + number, "callback_query": query})
            assert status == 200
            await anna.wait_for("That button has expired")
        assert 'outcome="dead"' not in kit.running.metrics.render().decode()


async def test_middleware_wraps_every_handler_in_its_order(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """Lower order is further out, whatever plugin it is from; one may answer instead of the handler."""
    seen: list[str] = []

    layers = Routes()

    def add(name: str, order: int) -> None:
        @layers.middleware(order=order)
        async def call(ctx: Context, call_next: Callable[[], Awaitable[None]]) -> None:
            seen.append(f"{name} in")
            if ctx.text == "stop":
                ctx.reply("stopped")
                return
            await call_next()
            seen.append(f"{name} out")

    add("inner", 20)
    add("outer", 10)
    async with bot_kit(sqlite_url, plugins=[make_plugin("weather", routes, layers)]) as kit:
        anna = kit.user("Anna")
        await anna.send("/echo")
        await anna.wait_for("echo")
        assert seen == ["outer in", "inner in", "inner out", "outer out"]
        await anna.send("stop")
        assert (await anna.wait_for()).text == "stopped"


async def test_a_payment_that_no_plugin_takes_is_kept_as_a_dead_letter(
    sqlite_url: str,
    make_plugin: MakePlugin,
    post: Post,
    make_update: MakeUpdate,
    until: Until,
    astral: Callable[..., Awaitable[Any]],
) -> None:
    """Money is a fact: without its plugin the row keeps its payload, and can be retried when the plugin is back."""
    async with bot_kit(sqlite_url, plugins=[]) as kit:
        anna = kit.user("Anna")
        await anna.send("/start")
        await anna.wait_for("Hello")
        paid = {
            "currency": "XTR",
            "total_amount": 50,
            "invoice_payload": "shop:order-1",
            "telegram_payment_charge_id": "c1",
            "provider_payment_charge_id": "p1",
        }
        update = make_update(user=anna.id, successful_payment=paid)
        del update["message"]["text"]
        await post(kit, update)
        await anna.wait_for("Something went wrong")
        listed = await astral(kit, "inbox", "list", "--dead")
        assert "no plugin takes payments of 'shop'" in listed.output
        shown = await astral(kit, "inbox", "show", "2")
        assert "order-1" in shown.output


async def test_a_command_of_an_anonymous_admin_is_nobodys(
    sqlite_url: str, post: Callable[..., Any], make_update: Callable[..., dict[str, Any]], until: Callable[..., Any]
) -> None:
    """Commands promise their handler a user; who writes as the group itself has none, and gets no failure either."""
    async with bot_kit(sqlite_url, plugins=[]) as kit:
        group = {"id": -1002, "type": "supergroup", "title": "t"}
        body = make_update("/start", chat=group, sender_chat=group)
        body["message"]["from"] = {"id": 1087968824, "is_bot": True, "first_name": "Group"}
        assert (await post(kit, body))[0] == 200
        await until(lambda: kit.running.readiness.serving and not kit.running.inbox.lanes.active)
        async with kit.running.database.engine.connect() as connection:
            states = (await connection.execute(select(core_inbox.c.state))).scalars().all()
        assert set(states) == {DONE}


async def test_what_was_put_off_answers_no_question_that_was_asked_since(
    database_url: str, make_plugin: MakePlugin, make_update: MakeUpdate
) -> None:
    """A message that waited because it might have killed a process belongs to the question of its own time."""
    async with bot_kit(database_url, plugins=[make_plugin("weather", routes)]) as kit:
        anna = kit.user("Anna")
        row = {"source": f"tg:{kit.running.settings.bot_id}", "lane": anna.id, "kind": "message", "crashes": 1,
               "state": PARKED, "parked_for": SUSPECT}  # fmt: skip

        async def comes_back(number: int, text: str) -> None:
            body = json.dumps(make_update(text, user=anna.id))
            due = {"ext_id": f"late-{number}", "payload": body, "due_at": now()}
            async with kit.running.database.engine.begin() as connection:
                await connection.execute(insert(core_inbox).values(**row, **due, received_at=written))
            await suspects.release_due(kit.running.database, 600.0)
            await kit.running.inbox.lanes.sync()
            await kit.settled()

        await anna.send("/start")
        await anna.wait_for()
        written = now()
        await anna.send("/ask")
        await anna.wait_for("when?")
        await comes_back(1, "Moscow")
        await anna.wait_for("did not quite get that")
        written = now()
        await comes_back(2, "Kazan")
        await anna.wait_for("answer: Kazan 3 moon")
