"""Bots that speak other languages: one that its owner adds, one that a plugin brings, one that is broken."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from astral_core.cli import cli
from astral_core.host.state import LoadedPlugin
from astral_playground.testkit.bot import BotKit, bot_kit, module_plugin

Until = Callable[..., Awaitable[Any]]
HEAD = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n'
SOURCE = """
from astral_core import N_, Context, Plugin, Refuse

plugin = Plugin()

@plugin.command("greet", description=N_("A greeting"))
async def greet(ctx: Context) -> None:
    ctx.reply(ctx.t("Good morning, {name}!", name=ctx.user.first_name) + " " + ctx.t("See you"))

@plugin.command("refuse")
async def refuse(ctx: Context) -> None:
    raise Refuse(N_("See you"))
"""


def po(**texts: str) -> str:
    """A catalogue; names are sources with underscores for blanks."""
    return HEAD + "".join(f'\nmsgid "{name.replace("_", " ")}"\nmsgstr "{said}"\n' for name, said in texts.items())


@pytest.fixture
def greeter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., LoadedPlugin]]:
    """`greeter(de=catalogue)`: an installed plugin with catalogues of its own."""
    name = f"astral_greeter_{tmp_path.name}"
    monkeypatch.syspath_prepend(str(tmp_path / "site"))

    def make(**catalogues: str) -> LoadedPlugin:
        (tmp_path / "site" / name / "locales").mkdir(parents=True)
        (tmp_path / "site" / name / "__init__.py").write_text(SOURCE, "utf-8")
        for language, content in catalogues.items():
            (tmp_path / "site" / name / "locales" / f"{language}.po").write_text(content, "utf-8")
        return module_plugin("greeter", name)

    yield make
    sys.modules.pop(name, None)


@pytest.fixture
def owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`owner("de", astral_core=catalogue)`: files in `locales/` beside astral.toml."""

    def write(language: str, **catalogues: str) -> None:
        folder = tmp_path / "locales" / language
        folder.mkdir(parents=True, exist_ok=True)
        for package, content in catalogues.items():
            (folder / f"{package}.po").write_text(content, "utf-8")

    return write


def translate(folder: Path, sign: str) -> None:
    """Translate every text of these files: by a sign before it."""
    from babel.messages.pofile import read_po, write_po

    for path in folder.glob("*.po"):
        with path.open("rb") as file:
            catalog = read_po(file, locale=folder.name)
        for entry in catalog:
            if entry.id:
                one, many = (entry.id, entry.id) if isinstance(entry.id, str) else entry.id
                forms = tuple(f"{sign}{many if n else one}" for n in range(catalog.num_plurals))
                entry.string = forms[0] if isinstance(entry.id, str) else forms
        with path.open("wb") as file:
            write_po(file, catalog)


def menus(kit: BotKit) -> dict[str, str]:
    """The commands of private chats as they were last announced, by language."""
    calls = [call for call in kit.telegram.calls_of("setMyCommands") if "private" in str(call.params["scope"])]
    return {call.params.get("language_code", ""): str(call.params["commands"]) for call in calls}


async def test_an_owner_adds_a_language_to_a_whole_bot(
    sqlite_url: str, tmp_path: Path, owner: Callable[..., None], until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    """`astral texts update de`, a translator, a restart: then all plugins speak German, and Telegram's menu does."""
    (tmp_path / "astral.toml").touch()
    made = CliRunner().invoke(cli, ["texts", "update", "de"])
    assert made.exit_code == 0, made.output
    async with bot_kit(sqlite_url) as kit:
        anna = kit.user("Anna", language_code="de")
        await anna.send("/help")
        await anna.wait_for("What I can do")  # empty files say nothing
        assert "de" not in menus(kit)
        translate(tmp_path / "locales" / "de", "≈")
        await kit.restart()
        await anna.send("/help")
        shown = await anna.wait_for("≈What I can do")
        lines = [line for line in shown.text.splitlines() if line.startswith("/")]
        assert {"/chart", "/paysupport", "/profile", "/start"} <= {line.partition(" ")[0] for line in lines}
        assert all(" — ≈" in line for line in lines)
        await anna.send("/chart")
        assert "≈" in (await anna.wait_for()).text
        await anna.send("/language")
        assert {"English", "✓ Deutsch", "Русский"} <= set((await anna.wait_for()).buttons)
        await until(lambda: set(menus(kit)) == {"", "de", "ru"})
        assert "≈" in menus(kit)["de"]
        assert "≈" not in menus(kit)[""]
    assert "cannot be used" not in caplog.text


async def test_a_language_of_one_plugin_is_offered_where_the_owner_wants_it(
    sqlite_url: str, greeter: Callable[..., LoadedPlugin]
) -> None:
    """Not before: half a sentence in a person's own language is no language of the bot."""
    plugin = greeter(de=po(A_greeting="Ein Gruß", See_you="Bis bald").replace("See you", "See you")
                     + '\nmsgid "Good morning, {name}!"\nmsgstr "Guten Morgen, {name}!"\n')  # fmt: skip
    async with bot_kit(sqlite_url, plugins=[plugin]) as kit:
        anna = kit.user("Anna", language_code="de-AT")
        await anna.send("/greet")
        assert (await anna.wait_for()).text == "Good morning, Anna! See you"
        await anna.send("/language")
        assert "Deutsch" not in str((await anna.wait_for()).buttons)
        await kit.stop()
        kit.overrides["languages"] = ("de", "en", "ru")
        await kit.restart()
        await anna.send("/greet")
        assert (await anna.wait_for()).text == "Guten Morgen, Anna! Bis bald"
        await anna.send("/refuse")
        assert (await anna.wait_for()).text == "Bis bald"
        await anna.send("/language")
        shown = await anna.wait_for()
        assert shown.buttons[:3] == ["✓ Deutsch", "English", "Русский"]
        assert shown.text == "Which language shall I speak?"  # the core's own German is still to be written


async def test_what_a_plugin_lacks_is_said_in_the_bots_own_language(
    sqlite_url: str, greeter: Callable[..., LoadedPlugin]
) -> None:
    """Then in English; and who reads English gets no other language in between."""
    plugin = greeter(ru=po(See_you="До встречи"))
    async with bot_kit(sqlite_url, plugins=[plugin], language="ru", languages=("de", "en")) as kit:
        anna, ben = kit.user("Anna", language_code="fr"), kit.user("Ben", language_code="en")
        await anna.send("/greet")
        assert (await anna.wait_for()).text == "Good morning, Anna! До встречи"
        await ben.send("/greet")
        assert (await ben.wait_for()).text == "Good morning, Ben! See you"
        await anna.send("/language")
        assert (await anna.wait_for()).buttons[:2] == ["English", "✓ Русский"]


async def test_a_broken_catalogue_stops_nothing_and_is_told(
    sqlite_url: str, greeter: Callable[..., LoadedPlugin], owner: Callable[..., None], tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    """A wrong placeholder, a wrong tag, a wrong line: each costs its text, and the log names the file."""
    plugin = greeter(ru=po(See_you="До встречи") + '\nmsgid "Good morning, {name}!"\nmsgstr "Привет, {nam}!"\n')
    owner(
        "ru", **{plugin.module_name: HEAD + '\nmsgid "See you"\nmsgstr "<b>Пока"\n\nmsgid "A greeting"\nmsgst "x"\n'}
    )
    owner("de", astral_cor=po(Menu="Menü"))
    async with bot_kit(sqlite_url, plugins=[plugin]) as kit:
        anna = kit.user("Анна", language_code="ru")
        await anna.send("/greet")
        assert (await anna.wait_for()).text == "Good morning, Анна! До встречи"
    told = [record.getMessage() for record in caplog.records if "cannot be used" in record.getMessage()]
    assert len(told) == 4
    for what in (
        "{nam}",
        "<b> is never closed",
        f"locales/ru/{plugin.module_name}.po:8",
        "did you mean astral_core.po?",
    ):
        assert sum(what in line for line in told) == 1, (what, told)
    doctor = await asyncio.to_thread(CliRunner().invoke, cli, ["doctor", "--offline"])
    assert "texts-wrong (locales/de/astral_cor.po)" in doctor.output


async def test_menus_in_a_language_that_is_gone_are_taken_away(
    database_url: str, owner: Callable[..., None], tmp_path: Path, until: Until
) -> None:
    """Telegram would show them for ever, with commands that the bot has not any more."""
    owner("de", astral_core=po(Menu="Menü"))
    async with bot_kit(database_url, plugins=[], languages=("en", "de")) as kit:
        bot = kit.telegram.world.bot
        await until(lambda: ("all_private_chats", "de") in bot.commands)
        await kit.stop()
        kit.overrides["languages"] = ("en",)
        await kit.restart()
        await until(lambda: ("all_private_chats", "de") not in bot.commands)
        assert ("all_private_chats", "") in bot.commands


async def test_a_description_that_is_too_long_costs_no_menu(
    sqlite_url: str, greeter: Callable[..., LoadedPlugin], until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    """Telegram would refuse all commands in that language; the one is shown in English."""
    plugin = greeter(ru=po(A_greeting="Привет " * 40))
    async with bot_kit(sqlite_url, plugins=[plugin]) as kit:
        await until(lambda: "ru" in menus(kit))
        assert "A greeting" in menus(kit)["ru"]
        assert "Меню" in menus(kit)["ru"]
    assert "/greet" in caplog.text


MANY = ("de", "fr", "es", "it", "pt", "pt_BR", "uk", "pl", "cs", "sk", "tr", "fi", "sv", "nl", "el", "he", "ar", "hi",
        "ja", "ko", "zh_Hans", "vi", "th")  # fmt: skip


async def test_many_languages_have_pages(database_url: str, owner: Callable[..., None], until: Until) -> None:
    """Two in a row, twenty on a page; a choice from another page is kept, a region and a script too."""
    for language in MANY:
        owner(language, astral_core=po(Menu=f"menu {language}", What_I_can_do=f"what {language}"))
    async with bot_kit(database_url, plugins=[], languages=("en", *MANY)) as kit:
        anna = kit.user("Anna", language_code="zh-hans")
        await anna.send("/language")
        first = await anna.wait_for()
        assert first.buttons[:3] == ["English", "Deutsch", "Français"]
        assert len(first.buttons) == 20 + 1 + 1  # a way on, and the menu
        await anna.press("›")
        second = await anna.wait_for(lambda message: "Tiếng Việt" in message.buttons)
        assert second.message_id == first.message_id
        assert "✓ 中文 (简体)" in second.buttons
        await anna.press("‹")
        await anna.wait_for(lambda message: "Português (Brasil)" in message.buttons)
        await anna.press("Português (Brasil)")
        await anna.wait_for(lambda message: "what pt_BR" in message.buttons)
        await kit.restart()
        await anna.send("/start")
        assert "what pt_BR" in (await anna.wait_for()).buttons
        commands = kit.telegram.world.bot.commands
        await until(lambda: {"pt", "zh", "uk", "vi"} <= {code for _, code in commands})
        codes = {code for _, code in commands}
        assert all(len(code) in (0, 2) for code in codes)
        await kit.stop()
        kit.overrides["languages"] = ("en",)
        await kit.restart()
        await anna.send("/start")  # what she chose is gone
        assert "What I can do" in (await anna.wait_for()).buttons


async def test_a_button_for_a_language_can_be_forged(sqlite_url: str) -> None:
    """What is not offered is not kept: the choice is shown again, on a page that there is."""
    async with bot_kit(sqlite_url, plugins=[]) as kit:
        anna = kit.user("Anna", language_code="en")
        for data in ("core:setlang/xx", "core:setlang/de", "core:languages/99", "core:languages/-1"):
            await anna.send("/help")
            await anna.wait_for("What I can do")
            await anna.forge(data)
            shown = await anna.wait_for("Which language")
            assert "✓ English" in shown.buttons
