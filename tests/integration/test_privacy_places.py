"""What stands about a person in groups goes with them, too, and is in the copy of their data."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from astral_core import GROUP, Context, Routes
from astral_core.db.tables import DEAD, core_dialogs, core_due, core_inbox, core_slots
from astral_core.host.state import LoadedPlugin

MakePlugin = Callable[..., LoadedPlugin]
Start = Callable[..., AbstractAsyncContextManager[Any]]
SUPER = {"id": -1001, "type": "supergroup", "title": "Stars"}
routes = Routes()


@routes.step("fails")
async def fails(ctx: Context) -> None:
    """Fails for good."""
    raise ValueError("no")


@routes.question("name", chat=GROUP)
async def name(ctx: Context) -> None:
    """Takes a name."""


@routes.command("leave", chat=GROUP)
async def leave(ctx: Context) -> None:
    """Leaves a trace in each table that has places."""
    ctx.ask(name())
    ctx.show("card")
    ctx.defer(fails())
    ctx.defer(fails(), key=f"{ctx.user.id}", after=timedelta(hours=1))


@pytest.fixture
def plugins(make_plugin: MakePlugin) -> list[LoadedPlugin]:
    """The plugin of these tests."""
    return [make_plugin("trace", routes)]


async def traces(groups: Any, user: int) -> dict[str, int]:
    """How many rows of each table are this person's."""
    async with groups.kit.running.database.engine.connect() as connection:
        due = (await connection.execute(select(core_due.c.person))).scalars().all()
        dialogs = (await connection.execute(select(core_dialogs.c.user_id))).scalars().all()
        slots = (await connection.execute(select(core_slots.c.user_id))).scalars().all()
        dead = select(core_inbox.c.address).where(core_inbox.c.state == DEAD)
        rows = [json.loads(text or "{}").get("user") for text in (await connection.execute(dead)).scalars()]
    return {
        "due": due.count(user),
        "dialogs": dialogs.count(user),
        "slots": slots.count(user),
        "dead": rows.count(user),
    }


async def test_forget_takes_what_a_group_holds_of_a_person(
    database_url: str, start: Start, plugins: list[LoadedPlugin]
) -> None:
    """Their questions, cards, due work and failed steps there; another person's stay."""
    async with start(database_url, plugins) as groups:
        anna, boris = groups.kit.chat("Anna"), groups.kit.chat("Boris")
        for person in (anna, boris):
            await person.send("/start")
            await groups.say("/leave", SUPER, user=person.id)
        await groups.kit.advance(2)
        everything = {"due": 1, "dialogs": 1, "slots": 1, "dead": 1}
        assert await traces(groups, anna.id) == everything
        await anna.send("/mydata")
        data = groups.kit.telegram.world.files.by_id(anna.last.content["document"]["file_id"]).data
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            copies = {name: json.loads(archive.read(name)) for name in archive.namelist()}
        known = {part: one for name, one in copies.items() for part in ("questions", "due", "inbox") if part in name}
        assert {part: len(rows) for part, rows in known.items()} == {"questions": 1, "due": 1, "inbox": 1}, copies
        await anna.send("/forget")
        await anna.tap("Yes, delete everything")
        await groups.kit.settled()
        assert await traces(groups, anna.id) == dict.fromkeys(everything, 0)
        assert await traces(groups, boris.id) == everything


async def test_forget_takes_what_waits_to_be_told_to_others(
    database_url: str, start: Start, plugins: list[LoadedPlugin]
) -> None:
    """A dead row of messages that quotes the person goes; from one that only names them the name goes."""
    async with start(database_url, plugins) as groups:
        anna = groups.kit.chat("Annabel")
        await anna.send("/start")
        for text in (f"{anna.id} says: a secret", "Annabel says: hello"):
            effect = {"method": "sendMessage", "params": {"chat_id": SUPER["id"], "text": text}, "plugin": "trace"}
            body = {"plugin": "trace", "messages": [{"effect": effect}]}
            async with groups.kit.running.database.engine.begin() as connection:
                row = {
                    "source": "internal:messages", "ext_id": text, "lane": SUPER["id"], "kind": "messages",
                    "payload": json.dumps(body), "state": DEAD,
                }  # fmt: skip
                await connection.execute(core_inbox.insert().values(**row))
        await anna.send("/forget")
        await anna.tap("Yes, delete everything")
        await groups.kit.settled()
        async with groups.kit.running.database.engine.connect() as connection:
            query = select(core_inbox.c.payload).where(core_inbox.c.kind == "messages")
            left = [payload for payload in (await connection.execute(query)).scalars() if payload]
        assert len(left) == 1
        assert "says: hello" in left[0]
        assert "Annabel" not in left[0]
