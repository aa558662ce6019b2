"""A database of the version before addresses: what was open, shown, unsent and waiting in it goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from sqlalchemy import text

from astral_core import GROUP, Context, Routes, now
from astral_core.db.engine import open_database
from astral_core.db.migrate import CORE, downgrade
from astral_core.host.state import LoadedPlugin

MakePlugin = Callable[..., LoadedPlugin]
Start = Callable[..., AbstractAsyncContextManager[Any]]

BEFORE = "core_0006"
FORUM = {"id": -1002, "type": "supergroup", "title": "Sky", "is_forum": True}
routes = Routes()
answers: list[str] = []


@routes.command("name")
async def ask(ctx: Context) -> None:
    """Asks for a name."""
    ctx.ask(name())


@routes.question("name")
async def name(ctx: Context) -> None:
    """Takes it."""
    answers.append(ctx.text)


@routes.command("card", chat=GROUP)
async def card(ctx: Context) -> None:
    """Answers in its topic."""
    ctx.reply("here")


@routes.callback("again")
async def again(ctx: Context) -> None:
    """Shows the card once more."""
    ctx.show("again")


@routes.command("show")
async def show(ctx: Context) -> None:
    """Shows a card."""
    ctx.show("card", [[ctx.button("again", again())]])


@routes.step("late")
async def late(ctx: Context) -> None:
    """What waited for its time."""
    ctx.reply("late")


@pytest.fixture
def plugins(make_plugin: MakePlugin) -> list[LoadedPlugin]:
    """The plugin of these tests."""
    answers.clear()
    return [make_plugin("old", routes)]


INBOX = """
INSERT INTO core_inbox (source, ext_id, lane, kind, express, payload, state, attempts, crashes, received_at)
VALUES (:source, :ext_id, :lane, 'message', false, :payload, :state, 0, 0, :now)
"""
OUTBOX = """
INSERT INTO core_outbox (seq, n, lane, plugin, effect, state, attempts, created_at)
SELECT seq, 0, :lane, 'old', :effect, 0, 0, :now FROM core_inbox WHERE ext_id = :ext_id
"""
DUE = """
INSERT INTO core_due (route, lane, key, generation, state, due_at, kind, payload, attempts, tries)
VALUES ('old.late', :lane, 'k', 1, 0, :now, 'step', '{"route":"old.late","args":{}}', 0, 0)
"""
LANES = """
INSERT INTO core_lanes (lane, owner, epoch, arrivals, state) VALUES (:lane, NULL, 1, 1, 2)
ON CONFLICT (lane) DO UPDATE SET owner = NULL, state = 2
"""


async def leave_old_rows(groups: Any, person: int) -> None:
    """Go back to the version before, and write what its bot would have left."""
    database = open_database(groups.kit.database_url)
    await downgrade(database, CORE, BEFORE)
    moment = now().replace(tzinfo=None).isoformat(" ") if database.is_sqlite else now()
    topic = groups.update("/card", 5001, FORUM, message_thread_id=42, is_topic_message=True)
    effect = {"method": "sendMessage", "params": {"chat_id": person, "text": "unsent"}, "plugin": "old"}
    rows = [
        {"source": f"tg:{groups.kit.running.settings.bot_id}" if groups.kit.app else "tg:1", "ext_id": "old-1",
         "lane": FORUM["id"], "payload": json.dumps(topic), "state": 0},
        {"source": "tg:1", "ext_id": "old-2", "lane": person, "payload": None, "state": 1},
    ]  # fmt: skip
    async with database.engine.begin() as connection:
        for row in rows:
            await connection.execute(text(INBOX), {**row, "now": moment})
        values = {"lane": person, "effect": json.dumps(effect), "ext_id": "old-2", "now": moment}
        await connection.execute(text(OUTBOX), values)
        await connection.execute(text(DUE), {"lane": person, "now": moment})
        for lane in (FORUM["id"], person):
            await connection.execute(text(LANES), {"lane": lane})
    await database.dispose()


async def test_a_database_of_the_version_before_goes_on(
    database_url: str, start: Start, plugins: list[LoadedPlugin]
) -> None:
    """Open questions, slots, unsent messages, updates of topics, due work: nothing is lost in the migration."""
    async with start(database_url, plugins) as groups:
        person = groups.kit.chat("Anna")
        await person.send("/show")
        await person.send("/name")
        card = person.last.message_id
        await groups.kit.stop()
        await leave_old_rows(groups, person.id)
        before = len(groups.kit.calls())
        await groups.kit.start()
        await groups.kit.settled()
        await groups.kit.advance(1)
        said = {(call.chat_id, call.params["text"]): call for call in groups.calls(before)}
        assert set(said) == {(person.id, "unsent"), (person.id, "late"), (FORUM["id"], "here")}
        assert str(said[FORUM["id"], "here"].params["message_thread_id"]) == "42"
        await person.send("Anna")
        assert answers == ["Anna"]
        before = len(groups.kit.calls())
        await groups.press("old:again", {"id": person.id, "type": "private"}, person.id, message_id=card)
        edited = [call for call in groups.calls(before) if call.method == "editMessageText"]
        assert [int(call.params["message_id"]) for call in edited] == [card]
        assert await groups.states() == {1}
