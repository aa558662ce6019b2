"""A group, supergroup or channel of a test: who does what in it. Each act returns when the bot is done with it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Literal

from astral_playground.telegram import groups, invitations, membership, migration, topics
from astral_playground.telegram.acts_media import Piece
from astral_playground.telegram.client import EmulatedUser
from astral_playground.telegram.groups import Kind, Member, Topic, rights_of_administrators
from astral_playground.telegram.records import CallbackQuery, Message
from astral_playground.telegram.state import World
from astral_playground.testkit.chat import Chat
from astral_playground.testkit.place import Kit, Place
from astral_playground.testkit.seat import Seat

Role = Literal["member", "administrator"]
Person = Chat | EmulatedUser


class Group(Place):
    """A chat of several people. `room` is the emulator's record of it: rights, permissions, slow mode, ...

    A person is given as their private chat with the bot (`bot.chat("Ben")`). What they may not do here is a PageError
    that says why.
    """

    room: groups.Group

    def __init__(self, kit: Kit, room: groups.Group, topic: Topic | None = None) -> None:
        super().__init__(kit, room)
        self._topic = topic

    def __repr__(self) -> str:
        topic = "" if self._topic is None else f", topic={self._topic.name!r}"
        return f"Group({self.room.title!r}, id={self.id}{topic})"

    # What is there

    @property
    def thread(self) -> int | None:
        """The number of the topic, where this is one."""
        return None if self._topic is None else self._topic.id

    @property
    def topics(self) -> list[str]:
        """The names of the topics; none where the chat has no topics."""
        return [topic.name for topic in self.room.topics.values()]

    @property
    def members(self) -> dict[str, str]:
        """Who is here: first names, the bot as "bot", and what they are (creator, administrator, member, ...)."""
        users = self._world.users
        return {
            users[member.user_id].first_name if member.user_id in users else "bot": member.status
            for member in self.room.present()
        }

    def topic(self, name: str) -> Group:
        """The topic with this name: the same acts and views, in it alone."""
        return Group(self._kit, self.room, self.room.topics[self._number(name)])

    def seat(self, who: Person, topic: str | None = None) -> Seat:
        """The chat as one person uses it, in a topic or where this object stands: `send_photo` and all other acts."""
        place = self if topic is None else self.topic(topic)
        return Seat(self._kit, _user(who), self.room, place._topic)  # noqa: SLF001  # it is of this class

    # What people do

    async def send(
        self, who: Person, text: str, *, topic: str | None = None, reply_to: Message | None = None
    ) -> Message:
        """Somebody writes a text. An anonymous administrator, and whoever posts in a channel, speaks as the chat."""
        return await self.seat(who, topic).send(text, reply_to=reply_to)

    async def tap(
        self, who: Person, button: str, *, message: Message | None = None, topic: str | None = None
    ) -> CallbackQuery | None:
        """Somebody taps a button by its text or data; as of `Chat.tap`."""
        return await self.seat(who, topic).tap(button, message=message)

    async def forge(self, who: Person, data: str, *, message: Message | None = None) -> CallbackQuery:
        """Somebody sends callback data that no button has."""
        return await self.seat(who).forge(data, message=message)

    async def send_photo(self, who: Person, photo: bytes, *, caption: str = "", topic: str | None = None) -> Message:
        """Somebody sends a picture (PNG, JPEG, GIF or WebP)."""
        return await self.seat(who, topic).send_photo(photo, caption=caption)

    async def send_album(
        self, who: Person, pieces: Sequence[bytes | Piece], *, caption: str = "", topic: str | None = None
    ) -> list[Message]:
        """Somebody sends an album; as of `Chat.send_album`."""
        return await self.seat(who, topic).send_album(pieces, caption=caption)

    async def edit(self, who: Person, message: Message, text: str) -> None:
        """Somebody changes their message."""
        await self.seat(who).edit(message, text)

    async def delete(self, who: Person, *messages: Message) -> None:
        """Somebody deletes messages."""
        await self.seat(who).delete(*messages)

    async def react(self, who: Person, message: Message, *emoji: str) -> None:
        """Somebody leaves reactions; none takes them off."""
        await self.seat(who).react(message, *emoji)

    # Topics

    async def open_topic(self, who: Person, name: str) -> Group:
        """Somebody opens a topic: as an administrator, or where all members may."""
        topic = topics.create_by(self._world, self.room, _user(who).user, name)
        await self._kit.settled()
        return Group(self._kit, self.room, topic)

    async def close_topic(self, who: Person, name: str, *, closed: bool = True) -> None:
        """Somebody closes a topic, or with `closed=False` opens it again."""
        topics.close_by(self._world, self.room, _user(who).user, self._number(name), closed=closed)
        await self._kit.settled()

    async def delete_topic(self, who: Person, name: str) -> None:
        """Somebody deletes a topic and all that stands in it; Telegram tells bots nothing of it."""
        topics.delete_by(self._world, self.room, _user(who).user, self._number(name))
        await self._kit.settled()

    # Who is here

    async def join(self, who: Person) -> None:
        """Somebody comes in by themselves."""
        membership.join(self._world, self.room, _user(who).id)
        await self._kit.settled()

    async def leave(self, who: Person) -> None:
        """Somebody goes."""
        self._check_here(who)
        membership.leave(self._world, self.room, _user(who).id)
        await self._kit.settled()

    async def promote(self, who: Person, *, rights: Collection[str] | None = None, anonymous: bool = False) -> None:
        """The creator makes somebody an administrator: with all rights unless told; with none, a member again.

        Rights have the Bot API's names (can_delete_messages, ...).
        """
        self._check_here(who)
        chosen = None if rights is None else self._rights(rights)
        membership.promote(self._world, self.room, _user(who).id, self._creator(), rights=chosen, anonymous=anonymous)
        await self._kit.settled()

    async def add_bot(self, role: Role = "member") -> None:
        """The creator adds the bot, or changes what it is here."""
        add_bot(self._world, self.room, role, self._creator())
        await self._kit.settled()

    async def remove_bot(self) -> None:
        """The creator throws the bot out."""
        world = self._world
        membership.leave(world, self.room, world.bot.id, self._creator(), banned=True)
        await self._kit.settled()

    async def migrate(self) -> None:
        """The creator makes a supergroup of this basic group: it has another id from now on, and the same people."""
        creator = self._world.users[self._creator()]
        self.room = migration.upgrade(self._world, self.room, creator)
        await self._kit.settled()

    async def ask_to_join(self, who: Person) -> None:
        """Somebody asks to be let in, by a link that the creator made for that."""
        world = self._world
        link = invitations.new_link(world, self.room, self._creator(), by_request=True).link
        invitations.join_by_link(world, _user(who).user, link)
        await self._kit.settled()

    # Small parts

    @property
    def _world(self) -> World:
        return self._kit.telegram.world

    def _title(self) -> str:
        found = super()._title()
        return found if self._topic is None else f"the topic {self._topic.name!r} of {found}"

    def _creator(self) -> int:
        return next(member.user_id for member in self.room.members.values() if member.status == "creator")

    def _names(self) -> str:
        return ", ".join(map(repr, self.topics)) or "none"

    def _number(self, name: str) -> int:
        """The number of a topic; the oldest, where several have this name."""
        for topic in self.room.topics.values():
            if topic.name == name:
                return topic.id
        raise LookupError(f"{self.room.title!r} has no topic {name!r}. Topics that are there: {self._names()}")

    def _check_here(self, who: Person) -> None:
        user = _user(who)
        if not self.room.member(user.id).present:
            here = ", ".join(self.members)
            raise LookupError(f"{user.user.first_name} is not in {self.room.title!r}. Who is here: {here}")

    def _rights(self, names: Collection[str]) -> frozenset[str]:
        known = rights_of_administrators(self.room.type)
        if unknown := sorted(set(names) - known):
            kind, there = self.room.type, ", ".join(sorted(known))
            raise LookupError(f"administrators of a {kind} have no right {unknown[0]!r}; there are: {there}")
        return frozenset(names)


def _user(who: Person) -> EmulatedUser:
    return who.user if isinstance(who, Chat) else who


def add_bot(world: World, room: groups.Group, role: Role, actor_id: int) -> None:
    """The bot comes in; in a channel it is always an administrator."""
    if room.type != "channel":
        membership.join(world, room, world.bot.id, actor_id)
    if role == "administrator" or room.type == "channel":
        membership.promote(world, room, world.bot.id, actor_id)


def new_group(
    kit: Kit, title: str, *, admins: Iterable[Person], members: Iterable[Person], topics: Iterable[str],
    kind: Kind, privacy: bool | None, bot: Role | None, username: str, group_id: int | None,
) -> Group:  # fmt: skip
    """A new chat of people who were there before the bot; the first of `admins` created it, else an invented one."""
    world = kit.telegram.world
    administrators = [_user(who) for who in admins]
    creator = administrators[0].user if administrators else world.add_user("Owner")
    names = list(topics)
    room = membership.add_group(
        world, title, creator, kind=kind, forum=bool(names), username=username, group_id=group_id
    )  # fmt: skip
    for one in administrators[1:]:
        room.put(Member(one.id, "administrator", rights_of_administrators(kind)))
    for who in members:
        room.put(Member(_user(who).id))
    room.next_message += bool(names)  # in a forum number 1 is the General topic's
    for name in names:
        _add_topic(world, room, name, creator.id)
    if privacy is not None:
        world.bot.privacy = privacy
    if bot is not None:
        add_bot(world, room, bot, creator.id)
    return Group(kit, room)


def _add_topic(world: World, room: groups.Group, name: str, creator_id: int) -> None:
    """A topic's number is that of the message that tells of it."""
    topic = Topic(0, name)
    content = {"forum_topic_created": {"name": name, "icon_color": topic.icon_color}}
    message = membership.service(world, room, creator_id, content)
    topic.id = message.thread = message.message_id
    room.topics[topic.id] = topic
