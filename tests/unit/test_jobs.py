"""Schedules of recurring work: slots that all replicas and all starts agree on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from astral_core.inbox.schedule import Schedule, lane_of, read_schedule
from astral_core.jobs import job_due

MOMENTS = st.floats(1.6e9, 3.8e9).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


@given(moment=MOMENTS, every=st.floats(0.05, 864_000.0))
def test_the_next_run_is_the_next_slot(moment: datetime, every: float) -> None:
    """It is later than the moment, at most one interval later, and the same for every process that asks."""
    due = Schedule(every).after(moment)
    assert moment < due <= moment + timedelta(seconds=every, microseconds=10)
    assert abs(due.timestamp() / every - round(due.timestamp() / every)) * every < 0.001


@given(every=st.floats(0.05, 864_000.0))
def test_a_schedule_survives_the_database(every: float) -> None:
    """What is stored is read as it was."""
    assert read_schedule(Schedule(every).encoded()) == Schedule(every)


def test_a_job_has_a_lane_of_its_own() -> None:
    """Below all chats; two jobs do not wait for each other."""
    digest = job_due("news.digest", 3600)
    assert digest.lane == lane_of("news.digest") < -(2**61)
    assert digest.lane != lane_of("news.other")
    assert (digest.kind, digest.payload) == ("job", '{"job":"news.digest"}')
