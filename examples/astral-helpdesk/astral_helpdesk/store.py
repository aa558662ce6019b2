"""Topics and albums in the database."""

from typing import Any

from astral_core import Session
from sqlalchemy import Row, delete, func, insert, select, update

from astral_helpdesk.tables import parts, topics


async def topic_of(session: Session, user_id: int) -> Row[Any] | None:
    """The topic of a person; None who has none yet."""
    return (await session.execute(select(topics).where(topics.c.user_id == user_id))).first()


async def topic_at(session: Session, thread_id: int) -> Row[Any] | None:
    """The topic with this number; None where it is nobody's."""
    return (await session.execute(select(topics).where(topics.c.thread_id == thread_id))).first()


async def set_closed(session: Session, thread_id: int, *, closed: bool) -> bool:
    """Note that a topic is closed, or open again; False where it was so before."""
    change = update(topics).where(topics.c.thread_id == thread_id, topics.c.is_closed.is_not(closed))
    changed = change.values(is_closed=closed).returning(topics.c.thread_id)
    return (await session.execute(changed)).first() is not None


async def add_part(session: Session, chat_id: int, album: str, message_id: int) -> bool:
    """Keep a part of an album; return whether it is the first. One at a time: all come in the order of one chat."""
    others = select(func.count()).where(parts.c.chat_id == chat_id, parts.c.album == album)
    is_first = not await session.scalar(others)
    await session.execute(insert(parts).values(chat_id=chat_id, album=album, message_id=message_id))
    return is_first


async def take_parts(session: Session, chat_id: int, album: str) -> list[int]:
    """Return the parts of an album, oldest first, and forget them."""
    gone = delete(parts).where(parts.c.chat_id == chat_id, parts.c.album == album).returning(parts.c.message_id)
    return sorted((await session.scalars(gone)).all())
