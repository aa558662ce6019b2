"""Topics of a forum: of the bot and of people."""

from __future__ import annotations

from typing import Any

import pytest

from astral_playground.telegram import PageError, actions, topics
from astral_playground.telegram.administration import demote_member, promote_member
from astral_playground.telegram.groups import GENERAL


async def test_a_topic_of_the_bot(stage: Any) -> None:
    """Created, renamed, closed and opened, each with the message about it in the topic; deleted with its messages."""
    group = stage.run_group(forum=True)
    made = await stage.ok("createForumTopic", chat_id=group.id, name="Rules", icon_color=9367192)
    topic = {"chat_id": group.id, "message_thread_id": made["message_thread_id"]}
    await stage.ok("editForumTopic", **topic, name="Our rules", icon_custom_emoji_id="5312536423851630001")
    await stage.ok("closeForumTopic", **topic)
    await stage.ok("reopenForumTopic", **topic)
    news = [payload for _, payload in stage.news()]
    assert [next(key for key in one if key.startswith("forum_topic")) for one in news] == [
        "forum_topic_created", "forum_topic_edited", "forum_topic_closed", "forum_topic_reopened",
    ]  # fmt: skip
    assert {one["message_thread_id"] for one in news} == {made["message_thread_id"]} == {news[0]["message_id"]}
    assert all(one["is_topic_message"] and one["from"]["id"] == stage.bot_id for one in news)
    assert news[1]["forum_topic_edited"] == {"name": "Our rules", "icon_custom_emoji_id": "5312536423851630001"}
    sent = await stage.ok("sendMessage", **topic, text="Be kind")
    assert (sent["message_thread_id"], sent["is_topic_message"]) == (made["message_thread_id"], True)
    await stage.ok("deleteForumTopic", **topic)
    assert stage.world.find(group.id, sent["message_id"]) is None
    assert await stage.refused("sendMessage", **topic, text="x") == "message thread not found"


async def test_the_general_topic(stage: Any) -> None:
    """Hiding it closes it, opening it shows it; its messages name no thread."""
    group = stage.run_group(forum=True)
    where = {"chat_id": group.id}
    await stage.ok("editGeneralForumTopic", **where, name="Hall")
    await stage.ok("hideGeneralForumTopic", **where)
    assert (group.topics[GENERAL].hidden, group.topics[GENERAL].closed) == (True, True)
    await stage.ok("reopenGeneralForumTopic", **where)
    assert (group.topics[GENERAL].hidden, group.topics[GENERAL].closed) == (False, False)
    await stage.ok("closeGeneralForumTopic", **where)
    await stage.ok("hideGeneralForumTopic", **where)
    await stage.ok("unhideGeneralForumTopic", **where)
    assert group.topics[GENERAL].closed
    await stage.ok("sendMessage", **where, text="an administrator of topics may")
    kinds = [list(payload)[-1] for _, payload in stage.news()]
    assert kinds == [
        "forum_topic_edited", "general_forum_topic_hidden", "forum_topic_reopened", "forum_topic_closed",
        "general_forum_topic_hidden", "general_forum_topic_unhidden",
    ]  # fmt: skip
    assert await stage.refused("closeGeneralForumTopic", **where) == "TOPIC_NOT_MODIFIED"
    demote_member(stage.world, group, stage.owner, stage.bot_id)
    assert await stage.refused("sendMessage", **where, text="a member may not") == "TOPIC_CLOSED"
    promote_member(stage.world, group, stage.owner, stage.bot_id)
    assert await stage.refused("unhideGeneralForumTopic", **where) == "TOPIC_NOT_MODIFIED"
    assert await stage.refused("deleteForumTopic", **where, message_thread_id=GENERAL) == "TOPIC_ID_INVALID"


@pytest.mark.parametrize(
    ("method", "params", "words"),
    [
        ("createForumTopic", {"name": " "}, "name must be non-empty"),
        ("createForumTopic", {"name": "x", "icon_color": 1 << 25}, "invalid icon color specified"),
        ("editForumTopic", {"name": "x"}, "invalid forum topic identifier specified"),
        ("editForumTopic", {"name": "x", "message_thread_id": 99}, "TOPIC_ID_INVALID"),
        ("editForumTopic", {"name": " ", "message_thread_id": 1}, "name must be non-empty"),
        ("editForumTopic", {"name": "General", "message_thread_id": 1}, "TOPIC_NOT_MODIFIED"),
    ],
)
async def test_refusals(stage: Any, method: str, params: dict[str, Any], words: str) -> None:
    """Each with the words of Telegram's server."""
    group = stage.run_group(forum=True)
    assert await stage.refused(method, chat_id=group.id, **params) == words


async def test_no_forum(stage: Any) -> None:
    """A group without topics has none to create."""
    group = stage.run_group()
    assert await stage.refused("createForumTopic", chat_id=group.id, name="x") == "the chat is not a forum"


async def test_icons(stage: Any) -> None:
    """The stickers are custom emoji, whose numbers a topic takes."""
    stickers = await stage.ok("getForumTopicIconStickers")
    group = stage.run_group(forum=True)
    number = stickers[0]["custom_emoji_id"]
    made = await stage.ok("createForumTopic", chat_id=group.id, name="x", icon_custom_emoji_id=number)
    assert made["icon_custom_emoji_id"] == number
    where = {"chat_id": group.id, "message_thread_id": made["message_thread_id"]}
    await stage.ok("editForumTopic", **where, icon_custom_emoji_id="")
    assert group.topics[made["message_thread_id"]].icon_emoji == ""
    assert await stage.ok("editForumTopic", **where)


async def test_topics_of_people(stage: Any) -> None:
    """A member opens a topic where all may, and changes and closes their own; others must administer to do so."""
    group = stage.run_group(forum=True)
    topic = topics.create_by(stage.world, group, stage.anna, "Jokes")
    topics.edit_by(stage.world, group, stage.anna, topic.id, name="Good jokes")
    joke, _ = actions.send_text(stage.world, stage.anna, "knock, knock", room=group, thread=topic.id)
    reply, _ = actions.send_text(stage.world, stage.ben, "who is there?", joke.message_id, room=group)
    assert reply.thread == topic.id
    topics.close_by(stage.world, group, stage.anna, topic.id)
    for where in ({"thread": topic.id}, {"reply_to": joke.message_id}):
        with pytest.raises(PageError, match="the topic 'Good jokes' is closed"):
            actions.send_text(stage.world, stage.ben, "ha", room=group, **where)
    with pytest.raises(PageError, match="Ben may not do this in 'Quiz'; let its owner promote them"):
        topics.close_by(stage.world, group, stage.ben, topic.id, closed=False)
    topics.close_by(stage.world, group, stage.owner, topic.id, closed=False)
    actions.send_text(stage.world, stage.ben, "ha", room=group, thread=topic.id)
    news = [payload for _, payload in stage.news()]
    assert [list(payload)[-1] for payload in news] == [
        "forum_topic_created", "forum_topic_edited", "text", "text", "forum_topic_closed", "forum_topic_reopened",
        "text",
    ]  # fmt: skip
    assert {payload["message_thread_id"] for payload in news} == {topic.id}
    topics.delete_by(stage.world, group, stage.owner, topic.id)
    assert list(group.topics) == [GENERAL]
    topics.hide_by(stage.world, group, stage.owner)
    with pytest.raises(PageError, match="the General topic of 'Quiz' is hidden already"):
        topics.hide_by(stage.world, group, stage.owner)
    assert "general_forum_topic_hidden" in stage.news()[-1][1]


async def test_wrong_acts_of_people(stage: Any) -> None:
    """Each says what is wrong and where."""
    plain, group = stage.group("Plain"), stage.group(forum=True)
    group.permissions -= {"can_manage_topics"}
    for act, words in (
        (lambda: topics.create_by(stage.world, plain, stage.owner, "x"), "'Plain' has no topics; make it"),
        (lambda: topics.create_by(stage.world, group, stage.anna, "x"), "Anna may not do this in 'Quiz'"),
        (lambda: topics.create_by(stage.world, group, stage.owner, ""), "1 to 128 characters"),
        (lambda: topics.create_by(stage.world, group, stage.owner, "x", color=5), "5 is no color of a topic"),
        (lambda: topics.edit_by(stage.world, group, stage.owner, 9, name="x"), "no topic 9; it has 1 'General'"),
        (lambda: topics.edit_by(stage.world, group, stage.owner, 1, name="General"), "has this name and icon"),
        (lambda: topics.close_by(stage.world, group, stage.owner, 1, closed=False), "is open already"),
        (lambda: topics.delete_by(stage.world, group, stage.owner, 1), "can be hidden, not deleted"),
    ):
        with pytest.raises(PageError, match=words):
            act()


async def test_a_reply_in_the_general_topic(stage: Any) -> None:
    """It begins a thread, but no topic: no is_topic_message, as at Telegram."""
    group = stage.run_group(forum=True)
    first, _ = actions.send_text(stage.world, stage.anna, "who?", room=group)
    actions.send_text(stage.world, stage.ben, "me", first.message_id, room=group)
    payload = stage.news()[-1][1]
    assert payload["message_thread_id"] == first.message_id
    assert "is_topic_message" not in payload
