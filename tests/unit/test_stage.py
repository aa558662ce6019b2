"""The stage on which suspects run apart: for how long each has it."""

from __future__ import annotations

import pytest

from astral_core.inbox.lane import Lane
from astral_core.inbox.stage import LEAD, Stage


@pytest.mark.parametrize(("hurry", "most"), [(True, 4.0), (False, 15.0)])
def test_however_many_suspects_wait_the_last_one_begins_soon(hurry: bool, most: float) -> None:
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
