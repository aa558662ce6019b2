"""How messages go from a person to the helpers and back, and what helpers can do in a topic."""

from __future__ import annotations

import asyncio
from typing import Any

from astral_core import GROUP, Context, Refuse, Routes, Update
from sqlalchemy import Row
from telegram import Message
from telegram.ext import CommandHandler, MessageHandler, filters

from astral_helpdesk import store
from astral_helpdesk.settings import HelpdeskSettings

NAME_LIMIT = 128  # characters of a topic's name
routes = Routes()


def N_(text: str) -> str:  # noqa: N802  # gettext's own name: marks a text that is translated later
    """Mark a source text."""
    return text


# --- both ways


@routes.text()
async def to_helpers(update: Update, ctx: Context) -> None:
    """Copy what a person writes into their topic, which is made at their first message."""
    group = ctx.settings(HelpdeskSettings).group
    if not group:
        raise Refuse(ctx.t("Nobody is here to answer yet. Please come back later."))
    topic = await store.topic_of(ctx.session, ctx.user.id)
    if topic is None:
        # Its number is needed now, so this call is made at once, and thus before the first write.
        made = await ctx.bot.create_forum_topic(group, ctx.user.first_name[:NAME_LIMIT])
        thread = made.message_thread_id
        await store.add_topic(ctx.session, ctx.user.id, thread)
        ctx.reply(ctx.t("Thank you! Our helpers have your message, and answer here."))
    else:
        thread = topic.thread_id
        if await store.set_closed(ctx.session, thread, closed=False):
            ctx.call("reopenForumTopic", chat_id=group, message_thread_id=thread)
    await copy(update, ctx, group, thread)


async def to_person(update: Update, ctx: Context) -> None:
    """Copy what a helper writes in a topic to the person whose it is."""
    topic = await topic_here(update, ctx)
    if topic is not None:
        await copy(update, ctx, topic.user_id)


async def copy(update: Update, ctx: Context, to: int, thread: int | None = None) -> None:
    """Copy a message into a chat. The parts of an album wait for each other."""
    number, album = message_of(update).message_id, message_of(update).media_group_id
    if album is None:
        ctx.call("copyMessage", chat_id=to, message_thread_id=thread, from_chat_id=ctx.chat_id, message_id=number)
    elif await store.add_part(ctx.session, ctx.chat_id, album, number):
        ctx.defer_to(to, copy_album, source=ctx.chat_id, album=album, thread=thread)


@routes.step("album")
async def copy_album(ctx: Context, source: int, album: str, thread: int | None) -> None:
    """Copy an album, in the lane of the chat that gets it: meanwhile its other parts come in that of the source."""
    await asyncio.sleep(ctx.settings(HelpdeskSettings).album_pause)
    numbers = await store.take_parts(ctx.session, source, album)
    if numbers:  # none where the person was forgotten meanwhile
        ctx.call(
            "copyMessages", chat_id=ctx.chat_id, message_thread_id=thread, from_chat_id=source, message_ids=numbers
        )


# --- what helpers do in a topic


@routes.command("note", description=N_("Write a note that the person does not get"), chat=GROUP)
async def note(update: Update, ctx: Context) -> None:
    """Show that the note was seen; a command is not copied."""
    if await topic_here(update, ctx) is None:
        raise Refuse(ctx.t("Write this in the topic of a person."))
    reaction = [{"type": "emoji", "emoji": "✍"}]
    ctx.call("setMessageReaction", chat_id=ctx.chat_id, message_id=message_of(update).message_id, reaction=reaction)


@routes.command("close", description=N_("Close this topic until the person writes again"), chat=GROUP)
async def close(update: Update, ctx: Context) -> None:
    """Close the topic, for an administrator."""
    if not await is_administrator(update, ctx):
        raise Refuse(ctx.t("Only administrators of the group may close a topic."))
    topic = await topic_here(update, ctx)
    if topic is None:
        raise Refuse(ctx.t("Write this in the topic of a person."))
    if await store.set_closed(ctx.session, topic.thread_id, closed=True):
        ctx.reply(ctx.t("Closed. A new message of the person opens it again."))
        ctx.call("closeForumTopic", chat_id=ctx.chat_id, message_thread_id=topic.thread_id)


@routes.step("remove")
async def remove_topic(ctx: Context, thread: int) -> None:
    """Delete the topic of a person who wants to be forgotten, with all that stands in it."""
    ctx.call("deleteForumTopic", chat_id=ctx.chat_id, message_thread_id=thread)


async def closed_by_hand(update: Update, ctx: Context) -> None:
    """Note that somebody closed a topic, or opened it again, without /close."""
    topic = await topic_here(update, ctx)
    if topic is not None:
        closed = message_of(update).forum_topic_closed is not None
        await store.set_closed(ctx.session, topic.thread_id, closed=closed)


async def topic_here(update: Update, ctx: Context) -> Row[Any] | None:
    """The person's topic in which this was written; None elsewhere."""
    if ctx.chat_id != ctx.settings(HelpdeskSettings).group:
        return None
    return await store.topic_at(ctx.session, message_of(update).message_thread_id)


async def is_administrator(update: Update, ctx: Context) -> bool:
    """Whether an administrator wrote this. An anonymous one writes as the group itself."""
    chat = message_of(update).sender_chat
    return chat.id == ctx.chat_id if chat is not None else ctx.user.id in await ctx.administrators()


def message_of(update: Update) -> Message:
    """The message; these handlers get nothing else."""
    if update.effective_message is None:
        raise ValueError(f"update {update.update_id} has no message")
    return update.effective_message


# Routes that the core has not: all that is said in a topic, what happens to it, and the command of an anonymous
# administrator. What is edited is not said again, and what begins like a command is not for the person.
_topic = filters.ChatType.SUPERGROUP & filters.IS_TOPIC_MESSAGE & filters.UpdateType.MESSAGE
_said = ~filters.StatusUpdate.ALL & ~filters.COMMAND & ~filters.CaptionRegex("^/")
_closed = filters.StatusUpdate.FORUM_TOPIC_CLOSED | filters.StatusUpdate.FORUM_TOPIC_REOPENED
routes.raw(CommandHandler("close", close, _topic))
routes.raw(MessageHandler(_topic & _said, to_person))
routes.raw(MessageHandler(_topic & _closed, closed_by_hand))
