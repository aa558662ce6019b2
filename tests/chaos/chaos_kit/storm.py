"""The plugin that the bots of a chaos run have: every update leaves a row, raises a counter and is answered.

No table has a unique key, so that a doubled effect shows as a second row. The harness makes the tables. Each update
carries its number within its Telegram queue, and each answer repeats it: `m:7` is the 7th message's, `c:7` the 7th
press's, `s:7` the step's that the 7th message deferred, `d:7` that of the step that it let wait for its time, and
`t12:7` what the 7th message of chat 12 let the bot tell another chat.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from sqlalchemy import BigInteger, Column, Integer, MetaData, String, Table, insert, select, update

from astral_core import ANY, GROUP, PRIVATE, Context, Routes, Update, hookimpl
from astral_core.inbox.due import Due
from astral_core.inbox.envelope import as_json

PLACES = PRIVATE | GROUP
metadata = MetaData()
Serial = BigInteger().with_variant(Integer, "sqlite")
rows = Table(
    "storm_rows",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("update_id", BigInteger),
    Column("chat", BigInteger),
    Column("stream", String(1)),
    Column("number", Integer),
)
counters = Table(
    "storm_counters",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("chat", BigInteger, index=True),
    Column("value", Integer),
)
routes = Routes()


async def note(ctx: Context, update_id: int, stream: str, number: int) -> None:
    """The business of this bot: read the chat's counter, write it one higher, add a row."""
    query = select(counters.c.value).where(counters.c.chat == ctx.chat_id)
    value = (await ctx.session.execute(query)).scalar()
    raised = (value or 0) + 1
    if value is None:
        await ctx.session.execute(insert(counters).values(chat=ctx.chat_id, value=raised))
    else:
        await ctx.session.execute(update(counters).where(counters.c.chat == ctx.chat_id).values(value=raised))
    row = {"update_id": update_id, "chat": ctx.chat_id, "stream": stream, "number": number}
    await ctx.session.execute(insert(rows).values(row))


def number_of(ctx: Context) -> int:
    """The command's first argument."""
    return int((ctx.args or ["0"])[0])


@routes.command("write", chat=PLACES)
async def write(update: Update, ctx: Context) -> None:
    """Write and answer."""
    await note(ctx, update.update_id, "m", number_of(ctx))
    ctx.reply(f"m:{number_of(ctx)}")


@routes.command("reply", chat=PLACES)
async def reply(update: Update, ctx: Context) -> None:
    """Answer, write nothing."""
    ctx.reply(f"m:{number_of(ctx)}")


@routes.command("slow", chat=PLACES)
async def slow(update: Update, ctx: Context) -> None:
    """Wait some milliseconds, then write and answer."""
    await asyncio.sleep(0.02 + number_of(ctx) % 7 / 100)
    await write(update, ctx)


@routes.command("tell", chat=PLACES)
async def tell(update: Update, ctx: Context) -> None:
    """Write, answer, and tell another chat, between two of one's own."""
    await write(update, ctx)
    number = number_of(ctx)
    ctx.call("sendMessage", chat_id=int((ctx.args or ["0", "0"])[1]), text=f"t{abs(ctx.chat_id)}:{number}")


@routes.command("later", chat=PLACES)
async def later(update: Update, ctx: Context) -> None:
    """Write, answer, and leave the same to a step."""
    await write(update, ctx)
    ctx.defer(after, update_id=update.update_id, number=number_of(ctx))


@routes.step("after")
async def after(ctx: Context, update_id: int, number: int) -> None:
    """What was left."""
    await note(ctx, update_id, "s", number)
    ctx.reply(f"s:{number}")


@routes.command("due", chat=PLACES)
async def due(update: Update, ctx: Context) -> None:
    """Write, answer, and let a step wait for its time."""
    await write(update, ctx)
    number = number_of(ctx)
    seconds = 0.2 + number % 7 / 10
    args = {"update_id": update.update_id, "number": number, "at": time.time() + seconds}
    body = as_json({"route": "storm.fire", "args": args})
    ctx.run.work.due.append(Due("step", "storm.fire", ctx.run.chat_id, str(number), body, after=seconds))


@routes.step("fire")
async def fire(ctx: Context, update_id: int, number: int, at: float) -> None:
    """What waited; `e` in place of `d` where it did not wait long enough."""
    await note(ctx, update_id, "d" if time.time() >= at else "e", number)
    ctx.reply(f"d:{number}")


@routes.step("long")
async def long(ctx: Context, update_id: int, number: int, seconds: float) -> None:
    """Something that takes long, as a call to somebody else's slow server."""
    await asyncio.sleep(seconds)
    await note(ctx, update_id, "s", number)
    ctx.reply(f"s:{number}")


@routes.command("six")
async def six(update: Update, ctx: Context) -> None:
    """Write, answer, and leave six seconds' work to a step."""
    await write(update, ctx)
    ctx.defer(long, update_id=update.update_id, number=number_of(ctx), seconds=6.0)


@routes.command("thirty")
async def thirty(update: Update, ctx: Context) -> None:
    """The same with thirty seconds' work."""
    await write(update, ctx)
    ctx.defer(long, update_id=update.update_id, number=number_of(ctx), seconds=30.0)


@routes.command("die")
async def die(update: Update, ctx: Context) -> None:
    """Kill the process."""
    os._exit(9)


@routes.callback("press/{n:int}", chat=ANY)
async def press(update: Update, ctx: Context, n: int) -> None:
    """A button."""
    await note(ctx, update.update_id, "c", n)
    ctx.reply(f"c:{n}")


@routes.command("hold")
async def hold(update: Update, ctx: Context) -> None:
    """Tell that it began, wait until the file `go` is there, then write and answer."""
    began = Path(f"held-{number_of(ctx)}")
    with began.open("a", encoding="utf-8") as file:  # noqa: ASYNC230  # one line; nothing else runs in this test
        file.write("began\n")
    while not Path("go").exists():  # noqa: ASYNC110, ASYNC240  # another process makes it
        await asyncio.sleep(0.02)
    await write(update, ctx)


@routes.command("native")
async def native(update: Update, ctx: Context) -> None:
    """Answer by python-telegram-bot's own method, at once, then write."""
    if update.effective_message is not None:
        await update.effective_message.reply_text(f"m:{number_of(ctx)}")
    await note(ctx, update.update_id, "m", number_of(ctx))


@hookimpl
def astral_routes() -> Routes:
    """All of it."""
    return routes
