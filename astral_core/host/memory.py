"""What the database remembers of plugins: one that cannot be imported is still recognised by what it declared."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from sqlalchemy import inspect, select

from astral_core.db.engine import Database
from astral_core.db.migrate import owns
from astral_core.db.people import People
from astral_core.db.tables import core_plugins, now
from astral_core.db.upsert import inserting
from astral_core.declare import CHAT_ADMIN, PRIVATE, ChatKind
from astral_core.host.registry import Away, Registry
from astral_core.host.runner import HookRunner
from astral_core.host.state import LoadedPlugin, State
from astral_core.kinds.raw import Raws

log = logging.getLogger("astral.host")


class PluginSnapshot(msgspec.Struct, frozen=True):
    """What has to be known of a plugin that is away.

    `commands` are the names that users type, `parks` the keys of routes with `park=True`, `subscribers` pairs of an
    event and the subscriber's name. `forgets`: it holds something of users, and can delete it. `chats` are pairs of a
    route's key and the kinds of chats that it answers in, where that is not the private chat alone. `keeps`:
    something of people is kept for it, in its tables or as small state.
    """

    commands: tuple[str, ...] = ()
    parks: tuple[str, ...] = ()
    subscribers: tuple[tuple[str, str], ...] = ()
    forgets: bool = False
    chats: tuple[tuple[str, int], ...] = ()
    keeps: bool = False


def snapshot_of(plugin: LoadedPlugin, registry: Registry, runner: HookRunner, people: People) -> PluginSnapshot:
    """What `plugin` declared, under the names that the registry gave it."""
    # Of those that few people may use nobody else is told, also while the plugin is away.
    commands = [
        name
        for name, route in registry.commands.items()
        if route.plugin == plugin.id and (route.park or route.role in (None, CHAT_ADMIN))
    ]
    foreign = registry.of(Raws).bots.get(plugin.id)
    return PluginSnapshot(
        (*commands, *(sorted(foreign.commands) if foreign is not None else ())),
        tuple(key for kind in registry.kinds.values() for key in kind.parked(plugin.id)),
        tuple(
            (event, route.name)
            for event, routes in registry.subscribers.items()
            for route in routes
            if route.plugin == plugin.id
        ),
        people.holds(plugin.id) or runner.implements("astral_delete_user", plugin.id),
        tuple((key, chat.value) for key, chat in _chats(plugin, registry)),
        plugin.id in registry.keepers,
    )


def _chats(plugin: LoadedPlugin, registry: Registry) -> Iterator[tuple[str, ChatKind]]:
    """The keys of `parks`, of every route that answers elsewhere than in the private chat."""
    commands = ((f"/{name}", route) for name, route in registry.commands.items())
    for key, route in (*commands, *registry.callbacks.items(), *registry.questions.items()):
        if route.plugin == plugin.id and route.chat is not PRIVATE:
            yield key, route.chat


async def remember(database: Database, plugins: Iterable[tuple[LoadedPlugin, PluginSnapshot]]) -> None:
    """Write down what changed since the last time; a start at which nothing changed writes nothing."""
    wanted = {
        plugin.id: (plugin.distribution[:128], plugin.version[:64], _text(declared)) for plugin, declared in plugins
    }

    async with database.engine.begin() as connection:
        known = {
            row.id: (row.distribution, row.version, row.declared)
            for row in await connection.execute(select(core_plugins))
        }
        # In the order of their names, and each as an upsert: replicas that start together write the same rows.
        for name, values in sorted(wanted.items()):
            if known.get(name) != values:
                await connection.execute(_upsert(database, name, values))


def _upsert(database: Database, name: str, values: tuple[str, str, str]) -> Any:
    new = dict(zip(("distribution", "version", "declared"), values, strict=True)) | {"seen_at": now()}
    insert = inserting(database.engine.dialect, core_plugins).values(id=name, **new)
    return insert.on_conflict_do_update(index_elements=[core_plugins.c.id], set_=new)


async def recall(database: Database, plugins: Iterable[LoadedPlugin]) -> dict[str, Away]:
    """Every plugin that is known and does not take part: set aside, switched off, or not installed any more."""
    states = {plugin.id: plugin for plugin in plugins}
    async with database.engine.connect() as connection:
        rows = (await connection.execute(select(core_plugins.c.id, core_plugins.c.declared))).all()
        tables = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
    remembered = {name: _declared(name, text) for name, text in rows}
    away: dict[str, Away] = {}
    for name in remembered.keys() | states.keys():
        plugin = states.get(name)
        if plugin is not None and plugin.alive:
            continue
        found = remembered.get(name)
        rests = plugin is not None and plugin.state is not State.DISABLED
        # Of one of which nothing can be told, its tables tell whether it may hold something of users.
        forgets = found.forgets if found is not None else any(owns(name, table) for table in tables)
        known = found or PluginSnapshot()
        commands, parks = frozenset(known.commands), frozenset(known.parks)
        chats = {key: ChatKind(value & ChatKind.ANY.value) for key, value in known.chats}
        away[name] = Away(name, rests, commands, parks, known.subscribers if rests else (), forgets,
                          known.keeps or forgets, chats)  # fmt: skip
    return away


def _text(declared: PluginSnapshot) -> str:
    return msgspec.json.encode(declared).decode()


def _declared(plugin: str, text: str) -> PluginSnapshot | None:
    try:
        return msgspec.json.decode(text, type=PluginSnapshot)
    except msgspec.MsgspecError:  # a newer version of the core wrote it
        log.warning("what plugin %r declared cannot be read; while away it is not recognised", plugin)
        return None
