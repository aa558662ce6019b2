"""The page's API of groups and channels: found them, come and go, topics, rights, what the bot hears."""

from __future__ import annotations

from typing import cast

from aiohttp import web

from . import membership, views
from .errors import PageError
from .fields import Fields
from .governing import DEEDS, Deed
from .group_views import group_view
from .groups import GENERAL, Group, Kind, Topic
from .page_places import group_of, known_group, number
from .records import User
from .state import World

_KINDS = ("group", "supergroup", "channel")
_BOT_IS = ("away", "member", "administrator")
_LONGEST_NAME = 128
_COLORS = (7_322_096, 16_766_590, 13_338_331, 9_367_192, 16_749_490, 16_478_047)


def routes(world: World) -> list[web.RouteDef]:
    """The routes of groups under /api, and that of the bot's own settings."""
    api = _GroupsApi(world)
    return [
        web.post("/api/groups", api.add),
        web.post("/api/groups/{id}", api.change),
        web.post("/api/groups/{id}/members", api.members),
        web.post("/api/groups/{id}/topics", api.add_topic),
        web.post("/api/groups/{id}/topics/{thread}", api.change_topic),
        web.post("/api/groups/{id}/pin", api.pin),
        web.post("/api/bot", api.bot),
    ]


class _GroupsApi:
    def __init__(self, world: World) -> None:
        self._world = world

    def _actor(self, fields: Fields) -> User:
        return self._world.user(fields.integer("by", required=True) or 0)

    def _answer(self, group: Group, status: int = 200) -> web.Response:
        return web.json_response(group_view(self._world, group), status=status)

    async def add(self, request: web.Request) -> web.Response:
        fields = await Fields.read(request)
        creator = self._actor(fields)
        title = fields.text("title", required=True, limit=_LONGEST_NAME)
        kind = cast("Kind", fields.choice("kind", _KINDS)) if fields.has("kind") else "supergroup"
        forum, bot = bool(fields.flag("forum")), fields.choice("bot", _BOT_IS) if fields.has("bot") else "away"
        people = [self._world.user(one) for one in fields.numbers("members")]
        fields.nothing_else()
        if kind == "channel" and bot == "member":
            raise PageError(400, "a bot comes into a channel as an administrator only", "bot")
        group = membership.add_group(self._world, title, creator, kind=kind, forum=forum)
        for person in people:
            if person is not creator:
                membership.join(self._world, group, person.id, creator.id)
        if bot == "administrator":
            membership.promote(self._world, group, self._world.bot.id, creator.id)
        elif bot == "member":
            membership.join(self._world, group, self._world.bot.id, creator.id)
        return self._answer(group, 201)

    async def change(self, request: web.Request) -> web.Response:
        group, fields = group_of(self._world, request), await Fields.read(request)
        actor = self._actor(fields)
        title = fields.text("title", required=True, limit=_LONGEST_NAME).strip()
        fields.nothing_else()
        self._needs(group, actor, "can_change_info")
        if not title:
            raise PageError(400, f"a title has 1 to {_LONGEST_NAME} characters", "title")
        if title != group.title:
            group.title = title
            self._world.changed(group)
            membership.service(self._world, group, actor.id, {"new_chat_title": title})
        return self._answer(group)

    def _needs(self, group: Group, actor: User, right: str) -> None:
        """PageError unless this person may do such a thing, as an administrator or as all members may."""
        if not (group.member(actor.id).may(right) or group.may(actor.id, right)):
            raise PageError(409, f"{actor.first_name} may not do this in {group.title!r} ({right})", "by")

    async def members(self, request: web.Request) -> web.Response:
        group, fields = group_of(self._world, request), await Fields.read(request)
        actor, deed = self._actor(fields), DEEDS[fields.choice("do", DEEDS)]
        target = fields.integer("user_id", required=True) or 0
        if target != self._world.bot.id:
            self._world.user(target)
        rights = frozenset(fields.texts("rights")) if fields.has("rights") else None
        anonymous, until = bool(fields.flag("anonymous")), fields.integer("until") or 0
        fields.nothing_else()
        deed(Deed(self._world, group, actor, target, rights, anonymous=anonymous, until=until))
        return self._answer(group)

    async def add_topic(self, request: web.Request) -> web.Response:
        group, fields = group_of(self._world, request), await Fields.read(request)
        actor, name = self._actor(fields), self._topic_name(fields)
        fields.nothing_else()
        if not group.is_forum:
            raise PageError(409, f"{group.title!r} has no topics", "id")
        self._needs(group, actor, "can_manage_topics")
        color = _COLORS[len(group.topics) % len(_COLORS)]
        found = {"name": name, "icon_color": color}
        message = membership.service(
            self._world, group, actor.id, {"forum_topic_created": found}, thread=group.next_message
        )
        group.topics[message.message_id] = Topic(message.message_id, name, color)
        self._world.changed(group)
        return web.json_response({"thread": message.message_id}, status=201)

    def _topic_name(self, fields: Fields) -> str:
        name = fields.text("name", required=True, limit=_LONGEST_NAME).strip()
        if not name:
            raise PageError(400, f"a topic's name has 1 to {_LONGEST_NAME} characters", "name")
        return name

    async def change_topic(self, request: web.Request) -> web.Response:
        group, thread = group_of(self._world, request), number(request, "thread")
        fields = await Fields.read(request)
        actor, closed = self._actor(fields), fields.flag("closed")
        fields.nothing_else()
        topic = group.topics.get(thread)
        if topic is None:
            raise PageError(404, f"{group.title!r} has no topic {thread}", "thread")
        if closed is None:
            raise PageError(400, "closed is missing", "closed")
        self._needs(group, actor, "can_manage_topics")
        if closed != topic.closed:
            topic.closed = closed
            self._world.changed(group)
            event = "forum_topic_closed" if closed else "forum_topic_reopened"
            where = None if thread == GENERAL else thread
            membership.service(self._world, group, actor.id, {event: {}}, thread=where)
        return self._answer(group)

    async def pin(self, request: web.Request) -> web.Response:
        group, fields = known_group(self._world, number(request), "id"), await Fields.read(request)
        actor, message_id = self._actor(fields), fields.integer("message_id", required=True) or 0
        fields.nothing_else()
        message = self._world.find(group.id, message_id)
        if message is None:
            raise PageError(404, f"there is no message {message_id}", "message_id")
        self._needs(group, actor, "can_edit_messages" if group.type == "channel" else "can_pin_messages")
        if message_id in group.pinned:
            group.pinned.remove(message_id)
        else:
            group.pinned.append(message_id)
            told = self._world.message_json(message, nested=True)
            membership.service(self._world, group, actor.id, {"pinned_message": told}, thread=message.thread)
        self._world.changed(group)
        return self._answer(group)

    async def bot(self, request: web.Request) -> web.Response:
        fields = await Fields.read(request)
        privacy, inline = fields.flag("privacy"), fields.flag("inline")
        fields.nothing_else()
        bot = self._world.bot
        bot.privacy = bot.privacy if privacy is None else privacy
        bot.inline = bot.inline if inline is None else inline
        self._world.emit("bot")
        return web.json_response(views.bot_view(self._world))
