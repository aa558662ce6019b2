"""Fixtures: one process for each framework and way of getting updates, on which all scenarios are played.

The tests of this folder are `rest`, and skip where aiogram and pyTelegramBotAPI are not: `tox -e foreign` has them.
"""

from __future__ import annotations

import struct
import sys
import zlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import ModuleType

import pytest
import pytest_asyncio

sys.path.insert(0, str(Path(__file__).parent))  # for `foreign_kit`, which is no part of any distribution

from foreign_kit.programs import MODES, PROGRAMS, running
from foreign_kit.stage import Stage

from astral_playground.telegram import TelegramEmulator

NEEDED = ("aiogram", "telebot", "tornado")
HOW = "tox -e foreign installs what the bots of other frameworks need"


def make_png(width: int, height: int) -> bytes:
    """A grey picture, complete and valid."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + b"\x80" * width for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.fixture(scope="session")
def strict() -> ModuleType:
    """`foreign_kit.strict`: the judges; skips where aiogram is not installed."""
    for name in NEEDED:
        pytest.importorskip(name, reason=HOW)
    from foreign_kit import strict

    return strict


@pytest.fixture(scope="session")
def picture() -> bytes:
    """A PNG of 64 x 48 pixels."""
    return make_png(64, 48)


@pytest_asyncio.fixture(
    scope="session", loop_scope="session",
    params=[
        pytest.param((framework, mode), id=name, marks=pytest.mark.xdist_group(framework))
        for framework in PROGRAMS for mode in MODES for name in [f"{framework}-{mode}"]
    ],
)  # fmt: skip
async def living(
    request: pytest.FixtureRequest, strict: ModuleType, picture: bytes, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stage]:
    """A framework's bot that runs against an emulator of its own."""
    framework, mode = request.param
    folder = tmp_path_factory.mktemp(f"{framework}-{mode}")
    (folder / "picture.png").write_bytes(picture)
    async with TelegramEmulator() as tg, running(tg, framework, mode, folder) as log:
        yield Stage(tg, framework, mode, log)


@pytest.fixture
def stage(living: Stage, strict: ModuleType) -> Iterator[Stage]:
    """The stage of one scenario, whose updates both Python frameworks must read to the last member."""
    living.updates.clear()
    yield living
    wrong = [f"{one} in {update}" for update in living.updates for one in strict.complaints_about_update(update)]
    assert not wrong, "\n".join(wrong)
