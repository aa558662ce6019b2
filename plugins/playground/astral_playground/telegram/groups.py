"""Records of groups, supergroups and channels: members, rights, topics, invitations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

from astral_core.botapi.table import table

from .records import User

Kind = Literal["group", "supergroup", "channel"]
Status = Literal["creator", "administrator", "member", "restricted", "left", "kicked"]
GENERAL = 1  # the topic of a forum that is always there; messages in it name no thread
ANONYMOUS = {"id": 1_087_968_824, "is_bot": True, "first_name": "Group", "username": "GroupAnonymousBot"}
CHANNEL_BOT = {"id": 136_817_688, "is_bot": True, "first_name": "Channel", "username": "Channel_Bot"}
TELEGRAM: dict[str, Any] = {"id": 777_000, "is_bot": False, "first_name": "Telegram"}
_CHANNEL_RIGHTS = frozenset({"can_post_messages", "can_edit_messages", "can_manage_direct_messages"})
_GROUP_RIGHTS = frozenset({"can_pin_messages", "can_manage_topics", "can_manage_tags", "can_send_welcome_messages"})


@cache
def rights_of_administrators(kind: Kind) -> frozenset[str]:
    """The Bot API's names of what an administrator of such a chat may do."""
    every = {name for name in table().types["ChatMemberAdministrator"] if name.startswith("can_")} - {"can_be_edited"}
    return frozenset(every - (_GROUP_RIGHTS if kind == "channel" else _CHANNEL_RIGHTS))


@cache
def permissions_of_members() -> frozenset[str]:
    """The Bot API's names of what members of a group may be allowed to do."""
    return frozenset(table().types["ChatPermissions"])


@dataclass(slots=True)
class Member:
    """One person, or the bot, in a chat.

    `rights` are those of an administrator, or what a restricted member may do. `by_bot`: the bot promoted them, and
    may change their rights. `until`: the Unix time when a restriction ends, 0 for never.
    """

    user_id: int
    status: Status = "member"
    rights: frozenset[str] = frozenset()
    title: str = ""
    anonymous: bool = False
    by_bot: bool = False
    until: int = 0
    is_member: bool = True  # of a restricted one

    @property
    def present(self) -> bool:
        """Whether they are in the chat."""
        return self.status in ("creator", "administrator", "member") or (
            self.status == "restricted" and self.is_member
        )

    @property
    def administers(self) -> bool:
        """Whether they administer the chat."""
        return self.status in ("creator", "administrator")

    def may(self, right: str) -> bool:
        """Whether an administrator has this right."""
        return self.status == "creator" or (self.status == "administrator" and right in self.rights)

    def to_dict(self, user: dict[str, Any], kind: Kind) -> dict[str, Any]:
        """The Bot API's ChatMember."""
        found: dict[str, Any] = {"user": user, "status": self.status}
        match self.status:
            case "creator":
                found["is_anonymous"] = self.anonymous
            case "administrator":
                found |= {"can_be_edited": self.by_bot, "is_anonymous": self.anonymous}
                names = table().types["ChatMemberAdministrator"]
                always = {name for name, known in names.items() if known.required and name.startswith("can_")}
                shown = (always - {"can_be_edited"}) | rights_of_administrators(kind)
                found |= {name: name in self.rights for name in sorted(shown)}
            case "restricted":
                found |= {name: name in self.rights for name in sorted(permissions_of_members())}
                found |= {"is_member": self.is_member, "until_date": self.until}
            case "kicked":
                found["until_date"] = self.until
        if self.title and self.present:
            found["custom_title" if self.administers else "tag"] = self.title
        return found

    def at(self, now: float) -> Member:
        """Their place at a Unix time: a ban or restriction that is over is none."""
        if not self.until or now < self.until:
            return self
        return Member(self.user_id, "member" if self.present else "left", title=self.title)


@dataclass(slots=True)
class Topic:
    """A forum's topic; `id` is its message_thread_id."""

    id: int
    name: str
    icon_color: int = 7_322_096
    icon_emoji: str = ""
    closed: bool = False
    hidden: bool = False  # the General topic alone can be
    by: int = 0  # who created it: they may change it without further rights

    def to_dict(self) -> dict[str, Any]:
        """The Bot API's ForumTopic."""
        found: dict[str, Any] = {"message_thread_id": self.id, "name": self.name, "icon_color": self.icon_color}
        return {**found, "icon_custom_emoji_id": self.icon_emoji} if self.icon_emoji else found


@dataclass(slots=True)
class Invitation:
    """An invite link; `waiting` are people who asked to join by it."""

    link: str
    creator_id: int
    name: str = ""
    primary: bool = False
    by_request: bool = False
    revoked: bool = False
    expires_at: int = 0
    limit: int = 0
    joined: int = 0
    waiting: set[int] = field(default_factory=set)
    period: int = 0  # seconds that one payment of a subscription lasts
    price: int = 0  # Stars for each period

    def to_dict(self, creator: dict[str, Any]) -> dict[str, Any]:
        """The Bot API's ChatInviteLink."""
        found: dict[str, Any] = {
            "invite_link": self.link, "creator": creator, "creates_join_request": self.by_request,
            "is_primary": self.primary, "is_revoked": self.revoked,
        }  # fmt: skip
        more = {
            "name": self.name, "expire_date": self.expires_at, "member_limit": self.limit,
            "pending_join_request_count": len(self.waiting), "subscription_period": self.period,
            "subscription_price": self.price,
        }  # fmt: skip
        return found | {name: value for name, value in more.items() if value}


@dataclass(slots=True)
class Group:
    """A group, supergroup or channel. Ids are Telegram's: negative, and the latter two's below -1,000,000,000,000."""

    id: int
    type: Kind
    title: str
    username: str = ""
    description: str = ""
    is_forum: bool = False
    members: dict[int, Member] = field(default_factory=dict)
    topics: dict[int, Topic] = field(default_factory=dict)
    permissions: frozenset[str] = field(default_factory=permissions_of_members)
    slow_mode: int = 0  # seconds between two messages of a member
    by_request: bool = False
    linked_id: int | None = None  # a channel's discussion group, and that group's channel
    forwards: dict[int, int] = field(default_factory=dict)  # a channel's posts, and their copies in this discussion
    send_as: dict[int, int] = field(default_factory=dict)  # people who write as a channel of theirs, and that channel
    banned_chats: set[int] = field(default_factory=set)  # channels in whose name nobody may write here
    waiting: set[int] = field(default_factory=set)  # people who asked to join without a link
    pinned: list[int] = field(default_factory=list)
    invitations: dict[str, Invitation] = field(default_factory=dict)
    photo: str = ""  # the unique id of a file
    reactions: list[dict[str, Any]] | None = None  # those that are allowed; None for all
    migrated_to: int | None = None
    next_message: int = 1  # supergroups and channels count their own
    last_posts: dict[int, float] = field(default_factory=dict)  # when each member wrote last, for slow mode
    reply_keyboard: dict[str, Any] | None = None  # what its members see below the chat

    @property
    def counts(self) -> bool:
        """Whether the chat counts its messages itself."""
        return self.type != "group"

    def chat(self) -> dict[str, Any]:
        """The Bot API's Chat."""
        found: dict[str, Any] = {"id": self.id, "type": self.type, "title": self.title}
        if self.username:
            found["username"] = self.username
        return {**found, "is_forum": True} if self.is_forum else found

    def member(self, user_id: int) -> Member:
        """Somebody's place in the chat; one who was never here has left."""
        return self.members.get(user_id) or Member(user_id, "left")

    def present(self) -> list[Member]:
        """All who are in the chat."""
        return [member for member in self.members.values() if member.present]

    def administrators(self) -> list[Member]:
        """Who administers the chat."""
        return [member for member in self.members.values() if member.administers]

    def put(self, member: Member) -> None:
        """Give somebody their place."""
        self.members[member.user_id] = member

    def expire(self, now: float) -> None:
        """End the bans and restrictions that are over at this Unix time; Telegram tells nobody of that."""
        self.members.update({member.user_id: member.at(now) for member in self.members.values() if member.until})

    def may(self, user_id: int, permission: str) -> bool:
        """Whether a member may do something, by their own restriction or by what all may do."""
        member = self.member(user_id)
        if member.administers:
            return True
        if not member.present or self.type == "channel":
            return False
        allowed = member.rights & self.permissions if member.status == "restricted" else self.permissions
        return permission in allowed


Room = User | Group
"""A chat as the bot sees it: a person stands for the private chat with them."""


def chosen(rights: Iterable[str], kind: Kind) -> frozenset[str]:
    """Those of `rights` that administrators of such a chat can have."""
    return frozenset(rights) & rights_of_administrators(kind)
