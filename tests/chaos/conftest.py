"""Fixtures of the chaos tests: a stage for one crash at a time."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `chaos_kit`, which is no part of any distribution

from chaos_kit.scene import Scene, open_scene


@pytest.fixture
async def scene(zygote: subprocess.Popen[bytes], database_url: str, tmp_path: Path) -> AsyncIterator[Scene]:
    """A stage on SQLite and on PostgreSQL."""
    async with open_scene(zygote, database_url, tmp_path) as made:
        yield made


@pytest.fixture
async def sqlite_scene(zygote: subprocess.Popen[bytes], sqlite_url: str, tmp_path: Path) -> AsyncIterator[Scene]:
    """A stage on SQLite."""
    async with open_scene(zygote, sqlite_url, tmp_path) as made:
        yield made


@pytest.fixture
async def replicas_scene(zygote: subprocess.Popen[bytes], postgres_url: str, tmp_path: Path) -> AsyncIterator[Scene]:
    """A stage for several processes, on PostgreSQL."""
    async with open_scene(zygote, postgres_url, tmp_path) as made:
        yield made
