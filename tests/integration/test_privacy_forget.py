"""/forget and the core's own tables: dead letters of the chat lose what people wrote; what waits is untouched."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select

from astral_core import Context, Routes
from astral_core.db.engine import open_database
from astral_core.db.migrate import CORE, upgrade
from astral_core.db.session import Session
from astral_core.db.tables import (
    DEAD,
    DEAD_EFFECT,
    DONE,
    PARKED,
    PENDING,
    core_due,
    core_inbox,
    core_outbox,
    core_users,
    now,
)
from astral_core.host.state import LoadedPlugin
from astral_core.inbox import personal
from astral_core.inbox.envelope import UNREADABLE
from astral_core.inbox.row_updates import SUSPECT
from astral_playground.telegram.client import EmulatedUser
from astral_playground.testkit.bot import BotKit, bot_kit, module_plugin

MakePlugin = Callable[..., LoadedPlugin]
GROUP = -100500
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


async def forget(anna: EmulatedUser, kit: BotKit) -> None:
    """Ask to be forgotten, and say yes."""
    await anna.send("/forget")
    question = await anna.wait_for("cannot be undone")
    await anna.press(question.buttons[0], message=question)
    await anna.wait_for("/start")
    await kit.settled()


def refused(number: int, lane: int, params: dict[str, Any]) -> dict[str, Any]:
    """A message that Telegram has refused."""
    effect = json.dumps({"method": "sendMessage", "params": {"chat_id": lane, **params}}, ensure_ascii=False)
    return {"seq": 900_000 + number, "n": 0, "plugin": "moon", "lane": lane, "state": DEAD_EFFECT, "effect": effect}


@pytest.mark.parametrize("name", ["params", "message", "text", "HTML", "sendMessage"])
async def test_a_name_that_telegram_uses_too_costs_nobody_a_message(sqlite_url: str, name: str) -> None:
    """Names prove nothing: neither in a private chat, nor in the words of Telegram's and ours around a text."""
    text = {"text": f"<b>Hello</b>, {name}!", "parse_mode": "HTML"}
    async with bot_kit(sqlite_url, plugins=[]) as kit:
        anna = kit.user(name, username=f"{name}_x")
        await anna.send("/start")
        await anna.wait_for()
        body = {"update_id": 5, "message": {"from": {"id": 5}, "text": f"{name} vellum"}}
        unreadable = {"source": "tg:1", "lane": 0, "kind": UNREADABLE, "state": DEAD}
        rows = [
            {**unreadable, "ext_id": "u1", "payload": json.dumps(body)},
            {**unreadable, "ext_id": "u2", "payload": f"{name} {{"},
        ]
        async with kit.running.database.engine.begin() as connection:
            await connection.execute(insert(core_outbox), [refused(1, 5, text), refused(2, GROUP, text)])
            await connection.execute(insert(core_inbox), rows)
        await forget(anna, kit)
        async with kit.running.database.engine.connect() as connection:
            query = select(core_outbox.c.effect).where(core_outbox.c.seq > 900_000).order_by(core_outbox.c.seq)
            private, group = [json.loads(effect) for effect in await connection.scalars(query)]
            dead = select(core_inbox.c.ext_id).where(core_inbox.c.state == DEAD, core_inbox.c.payload.is_not(None))
            assert set(await connection.scalars(dead)) == {"u1", "u2"}
    assert private == {"method": "sendMessage", "params": {"chat_id": 5, **text}}
    assert group["params"] == {"chat_id": GROUP, **text, "text": "<b>Hello</b>, …!"}


async def test_a_message_in_a_group_loses_the_names_alone(sqlite_url: str) -> None:
    """In all that people read, with its keyboard; neither markup nor another word that has the name in it."""
    text = {
        "caption": '<code>Code</code> code &amp; codein, <a href="https://t.me/code_amp">CODE_amp</a> Tom &amp; Co',
        "parse_mode": "HTML",
        "reply_markup": {"inline_keyboard": [[{"text": "code", "callback_data": "moon:code"}]]},
    }
    row = {**refused(1, GROUP, text), "error": "Bad Request: code_amp is code"}
    database = open_database(sqlite_url)
    await upgrade(database, [CORE])
    async with Session(database, "core") as session:
        await session.execute(insert(core_outbox).values(row))
        await personal.forget(session, personal.Person(70_001, "code_amp", ("code", "Tom & Co")))
        left = (await session.execute(select(core_outbox.c.effect, core_outbox.c.error))).one()
    await database.dispose()
    assert json.loads(left.effect)["params"] == {
        "chat_id": GROUP,
        "caption": '<code>Code</code> … &amp; codein, <a href="https://t.me/…">…</a> …',
        "parse_mode": "HTML",
        "reply_markup": {"inline_keyboard": [[{"text": "…", "callback_data": "moon:code"}]]},
    }
    assert left.error == "Bad Request: … is …"


ID = 70_001
ABOUT = {
    "a mention": {"text": f'<a href="tg://user?id={ID}">she</a>'},
    "a word": {"text": f"who is {ID}?"},
    "a number": {"user_id": ID},
    "a button": {"reply_markup": {"inline_keyboard": [[{"text": "x", "callback_data": f"moon:{ID}"}]]}},
}
NOT_ABOUT = {
    "a message": {"message_id": ID},
    "a part": {"text": f"{ID}5, x{ID}"},
    "a part of a number": {"n": ID * 10},
}


@pytest.mark.parametrize("lane", [5, GROUP])
async def test_a_message_with_the_id_goes(sqlite_url: str, lane: int) -> None:
    """Wherever it was to be sent; a message's number is nobody's id."""
    database = open_database(sqlite_url)
    await upgrade(database, [CORE])
    all_of_them = [*ABOUT.values(), *NOT_ABOUT.values()]
    async with Session(database, "core") as session:
        for number, params in enumerate(all_of_them):
            await session.execute(insert(core_outbox).values(refused(number, lane, params)))
        await personal.forget(session, personal.Person(ID))
        left = list(await session.scalars(select(core_outbox.c.seq).order_by(core_outbox.c.seq)))
    await database.dispose()
    assert left == [900_000 + number for number in range(len(ABOUT), len(all_of_them))]


async def test_what_cannot_be_read_is_a_person_s_by_their_id(sqlite_url: str) -> None:
    """A number or a word in JSON, a word in anything else; not the number of an update."""
    database = open_database(sqlite_url)
    await upgrade(database, [CORE])
    own = [json.dumps({"x": {"from": {"id": ID}}}), json.dumps({"x": [f"of {ID}"]}), f'{{"from": {ID}, ']
    others = [json.dumps({"update_id": ID, "x": {str(ID): 1}}), f"{ID}5 {{"]
    row = {"source": "tg:1", "lane": 0, "kind": UNREADABLE, "state": DEAD}
    async with Session(database, "core") as session:
        for number, payload in enumerate([*own, *others]):
            await session.execute(insert(core_inbox).values(**row, ext_id=f"u{number}", payload=payload))
        await personal.forget(session, personal.Person(ID))
        left = list(await session.scalars(select(core_inbox.c.payload).where(core_inbox.c.payload.is_not(None))))
    await database.dispose()
    assert left == others


def steps(anna: int) -> dict[str, dict[str, Any]]:
    """Durable work that was put off: rows by their name."""
    row = {"kind": "step", "state": PARKED, "parked_for": SUSPECT, "due_at": now() + timedelta(minutes=10)}
    args: dict[str, Any] = {"user_id": anna}
    event = {"event": "moon.rose", "plugin": "sun", "name": "seen", "data": {"of": [args]}}
    kept = {**row, "lane": anna}
    return {
        "own": {**row, "lane": anna, "payload": {"route": "moon.remind", "args": {"text": "vellum"}}},
        "elsewhere": {**row, "lane": GROUP, "payload": {"route": "moon.remind", "args": args}},
        "an event": {**row, "kind": "event", "lane": GROUP, "payload": event},
        "somebody's": {**row, "lane": 5, "payload": {"route": "moon.remind", "args": {"user_id": 5, "n": anna}}},
        "money": {**kept, "payload": {"route": "payments.deliver", "args": args}},
        "paid": {**kept, "kind": "event", "payload": {"event": "payments.paid", "plugin": "sun", "data": args}},
        "a deletion": {**kept, "payload": {"route": "core.forget_in", "args": {"plugin": "moon", **args}}},
        "an away plugin's": {**kept, "parked_for": "tides", "payload": {"route": "tides.note", "args": args}},
    }


async def test_a_step_that_was_put_off_does_not_run_after_the_deletion(database_url: str) -> None:
    """The person's own, and those that name them, end with /forget; money, deletions and others' are tried again."""
    plugins = [module_plugin("payments", "astral_payments.plugin")]
    async with bot_kit(database_url, plugins) as kit:
        anna = kit.user("Anna")
        await anna.send("/start")
        await anna.wait_for()
        await kit.settled()
        async with kit.running.database.engine.begin() as connection:
            for name, row in steps(anna.id).items():
                values = {**row, "source": f"internal:{row['kind']}", "ext_id": name}
                values["payload"] = json.dumps(row["payload"])
                await connection.execute(insert(core_inbox).values(**values))
        await forget(anna, kit)
        async with kit.running.database.engine.connect() as connection:
            query = select(core_inbox.c.ext_id).where(core_inbox.c.payload.is_not(None))
            left = set(await connection.scalars(query.where(core_inbox.c.state == PARKED)))
            ended = select(core_inbox).where(core_inbox.c.ext_id.in_(["own", "elsewhere", "an event"]))
            rows = (await connection.execute(ended)).all()
    assert left == {"somebody's", "money", "paid", "a deletion", "an away plugin's"}
    assert {(row.state, row.payload, row.parked_for) for row in rows} == {(DONE, None, None)}


async def test_what_waits_for_its_time_does_not_run_after_the_deletion(database_url: str) -> None:
    """The person's own due work, and what names them, ends with /forget; money, deletions and others' stay."""
    database = open_database(database_url)
    await upgrade(database, [CORE])
    async with Session(database, "core") as session:
        for name, row in steps(ID).items():
            values = {"route": row["payload"].get("route", ""), "lane": row["lane"], "key": name, "kind": row["kind"]}
            waits = {"generation": 1, "due_at": row["due_at"], "payload": json.dumps(row["payload"])}
            await session.execute(insert(core_due).values(**values, **waits))
        told = await personal.due(session, personal.Person(ID))
        await personal.forget(session, personal.Person(ID), {"payments"})
        left = set(await session.scalars(select(core_due.c.key)))
    await database.dispose()
    assert left == {"somebody's", "money", "paid", "a deletion"}
    assert {one["payload"]["args"]["text"] for one in told if "text" in one["payload"].get("args", {})} == {"vellum"}
    assert len(told) == 7


async def test_a_step_about_the_forgotten_that_fails_later_is_emptied(sqlite_url: str) -> None:
    """Also where it ran in another chat; money, and what names nobody who is forgotten, stays for its owner."""
    database = open_database(sqlite_url)
    await upgrade(database, [CORE])
    async with database.engine.begin() as connection:
        await connection.execute(insert(core_users), [{"id": ID, "first_name": ""}, {"id": 5, "first_name": "Boris"}])
        for name, row in steps(ID).items():
            values = {**row, "source": f"internal:{row['kind']}", "ext_id": name, "state": DEAD, "parked_for": None}
            values["payload"] = json.dumps(row["payload"])
            await connection.execute(insert(core_inbox).values(**values))
        await personal.forget_late(connection, {"payments"})
        query = select(core_inbox.c.ext_id).where(core_inbox.c.payload.is_not(None))
        left = set(await connection.scalars(query.where(core_inbox.c.state == DEAD)))
    await database.dispose()
    assert left == {"somebody's", "money", "paid", "a deletion"}


async def test_mydata_says_what_is_tried_again(sqlite_url: str) -> None:
    """What was put off waits for no part of the bot."""
    database = open_database(sqlite_url)
    await upgrade(database, [CORE])
    parked = {"source": "tg:1", "kind": "message", "lane": ID, "payload": "{}", "state": PARKED}
    async with Session(database, "core") as session:
        for name in (SUSPECT, "tides"):
            await session.execute(insert(core_inbox).values(**parked, ext_id=name, parked_for=name))
        told = await personal.waiting(session, personal.Person(ID), but=0)
    await database.dispose()
    assert [row["state"] for row in told] == ["is tried again", "waits for a part of the bot"]


async def test_a_text_handler_cannot_edit_the_users_own_message(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """Telegram would refuse it after the commit; it is told in the handler. Deleting by id works."""
    routes = Routes()
    told: list[str] = []

    async def try_all(ctx: Context) -> None:
        for attempt in (lambda: ctx.edit("x"), lambda: ctx.edit_caption("x"), lambda: ctx.delete()):
            try:
                attempt()
            except Exception as error:  # noqa: BLE001  # what is raised is what is looked at
                told.append(f"{type(error).__name__}: {error}")
        ctx.delete(ctx.message.message_id)
        ctx.reply("tried")

    answer = routes.question("answer")(try_all)

    @routes.text()
    async def anything(ctx: Context) -> None:
        await try_all(ctx)
        ctx.ask(answer())

    async with bot_kit(sqlite_url, plugins=[make_plugin("moon", routes)]) as kit:
        anna = kit.user("Anna")
        for _ in range(2):
            sent = await anna.send("hello")
            await anna.wait_for("tried")
            assert sent.deleted
    assert len(told) == 6
    assert all(line.startswith("EffectError: plugin 'moon', route") and "Fix: name one" in line for line in told)
