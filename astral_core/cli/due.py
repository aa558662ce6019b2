"""`astral due`: durable work that waits for its time."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC
from typing import Any

import click
from sqlalchemy import Dialect, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from astral_core.cli.inbox import with_database
from astral_core.db.engine import Database
from astral_core.db.tables import DueState, core_due, shared_now
from astral_core.inbox.due import JOB

_FORM = "{id:>8} {due_at:<20} {state:<8} {kind:<6} {chat:>15} {tries:>5} {what}"


@click.group()
def due() -> None:
    """Durable work that waits for its time: steps, jobs, and what is tried again."""


@due.command("list")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@click.option("--limit", default=50, show_default=True, help="How many rows at most.")
def list_(as_json: bool, limit: int) -> None:  # click passes flags so
    """What waits, the next one first; times in UTC."""
    query = select(core_due).order_by(core_due.c.due_at, core_due.c.id).limit(limit)

    async def read(database: Database) -> list[Any]:
        async with database.engine.connect() as connection:
            return list((await connection.execute(query)).all())

    records = [_record(row) for row in with_database(read)]
    if as_json:
        click.echo(json.dumps(records, ensure_ascii=False, indent=2))
        return
    if not records:
        click.echo("nothing waits for its time")
        return
    click.echo(
        _FORM.format(id="id", due_at="due", state="state", kind="kind", chat="chat", tries="tries", what="what")
    )
    for record in records:
        what = " ".join(part for part in (record["route"] or record["payload"], record["key"]) if part)
        moment = record["due_at"][:19].replace("T", " ")
        chat = "" if record["kind"] == JOB else record["lane"]  # a job's lane is no chat
        click.echo(_FORM.format(**{**record, "due_at": moment}, chat=chat, what=what))


@due.command("now")
@click.argument("number", metavar="ID", type=int)
def run_now(number: int) -> None:
    """Let what waits run now; a running bot takes it within a second."""
    waits = (core_due.c.id == number, core_due.c.state == DueState.WAITING)
    _change(lambda dialect: update(core_due).where(*waits).values(due_at=shared_now(dialect)), number)


@due.command("cancel")
@click.argument("number", metavar="ID", type=int)
def cancel(number: int) -> None:
    """Let it not run at all. A job comes back when the bot starts."""
    _change(lambda _: delete(core_due).where(core_due.c.id == number), number)


def _record(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "due_at": row.due_at.astimezone(UTC).isoformat(),
        "state": DueState(row.state).name.lower(),
        "kind": row.kind,
        "lane": row.lane,
        "route": row.route,
        "key": row.key,
        "tries": row.tries,
        "payload": row.payload,
    }


def _change(statement: Callable[[Dialect], Any], number: int) -> None:
    async def write(database: Database) -> int:
        connection: AsyncConnection
        async with database.engine.begin() as connection:
            return int((await connection.execute(statement(connection.dialect))).rowcount)

    if not with_database(write):
        raise click.ClickException(f"nothing with the id {number} waits. `astral due list` shows what does.")
    click.echo(f"{number}: done")
