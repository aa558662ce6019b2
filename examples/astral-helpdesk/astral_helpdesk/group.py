"""The helpers' side: what they write in a topic goes to the person whose it is."""

from typing import Any

from astral_core import CHAT_ADMIN, GROUP, N_, Context, Refuse, Routes, Skip
from sqlalchemy import Row

from astral_helpdesk import store
from astral_helpdesk.private import copy
from astral_helpdesk.settings import HelpdeskSettings

routes = Routes()


@routes.message(chat=GROUP)
async def to_person(ctx: Context) -> None:
    """Copy what a helper writes in a topic to the person whose it is, but for a picture with a note under it."""
    topic = await topic_here(ctx)
    if topic is None:
        raise Skip
    if not ctx.text.startswith("/"):
        await copy(ctx, topic.user_id)


@routes.command("note", description=N_("Write a note that the person does not get"), chat=GROUP)
async def note(ctx: Context) -> None:
    """Show that the note was seen; a command is not copied."""
    if await topic_here(ctx) is None:
        raise Refuse(N_("Write this in the topic of a person."))
    reaction = [{"type": "emoji", "emoji": "✍"}]
    ctx.call("setMessageReaction", chat_id=ctx.chat.id, message_id=ctx.message.message_id, reaction=reaction)


@routes.command(
    "close", description=N_("Close this topic until the person writes again"), chat=GROUP, role=CHAT_ADMIN
)
async def close(ctx: Context) -> None:
    """Close the topic, for an administrator."""
    topic = await topic_here(ctx)
    if topic is None:
        raise Refuse(N_("Write this in the topic of a person."))
    if await store.set_closed(ctx.session, topic.thread_id, closed=True):
        ctx.reply(N_("Closed. A new message of the person opens it again."))
        ctx.call("closeForumTopic", chat_id=ctx.chat.id, message_thread_id=topic.thread_id)


@routes.message("forum_topic_closed", "forum_topic_reopened", chat=GROUP)
async def closed_by_hand(ctx: Context) -> None:
    """Note that somebody closed a topic, or opened it again, without /close."""
    topic = await topic_here(ctx)
    if topic is None:
        raise Skip
    await store.set_closed(ctx.session, topic.thread_id, closed="forum_topic_closed" in ctx.message)


async def topic_here(ctx: Context) -> Row[Any] | None:
    """The person's topic in which this was written; None elsewhere."""
    if ctx.topic is None or ctx.chat.id != ctx.settings(HelpdeskSettings).group:
        return None
    return await store.topic_at(ctx.session, ctx.topic)
