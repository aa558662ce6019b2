"""Small state: kept with the handler's commit, exported, forgotten, moved and dropped by the core."""

from __future__ import annotations

import asyncio
import io
import json
import re
import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import event, select, update

from astral_core import ANY, Context, Routes, State
from astral_core.db.drop import drop_tables
from astral_core.db.engine import open_database
from astral_core.db.keyed import statement
from astral_core.db.link import Link
from astral_core.db.states import Kept, StateKey
from astral_core.db.tables import core_state
from astral_core.errors import DeclarationError, HandlerError, StateChanged
from astral_core.host.discover import import_plugin
from astral_core.host.registry import build_registry
from astral_core.host.state import LoadedPlugin
from astral_playground.testkit.bot import BotKit, bot_kit

MakePlugin = Callable[..., LoadedPlugin]
routes = Routes()
gates: dict[str, asyncio.Event] = {}
runs: list[str] = []


class Prefs(State, scope="user"):
    """Of a person, in whatever chat."""

    zone: str = "UTC"
    hour: int = 9


class Board(State, scope="chat"):
    """Of a chat."""

    rounds: int = 0


class Score(State, scope="member"):
    """Of a person in a chat."""

    points: int = 0


class Total(State, scope="bot"):
    """Of the bot."""

    presses: int = 0


class Stranger(State):
    """Declared by nobody."""

    x: int = 0


STATES = [Prefs, Board, Score, Total]


@routes.command("zone", chat=ANY)
async def zone(ctx: Context) -> None:
    """Keeps a zone, and says what was."""
    before = await ctx.load(Prefs)
    ctx.save(replace(before, zone=ctx.args))
    ctx.reply(f"{before.zone} to {(await ctx.load(Prefs)).zone}")


@routes.command("point", chat=ANY)
async def point(ctx: Context) -> None:
    """A point for a person in a chat, a round for the chat, a press for the bot."""
    score = replace(await ctx.load(Score), points=(await ctx.load(Score)).points + 1)
    ctx.save(score)
    board = await ctx.change(Board, lambda old: replace(old, rounds=old.rounds + 1))
    total = await ctx.change(Total, lambda old: replace(old, presses=old.presses + 1))
    ctx.reply(f"{score.points} of you, {board.rounds} here, {total.presses} in all")


@routes.command("slow", chat=ANY)
async def slow(ctx: Context) -> None:
    """Reads, waits, and keeps what it has made of that."""
    prefs = await ctx.load(Prefs)
    runs.append(prefs.zone)
    if len(runs) == 1:
        gates["read"].set()
        await gates["go"].wait()
    ctx.save(replace(prefs, hour=prefs.hour + 1))
    ctx.reply(f"{prefs.zone} {prefs.hour + 1}")


@routes.command("wrong")
async def wrong(ctx: Context) -> None:
    """Says what cannot be kept."""
    told = []
    for attempt in (
        lambda: ctx.save(Prefs(zone="x" * 20_000)),
        lambda: ctx.save(Prefs(hour="noon")),  # type: ignore[arg-type]
        lambda: ctx.save(Stranger()),
        lambda: ctx.plugin.work().save(Prefs()),
    ):
        with pytest.raises(HandlerError) as error:
            attempt()
        told.append(str(error.value))
    ctx.reply("\n".join(told))


@routes.command("round", chat=ANY)
async def round_(ctx: Context) -> None:
    """A round for the chat."""
    board = await ctx.load(Board)
    ctx.save(Board(rounds=board.rounds + 1))
    ctx.reply(f"{board.rounds + 1}")


@routes.command("plain")
async def plain(ctx: Context) -> None:
    """Uses no state."""
    ctx.reply("plain")


@pytest.fixture
def plugins(make_plugin: MakePlugin) -> list[LoadedPlugin]:
    """The plugin of these tests."""
    gates.clear()
    gates.update(read=asyncio.Event(), go=asyncio.Event())
    runs.clear()
    return [make_plugin("party", routes, states=STATES)]


async def rows(kit: BotKit) -> list[tuple[str, int, int, Any]]:
    """What is kept: name, chat, person, value."""
    columns = (core_state.c.name, core_state.c.chat_id, core_state.c.user_id, core_state.c.value)
    found = await kit.rows(select(*columns).order_by(*columns))
    return [(name, chat, user, json.loads(value)) for name, chat, user, value in found]


async def test_what_is_kept_is_there_after_a_crash(database_url: str, plugins: list[LoadedPlugin]) -> None:
    """Nothing is kept before somebody saves; then it is a person's in every chat, and survives a crash."""
    async with bot_kit(database_url, plugins) as kit:
        anna = kit.chat("Anna")
        await anna.send("/plain")
        assert await rows(kit) == []
        await anna.send("/zone Berlin")
        assert anna.last.text == "UTC to Berlin"
        await kit.crash()
        await kit.restart()
        group = kit.group("Friends", members=[anna])
        await group.send(anna, "/zone Rome")
        assert group.last.text == "Berlin to Rome"
        assert await rows(kit) == [("Prefs", 0, anna.id, {"zone": "Rome", "hour": 9})]


async def test_each_scope_is_kept_for_itself(database_url: str, plugins: list[LoadedPlugin]) -> None:
    """Points are a person's in a chat, rounds a chat's with all its topics, presses the bot's."""
    async with bot_kit(database_url, plugins) as kit:
        anna, ben = kit.chat("Anna"), kit.chat("Ben")
        one = kit.group("One", members=[anna, ben], topics=["Quiz"])
        two = kit.group("Two", members=[anna])
        for place, person, said in (
            (one, anna, "1 of you, 1 here, 1 in all"),
            (one.topic("Quiz"), anna, "2 of you, 2 here, 2 in all"),
            (one, ben, "1 of you, 3 here, 3 in all"),
            (two, anna, "1 of you, 1 here, 4 in all"),
        ):
            await place.send(person, "/point")
            assert place.last.text == said


async def test_who_read_what_has_changed_runs_again(database_url: str, plugins: list[LoadedPlugin]) -> None:
    """A handler in a group reads, the person changes the state in private: then the handler runs again."""
    async with bot_kit(database_url, plugins) as kit:
        anna = kit.chat("Anna")
        group = kit.group("Friends", members=[anna])
        waiting = asyncio.create_task(group.send(anna, "/slow"))
        await gates["read"].wait()
        await anna.user.send("/zone Berlin")
        await anna.user.wait_for("UTC to Berlin")
        gates["go"].set()
        await waiting
        assert group.last.text == "Berlin 10"
        assert runs == ["UTC", "Berlin"]
        assert await rows(kit) == [("Prefs", 0, anna.id, {"zone": "Berlin", "hour": 10})]


async def test_changes_by_many_at_once_are_all_counted(database_url: str, plugins: list[LoadedPlugin]) -> None:
    """`ctx.change` of one row by twenty chats side by side loses none."""
    async with bot_kit(database_url, plugins) as kit:
        people = [kit.chat(f"P{number}") for number in range(20)]
        await asyncio.gather(*(person.send("/point") for person in people))
        kept = {name: value for name, chat, user, value in await rows(kit) if not user and not chat}
        assert kept == {"Total": {"presses": 20}}


async def test_what_cannot_be_kept_fails_where_it_is_saved(database_url: str, plugins: list[LoadedPlugin]) -> None:
    """Too long, of a wrong type, of a class that nobody declared, of nobody: the errors say so and what to do."""
    async with bot_kit(database_url, plugins) as kit:
        anna = kit.chat("Anna")
        await anna.send("/wrong")
        long, wrong_type, undeclared, nobody = anna.last.text.splitlines()
        assert "at most 16384 are kept. Fix: keep long data in a table" in long
        assert "Expected `int`, got `str` - at `$.hour`" in wrong_type
        assert "has not declared the state Stranger. Fix: Plugin(states=[Stranger])." in undeclared
        assert "say whose state it is: user=<id>" in nobody
        assert await rows(kit) == []


async def test_outside_of_handlers_the_person_is_named(database_url: str, plugins: list[LoadedPlugin]) -> None:
    """A unit of work keeps state with its commit, and nothing if it fails."""
    async with bot_kit(database_url, plugins) as kit:
        context = kit.context("party")
        async with context.work() as work:
            work.save(Prefs(zone="Oslo"), user=7)

        async def fails() -> None:
            async with context.work() as work:
                work.save(Prefs(zone="Riga"), user=7)
                raise RuntimeError("no")

        with pytest.raises(RuntimeError, match="no"):
            await fails()
        async with context.work() as work:
            assert await work.load(Prefs, user=7) == Prefs(zone="Oslo")


async def test_a_unit_of_work_is_told_of_a_change(database_url: str, plugins: list[LoadedPlugin]) -> None:
    """Who has read state outside of a handler and saves it gets StateChanged if somebody else wrote meanwhile."""
    async with bot_kit(database_url, plugins) as kit:
        context = kit.context("party")

        async def late() -> None:
            async with context.work() as work:
                prefs = await work.load(Prefs, user=7)
                async with context.work() as other:
                    other.save(Prefs(zone="Oslo"), user=7)
                work.save(replace(prefs, hour=1), user=7)

        with pytest.raises(StateChanged, match="its state 'Prefs' was changed by somebody else"):
            await late()
        assert await rows(kit) == [("Prefs", 0, 7, {"zone": "Oslo", "hour": 9})]


async def test_state_of_another_version_is_read(database_url: str, plugins: list[LoadedPlugin]) -> None:
    """A field that this version does not know stays kept; one of another type is the default again."""
    async with bot_kit(database_url, plugins) as kit:
        anna = kit.chat("Anna")
        async with kit.context("party").work() as work:
            work.save(Prefs(), user=anna.id)
        old = json.dumps({"zone": "Rome", "hour": "nine", "colour": "red"})
        async with kit.running.database.engine.begin() as connection:
            await connection.execute(update(core_state).values(value=old))
        await anna.send("/zone Bonn")
        assert anna.last.text == "Rome to Bonn"
        assert await rows(kit) == [("Prefs", 0, anna.id, {"colour": "red", "zone": "Bonn", "hour": 9})]


async def test_it_is_exported_and_forgotten_with_its_person(database_url: str, plugins: list[LoadedPlugin]) -> None:
    """/mydata holds a person's own state and what is kept of them in chats; /forget leaves that of others alone."""
    async with bot_kit(database_url, plugins) as kit:
        anna, ben = kit.chat("Anna"), kit.chat("Ben")
        group = kit.group("Friends", members=[anna, ben])
        for person in (anna, ben):
            await person.send("/zone Rome")
            await group.send(person, "/point")
        await anna.send("/point")
        await anna.send("/mydata")
        data = kit.telegram.world.files.by_id(anna.last.content["document"]["file_id"]).data
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            known = json.loads(archive.read("party/state.json"))
        assert {"name": "Prefs", "value": {"zone": "Rome", "hour": 9}} in known
        assert {"name": "Score", "chat": group.id, "value": {"points": 1}} in known
        assert {"name": "Board", "chat": anna.id, "value": {"rounds": 1}} in known
        await anna.send("/forget")
        await anna.tap("Yes, delete everything")
        left = {(name, chat, user) for name, chat, user, _ in await rows(kit)}
        assert left == {
            ("Board", group.id, 0), ("Prefs", 0, ben.id), ("Score", group.id, ben.id), ("Total", 0, 0),
        }  # fmt: skip


async def test_it_goes_with_its_plugins_tables(database_url: str, plugins: list[LoadedPlugin]) -> None:
    """`astral db drop party` drops its state, too."""
    async with bot_kit(database_url, plugins) as kit:
        anna = kit.chat("Anna")
        await anna.send("/point")
        await kit.stop()
        database = open_database(database_url)
        await drop_tables(database, "party")
        async with database.engine.connect() as connection:
            assert (await connection.execute(select(core_state))).all() == []
        await database.dispose()


async def test_who_asks_for_none_pays_for_none(
    database_url: str, plugins: list[LoadedPlugin], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A handler without state makes no query of its table; one that loads twice makes one."""
    queries, fetch = list[str](), Link.fetch

    async def counted(link: Link, statement: str, *values: Any) -> list[Any]:
        queries.append(statement)
        return await fetch(link, statement, *values)

    monkeypatch.setattr(Link, "fetch", counted)
    async with bot_kit(database_url, plugins) as kit:
        anna = kit.chat("Anna")
        engine = kit.running.database.engine.sync_engine
        event.listen(engine, "before_cursor_execute", lambda *given: queries.append(given[2]))
        await anna.send("/plain")
        assert queries
        assert not [query for query in queries if "core_state" in query]
        await anna.send("/point")
        reads = [query for query in queries if "core_state" in query and query.lstrip().startswith("SELECT")]
        assert len(reads) == 1


def test_sqlite_searches_for_state_by_its_key(tmp_path: Path) -> None:
    """However many are asked for together: a bot with a million people must not read them all."""
    connection = sqlite3.connect(tmp_path / "plan.db")
    connection.execute(
        "CREATE TABLE core_state (plugin, name, chat_id, user_id, version, value,"
        " PRIMARY KEY (plugin, name, chat_id, user_id))"
    )
    for keys in (1, 2, 64, 128):
        query = statement(True, "core_state", StateKey._fields, Kept._fields, keys)
        plan = connection.execute(f"EXPLAIN QUERY PLAN {query}", ("a", "b", 1, 2) * keys).fetchall()
        assert not [line for *_, line in plan if line.startswith("SCAN")]
    connection.close()


async def test_a_groups_state_moves_with_it(database_url: str, plugins: list[LoadedPlugin]) -> None:
    """When a group becomes a supergroup, the chat's state and that of its members are the supergroup's."""
    async with bot_kit(database_url, plugins) as kit:
        anna = kit.chat("Anna")
        group = kit.group("Friends", admins=[anna], kind="group")
        await group.send(anna, "/point")
        await group.migrate()
        await group.send(anna, "/point")
        assert group.last.text == "2 of you, 2 here, 2 in all"


async def test_the_chat_has_no_person(database_url: str, plugins: list[LoadedPlugin]) -> None:
    """An anonymous administrator has no state of a person, and is told so; the chat's state is there for them."""
    async with bot_kit(database_url, plugins) as kit:
        anna = kit.chat("Anna")
        group = kit.group("Friends", members=[anna])
        await group.promote(anna, anonymous=True)
        await group.send(anna, "/zone Rome")
        assert group.last.text == "I can only do this for a person. Please write as yourself."
        await group.send(anna, "/round")
        assert group.last.text == "1"


class Odd(State):
    """No default."""

    x: int


class Unkept(State):
    """Of a type that is no JSON."""

    x: Any = object()


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (Odd, "state Odd: Missing required argument 'x'. Fix: give each field a default."),
        (Unkept, "state Unkept cannot be kept as JSON"),
        (dict, "which is no class of State"),
    ],
)
def test_what_cannot_be_declared(make_plugin: MakePlugin, model: Any, why: str) -> None:
    """A class of state has defaults for all fields, of types that are JSON."""
    plugin = make_plugin("party", Routes(), states=[model])
    import_plugin(plugin)
    with pytest.raises(DeclarationError, match=re.escape(why)):
        build_registry([plugin], {}, [])


def test_a_class_says_whose_it_is() -> None:
    """A scope that there is not is refused where the class is written; objects are frozen."""
    with pytest.raises(TypeError, match="Fix: one of user, chat, member, bot"):

        class Wrong(State, scope="team"):  # type: ignore[arg-type]
            x: int = 0

    with pytest.raises(AttributeError, match="immutable"):
        Prefs().hour = 3  # type: ignore[misc]
