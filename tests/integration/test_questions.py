"""Open questions: what answers them, what leaves them open, and what ends them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from astral_core import N_, Context, Routes
from astral_core.db.tables import core_dialogs, core_due
from astral_core.host.state import LoadedPlugin
from astral_playground.testkit.bot import BotKit, bot_kit

MakePlugin = Callable[..., LoadedPlugin]
HINT = "I am still waiting for your answer"
PNG = (Path(__file__).parents[2] / "docs/images/playground.png").read_bytes()
routes = Routes()


@routes.command("name")
async def ask_name(ctx: Context) -> None:
    """Ask for a text, for an hour."""
    ctx.ask(name(order=7), within=timedelta(hours=1), otherwise=late(order=7))
    ctx.reply(N_("Your name?"))


@routes.question("name")
async def name(ctx: Context, order: int) -> None:
    """Take the text."""
    ctx.reply(f"{ctx.text} has order {order}")


@routes.step("late")
async def late(ctx: Context, order: int) -> None:
    """Nobody has answered."""
    ctx.reply(f"too late for {order}")


@routes.command("face")
async def ask_face(ctx: Context) -> None:
    """Ask for a picture or a contact, for a minute and without a word when it is over."""
    ctx.ask(face(), within=timedelta(minutes=1))


@routes.question("face", accept=("photo", "contact"))
async def face(ctx: Context) -> None:
    """Take it."""
    found = ctx.message.contact.phone_number if ctx.message.contact is not None else ctx.message.photo[-1].width
    ctx.reply(f"got {found}")


@routes.command("thing")
async def ask_thing(ctx: Context) -> None:
    """Ask for whatever there is."""
    ctx.ask(thing())


@routes.question("thing", accept="any")
async def thing(ctx: Context) -> None:
    """Take it."""
    ctx.reply("a thing")


@routes.command("stop")
async def stop(ctx: Context) -> None:
    """End the question."""
    ctx.end_question()
    ctx.reply("stopped")


@routes.command("ping")
async def ping(ctx: Context) -> None:
    """Something else."""
    ctx.reply("pong")


@pytest.fixture
def plugins(make_plugin: MakePlugin) -> list[LoadedPlugin]:
    """The plugin of these tests."""
    return [make_plugin("quiz", routes)]


async def waits(kit: BotKit) -> tuple[int, int]:
    """How many questions are open, and how many wait for their end."""
    due = [row for row in await kit.rows(core_due) if row.kind != "job"]
    return len(await kit.rows(core_dialogs)), len(due)


async def test_what_is_no_answer_is_told_and_the_question_stays_open(
    database_url: str, plugins: list[LoadedPlugin]
) -> None:
    """A picture for a text, a text for a picture; commands act. What fits is the answer."""
    async with bot_kit(database_url, plugins) as kit:
        anna = kit.chat("Anna")
        await anna.send("/name")
        await anna.send_photo(PNG)
        assert anna.last.text.startswith(HINT)
        await anna.send("/ping")
        assert anna.last.text == "pong"
        await anna.send("Anna")
        assert anna.last.text == "Anna has order 7"
        await anna.send("/face")
        await anna.send("here it is")
        assert anna.last.text.startswith(HINT)
        await anna.send_contact("+7999")
        assert anna.last.text == "got +7999"
        await anna.send("/face")
        await anna.send_photo(PNG)
        assert anna.last.text.startswith("got ")
        assert await waits(kit) == (0, 0)


async def test_any_content_may_be_asked_for(sqlite_url: str, plugins: list[LoadedPlugin]) -> None:
    """Whatever people send."""
    async with bot_kit(sqlite_url, plugins) as kit:
        anna = kit.chat("Anna")
        for answer in ("text", PNG):
            await anna.send("/thing")
            await (anna.send(answer) if isinstance(answer, str) else anna.send_photo(answer))
            assert anna.last.text == "a thing"


@pytest.mark.parametrize("restart", [False, True])
async def test_a_question_that_nobody_answers_is_over_in_time(
    database_url: str, plugins: list[LoadedPlugin], restart: bool
) -> None:
    """The other work runs once, in the chat; what comes later answers nothing. Also after a restart."""
    async with bot_kit(database_url, plugins) as kit:
        anna = kit.chat("Anna")
        await anna.send("/name")
        await kit.advance(3500)
        assert await waits(kit) == (1, 1)
        if restart:
            await kit.restart()
        await kit.advance(200)
        assert anna.last.text == "too late for 7"
        await anna.send("Anna")
        assert "has order" not in anna.last.text
        assert await waits(kit) == (0, 0)


async def test_a_question_may_end_without_a_word(sqlite_url: str, plugins: list[LoadedPlugin]) -> None:
    """Where there is no other work."""
    async with bot_kit(sqlite_url, plugins) as kit:
        anna = kit.chat("Anna")
        await anna.send("/face")
        said = anna.texts
        await kit.advance(61)
        assert (anna.texts, await waits(kit)) == (said, (0, 0))


@pytest.mark.parametrize("ending", ["Anna", "/stop", "/thing"])
async def test_what_ends_a_question_disarms_its_end(
    database_url: str, plugins: list[LoadedPlugin], ending: str
) -> None:
    """An answer, the plugin's own word, and another question in its place."""
    async with bot_kit(database_url, plugins) as kit:
        anna = kit.chat("Anna")
        await anna.send("/name")
        await anna.send(ending)
        assert (await waits(kit))[1] == 0
        await kit.advance(2 * 3600)
        assert "too late for 7" not in anna.texts
        assert (await waits(kit))[0] == (1 if ending == "/thing" else 0)


async def test_a_question_that_is_asked_again_has_its_time_anew(sqlite_url: str, plugins: list[LoadedPlugin]) -> None:
    """The first one's end is not the second one's."""
    async with bot_kit(sqlite_url, plugins) as kit:
        anna = kit.chat("Anna")
        await anna.send("/name")
        await kit.advance(3000)
        await anna.send("/name")
        await kit.advance(3000)
        assert "too late for 7" not in anna.texts
        await anna.send("Anna")
        assert anna.last.text == "Anna has order 7"


@pytest.mark.parametrize("what", ["no question", "no time"])
async def test_what_cannot_be_meant_fails_in_the_handler(
    sqlite_url: str, make_plugin: MakePlugin, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    """A route that was not called, and other work without a time."""
    wrong = Routes()

    async def ask(ctx: Context) -> None:
        given: Any = name if what == "no question" else name(order=1)
        ctx.ask(given, otherwise=None if what == "no question" else late(order=1))

    wrong.command("ask")(ask)
    async with bot_kit(sqlite_url, [make_plugin("quiz", routes, wrong)]) as kit:
        await kit.chat("Anna").send("/ask")
        assert await waits(kit) == (0, 0)
    assert "ctx.ask" in caplog.text
