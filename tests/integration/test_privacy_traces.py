"""/forget, looked at from outside: every table, every file and every log line is searched for what a person left."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import logging
import random
import sqlite3
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import LargeBinary, MetaData, func, insert, select
from sqlalchemy.engine import make_url

from astral_core import ANY, Context, PluginContext, Routes, View
from astral_core.bot import archive
from astral_core.db.tables import (
    DEAD,
    DEAD_EFFECT,
    DONE,
    PARKED,
    core_blobs,
    core_dialogs,
    core_due,
    core_inbox,
    core_outbox,
    core_slots,
    core_users,
    now,
)
from astral_core.host.state import LoadedPlugin
from astral_core.inbox.retention import compact, purge
from astral_core.observe.logs import configure_logging
from astral_playground.telegram.client import EmulatedUser
from astral_playground.testkit.bot import BotKit, bot_kit, module_plugin

MakePlugin = Callable[..., LoadedPlugin]
Post = Callable[..., Awaitable[tuple[int, Any]]]
GROUP = -100500
DEAD_ROW = {"source": "tg:9", "lane": GROUP, "kind": "message", "state": DEAD, "done_at": now()}
CHART = '{"at": "wisent"}'
PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==")
NAME = {"first_name": "Ксантиппа", "last_name": "Zzyzxova", "username": "xantippe_zz"}
PHONE, PLACE, BORN = "+79990001122", "Оймякон", date(1987, 3, 17)
SECRETS = ("kurfuerst", "ognivo", "palimpsest", "quagmire", "rigmarole", "sarabande", "тарантас", "umlauf", "vellum",
           "wisent", "yataghan", "zeppelin", "31.12.1899")  # fmt: skip
NEEDLES = (*NAME.values(), PHONE, PLACE, BORN.isoformat(), *SECRETS)


def moon(make_plugin: MakePlugin) -> LoadedPlugin:
    """A plugin that quotes people wherever it can, and fails."""
    routes = Routes()

    @routes.command("fail", chat=ANY)
    async def fail(ctx: Context) -> None:
        ctx.log.warning("cannot read %r of %s", ctx.text, ctx.user.first_name)
        ctx.log.info(f"it was {ctx.text}")  # somebody will
        raise ValueError(f"bad date {ctx.text!r} of {ctx.user.first_name}")

    @routes.command("say")
    async def say(ctx: Context) -> None:
        ctx.reply(f"{ctx.user.first_name} says {ctx.text}")

    @routes.question("answer", chat=ANY)
    async def answer(ctx: Context, topic: str) -> None:
        ctx.reply(topic)

    @routes.command("ask", chat=ANY)
    async def ask(ctx: Context) -> None:
        ctx.ask(answer(topic=ctx.text))
        ctx.reply("asked")

    @routes.command("picture")
    async def picture(ctx: Context) -> None:
        ctx.send_photo(PNG, "drawn", cache="palimpsest")

    @routes.pre_checkout()
    async def may_pay(ctx: Context, query: View) -> None:
        raise LookupError(f"nobody is called {query.order_info.name}, {query.order_info.phone_number}")

    return make_plugin("moon", routes)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """All that the bot logs, as `astral run` would write it."""
    root = logging.getLogger()
    kept, level, stream = root.handlers[:], root.level, io.StringIO()
    configure_logging([], stream=stream, level=logging.DEBUG)
    yield stream
    root.handlers[:] = kept
    root.setLevel(level)


@pytest.fixture
async def kit(database_url: str, make_plugin: MakePlugin, log: io.StringIO) -> AsyncIterator[BotKit]:
    """A bot with all plugins, and one more."""
    names = ("profile", "natal", "payments", "analytics", "playground")
    plugins = [module_plugin(name, f"astral_{name}.plugin") for name in names]
    async with bot_kit(database_url, [*plugins, moon(make_plugin)]) as kit:
        yield kit


def sender(user: EmulatedUser) -> dict[str, Any]:
    """A person as updates carry them."""
    return {"id": user.id, "is_bot": False, "language_code": "en", **NAME}


def in_group(user: EmulatedUser, number: int, text: str, by: dict[str, Any] | None = None, **more: Any) -> Any:
    """A command in a group."""
    command = {"type": "bot_command", "offset": 0, "length": len(text.split()[0])}
    return {
        "update_id": 700_000 + number,
        "message": {
            "message_id": number, "date": 1_700_000_000, "chat": {"id": GROUP, "type": "supergroup", "title": "We"},
            "from": by or sender(user), "text": text, "entities": [command], **more,
        },
    }  # fmt: skip


def checkout(user: EmulatedUser) -> dict[str, Any]:
    """A payment that the plugin fails to judge."""
    order = {"name": "Zzyzxova sarabande", "phone_number": PHONE}
    return {
        "update_id": 700_100,
        "pre_checkout_query": {
            "id": "1", "from": sender(user), "currency": "XTR", "total_amount": 1, "invoice_payload": "moon:x",
            "order_info": order,
        },
    }  # fmt: skip


async def leave_traces(kit: BotKit, anna: EmulatedUser, post: Post) -> None:
    """Do everything that a table, a file or a log could remember."""
    await anna.send("/start")
    await anna.wait_for("Ксантиппа")
    for text in ("/fail kurfuerst 31.12.1899", "/picture"):
        await anna.send(text)
        await anna.wait_for()
    kit.telegram.fail("sendMessage", "400", description="Bad Request: Ксантиппа says /say ognivo is not nice")
    await anna.send("/say ognivo")
    await kit.settled()
    await anna.send("/ask umlauf")
    await anna.wait_for("asked")
    boris = {"id": 77, "is_bot": False, "first_name": "Boris"}
    reply = in_group(anna, 1, "rigmarole")["message"]
    for update in (
        in_group(anna, 2, "/fail quagmire"),
        in_group(anna, 3, "/ask тарантас"),
        in_group(anna, 4, "/fail", boris, reply_to_message=reply),
        checkout(anna),
        {"update_id": 700_200, "message": {"from": sender(anna), "text": "vellum"}},  # in no chat: unreadable
    ):
        assert (await post(kit, update))[0] == 200
    await kit.settled()
    await fill_tables(kit, anna)
    await kit.running.telemetry.flush()


async def fill_tables(kit: BotKit, anna: EmulatedUser) -> None:
    """What plugins keep, and what is parked for one that is away."""
    tables = {table.name: table for plugin in kit.running.host.plugins if plugin.declared.tables
              for table in plugin.declared.tables.metadata.tables.values()}  # fmt: skip
    order, mine = uuid4(), {"user_id": anna.id}
    birth = {"birth_date": BORN, "place_name": PLACE, "country": "RU", "latitude": 63.4641, "longitude": 142.7737,
             "zone": "Asia/Ust-Nera", "population": 500}  # fmt: skip
    money = {"provider": "stars", "provider_ref": "charge-1", "account_id": "1", "mode": "live", "amount_minor": 150,
             "currency": "XTR", "status": "succeeded", "settled_at": now()}  # fmt: skip
    effect = json.dumps(
        {"method": "sendMessage", "params": {"chat_id": GROUP, "text": f"Ксантиппа, zeppelin, {anna.id}"}},
        ensure_ascii=False,
    )
    words = {"kind": "message", "state": PARKED, "parked_for": "sun", "source": "tg:1"}
    later = {"route": "moon.remind", "kind": "step", "generation": 1, "due_at": now() + timedelta(days=1)}
    rows: list[tuple[Any, dict[str, Any]]] = [
        (tables["profile_profiles"], {**mine, **birth}),
        (tables["profile_drafts"], {**mine, "data": json.dumps({"place": PLACE})}),
        (tables["natal_charts"], {**mine, "profile_id": 1, "key": "k", "theme": "night", "chart": CHART}),
        (tables["natal_readings"], {**mine, "key": "k", "language": "ru", "messages": f'["{PLACE} wisent"]'}),
        (tables["payments_orders"], {**mine, "id": order, "product": "full", "snapshot": "{}", "status": "paid"}),
        (tables["payments"], {**mine, "order_id": order, "reason": "wisent", **money}),
        (core_inbox, {**words, "ext_id": "p1", "lane": anna.id, "payload": '{"message": {"text": "yataghan"}}'}),
        (core_inbox, {**words, "ext_id": "p2", "lane": GROUP, "payload": json.dumps(in_group(anna, 5, "yataghan"))}),
        (core_due, {**later, "lane": anna.id, "key": "a", "payload": '{"args": {"t": "wisent"}}'}),
        (core_due, {**later, "lane": GROUP, "key": "b", "person": anna.id, "payload": '{"args": {"t": "wisent"}}'}),
        (core_due, {**later, "lane": GROUP, "key": "c", "payload": json.dumps({"args": {**mine, "t": "wisent"}})}),
        (core_blobs, {"id": 9000, "data": b"zeppelin" * 100}),
        (core_outbox, {"seq": 90_000, "n": 0, "lane": GROUP, "plugin": "moon", "effect": effect, "state": DEAD_EFFECT,
                       "blob_id": 9000, "error": "zeppelin"}),
    ]  # fmt: skip
    async with kit.running.database.engine.begin() as connection:
        for table, values in rows:
            await connection.execute(insert(table).values(**values))


async def forget(anna: EmulatedUser, kit: BotKit) -> None:
    """Ask to be forgotten, and say yes."""
    await anna.send("/forget")
    question = await anna.wait_for("cannot be undone")
    await anna.press(question.buttons[0], message=question)
    await anna.wait_for("I have deleted your data")
    await kit.settled()


async def everything(kit: BotKit) -> dict[str, str]:
    """The content of every table, bytes and JSON included, as one text each."""
    found = {}
    async with kit.running.database.engine.connect() as connection:
        known = MetaData()
        await connection.run_sync(known.reflect)
        for table in known.sorted_tables:
            for column in table.columns:
                if isinstance(column.type, LargeBinary):
                    column.info["blob"] = True
            rows = (await connection.execute(select(table))).all()
            cells = [cell.decode("utf-8", "replace") if isinstance(cell, bytes) else str(cell)
                     for row in rows for cell in row]  # fmt: skip
            found[table.name] = "\n".join(cells)
    return found


def spellings(needle: str) -> list[bytes]:
    """A needle as UTF-8 and as JSON spells it."""
    return [needle.encode(), json.dumps(needle)[1:-1].encode()]


def seen_in(content: bytes) -> list[str]:
    """The needles that stand in `content`."""
    return [needle for needle in NEEDLES if any(spelled in content for spelled in spellings(needle))]


def files_of(kit: BotKit, folder: Path) -> dict[str, bytes]:
    """The files of a SQLite database, and two copies of it."""
    path = Path(str(make_url(kit.database_url).database))
    with contextlib.closing(sqlite3.connect(path)) as source:
        with contextlib.closing(sqlite3.connect(folder / "backup.db")) as copy:
            source.backup(copy)
        source.execute("VACUUM INTO ?", (str(folder / "vacuum.db"),))
    parts = [path.with_name(path.name + end) for end in ("", "-wal", "-shm")]
    return {part.name: part.read_bytes() for part in [*parts, *folder.iterdir()]}


async def test_after_forget_nothing_names_the_person_or_quotes_them(
    kit: BotKit, post: Post, log: io.StringIO, tmp_path: Path
) -> None:
    """Names, words, place and numbers are in every corner before, and nowhere after: tables, files, copies, log."""
    anna = kit.user(language_code="en", **NAME)
    await leave_traces(kit, anna, post)
    before = await everything(kit)
    assert set(seen_in("\n".join(before.values()).encode())) == set(NEEDLES)
    assert str(anna.id) in before["analytics_events"]
    await forget(anna, kit)
    await kit.running.telemetry.flush()
    after = await everything(kit)
    assert {name: found for name, text in after.items() if (found := seen_in(text.encode()))} == {}
    assert str(anna.id) not in after["analytics_events"]
    if kit.running.database.is_sqlite:
        for folder in (tmp_path / "at once", tmp_path / "within the hour"):
            folder.mkdir()
            assert {
                name: found for name, content in files_of(kit, folder).items() if (found := seen_in(content))
            } == {}
            await compact(kit.running.inbox.store)
    assert seen_in(log.getvalue().encode()) == []
    assert "ValueError: bad date" in log.getvalue()


async def test_after_forget_the_law_has_what_it_asks_for_and_others_keep_theirs(kit: BotKit, post: Post) -> None:
    """The payment stays with amount and date, the empty row that it refers to, and another one's failed command."""
    anna = kit.user(language_code="en", **NAME)
    await leave_traces(kit, anna, post)
    await forget(anna, kit)
    tables = MetaData()
    async with kit.running.database.engine.connect() as connection:
        await connection.run_sync(tables.reflect)
        payment = (await connection.execute(select(tables.tables["payments"]))).one()
        person = (await connection.execute(select(core_users).where(core_users.c.id == anna.id))).one()
        dead = (await connection.execute(select(core_inbox).where(core_inbox.c.state == DEAD))).all()
        left = [
            await connection.scalar(select(func.count()).select_from(table).where(column == anna.id))
            for table, column in ((core_dialogs, core_dialogs.c.user_id), (core_slots, core_slots.c.chat_id))
        ]
        files = await connection.scalar(select(func.count()).select_from(tables.tables["core_files"]))
    assert (payment.user_id, payment.amount_minor, payment.currency) == (anna.id, 150, "XTR")
    assert (person.first_name, person.last_name, person.username) == ("", None, None)
    assert [json.loads(row.payload)["message"]["from"]["first_name"] for row in dead] == ["Boris"]
    assert (left, files) == ([0, 0], 0)


def zipped(kit: BotKit, message: Any) -> dict[str, Any]:
    """The files of /mydata's answer, read as JSON."""
    data = kit.telegram.world.files.by_id(message.content["document"]["file_id"]).data
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: json.loads(archive.read(name)) for name in archive.namelist()}


async def test_mydata_holds_what_is_asked_and_what_waits(kit: BotKit, post: Post) -> None:
    """The open questions, the rows of the inbox that still have words, refused messages; all plugins' parts."""
    anna = kit.user(language_code="en", **NAME)
    await leave_traces(kit, anna, post)
    await anna.send("/mydata")
    files = zipped(kit, await anna.wait_for(lambda message: "document" in message.content))
    assert {one["chat"]: one["arguments"] for one in files["core/questions.json"]} == {
        GROUP: {"topic": "/ask тарантас"}, anna.id: {"topic": "/ask umlauf"},
    }  # fmt: skip
    kept = json.dumps(files["core/inbox.json"], ensure_ascii=False)
    assert [word for word in ("kurfuerst", "quagmire", "sarabande", "vellum", "yataghan") if word not in kept] == []
    assert "/mydata" not in kept
    assert "rigmarole" not in kept, "it stands in somebody else's row"
    assert {row["state"] for row in files["core/inbox.json"]} == {"failed", "waits for a part of the bot"}
    [refused] = files["core/outbox.json"]
    assert (refused["state"], "ognivo" in refused["message"]["params"]["text"]) == ("refused", True)
    assert files["natal/charts.json"][0]["chart"] == {"at": "wisent"}
    assert files["core/user.json"]["username"] == NAME["username"]
    assert len(files["analytics/events.json"]) > 3


async def test_a_copy_that_is_too_large_for_telegram_is_said(
    sqlite_url: str, make_plugin: MakePlugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sentence instead of a file that Telegram would refuse; a plugin may give its part piece by piece."""
    more = [b"1" * 1000]

    async def astral_export_user(ctx: PluginContext, user_id: int) -> dict[str, AsyncIterator[bytes]]:
        async def pieces() -> AsyncIterator[bytes]:
            for piece in more:
                yield piece

        return {"much.json": pieces()}

    monkeypatch.setattr(archive, "LARGEST", 50_000)
    async with bot_kit(sqlite_url, [make_plugin("sun", hooks=[astral_export_user])]) as kit:
        anna = kit.user("Anna")
        await anna.send("/mydata")
        files = zipped(kit, await anna.wait_for(lambda message: "document" in message.content))
        assert files["sun/much.json"] == int("1" * 1000)
        more[:] = [random.Random(7).randbytes(200_000)]  # noqa: S311  # it shall not pack
        await anna.send("/mydata")
        await anna.wait_for("more than one file in Telegram can hold")


async def test_a_group_learns_nothing_of_its_members(kit: BotKit, post: Post) -> None:
    """/mydata and /forget in a group lead to the private chat; a pressed button there deletes nobody's data."""
    anna = kit.user(language_code="en", **NAME)
    await anna.send("/start")
    await anna.wait_for()
    for number, text in enumerate((f"/mydata@{kit.running.bot.application.bot.username}", "/forget"), 20):
        assert (await post(kit, in_group(anna, number, text)))[0] == 200
    press = {
        "id": "9", "from": sender(anna), "chat_instance": "1", "data": "core:forget.now",
        "message": in_group(anna, 30, "x")["message"],
    }  # fmt: skip
    assert (await post(kit, {"update_id": 700_031, "callback_query": press}))[0] == 200
    await kit.settled()
    said = [call.params for call in kit.telegram.calls if call.params.get("chat_id") == str(GROUP)]
    assert [one["text"] for one in said] == ["I answer this in our private chat."]
    assert not kit.telegram.calls_of("sendDocument")
    async with kit.running.database.engine.connect() as connection:
        name = await connection.scalar(select(core_users.c.first_name).where(core_users.c.id == anna.id))
    assert name == NAME["first_name"]


def payment(anna: EmulatedUser, number: int) -> dict[str, Any]:
    """Money that has come."""
    paid = {"currency": "XTR", "total_amount": 5, "invoice_payload": "shop:x", "telegram_payment_charge_id": "c",
            "provider_payment_charge_id": "p", "order_info": {"name": "sarabande"}}  # fmt: skip
    chat = {"id": anna.id, "type": "private", "first_name": NAME["first_name"]}
    message = {"message_id": number, "date": 1_700_000_000, "chat": chat, "from": sender(anna)}
    return {"update_id": 700_000 + number, "message": {**message, "successful_payment": paid}}


async def test_a_payment_that_waits_is_settled_and_told_and_then_forgotten(
    database_url: str, make_plugin: MakePlugin, post: Post, log: io.StringIO
) -> None:
    """Also one whose plugin is away when it is asked: it is handled when that is back, and leaves no words."""
    settled: list[int] = []
    routes = Routes()

    @routes.payment()
    async def paid(ctx: Context, payment: View) -> None:
        settled.append(ctx.user.id)
        ctx.show(f"Thank you, {ctx.user.first_name}")

    analytics, shop = module_plugin("analytics", "astral_analytics.plugin"), make_plugin("shop", routes)
    async with bot_kit(database_url, [analytics, shop]) as kit:
        anna = kit.user(language_code="en", **NAME)
        await anna.send("/start")
        await anna.wait_for()
        kit.plugins = [analytics]
        await kit.restart()
        assert (await post(kit, payment(anna, 40)))[0] == 200
        await anna.wait_for("Your payment has arrived")
        await forget(anna, kit)
        assert "sarabande" in (await everything(kit))["core_inbox"], "it is still to be settled"
        kit.plugins = [analytics, shop]
        await kit.restart()
        await anna.wait_for("Thank you")
        await kit.settled()
        assert settled == [anna.id]
        after = await everything(kit)
        assert {name: found for name, text in after.items() if (found := seen_in(text.encode()))} == {}
        assert str(anna.id) not in after["analytics_events"]
        await anna.send("/start")  # who comes back is known again
        await anna.wait_for("Hello, Ксантиппа")
        await kit.settled()
        assert str(anna.id) in (await everything(kit))["analytics_events"]


async def test_who_comes_back_by_another_replica_is_known_again(sqlite_url: str) -> None:
    """A replica that did not see /forget has the person in memory; the empty row tells it that they were gone."""
    async with bot_kit(sqlite_url, []) as kit:
        anna = kit.user(language_code="en", **NAME)
        await anna.send("/start")
        await anna.wait_for()
        people = kit.running.bot.people
        known = people.seen.get(anna.id)
        assert known is not None
        await forget(anna, kit)
        people.seen.put(anna.id, known)  # as it is in the memory of another replica
        for _ in range(2):
            await anna.send("/start")
            await anna.wait_for("Hello, Ксантиппа")
            await kit.settled()
        assert await people.forgotten({anna.id}) == set()


async def test_what_fails_after_forget_is_forgotten_within_the_hour(kit: BotKit, post: Post) -> None:
    """A row of a group that had waited, and failed later; another one's dead letter and money that came stay."""
    anna = kit.user(language_code="en", **NAME)
    await anna.send("/start")
    await anna.wait_for()
    await forget(anna, kit)
    late = {**DEAD_ROW, "ext_id": "late", "payload": json.dumps(in_group(anna, 50, "quagmire")), "error": "quagmire"}
    boris = {"id": 77, "is_bot": False, "first_name": "Boris"}
    other = {**DEAD_ROW, "ext_id": "other", "payload": json.dumps(in_group(anna, 51, "/fail", boris))}
    paid = {**DEAD_ROW, "ext_id": "paid", "payload": json.dumps(payment(anna, 52))}
    broken = {**DEAD_ROW, "ext_id": "broken", "payload": "{"}
    async with kit.running.database.engine.begin() as connection:
        for row in (late, other, paid, broken):
            await connection.execute(insert(core_inbox).values(**row))
    await purge(kit.running.inbox.store, 72, 168)
    async with kit.running.database.engine.connect() as connection:
        query = select(core_inbox.c.ext_id, core_inbox.c.state).where(core_inbox.c.source == "tg:9")
        found = {row.ext_id: row.state for row in await connection.execute(query)}
    assert found == {"late": DONE, "other": DEAD, "paid": DEAD, "broken": DEAD}
    assert "quagmire" not in (await everything(kit))["core_inbox"]
