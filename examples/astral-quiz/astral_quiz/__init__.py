"""Astral plugin: a quiz for groups, also through inline mode."""

from astral_core import N_, Plugin, Tables

from astral_quiz import game
from astral_quiz.tables import metadata

plugin = Plugin(
    tables=Tables(metadata),
    routes=[game.routes],
    about=N_("I hold a quiz in your group."),
    personal=N_("Which questions you answered, and whether rightly: for the score."),
)
