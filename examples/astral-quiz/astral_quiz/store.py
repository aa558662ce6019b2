"""Games in the database. Two people may press at once: what must happen once is decided by a row or a key."""

from typing import Any

from astral_core import Session, Work, core_users, now
from sqlalchemy import Row, func, select, update

from astral_quiz.tables import answers, games, is_running


async def start(work: Work, place: str, language: str) -> Row[Any]:
    """Start a game; where one is running already, that one."""
    await work.insert_ignore(games, {"place": place, "language": language})
    return (await work.session.execute(select(games).where(games.c.place == place, is_running))).one()


async def running(session: Session, game_id: int, place: str, number: int) -> Row[Any] | None:
    """The game, if it is at this question in this place: a button may be old or forged."""
    query = select(games).where(games.c.id == game_id, games.c.place == place, games.c.number == number, is_running)
    return (await session.execute(query)).first()


async def move_on(session: Session, game: Row[Any], *, over: bool) -> Row[Any] | None:
    """Go to the next question, or end the game after the last one; None if somebody else was first."""
    now_at = {"over_at": now()} if over else {"number": game.number + 1}
    here = (games.c.id == game.id, games.c.number == game.number, is_running)
    moved: Row[Any] | None = (
        await session.execute(update(games).where(*here).values(now_at).returning(games))
    ).first()
    return moved


async def stop(session: Session, place: str) -> Row[Any] | None:
    """End the game of a place; None where none runs."""
    end = update(games).where(games.c.place == place, is_running).values(over_at=now()).returning(games)
    ended: Row[Any] | None = (await session.execute(end)).first()
    return ended


async def answer(work: Work, game: Row[Any], user_id: int, *, is_right: bool) -> bool:
    """Note a person's answer to the game's question; False where they had answered."""
    values = {"game_id": game.id, "number": game.number, "user_id": user_id, "is_right": is_right}
    return await work.insert_ignore(answers, values)


async def points(session: Session, *, place: str | None = None, game_id: int | None = None) -> list[tuple[str, int]]:
    """Names and points of a game, or of all games of a place: the best ten, most points first."""
    total = func.count().label("total")
    query = (
        select(core_users.c.first_name, total)
        .join(answers, answers.c.user_id == core_users.c.id)
        .join(games, games.c.id == answers.c.game_id)
        .where(answers.c.is_right, games.c.place == place if place is not None else games.c.id == game_id)
        .group_by(core_users.c.id, core_users.c.first_name)
        .order_by(total.desc(), core_users.c.first_name)
        .limit(10)
    )
    return [(row.first_name, row.total) for row in await session.execute(query)]


async def move(session: Session, old: str, new: str) -> None:
    """A group has become a supergroup, with another id: its games are there now."""
    await session.execute(update(games).where(games.c.place == old).values(place=new))
