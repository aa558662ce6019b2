"""The stage on which suspects run apart: for how long each has it."""

from __future__ import annotations

import asyncio

import pytest

from astral_core.inbox import stage as stage_module
from astral_core.inbox.lane import Lane
from astral_core.inbox.stage import LEAD, Stage


@pytest.mark.parametrize(("hurry", "most"), [(True, 4.0), (False, 15.0)])
async def test_however_many_suspects_wait_the_last_one_begins_soon(hurry: bool, most: float) -> None:
    """Two hundred of them, of a plugin that hung when the process died: other chats wait behind them."""
    stage, seconds = Stage(), 0.0
    for number in range(200):
        stage.wait(Lane(number, wake=lambda: None))
    for _ in range(200):
        ticket = stage.enter()
        assert ticket is not None
        seconds += stage.lead(hurry=hurry)
        stage.leave(ticket)
    assert seconds < most
    assert stage.lead(hurry=False) == LEAD


async def test_who_is_called_and_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first of those who wait was cancelled meanwhile: the next one is called all the same."""
    monkeypatch.setattr(stage_module, "LEAD", 0.01)
    stage, called, last = Stage(), list[int](), asyncio.Event()
    ticket = stage.enter()
    assert ticket is not None

    def call(number: int) -> None:
        called.append(number)
        if number == 2:
            last.set()

    for number in range(3):
        stage.wait(Lane(number, wake=lambda number=number: call(number)))  # type: ignore[misc]
    stage.leave(ticket)
    await last.wait()
    assert called == [0, 1, 2]
