"""`astral inbox` and `astral outbox`: what is pending, what failed and why, and what to do with it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import click
from sqlalchemy import delete, select
from sqlalchemy.exc import SQLAlchemyError

from astral_core.config import load_settings
from astral_core.db.engine import Database, open_database
from astral_core.db.tables import (
    DEAD,
    DEAD_EFFECT,
    PARKED,
    PENDING,
    SENDING,
    SENT,
    UNSENT,
    RowState,
    core_inbox,
    core_outbox,
)
from astral_core.errors import DatabaseError
from astral_core.inbox.row_updates import SUSPECT, revive, revive_message

T = TypeVar("T")


@click.group()
def inbox() -> None:
    """Updates and durable work."""


@click.group()
def outbox() -> None:
    """Messages that wait or were refused."""


@inbox.command("list")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@click.option("--dead", is_flag=True, help="Dead rows only.")
@click.option("--limit", default=50, show_default=True, help="How many rows at most.")
def list_(as_json: bool, dead: bool, limit: int) -> None:  # click passes flags so
    """Rows that are pending, dead, or parked until their plugin is back; the newest first."""
    states = [DEAD] if dead else [PENDING, DEAD, PARKED]
    query = select(core_inbox).where(core_inbox.c.state.in_(states)).order_by(core_inbox.c.seq.desc()).limit(limit)
    records = [_inbox_record(row) for row in _rows(query)]
    form = "{seq:>8} {state:<8} {kind:<20} {error_id:<10} {error}"
    _print(records, as_json, form, "nothing is pending, dead or parked")


@inbox.command("show")
@click.argument("what")
def show(what: str) -> None:
    """One row, by its number or by an error id; the payload included."""
    where = core_inbox.c.seq == int(what) if what.isdecimal() else core_inbox.c.error_id == what.upper()
    found = _rows(select(core_inbox).where(where))
    if not found:
        raise click.ClickException(f"there is no row {what!r}. `astral inbox list` shows what there is.")
    click.echo(json.dumps({**_inbox_record(found[0]), "payload": found[0].payload}, ensure_ascii=False, indent=2))


@inbox.command("retry")
@click.argument("seq", type=int)
def retry(seq: int) -> None:
    """Make a dead row, or one that was put off, pending again; a running bot takes it within half a minute."""
    if not with_database(lambda database: revive(database, seq)):
        raise click.ClickException(
            f"there is no row {seq} that is dead or put off, with its payload. `astral inbox list` shows them."
        )
    click.echo(f"row {seq}: done")


@inbox.command("drop")
@click.argument("seq", type=int)
@click.option("--force", is_flag=True, help="A pending row, too, which the bot would still handle.")
def drop(seq: int, force: bool) -> None:  # click passes flags so
    """Delete a dead or parked row for good."""
    states = [DEAD, PARKED, *([PENDING] if force else [])]
    _change(
        delete(core_inbox).where(core_inbox.c.seq == seq, core_inbox.c.state.in_(states)),
        select(core_inbox.c.state).where(core_inbox.c.seq == seq, core_inbox.c.state == PENDING),
        f"row {seq}", "`astral inbox list --dead` shows them",
    )  # fmt: skip


@outbox.command("list")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def outbox_list(as_json: bool) -> None:  # click passes flags so
    """Messages that are unsent or were refused."""
    query = select(core_outbox).where(core_outbox.c.state != SENT).order_by(core_outbox.c.id)
    records = [_outbox_record(row) for row in _rows(query)]
    _print(
        records, as_json, "{id:>8} {state:<8} {plugin:<12} {method:<20} {error_id:<10} {error}", "nothing is waiting"
    )


@outbox.command("show")
@click.argument("what")
def outbox_show(what: str) -> None:
    """Messages of one number or error id, with all that was to be sent."""
    where = core_outbox.c.id == int(what) if what.isdecimal() else core_outbox.c.error_id == what.upper()
    found = _rows(select(core_outbox).where(where).order_by(core_outbox.c.id))
    if not found:
        raise click.ClickException(f"there is no message {what!r}. `astral outbox list` shows what there is.")
    for row in found:
        click.echo(
            json.dumps({**_outbox_record(row), "effect": json.loads(row.effect)}, ensure_ascii=False, indent=2)
        )


@outbox.command("retry")
@click.argument("number", type=int)
def outbox_retry(number: int) -> None:
    """Send a refused message again; a running bot takes it within half a minute."""
    if not with_database(lambda database: revive_message(database, number)):
        raise click.ClickException(f"there is no dead message {number}. `astral outbox list` shows them.")
    click.echo(f"message {number}: done")


@outbox.command("drop")
@click.argument("number", type=int)
@click.option("--force", is_flag=True, help="An unsent message, too; a running bot may still send it.")
def outbox_drop(number: int, force: bool) -> None:  # click passes flags so
    """Delete a dead message for good."""
    states = [DEAD_EFFECT, *([UNSENT, SENDING] if force else [])]
    _change(
        delete(core_outbox).where(core_outbox.c.id == number, core_outbox.c.state.in_(states)),
        select(core_outbox.c.state).where(core_outbox.c.id == number, core_outbox.c.state.in_([UNSENT, SENDING])),
        f"message {number}", "`astral outbox list` shows them",
    )  # fmt: skip


def _inbox_record(row: Any) -> dict[str, Any]:
    return {
        "seq": row.seq,
        "state": RowState(row.state).name.lower(),
        "kind": row.kind,
        "source": row.source,
        "attempts": row.attempts,
        "received_at": row.received_at.isoformat(),
        "error_id": row.error_id or "",
        "error": row.error or _waits_for(row),
    }


def _waits_for(row: Any) -> str:
    if row.parked_for == SUSPECT:
        return f"may have killed a process; tried again at {row.due_at:%H:%M:%S} UTC"
    return f"waits for plugin {row.parked_for}" if row.parked_for else ""


def _outbox_record(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "seq": row.seq,
        "state": "dead" if row.state == DEAD_EFFECT else "unsent",
        "plugin": row.plugin,
        "method": _method(row.effect),
        "error_id": row.error_id or "",
        "error": row.error or "",
    }


def _method(effect: str) -> str:
    """The Bot API's method; "?" where another version wrote the message and this one cannot read it."""
    try:
        return str(json.loads(effect)["method"])
    except (ValueError, LookupError, TypeError):
        return "?"


def _print(records: list[dict[str, Any]], as_json: bool, form: str, nothing: str) -> None:
    if as_json:
        click.echo(json.dumps(records, ensure_ascii=False, indent=2))
        return
    for record in records:
        click.echo(form.format(**record))
    if not records:
        click.echo(nothing)


def _rows(query: Any) -> list[Any]:
    async def read(database: Database) -> list[Any]:
        async with database.engine.connect() as connection:
            return list((await connection.execute(query)).all())

    return with_database(read)


def _change(statement: Any, pending: Any, what: str, lists: str) -> None:
    """Run `statement`; where it changes nothing, say whether `pending` finds what it was meant for."""

    async def write(database: Database) -> tuple[int, bool]:
        async with database.engine.begin() as connection:
            changed = int((await connection.execute(statement)).rowcount)
            return changed, bool((await connection.execute(pending)).all())

    changed, waits = with_database(write)
    if not changed and waits:
        raise click.ClickException(f"{what} is pending, and the bot handles it. `--force` deletes it all the same.")
    if not changed:
        raise click.ClickException(f"there is no dead {what}. {lists}.")
    click.echo(f"{what}: done")


def with_database(work: Callable[[Database], Awaitable[T]]) -> T:
    """Run `work` on the configured database; DatabaseError where it is away or has no tables yet."""

    async def run() -> T:
        database = open_database(load_settings().database.url.get_secret_value(), pool_size=2)
        try:
            return await work(database)
        except (SQLAlchemyError, OSError) as error:
            raise DatabaseError(
                f"the database cannot be read or written ({type(error).__name__}). "
                "Fix: look at ASTRAL_DATABASE__URL, and run `astral db upgrade` where the bot never ran."
            ) from error
        finally:
            await database.dispose()

    return asyncio.run(run())
