"""The session of one unit of work: SQLAlchemy's, opened at first use, closed for good at the end."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session as SyncSession
from sqlalchemy.orm import SessionTransaction
from sqlalchemy.util.concurrency import in_greenlet

from astral_core.db.engine import Database, WriteMark, mark_writes
from astral_core.errors import HandlerError, SessionClosed


class _MarkedSession(SyncSession):
    """The synchronous half: its connection is marked when it begins, its end is final."""

    def _autobegin_t(self, begin: bool = False) -> SessionTransaction:  # what every way to the database passes
        try:
            return super()._autobegin_t(begin)
        except InvalidRequestError as error:
            if "permanently closed" not in str(error):
                raise
            raise SessionClosed(
                f"plugin {self.info['owner']!r} used its session after its handler ended. Fix: finish all database "
                "work inside the handler, or put it into a step with ctx.defer."
            ) from error

    def get_bind(self, *args: Any, **kwargs: Any) -> Any:
        """The engine; asked for before each connection is taken, and so the place to wait for one's turn."""
        if in_greenlet():
            self._autobegin_t()  # refuses a closed session before it takes a place that nobody would give back
            self.info["permit"].take()
        return super().get_bind(*args, **kwargs)


@event.listens_for(_MarkedSession, "after_transaction_end")
def _after_end(session: SyncSession, transaction: SessionTransaction) -> None:
    if transaction.parent is None:  # the connection went back to the pool
        session.info["permit"].release(collided=session.info["mark"].collided)


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
        self.mark = WriteMark(owner)
        self.owner = owner
        info = {"mark": self.mark, "owner": owner, "permit": database.permit(owner)}
        super().__init__(database.engine, expire_on_commit=False, close_resets_only=False, info=info)

    async def commit(self) -> None:
        """Refused: a commit in the middle of a handler would stay when the handler fails and runs again."""
        raise HandlerError(
            f"plugin {self.owner!r} commits its session. Fix: leave it out; the core commits what the handler wrote, "
            "recorded and answered, together."
        )

    async def commit_unit(self) -> None:
        """Commit, for the unit of work whose session this is."""
        await super().commit()

    async def close(self) -> None:
        """Roll back what was not committed, and give the connection back."""
        try:
            await super().close()
        finally:
            self.info["permit"].release()

    @property
    def wrote(self) -> bool:
        """Whether a statement other than a plain SELECT was executed, or objects wait to be flushed."""
        return self.mark.wrote or self.unflushed

    @property
    def unflushed(self) -> bool:
        """Whether objects wait to be written."""
        sync = self.sync_session
        return bool(sync.new or sync.dirty or sync.deleted)
