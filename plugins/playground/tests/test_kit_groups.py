"""Groups, topics and channels of the kit: who does what in them, and what the bot hears. The plugin is this file."""

from __future__ import annotations

import sys

import pytest

from astral_core import ANY, Context, Plugin
from astral_playground.telegram import PageError
from astral_playground.testkit.bot import BotKit
from astral_playground.testkit.chat import Chat

pytestmark = pytest.mark.astral(plugins=[sys.modules[__name__]])
plugin = Plugin()


@plugin.callback("pick/{n:int}", chat=ANY)
async def pick(ctx: Context, n: int) -> None:
    """Says who chose what."""
    ctx.edit(f"{ctx.user.first_name} says {n}")


@plugin.command("quiz", chat=ANY)
async def quiz(ctx: Context) -> None:
    """Asks."""
    ctx.reply("2 + 2 = ?", [[ctx.button(str(n), pick(n=n)) for n in (3, 4)]])


async def test_members_of_a_group_talk_to_the_bot_and_tap_its_buttons(bot: BotKit) -> None:
    """Each act returns when the bot is done with it; the group's views are what its members see."""
    anna, ben = bot.chat("Anna"), bot.chat("Ben")
    group = bot.group("Quiz", admins=[anna], members=[ben])
    await group.send(ben, "/quiz")
    assert group.last.text == "2 + 2 = ?"
    assert group.keyboard == [["3", "4"]]
    query = await group.tap(anna, "4")
    assert query is not None
    assert query.answered
    assert group.texts == ["Anna says 4"]
    assert ben.texts == []
    assert group.members == {"Anna": "creator", "Ben": "member", "bot": "member"}
    assert {call.chat_id for call in bot.calls("sendMessage", group)} == {group.id}


async def test_a_topic_has_the_same_acts_and_views_for_itself(bot: BotKit) -> None:
    """The answer stays in the topic; a name that no topic has is an error that lists those that there are."""
    ben = bot.chat("Ben")
    group = bot.group("Quiz", members=[ben], topics=["Rules", "Chat"])
    rules = group.topic("Rules")
    await group.send(ben, "/quiz", topic="Rules")
    await rules.tap(ben, "3")
    assert (rules.texts, group.topic("Chat").texts, group.topic("General").texts) == (["Ben says 3"], [], [])
    await rules.send(ben, "/quiz")
    assert len(rules.texts) == 2
    assert group.topics == ["General", "Rules", "Chat"]
    with pytest.raises(LookupError, match=r"no topic 'Rule'.*'General', 'Rules', 'Chat'"):
        group.topic("Rule")
    assert repr(rules) == f"Group('Quiz', id={group.id}, topic='Rules')"


async def test_people_open_close_and_delete_topics(bot: BotKit) -> None:
    """Only administrators close and delete; a name that no topic has is an error."""
    anna, ben = bot.chat("Anna"), bot.chat("Ben")
    group = bot.group("Quiz", admins=[anna], members=[ben], topics=["Rules"])
    talk = await group.open_topic(anna, "Talk")
    await talk.send(ben, "/quiz")
    assert talk.last.text == "2 + 2 = ?"
    await group.close_topic(anna, "Talk")
    with pytest.raises(PageError):
        await talk.send(ben, "hello")
    await group.close_topic(anna, "Talk", closed=False)
    await talk.send(ben, "hello")
    with pytest.raises(PageError):
        await group.delete_topic(ben, "Talk")
    await group.delete_topic(anna, "Talk")
    assert group.topics == ["General", "Rules"]
    with pytest.raises(LookupError, match="no topic 'Talk'"):
        await group.close_topic(anna, "Talk")


async def test_what_the_bot_hears_follows_its_privacy_mode_and_its_role(bot: BotKit) -> None:
    """A member with privacy mode hears commands and replies, an administrator everything."""
    ben = bot.chat("Ben")
    group = bot.group("Quiz", members=[ben])
    heard = bot.telegram.world.updates.history
    await group.send(ben, "four")
    assert "four" not in [update.summary for update in heard]
    await group.send(ben, "/quiz")
    await group.send(ben, "5!", reply_to=group.last)
    await group.add_bot("administrator")
    await group.send(ben, "four")
    assert [update.summary for update in heard if update.type == "message"][-3:] == ["/quiz", "5!", "four"]
    open_group = bot.group("Open", members=[ben], privacy=False)
    await open_group.send(ben, "hello")
    assert heard[-1].summary == "hello"


async def test_people_come_go_and_are_promoted(bot: BotKit) -> None:
    """The bot learns of it as Telegram tells it; who is not there may not speak."""
    anna, ben = bot.chat("Anna"), bot.chat("Ben")
    group = bot.group("Quiz", admins=[anna])
    with pytest.raises(PageError, match="Ben is not in 'Quiz'"):
        await group.send(ben, "/quiz")
    with pytest.raises(LookupError, match=r"Ben is not in 'Quiz'\. Who is here: Anna, bot"):
        await group.promote(ben)
    await group.join(ben)
    await group.promote(ben, rights=["can_delete_messages"])
    assert group.members["Ben"] == "administrator"
    assert group.room.member(ben.id).may("can_delete_messages")
    assert not group.room.member(ben.id).may("can_pin_messages")
    with pytest.raises(LookupError, match=r"no right 'can_fly'; there are: .*can_delete_messages"):
        await group.promote(ben, rights=["can_fly"])
    await group.leave(ben)
    assert "Ben" not in group.members
    contents = [next(iter(message.content)) for message in group.messages]
    assert contents == ["new_chat_members", "new_chat_members", "left_chat_member"]


async def test_an_anonymous_administrator_speaks_as_the_group(bot: BotKit) -> None:
    """The message names the chat and no person."""
    anna, ben = bot.chat("Anna"), bot.chat("Ben")
    group = bot.group("Quiz", admins=[anna, ben])
    await group.promote(ben, anonymous=True)
    sent = await group.send(ben, "hello")
    assert sent.sender_chat == group.id
    assert "Quiz: hello" in group.transcript()


async def test_a_group_has_the_id_that_the_settings_name(bot: BotKit) -> None:
    """Plugins are often told of their group by its id, and settings stand before the group is made."""
    group = bot.group("Quiz", id=-1001234567890)
    assert group.id == -1001234567890
    with pytest.raises(PageError, match="id -1001234567890 cannot be this chat's id"):
        bot.group("Another", id=-1001234567890)


async def test_the_bot_comes_and_goes(bot: BotKit) -> None:
    """A group without the bot tells it nothing; thrown out it is told, and hears nothing more."""
    ben = bot.chat("Ben")
    group = bot.group("Quiz", members=[ben], bot=None)
    await group.send(ben, "/quiz")
    assert (group.texts, group.members) == ([], {"Owner": "creator", "Ben": "member"})
    await group.add_bot()
    await group.send(ben, "/quiz")
    assert group.texts == ["2 + 2 = ?"]
    await group.remove_bot()
    await group.send(ben, "/quiz")
    assert len(group.texts) == 1
    assert "my_chat_member" in [update.type for update in bot.telegram.world.updates.history]


async def test_a_channel_has_posts_and_the_bot_as_its_administrator(bot: BotKit) -> None:
    """The post speaks in the channel's name, and reaches the bot as a channel_post."""
    anna = bot.chat("Anna")
    channel = bot.group("News", admins=[anna], kind="channel")
    assert channel.members == {"Anna": "creator", "bot": "administrator"}
    await channel.send(anna, "Hello, world")
    assert bot.telegram.world.updates.history[-1].type == "channel_post"


async def test_a_person_sends_all_that_they_can_send_from_their_seat(bot: BotKit, chat: Chat) -> None:
    """`seat` is the chat as one person uses it."""
    group = bot.group("Quiz", members=[chat], topics=["Rules"])
    seat = group.seat(chat, topic="Rules")
    await seat.send_location(55.75, 37.62)
    await seat.send_document(b"%PDF", "a.pdf")
    assert [message.thread for message in group.topic("Rules").messages] == [
        group.topic("Rules").messages[0].thread
    ] * 3


async def test_a_group_becomes_a_supergroup_and_goes_on(bot: BotKit) -> None:
    """The kit's group is the new one from then on, with another id and the same people."""
    anna, ben = bot.chat("Anna"), bot.chat("Ben")
    group = bot.group("Quiz", admins=[anna], members=[ben], kind="group")
    await group.send(ben, "/quiz")
    old = group.id
    await group.migrate()
    assert group.id != old
    assert group.members == {"Anna": "creator", "Ben": "member", "bot": "member"}
    await group.send(ben, "/quiz")
    assert group.texts == ["2 + 2 = ?"]
    with pytest.raises(PageError, match="only a basic group becomes a supergroup"):
        await group.migrate()


async def test_somebody_asks_to_be_let_in(bot: BotKit) -> None:
    """The bot, as an administrator, gets the request; whoever asks is not in the chat yet."""
    anna, ben = bot.chat("Anna"), bot.chat("Ben")
    group = bot.group("Quiz", admins=[anna], bot="administrator")
    await group.ask_to_join(ben)
    assert "Ben" not in group.members
    assert ben.id in {who for one in group.room.invitations.values() for who in one.waiting}
