"""Metrics that stay few, counting that stays cheap, log lines that stay rare and whole."""

from __future__ import annotations

import io
import json
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from astral_core import Handled
from astral_core.botapi.table import update_kinds
from astral_core.observe import logs
from astral_core.observe.logs import JsonFormatter, LogThrottle, TextFormatter, redact
from astral_core.observe.metrics import Metrics, known_kind
from astral_core.observe.redactor import Redactor

NAMES = (
    "astral_inbox_oldest_pending_seconds astral_dead_letters astral_fenced_total astral_takeovers_total "
    "astral_outbox_pending astral_outbox_doubtful_total astral_telegram_requests_total "
    "astral_telegram_request_seconds astral_ingest_commit_seconds astral_lanes_owned astral_db_pool_in_use "
    "astral_replicas astral_build_info astral_event_loop_lag_seconds astral_update_wait_seconds "
    "astral_handler_seconds"
)


def test_every_metric_is_there_with_its_help() -> None:
    """An owner's dashboard finds each by name from the first scrape on, and what it means."""
    shown = Metrics().render().decode()
    helps = {line.split()[2]: line.split(maxsplit=3)[3] for line in shown.splitlines() if line.startswith("# HELP")}
    for name in NAMES.split():
        assert name in helps
    assert all(len(text) > 8 and not text.endswith(".") for text in helps.values())
    assert 'astral_build_info{python="' in shown


def test_every_kind_of_update_has_a_label() -> None:
    """All that the Bot API's table has."""
    assert [kind for kind in update_kinds() if known_kind(kind) != kind] == []


@given(st.text(max_size=40))
def test_unknown_kinds_share_one_label(kind: str) -> None:
    """The Bot API's own keep their names; all others are "other", however many are invented."""
    assert known_kind(kind) in {"other", kind}
    assert known_kind(f"new_{kind}") == "other"
    for own in ("message", "callback_query", "step"):
        assert known_kind(own) == own


def test_rows_of_one_route_are_counted_apart_by_outcome() -> None:
    """The remembered series are those that the labels say: no row is counted for another route or outcome."""
    metrics = Metrics()
    rows = [("moon", "again", "ok"), ("moon", "again", "dead"), ("moon", "other", "ok"), ("sun", "again", "ok")]
    for times, (plugin, route, outcome) in enumerate(rows, 1):
        for _ in range(times):
            metrics.handled(
                Handled(plugin=plugin, route=route, kind="text", outcome=outcome, ms=1000.0, wait_ms=1.0, at=0.0)
            )
    shown = metrics.render().decode()
    for times, (plugin, route, outcome) in enumerate(rows, 1):
        line = f'astral_updates_done_total{{outcome="{outcome}",plugin="{plugin}",route="{route}"}} {times}.0'
        assert line in shown
    assert 'astral_handler_seconds_sum{plugin="moon",route="again"} 3.0' in shown
    assert "astral_update_wait_seconds_count 10.0" in shown


def test_a_line_that_anybody_can_cause_comes_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first one at once; the next says how many were left out, and counts anew."""
    now = 100.0
    monkeypatch.setattr(logs.time, "monotonic", lambda: now)
    throttle = LogThrottle(60.0)
    assert [throttle() for _ in range(4)] == [0, None, None, None]
    now = 160.0
    assert [throttle() for _ in range(2)] == [3, None]
    now = 220.0
    assert throttle() == 1


def formatted(as_json: bool, secret: str, message: str, *args: Any) -> str:
    """The line that the formatter makes."""
    formatter = JsonFormatter(Redactor([secret])) if as_json else TextFormatter(Redactor([secret]))
    return formatter.format(logging.LogRecord("x", logging.INFO, "f.py", 1, message, args, None))


@pytest.mark.parametrize("as_json", [False, True])
def test_a_line_that_cannot_be_formatted_is_shown_without_its_secret(as_json: bool) -> None:
    """logging itself would write the arguments to stderr, past the redactor."""
    line = formatted(as_json, "very-secret-value", "%d of %d", "very-secret-value")
    assert "cannot be formatted" in line
    assert "very-secret-value" not in line


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize(
    "spelling", ["pass/word +%", "pass/word%20%2B%25", "pass%2Fword%20%2B%25", "pass%2Fword+%2B%25"]
)
def test_a_secret_is_hidden_however_a_url_spells_it(as_json: bool, spelling: str) -> None:
    """Passwords stand in database URLs, tokens in the Bot API's."""
    assert spelling not in formatted(as_json, "pass/word +%", "see %s", f"db://bot:{spelling}@host")
    assert "AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0" not in formatted(
        as_json, "other-secret", "see %s", "https://api/bot1234567%3AAAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0/x"
    )


def test_json_lines_are_json_whatever_is_logged() -> None:
    """Numbers that JSON has not, foreign objects, lone surrogates, tuples."""
    record = logging.LogRecord("x", logging.INFO, "f.py", 1, "bad \ud800", None, None)
    vars(record).update(nan=float("nan"), big=2**70, thing=object, pair=(1, "two"))
    line = json.loads(JsonFormatter(Redactor()).format(record))
    assert (line["message"], line["nan"], line["pair"]) == ("bad \\ud800", None, [1, "two"])


def test_the_clock_of_the_lines_goes_on() -> None:
    """The written second is remembered, and no longer than it lasts."""
    formatter = TextFormatter(Redactor())
    record = logging.LogRecord("x", logging.INFO, "f.py", 1, "hi", None, None)
    shown = []
    for created in (1_700_000_000.0, 1_700_000_000.9, 1_700_000_001.0, 1_699_999_999.0):
        record.created = created
        shown.append(formatter.format(record)[6:8])
    assert shown == ["20", "20", "21", "19"]


def test_what_is_kept_elsewhere_is_redacted_as_the_log_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """One set of secrets for the process; what looks like a bot's token is hidden also where none was told."""
    assert redact("bot1234567:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0 failed") == "bot[hidden] failed"
    root = logging.getLogger()
    kept, level = root.handlers[:], root.level
    monkeypatch.setattr(logs, "_redactor", Redactor())
    try:
        logs.configure_logging(["the-webhooks-secret"], level=level, stream=io.StringIO())
    finally:
        root.handlers[:] = kept
    assert redact("it is the-webhooks-secret") == "it is [hidden]"
