"""The core's pages speak for the bot that shows them: its plugins' words, its owner's words, and nobody else's."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from astral_core import N_, Context, Markup, Routes, State, limits
from astral_core.host import state
from astral_core.host.state import LoadedPlugin
from astral_core.markup import utf16
from astral_playground.telegram.client import EmulatedUser
from astral_playground.testkit.bot import bot_kit, module_plugin

MakePlugin = Callable[..., LoadedPlugin]
Package = Callable[..., LoadedPlugin]
FIVE = [module_plugin(name, f"astral_{name}.plugin") for name in ("profile", "natal", "payments", "analytics")]
ASTROLOGY = (
    "chart",
    "birth",
    "born",
    "natal",
    "astrolog",
    "planet",
    "GeoNames",
    "карт",
    "рожд",
    "астролог",
    "Astral Bot",
)
PAGES = ("/start", "/help", "/about", "/privacy", "/forget")
SOURCE = """
from sqlalchemy import Column, ForeignKey, Table
from astral_core import N_, Plugin, Tables, core_users, plugin_metadata

metadata = plugin_metadata({id!r})
Table("{id}_rows", metadata, Column("user_id", ForeignKey(core_users.c.id), primary_key=True, autoincrement=False))
plugin = Plugin(tables=Tables(metadata){texts})


@plugin.hook
async def astral_export_user(ctx, user_id):
    return {{}}


@plugin.hook
async def astral_delete_user(ctx, user_id):
    return 0
"""
FIRST = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "{id}_0001", None
def upgrade():
    key = sa.ForeignKey("core_users.id")
    op.create_table("{id}_rows", sa.Column("user_id", sa.BigInteger(), key, primary_key=True))
def downgrade():
    op.drop_table("{id}_rows")
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    """`package("notes", 'about=N_("...")')`: an installed plugin with a row for each person."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(plugin: str, texts: str = "") -> LoadedPlugin:
        folder = tmp_path / f"astral_{plugin}"
        (folder / "migrations" / "versions").mkdir(parents=True)
        (folder / "__init__.py").write_text(SOURCE.format(id=plugin, texts=texts and f", {texts}"), "utf-8")
        (folder / "migrations" / "__init__.py").touch()
        (folder / "migrations" / "versions" / "0001_first.py").write_text(FIRST.format(id=plugin), "utf-8")
        for name in [name for name in sys.modules if name.partition(".")[0] == folder.name]:
            monkeypatch.delitem(sys.modules, name)
        return module_plugin(plugin, folder.name)

    return make


async def page(person: EmulatedUser, command: str) -> str:
    """What the bot says to a command."""
    await person.send(command)
    message = await person.wait_for()
    return str(message.text)


# --- a bot of others ---


@pytest.mark.parametrize("language", ["en", "ru"])
async def test_a_bot_with_a_foreign_plugin_speaks_of_that_plugin_alone(
    sqlite_url: str, package: Package, language: str
) -> None:
    """Not a word of charts; its name is Telegram's; its notice says what the plugin keeps, and why."""
    texts = (
        'about=N_("I keep notes."), personal=N_("Your notes: so that you find them."), kept=N_("{bot} burns paper.")'
    )
    async with bot_kit(sqlite_url, [package("notes", texts)]) as kit:
        kit.telegram.world.bot.first_name = "Note <3 Bot"
        await kit.restart()
        anna = kit.user("Anna", language_code=language)
        said = {command: await page(anna, command) for command in PAGES}
        assert [word for word in ASTROLOGY for text in said.values() if word.lower() in text.lower()] == []
        assert "Anna" in said["/start"]
        assert said["/start"].endswith("I keep notes.")
        assert said["/about"].startswith("Note <3 Bot\n\nI keep notes.")
        assert "• Your notes: so that you find them." in said["/privacy"]
        for command in ("/privacy", "/forget"):
            assert said[command].endswith("Note <3 Bot burns paper.")
        await anna.press(anna.last.buttons[0])
        done = await anna.wait_for("/start")
        assert "Note <3 Bot burns paper." in done.text


async def test_a_bot_of_the_core_alone_says_what_the_core_keeps(sqlite_url: str) -> None:
    """Nothing is left of the places where plugins speak; how long a failure is kept is the owner's setting."""
    async with bot_kit(sqlite_url, [], inbox={"keep_dead_hours": 30}) as kit:
        anna, vera = kit.user("Anna"), kit.user("Vera", language_code="ru")
        assert await page(anna, "/start") == "Hello, Anna! ✨\n\nI am Playground. Here is what I can do for you:"
        assert "The button below shows what I can do." in await page(anna, "/about")
        notice = await page(anna, "/privacy")
        assert "\n\n\n" not in notice
        assert notice.count("•") == 2
        assert "after a failure up to 2 days" in notice
        assert "до 2 дней" in await page(vera, "/privacy")


async def test_a_plugin_that_does_not_say_what_it_keeps_is_named(sqlite_url: str, package: Package) -> None:
    """So that the notice is true all the same; one that keeps nothing of people is not."""
    plugins = [package("mute"), package("deaf"), package("notes", 'personal=N_("Notes.")')]
    async with bot_kit(sqlite_url, plugins) as kit:
        notice = await page(kit.user("Anna"), "/privacy")
        assert "• What these parts of me know about you: deaf, mute. Your copy shows it." in notice
        assert "• Notes.\n" in notice


class Goal(State, scope="user"):
    """Something of a person."""

    steps: int = 0


class Season(State, scope="bot"):
    """Something of nobody."""

    name: str = ""


async def test_small_state_of_a_person_is_named_too(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """It is kept by the core, and by the plugin's wish; what belongs to the whole bot is nobody's."""
    plugins = [make_plugin("walk", states=[Goal]), make_plugin("year", states=[Season])]
    async with bot_kit(sqlite_url, plugins) as kit:
        anna = kit.user("Anna")
        assert "know about you: walk. Your copy" in await page(anna, "/privacy")
        await kit.stop()
        kit.plugins = []
        await kit.start()
        assert "not available right now: walk." in await page(anna, "/privacy")


async def test_a_plugin_that_is_away_is_named_too(database_url: str, package: Package) -> None:
    """Its tables are still there, and what it says of them is not."""
    plugin = package("notes", 'personal=N_("Notes.")')
    async with bot_kit(database_url, [plugin]) as kit:
        anna = kit.user("Anna")
        assert "• Notes." in await page(anna, "/privacy")
        await kit.stop()
        kit.plugins = []
        await kit.start()
        notice = await page(anna, "/privacy")
        assert "• Notes." not in notice
        assert "although they are not available right now: notes." in notice


# --- what plugins say ---

hello = Routes()


@hello.callback("open")
async def open_(ctx: Context) -> None:
    """A menu item's route."""


hello.menu("Open", open_(), order=1)


async def test_plugins_speak_in_the_order_of_the_menu(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """`about` greets where there is no greeting, and an empty one is silence; a plain text is no HTML."""
    plugins = [
        make_plugin("apple", about="1 < 2 {bot}", kept=Markup("<b>seeds</b>")),
        make_plugin("berry", about=N_("<i>{bot}</i> & co"), greeting=""),
        make_plugin("zebra", hello, about="Stripes.", greeting=N_("Welcome to {bot}.")),
    ]
    async with bot_kit(sqlite_url, plugins) as kit:
        anna = kit.user("Anna")
        assert (await page(anna, "/start")).endswith("Welcome to Playground.\n\n1 < 2 {bot}")
        assert "\n\nStripes.\n\n1 < 2 {bot}\n\nPlayground & co\n\n" in await page(anna, "/about")
        assert (await page(anna, "/forget")).endswith("\n\nseeds")


async def test_a_page_that_is_too_long_is_several_messages(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """All is said, each message fits, and the buttons are below the last one; also when a button was pressed."""
    plugins = [make_plugin(f"p{n}", personal=f"{n} " + "word " * 190, about=f"{n} ") for n in range(10)]
    async with bot_kit(sqlite_url, plugins) as kit:
        anna = kit.user("Anna")
        for way in ("typed", "pressed"):
            before = len(anna.messages)
            if way == "typed":
                await anna.send("/privacy")
            else:
                await anna.press("‹ Menu")
                await anna.wait_for("What would you like to do?")
                await anna.press("What I can do")
                await anna.wait_for("/privacy")
                before = len(anna.messages)
                await anna.press("Your data")
            last = await anna.wait_for(lambda message: "Delete everything" in message.buttons)
            told = [message for message in anna.messages[before:] if message.text != "/privacy"]
            assert len(told) == 3
            assert told[-1].message_id == last.message_id
            assert all(utf16(message.text) <= limits.TEXT and not message.buttons for message in told[:-1])
            whole = "\n".join(message.text for message in told)
            assert [n for n in range(10) if f"• {n} word" not in whole] == []


async def test_a_plugin_with_a_wrong_text_is_set_aside(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """The others serve, and the reason names the argument."""
    plugins = [make_plugin("wrong", about=N_("<b>bold")), make_plugin("good", about="Good.")]
    async with bot_kit(sqlite_url, plugins, host={"on_error": "quarantine", "required": ()}) as kit:
        wrong = kit.running.host.plugins[1]
        assert (wrong.id, wrong.state, wrong.phase) == ("wrong", state.State.FAILED, "declare")
        assert "Plugin(about=...) <b> is never closed" in wrong.reason
        assert "Good." in await page(kit.user("Anna"), "/start")


# --- Astral Bot ---


async def test_astral_bot_speaks_of_charts_in_both_languages(sqlite_url: str) -> None:
    """Its words come from its plugins; the notice names what each of them keeps."""
    async with bot_kit(sqlite_url, FIVE) as kit:
        anna, vera = kit.user("Anna"), kit.user("Вера", language_code="ru")
        assert "Tell me when and where you were born" in await page(anna, "/start")
        about = await page(anna, "/about")
        assert all(word in about for word in ("DE421", "GeoNames", "does not replace a doctor"))
        notice = await page(anna, "/privacy")
        for word in ("Your charts", "where you were born", "orders and payments", "Which of my functions", "law"):
            assert word in notice
        assert "these parts" not in notice
        assert "amount and date, because the law demands it" in await page(anna, "/forget")
        russian = "\n".join([await page(vera, command) for command in PAGES])
        for word in (
            "объясняю их простыми словами",
            "DE421",
            "GeoNames",
            "время и место рождения",
            "этого требует закон",
        ):
            assert word in russian
        assert "I draw" not in russian


# --- the owner's own words ---


async def test_an_owner_changes_each_text_also_for_one_language(sqlite_url: str, package: Package) -> None:
    """Names of people stay text; what plugins say is put where the owner wants it."""
    texts: dict[str, Any] = {
        "bot": "Sky & Co",
        "start": "<b>{bot}</b>: hi {name}. {plugins}",
        "menu": "Menu of {bot}",
        "help": "Type:\n{commands}",
        "about": "{bot}, for {name}.\n\n{plugins}",
        "privacy": "Notice.\n{core}\n{plugins}\n{kept}",
        "forget": "Sure? {kept}",
        "forgotten": "{done} {kept} Bye.",
        "fallback": "Pardon?",
        "ru": {"start": "Привет, {name}!"},
    }
    said = 'about=N_("I keep notes."), personal=N_("Notes."), kept=N_("Ash stays.")'
    async with bot_kit(sqlite_url, [package("notes", said)], texts=texts) as kit:
        anna, vera = kit.user("Anna <b>"), kit.user("Вера", language_code="ru")
        assert await page(anna, "/start") == "Sky & Co: hi Anna <b>. I keep notes."
        assert await page(vera, "/start") == "Привет, Вера!"
        assert await page(vera, "/about") == "Sky & Co, for Вера.\n\nI keep notes."
        assert (await page(anna, "/help")).startswith("Type:\n/")
        notice = await page(anna, "/privacy")
        assert notice.startswith("Notice.\n• Your name")
        assert notice.endswith("• Notes.\nAsh stays.")
        assert await page(anna, "what?") == "Pardon?"
        await anna.press("What I can do")
        await anna.wait_for("Type:")
        await anna.press("‹ Menu")
        await anna.wait_for("Menu of Sky & Co")
        assert await page(anna, "/forget") == "Sure? Ash stays."
        await anna.press("Yes, delete everything")
        assert (await anna.wait_for("Bye")).text == "Done. I have deleted your data. Ash stays. Bye."


async def test_doubtful_texts_are_told_at_the_start(sqlite_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """A language that nothing speaks, and a notice that leaves out what is kept: the bot serves all the same."""
    texts = {"privacy": "I keep nothing.", "rn": {"start": "Hi"}, "ru": {"privacy": "{core}\n{plugins}"}}
    with caplog.at_level(logging.WARNING, "astral.host"):
        async with bot_kit(sqlite_url, [], texts=texts) as kit:
            assert await page(kit.user("Anna"), "/privacy") == "I keep nothing."
    language, notice = [record.getMessage() for record in caplog.records if "[texts" in record.getMessage()]
    assert language.startswith("[texts.rn] is for a language that the bot does not speak. Fix: use one of en, ru")
    assert notice.startswith("[texts] privacy does not hold {core} and {plugins}: ")


async def test_a_locale_file_changes_a_text_too(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: Package
) -> None:
    """`locales/<language>/<package>.po` beside astral.toml: the core's texts, and those of plugins."""
    monkeypatch.setenv("ASTRAL_CONFIG", str(tmp_path / "astral.toml"))
    (tmp_path / "locales" / "en").mkdir(parents=True)
    head = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\n'
    for name, source, changed in (
        ("astral_core", "Your data", "Your papers"),
        ("astral_notes", "I keep notes.", "Notes of mine."),
    ):
        file = tmp_path / "locales" / "en" / f"{name}.po"
        file.write_text(f'{head}msgid "{source}"\nmsgstr "{changed}"\n', "utf-8")
    async with bot_kit(sqlite_url, [package("notes", 'about=N_("I keep notes.")')]) as kit:
        anna = kit.user("Anna")
        assert (await page(anna, "/start")).endswith("Notes of mine.")
        await anna.send("/help")
        assert "Your papers" in (await anna.wait_for()).buttons
