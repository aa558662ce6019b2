"""Each part of python-telegram-bot works inside a plugin as its case shows, or is refused with what to use instead.

docs/reference/ptb.md is the table of the cases. To write it anew: ASTRAL_TEST_WRITE_TABLE=1 pytest tests/ptb.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select
from telegram import ext

from astral_core import Plugin
from astral_core.db.tables import DEAD, core_inbox
from astral_core.errors import PluginLoadError
from astral_core.host.state import LoadedPlugin
from astral_playground.testkit.bot import bot_kit
from tests.ptb.cases import Case, Stage
from tests.ptb.table import CASES, REFUSED

PAGE = Path(__file__).parents[2] / "docs/reference/ptb.md"
HEAD = """# Parts of python-telegram-bot

What a bot of python-telegram-bot uses, and how it is in a plugin ([move one in](../how-to/python-telegram-bot.md)).
A test tries each line: `python3 dev.py test tests/ptb/test_table.py`.
"""


def made(case: Case, make_plugin: Callable[..., LoadedPlugin]) -> LoadedPlugin:
    """A plugin that holds the case's bot."""
    plugin = Plugin()
    plugin.ptb(case.setup, **case.options)
    return make_plugin("guest", plugin)


@pytest.mark.parametrize("case", [pytest.param(case, id=case.what) for case in CASES if not case.refused])
async def test_it_works_as_the_table_says(
    sqlite_url: str, make_plugin: Callable[..., LoadedPlugin], case: Case
) -> None:
    """Over real HTTP, with the emulated Telegram."""
    async with bot_kit(sqlite_url, [made(case, make_plugin)]) as bot:
        bot.freeze("2026-12-01 08:00+00:00")
        assert case.script is not None
        await bot.settled()  # the webhook is set
        await case.script(Stage(bot, bot.chat("Anna")))
        rows = await bot.rows(select(core_inbox.c.seq).where(core_inbox.c.state == DEAD))
        assert not rows or case.what == "no error handler"


@pytest.mark.parametrize("case", [pytest.param(case, id=case.what) for case in CASES if case.refused])
async def test_it_is_refused_when_it_is_declared(
    sqlite_url: str, make_plugin: Callable[..., LoadedPlugin], case: Case
) -> None:
    """The error names what to use instead."""
    with pytest.raises(PluginLoadError) as caught:
        async with bot_kit(sqlite_url, [made(case, make_plugin)]):
            pass
    assert case.refused in str(caught.value)


def test_the_page_is_what_the_cases_say() -> None:
    """No line of the table stands there without a case."""
    text = [HEAD]
    for section in dict.fromkeys(case.section for case in CASES):
        instead = "instead" if section == REFUSED else "in a plugin"
        text.append(f"## {section}\n\n| of the library | {instead} |\n| --- | --- |")
        text += [f"| {case.what} | {case.note} |" for case in CASES if case.section == section]
        text.append("")
    page = "\n".join(text)
    if os.environ.get("ASTRAL_TEST_WRITE_TABLE"):
        PAGE.write_text(page, encoding="utf-8")
    assert PAGE.read_text("utf-8") == page


def test_each_handler_of_the_library_is_in_the_table() -> None:
    """One that a new version brings has to be tried."""
    told = " ".join(case.what for case in CASES)
    names = {name for name in ext.__all__ if name.endswith("Handler") and name != "BaseHandler"}
    assert {name for name in names if name not in told} == set()


def test_each_way_to_make_a_job_is_in_the_table() -> None:
    """The same of the job queue."""
    told = " ".join(case.what for case in CASES)
    assert {name for name in vars(ext.JobQueue) if name.startswith("run_") and name not in told} == set()
