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
from datetime import timedelta
from pathlib import Path

from sqlalchemy import BigInteger, Column, Integer, MetaData, String, Table, insert, select, update

from astral_core import ANY, GROUP, PRIVATE, Context, Plugin
from astral_core.errors import DoubtfulCall

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
locks = Table("storm_locks", metadata, Column("id", Integer, primary_key=True), Column("value", Integer))
plugin = Plugin()


async def note(ctx: Context, update_id: int, stream: str, number: int) -> None:
    """The business of this bot: read the chat's counter, write it one higher, add a row."""
    query = select(counters.c.value).where(counters.c.chat == ctx.chat.id)
    value = (await ctx.session.execute(query)).scalar()
    raised = (value or 0) + 1
    if value is None:
        await ctx.session.execute(insert(counters).values(chat=ctx.chat.id, value=raised))
    else:
        await ctx.session.execute(update(counters).where(counters.c.chat == ctx.chat.id).values(value=raised))
    row = {"update_id": update_id, "chat": ctx.chat.id, "stream": stream, "number": number}
    await ctx.session.execute(insert(rows).values(row))


def number_of(ctx: Context) -> int:
    """The command's first argument."""
    return int((ctx.args.split() or ["0"])[0])


def update_of(ctx: Context) -> int:
    """The number that Telegram gave to the update."""
    number: int = ctx.payload["update_id"]
    return number


@plugin.command("write", chat=PLACES)
async def write(ctx: Context) -> None:
    """Write and answer."""
    await note(ctx, update_of(ctx), "m", number_of(ctx))
    ctx.reply(f"m:{number_of(ctx)}")


@plugin.command("reply", chat=PLACES)
async def reply(ctx: Context) -> None:
    """Answer, write nothing."""
    ctx.reply(f"m:{number_of(ctx)}")


@plugin.command("slow", chat=PLACES)
async def slow(ctx: Context) -> None:
    """Wait some milliseconds, then write and answer."""
    await asyncio.sleep(0.02 + number_of(ctx) % 7 / 100)
    await write(ctx)


@plugin.command("tell", chat=PLACES)
async def tell(ctx: Context) -> None:
    """Write, answer, and tell another chat, between two of one's own."""
    await write(ctx)
    number = number_of(ctx)
    ctx.call("sendMessage", chat_id=int((ctx.args.split() or ["0", "0"])[1]), text=f"t{abs(ctx.chat.id)}:{number}")


@plugin.command("later", chat=PLACES)
async def later(ctx: Context) -> None:
    """Write, answer, and leave the same to a step."""
    await write(ctx)
    ctx.defer(after(update_id=update_of(ctx), number=number_of(ctx)))


@plugin.step("after")
async def after(ctx: Context, update_id: int, number: int) -> None:
    """What was left."""
    await note(ctx, update_id, "s", number)
    ctx.reply(f"s:{number}")


@plugin.command("due", chat=PLACES)
async def due(ctx: Context) -> None:
    """Write, answer, and let a step wait for its time."""
    await write(ctx)
    number = number_of(ctx)
    seconds = 0.2 + number % 7 / 10
    call = fire(update_id=update_of(ctx), number=number, at=time.monotonic() + seconds)
    ctx.defer(call, after=timedelta(seconds=seconds), key=str(number))


@plugin.step("fire")
async def fire(ctx: Context, update_id: int, number: int, at: float) -> None:
    """What waited; `e` in place of `d` where it did not wait long enough.

    `at` is of the clock that all processes of a machine share and nobody sets.
    """
    await note(ctx, update_id, "d" if time.monotonic() >= at else "e", number)
    ctx.reply(f"d:{number}")


@plugin.step("long")
async def long(ctx: Context, update_id: int, number: int, seconds: float) -> None:
    """Something that takes long, as a call to somebody else's slow server."""
    await asyncio.sleep(seconds)
    await note(ctx, update_id, "s", number)
    ctx.reply(f"s:{number}")


@plugin.command("six")
async def six(ctx: Context) -> None:
    """Write, answer, and leave six seconds' work to a step."""
    await write(ctx)
    ctx.defer(long(update_id=update_of(ctx), number=number_of(ctx), seconds=6.0))


@plugin.command("thirty")
async def thirty(ctx: Context) -> None:
    """The same with thirty seconds' work."""
    await write(ctx)
    ctx.defer(long(update_id=update_of(ctx), number=number_of(ctx), seconds=30.0))


@plugin.command("die")
async def die(ctx: Context) -> None:
    """Kill the process."""
    os._exit(9)


@plugin.callback("press/{n:int}", chat=ANY)
async def press(ctx: Context, n: int) -> None:
    """A button."""
    await note(ctx, update_of(ctx), "c", n)
    ctx.reply(f"c:{n}")


@plugin.command("hold")
async def hold(ctx: Context) -> None:
    """Tell that it began, wait until the file `go` is there, then write and answer."""
    began = Path(f"held-{number_of(ctx)}")
    with began.open("a", encoding="utf-8") as file:  # noqa: ASYNC230  # one line; nothing else runs in this test
        file.write("began\n")
    while not Path("go").exists():  # noqa: ASYNC110, ASYNC240  # another process makes it
        await asyncio.sleep(0.02)
    await write(ctx)


@plugin.command("native")
async def native(ctx: Context) -> None:
    """Answer by python-telegram-bot's own method, at once, then write."""
    message = ctx.update.effective_message
    if message is not None:
        await message.reply_text(f"m:{number_of(ctx)}")
    await note(ctx, update_of(ctx), "m", number_of(ctx))


@plugin.command("once")
async def once(ctx: Context) -> None:
    """Call once for this update, also where that is in doubt; then write and answer."""
    await ctx.once(f"once:{update_of(ctx)}", "sendMessage", chat_id=ctx.chat.id, text=f"o:{number_of(ctx)}")
    await write(ctx)


@plugin.command("show")
async def show(ctx: Context) -> None:
    """Show in its time what this update says."""
    ctx.show(f"p:{number_of(ctx)}", fresh=False, every=0.5)


@plugin.command("never_twice")
async def never_twice(ctx: Context) -> None:
    """The same for a call that must not be repeated: what is in doubt is said as `u`."""
    key, number = f"once:{update_of(ctx)}", number_of(ctx)
    try:
        await ctx.once(key, "sendMessage", chat_id=ctx.chat.id, text=f"o:{number}", on_doubt="raise")
    except DoubtfulCall:
        ctx.reply(f"u:{number}")
    await write(ctx)
