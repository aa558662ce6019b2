"""Polls: what the bot asks, what people answer, what the bot hears, and when it is over."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
import telegram
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from telegram.error import BadRequest

from astral_playground.telegram import EmulatedUser, ManualClock, TelegramEmulator, acts_media, ballots, membership
from astral_playground.telegram.errors import PageError
from astral_playground.telegram.groups import Group
from astral_playground.telegram.polls import Option, Poll
from astral_playground.telegram.records import Message, User


@pytest.fixture
def group(tg: TelegramEmulator, anna: EmulatedUser) -> Group:
    """A group of Anna's with the bot as a member."""
    made = membership.add_group(tg.world, "Quiz", anna.user)
    membership.join(tg.world, made, tg.world.bot.id, anna.id)
    return made


@pytest.fixture
def ben(tg: TelegramEmulator, group: Group) -> User:
    """A member of the group."""
    user = tg.world.add_user("Ben")
    membership.join(tg.world, group, user.id)
    return user


def _newest(tg: TelegramEmulator, room_id: int) -> Message:
    return next(reversed(tg.world.messages[room_id].values()))


def _updates(tg: TelegramEmulator, kind: str) -> list[dict[str, Any]]:
    return [update.payload for update in tg.world.updates.history if update.type == kind]


async def test_an_open_poll_tells_who_voted(tg: TelegramEmulator, bot: telegram.Bot, group: Group, ben: User) -> None:
    """A vote in a poll with names gives the bot poll_answer and the new state; taking it back an empty answer."""
    sent = await bot.send_poll(group.id, "Tea or coffee?", ["Tea", "Coffee"], is_anonymous=False)
    assert sent.poll is not None
    assert not sent.poll.is_anonymous
    message = _newest(tg, group.id)
    assert ballots.vote(tg.world, ben, message, ["Coffee"]) is not None
    (answer,) = _updates(tg, "poll_answer")
    assert answer == {
        "poll_id": sent.poll.id,
        "user": ben.to_dict(),
        "option_ids": [1],
        "option_persistent_ids": ["1"],
    }
    assert [option["voter_count"] for option in _updates(tg, "poll")[-1]["options"]] == [0, 1]
    assert message.content["poll"]["total_voter_count"] == 1
    ballots.retract(tg.world, ben, message)
    assert _updates(tg, "poll_answer")[-1]["option_ids"] == []
    assert message.content["poll"]["total_voter_count"] == 0


async def test_an_anonymous_poll_tells_numbers_only(
    tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser
) -> None:
    """Polls are anonymous unless told: the bot hears no names, and real clients read the numbers."""
    await bot.send_poll(anna.id, "Tea or coffee?", ["Tea", "Coffee"], allows_multiple_answers=True)
    ballots.vote(tg.world, anna.user, anna.last, [0, 1])
    assert _updates(tg, "poll_answer") == []
    (update,) = [one for one in await bot.get_updates(timeout=0) if one.poll]
    assert update.poll is not None
    assert [option.voter_count for option in update.poll.options] == [1, 1]
    assert update.poll.total_voter_count == 1


async def test_a_quiz_takes_one_answer(tg: TelegramEmulator, bot: telegram.Bot, group: Group, ben: User) -> None:
    """In a quiz nobody may choose again, and its message says what was right."""
    sent = await bot.send_poll(
        group.id, "2 + 2?", ["3", "4"], type="quiz", correct_option_ids=[1], explanation="Count.", is_anonymous=False
    )
    assert sent.poll is not None
    assert (sent.poll.type, sent.poll.explanation) == ("quiz", "Count.")
    message = _newest(tg, group.id)
    assert message.content["poll"]["correct_option_ids"] == [1]
    ballots.vote(tg.world, ben, message, ["3"])
    with pytest.raises(PageError, match="no second vote"):
        ballots.vote(tg.world, ben, message, ["4"])
    with pytest.raises(PageError, match="stays"):
        ballots.retract(tg.world, ben, message)


async def test_stop_poll(tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser) -> None:
    """stopPoll gives the last state; then nobody votes, and it cannot be stopped again."""
    await bot.send_poll(anna.id, "?", ["a", "b"])
    ballots.vote(tg.world, anna.user, anna.last, ["a"])
    poll = await bot.stop_poll(anna.id, anna.last.message_id)
    assert (poll.is_closed, [option.voter_count for option in poll.options]) == (True, [1, 0])
    with pytest.raises(PageError, match="closed"):
        ballots.vote(tg.world, anna.user, anna.last, ["b"])
    with pytest.raises(BadRequest, match="Poll can't be stopped"):
        await bot.stop_poll(anna.id, anna.last.message_id)
    with pytest.raises(BadRequest, match="Message with poll to stop not found"):
        await bot.stop_poll(anna.id, 999)
    await bot.send_message(anna.id, "no poll")
    with pytest.raises(BadRequest, match="Message is not a poll"):
        await bot.stop_poll(anna.id, anna.last.message_id)


@pytest.mark.parametrize("by", ["open_period", "close_date"])
async def test_a_poll_closes_by_the_clock(
    frozen: TelegramEmulator,
    frozen_bot: telegram.Bot,
    olga: EmulatedUser,
    clock: ManualClock,
    settle: Callable[..., Any],
    by: str,
) -> None:
    """open_period and close_date close it when their time has come, and the bot hears of that."""
    when = 60 if by == "open_period" else int(clock.time()) + 60
    await frozen_bot.send_poll(olga.id, "?", ["a", "b"], **{by: when})
    shown = olga.last.content["poll"]
    assert (shown["open_period"], shown["close_date"]) == (60, int(clock.time()) + 60)
    await settle(lambda: any(due <= 60 for due in clock.sleepers()))
    clock.advance(59)
    assert not olga.last.content["poll"]["is_closed"]
    clock.advance(1)
    await settle(lambda: olga.last.content["poll"]["is_closed"])
    assert _updates(frozen, "poll")[-1]["is_closed"]


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"question": ""}, "poll question must be non-empty"),
        ({"question": "q" * 301}, "poll question length must not exceed 300"),
        ({"options": []}, "poll must have at least one answer option"),
        ({"options": ["a"] * 13}, "poll can't have more than 12 options"),
        ({"options": [" "]}, "poll option must be non-empty"),
        ({"options": ["a" * 101]}, "poll options length must not exceed 100"),
        ({"options": [5]}, "expected an option to be of type String"),
        ({"options": {}}, "expected an Array of String as options"),
        ({"type": "riddle"}, "unsupported poll type specified"),
        ({"type": "quiz"}, "correct quiz option list must be non-empty"),
        ({"type": "quiz", "correct_option_ids": [2]}, "wrong quiz correct_option_id"),
        ({"type": "quiz", "correct_option_ids": [1, 0]}, "correct quiz option list must be increasing"),
        ({"type": "quiz", "correct_option_ids": ["x"]}, "correct option identifier must be of type Number"),
        ({"country_codes": ["x"]}, "invalid country code specified"),
        ({"members_only": True}, "poll voters can be restricted only in channel chats"),
        ({"media": {"type": "voice"}}, "failed to parse InputPollMedia: invalid type specified"),
    ],
)
async def test_refused_polls(
    anna: EmulatedUser, call: Callable[..., Any], params: dict[str, Any], words: str
) -> None:
    """What cannot be a poll is refused in the real server's words."""
    status, answer = await call("sendPoll", chat_id=anna.id, **{"question": "?", "options": ["a", "b"], **params})
    assert (status, answer["description"]) == (400, f"Bad Request: {words}")


async def test_a_channel_takes_anonymous_polls_only(
    tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser
) -> None:
    """In a channel nobody is shown to have voted."""
    channel = membership.add_group(tg.world, "News", anna.user, kind="channel")
    membership.promote(tg.world, channel, tg.world.bot.id, anna.id)
    with pytest.raises(BadRequest, match="Non-anonymous polls can't be sent to channel chats"):
        await bot.send_poll(channel.id, "?", ["a", "b"], is_anonymous=False)
    assert (await bot.send_poll(channel.id, "?", ["a", "b"])).poll


async def test_peoples_polls_are_their_own(tg: TelegramEmulator, anna: EmulatedUser, group: Group, ben: User) -> None:
    """The bot sees a person's poll if it hears the message, and none of the votes; forwards share their votes."""
    tg.world.bot.privacy = False
    message, update = acts_media.send_poll(tg.world, anna.user, "?", ["a", "b"], room=group, anonymous=False)
    assert update is not None
    ballots.vote(tg.world, ben, message, ["b"])
    copy, _ = acts_media.forward(tg.world, anna.user, message, room=group)
    ballots.vote(tg.world, anna.user, copy, ["b"])
    assert message.content["poll"]["options"][1]["voter_count"] == 2
    assert copy.content["poll"]["total_voter_count"] == 2
    assert _updates(tg, "poll_answer") == _updates(tg, "poll") == []


async def test_a_copied_poll_starts_anew(tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser) -> None:
    """copyMessage makes a poll of its own, without votes; of a quiz only if the bot knows the answer."""
    sent = await bot.send_poll(anna.id, "?", ["a", "b"])
    ballots.vote(tg.world, anna.user, anna.last, ["a"])
    await bot.copy_message(anna.id, anna.id, sent.message_id)
    assert anna.last.content["poll"]["total_voter_count"] == 0
    assert sent.poll is not None
    assert anna.last.content["poll"]["id"] != sent.poll.id
    quiz, _ = acts_media.send_poll(tg.world, anna.user, "?", ["a", "b"], correct=0)
    with pytest.raises(BadRequest, match="The message can't be copied"):
        await bot.copy_message(anna.id, anna.id, quiz.message_id)


async def test_an_emptied_chat_has_no_poll(
    frozen: TelegramEmulator,
    frozen_bot: telegram.Bot,
    olga: EmulatedUser,
    clock: ManualClock,
    settle: Callable[..., Any],
) -> None:
    """What was cleared away is not closed later: the bot hears nothing of it."""
    await frozen_bot.send_poll(olga.id, "?", ["a", "b"], open_period=60)
    await settle(lambda: any(due <= 60 for due in clock.sleepers()))
    frozen.world.reset()
    clock.advance(61)
    await settle(lambda: not any(due <= 0 for due in clock.sleepers()))
    assert _updates(frozen, "poll") == []


class PollMachine(RuleBasedStateMachine):
    """Votes, second thoughts and closing in any order, beside a plain model."""

    def __init__(self) -> None:
        super().__init__()
        self.poll: Poll | None = None
        self.model: dict[int, set[int]] = {}

    @rule(options=st.integers(1, 4), several=st.booleans(), revoting=st.booleans(), extra=st.booleans())
    def start(self, options: int, several: bool, revoting: bool, extra: bool) -> None:
        """Begin with a new poll."""
        answers = [Option(f"{n}", {"text": f"o{n}"}) for n in range(options)]
        self.poll = Poll("1", {"question": "?"}, answers, several=several, revoting=revoting, open_to_options=extra)
        self.model = {}

    @rule(voter=st.integers(1, 3), places=st.lists(st.integers(-1, 4), max_size=3))
    def vote(self, voter: int, places: list[int]) -> None:
        """A vote counts if the poll is open and takes it; else nothing changes."""
        poll = self.poll
        if poll is None:
            return
        chosen = set(places)
        fits = bool(chosen) and all(0 <= place < len(poll.options) for place in chosen)
        fits = fits and (len(chosen) == 1 or poll.several) and (voter not in self.model or poll.revoting)
        if poll.is_closed or not fits:
            with pytest.raises(PageError):
                poll.vote(voter, places)
        else:
            assert poll.vote(voter, places) == tuple(sorted(chosen))
            self.model[voter] = chosen

    @rule(voter=st.integers(1, 3))
    def retract(self, voter: int) -> None:
        """A vote goes if there is one, the poll is open and lets it go."""
        poll = self.poll
        if poll is None:
            return
        if poll.is_closed or voter not in self.model or not poll.revoting:
            with pytest.raises(PageError):
                poll.retract(voter)
        else:
            poll.retract(voter)
            del self.model[voter]

    @rule()
    def add(self) -> None:
        """An option comes only where people may add some, and nobody has chosen it yet."""
        if self.poll is not None:
            with contextlib.suppress(PageError):
                self.poll.add_option("more", {})
                assert self.poll.counts[-1] == 0

    @rule()
    def close(self) -> None:
        """Closing counts once."""
        if self.poll is not None:
            was = self.poll.is_closed
            assert self.poll.close() is not was

    @invariant()
    def counts(self) -> None:
        """The numbers are those of the model, and the whole is one vote a person."""
        if self.poll is not None:
            shown = self.poll.to_dict()
            expected = [sum(n in chosen for chosen in self.model.values()) for n in range(len(self.poll.options))]
            assert [option["voter_count"] for option in shown["options"]] == expected
            assert shown["total_voter_count"] == len(self.model)


TestPollMachine = PollMachine.TestCase
TestPollMachine.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
