"""The game: in a group by /quiz, in any chat through inline mode. Everybody may press every button."""

from typing import Any

from astral_core import CHAT_ADMIN, GROUP, N_, Button, Context, Markup, Refuse, Routes, View, html
from sqlalchemy import Row

from astral_quiz import store
from astral_quiz.questions import QUESTIONS

CHOICES = 3
routes = Routes()


# --- start and stop


@routes.command("quiz", description=N_("Play a quiz together"), chat=GROUP)
async def quiz(ctx: Context) -> None:
    """Start a game in the group; where one is running, show its question again."""
    game = await store.start(ctx, str(ctx.chat.id), ctx.language)
    ctx.reply(question_text(ctx, game), question_buttons(ctx, game))


@routes.command("stopquiz", description=N_("End the quiz, for administrators"), chat=GROUP, role=CHAT_ADMIN)
async def stopquiz(ctx: Context) -> None:
    """End the group's game and show its points."""
    game = await store.stop(ctx.session, str(ctx.chat.id))
    if game is None:
        raise Refuse(N_("No quiz is running here."))
    ctx.reply(await result_text(ctx, game))


@routes.command("scores", description=N_("Who knows most in this group"), chat=GROUP)
async def scores(ctx: Context) -> None:
    """Show the points of all games in the group."""
    found = await store.points(ctx.session, place=str(ctx.chat.id))
    title = ctx.t("<b>All quizzes of this group</b>")
    ctx.reply(html("{title}\n\n{table}", title=title, table=table(ctx, ctx.language, found)))


@routes.callback("begin", chat=GROUP)
async def begin(ctx: Context) -> None:
    """Start the game of a message that was sent through the bot."""
    game = await store.start(ctx, place_of(ctx), ctx.language)
    ctx.edit(question_text(ctx, game), question_buttons(ctx, game))


@routes.inline()
async def offer(ctx: Context, _query: View) -> None:
    """Answer `@bot` in the text field of any chat with a message whose button starts a game there."""
    start = [[ctx.button(N_("Start"), begin())]]
    about = N_("Play a quiz together")
    ctx.answer_inline([ctx.inline_article("quiz", N_("Quiz"), N_("Who knows the sky?"), start, description=about)])


# --- the game


@routes.callback("answer/{game:int}/{pick:int}", answer="manual", chat=GROUP)
async def answer(ctx: Context, game: int, pick: int) -> None:
    """Take one answer of each person; `pick` is the question's number and the choice in one, since data is short."""
    number, choice = divmod(pick, CHOICES)
    found = await store.running(ctx.session, game, place_of(ctx), number)
    if found is None:
        ctx.answer(N_("This question is over."))
        return
    is_right = choice == QUESTIONS[number].right
    if not await store.answer(ctx, found, ctx.user.id, is_right=is_right):
        ctx.answer(N_("You have answered already."))
    elif is_right:
        ctx.answer(N_("Right! One point for you."))
    else:
        ctx.answer(N_("No, sorry."))


@routes.callback("next/{game:int}/{number:int}", chat=GROUP)
async def proceed(ctx: Context, game: int, number: int) -> None:
    """Show the next question, or after the last one the points. Who presses second changes nothing."""
    found = await store.running(ctx.session, game, place_of(ctx), number)
    over = number + 1 == len(QUESTIONS)
    moved = await store.move_on(ctx.session, found, over=over) if found is not None else None
    if moved is None:
        return
    if over:
        ctx.edit(await result_text(ctx, moved))
    else:
        ctx.edit(question_text(ctx, moved), question_buttons(ctx, moved))


@routes.message("migrate_from_chat_id", chat=GROUP)
async def migrated(ctx: Context) -> None:
    """Take the games along: a group has become a supergroup, which has another id."""
    await store.move(ctx.session, str(ctx.message.migrate_from_chat_id), str(ctx.chat.id))


# --- texts, in the language of the game


def question_text(ctx: Context, game: Row[Any]) -> Markup:
    """The question that the game is at."""
    t, question = ctx.texts(game.language).t, QUESTIONS[game.number]
    head = t("Question {n} of {total}", n=game.number + 1, total=len(QUESTIONS))
    return html("{head}\n\n<b>{text}</b>", head=head, text=t(question.text))


def question_buttons(ctx: Context, game: Row[Any]) -> list[list[Button]]:
    """Its answers, and the way on."""
    t, first = ctx.texts(game.language).t, game.number * CHOICES
    texts = [t(text) for text in QUESTIONS[game.number].answers]
    rows = [[ctx.button(text, answer(game=game.id, pick=first + n))] for n, text in enumerate(texts)]
    return [*rows, [ctx.button(t("Next ›"), proceed(game=game.id, number=game.number))]]


async def result_text(ctx: Context, game: Row[Any]) -> Markup:
    """The points of a game."""
    found = await store.points(ctx.session, game_id=game.id)
    title = ctx.texts(game.language).t("<b>The quiz is over</b>")
    return html("{title}\n\n{table}", title=title, table=table(ctx, game.language, found))


def table(ctx: Context, language: str, found: list[tuple[str, int]]) -> Markup:
    """Names and points, a person a line."""
    texts = ctx.texts(language)
    lines = [texts.nt("{name}: {n} point", "{name}: {n} points", n, name=name) for name, n in found]
    return Markup("\n").join(lines) or texts.t("Nobody has a point yet.")


# --- who and where


def place_of(ctx: Context) -> str:
    """Where a pressed game is: a group, or a message that was sent through the bot into a chat it does not know."""
    return ctx.query.inline_message_id or str(ctx.chat.id)
