"""aiogram as its examples show it: routers, filters, the FSM, long polling or `SimpleRequestHandler`.

Settings come from the environment; `foreign_kit/programs.py` names them.
"""

from __future__ import annotations

import asyncio
import os

from aiogram import Bot, Dispatcher, F, Router
from aiogram.client.default import DefaultBotProperties
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.enums import ChatMemberStatus, ParseMode
from aiogram.exceptions import (
    TelegramBadRequest,
    TelegramForbiddenError,
    TelegramMigrateToChat,
    TelegramRetryAfter,
)
from aiogram.filters import Command, CommandObject, CommandStart
from aiogram.fsm.context import FSMContext
from aiogram.fsm.state import State, StatesGroup
from aiogram.methods import TelegramMethod
from aiogram.types import (
    BufferedInputFile,
    CallbackQuery,
    ChatJoinRequest,
    ChatMemberUpdated,
    ChosenInlineResult,
    FSInputFile,
    InaccessibleMessage,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InlineQuery,
    InlineQueryResultArticle,
    InputTextMessageContent,
    KeyboardButton,
    LabeledPrice,
    Message,
    MessageReactionUpdated,
    PollAnswer,
    PreCheckoutQuery,
    ReactionTypeEmoji,
    ReplyKeyboardMarkup,
    ReplyKeyboardRemove,
)
from aiogram.utils.media_group import MediaGroupBuilder
from aiogram.webhook.aiohttp_server import SimpleRequestHandler, setup_application
from aiohttp import web

TOKEN, API, MODE, PICTURE = (os.environ[f"FOREIGN_{name}"] for name in ("TOKEN", "API", "MODE", "PICTURE"))
PORT, SECRET = int(os.environ["FOREIGN_PORT"]), "aiogram-secret"
DRINKS = ["Tea", "Coffee"]

router = Router()
polls: dict[int, int] = {}
charges: dict[int, str] = {}


class Form(StatesGroup):
    """Two questions."""

    name = State()
    age = State()


def keyboard(text: str, data: str) -> InlineKeyboardMarkup:
    """One button."""
    return InlineKeyboardMarkup(inline_keyboard=[[InlineKeyboardButton(text=text, callback_data=data)]])


async def tell(bot: Bot, chat_id: str, text: str) -> str:
    """Write to somebody; how it went."""
    try:
        await bot.send_message(chat_id, text)
    except TelegramForbiddenError as error:
        return f"403 {error.message}"
    except TelegramRetryAfter as error:
        return f"429 wait {error.retry_after}"
    except TelegramMigrateToChat as error:
        return f"400 moved to {error.migrate_to_chat_id}"
    except TelegramBadRequest as error:
        return f"400 {error.message}"
    return "Told"


@router.message(CommandStart())
async def start(message: Message, command: CommandObject) -> None:
    came = f" You came by {command.args}." if command.args else ""
    await message.answer(f"Hello, <b>{message.from_user.first_name}</b>!{came}")


@router.message(Command("add"))
async def add(message: Message, command: CommandObject) -> None:
    await message.answer(str(sum(int(word) for word in command.args.split())))


@router.message(Command("direct"))
async def direct(message: Message) -> TelegramMethod[Message]:
    return message.answer("Straight away")  # by webhook, aiogram answers Telegram's request with the call itself


@router.message(Command("count"))
async def count(message: Message) -> None:
    await message.answer("Pressed 0 times", reply_markup=keyboard("Press me", "count:0"))


@router.callback_query(F.data.startswith("count:"))
async def pressed(query: CallbackQuery) -> None:
    if isinstance(query.message, InaccessibleMessage):
        await query.answer("Too old")
        await query.message.answer("That message is too old.")
        return
    number = int(query.data.removeprefix("count:")) + 1
    await query.message.edit_text(f"Pressed {number} times", reply_markup=keyboard("Press me", f"count:{number}"))
    await query.answer("Counted")


@router.message(Command("form"))
async def form(message: Message, state: FSMContext) -> None:
    await state.set_state(Form.name)
    await message.answer("What is your name?")


@router.message(Command("cancel"))
async def cancel(message: Message, state: FSMContext) -> None:
    await state.clear()
    await message.answer("Cancelled.")


@router.message(Form.name, F.text)
async def form_name(message: Message, state: FSMContext) -> None:
    await state.update_data(name=message.text)
    await state.set_state(Form.age)
    await message.answer(f"How old is {message.text}?")


@router.message(Form.age, F.text)
async def form_age(message: Message, state: FSMContext) -> None:
    if not message.text.isdecimal():
        await message.answer("A number, please.")
        return
    data = await state.get_data()
    await state.clear()
    await message.answer(f"{data['name']}, {message.text}. Saved.")


@router.message(Command("photo"))
async def photo(message: Message) -> None:
    await message.answer_photo(FSInputFile(PICTURE), caption="A picture")


@router.message(Command("document"))
async def document(message: Message) -> None:
    await message.answer_document(BufferedInputFile(b"Hello, file!", "hello.txt"), caption="A file")


@router.message(Command("album"))
async def album(message: Message) -> None:
    group = MediaGroupBuilder(caption="An album")
    group.add_photo(media=FSInputFile(PICTURE, "one.png"))
    group.add_photo(media=FSInputFile(PICTURE, "two.png"))
    await message.answer_media_group(group.build())


@router.message(F.media_group_id)
async def part_of_album(message: Message) -> None:
    await message.reply("Part of an album")


@router.message(F.photo)
async def photo_back(message: Message, bot: Bot) -> None:
    data = await bot.download(message.photo[-1])
    await message.answer_photo(message.photo[-1].file_id, caption=f"Photo of {len(data.read())} bytes")


@router.message(F.document)
async def document_back(message: Message, bot: Bot) -> None:
    data = await bot.download(message.document)
    caption = f"{message.document.file_name}: {len(data.read())} bytes"
    await message.answer_document(message.document.file_id, caption=caption)


@router.message(Command("contact"))
async def ask_contact(message: Message) -> None:
    buttons = [
        [KeyboardButton(text="Phone", request_contact=True), KeyboardButton(text="Place", request_location=True)]
    ]
    await message.answer("Who and where?", reply_markup=ReplyKeyboardMarkup(keyboard=buttons, resize_keyboard=True))


@router.message(F.contact)
async def contact(message: Message) -> None:
    await message.answer(f"Phone {message.contact.phone_number}", reply_markup=ReplyKeyboardRemove())


@router.message(F.location)
async def location(message: Message) -> None:
    await message.answer(f"Place {message.location.latitude:.1f} {message.location.longitude:.1f}")


@router.message(Command("where"))
async def where(message: Message) -> None:
    await message.answer(f"Topic {message.message_thread_id}" if message.is_topic_message else "No topic")


@router.message(Command("admin"))
async def admin(message: Message, bot: Bot) -> None:
    if message.sender_chat and message.sender_chat.id == message.chat.id:
        await message.answer("You run this place, whoever you are")
        return
    member = await bot.get_chat_member(message.chat.id, message.from_user.id)
    runs = member.status in {ChatMemberStatus.CREATOR, ChatMemberStatus.ADMINISTRATOR}
    await message.answer("You run this place" if runs else "Only administrators may")


@router.message(Command("topic"))
async def topic(message: Message, bot: Bot, command: CommandObject) -> None:
    made = await bot.create_forum_topic(message.chat.id, command.args)
    await bot.send_message(message.chat.id, f"Here is {made.name}", message_thread_id=made.message_thread_id)


@router.message(Command("copy"))
async def copy(message: Message) -> None:
    await message.reply_to_message.copy_to(message.chat.id)
    await message.reply_to_message.forward(message.chat.id)


@router.message(Command("invite"))
async def invite(message: Message, bot: Bot) -> None:
    link = await bot.create_chat_invite_link(message.chat.id, name="Friends", creates_join_request=True)
    await message.answer(link.invite_link)


@router.chat_join_request()
async def join_request(request: ChatJoinRequest) -> None:
    await request.approve()


@router.message(F.new_chat_members)
async def welcome(message: Message) -> None:
    names = ", ".join(person.first_name for person in message.new_chat_members if not person.is_bot)
    if names:
        await message.answer(f"Welcome, {names}!")


@router.message(F.left_chat_member)
async def goodbye(message: Message) -> None:
    if not message.left_chat_member.is_bot:
        await message.answer(f"Goodbye, {message.left_chat_member.first_name}.")


@router.chat_member()
async def member(change: ChatMemberUpdated, bot: Bot) -> None:
    new = change.new_chat_member
    text = f"{new.user.first_name}: {change.old_chat_member.status} to {new.status}"
    await bot.send_message(change.chat.id, text)


@router.my_chat_member(F.chat.type != "private")
async def own_place(change: ChatMemberUpdated, bot: Bot) -> None:
    if change.new_chat_member.status not in {ChatMemberStatus.LEFT, ChatMemberStatus.KICKED}:
        await bot.send_message(change.chat.id, f"I am {change.new_chat_member.status} here")


@router.message_reaction()
async def reaction(change: MessageReactionUpdated, bot: Bot) -> None:
    new = [one.emoji for one in change.new_reaction if isinstance(one, ReactionTypeEmoji)]
    if new:
        await bot.set_message_reaction(change.chat.id, change.message_id, [ReactionTypeEmoji(emoji="👀")])
        await bot.send_message(change.chat.id, f"{change.user.first_name}: {''.join(new)}")


@router.message(Command("poll"))
async def poll(message: Message) -> None:
    sent = await message.answer_poll("Tea or coffee?", DRINKS, is_anonymous=False)
    polls[message.chat.id] = sent.message_id


@router.poll_answer()
async def poll_answer(answer: PollAnswer, bot: Bot) -> None:
    chosen = ", ".join(DRINKS[number] for number in answer.option_ids)
    await bot.send_message(answer.user.id, f"You chose {chosen}" if chosen else "You took it back")


@router.message(Command("endpoll"))
async def end_poll(message: Message, bot: Bot) -> None:
    closed = await bot.stop_poll(message.chat.id, polls[message.chat.id])
    await message.answer(f"Votes: {closed.total_voter_count}")


@router.inline_query()
async def inline(query: InlineQuery) -> None:
    content = InputTextMessageContent(message_text=f"{query.query}!")
    article = InlineQueryResultArticle(
        id="say", title=f"Say {query.query}", input_message_content=content, reply_markup=keyboard("Again", "again")
    )
    await query.answer([article], cache_time=0, is_personal=True)


@router.chosen_inline_result()
async def chosen(result: ChosenInlineResult, bot: Bot) -> None:
    await bot.edit_message_text(
        f"{result.query}! Chosen.",
        inline_message_id=result.inline_message_id,
        reply_markup=keyboard("Again", "again"),
    )


@router.callback_query(F.data == "again")
async def again(query: CallbackQuery, bot: Bot) -> None:
    await bot.edit_message_text("Once more!", inline_message_id=query.inline_message_id)
    await query.answer()


@router.message(Command("buy"))
async def buy(message: Message, command: CommandObject) -> None:
    await message.answer_invoice(
        "Tea", "A cup of tea", payload=command.args, currency="XTR", prices=[LabeledPrice(label="Tea", amount=5)]
    )


@router.pre_checkout_query()
async def pre_checkout(query: PreCheckoutQuery) -> None:
    if query.invoice_payload == "tea":
        await query.answer(ok=True)
    else:
        await query.answer(ok=False, error_message="Sold out")


@router.message(F.successful_payment)
async def paid(message: Message) -> None:
    charges[message.chat.id] = message.successful_payment.telegram_payment_charge_id
    await message.answer(f"Paid {message.successful_payment.total_amount}")


@router.message(Command("refund"))
async def refund(message: Message, bot: Bot) -> None:
    if await bot.refund_star_payment(message.from_user.id, charges[message.chat.id]):
        await message.answer("Returned")


@router.edited_message(F.text)
async def edited(message: Message) -> None:
    await message.reply(f"Changed to: {message.text}")


@router.channel_post(F.text)
async def post(message: Message) -> None:
    await message.reply(f"Seen: {message.text}")


@router.message(Command("tell"))
async def tell_somebody(message: Message, bot: Bot, command: CommandObject) -> None:
    chat_id, _, text = command.args.partition(" ")
    await message.answer(await tell(bot, chat_id, text), parse_mode=None)


def serve(dispatcher: Dispatcher, bot: Bot) -> None:
    """A web server that Telegram posts to."""

    async def on_startup(bot: Bot) -> None:
        await bot.set_webhook(
            f"http://127.0.0.1:{PORT}/webhook",
            secret_token=SECRET,
            allowed_updates=dispatcher.resolve_used_update_types(),
        )

    dispatcher.startup.register(on_startup)
    app = web.Application()
    SimpleRequestHandler(dispatcher, bot, handle_in_background=False, secret_token=SECRET).register(
        app, path="/webhook"
    )
    setup_application(app, dispatcher, bot=bot)
    web.run_app(app, host="127.0.0.1", port=PORT)


def main() -> None:
    """Run until the process is ended."""
    session = AiohttpSession(api=TelegramAPIServer.from_base(API))
    bot = Bot(TOKEN, session=session, default=DefaultBotProperties(parse_mode=ParseMode.HTML))
    dispatcher = Dispatcher()
    dispatcher.include_router(router)
    if MODE == "webhook":
        serve(dispatcher, bot)
    else:
        asyncio.run(dispatcher.start_polling(bot, allowed_updates=dispatcher.resolve_used_update_types()))


if __name__ == "__main__":
    main()
