"""The page's API of messages: files and albums, edits, reactions, votes, inline results, what buttons ask for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from astral_playground.telegram import EmulatedUser, TelegramEmulator, membership
from astral_playground.telegram.groups import Group

Post = Callable[..., Any]


@pytest.fixture
def post(tg: TelegramEmulator, http: aiohttp.ClientSession, anna: EmulatedUser) -> Post:
    """Posts a JSON body, or a form, as something that Anna does; status and decoded answer."""

    async def run(act: str, form: aiohttp.FormData | None = None, by: int = anna.id, **body: Any) -> tuple[int, Any]:
        given: dict[str, Any] = {"json": body} if form is None else {"data": form}
        async with http.post(f"{tg.url}/api/users/{by}/{act}", **given) as answer:
            return answer.status, await answer.json()

    return run


@pytest.fixture
def club(tg: TelegramEmulator, anna: EmulatedUser) -> Group:
    """A supergroup of Anna with the bot as an administrator."""
    group = membership.add_group(tg.world, "Клуб", tg.world.user(anna.id))
    membership.promote(tg.world, group, tg.world.bot.id, anna.id)
    return group


def form_of(*files: tuple[str, bytes, str], **fields: Any) -> aiohttp.FormData:
    """A form of files (`name`, data, media type) and other fields."""
    form = aiohttp.FormData(default_to_multipart=True)
    for name, data, kind in files:
        form.add_field(name, data, filename=f"{name}.bin", content_type=kind)
    for name, value in fields.items():
        form.add_field(name, str(value))
    return form


@pytest.mark.parametrize(
    ("kind", "mime", "fields", "known"),
    [
        ("voice", "audio/ogg", {"duration": 3}, {"duration": 3, "kind": "voice", "moves": False}),
        ("video", "video/mp4", {"width": 64, "height": 36}, {"width": 64, "height": 36, "moves": True}),
        ("audio", "audio/mpeg", {"title": "Песня", "performer": "Хор"}, {"title": "Песня", "performer": "Хор"}),
        ("video_note", "video/mp4", {"duration": 2}, {"kind": "video_note", "duration": 2}),
        ("animation", "video/mp4", {}, {"kind": "animation", "moves": True}),
    ],
)
async def test_each_kind_of_media(
    post: Post, kind: str, mime: str, fields: dict[str, Any], known: dict[str, Any]
) -> None:
    """A file goes as what its field says, with what is known about it, and the bot hears of it."""
    status, sent = await post("messages", form_of((kind, b"12345", mime), **fields))
    assert status == 201
    assert known.items() <= sent["message"]["media"].items()
    assert sent["message"]["raw"][kind]["file_size"] == 5
    assert sent["update_id"] is not None


async def test_a_sticker(post: Post, png: Callable[[int, int], bytes]) -> None:
    """A picture sent as a sticker stands for its emoji."""
    status, sent = await post("messages", form_of(("sticker", png(64, 64), "image/png"), emoji="🎒"))
    assert (status, sent["message"]["media"]["emoji"], sent["message"]["media"]["width"]) == (201, "🎒", 64)


async def test_an_album(
    post: Post, png: Callable[[int, int], bytes], club: Group, tg: TelegramEmulator, anna: EmulatedUser
) -> None:
    """Several files become one album in the chat and topic that are named; the caption is the first one's."""
    picture = png(30, 20)
    files = [("photo", picture, "image/png"), ("photo_2", picture, "image/png"), ("video_3", b"film", "video/mp4")]
    status, _ = await post("messages", form_of(*files, caption="Поход", chat_id=club.id))
    assert status == 201
    album = [one for one in tg.world.messages[club.id].values() if "media_group_id" in one.content]
    assert [one.text for one in album] == ["Поход", "", ""]
    assert len({one.content["media_group_id"] for one in album}) == 1
    assert [next(name for name in ("photo", "video") if name in one.content) for one in album] == [
        "photo", "photo", "video",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("files", "fields", "status", "words"),
    [
        ([], {"caption": "x"}, 400, "send a file in one of the fields photo"),
        ([("poem", b"x", "text/plain")], {}, 400, "'poem' is no kind of file"),
        ([("voice", b"x", "audio/ogg")], {"duration": "long"}, 400, "duration must be a whole number"),
        ([("voice", b"x", "audio/ogg")], {"chat_id": -5}, 404, "there is no group -5"),
        ([("voice", b"x", "audio/ogg")], {"speed": 2}, 400, "unknown field 'speed'"),
        ([("voice", b"", "audio/ogg")], {}, 400, "file must be non-empty"),
        ([("voice", b"x", "audio/ogg"), ("voice_2", b"x", "audio/ogg")], {}, 400, "an album is of"),
    ],
)
async def test_refused_files(
    post: Post, files: list[tuple[str, bytes, str]], fields: dict[str, Any], status: int, words: str
) -> None:
    """What is wrong with a form is said in a sentence."""
    got, answer = await post("messages", form_of(*files, **fields))
    assert (got, words in answer["error"]) == (status, True), answer


async def test_parts_of_a_file(post: Post, tg: TelegramEmulator, http: aiohttp.ClientSession) -> None:
    """A sound is played in place, and in parts where the browser seeks; what could run is a download only."""
    sent = (await post("messages", form_of(("voice", b"0123456789", "audio/ogg"))))[1]["message"]
    url = f"{tg.url}{sent['media']['url']}"
    for wanted, status, body, place in (
        ("", 200, b"0123456789", None),
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=x", 200, b"0123456789", None),
    ):
        async with http.get(url, headers={"Range": wanted} if wanted else {}) as answer:
            assert (answer.status, await answer.read(), answer.headers.get("Content-Range")) == (status, body, place)
            assert answer.content_type == "audio/ogg" or status == 416
    odd = (await post("messages", form_of(("audio", b"MThd", "audio/midi"))))[1]["message"]["media"]
    page = (await post("messages", form_of(("document", b"<script>", "text/html"))))[1]["message"]["document"]
    for file in (odd, page):
        async with http.get(f"{tg.url}{file['url']}") as answer:
            assert answer.content_type == "application/octet-stream"
            assert answer.headers["Content-Disposition"].startswith("attachment")


async def test_edits_and_deletions(post: Post, club: Group, tg: TelegramEmulator) -> None:
    """One's own words change with an edited mark and can be taken away; other people's cannot."""
    ben = tg.world.add_user("Ben")
    membership.join(tg.world, club, ben.id)
    number = (await post("messages", text="раз", chat_id=club.id))[1]["message"]["message_id"]
    own = {"chat_id": club.id, "message_id": number}
    status, sent = await post("edit", text="два", **own)
    assert (status, sent["message"]["edited"], sent["message"]["spans"][0]["text"]) == (201, 1, "два")
    assert (await post("edit", by=ben.id, text="три", **own))[0] == 409
    assert (await post("delete", by=ben.id, **own))[0] == 409
    assert (await post("delete", **own))[1] == {"deleted": [number]}
    assert (await post("delete", **own))[0] == 404


async def test_who_is_away_sees_nothing(post: Post, club: Group, tg: TelegramEmulator) -> None:
    """Messages of a private group cannot be pressed, edited or reacted to from outside."""
    ben = tg.world.add_user("Ben")
    number = (await post("messages", text="раз", chat_id=club.id))[1]["message"]["message_id"]
    for act, fields in (
        ("react", {"emoji": "👍"}),
        ("vote", {"options": [0]}),
        ("press", {"text": "x"}),
        ("delete", {}),
    ):
        status, answer = await post(act, by=ben.id, chat_id=club.id, message_id=number, **fields)
        assert (status, answer["error"]) == (409, "Ben is not in 'Клуб'"), act


async def test_reactions(post: Post, club: Group, anna: EmulatedUser) -> None:
    """A reaction shows with its author, another one takes its place, none takes it away."""
    number = (await post("messages", text="раз", chat_id=club.id))[1]["message"]["message_id"]
    about = {"chat_id": club.id, "message_id": number}
    for emoji, shown in (("👍", ["👍"]), ("🔥", ["🔥"]), (None, [])):
        status, answer = await post("react", emoji=emoji, **about)
        assert (status, [one["emoji"] for one in answer["message"]["reactions"]]) == (200, shown)
        assert all(one["by"] == [anna.id] for one in answer["message"]["reactions"])
    assert (await post("react", emoji="nothing", **about))[0] == 400


async def test_polls(post: Post, club: Group, anna: EmulatedUser) -> None:
    """A poll is asked, voted in and left again; a quiz shows what was right to those who have voted."""
    status, sent = await post("poll", question="Когда?", options=["Днём", "Вечером"], chat_id=club.id)
    assert status == 201
    about = {"chat_id": club.id, "message_id": sent["message"]["message_id"]}
    poll = (await post("vote", options=[1], **about))[1]["message"]["poll"]
    assert (poll["votes"], poll["total_voter_count"], poll["options"][1]["voter_count"]) == (
        {str(anna.id): [1]},
        1,
        1,
    )
    assert (await post("vote", options=[], **about))[1]["message"]["poll"]["votes"] == {}
    assert (await post("vote", options=[7], **about))[0] == 400
    quiz = (await post("poll", question="2+2?", options=["4", "5"], correct=0))[1]["message"]
    voted = await post("vote", options=[1], message_id=quiz["message_id"])
    assert voted[1]["message"]["poll"]["correct"] == [0]
    for wrong in ({"options": []}, {"options": ["x"] * 13}, {"options": [" "]}, {"options": ["a"], "correct": 1}):
        assert (await post("poll", question="?", **wrong))[0] == 400


async def test_dice_and_forwards(post: Post, club: Group) -> None:
    """A die falls; a message goes on to another chat and says whose it was."""
    status, sent = await post("dice", emoji="🎲")
    assert status == 201
    assert 1 <= sent["message"]["dice"]["value"] <= 6
    assert (await post("dice", emoji="x"))[0] == 400
    said = (await post("messages", text="раз"))[1]["message"]
    status, answer = await post("forward", message_id=said["message_id"], to=club.id)
    assert (status, answer["message"]["forward"], answer["message"]["chat_id"]) == (201, "Анна", club.id)


async def test_inline_results(post: Post, call: Callable[..., Any], club: Group, tg: TelegramEmulator) -> None:
    """The bot's results come as the answer to the query; the chosen one is sent into the chat through the bot."""
    asking = asyncio.create_task(post("inline", query="кви", chat_id=club.id))
    async with asyncio.timeout(10):
        while not tg.world.inline.queries:  # noqa: ASYNC110 - the query is a record, which announces nothing
            await asyncio.sleep(0.005)
    query = next(iter(tg.world.inline.queries))
    content = {"input_message_content": {"message_text": "Начали!"}}
    results = [{"type": "article", "id": "a", "title": "Викторина", "description": "10 вопросов", **content}]
    assert (await call("answerInlineQuery", inline_query_id=query, results=results))[0] == 200
    status, answer = await asking
    shown = {"id": "a", "type": "article", "title": "Викторина", "description": "10 вопросов", "thumb": None}
    assert (status, answer["query_id"], answer["results"]) == (200, query, [shown])
    status, sent = await post("inline/choose", query_id=query, result_id="a")
    assert (status, sent["message"]["via_bot"], sent["message"]["chat_id"]) == (201, "playground_bot", club.id)
    assert (await post("inline/choose", query_id=query, result_id="b"))[0] == 409
    assert (await post("inline/choose", query_id="7", result_id="a"))[0] == 404


async def test_a_silent_bot_offers_nothing(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page is told when the bot does not answer an inline query."""
    monkeypatch.setattr("astral_playground.telegram.page_inline.PATIENCE", 0.05)
    status, answer = await post("inline", query="x")
    assert (status, "the bot has offered nothing" in answer["error"]) == (504, True)


async def test_sharing(post: Post, call: Callable[..., Any], club: Group, anna: EmulatedUser) -> None:
    """Buttons that ask for people or a chat get those that the person chose."""
    keys = [
        {"text": "Друг", "request_users": {"request_id": 1}},
        {"text": "Группа", "request_chat": {"request_id": 2, "chat_is_channel": False}},
    ]
    await call("sendMessage", chat_id=anna.id, text="?", reply_markup={"keyboard": [keys]})
    status, sent = await post("share", text="Друг", ids=[anna.id])
    assert (status, sent["message"]["service"]["kind"]) == (201, "users_shared")
    status, sent = await post("share", text="Группа", ids=[club.id])
    assert (status, sent["message"]["raw"]["chat_shared"]["chat_id"]) == (201, club.id)
    assert (await post("share", text="Друг", ids=[]))[0] == 400
    assert (await post("share", text="Нет", ids=[anna.id]))[0] == 409


async def test_places_in_a_group(post: Post, club: Group) -> None:
    """Location, contact and a reply go where they are sent."""
    first = (await post("messages", text="раз", chat_id=club.id))[1]["message"]["message_id"]
    status, sent = await post("location", latitude=1, longitude=2, chat_id=club.id, reply_to=first)
    assert (status, sent["message"]["chat_id"], sent["message"]["reply_to"]) == (201, club.id, first)
    status, sent = await post("contact", phone_number="+1", chat_id=club.id)
    assert (status, sent["message"]["chat_id"]) == (201, club.id)


async def test_pressing_in_a_group(post: Post, call: Callable[..., Any], club: Group, anna: EmulatedUser) -> None:
    """A button of a group's message is pressed by name, and the stream's event names its chat."""
    keys = {"inline_keyboard": [[{"text": "Да", "callback_data": "1"}]]}
    sent = (await call("sendMessage", chat_id=club.id, text="?", reply_markup=keys))[1]["result"]
    status, answer = await post("press", chat_id=club.id, message_id=sent["message_id"], text="Да")
    assert (status, answer["update_id"] is not None) == (202, True)
    assert anna.id
