"""Games, and who answered what in them."""

from astral_core import Serial, UtcDateTime, core_users, now, plugin_metadata
from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, String, Table

metadata = plugin_metadata("quiz")

games = Table(
    "quiz_games",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("place", String(64), nullable=False),  # a group's id, or that of a message sent through the bot
    Column("language", String(16), nullable=False),  # of who started it: all of the group read the same
    Column("number", Integer, nullable=False, default=0),  # of the question, from 0
    Column("started_at", UtcDateTime, nullable=False, default=now),
    Column("over_at", UtcDateTime),
)
is_running = games.c.over_at.is_(None)
# One game at a time in a place, also where two people start it at once.
Index("ux_quiz_games_place", games.c.place, unique=True, sqlite_where=is_running, postgresql_where=is_running)

answers = Table(
    "quiz_answers",
    metadata,
    # The key is the rule of the game: one answer, and so at most one point, a person and question.
    Column("game_id", BigInteger, ForeignKey(games.c.id), primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("user_id", ForeignKey(core_users.c.id), primary_key=True, autoincrement=False, index=True),
    Column("is_right", Boolean, nullable=False),
)
