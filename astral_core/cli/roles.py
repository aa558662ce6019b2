"""`astral roles`: who may what. The bot's own way is /roles; both write the same table."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import click

from astral_core.bot.commands import MENUS, show_commands
from astral_core.config import MOST_PEOPLE, nearest
from astral_core.host.context import Work, services_of
from astral_core.host.roles import give, given, take
from astral_core.offline import offline_context

log = logging.getLogger("astral.roles")
R = TypeVar("R")
PERSON = click.IntRange(1, 2**52 - 1)


@click.group()
def roles() -> None:
    """Who has which role."""


@roles.command("list")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def list_(as_json: bool) -> None:  # click passes flags so
    """The roles that plugins name, and who has them; those of astral.toml are marked."""

    async def read(work: Work) -> dict[str, dict[str, list[Any]]]:
        services, found = services_of(work), await given(work.session)
        fixed = services.settings.roles
        return {
            name: {
                "plugins": list(services.registry.roles.get(name, {})),
                "settings": list(fixed.get(name, ())),
                "given": found.get(name, []),
            }
            for name in sorted({*services.registry.roles, *fixed, *found})
        }

    records = _run(read)
    if as_json:
        click.echo(json.dumps(records, indent=2))
        return
    for name, record in records.items():
        people = [*(f"{person} (astral.toml)" for person in record["settings"]), *map(str, record["given"])]
        plugins = ", ".join(map(str, record["plugins"])) or "no plugin names it"
        click.echo(f"{name:<32} {plugins:<24} {', '.join(people) or '-'}")
    if not records:
        click.echo("no plugin names a role")


@roles.command("give")
@click.argument("role")
@click.argument("person", type=PERSON)
def give_(role: str, person: int) -> None:
    """Give a role to a person, by their Telegram id. A running bot knows within two seconds."""

    async def write(work: Work) -> str:
        known = services_of(work).registry.roles
        if role not in known:
            near = nearest(role, list(known))
            hint = f"Did you mean {near!r}?" if near else "`astral roles list` shows what there is."
            raise click.ClickException(f"no plugin names the role {role!r}. {hint}")
        had = {*(await given(work.session)).get(role, ()), *services_of(work).settings.roles.get(role, ())}
        if person not in had and len(had) >= MOST_PEOPLE:
            raise click.ClickException(
                f"{role!r} has {MOST_PEOPLE} people, and takes no more. Take it from somebody."
            )
        if person in had or not await give(work.session, role, [person], None):
            return f"{person} had {role!r} before"
        return _changed(work, person, f"{person} has {role!r} now")

    click.echo(_run(write))


@roles.command("take")
@click.argument("role")
@click.argument("person", type=PERSON)
def take_(role: str, person: int) -> None:
    """Take a role from a person; also one that no plugin names any more."""

    async def write(work: Work) -> str:
        if not await take(work.session, role, person):
            fixed = person in services_of(work).settings.roles.get(role, ())
            fix = "astral.toml gives it: take it out there." if fixed else "`astral roles list` shows who has it."
            raise click.ClickException(f"{person} was not given {role!r} in the bot or here. {fix}")
        return _changed(work, person, f"{person} has {role!r} no more")

    click.echo(_run(write))


def _changed(work: Work, person: int, what: str) -> str:
    """Have the person's menu of commands follow; a running bot does it."""
    work.defer(show_commands(user_id=person), lane=MENUS)
    work.after_commit(lambda: log.info("astral roles: %s", what))
    return what


def _run(work: Callable[[Work], Awaitable[R]]) -> R:
    async def run() -> R:
        async with offline_context("core") as ctx, ctx.work() as unit:
            return await work(unit)

    return asyncio.run(run())
