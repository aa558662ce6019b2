"""/forget and the core's own tables: dead letters of the chat lose what people wrote; what waits is untouched."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from sqlalchemy import insert, select

from astral_core import Context, Routes, Update
from astral_core.db.engine import open_database
from astral_core.db.migrate import CORE, upgrade
from astral_core.db.session import Session
from astral_core.db.tables import DEAD, DEAD_EFFECT, DONE, PENDING, core_inbox, core_outbox
from astral_core.host.state import Plugin
from astral_core.inbox import personal
from astral_playground.testkit.bot import bot_kit

MakePlugin = Callable[..., Plugin]
PAYLOAD = json.dumps({"message": {"text": "born in Petrograd", "successful_payment": {}}})


def dead_row(number: int, lane: int, state: int = DEAD) -> dict[str, Any]:
    """A row of the inbox with something personal in it."""
    return {"source": "tg:1", "ext_id": f"x{number}", "lane": lane, "kind": "message", "payload": PAYLOAD,
            "state": state, "error_id": "K7QM-2XWT", "error": "ValueError: Petrograd"}  # fmt: skip


async def test_forget_takes_the_words_out_of_dead_letters(database_url: str) -> None:
    """Payload and error go, nobody can retry them; another chat's stay, and so does a row that is still to run."""
    async with bot_kit(database_url, plugins=[]) as kit:
        anna = kit.user("Anna")
        await anna.send("/start")
        await anna.wait_for()
        effect = {"seq": 900_001, "plugin": "moon", "effect": '{"method": "sendMessage", "params": {}}'}
        async with kit.running.database.engine.begin() as connection:
            rows = [dead_row(1, anna.id), dead_row(2, 5)]
            await connection.execute(insert(core_inbox), rows)
            dead = [{**effect, "n": n, "lane": lane, "state": DEAD_EFFECT} for n, lane in enumerate((anna.id, 5))]
            await connection.execute(insert(core_outbox), dead)
        await anna.send("/forget")
        question = await anna.wait_for("cannot be undone")
        await anna.press(question.buttons[0], message=question)
        await anna.wait_for("/start")
        async with kit.running.database.engine.connect() as connection:
            rows_of_test = select(core_inbox).where(core_inbox.c.ext_id.in_(["x1", "x2"]))
            query = rows_of_test.order_by(core_inbox.c.ext_id)
            mine, others = (await connection.execute(query)).all()
            left = await connection.scalars(select(core_outbox.c.lane).where(core_outbox.c.seq == 900_001))
            lanes = left.all()
        assert (mine.state, mine.payload, mine.error) == (DONE, None, None)
        assert (others.state, others.payload) == (DEAD, PAYLOAD)
        assert lanes == [5]


async def test_forget_leaves_what_is_still_to_be_handled(sqlite_url: str) -> None:
    """A payment that came in meanwhile is settled all the same."""
    database = open_database(sqlite_url)
    await upgrade(database, [CORE])
    async with Session(database, "core") as session:
        await session.execute(insert(core_inbox).values(dead_row(3, 7, PENDING)))
        await personal.forget(session, personal.Person(7))
        left = (await session.execute(select(core_inbox.c.state, core_inbox.c.payload))).one()
    assert tuple(left) == (PENDING, PAYLOAD)
    await database.dispose()


async def test_a_text_handler_cannot_edit_the_users_own_message(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """Telegram would refuse it after the commit; it is told in the handler. Deleting by id works."""
    routes = Routes()
    told: list[str] = []

    async def try_all(update: Update, ctx: Context) -> None:
        for attempt in (lambda: ctx.edit("x"), lambda: ctx.edit_caption("x"), lambda: ctx.delete()):
            try:
                attempt()
            except Exception as error:  # noqa: BLE001  # what is raised is what is looked at
                told.append(f"{type(error).__name__}: {error}")
        assert update.message is not None
        ctx.delete(update.message.message_id)
        ctx.reply("tried")

    answer = routes.question("answer")(try_all)

    @routes.text()
    async def anything(update: Update, ctx: Context) -> None:
        await try_all(update, ctx)
        ctx.ask(answer)

    async with bot_kit(sqlite_url, plugins=[make_plugin("moon", routes)]) as kit:
        anna = kit.user("Anna")
        for _ in range(2):
            sent = await anna.send("hello")
            await anna.wait_for("tried")
            assert sent.deleted
    assert len(told) == 6
    assert all(line.startswith("EffectError: plugin 'moon', route") and "Fix: name one" in line for line in told)
