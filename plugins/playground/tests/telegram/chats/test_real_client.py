"""python-telegram-bot administers chats of the emulator without knowing that it is one."""

from __future__ import annotations

from typing import Any

import pytest
import telegram
from telegram.error import BadRequest, ChatMigrated, Forbidden

from astral_playground.telegram import administration
from astral_playground.telegram.migration import upgrade


async def test_a_forum(stage: Any, frozen_bot: telegram.Bot) -> None:
    """Its own classes come out of chats, members, links and topics."""
    group = stage.run_group(forum=True)
    chat = await frozen_bot.get_chat(group.id)
    assert (chat.type, chat.is_forum, chat.permissions.can_send_polls) == ("supergroup", True, True)
    topic = await frozen_bot.create_forum_topic(group.id, "Rules", icon_color=9367192)
    assert await frozen_bot.close_forum_topic(group.id, topic.message_thread_id)
    link = await frozen_bot.create_chat_invite_link(group.id, creates_join_request=True)
    assert (link.creates_join_request, link.creator.id) == (True, stage.bot_id)
    await frozen_bot.restrict_chat_member(group.id, stage.anna.id, telegram.ChatPermissions.no_permissions())
    assert isinstance(await frozen_bot.get_chat_member(group.id, stage.anna.id), telegram.ChatMemberRestricted)
    await frozen_bot.ban_chat_member(group.id, stage.anna.id)
    assert isinstance(await frozen_bot.get_chat_member(group.id, stage.anna.id), telegram.ChatMemberBanned)
    owner, own = await frozen_bot.get_chat_administrators(group.id)
    assert isinstance(owner, telegram.ChatMemberOwner)
    assert isinstance(own, telegram.ChatMemberAdministrator)
    assert len(await frozen_bot.get_forum_topic_icon_stickers()) > 1


async def test_updates(stage: Any, frozen_bot: telegram.Bot) -> None:
    """What happens in chats is fetched as its own updates."""
    await stage.listen("message", "my_chat_member", "chat_member", "chat_join_request")
    group = stage.group()
    administration.promote_member(stage.world, group, stage.owner, stage.bot_id)
    administration.remove_member(stage.world, group, stage.owner, stage.ben.id)
    updates = await frozen_bot.get_updates()
    assert [update.my_chat_member is not None for update in updates] == [True, False, False, False]
    assert updates[1].message.new_chat_members[0].id == stage.bot_id
    assert (updates[2].chat_member.old_chat_member.status, updates[2].chat_member.new_chat_member.status) == (
        "member", "left",
    )  # fmt: skip
    assert updates[3].message.left_chat_member.id == stage.ben.id


async def test_errors(stage: Any, frozen_bot: telegram.Bot) -> None:
    """Its own errors come out of refusals and a migration."""
    group = stage.run_group(kind="group")
    new = upgrade(stage.world, group, stage.owner)
    with pytest.raises(ChatMigrated) as moved:
        await frozen_bot.send_message(group.id, "x")
    assert moved.value.new_chat_id == new.id
    with pytest.raises(BadRequest, match="Can't remove chat owner"):
        await frozen_bot.ban_chat_member(new.id, stage.owner.id)
    administration.remove_member(stage.world, new, stage.owner, stage.bot_id)
    with pytest.raises(Forbidden, match="bot was kicked from the supergroup chat"):
        await frozen_bot.get_chat(new.id)
