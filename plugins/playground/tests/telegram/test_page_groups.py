"""The page's API of groups: found them, who is in them and as what, topics, links, what the bot hears."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from astral_playground.telegram import TelegramEmulator, User

Post = Callable[..., Any]


@pytest.fixture
def people(tg: TelegramEmulator) -> list[User]:
    """Anna, Ben and Zoya."""
    return [tg.world.add_user(name) for name in ("Anna", "Ben", "Zoya")]


@pytest.fixture
def post(tg: TelegramEmulator, http: aiohttp.ClientSession) -> Post:
    """Posts a JSON body to the page's API; status and decoded answer."""

    async def run(path: str, **body: Any) -> tuple[int, Any]:
        async with http.post(f"{tg.url}/api/{path}", json=body) as answer:
            return answer.status, await answer.json()

    return run


@pytest.fixture
async def club(post: Post, people: list[User]) -> dict[str, Any]:
    """A supergroup with topics of Anna, with Ben, in which the bot is an administrator."""
    anna, ben, _ = people
    body = {"title": "Клуб", "forum": True, "members": [ben.id], "bot": "administrator"}
    status, group = await post("groups", by=anna.id, **body)
    assert status == 201
    return dict(group)


def status_of(group: dict[str, Any], user_id: int) -> str:
    """As what somebody is in a group."""
    return str(next(one["status"] for one in group["members"] if one["user_id"] == user_id))


@pytest.mark.parametrize(
    ("fields", "kind", "bot"),
    [
        ({}, "supergroup", None),
        ({"kind": "group", "bot": "member"}, "group", "member"),
        ({"kind": "channel", "bot": "administrator"}, "channel", "administrator"),
        ({"forum": True, "bot": "member"}, "supergroup", "member"),
    ],
)
async def test_founding(
    post: Post, people: list[User], tg: TelegramEmulator, fields: dict[str, Any], kind: str, bot: str | None
) -> None:
    """A group of each kind is founded with people and the bot in it, and the bot hears of its coming."""
    anna, ben, _ = people
    status, group = await post("groups", by=anna.id, title="Клуб", members=[ben.id, anna.id], **fields)
    assert (status, group["type"], group["is_forum"]) == (201, kind, bool(fields.get("forum")))
    assert [status_of(group, one.id) for one in (anna, ben)] == ["creator", "member"]
    known = {one["user_id"]: one["status"] for one in group["members"]}
    assert known.get(tg.world.bot.id) == bot
    assert ("my_chat_member" in [one.type for one in tg.world.updates.history]) == (bot is not None)


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"title": "x"}, 400, "by is missing"),
        ({"by": 1001, "title": " "}, 400, "1 to 128 characters"),
        ({"by": 1001, "title": "x", "kind": "club"}, 400, "kind must be one of group, supergroup, channel"),
        ({"by": 1001, "title": "x", "kind": "group", "forum": True}, 400, "a group has no topics"),
        ({"by": 1001, "title": "x", "kind": "channel", "bot": "member"}, 409, "as an administrator only"),
        ({"by": 1001, "title": "x", "members": ["b"]}, 400, "members must be a list of whole numbers"),
        ({"by": 1001, "title": "x", "members": [5]}, 404, "there is no user 5"),
        ({"by": 1001, "title": "x", "name": "y"}, 400, "unknown field 'name'"),
        ({"by": 77, "title": "x"}, 404, "there is no user 77"),
    ],
)
async def test_refused_founding(
    post: Post, people: list[User], tg: TelegramEmulator, body: dict[str, Any], status: int, words: str
) -> None:
    """What is wrong is said in a sentence."""
    assert len(people) == 3
    got, answer = await post("groups", **body)
    assert (got, words in answer["error"]) == (status, True), answer
    assert len(tg.world.groups) <= 1


async def test_life_of_a_member(post: Post, people: list[User], club: dict[str, Any]) -> None:
    """Added, restricted, freed, promoted, demoted, removed, joined, banned, unbanned: each shows in the answer."""
    anna, _, zoya = people
    path = f"groups/{club['id']}/members"
    steps: list[tuple[User, str, dict[str, Any], str]] = [
        (anna, "add", {}, "member"),
        (anna, "restrict", {"rights": ["can_send_messages"]}, "restricted"),
        (anna, "free", {}, "member"),
        (anna, "promote", {"rights": ["can_pin_messages"]}, "administrator"),
        (anna, "demote", {}, "member"),
        (anna, "remove", {}, "left"),
        (zoya, "join", {}, "member"),
        (zoya, "leave", {}, "left"),
        (anna, "ban", {}, "kicked"),
        (anna, "unban", {}, "left"),
    ]
    for actor, deed, fields, expected in steps:
        status, group = await post(path, by=actor.id, do=deed, user_id=zoya.id, **fields)
        assert (status, status_of(group, zoya.id)) == (200, expected), deed


async def test_rights_are_needed(post: Post, people: list[User], club: dict[str, Any]) -> None:
    """Who is no administrator cannot throw anybody out, and nobody the owner."""
    anna, ben, zoya = people
    path = f"groups/{club['id']}/members"
    for by, target in ((ben, anna), (ben, zoya), (anna, anna)):
        status, answer = await post(path, by=by.id, do="remove", user_id=target.id)
        assert status == 409
        assert answer["error"]
    status, answer = await post(path, by=anna.id, do="praise", user_id=ben.id)
    assert (status, answer["field"]) == (400, "do")
    status, answer = await post("groups/-5/members", by=anna.id, do="join", user_id=anna.id)
    assert (status, answer["error"]) == (404, "there is no group -5")


async def test_anonymous_administrators(post: Post, people: list[User], club: dict[str, Any]) -> None:
    """An anonymous owner speaks as the group; the page still knows that it was she."""
    anna = people[0]
    path = f"groups/{club['id']}/members"
    status, group = await post(path, by=anna.id, do="anonymous", user_id=anna.id, anonymous=True)
    assert (status, group["members"][0]["anonymous"]) == (200, True)
    status, sent = await post(f"users/{anna.id}/messages", chat_id=club["id"], text="мы")
    assert status == 201
    assert sent["message"]["sender"] == {"kind": "chat", "id": club["id"], "name": "Клуб", "title": ""}
    assert sent["message"]["author"] == anna.id


async def test_topics(post: Post, people: list[User], club: dict[str, Any], tg: TelegramEmulator) -> None:
    """A topic is created, written in, renamed, closed for members and opened again."""
    anna, ben, _ = people
    path = f"groups/{club['id']}/topics"
    status, made = await post(path, by=anna.id, name="Правила")
    assert status == 201
    where = {"chat_id": club["id"], "thread": made["thread"]}
    status, sent = await post(f"users/{ben.id}/messages", text="?", **where)
    assert (status, sent["message"]["thread"]) == (201, made["thread"])
    status, group = await post(f"{path}/{made['thread']}", by=anna.id, name="Главное", closed=True)
    assert (status, group["topics"][1]["name"], group["topics"][1]["closed"]) == (200, "Главное", True)
    status, answer = await post(f"users/{ben.id}/messages", text="?", **where)
    assert (status, answer["error"]) == (409, "the topic 'Главное' is closed")
    assert (await post(f"{path}/{made['thread']}", by=anna.id, closed=False))[0] == 200
    assert (await post(f"users/{ben.id}/messages", text="!", **where))[0] == 201
    assert (await post(f"{path}/999", by=anna.id, closed=True))[0] == 404
    assert (await post(path, by=anna.id, name=" "))[0] == 400
    kinds = [one.content for one in tg.world.messages[club["id"]].values() if one.sender == "service"]
    assert "forum_topic_reopened" in kinds[-1]


async def test_title_and_pins(post: Post, people: list[User], club: dict[str, Any]) -> None:
    """The title changes, a message is pinned and unpinned, each by those who may."""
    anna, ben, zoya = people
    path = f"groups/{club['id']}"
    assert (await post(path, by=anna.id, title="Клуб друзей"))[1]["title"] == "Клуб друзей"
    sent = (await post(f"users/{ben.id}/messages", chat_id=club["id"], text="важно"))[1]["message"]
    assert (await post(f"{path}/pin", by=anna.id, message_id=sent["message_id"]))[1]["pinned"] == [sent["message_id"]]
    assert (await post(f"{path}/pin", by=anna.id, message_id=sent["message_id"]))[1]["pinned"] == []
    assert (await post(f"{path}/pin", by=zoya.id, message_id=sent["message_id"]))[0] == 409
    assert (await post(f"{path}/pin", by=anna.id, message_id=999))[0] == 404


async def test_links_and_requests(post: Post, people: list[User], club: dict[str, Any]) -> None:
    """By a link with requests one waits until an administrator lets one in."""
    anna, _, zoya = people
    status, made = await post(f"groups/{club['id']}/links", by=anna.id, by_request=True)
    assert status == 201
    status, answer = await post(f"users/{zoya.id}/join", link=made["link"])
    assert (status, answer) == (200, {"chat_id": club["id"], "joined": False})
    status, group = await post(f"groups/{club['id']}/members", by=anna.id, do="approve", user_id=zoya.id)
    assert (status, status_of(group, zoya.id), group["waiting"]) == (200, "member", [])
    assert (await post(f"users/{zoya.id}/join", link=made["link"]))[1]["joined"] is True
    assert (await post(f"users/{zoya.id}/join", link="https://t.me/+no"))[0] >= 400


async def test_becoming_a_supergroup(post: Post, people: list[User], tg: TelegramEmulator) -> None:
    """A basic group goes on as a supergroup; the old one says where."""
    anna = people[0]
    old = (await post("groups", by=anna.id, title="Клуб", kind="group"))[1]
    status, new = await post(f"groups/{old['id']}/upgrade", by=anna.id)
    assert (status, new["type"]) == (200, "supergroup")
    assert tg.world.groups[old["id"]].migrated_to == new["id"]


async def test_what_the_bot_hears(post: Post, people: list[User], tg: TelegramEmulator) -> None:
    """Without privacy mode the bot hears everything in a group of which it is a plain member."""
    anna = people[0]
    group = (await post("groups", by=anna.id, title="Клуб", bot="member"))[1]
    say = f"users/{anna.id}/messages"
    assert (await post(say, chat_id=group["id"], text="привет"))[1]["update_id"] is None
    status, bot = await post("bot", privacy=False, inline=False)
    assert (status, bot["privacy"], bot["inline"]) == (200, False, False)
    assert (await post(say, chat_id=group["id"], text="привет"))[1]["update_id"] is not None
    assert tg.world.bot.inline is False
    assert (await post("bot", privacy="no"))[0] == 400


async def test_the_state_has_groups(post: Post, club: dict[str, Any], tg: TelegramEmulator, http: Any) -> None:
    """A page that opens reads the groups with their messages, and menus of groups."""
    tg.world.bot.commands[("all_group_chats", "")] = [{"command": "quiz", "description": "x"}]
    assert (await post("bot"))[0] == 200
    async with http.get(f"{tg.url}/api/state") as answer:
        state = await answer.json()
    assert [one["id"] for one in state["groups"]] == [club["id"]]
    assert state["chats"][str(club["id"])]
    assert state["users"][0]["group_commands"] == [{"command": "quiz", "description": "x"}]
