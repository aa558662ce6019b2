"""Invite links and requests to join."""

from __future__ import annotations

from typing import Any

import pytest

from astral_playground.telegram import PageError, invitations
from astral_playground.telegram.administration import ban_member


async def test_a_link_of_the_bot(stage: Any) -> None:
    """Made, changed, followed and revoked; whoever joins by it comes with it."""
    await stage.listen("message", "chat_member")
    group, cora = stage.run_group(), stage.world.add_user("Cora")
    made = await stage.ok("createChatInviteLink", chat_id=group.id, name="players", member_limit=1)
    where = {"chat_id": group.id, "invite_link": made["invite_link"]}
    changed = await stage.ok("editChatInviteLink", **where, name="more", member_limit=1)
    assert (changed["name"], changed["member_limit"], changed["creator"]["id"]) == ("more", 1, stage.bot_id)
    invitations.join_by_link(stage.world, cora, made["invite_link"])
    (first, update), (second, told) = stage.news()
    assert (first, update["invite_link"]["invite_link"]) == ("chat_member", made["invite_link"])
    assert (second, told["new_chat_members"][0]["id"], told["from"]["id"]) == ("message", cora.id, cora.id)
    with pytest.raises(PageError, match="1 people have used this link"):
        invitations.join_by_link(stage.world, stage.world.add_user("Dan"), made["invite_link"])
    assert (await stage.ok("revokeChatInviteLink", **where))["is_revoked"]
    assert await stage.refused("editChatInviteLink", **where) == "INVITE_REVOKED_MISSING"
    with pytest.raises(PageError, match="was revoked; take another one"):
        invitations.join_by_link(stage.world, stage.world.add_user("Eve"), made["invite_link"])


async def test_the_primary_link(stage: Any) -> None:
    """A new one revokes the former; getChat shows it; revoking it makes the next one."""
    group = stage.run_group()
    one = await stage.ok("exportChatInviteLink", chat_id=group.id)
    two = await stage.ok("exportChatInviteLink", chat_id=group.id)
    assert one != two
    assert group.invitations[one].revoked
    assert (await stage.ok("getChat", chat_id=group.id))["invite_link"] == two
    words = await stage.refused("editChatInviteLink", chat_id=group.id, invite_link=two, name="x")
    assert words == "CHAT_INVITE_PERMANENT"
    gone = await stage.ok("revokeChatInviteLink", chat_id=group.id, invite_link=two)
    assert (gone["is_primary"], gone["is_revoked"]) == (True, True)
    assert (await stage.ok("getChat", chat_id=group.id))["invite_link"] != two


async def test_a_link_expires(stage: Any) -> None:
    """After its date nobody comes in by it."""
    group, cora = stage.run_group(), stage.world.add_user("Cora")
    until = stage.world.now + 60
    made = await stage.ok("createChatInviteLink", chat_id=group.id, expire_date=until)
    assert made["expire_date"] == until
    stage.clock.advance(60)
    with pytest.raises(PageError, match="has expired"):
        invitations.join_by_link(stage.world, cora, made["invite_link"])
    assert await stage.refused("createChatInviteLink", chat_id=group.id, expire_date=until) == "EXPIRE_DATE_INVALID"


async def test_a_request(stage: Any) -> None:
    """The bot is asked, may write to the person for five minutes although they never started it, and approves."""
    await stage.listen("message", "chat_member", "chat_join_request")
    group, cora = stage.run_group(), stage.world.add_user("Cora")
    made = await stage.ok("createChatInviteLink", chat_id=group.id, creates_join_request=True)
    assert await stage.refused("sendMessage", chat_id=cora.id, text="x") == "chat not found"
    assert invitations.join_by_link(stage.world, cora, made["invite_link"]) is not None
    [(kind, payload)] = stage.news()
    assert (kind, payload["user_chat_id"], payload["from"]["id"]) == ("chat_join_request", cora.id, cora.id)
    assert payload["invite_link"]["pending_join_request_count"] == 1
    await stage.ok("sendMessage", chat_id=payload["user_chat_id"], text="Why?")
    stage.clock.advance(301)
    words = "Forbidden: bot can't initiate conversation with a user"
    assert await stage.refused("sendMessage", chat_id=cora.id, text="Hello?") == words
    where = {"chat_id": group.id, "user_id": cora.id}
    await stage.ok("approveChatJoinRequest", **where)
    (first, update), (second, told) = stage.news()
    assert (first, update["via_join_request"], update["from"]["id"]) == ("chat_member", True, stage.bot_id)
    assert (second, told["from"]["id"]) == ("message", cora.id)
    assert await stage.refused("approveChatJoinRequest", **where) == "USER_ALREADY_PARTICIPANT"
    assert await stage.refused("declineChatJoinRequest", **where) == "HIDE_REQUESTER_MISSING"


async def test_a_declined_request(stage: Any) -> None:
    """The person stays outside and may ask again; a link by which one asks has no limit."""
    group, cora = stage.run_group(username="quizzers"), stage.world.add_user("Cora")
    group.by_request = True
    assert invitations.join_public(stage.world, group, cora) is not None
    assert (await stage.ok("getChat", chat_id="@quizzers"))["join_by_request"]
    with pytest.raises(PageError, match="Cora has asked to join 'Quiz' already"):
        invitations.join_public(stage.world, group, cora)
    await stage.ok("declineChatJoinRequest", chat_id=group.id, user_id=cora.id)
    assert stage.member(group, cora) == "left"
    invitations.join_public(stage.world, group, cora)
    invitations.decide_by(stage.world, group, stage.owner, cora, approve=True)
    assert stage.member(group, cora) == "member"
    group.by_request = False
    invitations.join_public(stage.world, group, dan := stage.world.add_user("Dan"))
    assert stage.member(group, dan) == "member"
    with pytest.raises(PageError, match="Cora has not asked to join"):
        invitations.decide_by(stage.world, group, stage.owner, cora, approve=True)
    words = await stage.refused("createChatInviteLink", chat_id=group.id, creates_join_request=True, member_limit=2)
    assert words == "member limit can't be specified for links requiring administrator approval"
    assert await stage.refused("approveChatJoinRequest", chat_id=group.id, user_id=99) == "USER_ID_INVALID"


async def test_links_of_people(stage: Any) -> None:
    """The bot sees the beginning only of a link that a person made, and cannot change it."""
    await stage.listen("chat_member")
    group, cora = stage.run_group(), stage.world.add_user("Cora")
    made = invitations.create_by(stage.world, group, stage.owner, name="friends")
    invitations.join_by_link(stage.world, cora, made.link)
    [(_, update)] = stage.news()
    assert update["invite_link"]["invite_link"].endswith("…")
    assert update["invite_link"]["name"] == "friends"
    words = await stage.refused("revokeChatInviteLink", chat_id=group.id, invite_link=made.link)
    assert words == "INVITE_HASH_EXPIRED"
    invitations.revoke_by(stage.world, group, stage.owner, made.link)
    with pytest.raises(PageError, match="no such link, or it is revoked"):
        invitations.revoke_by(stage.world, group, stage.owner, made.link)


async def test_without_an_administrator_bot(stage: Any) -> None:
    """A request is not told to a bot that may not answer it; the owner does."""
    group, cora = stage.bring_bot(stage.group(), admin=False), stage.world.add_user("Cora")
    made = invitations.create_by(stage.world, group, stage.owner, by_request=True)
    assert invitations.join_by_link(stage.world, cora, made.link) is None
    assert stage.news() == []
    invitations.decide_by(stage.world, group, stage.owner, cora, approve=False)
    assert invitations.waiting(group) == set()


async def test_a_subscription_link(stage: Any) -> None:
    """A channel's link has its price; of a month, and of nothing but a channel."""
    channel, group = stage.run_group("News", kind="channel"), stage.run_group()
    month = {"subscription_period": 2_592_000, "subscription_price": 50}
    made = await stage.ok("createChatSubscriptionInviteLink", chat_id=channel.id, **month)
    assert (made["subscription_price"], made["subscription_period"]) == (50, 2_592_000)
    where = {"chat_id": channel.id, "invite_link": made["invite_link"]}
    assert (await stage.ok("editChatSubscriptionInviteLink", **where, name="Fans"))["name"] == "Fans"
    words = await stage.refused("createChatSubscriptionInviteLink", chat_id=channel.id, subscription_price=5)
    assert words == "SUBSCRIPTION_PERIOD_INVALID"
    assert await stage.refused("createChatSubscriptionInviteLink", chat_id=group.id, **month) == "CHANNEL_INVALID"


async def test_wrong_newcomers(stage: Any) -> None:
    """A member, a banned person, a private chat and a link to nowhere."""
    group, cora = stage.group(), stage.world.add_user("Cora")
    made = invitations.create_by(stage.world, group, stage.owner)
    ban_member(stage.world, group, stage.owner, stage.ben.id)
    for person, link, words in (
        (stage.anna, made.link, "Anna is in 'Quiz' already"),
        (stage.ben, made.link, "Ben is banned from 'Quiz'; unban them first"),
        (cora, "https://t.me/+x", "leads to no chat"),
    ):
        with pytest.raises(PageError, match=words):
            invitations.join_by_link(stage.world, person, link)
    with pytest.raises(PageError, match="'Quiz' is private; Cora needs an invite link"):
        invitations.join_public(stage.world, group, cora)
    with pytest.raises(PageError, match="Anna may not do this"):
        invitations.create_by(stage.world, group, stage.anna)
    with pytest.raises(PageError, match="has no limit"):
        invitations.create_by(stage.world, group, stage.owner, by_request=True, limit=5)
