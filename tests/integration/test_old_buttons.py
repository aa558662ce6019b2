"""Buttons that were sent before a route got another name, or by another bot of the same token."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from astral_core import Context, Routes
from astral_core.errors import ConflictError, DeclarationError
from astral_core.host.discover import import_plugin
from astral_core.host.registry import build_registry
from astral_core.host.state import LoadedPlugin
from astral_playground.testkit.bot import bot_kit

MakePlugin = Callable[..., LoadedPlugin]
routes = Routes()


@routes.command("start2")
async def start2(ctx: Context) -> None:
    """Shows the button of today."""
    ctx.reply("cards", [[ctx.button("Open", card(n=5, big=1))]])


@routes.callback("card/{n:int}/{big:int(1)}", was=("view/{n:int}", "card/{n:int}", "count:{n:int}"))
async def card(ctx: Context, n: int, big: int = 0) -> None:
    """Shows a card; older buttons did not say how big."""
    ctx.edit(f"card {n}, big {big}", [[ctx.button("Open", card(n=n, big=1))]])


@routes.callback("wipe", was="^wipe$", answer="manual")
async def wipe(ctx: Context) -> None:
    """Answers by itself."""
    ctx.answer("wiped")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("party:card/5/1", "card 5, big 1"),
        ("party:view/5", "card 5, big 0"),
        ("view/5", "card 5, big 0"),
        ("party:card/5", "card 5, big 0"),
        ("count:5", "card 5, big 0"),
    ],
)
async def test_old_data_leads_to_the_route_of_today(
    database_url: str, make_plugin: MakePlugin, data: str, said: str
) -> None:
    """Own old names, fewer arguments, and what another bot sent."""
    async with bot_kit(database_url, [make_plugin("party", routes)]) as kit:
        anna = kit.chat("Anna")
        await anna.send("/start2")
        await anna.forge(data)
        assert anna.last.text == said


async def test_a_route_that_answers_by_itself_does_so_for_old_buttons(
    database_url: str, make_plugin: MakePlugin
) -> None:
    """`answer="manual"` holds for what was, too."""
    async with bot_kit(database_url, [make_plugin("party", routes)]) as kit:
        anna = kit.chat("Anna")
        await anna.send("/start2")
        await anna.forge("^wipe$")
        assert anna.toasts == ["wiped"]


async def test_data_of_nobody_is_an_expired_button(database_url: str, make_plugin: MakePlugin) -> None:
    """What no spelling fits is answered as before."""
    async with bot_kit(database_url, [make_plugin("party", routes)]) as kit:
        anna = kit.chat("Anna")
        await anna.send("/start2")
        await anna.forge("count:many")
        assert "That button has expired" in anna.last.text


@pytest.mark.parametrize(
    ("was", "why"),
    [
        ("view/{m:int}", "was='view/{m:int}' gives (m), the handler needs (n)"),
        ("view", "gives (), the handler needs (n)"),
        ("view/{n}", "is not text with {name:type} in it"),
    ],
)
def test_a_spelling_names_the_handlers_arguments(make_plugin: MakePlugin, was: str, why: str) -> None:
    """What the handler could not take is refused at the start."""
    own = Routes()

    @own.callback("card/{n:int}", was=was)
    async def opens(ctx: Context, n: int) -> None:
        del ctx, n

    plugin = make_plugin("party", own)
    import_plugin(plugin)
    with pytest.raises(DeclarationError, match=re.escape(why)):
        build_registry([plugin], {}, [])


def test_two_plugins_cannot_take_the_same_old_buttons(make_plugin: MakePlugin) -> None:
    """The conflict names both."""
    plugins = []
    for name in ("sun", "moon"):
        own = Routes()

        @own.callback("open", was="open!")
        async def opens(ctx: Context) -> None:
            del ctx

        plugins.append(make_plugin(name, own))
        import_plugin(plugins[-1])
    with pytest.raises(ConflictError, match=r"old button data 'open!' is declared by 'sun' .* and by 'moon'"):
        build_registry(plugins, {}, [])
