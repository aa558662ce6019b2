"""Bots of other frameworks in groups and channels: topics, administrators, comings and goings."""

from __future__ import annotations

import pytest
from foreign_kit.stage import Stage

from astral_playground.telegram import actions, membership
from astral_playground.telegram.groups import Topic

pytestmark = [pytest.mark.rest, pytest.mark.asyncio(loop_scope="session")]


async def test_a_command_in_a_group(stage: Stage) -> None:
    """In privacy mode the bot hears commands, and nothing else that people say to each other."""
    anna = stage.person()
    group = await stage.group(anna)
    before = len(stage.updates)
    stage.say(anna, group, "Hello, everybody")
    assert len(stage.updates) == before
    stage.say(anna, group, f"/add@{stage.tg.world.bot.username} 2 40")
    await stage.reads(group.id, "42")


async def test_a_group_with_topics(stage: Stage) -> None:
    """The answer stays in the topic of the question; a reply in General has a thread, and is in no topic."""
    anna = stage.person()
    group = await stage.group(anna, forum=True)
    group.topics[77] = Topic(77, "News")
    stage.say(anna, group, "/where", thread=77)
    assert (await stage.reads(group.id, "Topic 77")).thread == 77
    stage.say(anna, group, "/where")
    answer = stage.tg.world.message_json(await stage.reads(group.id, "No topic"))
    assert "is_topic_message" not in answer


async def test_a_button_in_a_topic(stage: Stage) -> None:
    """A card in a topic is edited there."""
    anna = stage.person()
    group = await stage.group(anna, forum=True)
    group.topics[77] = Topic(77, "News")
    stage.say(anna, group, "/count", thread=77)
    card = await stage.reads(group.id, "Pressed 0 times")
    actions.press(stage.tg.world, anna.user, card, "count:0")
    assert await stage.reads(group.id, "Pressed 1 times") is card
    assert card.thread == 77


async def test_administrators(stage: Stage) -> None:
    """getChatMember tells the owner, an administrator and a member apart."""
    anna, ben, cleo = (stage.person(name) for name in ("Anna", "Ben", "Cleo"))
    group = await stage.group(anna, people=[ben, cleo])
    membership.promote(stage.tg.world, group, ben.id, anna.id)
    yes, no = "You run this place", "Only administrators may"
    for person, answer in ((anna, yes), (ben, yes), (cleo, no)):
        asked = stage.say(person, group, "/admin")
        await stage.reads(group.id, answer, more=lambda message, asked=asked: message.message_id > asked.message_id)


async def test_an_anonymous_administrator(stage: Stage) -> None:
    """Who writes as the group is the group for every framework."""
    anna, ben = stage.person("Anna"), stage.person("Ben")
    group = await stage.group(anna, people=[ben])
    membership.promote(stage.tg.world, group, ben.id, anna.id, anonymous=True)
    stage.say(ben, group, "/admin")
    await stage.reads(group.id, "You run this place, whoever you are")


async def test_comings_and_goings(stage: Stage) -> None:
    """An administrator bot hears twice of each: by a service message and by chat_member."""
    anna, ben = stage.person("Anna"), stage.person("Ben")
    group = await stage.group(anna, admin=True)
    membership.join(stage.tg.world, group, ben.id)
    await stage.reads(group.id, "Welcome, Ben!")
    await stage.reads(group.id, "Ben: left to member")
    membership.leave(stage.tg.world, group, ben.id)
    await stage.reads(group.id, "Goodbye, Ben.")
    await stage.reads(group.id, "Ben: member to left")
    membership.leave(stage.tg.world, group, ben.id, anna.id, banned=True)
    await stage.reads(group.id, "Ben: left to kicked")


async def test_the_bot_is_thrown_out(stage: Stage) -> None:
    """A group without the bot is a 403 in the framework's own words."""
    anna = await stage.known("Anna")
    group = await stage.group(anna)
    membership.leave(stage.tg.world, group, stage.tg.world.bot.id, anna.id, banned=True)
    await anna.send(f"/tell {group.id} Hello")
    await anna.wait_for("403 Forbidden: bot was kicked from the supergroup chat")


async def test_a_channel(stage: Stage) -> None:
    """A post arrives as channel_post, and the bot answers it in the channel."""
    anna = stage.person("Anna")
    channel = await stage.group(anna, kind="channel")
    post = stage.say(anna, channel, "News")
    seen = await stage.reads(channel.id, "Seen: News")
    assert seen.reply_to == post.message_id
