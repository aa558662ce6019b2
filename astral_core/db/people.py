"""Whose the rows of plugins' tables are: it follows from their foreign keys to `core_users`, or stands in `info`.

A key that may not be NULL is the owner of its row, one that may be is a mention. A row without an owner of its own
belongs to whom the rows belong that it refers to. `Column(..., info={"person": ...})` says it where it is not so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    Table,
    false,
    literal,
    or_,
    select,
    tuple_,
)

from astral_core.config import nearest
from astral_core.db.migrate import owns
from astral_core.db.tables import core_users
from astral_core.errors import DeclarationError

OWNER, MENTION, NOBODY, KEPT = "owner", "mention", "nobody", "kept"
PEOPLE = core_users.name


@dataclass(frozen=True, eq=False)
class Link:
    """A foreign key to a table of plugins. `goes`: the row goes with the one that it refers to.

    `lets_go`: the database itself empties the key. `at_once`: it looks at the key after each statement.
    """

    child: Table
    columns: tuple[Column[Any], ...]
    parent: Table
    referred: tuple[Column[Any], ...]
    goes: bool
    lets_go: bool
    at_once: bool

    def leads_to(self, where: ColumnElement[bool]) -> ColumnElement[bool]:
        """The rows that refer to a row of the parent that fulfils `where`."""
        referred = select(*self.referred).where(where).correlate(None)
        found: ColumnElement[bool] = one(self.columns).in_(referred)
        return found

    def each_leads_to(self, where: ColumnElement[bool]) -> ColumnElement[bool]:
        """The same, where few rows are asked: the database looks at the parent of each."""
        same = (theirs == ours for theirs, ours in zip(self.referred, self.columns, strict=True))
        return select(literal(1)).where(*same, where).correlate_except(self.parent).exists()


@dataclass(frozen=True, eq=False)
class Held:
    """A table of a plugin, and what in it has to do with people. `kept`: the core changes none of its rows."""

    plugin: str
    table: Table
    kept: bool
    owners: tuple[Column[Any], ...]
    mentions: tuple[Column[Any], ...]
    links: tuple[Link, ...]

    @property
    def key(self) -> tuple[Column[Any], ...]:
        """The columns of its primary key."""
        return tuple(self.table.primary_key.columns)


def one(columns: tuple[Any, ...]) -> Any:
    """A column, or several as one value."""
    return columns[0] if len(columns) == 1 else tuple_(*columns)


def is_person(column: Column[Any], user_id: int) -> ColumnElement[bool]:
    """The rows with this person in a column, also where the column is too narrow for their number."""
    return column == literal(user_id, BigInteger)


class People:
    """The tables of plugins that hold something of people. Made by `people_of`, which checks what they declare."""

    def __init__(self, held: Iterable[Held]) -> None:
        self._held = {one.table.name: one for one in held}
        self._belonging = self._spread()
        self._above = {name: self._reach(name) for name in self._belonging}
        self._firmly_above = {name: self._reach(name, at_once=True) for name in self._belonging}
        circles = {name for name, above in self._above.items() if name in above}
        self._tangled = {name for name, above in self._above.items() if circles & {name, *above}}

    def of(self, table: Table) -> Held:
        """What is known of a table."""
        return self._held[table.name]

    def holds(self, plugin: str) -> bool:
        """Whether the plugin's tables hold something of people."""
        return any(held.mentions or held.table.name in self._belonging for held in self._of(plugin))

    def exported(self, plugin: str) -> list[Held]:
        """The plugin's tables whose rows belong to people, by name."""
        return sorted((held for held in self._of(plugin) if held.table.name in self._belonging), key=_name)

    def deleted(self, plugin: str) -> list[Held]:
        """The plugin's tables whose rows are deleted with their people: first those that refer to others."""

        def rank(held: Held) -> tuple[int, int]:
            name = held.table.name
            return -len(self._above[name] | {name}), -len(self._firmly_above[name] | {name})

        return sorted((held for held in self.exported(plugin) if not held.kept), key=rank)

    def stubborn(self, plugin: str) -> list[Column[Any]]:
        """The plugin's columns that go on naming a person who was forgotten: they may not be NULL."""
        return [
            column for held in self._of(plugin) if not held.kept for column in held.mentions if not column.nullable
        ]

    def mentioning(self, plugin: str) -> list[tuple[Held, Column[Any]]]:
        """The plugin's columns that are emptied when the person whom they name is forgotten."""
        return [
            (held, column)
            for held in self._of(plugin) if not held.kept
            for column in held.mentions if column.nullable
        ]  # fmt: skip

    def kept(self, plugin: str) -> list[Held]:
        """The plugin's tables of which the core deletes and alters nothing."""
        return [held for held in self._of(plugin) if held.kept]

    def goes_away(self, table: Table) -> bool:
        """Whether the core deletes the rows of this table with their people."""
        return table.name in self._belonging and not self._held[table.name].kept

    def loose(self, plugin: str) -> list[tuple[Held, Link]]:
        """The plugin's keys that are emptied when the row to which they refer is deleted."""
        return [
            (held, link)
            for held in self._of(plugin) if not held.kept
            for link in held.links if not link.goes and self.goes_away(link.parent)
        ]  # fmt: skip

    def tangled(self) -> list[Held]:
        """Tables whose rows refer in a circle, or to such rows: no order of tables deletes them row by row."""
        return [self._held[name] for name in sorted(self._tangled)]

    def is_tangled(self, table: Table) -> bool:
        """Whether the table is one of those."""
        return table.name in self._tangled

    def following(self, parent: Table) -> list[tuple[Held, Link]]:
        """The tangled tables whose rows go with those of the tangled table `parent`."""
        return [(held, link) for held in self.tangled() for link in held.links if link.goes and link.parent is parent]

    def belongs(
        self, held: Held, user_id: int, *, few: bool = False, path: frozenset[str] = frozenset()
    ) -> ColumnElement[bool]:
        """The rows that belong to a person: by their own columns, or, where they have none, by what they refer to.

        `few` rows are asked: each is looked at, instead of beginning with all that the person has.
        """
        if held.owners:
            return or_(*(is_person(column, user_id) for column in held.owners))
        path = path | {held.table.name}
        found = []
        for link in held.links:
            above = link.parent.name
            if link.goes and above in self._belonging and above not in path:
                where = self.belongs(self._held[above], user_id, few=few, path=path)
                found.append(link.each_leads_to(where) if few else link.leads_to(where))
        return or_(false(), *found)

    def doomed(self, held: Held, user_id: int) -> ColumnElement[bool]:
        """The rows that go with a person: theirs, and whoever's refer to rows that go.

        Of a tangled table, only the rows that go whatever others of the circle do.
        """
        found = [is_person(column, user_id) for column in held.owners]
        for link in held.links:
            above = self._held.get(link.parent.name)
            if not link.goes or above is None or link.parent.name not in self._belonging:
                continue
            if above.kept and not held.owners:
                found.append(link.leads_to(self.belongs(above, user_id)))
            elif not above.kept and not self.is_tangled(above.table):
                found.append(link.leads_to(self.doomed(above, user_id)))
        return or_(false(), *found)

    def _of(self, plugin: str) -> Iterator[Held]:
        return (held for held in self._held.values() if held.plugin == plugin)

    def _spread(self) -> set[str]:
        """The tables with owners, and all whose rows go with those of another one that belongs to people."""
        found = {name for name, held in self._held.items() if held.owners}
        while True:
            more = {
                name
                for name, held in self._held.items()
                if any(link.goes and link.parent.name in found for link in held.links)
            }
            if more <= found:
                return found
            found |= more

    def _reach(self, start: str, *, at_once: bool = False) -> set[str]:
        """The tables, to be deleted from, whose rows take rows of `start` along."""
        found: set[str] = set()
        waiting = [start]
        while waiting:
            name = waiting.pop()
            links = (link for link in self._held[name].links if link.goes and (link.at_once or not at_once))
            above = {link.parent.name for link in links if self.goes_away(link.parent)} - found
            found |= above
            waiting += above
        return found


def _name(held: Held) -> str:
    return held.table.name


# --- what plugins declare


def people_of(plugins: Mapping[str, MetaData]) -> People:
    """Whose the rows of these plugins' tables are. DeclarationError where a table does not say it clearly.

    Of two plugins of which one needs the other, both have to be there.
    """
    tables = {
        table.name: (plugin, table)
        for plugin, metadata in plugins.items()
        for table in metadata.tables.values()
        if owns(plugin, table.name)
    }
    people = People([_read(plugin, table, tables) for plugin, table in tables.values()])
    for plugin in plugins:
        _check_kept(people, plugin)
        for held in people.exported(plugin):
            _check_key(held)
        for held, _ in people.mentioning(plugin):
            _check_key(held)
    return people


def _read(plugin: str, table: Table, tables: Mapping[str, tuple[str, Table]]) -> Held:
    kept = table.info.get("person")
    if kept not in (None, KEPT):
        raise DeclarationError(
            plugin, f"table {table.name!r} has info={{'person': {kept!r}}}.",
            'say info={"person": "kept"} for a table of which the core deletes nothing, or leave it out.',
        )  # fmt: skip
    for column in table.columns:
        _check_export(plugin, column)
    keys = {key.parent.name for key in table.foreign_keys if _target(key.target_fullname)[0] == PEOPLE}
    said = {column.name: _said(plugin, column, is_key=column.name in keys) for column in table.columns}
    unsaid = [column for column in table.columns if column.name in keys and said[column.name] is None]
    owners = [column for column in table.columns if said[column.name] == OWNER]
    firm = [column for column in unsaid if not column.nullable]
    if len(firm) + bool(owners) > 1:
        raise _unclear(plugin, table, [*owners, *firm])
    links = tuple(_links(plugin, table, tables))
    mentions = [column for column in table.columns if said[column.name] == MENTION]
    mentions += [column for column in unsaid if column.nullable]
    return Held(plugin, table, kept == KEPT, tuple(owners or firm), tuple(mentions), links)


def _said(plugin: str, column: Column[Any], *, is_key: bool) -> str | None:
    """What a column says of the person in it; None if it says nothing and has not to."""
    place, said = f"{column.table.name}.{column.name}", column.info.get("person")
    if said is None:
        if not is_key and column.name == "user_id":
            raise DeclarationError(
                plugin, f"{place} is no foreign key: is it a person of this bot?",
                'say ForeignKey(core_users.c.id), or info={"person": "owner"}, or "nobody" if it is none.',
            )  # fmt: skip
        if is_key and column.nullable and _cascades(column):
            raise DeclarationError(
                plugin, f"{place} may be NULL, and its row is deleted with the person: is the row theirs?",
                'say nullable=False, or info={"person": "owner"}, or info={"person": "mention"} and no CASCADE.',
            )  # fmt: skip
        return None
    allowed = (OWNER, MENTION) if is_key else (OWNER, MENTION, NOBODY)
    if said not in allowed:
        near = nearest(str(said), allowed)
        hint = f"Did you mean {near!r}? " if near else ""
        raise DeclarationError(plugin, f"{place} has info={{'person': {said!r}}}.", f"{hint}Say {_either(allowed)}.")
    if said != NOBODY and not is_key and not isinstance(column.type, Integer):
        raise DeclarationError(
            plugin, f"{place} is said to be a person's, and is no number.",
            "make it ForeignKey(core_users.c.id), or a BigInteger with the person's id.",
        )  # fmt: skip
    return str(said)


def _links(plugin: str, table: Table, tables: Mapping[str, tuple[str, Table]]) -> Iterator[Link]:
    """Its keys to tables of plugins, its own included."""
    for key in sorted(table.foreign_key_constraints, key=lambda key: list(key.column_keys)):
        name = _target(key.elements[0].target_fullname)[0]
        if name not in tables:
            continue
        parent = tables[name][1]
        columns = tuple(element.parent for element in key.elements)
        wanted = [_target(element.target_fullname)[1] or element.parent.name for element in key.elements]
        referred = [column for column in (parent.columns.get(name) for name in wanted) if column is not None]
        if len(referred) < len(columns):
            raise DeclarationError(
                plugin, f"{table.name}.{columns[0].name} refers to {name}.{wanted[0]}, which is not there.",
                "correct the foreign key.",
            )  # fmt: skip
        goes = not any(column.nullable for column in columns) or _is(key, "CASCADE")
        at_once = not (key.deferrable and (key.initially or "").upper() == "DEFERRED")
        yield Link(table, columns, parent, tuple(referred), goes, _is(key, "SET NULL"), at_once)


def _target(name: str) -> tuple[str, str]:
    table, _, column = name.rpartition(".")
    return (table, column) if table else (column, "")


def _is(key: ForeignKeyConstraint, rule: str) -> bool:
    return (key.ondelete or "").upper() == rule


def _cascades(column: Column[Any]) -> bool:
    keys = (key.constraint for key in column.foreign_keys)
    return any(key is not None and _is(key, "CASCADE") for key in keys)


def _either(words: Iterable[str]) -> str:
    return " or ".join(f'info={{"person": "{word}"}}' for word in words)


def _unclear(plugin: str, table: Table, columns: list[Column[Any]]) -> DeclarationError:
    names = ", ".join(column.name for column in columns)
    first, *others = (column.name for column in columns)
    lines = [f'Column("{first}", ..., info={{"person": "owner"}})']
    lines += [f'Column("{name}", ..., info={{"person": "mention"}})' for name in others]
    return DeclarationError(
        plugin, f"table {table.name!r} has more than one key to people ({names}): whose are its rows?",
        f"say it at each, such as {', '.join(lines)}; a row with two owners goes with either.",
    )  # fmt: skip


def _check_export(plugin: str, column: Column[Any]) -> None:
    if column.info.get("export", True) not in (True, False, "json"):
        raise DeclarationError(
            plugin, f"{column.table.name}.{column.name} has info={{'export': {column.info['export']!r}}}.",
            'say info={"export": False} to leave it out, or info={"export": "json"} for text that is JSON.',
        )  # fmt: skip


def _check_key(held: Held) -> None:
    if not held.key:
        raise DeclarationError(
            held.plugin, f"table {held.table.name!r} holds something of people and has no primary key.",
            "give it one: rows are given out and deleted some at a time.",
        )  # fmt: skip


def _check_kept(people: People, plugin: str) -> None:
    """What stays must not refer to what goes."""
    for held in people.kept(plugin):
        for link in held.links:
            if people.goes_away(link.parent) and not link.lets_go:
                raise DeclarationError(
                    plugin,
                    f"table {held.table.name!r} is kept, and refers to {link.parent.name!r}, whose rows are deleted "
                    "with their person.",
                    f"keep {link.parent.name!r}, too: info={{\"person\": \"kept\"}}.",
                )  # fmt: skip
