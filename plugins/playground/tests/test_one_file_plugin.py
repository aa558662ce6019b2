"""The playground with a plugin in one file: no package, no token, no account."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from astral_playground.testkit.ports import free_port

HELLO = Path(__file__).resolve().parents[3] / "examples" / "hello.py"


@pytest.mark.rest
@pytest.mark.long
async def test_it_runs_beside_the_installed_ones(tmp_path: Path) -> None:
    """The bot behind the page names it among its plugins, and Ctrl-C ends both."""
    log = tmp_path / "playground.log"
    data = str(tmp_path / "data")
    command = [sys.executable, "-m", "astral_playground", "--port", str(free_port()), "--data", data,
               "--plugin", str(HELLO)]  # fmt: skip
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(*command, stdout=output, stderr=output, env={**os.environ})
    try:
        async with asyncio.timeout(60):
            while "ready: @" not in (text := log.read_text(encoding="utf-8")):
                assert process.returncode is None, text
                await asyncio.sleep(0.05)
        ready = next(line for line in text.splitlines() if "ready: @" in line)
        assert ready.endswith("hello")
        assert "natal" in ready
    finally:
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
