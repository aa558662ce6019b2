"""What strangers found in the routes and verbs of authors: each case is the smallest that went wrong."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from astral_core import ANY, CHANNEL, GROUP, N_, Context, Flood, Plugin, Refuse, Routes, Skip, View, html
from astral_core.db.tables import DEAD, core_inbox
from astral_core.errors import DeclarationError, HandlerError, TelegramUnavailable
from astral_core.host.discover import import_plugin
from astral_core.host.registry import build_registry
from astral_core.host.state import LoadedPlugin
from astral_playground.testkit.bot import BotKit, bot_kit

MakePlugin = Callable[..., LoadedPlugin]
HOUR = timedelta(hours=1)
PNG = (Path(__file__).parents[2] / "docs/images/playground.png").read_bytes()


async def dead(kit: BotKit) -> int:
    """How many dead letters there are."""
    return sum(row.state == DEAD for row in await kit.rows(core_inbox))


async def test_once_is_once_in_each_lane(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """A key is a chat's own: what was done once for Anna is done once for Ben."""
    routes = Routes()

    @routes.step("welcome")
    async def welcome(ctx: Context) -> None:
        ctx.reply("welcome!")

    @routes.command("go")
    async def go(ctx: Context) -> None:
        ctx.defer(welcome(), key="welcome", keep="once")

    async with bot_kit(sqlite_url, [make_plugin("zoo", routes)]) as kit:
        anna, ben = kit.chat("Anna"), kit.chat("Ben")
        for chat in (anna, ben, anna):
            await chat.send("/go")
        assert (anna.texts, ben.texts) == (["welcome!"], ["welcome!"])


async def test_only_routes_with_a_next_one_may_skip(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """A payment, a press or an answer that is skipped would be lost: it is an error, and the question stays open."""
    routes = Routes()

    @routes.callback("press")
    async def press(ctx: Context) -> None:
        raise Skip

    @routes.payment()
    async def paid(ctx: Context, payment: View) -> None:
        raise Skip

    @routes.pre_checkout()
    async def may_pay(ctx: Context, query: View) -> None:
        ctx.answer_pre_checkout()

    @routes.command("go")
    async def go(ctx: Context) -> None:
        ctx.reply("here", [[ctx.button("Press", press())]])
        price = [{"label": "x", "amount": 1}]
        ctx.send_invoice(title="x", description="x", payload="zoo:x", currency="XTR", prices=price)

    async with bot_kit(sqlite_url, [make_plugin("zoo", routes)]) as kit:
        anna = kit.chat("Anna")
        await anna.send("/go")
        await anna.tap("Press")
        assert await dead(kit) == 1
        await anna.pay()
        assert await dead(kit) == 2


async def test_middleware_runs_once_and_skip_looks_at_the_handler_alone(
    sqlite_url: str, make_plugin: MakePlugin
) -> None:
    """What middleware records is no reason against Skip, and it is recorded once."""
    routes, seen = Routes(), []

    @routes.step("log")
    async def log(ctx: Context) -> None:
        seen.append("logged")

    @routes.middleware()
    async def around(ctx: Context, call_next: Callable[[], Awaitable[None]]) -> None:
        if ctx.has_message:
            seen.append("in")
            ctx.defer(log())
        await call_next()

    @routes.message("text", timeout=0.2)
    async def first(ctx: Context) -> None:
        raise Skip

    @routes.text()
    async def second(ctx: Context) -> None:
        ctx.reply("second")

    async with bot_kit(sqlite_url, [make_plugin("zoo", routes)]) as kit:
        anna = kit.chat("Anna")
        await anna.send("hi")
        assert anna.texts == ["second"]
        assert seen == ["in", "logged"]


async def test_a_limit_leaves_the_question_open_and_knows_its_own_route(
    sqlite_url: str, make_plugin: MakePlugin
) -> None:
    """An answer that comes too fast is given once more; two routes of the same content count apart."""
    routes = Routes()

    @routes.question("name", flood=Flood(1, per=60))
    async def name(ctx: Context) -> None:
        ctx.reply(f"heard {ctx.text}")
        ctx.ask(name())

    @routes.command("go")
    async def go(ctx: Context) -> None:
        ctx.ask(name(), within=HOUR)

    @routes.message("photo", pattern="cat", flood=Flood(1, per=3600))
    async def cat(ctx: Context) -> None:
        ctx.reply("cat")

    @routes.message("photo", flood=Flood(5, per=60))
    async def photo(ctx: Context) -> None:
        ctx.reply("photo")

    async with bot_kit(sqlite_url, [make_plugin("zoo", routes)]) as kit:
        anna, ben = kit.chat("Anna"), kit.chat("Ben")
        await anna.send("/go")
        await anna.send("one")
        await anna.send("two")
        assert "a bit fast" in anna.last.text
        await kit.advance(61)
        await anna.send("three")
        assert anna.last.text == "heard three"
        await ben.send_photo(PNG, caption="dog")
        await ben.send_photo(PNG, caption="cat")
        assert ben.texts == ["photo", "cat"]


async def test_a_row_that_is_tried_again_is_not_counted_again(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """Also if the person has used up the limit elsewhere meanwhile."""
    routes, ran = Routes(), []

    @routes.command("go", chat=GROUP, flood=Flood(1, per=600))
    async def go(ctx: Context) -> None:
        ran.append(ctx.row_id)
        if len(ran) == 1:
            raise TelegramUnavailable("x", "away")
        ctx.reply("went")

    async with bot_kit(sqlite_url, [make_plugin("zoo", routes)]) as kit:
        anna = kit.chat("Anna")
        group = kit.group("One", admins=[anna])
        await group.send(anna, "/go")
        assert [message.text for message in group.messages].count("went") == 1
        assert len(set(ran)) == 1


async def test_the_end_of_a_question_is_its_own(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """A timer that was taken back closes nothing; a step that fails or refuses does not keep the question open."""
    routes = Routes()

    @routes.question("name")
    async def name(ctx: Context) -> None:
        ctx.reply(f"thanks {ctx.text}")

    @routes.step("late")
    async def late(ctx: Context) -> None:
        raise Refuse("too late, sorry")

    @routes.command("taken_back")
    async def taken_back(ctx: Context) -> None:
        ctx.ask(name(), within=HOUR, otherwise=late())
        ctx.end_question()

    @routes.command("ask")
    async def ask(ctx: Context) -> None:
        ctx.ask(name())

    @routes.command("short")
    async def short(ctx: Context) -> None:
        ctx.ask(name(), within=HOUR, otherwise=late())

    async with bot_kit(sqlite_url, [make_plugin("zoo", routes)]) as kit:
        anna, ben = kit.chat("Anna"), kit.chat("Ben")
        await anna.send("/taken_back")
        await anna.send("/ask")
        await ben.send("/short")
        await kit.advance(HOUR.total_seconds() + 1)
        await anna.send("Anna")
        assert anna.texts == ["thanks Anna"]
        assert ben.texts == ["too late, sorry"]
        await ben.send("Ben")
        assert "did not quite get that" in ben.last.text


async def test_nobody_is_asked_where_there_is_no_person(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """An anonymous admin is told why, and nothing comes an hour later."""
    routes = Routes()

    @routes.question("name", chat=GROUP)
    async def name(ctx: Context) -> None:
        ctx.reply("heard")

    @routes.step("late")
    async def late(ctx: Context) -> None:
        ctx.reply("too late")

    @routes.command("go", chat=GROUP)
    async def go(ctx: Context) -> None:
        ctx.ask(name(), within=HOUR, otherwise=late())

    async with bot_kit(sqlite_url, [make_plugin("zoo", routes)]) as kit:
        boss, anna = kit.chat("Boss"), kit.chat("Anna")
        group = kit.group("Club", admins=[boss, anna])
        await group.promote(anna, anonymous=True)
        await group.send(anna, "/go")
        assert "only do this for a person" in group.messages[-1].text
        await kit.advance(HOUR.total_seconds() + 1)
        assert not any(message.text == "too late" for message in group.messages)


async def test_a_step_without_a_person_that_needs_one_is_a_dead_letter(
    sqlite_url: str, make_plugin: MakePlugin
) -> None:
    """It would end as done otherwise, and nobody would know."""
    routes = Routes()

    @routes.step("settle")
    async def settle(ctx: Context) -> None:
        ctx.log.info("for %d", ctx.user.id)

    @routes.command("go")
    async def go(ctx: Context) -> None:
        ctx.defer(settle(), lane=("payment", 1))

    async with bot_kit(sqlite_url, [make_plugin("zoo", routes)]) as kit:
        anna = kit.chat("Anna")
        await anna.send("/go")
        await kit.advance(5)
        assert await dead(kit) == 1


async def test_infrastructure_uses_up_no_try_and_kills_no_patient_step(
    sqlite_url: str, make_plugin: MakePlugin
) -> None:
    """A step with long pauses goes on after a Telegram that was away in a later try."""
    routes, ran = Routes(), []

    @routes.step("patient", tries=5, backoff=timedelta(minutes=20))
    async def patient(ctx: Context) -> None:
        ran.append(1)
        if len(ran) == 1:
            raise ValueError("a bug")
        if len(ran) == 2:
            raise TelegramUnavailable("x", "away")
        ctx.reply("done at last")

    @routes.command("go")
    async def go(ctx: Context) -> None:
        ctx.defer(patient(), after=timedelta(seconds=1))

    async with bot_kit(sqlite_url, [make_plugin("zoo", routes)]) as kit:
        anna = kit.chat("Anna")
        await anna.send("/go")
        for _ in range(6):
            await kit.advance(30 * 60)
        assert anna.texts == ["done at last"]


async def test_what_begins_with_a_slash_and_is_no_command(
    sqlite_url: str, make_plugin: MakePlugin, post: Callable[..., Any], until: Callable[..., Any]
) -> None:
    """A picture's caption and a channel's post reach their routes; so does a kind of update of the future."""
    routes, seen = Routes(), []

    @routes.message("photo")
    async def photo(ctx: Context) -> None:
        ctx.reply(f"photo {ctx.text}")

    @routes.message(chat=CHANNEL)
    async def post_of_channel(ctx: Context) -> None:
        ctx.reply(f"post {ctx.text}")

    @routes.on("guest_greeting", chat=ANY)
    async def guest(ctx: Context, greeting: View) -> None:
        seen.append(ctx.payload["guest_greeting"]["words"])

    async with bot_kit(sqlite_url, [make_plugin("zoo", routes)]) as kit:
        anna = kit.chat("Anna")
        await anna.send_photo(PNG, caption="/home/me/cat.png")
        assert anna.last.text == "photo /home/me/cat.png"
        channel = kit.group("Daily", admins=[anna], kind="channel")
        await channel.send(anna, "/5 ways")
        assert channel.messages[-1].text == "post /5 ways"
        await post(kit, {"update_id": 99, "guest_greeting": {"words": "hi"}})
        await until(lambda: seen == ["hi"])


async def test_an_animation_is_no_document(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """Telegram sends both members; the route of the first one takes it, in every process."""
    ants, bees = Routes(), Routes()

    @ants.message("document")
    async def document(ctx: Context) -> None:
        ctx.reply("document")

    @bees.message("animation")
    async def animation(ctx: Context) -> None:
        ctx.reply("animation")

    async with bot_kit(sqlite_url, [make_plugin("ant", ants), make_plugin("bee", bees)]) as kit:
        anna = kit.chat("Anna")
        await anna.send_animation()
        await anna.send_document(b"x", "x.txt")
        assert anna.texts == ["animation", "document"]


@pytest.mark.parametrize(
    "arguments",
    [{"key": 5}, {"key": ""}, {"key": "x" * 300}, {"key": "a\0b"}, {"after": timedelta.max}, {"to": 2**70}],
)
async def test_what_the_database_cannot_keep_fails_where_it_is_said(
    sqlite_url: str, make_plugin: MakePlugin, arguments: dict[str, Any]
) -> None:
    """On both engines alike, in the handler."""
    routes = Routes()

    @routes.step("later")
    async def later(ctx: Context) -> None:
        """Nothing."""

    async with bot_kit(sqlite_url, [make_plugin("zoo", routes)]) as kit, kit.context("zoo").work() as work:
        with pytest.raises(HandlerError):
            work.defer(later(), **{"to": 7, "after": HOUR, **arguments})
        with pytest.raises(HandlerError):
            await work.pending(later, key="k", to=2**70)


async def test_an_alert_that_is_not_marked_is_said_as_it_is(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """A plain text holds no tags and no placeholders, whoever wrote a part of it."""
    routes = Routes()

    @routes.command("go")
    async def go(ctx: Context) -> None:
        ctx.alert("one", "stock < 5 {n.__class__}", n=1)
        ctx.alert("two", N_("<b>{n}</b> left"), n=1)

    async with bot_kit(sqlite_url, [make_plugin("zoo", routes)], admins=[7001]) as kit:
        olga = kit.chat("Olga", id=7001)
        await olga.send("/go")
        assert sorted(olga.texts) == ["⚠️ zoo\n\n1 left", "⚠️ zoo\n\nstock < 5 {n.__class__}"]


def test_a_template_fills_in_names_and_reaches_into_nothing() -> None:
    """Numbers may be formatted; a translation cannot read a value's attributes."""
    assert html("{a:.2f} {b} {c!r}", a=1.5, b="<", c="'") == "1.50 &lt; &#34;&#39;&#34;"
    for template in ("{a.__class__}", "{a[0]}", "{a:{b}}", "{}"):
        with pytest.raises(ValueError, match="no plain name"):
            html(template, a="x", b="y")


def positional(ctx: Context, item: int, /) -> Any:
    """Takes an argument that has no name."""


class Old:
    """Handlers of another library, as methods."""

    async def handle(self, update: Any, context: Any) -> None:
        """Handle."""


def test_declarations_that_could_never_work_are_refused(make_plugin: MakePlugin) -> None:
    """Arguments without a name, methods of the old shape, content with a route of its own, routes of two plugins."""

    async def by_position(ctx: Context, item: int, /) -> None:
        """Take an argument that has no name."""

    async def plain(ctx: Context) -> None:
        """Take nothing."""

    async def deep(ctx: Context, n: int, ref: str = "a") -> None:
        """Take more than the pattern has."""

    def registry(routes: Routes, *names: str) -> Any:
        plugins = [make_plugin(name, routes) for name in names or ("zoo",)]
        for plugin in plugins:
            import_plugin(plugin)
            assert plugin.alive, plugin.reason
        return build_registry(plugins, {}, ())

    for declare, said in [
        (lambda r: r.step("s")(by_position), "cannot be given by name"),
        (lambda r: r.message("successful_payment")(plain), "use payment"),
        (lambda r: r.text(pattern=b"x")(plain), "the pattern is bytes"),
    ]:
        routes = Routes()
        declare(routes)
        with pytest.raises(DeclarationError, match=said):
            registry(routes)
    with pytest.raises(DeclarationError, match="takes the update first"):
        Routes().step("s")(Old().handle)  # type: ignore[arg-type]
    with pytest.raises(DeclarationError, match="no name"):
        Plugin().hook(functools_partial())
    shared = Routes()
    shared.step("s")(plain)
    with pytest.raises(DeclarationError, match="another plugin's"):
        registry(shared, "ant", "bee")
    links = Routes()
    link = links.deep_link("l/{n:int}")(deep)
    codec = registry(links).link_codec(link)
    with pytest.raises(HandlerError, match=r"takes \(n\)"):
        codec.build(link(n=1, ref="x").arguments)


def functools_partial() -> Any:
    """A callable without a name."""
    import functools  # for this one alone

    return functools.partial(positional, item=1)
