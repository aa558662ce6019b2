"""A valid call of every method of the Bot API: a small world, and parameters that fit it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp

from astral_core.botapi.table import alternatives, table
from astral_playground.telegram import EmulatedUser, TelegramEmulator, actions, acts_inline, invitations, membership
from astral_playground.telegram.groups import Group

Parameters = dict[str, Any]
ANNA = 1001  # the first person of an emulator
MONTH = 2_592_000  # s
PACK = "pack_by_playground_bot"
KEYBOARD = {"inline_keyboard": [[{"text": "Press", "callback_data": "press"}]]}
ARTICLE = {"type": "article", "id": "1", "title": "One", "input_message_content": {"message_text": "One"}}
# Objects whose required members alone would say nothing, or name a file.
OBJECTS: dict[str, Any] = {
    "InlineQueryResult": ARTICLE, "InputMedia": {"type": "photo", "media": "attach://picture"},
    "InputSticker": {"sticker": "attach://picture", "format": "static", "emoji_list": ["🙂"]},
    "InputStoryContent": {"type": "photo", "photo": "attach://picture"},
    "InputProfilePhoto": {"type": "static", "photo": "attach://picture"},
    "InputPaidMedia": {"type": "photo", "media": "attach://picture"},
    "LabeledPrice": {"label": "Tea", "amount": 5}, "BotCommand": {"command": "start", "description": "Begin"},
    "KeyboardButton": {"text": "Who?", "request_users": {"request_id": 1}}, "InputRichMessage": {"html": "<b>Hi</b>"},
}  # fmt: skip
# Texts with a meaning; every other text is "text".
WORDS = {
    "currency": "XTR", "url": "http://127.0.0.1:9/hook", "web_app_url": "https://example.org/", "format": "static",
    "action": "typing", "result": "approve", "sticker_format": "static", "name": PACK, "phone_number": "+4930123",
    "game_short_name": "chess", "sticker_set_name": PACK,
}  # fmt: skip
NUMBERS = {"active_period": 86_400, "month_count": 3, "star_count": 1000, "limit": 10}


@dataclass
class Scene:
    """A bot without a program: a person who knows it, a forum and a channel that it administers."""

    tg: TelegramEmulator
    http: aiohttp.ClientSession
    picture: bytes
    anna: EmulatedUser
    ben: EmulatedUser
    group: Group
    channel: Group

    @classmethod
    async def build(cls, tg: TelegramEmulator, http: aiohttp.ClientSession, picture: bytes) -> Scene:
        """People and chats in their places."""
        world = tg.world
        anna, ben = tg.user("Anna", username="anna", stars=5000), tg.user("Ben")
        for person in (anna, ben):
            await person.send("/start")
        group = membership.add_group(world, "Quiz", anna.user, forum=True)
        channel = membership.add_group(world, "News", anna.user, kind="channel", username="news")
        membership.join(world, group, ben.id)
        for chat in (group, channel):
            membership.promote(world, chat, world.bot.id, anna.id)
        return cls(tg, http, picture, anna, ben, group, channel)

    async def call(self, method: str, parameters: Parameters) -> tuple[int, dict[str, Any]]:
        """One call as a form with files: HTTP status and body. Whatever names the picture brings it along."""
        form = aiohttp.FormData()
        for name, value in parameters.items():
            if isinstance(value, bytes):
                form.add_field(name, value, filename=f"{name}.bin")
            else:
                form.add_field(name, value if isinstance(value, str) else json.dumps(value))
        if "attach://picture" in json.dumps(parameters, default=str):
            form.add_field("picture", self.picture, filename="picture.png")
        async with self.http.post(f"{self.tg.base_url}{self.tg.token}/{method}", data=form) as answer:
            return answer.status, await answer.json()

    async def ask(self, method: str, **parameters: Any) -> Any:
        """The result of a call that must succeed."""
        status, body = await self.call(method, await self.valid(method) | parameters)
        if status != 200:
            raise AssertionError(f"{method}: {body}")
        return body["result"]

    async def valid(self, method: str) -> Parameters:
        """Parameters of a method: those that are required, made up, and what the method needs to make sense."""
        declared = table().methods[method].parameters
        made = {name: self.value(name, field.type) for name, field in declared.items() if field.required}
        need = NEEDS.get(method)
        return made if need is None else made | await need(self)

    def value(self, name: str, type_: str) -> Any:
        """A value for a parameter, or a member of an object, by its name or type."""
        known: Parameters = {
            "chat_id": self.group.id, "from_chat_id": self.group.id, "user_id": self.ben.id,
            "receiver_user_id": self.ben.id, "new_owner_chat_id": self.ben.id, "sender_chat_id": self.channel.id,
        }  # fmt: skip
        kinds = alternatives(type_)
        if name in known:
            return known[name]
        if "InputFile" in kinds:
            return self.picture
        return self._of_type(name, kinds[0])

    def _of_type(self, name: str, kind: str) -> Any:
        if kind.startswith("["):
            return [self.value("", kind[1:-1])]
        if kind in OBJECTS:
            return OBJECTS[kind]
        simple = {"Integer": NUMBERS.get(name, 1), "Float": 1.5, "Boolean": True, "String": WORDS.get(name, "text")}
        if kind in simple:
            return simple[kind]
        if kind in table().unions:
            return self._of_type(name, table().unions[kind][0])
        fields = table().types[kind].items()
        return {one: field.constant or self.value(one, field.type) for one, field in fields if field.required}

    async def charge(self, **fields: Any) -> str:
        """The charge of a payment of Anna's."""
        link = await self.ask("createInvoiceLink", **fields)
        paying = asyncio.create_task(self.anna.pay(link=link))
        await self.anna.wait_until(lambda: bool(self.tg.world.checkouts))
        await self.ask("answerPreCheckoutQuery", pre_checkout_query_id=next(iter(self.tg.world.checkouts)))
        return (await paying).charge_id


Need = Callable[[Scene], Awaitable[Parameters]]


def message(method: str, **fields: Any) -> Need:
    """A message that the bot has sent by `method`."""

    async def make(scene: Scene) -> Parameters:
        sent = await scene.ask(method, **fields)
        return {"chat_id": sent["chat"]["id"], "message_id": sent["message_id"]}

    return make


def messages(scene: Scene) -> Awaitable[Parameters]:
    """A list of messages."""

    async def make() -> Parameters:
        return {"message_ids": [(await scene.ask("sendMessage"))["message_id"]]}

    return make()


def also(need: Need, **fields: Any) -> Need:
    """What `need` makes, and further parameters."""

    async def make(scene: Scene) -> Parameters:
        return await need(scene) | fields

    return make


def after(*methods: str, needs: Need | None = None, **fields: Any) -> Need:
    """These calls first, with the same parameters."""

    async def make(scene: Scene) -> Parameters:
        given = fields if needs is None else await needs(scene) | fields
        for method in methods:
            await scene.ask(method, **given)
        return given

    return make


async def topic(scene: Scene) -> Parameters:
    """A topic of the forum."""
    return {"message_thread_id": (await scene.ask("createForumTopic"))["message_thread_id"]}


async def press(scene: Scene) -> Parameters:
    """A button that Anna has pressed."""
    sent = await scene.ask("sendMessage", chat_id=scene.anna.id, reply_markup=KEYBOARD)
    card = scene.tg.world.messages[scene.anna.id][sent["message_id"]]
    return {"callback_query_id": actions.press(scene.tg.world, scene.anna.user, card, "press")[0].id}


async def inline_query(scene: Scene) -> Parameters:
    """A question of Anna's."""
    return {"inline_query_id": acts_inline.inline_query(scene.tg.world, scene.anna.user, "tea")[0].id}


async def web_app(scene: Scene) -> Parameters:
    """A web app that Anna has opened."""
    return {"web_app_query_id": acts_inline.open_web_app(scene.tg.world, scene.anna.user)}


async def checkout(scene: Scene) -> Parameters:
    """A payment that Anna has begun."""
    link = await scene.ask("createInvoiceLink")
    scene.tg.world.spawn(_pay(scene, link))
    await scene.anna.wait_until(lambda: bool(scene.tg.world.checkouts))
    return {"pre_checkout_query_id": next(iter(scene.tg.world.checkouts))}


async def _pay(scene: Scene, link: str) -> None:
    await scene.anna.pay(link=link)


async def join_request(scene: Scene) -> Parameters:
    """Somebody who wants to come in."""
    cleo = scene.tg.user("Cleo")
    link = await scene.ask("createChatInviteLink", creates_join_request=True)
    invitations.join_by_link(scene.tg.world, cleo.user, link["invite_link"])
    return {"user_id": cleo.id}


async def link(scene: Scene) -> Parameters:
    """A link of the bot."""
    return {"invite_link": (await scene.ask("createChatInviteLink"))["invite_link"]}


async def subscription_link(scene: Scene) -> Parameters:
    """A link of the bot by which one pays."""
    made = await scene.ask("createChatSubscriptionInviteLink")
    return {"chat_id": scene.channel.id, "invite_link": made["invite_link"]}


async def paid(scene: Scene) -> Parameters:
    """Anna's payment."""
    return {"user_id": scene.anna.id, "telegram_payment_charge_id": await scene.charge()}


async def subscribed(scene: Scene) -> Parameters:
    """Anna's monthly payment."""
    return {"user_id": scene.anna.id, "telegram_payment_charge_id": await scene.charge(subscription_period=MONTH)}


async def file(scene: Scene) -> Parameters:
    """A file that the bot has sent."""
    return {"file_id": (await scene.ask("sendPhoto"))["photo"][-1]["file_id"]}


async def sticker(scene: Scene) -> Parameters:
    """A sticker that the bot has sent."""
    return {"sticker": (await scene.ask("sendSticker"))["sticker"]["file_id"]}


async def old_sticker(scene: Scene) -> Parameters:
    """A sticker that another one shall replace."""
    return {"old_sticker": (await sticker(scene))["sticker"], "sticker": OBJECTS["InputSticker"]}


async def album(scene: Scene) -> Parameters:
    """Two pictures."""
    return {"media": [OBJECTS["InputMedia"]] * 2}


async def private(scene: Scene) -> Parameters:
    """The chat with Anna."""
    return {"chat_id": scene.anna.id}


async def news(scene: Scene) -> Parameters:
    """The channel."""
    return {"chat_id": scene.channel.id}


CARD, LIVE, GAME = message("sendMessage"), message("sendLocation", live_period=600), message("sendGame")
OF_BOT = ("deleteMessage", "pinChatMessage", "setMessageReaction", "copyMessage", "forwardMessage")
ADMINISTRATOR = after("promoteChatMember", can_pin_messages=True)
NEEDS: dict[str, Need] = {
    **dict.fromkeys(OF_BOT, CARD), **dict.fromkeys(("copyMessages", "forwardMessages", "deleteMessages"), messages),
    **dict.fromkeys(("closeForumTopic", "deleteForumTopic", "unpinAllForumTopicMessages"), topic),
    "editForumTopic": also(topic, name="Plans"), "reopenForumTopic": after("closeForumTopic", needs=topic),
    "reopenGeneralForumTopic": after("closeGeneralForumTopic"),
    "unhideGeneralForumTopic": after("hideGeneralForumTopic"),
    "unpinChatMessage": after("pinChatMessage", needs=CARD),
    "answerCallbackQuery": press, "answerInlineQuery": inline_query, "answerWebAppQuery": web_app,
    "answerPreCheckoutQuery": checkout,
    "approveChatJoinRequest": join_request, "declineChatJoinRequest": join_request,
    "editChatInviteLink": link, "revokeChatInviteLink": link, "editChatSubscriptionInviteLink": subscription_link,
    "createChatSubscriptionInviteLink": also(news, subscription_period=MONTH, subscription_price=100),
    "setChatDescription": also(news, description="What is new"), "getUserChatBoosts": news,
    "deleteChatPhoto": after("setChatPhoto"), "refundStarPayment": paid, "editUserStarSubscription": subscribed,
    "deleteMessageReaction": also(CARD, user_id=ANNA), "deleteAllMessageReactions": also(CARD, user_id=ANNA),
    "editMessageText": also(CARD, text="Another"), "editMessageReplyMarkup": also(CARD, reply_markup=KEYBOARD),
    "editMessageCaption": also(message("sendPhoto"), caption="Another"), "editMessageMedia": message("sendPhoto"),
    "editMessageLiveLocation": also(LIVE, latitude=2.5), "sendMediaGroup": album,
    "stopMessageLiveLocation": LIVE, "stopPoll": message("sendPoll"),
    "getGameHighScores": GAME, "setGameScore": GAME, "getFile": file,
    "setChatAdministratorCustomTitle": ADMINISTRATOR, "sendMessageDraft": also(private, text="I think"),
    "sendRichMessageDraft": private,
    "getStickerSet": after("createNewStickerSet"), "addStickerToSet": after("createNewStickerSet"),
    "deleteStickerSet": after("createNewStickerSet"), "setStickerSetTitle": after("createNewStickerSet"),
    "setStickerSetThumbnail": after("createNewStickerSet"), "setChatStickerSet": after("createNewStickerSet"),
    "deleteStickerFromSet": sticker, "setStickerEmojiList": also(sticker, emoji_list=["🙂"]),
    "setStickerKeywords": sticker, "setStickerMaskPosition": sticker,
    "setStickerPositionInSet": also(sticker, position=0), "replaceStickerInSet": old_sticker,
}  # fmt: skip


# Further states of the world, for methods that answer differently there.


def person(status: str) -> Need:
    """Somebody who has this place in the forum."""

    async def make(scene: Scene) -> Parameters:
        user = {"user_id": scene.ben.id}
        match status:
            case "creator":
                return {"user_id": scene.anna.id}
            case "administrator":
                await scene.ask("promoteChatMember", can_pin_messages=True)
                await scene.ask("setChatAdministratorCustomTitle", custom_title="Chief")
            case "restricted":
                await scene.ask("restrictChatMember", permissions={"can_send_messages": True})
            case "kicked":
                await scene.ask("banChatMember")
            case _:
                user = {"user_id": scene.tg.user("Cleo").id}
        return user

    return make


async def reply(scene: Scene) -> Parameters:
    """An answer to a picture, with a quote."""
    sent = await scene.ask("sendPhoto", caption="A good picture")
    return {"reply_parameters": {"message_id": sent["message_id"], "quote": "good"}, "reply_markup": KEYBOARD}


async def entities(scene: Scene) -> Parameters:
    """A text with everything in it."""
    text = '<b>a</b> <code>b</code> <pre><code class="language-python">c</code></pre> <a href="https://example.org">d</a>'
    return {"text": f"{text} /start #tag @anna https://example.org <blockquote>e</blockquote>", "parse_mode": "HTML"}


async def quiz(scene: Scene) -> Parameters:
    """A question with a right answer."""
    options = [{"text": "4"}, {"text": "5"}]
    return {"type": "quiz", "options": options, "correct_option_ids": [0], "explanation": "<b>Count</b>"}


async def post(scene: Scene) -> Parameters:
    """A post of the channel."""
    sent = await scene.ask("sendMessage", chat_id=scene.channel.id)
    return {"from_chat_id": scene.channel.id, "message_id": sent["message_id"]}


async def chosen(scene: Scene) -> Parameters:
    """A message that Anna has sent through the bot."""
    asked, _ = acts_inline.inline_query(scene.tg.world, scene.anna.user, "tea", room=scene.ben.user)
    await scene.ask("answerInlineQuery", inline_query_id=asked.id, results=[ARTICLE | {"reply_markup": KEYBOARD}])
    message, _ = acts_inline.choose(scene.tg.world, scene.anna.user, asked, 0)
    return {"inline_message_id": message.inline_message_id, "text": "Another"}
