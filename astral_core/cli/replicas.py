"""`astral replicas`: the processes that handle this database's inbox."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import click
from sqlalchemy import func, select

from astral_core.cli.inbox import with_database
from astral_core.db.engine import Database
from astral_core.db.tables import core_lanes, core_replicas, now


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def replicas(as_json: bool) -> None:  # click passes flags so
    """The processes that handle this bot's updates.

    Where they run, how many chats they hold, who leads, which plugins are set aside there."""
    records = with_database(_read)
    if as_json:
        click.echo(json.dumps(records, indent=2))
        return
    for record in records:
        line = "{id:>4}  {host}:{port}  pid {pid}  {version}  {chats} chats  seen {seen:.1f} s ago".format(**record)
        away = [f"{name} {state}" for name, state in record["plugins"].items() if state not in ("active", "disabled")]
        click.echo(line + ("  leader" if record["leader"] else "") + (f"  without {', '.join(away)}" if away else ""))
    if not records:
        click.echo("no process handles this database now. Fix: start one with `astral run`.")


async def _read(database: Database) -> list[dict[str, Any]]:
    held = select(core_lanes.c.owner, func.count().label("chats")).group_by(core_lanes.c.owner).subquery()
    query = (
        select(core_replicas, func.coalesce(held.c.chats, 0).label("chats"))
        .outerjoin(held, held.c.owner == core_replicas.c.id)
        .order_by(core_replicas.c.id)
    )
    async with database.engine.connect() as connection:
        rows = (await connection.execute(query)).all()
        # Heartbeats are written by the database's clock; SQLite's is this machine's.
        moment = now() if database.is_sqlite else (await connection.execute(select(func.now()))).scalar_one()
    return [_record(row, moment) for row in rows]


def _record(row: Any, moment: datetime) -> dict[str, Any]:
    return {
        "id": row.id, "host": row.host, "port": row.port, "pid": row.pid, "version": row.version,
        "leader": bool(row.leader), "chats": row.chats, "seen": round((moment - row.last_seen).total_seconds(), 1),
        "started_at": row.started_at.isoformat(), "plugins": json.loads(row.plugins),
    }  # fmt: skip
