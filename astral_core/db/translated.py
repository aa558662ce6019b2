"""SQLAlchemy's errors for those of asyncpg, where statements go to it directly: the core knows one kind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError, OperationalError


@contextmanager
def translated(name: str) -> Iterator[None]:
    """Translate what is raised inside; `name` says who asked.

    A replica that was declared dead may not claim lanes (the foreign key refuses it): that passes when it has
    registered anew, and so counts as the database's condition.
    """
    try:
        yield
    except (asyncpg.InterfaceError, OSError) as error:
        raise OperationalError(name, None, error, hide_parameters=True) from error
    except asyncpg.PostgresError as error:
        passing = str(error.sqlstate or "").startswith(("08", "57", "23503"))
        kind = OperationalError if passing else DBAPIError
        raise kind(name, None, error, hide_parameters=True) from error
