"""People add, remove, promote, restrict and ban each other and the bot."""

from __future__ import annotations

from typing import Any

import pytest

from astral_playground.telegram import PageError, actions, administration
from astral_playground.telegram.membership import join

KINDS = ("message", "my_chat_member", "chat_member")


async def test_the_bot_is_added_and_removed(stage: Any) -> None:
    """my_chat_member and the message, each time; calls are refused after; it is brought back."""
    group = stage.group()
    administration.add_member(stage.world, group, stage.anna, stage.bot_id)
    (first, added), (second, told) = stage.news()
    assert (first, added["from"]["id"], added["old_chat_member"]["status"]) == (
        "my_chat_member",
        stage.anna.id,
        "left",
    )
    assert (second, told["new_chat_members"][0]["id"]) == ("message", stage.bot_id)
    administration.remove_member(stage.world, group, stage.owner, stage.bot_id)
    (first, removed), (second, told) = stage.news()
    assert (first, removed["new_chat_member"]["status"]) == ("my_chat_member", "kicked")
    assert (second, told["left_chat_member"]["id"]) == ("message", stage.bot_id)
    words = "Forbidden: bot was kicked from the supergroup chat"
    assert await stage.refused("sendMessage", chat_id=group.id, text="x") == words
    administration.add_member(stage.world, group, stage.anna, stage.bot_id)
    await stage.ok("sendMessage", chat_id=group.id, text="back")


async def test_the_bot_is_promoted(stage: Any) -> None:
    """With all rights or some; it is told which."""
    group = stage.bring_bot(stage.group(), admin=False)
    administration.promote_member(stage.world, group, stage.owner, stage.bot_id, rights=["can_pin_messages"])
    [(kind, changed)] = stage.news()
    new = changed["new_chat_member"]
    assert (kind, new["status"], new["can_pin_messages"], new["can_be_edited"]) == (
        "my_chat_member", "administrator", True, False,
    )  # fmt: skip
    assert not new["can_invite_users"]
    administration.demote_member(stage.world, group, stage.owner, stage.bot_id)
    assert stage.news()[0][1]["new_chat_member"]["status"] == "member"


async def test_a_bot_comes_into_a_channel_as_an_administrator(stage: Any) -> None:
    """It cannot be a subscriber."""
    channel = stage.group("News", kind="channel")
    with pytest.raises(PageError, match="as an administrator only; promote it"):
        administration.add_member(stage.world, channel, stage.owner, stage.bot_id)
    administration.promote_member(stage.world, channel, stage.owner, stage.bot_id)
    assert [kind for kind, _ in stage.news()] == ["my_chat_member"]


async def test_chat_member_needs_both(stage: Any) -> None:
    """The bot hears of others only if it asks for that and administers."""
    group, cora = stage.bring_bot(stage.group(), admin=False), stage.world.add_user("Cora")
    await stage.listen(*KINDS)
    join(stage.world, group, cora.id)
    assert [kind for kind, _ in stage.news()] == ["message"]
    stage.bring_bot(group)
    administration.leave_chat(stage.world, group, cora)
    told, _ = stage.world.updates.pending.values()
    assert told.queue_id == cora.id + (6 << 33)  # the server's queue of such updates
    assert [kind for kind, _ in stage.news()] == ["chat_member", "message"]
    await stage.listen("message")
    join(stage.world, group, cora.id)
    assert [kind for kind, _ in stage.news()] == ["message"]


async def test_an_anonymous_administrator(stage: Any) -> None:
    """They write, and act, as the group."""
    group = stage.run_group()
    administration.promote_member(stage.world, group, stage.owner, stage.anna.id, title="judge")
    administration.set_anonymous(stage.world, group, stage.owner, stage.anna.id)
    actions.send_text(stage.world, stage.anna, "order!", room=group)
    administration.rename(stage.world, group, stage.anna, "Court")
    for _, payload in stage.news():
        assert (payload["from"]["username"], payload["sender_chat"]["id"]) == ("GroupAnonymousBot", group.id)
    found = await stage.ok("getChatMember", chat_id=group.id, user_id=stage.anna.id)
    assert (found["is_anonymous"], found["custom_title"]) == (True, "judge")


async def test_a_restricted_person(stage: Any) -> None:
    """They cannot write until it is over."""
    group = stage.group()
    until = stage.world.now + 60
    administration.restrict_member(stage.world, group, stage.owner, stage.ben.id, until=until)
    with pytest.raises(PageError, match="Ben may not send this in 'Quiz'"):
        actions.send_text(stage.world, stage.ben, "x", room=group)
    stage.clock.advance(60)
    actions.send_text(stage.world, stage.ben, "x", room=group)


async def test_who_left_restricted_comes_back_so(stage: Any) -> None:
    """Leaving is no way out of a restriction."""
    group = stage.group()
    administration.restrict_member(stage.world, group, stage.owner, stage.ben.id, ["can_send_photos"])
    administration.leave_chat(stage.world, group, stage.ben)
    assert not group.member(stage.ben.id).present
    join(stage.world, group, stage.ben.id)
    assert (stage.member(group, stage.ben), group.member(stage.ben.id).present) == ("restricted", True)


async def test_nobody_tells_a_bot_that_is_not_there(stage: Any) -> None:
    """What happens in a chat without the bot is not its business."""
    group = stage.group()
    administration.remove_member(stage.world, group, stage.owner, stage.ben.id)
    administration.rename(stage.world, group, stage.owner, "Private matters")
    assert stage.news() == []


async def test_privacy(stage: Any) -> None:
    """With privacy mode a member bot hears commands only, without it all."""
    group = stage.bring_bot(stage.group(), admin=False)
    for privacy in (True, False):
        administration.set_privacy(stage.world, privacy=privacy)
        actions.send_text(stage.world, stage.anna, "hello", room=group)
        assert len(stage.news()) == (not privacy)
    assert (await stage.ok("getMe"))["can_read_all_group_messages"]


async def test_a_person_writes_as_a_channel(stage: Any) -> None:
    """Telegram's stand-in is the sender; a ban of the channel ends that."""
    group, channel = stage.run_group(), stage.group("News", kind="channel")
    administration.send_as(stage.world, group, stage.owner, channel)
    actions.send_text(stage.world, stage.owner, "read me", room=group)
    [(_, payload)] = stage.news()
    assert (payload["from"]["username"], payload["sender_chat"]["id"]) == ("Channel_Bot", channel.id)
    await stage.ok("banChatSenderChat", chat_id=group.id, sender_chat_id=channel.id)
    with pytest.raises(PageError, match="nobody may write as 'News' in 'Quiz'"):
        actions.send_text(stage.world, stage.owner, "read me", room=group)
    administration.send_as(stage.world, group, stage.owner, None)
    actions.send_text(stage.world, stage.owner, "me again", room=group)
    with pytest.raises(PageError, match="Anna does not own 'News'"):
        administration.send_as(stage.world, group, stage.anna, channel)


async def test_a_group_is_given_away(stage: Any) -> None:
    """The new owner may all, the old one may leave then."""
    group = stage.run_group()
    with pytest.raises(PageError, match="Olga owns 'Quiz'; give it to another member"):
        administration.leave_chat(stage.world, group, stage.owner)
    administration.give_away(stage.world, group, stage.owner, stage.anna)
    assert stage.news()[-1][1]["chat_owner_changed"]["new_owner"]["id"] == stage.anna.id
    administration.leave_chat(stage.world, group, stage.owner)
    found = await stage.ok("getChatAdministrators", chat_id=group.id)
    assert {one["user"]["id"]: one["status"] for one in found}[stage.anna.id] == "creator"
    with pytest.raises(PageError, match="Olga does not own 'Quiz'"):
        administration.give_away(stage.world, group, stage.owner, stage.ben)
    with pytest.raises(PageError, match="Olga must be another member"):
        administration.give_away(stage.world, group, stage.anna, stage.owner)


async def test_wrong_acts(stage: Any) -> None:
    """Each says who, where, and how to mend it."""
    world, group, basic = stage.world, stage.group(), stage.group("Old", kind="group")
    cora, channel = world.add_user("Cora"), stage.group("News", kind="channel")
    olga, anna, ben = stage.owner, stage.anna, stage.ben
    administration.promote_member(world, group, olga, anna.id)
    administration.ban_member(world, basic, olga, ben.id)
    administration.promote_member(world, group, olga, ben.id)
    for act, words in (
        (lambda: administration.add_member(world, group, olga, anna.id), "Anna is in 'Quiz' already"),
        (lambda: administration.add_member(world, group, cora, stage.bot_id), "Cora is not in 'Quiz'; let them join"),
        (lambda: administration.add_member(world, group, olga, 77), "there is no user 77"),
        (lambda: administration.add_member(world, basic, olga, ben.id), "Ben is banned from 'Old'; unban them first"),
        (lambda: administration.remove_member(world, group, olga, cora.id), "Cora is not in 'Quiz'; add them first"),
        (lambda: administration.remove_member(world, group, anna, olga.id), "Olga owns 'Quiz'"),
        (lambda: administration.remove_member(world, group, anna, ben.id), "let the owner do this"),
        (lambda: administration.ban_member(world, basic, anna, cora.id), "promote them with can_restrict_members"),
        (lambda: administration.unban_member(world, group, olga, ben.id), "Ben is not banned from 'Quiz'"),
        (lambda: administration.restrict_member(world, basic, olga, anna.id), "upgrade it to a supergroup"),
        (lambda: administration.restrict_member(world, channel, olga, anna.id), "subscribers have no permissions"),
        (lambda: administration.restrict_member(world, group, olga, anna.id, ["x"]), "'x' is no permission"),
        (lambda: administration.promote_member(world, group, olga, cora.id), "Cora is not in 'Quiz'; add them"),
        (lambda: administration.promote_member(world, group, olga, ben.id, rights=["x"]), "'x' is no right of an"),
        (lambda: administration.promote_member(world, group, olga, ben.id, title="x" * 17), "at most 16 characters"),
        (lambda: administration.demote_member(world, channel, olga, anna.id), "does not administer 'News'"),
        (lambda: administration.set_anonymous(world, basic, olga, anna.id), "Anna does not administer 'Old'"),
        (lambda: administration.set_anonymous(world, channel, olga, olga.id), "nobody is anonymous in a channel"),
        (lambda: administration.leave_chat(world, group, cora), "Cora is not in 'Quiz'"),
    ):
        with pytest.raises(PageError, match=words):
            act()
