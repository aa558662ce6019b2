"""Kinds of route beyond commands and buttons: contents, patterns, other updates, queries; limits, and a new kind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
from click.testing import CliRunner

from astral_core import (
    ANY,
    CHANNEL,
    GROUP,
    PRIVATE,
    ChatKind,
    Context,
    Flood,
    Routes,
    Skip,
    View,
)
from astral_core.bot.webhook_setup import wanted
from astral_core.cli import cli
from astral_core.errors import ConflictError, DeclarationError
from astral_core.host.discover import import_plugin
from astral_core.host.registry import build_registry
from astral_core.host.state import LoadedPlugin
from astral_core.kinds.base import Claims, Incoming, Kind, Match, Owner, registered
from astral_playground.testkit.bot import bot_kit

MakePlugin = Callable[..., LoadedPlugin]
PNG = (Path(__file__).parents[2] / "docs/images/playground.png").read_bytes()
routes = Routes()


@routes.message("photo", "sticker")
async def picture(ctx: Context) -> None:
    """Takes pictures."""
    ctx.reply(f"a picture: {ctx.text or 'no words'}")


@routes.message("photo", pattern=r"(?i)cat")
async def cat(ctx: Context) -> None:
    """Takes pictures of cats; passes on those of black ones."""
    if "black" in ctx.text:
        raise Skip
    ctx.reply("a cat!")


@routes.text(pattern=r"^\d+$")
async def number(ctx: Context) -> None:
    """Takes numbers."""
    ctx.reply(f"{int(ctx.text) + 1} comes next")


@routes.text()
async def rest(ctx: Context) -> None:
    """Takes all other text."""
    ctx.reply(f"text: {ctx.text}")


@routes.message("text", chat=GROUP)
async def in_group(ctx: Context) -> None:
    """Takes text of groups."""
    if ctx.text == "skip":
        raise Skip
    ctx.reply(f"{ctx.chat.title} ({ctx.chat.type}): {ctx.text}")


@routes.message("forum_topic_closed", chat=GROUP)
async def closed(ctx: Context) -> None:
    """Takes a service message."""
    seen.append((ctx.topic, "forum_topic_closed" in ctx.message))


@routes.message(chat=CHANNEL)
async def post(ctx: Context) -> None:
    """Takes posts of channels, which come from nobody."""
    ctx.reply(f"posted: {ctx.text}, {ctx.has_user}")


@routes.on("message_reaction", chat=ANY)
async def reacted(ctx: Context, reaction: View) -> None:
    """Takes reactions."""
    emoji = [one.emoji for one in reaction.new_reaction]
    ctx.reply(f"{ctx.user.first_name} reacts with {emoji}; {ctx.reaction.message_id == reaction.message_id}")


@routes.on("poll")
async def polled(ctx: Context, poll: View) -> None:
    """Takes the state of polls, which come from no chat."""
    seen.append(poll.question)


@routes.web_app_data()
async def app_data(ctx: Context, data: str) -> None:
    """Takes what a Mini App sends."""
    ctx.reply(f"sent: {data}")


@routes.shipping()
async def ship(ctx: Context, query: View) -> None:
    """Declines each address."""
    ctx.answer_shipping(error=f"We do not send to {query.shipping_address.country_code}.")


@routes.inline(pattern="^moon")
async def moon(ctx: Context, query: View) -> None:
    """Takes inline queries about the Moon."""
    ctx.answer_inline([ctx.inline_article("1", "The Moon", f"It is <full>: {query.query}", description="tonight")])


@routes.inline()
async def anything(ctx: Context, query: View) -> None:
    """Takes other inline queries."""
    ctx.answer_inline([], cache=60, personal=False)


seen: list[Any] = []


@pytest.fixture
def plugins(make_plugin: MakePlugin) -> list[LoadedPlugin]:
    """One plugin with a route of each kind."""
    seen.clear()
    return [make_plugin("zoo", routes)]


async def test_a_message_goes_to_the_route_of_its_content(sqlite_url: str, plugins: list[LoadedPlugin]) -> None:
    """A pattern is asked before the route for all; Skip leaves the message to the next one; the rest is text."""
    async with bot_kit(sqlite_url, plugins) as kit:
        anna = kit.chat("Anna")
        for caption, answer in [
            ("a Cat", "a cat!"), ("a black cat", "a picture: a black cat"), ("", "a picture: no words"),
        ]:  # fmt: skip
            await anna.send_photo(PNG, caption=caption)
            assert anna.last.text == answer
        for text, answer in [("41", "42 comes next"), ("41 <b>", "text: 41 <b>")]:
            await anna.send(text)
            assert anna.last.text == answer
        await anna.send_dice()
        assert "did not quite get that" in anna.last.text


async def test_groups_topics_and_channels(sqlite_url: str, plugins: list[LoadedPlugin]) -> None:
    """A route answers where its chat= says, also to service messages and posts; what all skip is nobody's."""
    async with bot_kit(sqlite_url, plugins) as kit:
        anna = kit.chat("Anna")
        group = kit.group("Club", admins=[anna], topics=["News"], privacy=False)
        await group.send(anna, "hello")
        assert group.messages[-1].text == "Club (supergroup): hello"
        before = len(group.messages)
        await group.send(anna, "skip")
        assert len(group.messages) == before + 1
        await group.close_topic(anna, "News")
        assert seen == [(group.topic("News").thread, True)]
        channel = kit.group("Daily", admins=[anna], kind="channel")
        await channel.send(anna, "today")
        assert channel.messages[-1].text == "posted: today, False"


async def test_other_updates_come_as_views(
    sqlite_url: str, plugins: list[LoadedPlugin], post: Callable[..., Any], until: Callable[..., Any]
) -> None:
    """A reaction is answered in its chat; what comes from no chat reaches its route, too."""
    async with bot_kit(sqlite_url, plugins) as kit:
        anna = kit.chat("Anna")
        await anna.send("hi")
        await anna.react(anna.last, "👍")
        assert anna.last.text == "Anna reacts with ['👍']; True"
        await post(kit, {"update_id": 1, "poll": {"id": "1", "question": "Why?", "options": []}})
        await until(lambda: seen == ["Why?"])


async def test_what_a_mini_app_sends_and_where_goods_go(
    sqlite_url: str, plugins: list[LoadedPlugin], post: Callable[..., Any], make_update: Callable[..., Any],
    until: Callable[..., Any],
) -> None:  # fmt: skip
    """The app's data comes as text; a shipping query goes to the plugin of the invoice, which answers it."""
    async with bot_kit(sqlite_url, plugins) as kit:
        anna = kit.chat("Anna")
        await anna.send("hi")
        update = make_update(user=anna.id, web_app_data={"data": '{"size": 3}', "button_text": "Order"})
        del update["message"]["text"]
        await post(kit, update)
        await until(lambda: anna.texts[-1:] == ['sent: {"size": 3}'])
        sender = {"id": anna.id, "is_bot": False, "first_name": "Anna"}
        query = {"id": "77", "from": sender, "invoice_payload": "zoo:7", "shipping_address": {"country_code": "FI"}}
        await post(kit, {"update_id": 2, "shipping_query": query})
        await until(lambda: kit.calls("answerShippingQuery"))
        [call] = kit.calls("answerShippingQuery")
        assert (call.params["shipping_query_id"], call.params["ok"]) == ("77", "false")
        assert call.params["error_message"] == "We do not send to FI."


async def test_inline_queries_are_answered(sqlite_url: str, plugins: list[LoadedPlugin]) -> None:
    """The route whose pattern fits, else the one for all; what is chosen arrives as it was written."""
    async with bot_kit(sqlite_url, plugins) as kit:
        anna = kit.chat("Anna")
        found = await anna.inline("moon & stars")
        message = await found.choose("The Moon")
        assert message.text == "It is <full>: moon & stars"
        assert (await anna.inline("sun")).titles == []
        [last] = kit.calls("answerInlineQuery")[-1:]
        assert (last.params["cache_time"], last.params["is_personal"]) == ("60", "false")


def test_telegram_is_asked_for_what_routes_take(plugins: list[LoadedPlugin], make_plugin: MakePlugin) -> None:
    """Each kind of update that a route takes is in allowed_updates, and no other."""
    import_plugin(plugins[0])
    kinds = set(wanted(build_registry(plugins, {}, ())))
    assert {"message_reaction", "poll", "inline_query", "channel_post", "message"} <= kinds
    assert not {"chat_member", "poll_answer", "edited_channel_post"} & kinds
    plain = make_plugin("plain", Routes())
    import_plugin(plain)
    assert not {"inline_query", "channel_post"} & set(wanted(build_registry([plain], {}, ())))


# --- limits


limited = Routes()
ran: list[int] = []


@limited.command("fast", flood=Flood(2, per=60))
async def fast(ctx: Context) -> None:
    """May be used twice a minute."""
    ctx.reply("there you are")


@limited.callback("press", answer="manual", flood=Flood(1, per=60))
async def press(ctx: Context) -> None:
    """May be pressed once a minute."""
    ctx.answer("pressed")


@limited.command("button")
async def button(ctx: Context) -> None:
    """Shows the button."""
    ctx.reply("here", [[ctx.button("Press", press())]])


@limited.command("crowd", chat=GROUP, flood=Flood(1, per=60, of="chat"))
async def crowd(ctx: Context) -> None:
    """May be used once a minute by all of a group together."""
    ctx.reply("once")


@limited.command("slow", timeout=0.05)
async def slow(ctx: Context) -> None:
    """Takes longer than its route allows."""
    ran.append(ctx.row_id)
    await asyncio.sleep(30)


@limited.command("stubborn")
async def stubborn(ctx: Context) -> None:
    """Defers a step that always fails."""
    ctx.defer(failing())


@limited.step("failing", tries=4)
async def failing(ctx: Context) -> None:
    """Fails by a bug."""
    ran.append(ctx.row_id)
    raise ValueError("always")


async def test_a_flood_is_told_once_and_then_refused_in_silence(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """The first use too many is answered, the next ones are not; when its time is over the route answers again."""
    async with bot_kit(sqlite_url, [make_plugin("guard", limited)]) as kit:
        anna, ben = kit.chat("Anna"), kit.chat("Ben")
        for _ in range(5):
            await anna.send("/fast")
        assert anna.texts.count("there you are") == 2
        assert sum("a bit fast" in text for text in anna.texts) == 1
        await ben.send("/fast")
        assert ben.last.text == "there you are"
        await kit.advance(61)
        await anna.send("/fast")
        assert anna.texts.count("there you are") == 3


async def test_a_flood_of_presses_is_told_in_the_answer(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """A button that answers by itself says so in an alert, and no spinner stays."""
    async with bot_kit(sqlite_url, [make_plugin("guard", limited)]) as kit:
        anna = kit.chat("Anna")
        await anna.send("/button")
        for _ in range(3):
            await anna.tap("Press")
        assert anna.toasts[0] == "pressed"
        assert [text for text in anna.toasts if text and "a bit fast" in text] == [anna.toasts[1]]


async def test_a_chat_may_have_one_limit_for_all(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """`of="chat"` counts the people of a group together; a group is not told."""
    async with bot_kit(sqlite_url, [make_plugin("guard", limited)]) as kit:
        anna, ben = kit.chat("Anna"), kit.chat("Ben")
        group = kit.group("Club", admins=[anna], members=[ben])
        await group.send(anna, "/crowd")
        await group.send(ben, "/crowd")
        assert [message.text for message in group.messages].count("once") == 1


async def test_a_route_has_its_own_time(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """A handler that takes longer than timeout= is ended and tried as any failure is, and the person is told."""
    ran.clear()
    async with bot_kit(sqlite_url, [make_plugin("guard", limited)]) as kit:
        anna = kit.chat("Anna")
        await anna.send("/slow")
        assert "went wrong" in anna.last.text
        assert len(ran) >= 2


async def test_a_step_is_tried_as_often_as_it_says_and_its_person_is_told(
    sqlite_url: str, make_plugin: MakePlugin
) -> None:
    """Four tries with growing pauses; then one message to whoever it was for, with the error's id."""
    ran.clear()
    async with bot_kit(sqlite_url, [make_plugin("guard", limited)]) as kit:
        anna = kit.chat("Anna")
        await anna.send("/stubborn")
        for _ in range(6):
            await kit.advance(10)
        assert len(ran) == 4
        assert [("stopped trying" in text) for text in anna.texts] == [True]


# --- conflicts, and declarations that are wrong


def test_two_plugins_that_take_the_same_are_a_conflict_that_names_both(make_plugin: MakePlugin) -> None:
    """The same content, kind of update or inline query without a pattern, in the same kind of chat."""

    def one(name: str, chat: ChatKind = PRIVATE) -> LoadedPlugin:
        collector = Routes()
        collector.message("photo", chat=chat)(picture)
        collector.on("poll_answer")(polled)
        collector.inline()(anything)
        collector.text(chat=chat)(rest)
        plugin = make_plugin(name, collector)
        import_plugin(plugin)
        return plugin

    with pytest.raises(ConflictError) as caught:
        build_registry([one("ant"), one("bee")], {}, ())
    text = str(caught.value)
    for what in ("photo", "poll_answer", "inline", "catch-all text"):
        assert any(what in line and "'ant'" in line and "'bee'" in line for line in caught.value.conflicts), text
    with pytest.raises(ConflictError) as caught:
        build_registry([one("ant"), one("bee", GROUP)], {}, ())
    assert not any("photo" in line or "catch-all" in line for line in caught.value.conflicts)


async def two(ctx: Context, a: str, b: str) -> None:
    """Takes two words."""


@pytest.mark.parametrize(
    ("declare", "said"),
    [
        (lambda r: r.message("foto")(picture), "which no message has"),
        (lambda r: r.text(pattern="(")(rest), "no regular expression"),
        (lambda r: r.on("mesage_reaction")(polled), "did you mean 'message_reaction'"),
        (lambda r: r.on("message")(polled), "use message, text or command"),
        (lambda r: r.on("chat_member")(polled), "give it one or more of GROUP | CHANNEL"),
        (lambda r: r.command("x", timeout=0)(rest), "no number of seconds above 0"),
        (lambda r: r.step("x", tries=0)(failing.handler), "is not 1 to 100"),
        (lambda r: r.deep_link("x/{a:uuid}/{b:uuid}")(two), "may need"),
    ],
)
def test_what_cannot_be_meant_fails_when_it_is_declared(
    make_plugin: MakePlugin, declare: Callable[[Routes], object], said: str
) -> None:
    """The sentence names the route and what to write instead."""
    collector = Routes()
    declare(collector)
    plugin = make_plugin("wrong", collector)
    import_plugin(plugin)
    with pytest.raises(DeclarationError, match="wrong") as caught:
        build_registry([plugin], {}, ())
    assert said in str(caught.value)


# --- a kind of one's own


class Bells(Kind):
    """Messages that ring: the whole kind stands in this module."""

    declares: ClassVar[type]
    name, plural = "bell", "bells"
    updates = frozenset(("message",))

    def add(self, plugin: Owner, declared: Any, claims: Claims) -> str | None:
        """A bell has one plugin."""
        route = registered(plugin, declared, Bells, declared.sound)
        if claims.take("bell", declared.sound, plugin):
            self.routes[declared.sound] = route
        return None

    def find(self, incoming: Incoming) -> Match | None:
        """The bell that a message rings."""
        route = self.routes.get(incoming.text)
        return incoming.here(route) if route is not None else None


@dataclass(frozen=True)
class Bell:
    """A message that is exactly `sound`."""

    kind: ClassVar[type[Kind]] = Bells
    handler: Any
    sound: str
    chat: ChatKind = PRIVATE


Bells.declares = Bell


async def ring(ctx: Context) -> None:
    """Answers a bell."""
    ctx.reply("somebody rang")


def bell(sound: str) -> Routes:
    """A collector with a bell."""
    collector = Routes()
    collector.add(Bell(ring, sound))
    return collector


async def test_a_kind_of_one_module_is_routed_shown_and_checked(
    sqlite_url: str, make_plugin: MakePlugin, install: Callable[[str, str], None]
) -> None:
    """It appears in the router, `astral routes`, `astral plugins info` and conflicts, by its own module alone."""
    async with bot_kit(sqlite_url, [make_plugin("door", bell("ding"))]) as kit:
        anna = kit.chat("Anna")
        await anna.send("ding")
        assert anna.last.text == "somebody rang"
        await anna.send("dong")
        assert "did not quite get that" in anna.last.text
    install(
        "gate",
        f"from {__name__} import Bell, ring\nfrom astral_core import Plugin\n\n"
        'plugin = Plugin()\nplugin.add(Bell(ring, "ding"))\n',
    )
    shown = CliRunner().invoke(cli, ["routes"])
    assert any(line.split()[:3] == ["bell", "ding", "gate"] for line in shown.output.splitlines()), shown.output
    info = CliRunner().invoke(cli, ["plugins", "info", "gate"])
    assert "bells:         ding" in info.output
    two = [make_plugin("door", bell("ding")), make_plugin("tower", bell("ding"))]
    for plugin in two:
        import_plugin(plugin)
    with pytest.raises(ConflictError, match="bell 'ding' is declared by 'door'"):
        build_registry(two, {}, ())
