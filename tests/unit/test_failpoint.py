"""Failpoints: off they cost nothing, on they do what their name says, wrong ones are refused with what is right."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from astral_core import failpoint
from astral_core.errors import ConfigError, FailpointError


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    yield
    failpoint.arm({})


def test_nothing_is_armed_without_the_variable() -> None:
    """A production process has one None to look at."""
    failpoint.arm({})
    assert failpoint.armed is None
    failpoint.hit("worker.before_commit")


def test_a_failpoint_raises_at_every_passage_or_at_the_one_named() -> None:
    """`@N` waits for the N-th passage and lets all others go."""
    failpoint.arm({"ASTRAL_FAILPOINT": "outbox.sent:raise, outbox.sending:raise@2"})
    for _ in range(2):
        with pytest.raises(FailpointError, match=r"outbox\.sent"):
            failpoint.hit("outbox.sent")
    failpoint.hit("outbox.sending")
    with pytest.raises(FailpointError):
        failpoint.hit("outbox.sending")
    failpoint.hit("outbox.sending")
    failpoint.hit("web.before_read")


@pytest.mark.parametrize("text", ["nonsense", "worker.committed", "worker.nowhere:kill", "worker.committed:sleep"])
def test_a_wrong_failpoint_is_refused_with_the_right_ones(text: str) -> None:
    """A test that misspells its failpoint must not pass because nothing happened."""
    with pytest.raises(ConfigError, match=r"is no failpoint\. Fix: .*worker\.committed"):
        failpoint.arm({"ASTRAL_FAILPOINT": text})


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Nothing but ConfigError comes out of the parser."""
    try:
        charges = failpoint.parse(text)
    except ConfigError:
        return
    assert set(charges) <= set(failpoint.NAMES)


@pytest.mark.parametrize(("action", "code"), [("kill", -9), ("sleep=0.01", 0)])
def test_kill_ends_the_process_and_sleep_holds_it(action: str, code: int) -> None:
    """`kill` is SIGKILL: no handler, no clean-up."""
    program = "from astral_core import failpoint; failpoint.hit('worker.committed')"
    environment = {"ASTRAL_FAILPOINT": f"worker.committed:{action}"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, check=False)
    assert done.returncode == code
