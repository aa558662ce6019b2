"""pyTelegramBotAPI as its examples show it: decorators, next steps, `infinity_polling` or Python's http server.

Settings come from the environment; `foreign_kit/programs.py` names them.
"""

from __future__ import annotations

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import telebot
from telebot import apihelper, types, util

TOKEN, API, MODE = (os.environ[f"FOREIGN_{name}"] for name in ("TOKEN", "API", "MODE"))
PICTURE, PORT, SECRET = Path(os.environ["FOREIGN_PICTURE"]), int(os.environ["FOREIGN_PORT"]), "telebot-secret"
DRINKS = ["Tea", "Coffee"]

apihelper.API_URL = f"{API}/bot{{0}}/{{1}}"
apihelper.FILE_URL = f"{API}/file/bot{{0}}/{{1}}"
bot = telebot.TeleBot(TOKEN)
polls: dict[int, int] = {}
charges: dict[int, str] = {}


def keyboard(text: str, data: str) -> types.InlineKeyboardMarkup:
    """One button."""
    return types.InlineKeyboardMarkup([[types.InlineKeyboardButton(text, callback_data=data)]])


def thread(message: types.Message) -> int | None:
    """The topic that an answer belongs to."""
    return message.message_thread_id if message.is_topic_message else None


def say(message: types.Message, text: str, **options: object) -> types.Message:
    """Write where the message stands."""
    return bot.send_message(message.chat.id, text, message_thread_id=thread(message), **options)


@bot.message_handler(commands=["start"])
def start(message: types.Message) -> None:
    argument = util.extract_arguments(message.text)
    came = f" You came by {argument}." if argument else ""
    say(message, f"Hello, <b>{message.from_user.first_name}</b>!{came}", parse_mode="HTML")


@bot.message_handler(commands=["add"])
def add(message: types.Message) -> None:
    bot.reply_to(message, str(sum(int(word) for word in util.extract_arguments(message.text).split())))


@bot.message_handler(commands=["direct"])
def direct(message: types.Message) -> None:
    bot.send_chat_action(message.chat.id, "typing")
    say(message, "Straight away")


@bot.message_handler(commands=["count"])
def count(message: types.Message) -> None:
    say(message, "Pressed 0 times", reply_markup=keyboard("Press me", "count:0"))


@bot.callback_query_handler(func=lambda call: call.data.startswith("count:"))
def pressed(call: types.CallbackQuery) -> None:
    if isinstance(call.message, types.InaccessibleMessage):
        bot.answer_callback_query(call.id, "Too old")
        bot.send_message(call.message.chat.id, "That message is too old.")
        return
    number = int(call.data.removeprefix("count:")) + 1
    bot.edit_message_text(
        f"Pressed {number} times", call.message.chat.id, call.message.message_id,
        reply_markup=keyboard("Press me", f"count:{number}"),
    )  # fmt: skip
    bot.answer_callback_query(call.id, "Counted")


@bot.message_handler(commands=["form"])
def form(message: types.Message) -> None:
    bot.register_next_step_handler(message, form_name)  # before the question: the answer may come at once
    say(message, "What is your name?")


def form_name(message: types.Message) -> None:
    if message.text == "/cancel":
        say(message, "Cancelled.")
        return
    bot.register_next_step_handler(message, form_age, message.text)
    say(message, f"How old is {message.text}?")


def form_age(message: types.Message, name: str) -> None:
    if message.text == "/cancel":
        say(message, "Cancelled.")
    elif message.text.isdecimal():
        say(message, f"{name}, {message.text}. Saved.")
    else:
        bot.register_next_step_handler(message, form_age, name)
        say(message, "A number, please.")


@bot.message_handler(commands=["photo"])
def photo(message: types.Message) -> None:
    with PICTURE.open("rb") as picture:
        bot.send_photo(message.chat.id, picture, caption="A picture")


@bot.message_handler(commands=["document"])
def document(message: types.Message) -> None:
    bot.send_document(message.chat.id, b"Hello, file!", visible_file_name="hello.txt", caption="A file")


@bot.message_handler(commands=["album"])
def album(message: types.Message) -> None:
    with PICTURE.open("rb") as one, PICTURE.open("rb") as two:
        pictures = [types.InputMediaPhoto(one, caption="An album"), types.InputMediaPhoto(two)]
        bot.send_media_group(message.chat.id, pictures)


@bot.message_handler(content_types=util.content_type_media, func=lambda message: message.media_group_id)
def part_of_album(message: types.Message) -> None:
    bot.reply_to(message, "Part of an album")


@bot.message_handler(content_types=["photo"])
def photo_back(message: types.Message) -> None:
    largest = message.photo[-1]
    data = bot.download_file(bot.get_file(largest.file_id).file_path)
    bot.send_photo(message.chat.id, largest.file_id, caption=f"Photo of {len(data)} bytes")


@bot.message_handler(content_types=["document"])
def document_back(message: types.Message) -> None:
    received = message.document
    data = bot.download_file(bot.get_file(received.file_id).file_path)
    bot.send_document(message.chat.id, received.file_id, caption=f"{received.file_name}: {len(data)} bytes")


@bot.message_handler(commands=["contact"])
def ask_contact(message: types.Message) -> None:
    buttons = types.ReplyKeyboardMarkup(resize_keyboard=True)
    buttons.add(
        types.KeyboardButton("Phone", request_contact=True), types.KeyboardButton("Place", request_location=True)
    )
    say(message, "Who and where?", reply_markup=buttons)


@bot.message_handler(content_types=["contact"])
def contact(message: types.Message) -> None:
    say(message, f"Phone {message.contact.phone_number}", reply_markup=types.ReplyKeyboardRemove())


@bot.message_handler(content_types=["location"])
def location(message: types.Message) -> None:
    say(message, f"Place {message.location.latitude:.1f} {message.location.longitude:.1f}")


@bot.message_handler(commands=["where"])
def where(message: types.Message) -> None:
    bot.reply_to(message, f"Topic {message.message_thread_id}" if message.is_topic_message else "No topic")


@bot.message_handler(commands=["admin"])
def admin(message: types.Message) -> None:
    if message.sender_chat and message.sender_chat.id == message.chat.id:
        say(message, "You run this place, whoever you are")
        return
    member = bot.get_chat_member(message.chat.id, message.from_user.id)
    runs = member.status in {"creator", "administrator"}
    say(message, "You run this place" if runs else "Only administrators may")


@bot.message_handler(commands=["topic"])
def topic(message: types.Message) -> None:
    made = bot.create_forum_topic(message.chat.id, util.extract_arguments(message.text))
    bot.send_message(message.chat.id, f"Here is {made.name}", message_thread_id=made.message_thread_id)


@bot.message_handler(commands=["copy"])
def copy(message: types.Message) -> None:
    replied = message.reply_to_message
    bot.copy_message(message.chat.id, message.chat.id, replied.message_id)
    bot.forward_message(message.chat.id, message.chat.id, replied.message_id)


@bot.message_handler(commands=["invite"])
def invite(message: types.Message) -> None:
    link = bot.create_chat_invite_link(message.chat.id, name="Friends", creates_join_request=True)
    say(message, link.invite_link)


@bot.chat_join_request_handler()
def join_request(request: types.ChatJoinRequest) -> None:
    bot.approve_chat_join_request(request.chat.id, request.from_user.id)


@bot.message_handler(content_types=["new_chat_members"])
def welcome(message: types.Message) -> None:
    names = ", ".join(person.first_name for person in message.new_chat_members if not person.is_bot)
    if names:
        say(message, f"Welcome, {names}!")


@bot.message_handler(content_types=["left_chat_member"])
def goodbye(message: types.Message) -> None:
    if not message.left_chat_member.is_bot:
        say(message, f"Goodbye, {message.left_chat_member.first_name}.")


@bot.chat_member_handler()
def member(change: types.ChatMemberUpdated) -> None:
    new = change.new_chat_member
    bot.send_message(change.chat.id, f"{new.user.first_name}: {change.old_chat_member.status} to {new.status}")


@bot.my_chat_member_handler(func=lambda change: change.chat.type != "private")
def own_place(change: types.ChatMemberUpdated) -> None:
    if change.new_chat_member.status not in {"left", "kicked"}:
        bot.send_message(change.chat.id, f"I am {change.new_chat_member.status} here")


@bot.message_reaction_handler(func=lambda _: True)
def reaction(change: types.MessageReactionUpdated) -> None:
    new = [one.emoji for one in change.new_reaction if isinstance(one, types.ReactionTypeEmoji)]
    if new:
        bot.set_message_reaction(change.chat.id, change.message_id, [types.ReactionTypeEmoji("👀")])
        bot.send_message(change.chat.id, f"{change.user.first_name}: {''.join(new)}")


@bot.message_handler(commands=["poll"])
def poll(message: types.Message) -> None:
    options = [types.InputPollOption(text) for text in DRINKS]
    polls[message.chat.id] = bot.send_poll(message.chat.id, "Tea or coffee?", options, is_anonymous=False).message_id


@bot.poll_answer_handler()
def poll_answer(answer: types.PollAnswer) -> None:
    chosen = ", ".join(DRINKS[number] for number in answer.option_ids)
    bot.send_message(answer.user.id, f"You chose {chosen}" if chosen else "You took it back")


@bot.message_handler(commands=["endpoll"])
def end_poll(message: types.Message) -> None:
    closed = bot.stop_poll(message.chat.id, polls[message.chat.id])
    say(message, f"Votes: {closed.total_voter_count}")


@bot.inline_handler(func=lambda _: True)
def inline(query: types.InlineQuery) -> None:
    content = types.InputTextMessageContent(f"{query.query}!")
    article = types.InlineQueryResultArticle(
        "say", f"Say {query.query}", content, reply_markup=keyboard("Again", "again")
    )
    bot.answer_inline_query(query.id, [article], cache_time=0, is_personal=True)


@bot.chosen_inline_handler(func=lambda _: True)
def chosen(result: types.ChosenInlineResult) -> None:
    bot.edit_message_text(
        f"{result.query}! Chosen.", inline_message_id=result.inline_message_id,
        reply_markup=keyboard("Again", "again"),
    )  # fmt: skip


@bot.callback_query_handler(func=lambda call: call.data == "again")
def again(call: types.CallbackQuery) -> None:
    bot.edit_message_text("Once more!", inline_message_id=call.inline_message_id)
    bot.answer_callback_query(call.id)


@bot.message_handler(commands=["buy"])
def buy(message: types.Message) -> None:
    payload = util.extract_arguments(message.text)
    bot.send_invoice(
        message.chat.id, "Tea", "A cup of tea", payload, provider_token=None, currency="XTR",
        prices=[types.LabeledPrice("Tea", 5)],
    )  # fmt: skip


@bot.pre_checkout_query_handler(func=lambda _: True)
def pre_checkout(query: types.PreCheckoutQuery) -> None:
    if query.invoice_payload == "tea":
        bot.answer_pre_checkout_query(query.id, ok=True)
    else:
        bot.answer_pre_checkout_query(query.id, ok=False, error_message="Sold out")


@bot.message_handler(content_types=["successful_payment"])
def paid(message: types.Message) -> None:
    charges[message.chat.id] = message.successful_payment.telegram_payment_charge_id
    say(message, f"Paid {message.successful_payment.total_amount}")


@bot.message_handler(commands=["refund"])
def refund(message: types.Message) -> None:
    if bot.refund_star_payment(message.from_user.id, charges[message.chat.id]):
        say(message, "Returned")


@bot.edited_message_handler(content_types=["text"])
def edited(message: types.Message) -> None:
    bot.reply_to(message, f"Changed to: {message.text}")


@bot.channel_post_handler(content_types=["text"])
def post(message: types.Message) -> None:
    bot.reply_to(message, f"Seen: {message.text}")


def tell(chat_id: str, text: str) -> str:
    """Write to somebody; how it went."""
    try:
        bot.send_message(chat_id, text, parse_mode="HTML")
    except apihelper.ApiTelegramException as error:
        parameters = error.result_json.get("parameters", {})
        if error.error_code == 429:
            return f"429 wait {parameters['retry_after']}"
        if "migrate_to_chat_id" in parameters:
            return f"400 moved to {parameters['migrate_to_chat_id']}"
        return f"{error.error_code} {error.description}"
    return "Told"


@bot.message_handler(commands=["tell"])
def tell_somebody(message: types.Message) -> None:
    chat_id, _, text = util.extract_arguments(message.text).partition(" ")
    say(message, tell(chat_id, text))


class WebhookHandler(BaseHTTPRequestHandler):
    """Takes what Telegram posts."""

    def do_POST(self) -> None:
        """One update."""
        right = self.headers.get("X-Telegram-Bot-Api-Secret-Token") == SECRET
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200 if right else 403)
        self.end_headers()
        if right:
            bot.process_new_updates([types.Update.de_json(body.decode("utf-8"))])


def main() -> None:
    """Run until the process is ended."""
    bot.remove_webhook()
    if MODE == "webhook":
        server = ThreadingHTTPServer(("127.0.0.1", PORT), WebhookHandler)
        bot.set_webhook(f"http://127.0.0.1:{PORT}/webhook", secret_token=SECRET, allowed_updates=util.update_types)
        server.serve_forever()
    else:
        bot.infinity_polling(allowed_updates=util.update_types)


if __name__ == "__main__":
    main()
