"""Checks of what plugins declare and of what the owner's settings say about them, beyond a single route."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence

from astral_core.config import Settings, nearest
from astral_core.declare import Tables
from astral_core.errors import DeclarationError
from astral_core.host.discover import dependencies, with_dependencies
from astral_core.host.state import LoadedPlugin, State, people_in
from astral_core.kinds.command import Command
from astral_core.languages.catalogs import Catalogs
from astral_core.wording import placeholders

log = logging.getLogger("astral.host")


def warn_of_strangers(settings: Settings, plugins: Sequence[LoadedPlugin]) -> None:
    """Settings of plugins that are not there are most often a misspelt name."""
    known = [plugin.id for plugin in plugins]
    for name in sorted(set(settings.plugins) - set(known)):
        near = nearest(name, known)
        log.warning("[plugins.%s] is for no installed plugin.%s", name, f" Did you mean {near!r}?" if near else "")
    wanted = settings.host
    states = {plugin.id: plugin.state for plugin in plugins}
    for name in wanted.required if "required" in wanted.model_fields_set else ():  # the default is no wish of theirs
        if name not in states:
            log.warning("[host] required names %r, which is not installed. Fix: install it or take it out.", name)
        elif states[name] is State.DISABLED:
            log.warning("[host] required names %r, which [host] switches off. Fix: decide for one of them.", name)


def warn_of_renames(settings: Settings, plugins: Sequence[LoadedPlugin]) -> None:
    """A rename that matches nothing leaves a command under a name that its owner does not want."""
    known = [f"{plugin.id}.{item.name}" for plugin in plugins if plugin.alive for item in plugin.declared.routes
             if isinstance(item, Command)]  # fmt: skip
    aside = {plugin.id for plugin in plugins if not plugin.alive}  # what becomes of these was told already
    for name in sorted(set(settings.commands) - set(known)):
        if name.partition(".")[0] in aside:
            continue
        near = nearest(name, known)
        hint = f"Did you mean {near!r}?" if near else 'Fix: "<plugin>.<command>" = "<new name>".'
        log.warning("[commands] %r renames no command. %s", name, hint)


def unknown_roles(settings: Settings, plugins: Sequence[LoadedPlugin]) -> list[tuple[str, str | None]]:
    """The roles of astral.toml that no plugin names, each with the nearest one that somebody does."""
    known = [name for plugin in plugins for name in plugin.roles]
    return [(name, nearest(name, known)) for name in sorted(settings.roles) if name not in known]


def warn_of_roles(settings: Settings, plugins: Sequence[LoadedPlugin]) -> None:
    """A role that no plugin names lets nobody do anything."""
    for name, near in unknown_roles(settings, plugins):
        hint = f"Did you mean {near!r}?" if near else "Fix: install the plugin that does, or take it out."
        log.warning("[roles] %s: no plugin that is loaded names this role. %s", name, hint)


def warn_of_texts(settings: Settings, catalogs: Mapping[str, Catalogs]) -> None:
    """Own words that nobody reads, and a privacy notice that may be untrue."""
    for where, what, fix in doubtful_texts(settings, catalogs):
        log.warning("%s %s Fix: %s", where, what, fix)


def doubtful_texts(settings: Settings, catalogs: Mapping[str, Catalogs]) -> Iterator[tuple[str, str, str]]:
    """(where, what, how to fix it) for each of the owner's own texts that can be said and is hardly meant so."""
    own = settings.texts
    if own.languages:
        spoken = sorted({language for catalog in catalogs.values() for language in catalog.languages()})
        for language in sorted(set(own.languages) - set(spoken)):
            near = nearest(language, spoken)
            fix = f"did you mean {near!r}?" if near else f"use one of {', '.join(spoken)}, or add a catalogue."
            yield f"[texts.{language}]", "is for a language that the bot does not speak.", fix
    for where, text in [
        ("[texts]", own.privacy),
        *((f"[texts.{name}]", it.privacy) for name, it in own.languages.items()),
    ]:
        lacks = [f"{{{name}}}" for name in ("core", "plugins") if text is not None and name not in placeholders(text)]
        if lacks:
            what = f"privacy does not hold {' and '.join(lacks)}: what is kept there is only what you wrote."
            yield where, what, "put it in, or see that your notice names all that the bot keeps."


def check_tables(plugin: LoadedPlugin, tables: Tables, plugins: Sequence[LoadedPlugin]) -> None:
    """Tables begin with their plugin's id, and refer to its own, the core's and its dependencies' alone."""
    if plugin.id == "core":
        return
    if not tables.migrations:
        raise DeclarationError(plugin.id, "has tables in a single file.", "make a package: tables have migrations.")
    allowed = {plugin.id, "core", *dependencies(plugin, plugins)}
    for table in tables.metadata.tables.values():
        if table.name != plugin.id and not table.name.startswith(f"{plugin.id}_"):
            if table.name.startswith("core_"):
                continue  # the target of a foreign key, brought in by reference
            raise DeclarationError(plugin.id, f"table {table.name!r} must be called {plugin.id} or {plugin.id}_...")
        for key in table.foreign_keys:
            target = key.target_fullname.partition(".")[0]
            if not any(target == name or target.startswith(f"{name}_") for name in allowed):
                raise DeclarationError(
                    plugin.id,
                    f"{table.name}.{key.parent.name} refers to {target!r}.",
                    "require that plugin in pyproject.toml.",
                )


def check_people(plugin: LoadedPlugin, plugins: Sequence[LoadedPlugin]) -> None:
    """Whose the rows of its tables are has to be clear: people may ask for them, and for their end."""
    needed = with_dependencies([plugin.id], plugins)
    people_in(one for one in plugins if one.id in needed and one.alive)
