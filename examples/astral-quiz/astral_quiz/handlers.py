"""The game: in a group by /quiz, in any chat through inline mode. Everybody may press every button."""

from __future__ import annotations

from typing import Any

from astral_core import GROUP, Button, Context, Refuse, Routes, Update
from sqlalchemy import Row
from telegram.ext import CommandHandler, InlineQueryHandler, MessageHandler, filters

from astral_quiz import store
from astral_quiz.questions import N_, QUESTIONS

CHOICES = 3
routes = Routes()


# --- start and stop


@routes.command("quiz", description=N_("Play a quiz together"), chat=GROUP)
async def quiz(update: Update, ctx: Context) -> None:
    """Start a game in the group; where one is running, show its question again."""
    game = await store.start(ctx.session, place_of(update, ctx), ctx.language)
    ctx.reply(question_text(ctx, game), question_buttons(ctx, game))


@routes.command("stopquiz", description=N_("End the quiz, for administrators"), chat=GROUP)
async def stopquiz(update: Update, ctx: Context) -> None:
    """End the group's game and show its points."""
    if not await is_administrator(update, ctx):
        raise Refuse(ctx.t("Only administrators of the group may end the quiz."))
    game = await store.stop(ctx.session, place_of(update, ctx))
    if game is None:
        raise Refuse(ctx.t("No quiz is running here."))
    ctx.reply(await result_text(ctx, game))


@routes.command("scores", description=N_("Who knows most in this group"), chat=GROUP)
async def scores(update: Update, ctx: Context) -> None:
    """Show the points of all games in the group."""
    found = await store.points(ctx.session, place=place_of(update, ctx))
    ctx.reply(f"{ctx.t('<b>All quizzes of this group</b>')}\n\n{table(ctx, ctx.language, found)}")


@routes.callback("begin", chat=GROUP)
async def begin(update: Update, ctx: Context) -> None:
    """Start the game of a message that was sent through the bot."""
    game = await store.start(ctx.session, place_of(update, ctx), ctx.language)
    ctx.edit(question_text(ctx, game), question_buttons(ctx, game))


async def offer(update: Update, ctx: Context) -> None:
    """Answer `@bot` in the text field of any chat with a message whose button starts a game there."""
    if update.inline_query is None:
        return
    result = {
        "type": "article",
        "id": "quiz",
        "title": ctx.t("Quiz"),
        "description": ctx.t("Play a quiz together"),
        "input_message_content": {"message_text": ctx.t("Who knows the sky?")},
        "reply_markup": {"inline_keyboard": [[ctx.button(ctx.t("Start"), begin).as_json()]]},
    }
    ctx.call("answerInlineQuery", inline_query_id=update.inline_query.id, results=[result], is_personal=True)


# --- the game


@routes.callback("answer/{game:int}/{pick:int}", answer="manual", chat=GROUP)
async def answer(update: Update, ctx: Context, game: int, pick: int) -> None:
    """Take one answer of each person; `pick` is the question's number and the choice in one, since data is short."""
    number, choice = divmod(pick, CHOICES)
    found = await store.running(ctx.session, game, place_of(update, ctx), number)
    if found is None:
        ctx.answer(ctx.t("This question is over."))
        return
    is_right = choice == QUESTIONS[number].right
    if not await store.answer(ctx.session, found, ctx.user.id, is_right=is_right):
        ctx.answer(ctx.t("You have answered already."))
    elif is_right:
        ctx.answer(ctx.t("Right! One point for you."))
    else:
        ctx.answer(ctx.t("No, sorry."))


@routes.callback("next/{game:int}/{number:int}", chat=GROUP)
async def proceed(update: Update, ctx: Context, game: int, number: int) -> None:
    """Show the next question, or after the last one the points. Who presses second changes nothing."""
    found = await store.running(ctx.session, game, place_of(update, ctx), number)
    over = number + 1 == len(QUESTIONS)
    moved = await store.move_on(ctx.session, found, over=over) if found is not None else None
    if moved is None:
        return
    if over:
        ctx.edit(await result_text(ctx, moved))
    else:
        ctx.edit(question_text(ctx, moved), question_buttons(ctx, moved))


async def migrated(update: Update, ctx: Context) -> None:
    """Take the games along where a group becomes a supergroup; told in both, and done in the new one."""
    message = update.effective_message
    if message is not None and message.migrate_from_chat_id is not None:
        await store.move(ctx.session, str(message.migrate_from_chat_id), str(message.chat_id))


# --- texts, in the language of the game


def question_text(ctx: Context, game: Row[Any]) -> str:
    """The question that the game is at."""
    t, question = ctx.plugin_context().t, QUESTIONS[game.number]
    head = t(game.language, "Question {n} of {total}", n=game.number + 1, total=len(QUESTIONS))
    return f"{head}\n\n<b>{t(game.language, question.text)}</b>"


def question_buttons(ctx: Context, game: Row[Any]) -> list[list[Button]]:
    """Its answers, and the way on."""
    t, first = ctx.plugin_context().t, game.number * CHOICES
    texts = [t(game.language, text) for text in QUESTIONS[game.number].answers]
    rows = [[ctx.button(text, answer, game=game.id, pick=first + n)] for n, text in enumerate(texts)]
    return [*rows, [ctx.button(t(game.language, "Next ›"), proceed, game=game.id, number=game.number)]]


async def result_text(ctx: Context, game: Row[Any]) -> str:
    """The points of a game."""
    found = await store.points(ctx.session, game_id=game.id)
    title = ctx.plugin_context().t(game.language, "<b>The quiz is over</b>")
    return f"{title}\n\n{table(ctx, game.language, found)}"


def table(ctx: Context, language: str, found: list[tuple[str, int]]) -> str:
    """Names and points, a person a line."""
    texts = ctx.plugin_context()
    lines = [texts.nt(language, "{name}: {n} point", "{name}: {n} points", n, name=name) for name, n in found]
    return "\n".join(lines) or texts.t(language, "Nobody has a point yet.")


# --- who and where


def place_of(update: Update, ctx: Context) -> str:
    """Where a game is: the group, or the message that was sent through the bot into a chat that it does not know."""
    query = update.callback_query
    return (query.inline_message_id if query is not None else None) or str(ctx.chat_id)


async def is_administrator(update: Update, ctx: Context) -> bool:
    """Whether an administrator wrote this. An anonymous one writes as the group itself."""
    chat = update.effective_message.sender_chat if update.effective_message is not None else None
    return chat.id == ctx.chat_id if chat is not None else ctx.user.id in await ctx.administrators()


# Routes that the core has not: inline queries, the move of a group, and the commands of anonymous administrators.
_new = filters.ChatType.GROUPS & filters.UpdateType.MESSAGE
routes.raw(InlineQueryHandler(offer))
routes.raw(MessageHandler(_new & filters.StatusUpdate.MIGRATE, migrated))
routes.raw(CommandHandler("quiz", quiz, _new))
routes.raw(CommandHandler("stopquiz", stopquiz, _new))
routes.raw(CommandHandler("scores", scores, _new))
