"""The private side: what people write goes into their topic of the helpers' group."""

import asyncio

from astral_core import N_, Context, Refuse, Routes

from astral_helpdesk import store
from astral_helpdesk.settings import HelpdeskSettings
from astral_helpdesk.tables import topics

routes = Routes()
NAME_LIMIT = 128  # characters of a topic's name


@routes.message()
async def to_helpers(ctx: Context) -> None:
    """Copy what a person writes into their topic, which is made at their first message."""
    group = ctx.settings(HelpdeskSettings).group
    if not group:
        raise Refuse(N_("Nobody is here to answer yet. Please come back later."))
    name = ctx.user.first_name[:NAME_LIMIT]
    made = await ctx.once(f"topic:{ctx.user.id}", "createForumTopic", chat_id=group, name=name)
    thread = made["message_thread_id"]
    if await ctx.insert_ignore(topics, {"user_id": ctx.user.id, "thread_id": thread}):
        ctx.reply(N_("Thank you! Our helpers have your message, and answer here."))
    elif await store.set_closed(ctx.session, thread, closed=False):
        ctx.call("reopenForumTopic", chat_id=group, message_thread_id=thread)
    await copy(ctx, group, thread)


async def copy(ctx: Context, to: int, thread: int | None = None) -> None:
    """Copy a message into a chat. The parts of an album wait for each other."""
    album = ctx.message.media_group_id
    if album is None:
        ctx.copy(to=to, topic=thread)
    elif await store.add_part(ctx.session, ctx.chat.id, album, ctx.message.message_id):
        ctx.defer(copy_album(source=ctx.chat.id, album=album, thread=thread), to=to)


@routes.step("album")
async def copy_album(ctx: Context, source: int, album: str, thread: int | None) -> None:
    """Copy an album, in the lane of the chat that gets it: meanwhile its other parts come in that of the source."""
    await asyncio.sleep(ctx.settings(HelpdeskSettings).album_pause)
    numbers = await store.take_parts(ctx.session, source, album)
    if numbers:  # none where the person was forgotten meanwhile
        ctx.copy((source, numbers), topic=thread)
