"""All methods of the Bot API's table: each answers, and each answer has the table's shape."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from astral_core.botapi.table import table
from astral_playground.telegram import EmulatedUser, TelegramEmulator, membership
from astral_playground.telegram.groups import Topic
from astral_playground.telegram.methods import METHODS, generic
from astral_playground.telegram.methods.made_up import MadeUp
from astral_playground.telegram.params import Params
from astral_playground.telegram.state import World

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000002000000020802000000fdd49a73"
    "0000000e49444154789c63606060000200000500017a5eab3f0000000049454e44ae426082"
)
FILES = {"photo", "video", "animation", "audio", "document", "voice", "video_note", "sticker", "live_photo"}


@pytest.fixture
def hall(tg: TelegramEmulator, anna: EmulatedUser) -> dict[str, Any]:
    """A forum that the bot administers, with a topic, a member, and a message of the bot; values for parameters."""
    world = tg.world
    group = membership.add_group(world, "Hall", anna.user, forum=True, username="the_hall")
    membership.join(world, group, world.bot.id, anna.id)
    membership.promote(world, group, world.bot.id, anna.id)
    ben = world.add_user("Ben")
    membership.join(world, group, ben.id)
    group.topics[77] = Topic(77, "Questions")
    message = world.post(group, "bot", {"text": "hello"}, author=world.bot.id)
    return {"chat_id": group.id, "user_id": ben.id, "from_chat_id": group.id, "message_id": message.message_id}


def _inputs(world: World, name: str, hall: dict[str, Any]) -> dict[str, Any]:
    """Values for the required parameters of a method, made up from the table."""
    made = MadeUp(world, Params(), name)
    found: dict[str, Any] = {}
    for parameter, field in table().methods[name].parameters.items():
        if parameter in hall and field.required:
            found[parameter] = hall[parameter]
        elif field.required:
            kind = "String" if "InputFile" in field.type else field.type
            found[parameter] = made.value(kind, parameter)
    return found


STATELESS = sorted(name for name in table().methods if name.lower() not in METHODS)


async def test_every_method_without_state_answers_in_shape(
    tg: TelegramEmulator, hall: dict[str, Any], call: Callable[..., Any], amiss: Callable[..., str]
) -> None:
    """With all required parameters each gives an object of the table's type, is recorded, and changes nothing."""
    before = len(tg.world.messages[hall["chat_id"]])
    for name in STATELESS:
        status, answer = await call(name, **_inputs(tg.world, name, hall))
        assert (name, status, answer.get("description")) == (name, 200, None)
        assert (name, amiss(table().methods[name].returns, answer["result"])) == (name, "")
        again = (await call(name, **_inputs(tg.world, name, hall)))[1]
        assert again["result"] == answer["result"]
        assert tg.calls_of(name)
    assert len(tg.world.messages[hall["chat_id"]]) == before


async def test_every_method_without_state_wants_its_parameters(
    tg: TelegramEmulator, hall: dict[str, Any], call: Callable[..., Any]
) -> None:
    """Without one of them it is a 400 in Telegram's form."""
    for name in STATELESS:
        given = _inputs(tg.world, name, hall)
        for parameter in given:
            rest = {key: value for key, value in given.items() if key != parameter}
            status, answer = await call(name, **rest)
            assert (name, parameter, status, answer["ok"]) == (name, parameter, 400, False)
            assert answer["description"].startswith("Bad Request: ")


# What the other methods are called with, where the made-up values are not enough.
LOCATION = {"latitude": 1.5, "longitude": 2.5}
ARTICLE = {"type": "article", "id": "1", "title": "One", "input_message_content": {"message_text": "one"}}
STATEFUL: dict[str, dict[str, Any]] = {
    "sendMessage": {"text": "x"},
    "sendMessageDraft": {"draft_id": 5, "text": "x"},
    "sendRichMessage": {"rich_message": {"html": "<b>a</b>\n\nb"}},
    "sendRichMessageDraft": {"draft_id": 5, "rich_message": {"markdown": "a"}},
    "sendChatAction": {"action": "typing"},
    "sendLocation": {**LOCATION, "live_period": 600, "heading": 90},
    "sendVenue": {**LOCATION, "title": "Zoo", "address": "Street 1", "foursquare_id": "4"},
    "sendContact": {"phone_number": "+1", "first_name": "Carl", "vcard": "v"},
    "sendDice": {},
    "sendPoll": {"question": "Why?", "options": [{"text": "a"}, {"text": "b"}], "open_period": 600},
    "sendInvoice": {
        "title": "t", "description": "d", "payload": "p", "currency": "XTR", "prices": [{"label": "l", "amount": 1}],
    },
    "createInvoiceLink": {
        "title": "t", "description": "d", "payload": "p", "currency": "XTR", "prices": [{"label": "l", "amount": 1}],
    },
    "forwardMessage": {},
    "copyMessage": {},
    "forwardMessages": {"message_ids": "MESSAGES"},
    "copyMessages": {"message_ids": "MESSAGES"},
    "deleteMessage": {},
    "deleteMessages": {"message_ids": "MESSAGES"},
    "editMessageText": {"text": "other"},
    "editMessageReplyMarkup": {"reply_markup": {"inline_keyboard": [[{"text": "a", "callback_data": "b"}]]}},
    "setMessageReaction": {"reaction": [{"type": "emoji", "emoji": "👍"}]},
    "deleteMessageReaction": {"user_id": "USER"},
    "deleteAllMessageReactions": {"user_id": "USER"},
    "savePreparedInlineMessage": {"result": ARTICLE, "allow_user_chats": True},
    "savePreparedKeyboardButton": {"button": {"text": "a", "request_users": {"request_id": 1}}},
    "getStickerSet": {"name": "cats"},
    "getUserProfilePhotos": {"user_id": "USER"},
    "getMe": {},
    "getChat": {"chat_id": "ANNA"},
    "getMyStarBalance": {},
    "getStarTransactions": {},
    "getWebhookInfo": {},
    "getUpdates": {},
    "getMyCommands": {},
    "getMyName": {},
    "getMyDescription": {},
    "getMyShortDescription": {},
    "getChatMenuButton": {},
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(STATEFUL))
async def test_methods_with_state_answer_in_shape(
    anna: EmulatedUser, hall: dict[str, Any], call: Callable[..., Any], amiss: Callable[..., str], name: str
) -> None:
    """Their answers, too, are objects of the table's types, without unknown members."""
    names = {"MESSAGES": [hall["message_id"]], "USER": hall["user_id"], "ANNA": anna.id}
    parameters = table().methods[name].parameters
    known = {key: hall[key] for key in ("chat_id", "from_chat_id", "message_id", "user_id") if key in parameters}
    if name in {"sendPaidMedia", "setMyCommands"} or "scope" in parameters:
        known = {}
    given = {**known, **{key: names.get(str(value), value) for key, value in STATEFUL[name].items()}}
    status, answer = await call(name, **given)
    assert (status, answer.get("description")) == (200, None)
    assert amiss(table().methods[name].returns, answer["result"]) == ""


@pytest.mark.parametrize("kind", sorted(FILES))
async def test_files_answer_in_shape(
    tg: TelegramEmulator, hall: dict[str, Any], http: aiohttp.ClientSession, amiss: Callable[..., str], kind: str
) -> None:
    """A sent file of each kind is a Message of the table with the kind's object, and its file can be fetched."""
    name = "send" + "".join(part.title() for part in kind.split("_"))
    form = aiohttp.FormData({"chat_id": str(hall["chat_id"]), "duration": "7", "width": "8", "height": "9"})
    form.add_field(kind, PNG, filename="file.bin")
    if kind == "live_photo":
        form.add_field("photo", PNG, filename="photo.png")
    async with http.post(f"{tg.base_url}{tg.token}/{name}", data=form) as response:
        answer = await response.json()
    assert answer.get("description") is None
    assert amiss("Message", answer["result"]) == ""
    sent = answer["result"][kind]
    file_id = sent[-1]["file_id"] if kind == "photo" else sent["file_id"]
    async with http.get(f"{tg.base_url}{tg.token}/getFile", params={"file_id": file_id}) as response:
        got = await response.json()
    assert amiss("File", got["result"]) == ""
    async with http.get(f"{tg.base_file_url}{tg.token}/{got['result']['file_path']}") as response:
        assert await response.read() == PNG


async def test_whatever_else_has_state_answers_in_shape_or_refuses(
    tg: TelegramEmulator, hall: dict[str, Any], call: Callable[..., Any], amiss: Callable[..., str]
) -> None:
    """Called with made-up values, each other method gives the table's type, or a 4xx in Telegram's form."""
    rest = [
        name for name in table().methods if name.lower() in METHODS and name not in {*STATEFUL, "logOut", "close"}
    ]
    for name in rest:
        status, answer = await call(name, **_inputs(tg.world, name, hall))
        if status == 200:
            assert (name, amiss(table().methods[name].returns, answer["result"])) == (name, "")
        else:
            assert (name, answer["ok"], answer["error_code"]) == (name, False, status)
            assert status in {400, 403, 409, 429}
            assert answer["description"].startswith(("Bad Request: ", "Forbidden: ", "Conflict: ", "Too Many"))


async def test_the_table_has_no_method_that_the_emulator_lacks(call: Callable[..., Any], anna: EmulatedUser) -> None:
    """None of the 185 is 404; a name that Telegram does not have is."""
    for name in table().methods:
        status, _ = await call(name)
        assert (name, status) != (name, 404)
    assert (await call("makeCoffee"))[1] == {
        "ok": False,
        "error_code": 404,
        "description": "Not Found: method not found",
    }


@pytest.mark.parametrize(
    ("name", "params", "words"),
    [
        ("verifyChat", {"chat_id": -5}, "chat not found"),
        ("verifyUser", {"user_id": "nobody"}, "user_id"),
        ("verifyUser", {"user_id": 999_999}, "user not found"),
        ("setUserEmojiStatus", {}, "invalid user_id specified"),
        ("giftPremiumSubscription", {"user_id": 1001, "month_count": "x", "star_count": 1}, "month_count"),
        ("setMyDefaultAdministratorRights", {"rights": "{"}, "can't parse rights JSON object"),
        ("setMyDefaultAdministratorRights", {"rights": []}, "expected an Object"),
        ("setMyDefaultAdministratorRights", {"rights": {"is_anonymous": 5}}, "Boolean"),
        ("getCustomEmojiStickers", {"custom_emoji_ids": {}}, "expected an Array of String"),
    ],
)
async def test_wrong_parameters_are_refused(
    anna: EmulatedUser, call: Callable[..., Any], name: str, params: dict[str, Any], words: str
) -> None:
    """A wrong type, an unknown chat or person: 400 with a word about it."""
    if name.lower() in METHODS:
        pytest.skip("has state: other tests tell how it refuses")
    status, answer = await call(name, **params)
    assert status == 400
    assert words.lower() in answer["description"].lower()


TYPES = sorted(name for name in table().types)


@given(st.sampled_from(TYPES))
def test_made_up_objects_are_of_their_types(amiss: Callable[..., str], name: str) -> None:
    """Whatever type is made up, it has the table's shape, and what checks parameters takes it."""
    value = MadeUp(World(), Params(), "test").value(name)
    if name != "InputFile":
        assert amiss(name, value) == ""
        assert generic.wrong(name, json.loads(json.dumps(value))) == ""


@given(st.data())
def test_an_object_without_a_required_member_is_refused(data: st.DataObject) -> None:
    """Take any member that must be there away, or put a wrong thing in its place: the check says so."""
    required = {name: [one for one, field in members.items() if field.required] for name, members in
                table().types.items()}  # fmt: skip
    name = data.draw(st.sampled_from(sorted(name for name, members in required.items() if members)))
    member = data.draw(st.sampled_from(required[name]))
    value = MadeUp(World(), Params(), "test").value(name)
    del value[member]
    assert generic.wrong(name, value) == f'Can\'t find field "{member}"'
    of_type = table().types[name][member].type
    wrong: Any = 5 if of_type in table().types or of_type in table().unions else {"no": "such thing"}
    assert generic.wrong(name, {**value, member: wrong}) != ""
