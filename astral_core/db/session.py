"""The session of one unit of work: SQLAlchemy's, opened at first use, closed for good at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session as SyncSession

from astral_core.db.engine import Database, WriteMark, mark_writes
from astral_core.errors import SessionClosed


class _MarkedSession(SyncSession):
    """The synchronous half, with its connection marked when it begins."""


@event.listens_for(_MarkedSession, "after_begin")
def _after_begin(session: SyncSession, transaction: Any, connection: Connection) -> None:
    del transaction
    mark_writes(connection, session.info["mark"])


class Session(AsyncSession):
    """`sqlalchemy.ext.asyncio.AsyncSession` that knows whether it wrote and whose it is.

    It takes no connection before its first statement. After `close` every use raises `SessionClosed`.
    """

    sync_session_class = _MarkedSession

    def __init__(self, database: Database, owner: str) -> None:
        self.mark = WriteMark()
        self.owner = owner
        super().__init__(database.engine, expire_on_commit=False, close_resets_only=False, info={"mark": self.mark})

    @property
    def wrote(self) -> bool:
        """Whether a statement other than a plain SELECT was executed, or objects wait to be flushed."""
        sync = self.sync_session
        return self.mark.wrote or bool(sync.new or sync.dirty or sync.deleted)

    async def execute(self, *args: Any, **kwargs: Any) -> Any:
        """As SQLAlchemy's; SessionClosed after the end of the unit of work."""
        with self._say_whose():
            return await super().execute(*args, **kwargs)

    async def scalar(self, *args: Any, **kwargs: Any) -> Any:
        """As SQLAlchemy's; SessionClosed after the end of the unit of work."""
        with self._say_whose():
            return await super().scalar(*args, **kwargs)

    async def scalars(self, *args: Any, **kwargs: Any) -> Any:
        """As SQLAlchemy's; SessionClosed after the end of the unit of work."""
        with self._say_whose():
            return await super().scalars(*args, **kwargs)

    @contextmanager
    def _say_whose(self) -> Iterator[None]:
        try:
            yield
        except InvalidRequestError as error:
            if "permanently closed" not in str(error):
                raise
            raise SessionClosed(
                f"plugin {self.owner!r} used its session after its handler ended. Fix: finish all database "
                "work inside the handler, or put it into a step with ctx.defer."
            ) from error
