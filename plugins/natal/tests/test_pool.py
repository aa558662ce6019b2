"""Drawing leaves the bot's process, and the loop goes on meanwhile."""

from __future__ import annotations

import asyncio
import itertools
import os
import pickle
import subprocess
import sys
import time

import pytest

from astral_core import limits, text_length
from astral_core.process_pool import ProcessPool
from astral_natal.compute import compute_chart
from astral_natal.engine import ENGINE
from astral_natal.handlers.chart import GLYPHS
from astral_natal.model import ChartRequest
from astral_natal.render import LABELS, THEMES
from astral_natal.render.symbols import BODIES
from astral_natal.service import ENGINE as ENGINE_NAME
from astral_natal.service import THEMES as THEME_NAMES
from astral_natal.worker import PictureWords, draw, reading_messages

REQUEST = ChartRequest(2448057.9375, 55.75204, 37.61781)
WORDS = PictureWords("Анна", ("15 июня 1990, 14:30 (UTC+4) · Москва, Россия",), "night", "ru")
HEAVY = ("numpy", "skyfield", "resvg_py", "tzfpy", "rapidfuzz", "babel", "astral_natal.render", "astral_natal.engine")


def drawn_where() -> tuple[int, bytes]:
    """Draw, and tell in which process."""
    return os.getpid(), draw(REQUEST, WORDS).png


@pytest.fixture
async def cpu():
    """A pool of its own."""
    pool = ProcessPool(1)
    yield pool
    await pool.close()


@pytest.mark.rest
def test_importing_the_plugin_imports_nothing_heavy():
    """The bot's process never holds the engine, the drawing, the zone polygons or the gazetteer."""
    code = (
        "import sys, astral_natal.plugin\n"
        f"loaded = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "index = sys.modules['astral_profile.places.index']\n"
        "sys.exit(str(loaded) if loaded or index.load.cache_info().currsize else 0)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (0, "")


@pytest.mark.rest
def test_the_plugin_works_where_payments_are_not_installed():
    """Without the distribution nothing is imported from it: one subscriber, nothing owned, nothing for sale."""
    code = (
        "import sys; sys.modules['astral_payments'] = None\n"
        "import asyncio\n"
        "from astral_natal import purchases\n"
        "from astral_natal.plugin import plugin\n"
        "[event] = [declared.event for declared in plugin if hasattr(declared, 'event')]\n"
        "assert event.name == 'profile.completed'\n"
        "assert asyncio.run(purchases.owns_reading(None, 1)) is False\n"
        "assert purchases.reading_price(None) is None\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (0, "")


@pytest.mark.rest
@pytest.mark.long
async def test_drawing_leaves_the_process_and_the_loop_goes_on(cpu):
    """The picture comes from another process, and the loop's longest pause is a fraction of the time it takes."""
    await cpu.run(drawn_where)
    ratios = []
    for _ in range(2):
        beats, done = [time.perf_counter()], asyncio.Event()

        async def heart(beats=beats, done=done):
            while not done.is_set():
                await asyncio.sleep(0.001)
                beats.append(time.perf_counter())

        beating = asyncio.create_task(heart())
        await asyncio.sleep(0)
        pid, png = await cpu.run(drawn_where)
        done.set()
        await beating
        assert pid != os.getpid()
        assert png.startswith(b"\x89PNG")
        gaps = [after - before for before, after in itertools.pairwise(beats)]
        ratios.append(max(gaps) / (beats[-1] - beats[0]))
    # Drawn on the loop itself, one gap would be nearly all of the time; the better of two bears a noisy machine.
    assert min(ratios) < 0.5


def test_drawing_is_plain_data_both_ways():
    """Request, words and result survive pickling; the picture is a PNG of 1024 x 1280."""
    request, words = pickle.loads(pickle.dumps((REQUEST, WORDS)))  # noqa: S301 - our own bytes
    drawing = pickle.loads(pickle.dumps(draw(request, words)))  # noqa: S301 - our own bytes
    assert drawing.chart == compute_chart(REQUEST)
    assert drawing.png[16:24] == (1024).to_bytes(4, "big") + (1280).to_bytes(4, "big")


@pytest.mark.parametrize("language", [*LABELS, "de"])
def test_every_language_is_drawn_and_told(language):
    """An unknown language gets English words instead of an error."""
    assert draw(REQUEST, PictureWords("", (), "paper", language)).png
    messages = reading_messages(compute_chart(REQUEST), language)
    assert ("Sun" in messages[0]) is (language != "ru")
    assert all(text_length(message) <= limits.TEXT for message in messages)


def test_names_that_the_main_process_repeats_are_those_of_the_worker():
    """Engine, themes and symbols stand in two places, because one of them may not be imported: they are equal."""
    assert ENGINE_NAME == ENGINE
    assert set(THEME_NAMES) == set(THEMES)
    assert {body: BODIES[body] for body in GLYPHS} == GLYPHS
