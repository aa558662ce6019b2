"""Answers to button presses: at once in the webhook's answer, by the handler, or late by the core."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from astral_core import Context, Routes
from astral_core.bot import runner
from astral_core.errors import Refuse
from astral_core.host.state import LoadedPlugin
from astral_playground.testkit.bot import bot_kit

MakePlugin = Callable[..., LoadedPlugin]
Until = Callable[..., Awaitable[Any]]

routes = Routes()
go_on = asyncio.Event()


@routes.command("panel")
async def panel(ctx: Context) -> None:
    """All buttons."""
    names = [auto, toast, silent, slow, wrong, refuse]
    ctx.reply("panel", [[ctx.button(route.name, route())] for route in names])


@routes.callback("auto")
async def auto(ctx: Context) -> None:
    """Answered before it runs."""
    ctx.reply("auto done")


@routes.callback("toast", answer="manual")
async def toast(ctx: Context) -> None:
    """Answers itself."""
    ctx.answer(ctx.t("Saved & done, {name}", name="<Anna>"), alert=True)


@routes.callback("silent", answer="manual")
async def silent(ctx: Context) -> None:
    """Forgets to answer."""


@routes.callback("slow", answer="manual")
async def slow(ctx: Context) -> None:
    """Takes longer than Telegram shows a spinner."""
    await go_on.wait()
    ctx.reply("slow done")


@routes.callback("wrong")
async def wrong(ctx: Context) -> None:
    """Answers though it was answered."""
    ctx.answer("too late")


@routes.callback("refuse", answer="manual")
async def refuse(ctx: Context) -> None:
    """Says no."""
    ctx.reply("never sent")
    raise Refuse("No, sorry.")


@pytest.fixture
def plugin(make_plugin: MakePlugin) -> LoadedPlugin:
    """The plugin with these buttons."""
    go_on.clear()
    return make_plugin("weather", routes)


async def opened(kit: Any) -> Any:
    """A user who sees the panel."""
    anna = kit.user("Anna")
    await anna.send("/panel")
    await anna.wait_for("panel")
    return anna


async def test_an_auto_route_is_answered_in_the_webhooks_answer(sqlite_url: str, plugin: LoadedPlugin) -> None:
    """No call is spent: the answer travels in the body of the 200."""
    async with bot_kit(sqlite_url, plugins=[plugin]) as kit:
        anna = await opened(kit)
        query = await anna.press("auto")
        await anna.wait_answer(query)
        await anna.wait_for("auto done")
        answers = kit.telegram.calls_of("answerCallbackQuery")
        assert [call.via for call in answers] == ["webhook_answer"]


async def test_a_lost_answer_is_given_again_with_the_repeated_post(sqlite_url: str, plugin: LoadedPlugin) -> None:
    """Telegram posts again where it did not read our answer; the press is handled once and its spinner stops."""
    async with bot_kit(sqlite_url, plugins=[plugin]) as kit:
        anna = await opened(kit)
        kit.telegram.switch(drop_response_every=1)
        query = await anna.press("auto")
        await anna.wait_answer(query)
        await anna.wait_for("auto done")
        assert [text for text in (m.text for m in anna.messages) if text == "auto done"] == ["auto done"]


async def test_a_manual_route_answers_itself_with_a_plain_text(sqlite_url: str, plugin: LoadedPlugin) -> None:
    """A toast is plain text: what ctx.t escaped for HTML is written as it was."""
    async with bot_kit(sqlite_url, plugins=[plugin]) as kit:
        anna = await opened(kit)
        await anna.wait_answer(await anna.press("toast"))
        assert anna.toasts == ["Saved & done, <Anna>"]
        assert kit.telegram.calls_of("answerCallbackQuery")[0].params["show_alert"] in (True, "true")


async def test_the_core_answers_for_a_handler_that_forgot(sqlite_url: str, plugin: LoadedPlugin) -> None:
    """No spinner is left behind."""
    async with bot_kit(sqlite_url, plugins=[plugin]) as kit:
        anna = await opened(kit)
        await anna.wait_answer(await anna.press("silent"))


async def test_a_slow_handler_is_answered_for_before_telegram_gives_up(
    sqlite_url: str, plugin: LoadedPlugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The spinner stops while the handler still works."""
    monkeypatch.setattr(runner, "ANSWER_AFTER", 0.05)
    async with bot_kit(sqlite_url, plugins=[plugin]) as kit:
        anna = await opened(kit)
        await anna.wait_answer(await anna.press("slow"))
        assert "slow done" not in [message.text for message in anna.messages]
        go_on.set()
        await anna.wait_for("slow done")
        assert len(kit.telegram.calls_of("answerCallbackQuery")) == 1


async def test_answering_an_auto_route_is_a_mistake_that_says_what_to_do(
    sqlite_url: str, plugin: LoadedPlugin, caplog: pytest.LogCaptureFixture
) -> None:
    """The toast would never be seen: the error names the setting."""
    async with bot_kit(sqlite_url, plugins=[plugin]) as kit:
        anna = await opened(kit)
        await anna.press("wrong")
        await anna.wait_for("Something went wrong")
    assert '@routes.callback(..., answer="manual")' in caplog.text


async def test_a_refusal_stops_the_spinner_and_tells_the_user_once(sqlite_url: str, plugin: LoadedPlugin) -> None:
    """Refuse sends its text, none of the handler's messages, and is not retried."""
    async with bot_kit(sqlite_url, plugins=[plugin]) as kit:
        anna = await opened(kit)
        query = await anna.press("refuse")
        await anna.wait_for("No, sorry.")
        await anna.wait_answer(query)
        assert [m.text for m in anna.messages if m.text in ("never sent", "No, sorry.")] == ["No, sorry."]
        assert 'outcome="refused",plugin="weather",route="refuse"} 1.0' in kit.running.metrics.render().decode()
