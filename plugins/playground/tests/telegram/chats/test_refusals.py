"""What Telegram refuses in chats the emulator refuses, in its words; and what people cannot make."""

from __future__ import annotations

from typing import Any

import pytest

from astral_playground.telegram import PageError, administration
from astral_playground.telegram.groups import Group, Member
from astral_playground.telegram.membership import add_group

GROUPS = "method is available only for groups and supergroups"
RESTRICT = "not enough rights to restrict/unrestrict chat member"


@pytest.fixture
def chats(stage: Any) -> dict[str, Group]:
    """One chat of each kind, all of them the bot's to administer."""
    made = {
        "basic": stage.run_group("Basic", kind="group"),
        "super": stage.run_group("Super", username="superb"),
        "forum": stage.run_group("Forum", forum=True),
        "channel": stage.run_group("Channel", kind="channel"),
    }
    stage.anna.started = True
    return made


@pytest.mark.parametrize(
    ("method", "chat", "params", "words"),
    [
        ("getChatMember", "super", {"user_id": "9" * 5000}, "invalid user_id specified"),
        ("getChatMember", "super", {"user_id": 0}, "invalid user_id specified"),
        ("restrictChatMember", "super", {"permissions": {"can_send_polls": 1}}, "can't parse chat permissions"),
        ("restrictChatMember", "channel", {"permissions": {}}, "method is available only for supergroups"),
        ("setChatPermissions", "channel", {"permissions": {}}, "can't change channel chat permissions"),
        ("setChatPermissions", "anna", {"permissions": {}}, "can't change private chat permissions"),
        ("setChatTitle", "anna", {"title": "x"}, "can't change private chat title"),
        ("setChatDescription", "anna", {"description": "x"}, "can't change private chat description"),
        ("deleteChatPhoto", "anna", {}, "can't change private chat photo"),
        ("createChatInviteLink", "anna", {}, "can't invite members to a private chat"),
        ("createChatInviteLink", "super", {"member_limit": 100_000}, "USAGE_LIMIT_INVALID"),
        ("editChatInviteLink", "super", {}, "invite link must be non-empty"),
        ("approveChatJoinRequest", "anna", {}, "the chat can't have join requests"),
        ("createForumTopic", "anna", {"name": "x"}, "the chat is not a forum"),
        ("setChatMemberTag", "channel", {"tag": "x"}, GROUPS),
        ("setChatAdministratorCustomTitle", "anna", {"custom_title": "x"}, GROUPS),
        ("setChatMemberTag", "super", {"user_id": "cora", "tag": "x"}, "USER_NOT_PARTICIPANT"),
        ("setChatMemberTag", "super", {"user_id": "olga", "tag": "x"}, "CHAT_ADMIN_REQUIRED"),
        ("banChatSenderChat", "anna", {"sender_chat_id": -1}, "can't ban members in private chats"),
        ("banChatSenderChat", "basic", {"sender_chat_id": -1}, "can't ban chats in basic groups"),
        ("banChatSenderChat", "super", {"sender_chat_id": "basic"}, "can't restrict the chat"),
        ("banChatSenderChat", "super", {"sender_chat_id": "1" * 5000}, "sender_chat_id is not a valid Integer"),
        ("unbanChatSenderChat", "super", {"sender_chat_id": -1}, "member not found"),
        ("pinChatMessage", "super", {}, "message identifier is not specified"),
        (
            "createChatSubscriptionInviteLink",
            "channel",
            {"subscription_period": 2_592_000, "subscription_price": 0},
            "STARS_AMOUNT_INVALID",
        ),
    ],
)
async def test_refusals(
    stage: Any, chats: dict[str, Group], method: str, chat: str, params: dict[str, Any], words: str
) -> None:
    """Each with the words of Telegram's server."""
    ids = {name: group.id for name, group in chats.items()}
    ids |= {"anna": stage.anna.id, "olga": stage.owner.id, "cora": stage.world.add_user("Cora").id}
    given = {"user_id": "anna", **params}
    given |= {name: ids.get(value, value) for name, value in given.items() if isinstance(value, str)}
    assert words in await stage.refused(method, chat_id=ids[chat], **given)


async def test_what_costs_nothing(stage: Any, chats: dict[str, Group]) -> None:
    """No photos, no permissions, nothing to demote, and an unban in a basic group: all answered, nothing changed."""
    where = {"chat_id": chats["super"].id, "user_id": stage.anna.id}
    assert await stage.ok("getUserProfilePhotos", user_id=stage.anna.id) == {"total_count": 0, "photos": []}
    assert await stage.ok("promoteChatMember", **where)
    assert await stage.ok("unbanChatSenderChat", chat_id=chats["basic"].id, sender_chat_id=chats["channel"].id)
    assert stage.news() == []
    await stage.ok("restrictChatMember", **where)
    assert not chats["super"].may(stage.anna.id, "can_send_messages")


async def test_a_bot_that_was_an_administrator(stage: Any, chats: dict[str, Group]) -> None:
    """As a member it cannot post in a channel, nor read its list; as a stranger it reads public chats only."""
    channel, group, basic = chats["channel"], chats["super"], chats["basic"]
    for one in (channel, group, basic):
        one.put(Member(stage.bot_id))
    words = await stage.refused("sendMessage", chat_id=channel.id, text="x")
    assert words == "need administrator rights in the channel chat"
    assert await stage.refused("getChatAdministrators", chat_id=channel.id) == "member list is inaccessible"
    group.permissions = frozenset()
    words = await stage.refused("sendMessage", chat_id=group.id, text="x")
    assert words == "not enough rights to send text messages to the chat"
    words = await stage.refused("banChatMember", chat_id=basic.id, user_id=stage.anna.id)
    assert words == "CHAT_ADMIN_REQUIRED"
    group.put(Member(stage.bot_id, "left"))
    assert (await stage.ok("getChat", chat_id="@superb"))["title"] == "Super"
    words = await stage.refused("setChatTitle", chat_id="@superb", title="x")
    assert words == "Forbidden: bot is not a member of the supergroup chat"


async def test_limits_leave_bad_calls_to_the_methods(stage: Any) -> None:
    """A chat that is not there and an album that is no list are refused as ever."""
    stage.anna.started = True
    stage.tg.switch(flood_limits=True)
    assert await stage.refused("sendMessage", chat_id=5, text="x") == "chat not found"
    words = await stage.refused("sendMediaGroup", chat_id=stage.anna.id, media="[")
    assert words == "can't parse media JSON object"


async def test_chats_that_cannot_be(stage: Any) -> None:
    """A title, a kind or a number that Telegram does not have."""
    group = stage.group(group_id=-1_002_000_000_777)
    for act, words in (
        (lambda: add_group(stage.world, " ", stage.owner), "a title has 1 to 128 characters"),
        (lambda: add_group(stage.world, "x", stage.owner, kind="channel", forum=True), "a channel has no topics"),
        (lambda: add_group(stage.world, "x", stage.owner, group_id=group.id), "cannot be this chat's id"),
        (lambda: administration.send_as(stage.world, group, stage.owner, group), "must be a supergroup and"),
    ):
        with pytest.raises(PageError, match=words):
            act()
