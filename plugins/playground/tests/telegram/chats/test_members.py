"""The bot bans, restricts and promotes people."""

from __future__ import annotations

from typing import Any

import pytest

from astral_playground.telegram.administration import promote_member, unban_member
from astral_playground.telegram.groups import Member, permissions_of_members

ALL = ["message", "my_chat_member", "chat_member"]


async def test_a_ban(stage: Any) -> None:
    """A banned person is out, the chat says so, an administrator that asked hears of it, and the ban can end."""
    await stage.listen(*ALL)
    group = stage.run_group()
    until = stage.world.now + 3600
    assert await stage.ok("banChatMember", chat_id=group.id, user_id=stage.anna.id, until_date=until)
    (first, changed), (second, told) = stage.news()
    assert (first, second) == ("chat_member", "message")
    assert (changed["old_chat_member"]["status"], changed["new_chat_member"]["status"]) == ("member", "kicked")
    assert (changed["from"]["id"], changed["new_chat_member"]["until_date"]) == (stage.bot_id, until)
    assert told["left_chat_member"]["id"] == stage.anna.id
    assert (await stage.ok("getChatMember", chat_id=group.id, user_id=stage.anna.id))["status"] == "kicked"
    assert await stage.ok("getChatMemberCount", chat_id=group.id) == 3
    stage.clock.advance(3600)
    assert (await stage.ok("getChatMember", chat_id=group.id, user_id=stage.anna.id))["status"] == "left"


async def test_an_unban(stage: Any) -> None:
    """Without only_if_banned a member is removed, with it left alone; a banned person may come back after it."""
    group = stage.run_group()
    await stage.ok("unbanChatMember", chat_id=group.id, user_id=stage.anna.id, only_if_banned=True)
    assert stage.member(group, stage.anna) == "member"
    await stage.ok("unbanChatMember", chat_id=group.id, user_id=stage.anna.id)
    assert stage.member(group, stage.anna) == "left"
    await stage.ok("banChatMember", chat_id=group.id, user_id=stage.ben.id)
    await stage.ok("unbanChatMember", chat_id=group.id, user_id=stage.ben.id, only_if_banned=True)
    assert stage.member(group, stage.ben) == "left"


async def test_a_ban_that_is_too_short_is_for_ever(stage: Any) -> None:
    """Less than 30 s and more than 366 days are no end."""
    group = stage.run_group()
    for seconds in (10, 367 * 86_400):
        await stage.ok("banChatMember", chat_id=group.id, user_id=stage.anna.id, until_date=stage.world.now + seconds)
        assert group.member(stage.anna.id).until == 0


async def test_a_restriction(stage: Any) -> None:
    """One permission brings others with it unless they are independent; all of them make a member again."""
    group = stage.run_group()
    where = {"chat_id": group.id, "user_id": stage.anna.id}
    await stage.ok("restrictChatMember", **where, permissions={"can_send_polls": True})
    found = await stage.ok("getChatMember", **where)
    assert (found["status"], found["can_send_messages"], found["can_send_photos"]) == ("restricted", True, False)
    await stage.ok(
        "restrictChatMember", **where, permissions={"can_send_polls": True}, use_independent_chat_permissions=True
    )
    assert not (await stage.ok("getChatMember", **where))["can_send_messages"]
    await stage.ok("restrictChatMember", **where, permissions={"can_add_web_page_previews": True})
    assert (await stage.ok("getChatMember", **where))["can_send_voice_notes"]
    await stage.ok("restrictChatMember", **where, permissions=dict.fromkeys(permissions_of_members(), True))
    assert (await stage.ok("getChatMember", **where))["status"] == "member"


async def test_a_restriction_ends(stage: Any) -> None:
    """After its date the person is a member again, and nobody is told."""
    group = stage.run_group()
    await stage.listen(*ALL)
    await stage.ok(
        "restrictChatMember", chat_id=group.id, user_id=stage.anna.id, until_date=stage.world.now + 60, permissions={}
    )
    assert not group.may(stage.anna.id, "can_send_messages")
    stage.news()
    stage.clock.advance(60)
    assert (await stage.ok("getChatMember", chat_id=group.id, user_id=stage.anna.id))["status"] == "member"
    assert group.may(stage.anna.id, "can_send_messages")
    assert stage.news() == []


async def test_a_promotion(stage: Any) -> None:
    """The bot gives rights that it has, with a title; it may take back what it gave."""
    group = stage.run_group()
    where = {"chat_id": group.id, "user_id": stage.anna.id}
    await stage.listen(*ALL)
    await stage.ok("promoteChatMember", **where, can_delete_messages=True, can_pin_messages=True)
    await stage.ok("setChatAdministratorCustomTitle", **where, custom_title="judge")
    found = await stage.ok("getChatMember", **where)
    assert (found["status"], found["can_be_edited"], found["custom_title"]) == ("administrator", True, "judge")
    assert found["can_manage_chat"]
    assert found["can_pin_messages"]
    assert not found["can_invite_users"]
    names = {one["user"]["first_name"] for one in await stage.ok("getChatAdministrators", chat_id=group.id)}
    assert names == {"Olga", "Anna", "Playground"}
    await stage.ok("promoteChatMember", **where)
    assert (await stage.ok("getChatMember", **where))["status"] == "member"
    assert [kind for kind, _ in stage.news()] == ["chat_member"] * 3


async def test_permissions_of_all(stage: Any) -> None:
    """setChatPermissions holds for members, not for administrators, and getChat tells of it."""
    group = stage.run_group()
    await stage.ok("setChatPermissions", chat_id=group.id, permissions={"can_send_messages": True})
    found = (await stage.ok("getChat", chat_id=group.id))["permissions"]
    assert (found["can_send_messages"], found["can_send_photos"], found["can_react_to_messages"]) == (
        True,
        False,
        True,
    )
    assert not group.may(stage.anna.id, "can_send_photos")


async def test_sender_chats(stage: Any) -> None:
    """A channel is banned as a sender, and allowed again."""
    group, channel = stage.run_group(), stage.group("News", kind="channel")
    where = {"chat_id": group.id, "sender_chat_id": channel.id}
    await stage.ok("banChatSenderChat", **where)
    assert group.banned_chats == {channel.id}
    await stage.ok("unbanChatSenderChat", **where)
    assert group.banned_chats == set()
    assert await stage.refused("banChatSenderChat", chat_id=group.id) == "sender_chat_id is empty"
    words = "sender_chat_id is not a valid Integer"
    assert await stage.refused("banChatSenderChat", chat_id=group.id, sender_chat_id="x") == words
    assert await stage.refused("banChatSenderChat", chat_id=group.id, sender_chat_id=-1) == "member not found"


async def test_a_tag(stage: Any) -> None:
    """A member's tag shows in their place in the chat; emoji are refused."""
    group = stage.run_group()
    where = {"chat_id": group.id, "user_id": stage.anna.id}
    await stage.ok("setChatMemberTag", **where, tag="newcomer")
    assert (await stage.ok("getChatMember", **where))["tag"] == "newcomer"
    assert await stage.refused("setChatMemberTag", **where, tag="🎉") == "TAG_EMOJI_NOT_ALLOWED"


@pytest.mark.parametrize(
    ("method", "params", "words"),
    [
        ("banChatMember", {"user_id": "me"}, "can't restrict self"),
        ("banChatMember", {"user_id": "olga"}, "can't remove chat owner"),
        ("banChatMember", {"user_id": "ben"}, "user is an administrator of the chat"),
        ("banChatMember", {"user_id": 999}, "member not found"),
        ("banChatMember", {}, "invalid user_id specified"),
        ("restrictChatMember", {"user_id": "anna", "permissions": 5}, "object expected as permissions"),
        ("restrictChatMember", {"user_id": "anna", "permissions": "{"}, "can't parse permissions JSON object"),
        ("restrictChatMember", {"user_id": "olga", "permissions": {}}, "can't remove chat owner"),
        ("promoteChatMember", {"user_id": "me", "can_pin_messages": True}, "can't promote self"),
        ("promoteChatMember", {"user_id": "olga", "can_pin_messages": True}, "can't remove chat owner"),
        ("promoteChatMember", {"user_id": "ben", "can_pin_messages": True}, "CHAT_ADMIN_REQUIRED"),
        ("promoteChatMember", {"user_id": "cora", "can_pin_messages": True}, "USER_NOT_PARTICIPANT"),
        ("setChatAdministratorCustomTitle", {"user_id": "anna"}, "user is not an administrator"),
        ("setChatAdministratorCustomTitle", {"user_id": "olga"}, "only the owner can edit their custom title"),
        (
            "setChatAdministratorCustomTitle",
            {"user_id": "ben"},
            "not enough rights to change custom title of the user",
        ),
    ],
)
async def test_refusals(stage: Any, method: str, params: dict[str, Any], words: str) -> None:
    """Each with the words of Telegram's server."""
    group = stage.run_group()
    promote_member(stage.world, group, stage.owner, stage.ben.id)
    people = {"me": stage.bot_id, "olga": stage.owner.id, "anna": stage.anna.id, "ben": stage.ben.id}
    people["cora"] = stage.world.add_user("Cora").id
    if params.get("user_id") in people:
        params = {**params, "user_id": people[params["user_id"]]}
    assert await stage.refused(method, chat_id=group.id, **params) == words


@pytest.mark.parametrize(
    ("method", "params", "words"),
    [
        ("banChatMember", {}, "not enough rights to restrict/unrestrict chat member"),
        ("restrictChatMember", {"permissions": {}}, "not enough rights to restrict/unrestrict chat member"),
        ("promoteChatMember", {"can_pin_messages": True}, "not enough rights"),
        ("setChatPermissions", {"permissions": {}}, "not enough rights to change chat permissions"),
        ("setChatTitle", {"title": "x"}, "not enough rights to change chat title"),
        ("setChatDescription", {"description": "x"}, "not enough rights to set chat description"),
        ("deleteChatPhoto", {}, "not enough rights to change chat photo"),
        ("pinChatMessage", {"message_id": 1}, "not enough rights to manage pinned messages in the chat"),
        ("exportChatInviteLink", {}, "not enough rights to manage chat invite link"),
        ("approveChatJoinRequest", {}, "not enough rights to manage chat join requests"),
        ("createForumTopic", {"name": "x"}, "not enough rights to create a topic"),
        ("editGeneralForumTopic", {"name": "x"}, "not enough rights to edit the topic"),
        ("closeGeneralForumTopic", {}, "not enough rights to close or open the topic"),
        ("hideGeneralForumTopic", {}, "not enough rights to close or open the topic"),
    ],
)
async def test_without_rights(stage: Any, method: str, params: dict[str, Any], words: str) -> None:
    """A bot that is a member only may do nothing that all members may do, unlike a person."""
    group = stage.bring_bot(stage.group(forum=True), admin=False)
    assert await stage.refused(method, chat_id=group.id, user_id=stage.anna.id, **params) == words


async def test_no_more_than_ones_own_rights(stage: Any) -> None:
    """A bot cannot give a right that it has not."""
    group = stage.bring_bot(stage.group(), rights=["can_promote_members", "can_pin_messages"])
    where = {"chat_id": group.id, "user_id": stage.anna.id}
    assert await stage.refused("promoteChatMember", **where, can_invite_users=True) == "RIGHT_FORBIDDEN"
    await stage.ok("promoteChatMember", **where, can_pin_messages=True)


async def test_where_the_bot_is_not(stage: Any) -> None:
    """Private chats have no such methods, strange and lost ones refuse the bot with 403."""
    group = stage.group()
    where = {"chat_id": group.id, "user_id": stage.anna.id}
    assert await stage.refused("banChatMember", **where) == "Forbidden: bot is not a member of the supergroup chat"
    stage.bring_bot(group)
    await stage.ok("leaveChat", chat_id=group.id)
    assert await stage.refused("getChat", chat_id=group.id) == "Forbidden: bot is not a member of the supergroup chat"
    stage.anna.started = True
    private = {"chat_id": stage.anna.id, "user_id": stage.anna.id}
    assert await stage.refused("banChatMember", **private) == "can't ban members in private chats"
    assert await stage.refused("leaveChat", **private) == "can't leave private chats"
    words = "there are no administrators in the private chat"
    assert await stage.refused("getChatAdministrators", **private) == words
    assert await stage.refused("unbanChatMember", **private) == (
        "method is available for supergroup and channel chats only"
    )


async def test_a_basic_group(stage: Any) -> None:
    """There is no ban but a removal, no restriction, and no promotion by a bot."""
    group = stage.run_group(kind="group")
    where = {"chat_id": group.id, "user_id": stage.anna.id}
    await stage.ok("banChatMember", **where)
    assert stage.member(group, stage.anna) == "left"
    assert await stage.refused("banChatMember", **where) == "USER_NOT_PARTICIPANT"
    assert (
        await stage.refused("restrictChatMember", **where, permissions={})
        == "method is available only for supergroups"
    )
    words = "method is available for supergroup and channel chats only"
    assert await stage.refused("promoteChatMember", **where, can_pin_messages=True) == words


async def test_a_channel(stage: Any) -> None:
    """Only an administrator sees the list; a promotion brings the right to restrict with it."""
    group = stage.run_group("News", kind="channel")
    where = {"chat_id": group.id, "user_id": stage.anna.id}
    await stage.ok("promoteChatMember", **where, can_post_messages=True)
    found = await stage.ok("getChatMember", **where)
    assert (found["can_post_messages"], found["can_restrict_members"]) == (True, True)
    group.put(Member(stage.bot_id))
    assert await stage.refused("getChatMember", **where) == "member list is inaccessible"


async def test_the_bot_leaves(stage: Any) -> None:
    """It hears of its own going twice: as a change of its membership, and as a message."""
    group = stage.run_group()
    await stage.ok("leaveChat", chat_id=group.id)
    (first, changed), (second, told) = stage.news()
    assert (first, changed["new_chat_member"]["status"]) == ("my_chat_member", "left")
    assert (second, told["left_chat_member"]["id"]) == ("message", stage.bot_id)


async def test_an_unban_by_a_person(stage: Any) -> None:
    """Somebody whom the bot banned is let back by the owner."""
    group = stage.run_group()
    await stage.ok("banChatMember", chat_id=group.id, user_id=stage.anna.id)
    unban_member(stage.world, group, stage.owner, stage.anna.id)
    assert stage.member(group, stage.anna) == "left"
