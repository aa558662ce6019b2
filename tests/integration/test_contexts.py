"""What handlers, hooks and pages have in common: one vocabulary; and how each of them shows text."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Protocol

import aiohttp
import pytest
from aiohttp import web as aioweb
from sqlalchemy import text as sql
from telegram import Update
from telegram.ext import CommandHandler

from astral_core import GROUP, N_, Context, Markup, PluginContext, RawContext, Refuse, Routes, Work, html
from astral_core.errors import HandlerError, MissingService, TelegramRefused
from astral_core.host.state import LoadedPlugin
from astral_playground.testkit.bot import bot_kit

MakePlugin = Callable[..., LoadedPlugin]
PO = """
msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\\n"

msgid "<b>Bold</b>"
msgstr "<b>Жирно</b>"

msgid "Tom &amp; Jerry"
msgstr "Том &amp; Джерри"
"""
PNG = (Path(__file__).parents[2] / "docs/images/playground.png").read_bytes()
BOLD = N_("<b>Bold</b>")
found: list[Any] = []


class Tea(Protocol):
    """A service."""

    def cup(self) -> str:
        """Pour one."""


class Kettle:
    """What provides it."""

    def cup(self) -> str:
        """Pour one."""
        return "a cup"


class Coffee(Protocol):
    """What nobody provides."""


async def astral_lifespan(ctx: PluginContext) -> AsyncIterator[None]:
    """Provide the service."""
    ctx.provide(Tea, Kettle())
    yield


def load_host(ctx: PluginContext | Work) -> dict[str, Any]:
    """What all contexts have, by name."""
    with pytest.raises(MissingService, match=r"nobody provides Coffee\. Fix: "):
        ctx.get(Coffee)
    return {
        "id": ctx.id, "language": ctx.language, "languages": ctx.languages, "admins": ctx.admins,
        "bot": (ctx.bot_id, ctx.bot_name), "url": ctx.url("/x"), "route": ctx.has_route("shop:buy"),
        "tea": ctx.get(Tea).cup(), "coffee": ctx.find(Coffee), "said": ctx.t(BOLD),
        "in Russian": ctx.texts("ru").t(BOLD), "number": ctx.nt("one", "{n} cups", 2),
    }  # fmt: skip


routes = Routes()


@routes.command("look")
async def look(ctx: Context) -> None:
    """Look at it from a handler."""
    found.append(load_host(ctx))
    async with ctx.plugin.work() as work:
        found.append(load_host(work))


@routes.page("GET", "/look")
async def page(ctx: PluginContext, request: aioweb.Request) -> aioweb.StreamResponse:
    """Look at it from a page."""
    found.append(load_host(ctx))
    return aioweb.Response()


@routes.callback("buy")
async def buy(ctx: Context) -> None:
    """A button that is there."""
    ctx.edit(BOLD)


@pytest.fixture
def plugins(make_plugin: MakePlugin, tmp_path: Path) -> list[LoadedPlugin]:
    """A plugin with texts in two languages."""
    found.clear()
    folder = tmp_path / "locales" / "ru"
    folder.mkdir(parents=True)
    (folder / "astral_shop_under_test.po").write_text(PO, encoding="utf-8")
    return [make_plugin("shop", routes, hooks=[astral_lifespan])]


async def test_all_contexts_have_one_vocabulary(
    sqlite_url: str, plugins: list[LoadedPlugin], http: aiohttp.ClientSession
) -> None:
    """A handler's, a unit of work's and a page's are the same but for the language: a handler's is the person's."""
    async with bot_kit(sqlite_url, plugins, admins=(7001,)) as kit:
        await kit.chat("Анна", language_code="ru").send("/look")
        async with http.get(f"{kit.url}/plugins/shop/look") as answer:
            assert answer.status == 200
        handler, work, of_page = found
        assert work == of_page
        said = Markup("<b>Bold</b>"), Markup("<b>Жирно</b>")
        assert of_page == {
            "id": "shop", "language": "en", "languages": ("en", "ru"), "admins": (7001,),
            "bot": (kit.running.settings.bot_id, kit.telegram.world.bot.username), "url": f"{kit.url}/x",
            "tea": "a cup", "coffee": None, "said": said[0], "in Russian": said[1], "number": Markup("2 cups"),
            "route": True,
        }  # fmt: skip
        assert handler == of_page | {"language": "ru", "said": said[1]}


async def test_two_plugins_do_not_provide_the_same(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """Whoever asks for it could not know which one they get."""
    plugins = [make_plugin(name, hooks=[astral_lifespan]) for name in ("first", "second")]
    lenient = {"on_error": "quarantine", "required": ()}
    async with bot_kit(sqlite_url, plugins, host=lenient) as kit:
        _, first, second = kit.running.host.plugins
        assert (first.alive, second.alive) == (True, False)
        assert "Tea is already provided by plugin 'first'" in second.reason


# --- texts


TEXTS: list[tuple[str, str]] = [
    (BOLD, "Жирно"),
    (Markup("<i>a</i> &amp; b"), "a & b"),
    (html("<i>{a}</i>", a="<b"), "<b"),
    (Markup("<i>a</i> ") + "<b>", "a <b>"),
    ("<b>Bold</b> &amp; {x}", "<b>Bold</b> &amp; {x}"),
    ("<b", "<b"),
]
PLAIN: list[tuple[str, str]] = [
    (N_("Tom &amp; Jerry"), "Том & Джерри"),
    (BOLD, "Жирно"),
    (Markup("<i>a</i>\n&lt;b"), "a\n<b"),
    (Markup("Tom &amp; Jerry"), "Tom & Jerry"),
    (html("Tom &amp; {b}", b="<b"), "Tom & <b"),
    ("Tom &amp; <b>", "Tom &amp; <b>"),
]


@pytest.mark.parametrize(("text", "shown"), TEXTS)
async def test_only_markup_is_html_and_only_messages_are_translated(
    sqlite_url: str, plugins: list[LoadedPlugin], make_plugin: MakePlugin, text: str, shown: str
) -> None:
    """Whichever verb shows it; a plain text may be a name such as "<b"."""
    speaking = Routes()

    @speaking.callback("press")
    async def press(ctx: Context) -> None:
        ctx.edit(text)

    @speaking.command("say")
    async def say(ctx: Context) -> None:
        ctx.reply(text, [[ctx.button("Press", press())]])
        ctx.send_photo(PNG, text)
        ctx.show(text)

    @speaking.command("refuse")
    async def refuse(ctx: Context) -> None:
        raise Refuse(text)

    async with bot_kit(sqlite_url, [make_plugin("shop", speaking)]) as kit:
        anna = kit.chat("Анна", language_code="ru")
        await anna.send("/say")
        said, photo, card = [message for message in anna.messages if message.sender == "bot"]
        assert (said.text, photo.content["caption"], card.text) == (shown, shown, shown)
        await anna.tap("Press")
        assert said.text == shown
        await anna.send("/refuse")
        assert anna.last.text == shown


@pytest.mark.parametrize(("text", "shown"), PLAIN)
async def test_buttons_and_answers_take_the_same_texts(
    sqlite_url: str, plugins: list[LoadedPlugin], make_plugin: MakePlugin, text: str, shown: str
) -> None:
    """Telegram shows no HTML there: tags are left out, and the rest is unescaped."""
    speaking = Routes()

    @speaking.callback("press", answer="manual")
    async def press(ctx: Context) -> None:
        ctx.answer(text)

    @speaking.command("say")
    async def say(ctx: Context) -> None:
        ctx.reply("Press", [[ctx.button(text, press()), ctx.url_button(text, "https://example.org")]])

    async with bot_kit(sqlite_url, [make_plugin("shop", speaking)]) as kit:
        anna = kit.chat("Анна", language_code="ru")
        await anna.send("/say")
        assert anna.keyboard == [[shown, shown]]
        await anna.tap(shown)
        assert anna.toasts == [shown]


# --- people, links, and what is not there


person = Routes()


@person.command("who", chat=GROUP)
async def who(ctx: Context) -> None:
    """Who wrote, if it was a person; else which chat."""
    found.append((ctx.has_user, getattr(ctx.sender, "id", None), ctx.is_owner))
    ctx.reply(ctx.user.first_name)


@person.command("stores")
async def stores(ctx: Context) -> None:
    """Ask for what python-telegram-bot's context has."""
    ask_for_stores(ctx)


async def natively(update: Update, context: RawContext) -> None:
    """A handler of python-telegram-bot, which has the Context beside its own."""
    context.astral.reply(f"{context.astral.user.first_name} {update.effective_chat and update.effective_chat.id}")


person.raw(CommandHandler("native", natively))


def ask_for_stores(context: Context) -> None:
    """Each of them is refused."""
    for name in ("user_data", "chat_data", "bot_data", "job_queue"):
        with pytest.raises(HandlerError, match="Fix: ") as refused:
            getattr(context, name)
        found.append(str(refused.value))


async def test_who_writes_as_the_group_is_no_person(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """`ctx.user` says so in the group; `ctx.sender` is the group."""
    found.clear()
    async with bot_kit(sqlite_url, [make_plugin("club", person)], admins=(7001,)) as kit:
        olga, boris = kit.chat("Olga", id=7001), kit.chat("Boris")
        group = kit.group("Stars", admins=[olga, boris])
        await group.send(olga, "/who")
        assert group.last.text == "Olga"
        await group.promote(boris, anonymous=True)
        await group.send(boris, "/who")
        assert group.last.text == "I can only do this for a person. Please write as yourself."
        assert found == [(True, olga.id, True), (False, group.id, False)]


async def test_what_would_be_lost_is_not_there(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """With what to use instead. A handler of python-telegram-bot has the Context beside its own."""
    found.clear()
    async with bot_kit(sqlite_url, [make_plugin("club", person)]) as kit:
        anna = kit.chat("Anna")
        await anna.send("/stores")
        await anna.send("/native")
        assert anna.last.text == f"Anna {anna.id}"
    assert len(found) == 4
    assert "ctx.ask(question(name=...))" in found[0]
    assert "ctx.defer(step(...), after=...)" in found[3]


named, nameless = Routes(), Routes()


@named.deep_link("gift/{code:slug}/{n:int}")
async def gift(ctx: Context, code: str, n: int) -> None:
    """Somebody opened a link."""
    ctx.reply(f"gift {code!r} {n}", [[ctx.menu_button()]])


@named.command("gift")
async def show_gift(ctx: Context) -> None:
    """Show the link in each form."""
    call = gift(code="a_b.c-d", n=-5)
    found.extend([ctx.link(call), ctx.link(call, group=True), ctx.start_parameter(call)])
    ctx.reply("A gift", [[ctx.button("Open", call)]])


@nameless.deep_link("{code:slug}")
async def other(ctx: Context, code: str) -> None:
    """A link without a name of its own."""
    ctx.reply(f"other {code!r}")


@nameless.command("other")
async def show_other(ctx: Context) -> None:
    """Show the link."""
    found.append(ctx.link(other(code="x-y_z.")))


async def test_a_link_leads_to_its_route_with_its_arguments(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """Also with characters that a link may not have; the button back to the menu speaks the person's language."""
    found.clear()
    async with bot_kit(sqlite_url, [make_plugin("shop", named), make_plugin("sale", nameless)]) as kit:
        anna = kit.chat("Анна", language_code="ru")
        await anna.send("/gift")
        await anna.send("/other")
        address = f"https://t.me/{kit.telegram.world.bot.username}?start"
        one, into_group, parameter, two = found
        assert (one, into_group) == (f"{address}={parameter}", f"{address}group={parameter}")
        for link, said in ((two, "other 'x-y_z.'"), (one, "gift 'a_b.c-d' -5")):
            await anna.send(f"/start {link.partition('=')[2]}")
            assert anna.last.text == said
        assert anna.keyboard == [["‹ Меню"]]
        await anna.tap("‹ Меню")
        assert "Что я умею" in str(anna.keyboard)


# --- calls and commits


async def test_a_call_that_is_made_at_once_gives_its_result(sqlite_url: str, plugins: list[LoadedPlugin]) -> None:
    """In every context, as JSON; what Telegram refuses is raised."""
    async with bot_kit(sqlite_url, plugins) as kit:
        context = kit.context("shop")
        assert (await context.call_now("getMe"))["id"] == kit.running.settings.bot_id
        with pytest.raises(TelegramRefused, match="chat not found"):
            await context.call_now("getChat", chat_id=5)


async def test_what_comes_after_the_commit_comes_after_no_failure(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """A handler that fails has done nothing; one that refuses neither."""
    found.clear()
    ending = Routes()

    @ending.command("end")
    async def end(ctx: Context) -> None:
        await ctx.session.execute(sql("UPDATE core_users SET last_name = 'K'"))
        ctx.after_commit(lambda: found.append(ctx.args))
        if ctx.args != "well":
            raise Refuse("No.") if ctx.args == "refuse" else ValueError("no")
        ctx.reply("done")

    async with bot_kit(sqlite_url, [make_plugin("shop", ending)]) as kit:
        anna = kit.chat("Anna")
        for how in ("fail", "refuse", "well"):
            await anna.send(f"/end {how}")
    assert found == ["well"]
