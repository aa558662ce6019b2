"""What authors do by habit, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from markupsafe import Markup

from astral_core import Context, Routes, State
from astral_core.errors import HandlerError
from astral_core.host.discover import from_file
from astral_core.host.state import LoadedPlugin
from astral_playground.testkit.bot import bot_kit

MakePlugin = Callable[..., LoadedPlugin]
routes = Routes()
told: list[Any] = []
MOMENT = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
SQUARES = """
from astral_core import Context, Plugin

plugin = Plugin()


def square(number: int) -> int:
    return number * number


@plugin.command("square")
async def squares(ctx: Context) -> None:
    ctx.reply(f"{await ctx.run_cpu(square, 7)} {await ctx.run_cpu(square, 8, key=8)}")
"""


class Count(State):
    """How often."""

    n: int = 0


@routes.command("commit")
async def commits(ctx: Context) -> None:
    """Commits by itself."""
    await ctx.change(Count, lambda old: Count(n=old.n + 1))
    await ctx.session.commit()


@routes.command("count")
async def counts(ctx: Context) -> None:
    """Says how often."""
    ctx.reply(f"{(await ctx.load(Count)).n}")


@routes.step("typed")
async def typed_step(
    ctx: Context, at: datetime, day: date | None, key: UUID, pair: tuple[int, str], odd: int
) -> None:
    """Takes what JSON does not have."""
    told.append((at, day, key, pair, odd))


@routes.question("asked")
async def asked(ctx: Context, at: datetime) -> None:
    """Takes a moment that was kept."""
    told.append(at)


@routes.command("types")
async def types(ctx: Context) -> None:
    """Gives what JSON does not have."""
    ctx.defer(typed_step(at=MOMENT, day=MOMENT.date(), key=UUID(int=7), pair=(1, "a"), odd=3))
    ctx.ask(asked(at=MOMENT))


@routes.command("markup")
async def markup(ctx: Context) -> None:
    """Calls Telegram with a text of its own."""
    ctx.call("sendMessage", chat_id=ctx.chat.id, text=Markup("<b>bold</b> &amp; more"))


@routes.command("wrong")
async def wrong(ctx: Context) -> None:
    """Says what the errors say."""
    lines = []
    for attempt in (
        lambda: asked(nam="x"),  # type: ignore[call-arg]
        lambda: ctx.cancel(typed_step(at=MOMENT, day=None, key=UUID(int=1), pair=(1, ""), odd=1), key="1"),  # type: ignore[arg-type]
        lambda: ctx.t("Hi {name}", nme="x"),
    ):
        try:
            attempt()
        except HandlerError as error:
            lines.append(f"{type(error).__name__}: {error}")
    try:
        await ctx.run_cpu(lambda: 1)
    except HandlerError as error:
        lines.append(f"{type(error).__name__}: {error}")
    ctx.reply("\n".join(lines))


@pytest.fixture
def plugins(make_plugin: MakePlugin) -> list[LoadedPlugin]:
    """The plugin of these tests."""
    told.clear()
    return [make_plugin("party", routes, states=[Count])]


async def test_a_handler_does_not_commit(database_url: str, plugins: list[LoadedPlugin]) -> None:
    """What it wrote before would stay when it fails and runs again; so it is refused, and nothing stays."""
    async with bot_kit(database_url, plugins) as kit:
        anna = kit.chat("Anna")
        await anna.send("/commit")
        assert anna.last.text.startswith("Something went wrong")
        await anna.send("/count")
        assert anna.last.text == "0"


async def test_arguments_have_their_types_again(database_url: str, plugins: list[LoadedPlugin]) -> None:
    """Moments, days, UUIDs and tuples are kept as JSON, and come as the handler names them."""
    async with bot_kit(database_url, plugins) as kit:
        anna = kit.chat("Anna")
        await anna.send("/types")
        await anna.send("now")
        assert told == [(MOMENT, MOMENT.date(), UUID(int=7), (1, "a"), 3), MOMENT]


async def test_markup_in_a_call_is_html(database_url: str, plugins: list[LoadedPlugin]) -> None:
    """As everywhere else; nobody reads tags."""
    async with bot_kit(database_url, plugins) as kit:
        anna = kit.chat("Anna")
        await anna.send("/markup")
        assert anna.last.text == "bold & more"


async def test_errors_say_what_to_do(database_url: str, plugins: list[LoadedPlugin]) -> None:
    """Not what Python says of its own machinery."""
    async with bot_kit(database_url, plugins) as kit:
        anna = kit.chat("Anna")
        await anna.send("/wrong")
        unknown, called, text, function = anna.last.text.splitlines()
        assert unknown.startswith("HandlerError: route 'asked' has no argument 'nam'; it takes (at: ")
        assert called.endswith("takes the step itself, not a call of it: ctx.cancel(step, key=...).")
        assert text == "HandlerError: the text 'Hi {name}' wants {name}; given are nme."
        assert function.endswith("Fix: a function at the top of a module.")


async def test_a_plugin_in_one_file_computes_in_the_pool(sqlite_url: str, tmp_path: Path) -> None:
    """Its functions have no module that a worker could import, and run there all the same."""
    file = tmp_path / "squares.py"
    file.write_text(SQUARES, "utf-8")
    async with bot_kit(sqlite_url, [from_file(file)]) as kit:
        anna = kit.chat("Anna")
        await anna.send("/square")
        assert anna.last.text == "49 64"
