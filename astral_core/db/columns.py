"""What every table is made of: names of constraints, times in UTC, numbers that count up."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, Dialect, Integer, MetaData, func
from sqlalchemy.types import TypeDecorator

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime in UTC on both engines; SQLite keeps it as text without a zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times: they mean something else on every machine."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("naive datetime given to a UTC column; use datetime.now(UTC)")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the zone back."""
        del dialect
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


def plugin_metadata(plugin: str) -> MetaData:
    """The MetaData of a plugin's tables: named constraints, and whose they are."""
    return MetaData(naming_convention=NAMING, info={"plugin": plugin})


def storable(text: str, width: int) -> str:
    """`text` cut to `width` characters and free of what PostgreSQL cannot hold: NUL and lone surrogates."""
    return text[:width].encode("utf-8", "replace").decode("utf-8").replace("\x00", "\ufffd")


def now() -> datetime:
    """The machine's time in UTC, aware: for the core's own books. Plugins have `astral_core.now`."""
    return datetime.now(UTC)


def shared_now(dialect: Dialect) -> Any:
    """The time for a statement, by the clock that all replicas share: the database's. SQLite's is this machine's."""
    return now() if dialect.name == "sqlite" else func.clock_timestamp()


metadata = plugin_metadata("core")
Serial = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up only INTEGER PRIMARY KEY


def created() -> Column[Any]:
    """When a row was made."""
    return Column("created_at", UtcDateTime, nullable=False, default=now)
