"""Whatever people and the bot do to each other in a group, what the bot is told fits together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from astral_playground.telegram import ApiError, ManualClock, PageError, World, administration, invitations
from astral_playground.telegram.groups import Group
from astral_playground.telegram.membership import add_group
from astral_playground.telegram.methods import METHODS
from astral_playground.telegram.params import Params

PEOPLE = 4
BY_PEOPLE: dict[str, Callable[..., Any]] = {
    "add": administration.add_member,
    "remove": administration.remove_member,
    "ban": administration.ban_member,
    "unban": administration.unban_member,
    "restrict": administration.restrict_member,
    "promote": administration.promote_member,
    "demote": administration.demote_member,
    "anonymous": administration.set_anonymous,
    "give": lambda world, group, one, who: administration.give_away(world, group, one, world.user(who)),
}
BY_THE_BOT = {
    "banChatMember": {},
    "unbanChatMember": {},
    "restrictChatMember": {"permissions": '{"can_send_messages": true}'},
    "promoteChatMember": {"can_pin_messages": "true"},
    "approveChatJoinRequest": {},
    "declineChatJoinRequest": {},
    "leaveChat": {},
}
ACTS = st.lists(
    st.tuples(
        st.sampled_from([*BY_PEOPLE, *BY_THE_BOT, "ask", "leave"]),
        st.integers(0, PEOPLE - 1),
        st.integers(0, PEOPLE),
    ),
    min_size=10,
    max_size=60,
)


def _act(world: World, group: Group, name: str, one: int, other: int, link: str) -> bool:
    """Do it if it can be done; was it?"""
    people = list(world.users.values())
    who = world.bot.id if other == PEOPLE else people[other].id
    try:
        if name in BY_PEOPLE:
            BY_PEOPLE[name](world, group, people[one], who)
        elif name in BY_THE_BOT:
            params = Params({"chat_id": str(group.id), "user_id": str(who), **BY_THE_BOT[name]})
            METHODS[name.lower()].run(world, params)
        elif name == "ask":
            invitations.join_by_link(world, people[one], link)
        else:
            administration.leave_chat(world, group, people[one])
    except (PageError, ApiError):
        return False
    return True


@given(ACTS)
def test_updates_of_members_fit_together(acts: list[tuple[str, int, int]]) -> None:
    """Each update about the bot begins where the one before it ended; a refusal changes nothing.

    There is one owner at all times. The bot hears of others only while it is there, and of their changes only while
    it administers.
    """
    world = World(clock=ManualClock())
    world.updates.allowed = ["message", "my_chat_member", "chat_member", "chat_join_request"]
    owner = world.add_user("Olga")
    for number in range(1, PEOPLE):
        world.add_user(f"P{number}")
    group = add_group(world, "Quiz", owner)
    administration.promote_member(world, group, owner, world.bot.id)
    link = invitations.create_by(world, group, owner, by_request=True).link
    last = "administrator"
    for name, one, other in acts:
        world.updates.drop_all()
        before, told = dict(group.members), group.member(world.bot.id)
        if not _act(world, group, name, one, other, link):
            assert group.members == before
            assert not world.updates.pending
        after = group.member(world.bot.id)
        for update in world.updates.pending.values():
            assert told.present or after.present or update.type == "my_chat_member"
            if not update.type.endswith("chat_member"):
                continue
            own = update.type == "my_chat_member"
            assert own or after.administers
            old, new = update.payload["old_chat_member"], update.payload["new_chat_member"]
            if own:
                assert old["status"] == last
                last = new["status"]
            assert old != new
        assert [one.status for one in group.members.values()].count("creator") == 1
        assert last == after.status
