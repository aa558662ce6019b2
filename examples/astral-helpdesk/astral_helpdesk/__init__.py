"""Astral plugin: people write to the bot, helpers answer in the topics of a group."""

import asyncio
from typing import Any

from astral_core import (
    CHAT_ADMIN,
    GROUP,
    N_,
    Context,
    Health,
    HealthFinding,
    Plugin,
    PluginContext,
    Refuse,
    Skip,
    Tables,
)
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Row

from astral_helpdesk import store
from astral_helpdesk.tables import metadata

NAME_LIMIT = 128  # characters of a topic's name


class HelpdeskSettings(BaseModel):
    """What an owner may set in `[plugins.helpdesk]`."""

    model_config = ConfigDict(extra="forbid")

    group: int = Field(default=0, le=0, description="id of the helpers' group, a forum; 0 while there is none")
    album_pause: float = Field(default=1, ge=0, le=5, description="seconds in which the pictures of an album come")


plugin = Plugin(
    settings=HelpdeskSettings,
    tables=Tables(metadata),
    about=N_("Write to me here, and our helpers answer."),
    personal=N_(
        "Which topic in our helpers' group is yours: so that their answers reach you. What you write here "
        "goes to that group."
    ),
)


# --- both ways


@plugin.message()
async def to_helpers(ctx: Context) -> None:
    """Copy what a person writes into their topic, which is made at their first message."""
    group = ctx.settings(HelpdeskSettings).group
    if not group:
        raise Refuse(N_("Nobody is here to answer yet. Please come back later."))
    topic = await store.topic_of(ctx.session, ctx.user.id)
    if topic is None:
        # Its number is needed now, so this call is made at once, before the first write.
        made = await ctx.bot.create_forum_topic(group, ctx.user.first_name[:NAME_LIMIT])
        thread = made.message_thread_id
        await store.add_topic(ctx.session, ctx.user.id, thread)
        ctx.reply(N_("Thank you! Our helpers have your message, and answer here."))
    else:
        thread = topic.thread_id
        if await store.set_closed(ctx.session, thread, closed=False):
            ctx.call("reopenForumTopic", chat_id=group, message_thread_id=thread)
    await copy(ctx, group, thread)


@plugin.message(chat=GROUP)
async def to_person(ctx: Context) -> None:
    """Copy what a helper writes in a topic to the person whose it is, but for a picture with a note under it."""
    topic = await topic_here(ctx)
    if topic is None:
        raise Skip
    if not ctx.text.startswith("/"):
        await copy(ctx, topic.user_id)


async def copy(ctx: Context, to: int, thread: int | None = None) -> None:
    """Copy a message into a chat. The parts of an album wait for each other."""
    number, album, here = ctx.message.message_id, ctx.message.media_group_id, ctx.chat.id
    if album is None:
        ctx.call("copyMessage", chat_id=to, message_thread_id=thread, from_chat_id=here, message_id=number)
    elif await store.add_part(ctx.session, here, album, number):
        ctx.defer(copy_album(source=here, album=album, thread=thread), to=to)


@plugin.step("album")
async def copy_album(ctx: Context, source: int, album: str, thread: int | None) -> None:
    """Copy an album, in the lane of the chat that gets it: meanwhile its other parts come in that of the source."""
    await asyncio.sleep(ctx.settings(HelpdeskSettings).album_pause)
    numbers = await store.take_parts(ctx.session, source, album)
    if numbers:  # none where the person was forgotten meanwhile
        here = ctx.chat.id
        ctx.call("copyMessages", chat_id=here, message_thread_id=thread, from_chat_id=source, message_ids=numbers)


# --- what helpers do in a topic


@plugin.command("note", description=N_("Write a note that the person does not get"), chat=GROUP)
async def note(ctx: Context) -> None:
    """Show that the note was seen; a command is not copied."""
    if await topic_here(ctx) is None:
        raise Refuse(N_("Write this in the topic of a person."))
    reaction = [{"type": "emoji", "emoji": "✍"}]
    ctx.call("setMessageReaction", chat_id=ctx.chat.id, message_id=ctx.message.message_id, reaction=reaction)


@plugin.command(
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


@plugin.message("forum_topic_closed", "forum_topic_reopened", chat=GROUP)
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


# --- for the owner, and for a person who wants to be forgotten


@plugin.hook
async def astral_health(ctx: PluginContext) -> Health:
    """Tell the admins that the group is missing."""
    if ctx.settings(HelpdeskSettings).group:
        return Health()
    what = N_("Nobody gets what people write to the helpdesk: it has no group.")
    fix = N_("Set <code>group</code> in <code>[plugins.helpdesk]</code>.")
    return Health([HealthFinding("helpdesk-group", what, fix, level="error")])


@plugin.hook
async def astral_delete_user(ctx: PluginContext, user_id: int) -> int:
    """Delete the person's topic in Telegram; the core deletes what is kept here."""
    async with ctx.work() as work:
        topic = await store.topic_of(work.session, user_id)
        if topic is not None:
            group, thread = ctx.settings(HelpdeskSettings).group, topic.thread_id
            work.defer(remove_topic(thread=thread), to=group, key=f"remove-{thread}", keep="once")
    return 0


@plugin.step("remove")
async def remove_topic(ctx: Context, thread: int) -> None:
    """Delete the topic of a person who wants to be forgotten, with all that is in it."""
    ctx.call("deleteForumTopic", chat_id=ctx.chat.id, message_thread_id=thread)
