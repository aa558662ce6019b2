"""Sending of effects: references become message ids, slots become edits, files become file_ids."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

import msgspec
from sqlalchemy import select

from astral_core.bot.chats import Chats
from astral_core.bot.membership import Membership
from astral_core.bot.people import People
from astral_core.bot.transport import Transport
from astral_core.db.engine import Database
from astral_core.db.tables import FILE_ID_WIDTH, core_files, core_slots, storable
from astral_core.errors import TelegramRefused
from astral_core.inbox.effect import Effect, OutgoingEffect, Ref, SendResult, Slot, SlotState, unpacked
from astral_core.inbox.elsewhere import as_new, at, is_about_a_message

log = logging.getLogger("astral.bot")
# Answers that mean: what was wanted is so already, or comes too late to matter. Matched without case.
_ALREADY = (
    "message is not modified", "message to delete not found", "message can't be deleted", "query is too old",
    "query id is invalid",
)  # fmt: skip
_GONE = (
    "message to edit not found",
    "message can't be edited",
    "message_id_invalid",
    "there is no text in the message",
)


# Answers (403) that mean: the bot is in this group no more. Others mean that it may not do one thing there.
_LOST = ("was kicked", "not a member", "was deleted", "deactivated")
_AWAY = ("blocked by the user", "user is deactivated", "can't initiate conversation")  # the same of a person
_TOPICS = ("message_thread_id", "direct_messages_topic_id")  # of a new message; edits do not take them


class MessageSender:
    """Sends one effect at a time through the transport, for the owner of the chat's lane.

    People who blocked the bot are taken note of. To them, and to groups that the bot has left, nothing is sent until
    Telegram tells that they are back, or they write.
    """

    def __init__(
        self, transport: Transport, database: Database, bot_id: int, people: People, chats: Chats,
        membership: Membership,
    ) -> None:  # fmt: skip
        self._people = people
        self._chats = chats
        self._membership = membership
        self._transport = transport
        self._database = database
        self._bot_id = bot_id

    async def send(self, content: OutgoingEffect, sent: dict[int, SendResult]) -> SendResult:
        """Send `content`. A refusal by Telegram is a result, not an exception: it will never succeed."""
        effect = content.effect
        chat_id = effect.chat_id
        if chat_id is not None and chat_id < 0:
            standing = await self._chats.standing(chat_id)
            if standing.migrated_to is not None:
                return await self._send_to_new(content, standing.migrated_to, sent)
            if standing.gone:
                return _unsent(effect, "the bot is in this chat no more")
        elif chat_id is not None and self._people.is_blocked(chat_id) and not _is_business(effect):
            return _unsent(effect, "this person blocked the bot")
        try:
            return await self._send(content, sent)
        except TelegramRefused as error:
            if error.migrated_to in (None, chat_id) or chat_id is None or chat_id > 0:
                return await self._refused(effect, error)
            await self._membership.moved(chat_id, error.migrated_to)
            return await self._send_to_new(content, error.migrated_to, sent)

    async def _send_to_new(self, content: OutgoingEffect, chat_id: int, sent: dict[int, SendResult]) -> SendResult:
        """Send to the supergroup that the effect's group has become; an old message's number is none there."""
        effect = content.effect
        ref = sent.get(effect.message.n) if isinstance(effect.message, Ref) else None
        if (ref is None or ref.chat_id != chat_id) and is_about_a_message(effect):
            said = as_new(effect)
            if said is None:
                return _unsent(effect, "its message is of a group that has another id now")
            effect = said
        if (await self._chats.standing_elsewhere(chat_id)).gone:
            return _unsent(effect, "the bot is in this chat no more")
        content = msgspec.structs.replace(content, effect=at(effect, chat_id))
        try:
            found = await self._send(content, sent)
        except TelegramRefused as error:
            return await self._refused(content.effect, error)
        return msgspec.structs.replace(found, chat_id=chat_id)

    async def _send(self, content: OutgoingEffect, sent: dict[int, SendResult]) -> SendResult:
        effect = content.effect
        if effect.method == "show":
            return await self._show(content)
        return await self._call(effect, self._params(effect, sent), content.data)

    async def _refused(self, effect: Effect, error: TelegramRefused) -> SendResult:
        """What a refusal means."""
        description = error.description.lower()
        if any(text in description for text in _ALREADY):
            return SendResult()
        if effect.optional:
            log.info("%s in chat %s was refused: %s", effect.method, effect.chat_id, error)
            return SendResult()
        if error.code == HTTPStatus.FORBIDDEN and effect.chat_id is not None:
            if effect.chat_id > 0 and not _is_business(effect):
                if not any(text in description for text in _AWAY):
                    return SendResult(refused=str(error))  # one thing may not be done; others may
                self._people.note_blocked(effect.chat_id, blocked=True)
                return SendResult(blocked=effect.chat_id)
            log.info("%s in chat %s: %s", effect.method, effect.chat_id, error)
            if effect.chat_id < 0 and any(text in description for text in _LOST):
                await self._membership.lost(effect.chat_id)
            return SendResult()
        return SendResult(refused=str(error))

    def _params(self, effect: Effect, sent: dict[int, SendResult]) -> dict[str, Any]:
        if effect.message is None:
            return {**effect.params, **_reply(effect, sent)}
        target: int | None
        if isinstance(effect.message, Ref):
            earlier = sent.get(effect.message.n)
            target = earlier.message_id if earlier else None
            if target is None:
                raise TelegramRefused(effect.method, "the message that it refers to was not sent", 400)
        else:
            target = effect.message
        if effect.method == "deleteBusinessMessages":
            params = {name: value for name, value in effect.params.items() if name != "chat_id"}
            return {**params, "message_ids": [target]}
        return {**effect.params, "message_id": target}

    async def _call(
        self, effect: Effect, params: dict[str, Any], data: bytes | None, method: str | None = None
    ) -> SendResult:
        method, files = method or effect.method, unpacked(effect, data)
        file_id = await self._known_file(effect.cache) if effect.attachment and effect.cache and files else None
        if file_id is not None:
            # A file that Telegram has keeps the thumbnail that it came with.
            others = {name: file for name, file in files.items() if name not in (effect.attachment, "thumbnail")}
            known = {name: value for name, value in params.items() if name != "thumbnail"}
            try:
                result = await self._transport.call(method, {**known, str(effect.attachment): file_id}, others)
            except TelegramRefused as error:
                if error.code != 400:
                    raise
                # Telegram does not know the file any more: it is uploaded again, and its new id kept.
            else:
                return self._result(effect, result)
        return self._result(effect, await self._transport.call(method, params, files))

    @staticmethod
    def _result(effect: Effect, result: Any) -> SendResult:
        if isinstance(result, list) and result:
            result = result[0]  # an album is known by its first message
        if not isinstance(result, dict):
            return SendResult()
        found = SendResult(message_id=_message_id(result.get("message_id")))
        if effect.cache:
            found.file_key, found.file_owner = effect.cache, effect.owner
            found.file_id = _file_id(result, effect.attachment)
        return found

    async def _show(self, content: OutgoingEffect) -> SendResult:
        effect, slot = content.effect, content.effect.slot
        chat_id = effect.chat_id
        if slot is None or chat_id is None:
            raise TelegramRefused("show", "has no slot or no chat", 400)
        photo = effect.attachment is not None or "photo" in effect.params
        before = await self._held(chat_id, slot)
        held = self._editable(before, slot)
        if held is not None and held.photo == photo and await self._edited(effect, held.message_id, content.data):
            return SendResult(message_id=held.message_id)
        method = "sendPhoto" if photo else "sendMessage"
        found = await self._call(effect, dict(effect.params), content.data, method)
        if found.message_id is not None:
            found.slot = SlotState(
                chat_id=chat_id, slot=slot.name, place=slot.place, user_id=slot.user_id,
                message_id=found.message_id, photo=photo,
            )  # fmt: skip
        if held is not None and held.photo != photo:
            await self._delete(effect, held.message_id)
        elif before is not None:
            # The slot moved down: its old buttons would act on a card that is no longer the present one.
            await self._transport.best_effort("editMessageReplyMarkup", _old(effect, before.message_id))
        return found

    @staticmethod
    def _editable(held: SlotState | None, slot: Slot) -> SlotState | None:
        """The slot's message where it may be edited in place."""
        if held is None or slot.fresh:
            return None
        if slot.pressed is not None and slot.pressed != held.message_id:
            # Another message was pressed: the slot moves down to where the user is.
            return held if slot.below and held.message_id > slot.pressed else None
        return held

    async def _edited(self, effect: Effect, message_id: int, data: bytes | None) -> bool:
        """Edit the message; False where it is gone."""
        try:
            await self._edit(effect, message_id, data)
        except TelegramRefused as error:
            text = error.description.lower()
            if any(gone in text for gone in _GONE):
                return False
            if "not modified" not in text:
                raise
        return True

    async def _edit(self, effect: Effect, message_id: int, data: bytes | None) -> None:
        params = {name: value for name, value in effect.params.items() if name not in _TOPICS}
        params["message_id"] = message_id
        if "text" in params:
            await self._transport.call("editMessageText", params)
            return
        media = {
            "type": "photo",
            "media": params.pop("photo", "attach://photo"),
            "parse_mode": params.pop("parse_mode", "HTML"),
            "caption": params.pop("caption", ""),
        }
        await self._transport.call("editMessageMedia", {**params, "media": media}, unpacked(effect, data))

    async def _delete(self, effect: Effect, message_id: int) -> None:
        # Older than 48 hours, gone, or Telegram is busy: the new message is out, and must not go out again.
        params, method = _old(effect, message_id), "deleteMessage"
        if _is_business(effect):
            connection = params["business_connection_id"]
            params, method = (
                {"business_connection_id": connection, "message_ids": [message_id]},
                "deleteBusinessMessages",
            )
        await self._transport.best_effort(method, params)

    async def _held(self, chat_id: int, slot: Slot) -> SlotState | None:
        key = {"chat_id": chat_id, "place": slot.place, "user_id": slot.user_id, "slot": slot.name}
        query = select(core_slots).where(*(core_slots.c[name] == value for name, value in key.items()))
        async with self._database.engine.connect() as connection:
            found = (await connection.execute(query)).first()
        return SlotState(**found._asdict()) if found else None

    async def _known_file(self, key: str) -> str | None:
        query = select(core_files.c.file_id).where(core_files.c.bot_id == self._bot_id, core_files.c.key == key)
        async with self._database.engine.connect() as connection:
            return (await connection.execute(query)).scalar_one_or_none()


def _unsent(effect: Effect, why: str) -> SendResult:
    """What is not sent, because Telegram has told before that it would not take it."""
    log.info("%s in chat %s is not sent: %s", effect.method, effect.chat_id, why)
    return SendResult()


def _old(effect: Effect, message_id: int) -> dict[str, Any]:
    """The parameters that name an old message of the effect's chat."""
    where = ("chat_id", "business_connection_id")
    return {**{name: effect.params[name] for name in where if name in effect.params}, "message_id": message_id}


def _is_business(effect: Effect) -> bool:
    """Whether an effect goes to a chat of a business account: its person may have no chat with the bot."""
    return effect.params.get("business_connection_id") is not None


def _reply(effect: Effect, sent: dict[int, SendResult]) -> dict[str, Any]:
    """The parameter that names the message of the same handler which this one answers, if that is out."""
    answered = sent.get(effect.reply_to.n) if effect.reply_to is not None else None
    if answered is None or answered.message_id is None:
        return {}
    return {"reply_parameters": {"message_id": answered.message_id, "allow_sending_without_reply": True}}


def _message_id(number: Any) -> int | None:
    """The number of a sent message, if it can be one: Telegram says 0 of one that it sends later."""
    is_one = isinstance(number, int) and not isinstance(number, bool) and 0 < number < 2**63
    return number if is_one else None


def _file_id(message: dict[str, Any], kind: str | None) -> str | None:
    """The id of the sent file, if Telegram has it as the kind that was sent; else it is uploaded again."""
    file = message.get(kind or "")
    if isinstance(file, list) and file:
        file = file[-1]  # the largest size of a picture
    found = file.get("file_id") if isinstance(file, dict) else None
    return found if isinstance(found, str) and storable(found, FILE_ID_WIDTH) == found else None
