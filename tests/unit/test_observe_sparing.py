"""A log that repeats itself is cut short, says so, and hides no other trouble."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from astral_core.observe.logs import TextFormatter, configure_logging
from astral_core.observe.redactor import Redactor
from astral_core.observe.sparing import EACH, LINES, TRACEBACKS, WITH_ID, SparingHandler


class Log:
    """A logger of its own that writes through a SparingHandler, and a clock that stands."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str = "astral.test") -> None:
        self.stream = io.StringIO()
        self.handler = SparingHandler(self.stream)
        self.handler.setFormatter(TextFormatter(Redactor()))
        self.log = logging.Logger(name, logging.DEBUG)  # noqa: LOG001  # nobody else gets it
        self.log.addHandler(self.handler)
        self.moment = 1000.0
        monkeypatch.setattr("astral_core.observe.sparing.time.monotonic", lambda: self.moment)

    @property
    def lines(self) -> list[str]:
        """What was written."""
        return self.stream.getvalue().splitlines()

    def trouble(self, count: int) -> None:
        """The same place complains `count` times."""
        for number in range(count):
            self.log.warning("row %d has a trouble", number)

    def fail(self, error: Exception, text: str = "row %s failed", what: object = 1) -> None:
        """A place that logs exceptions."""
        try:
            raise error  # noqa: TRY301  # the traceback's place
        except Exception:
            self.log.exception(text, what)


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[Log]:
    """A log."""
    log = Log(monkeypatch)
    yield log
    log.handler.close()


def test_the_same_trouble_is_told_once_a_minute_in_the_end(log: Log) -> None:
    """Some lines at once, then one a minute, each time with how many were left out."""
    log.trouble(2_000)
    assert len(log.lines) == LINES
    log.moment += 60
    log.trouble(2_000)
    assert len(log.lines) == LINES + 2
    assert f"{2_000 - LINES} lines like those before were left out of the log (test_obs" in log.lines[-2]
    for _ in range(60):
        log.moment += 60
        log.trouble(100)
    assert len(log.lines) == LINES + 2 + 60 * 2


def test_what_was_left_out_is_told_when_the_trouble_is_over(log: Log) -> None:
    """By the next line of anybody a minute later, and at the latest at the end."""
    log.trouble(LINES + 5)
    log.moment += 61
    log.log.warning("another thing")
    assert "5 lines like those" in log.lines[-2]
    log.trouble(LINES + 7)
    log.handler.close()
    assert "lines like those before were left out of the log" in log.lines[-1]


def test_another_trouble_is_told_all_the_same(log: Log) -> None:
    """Another line of code, another kind of error in the same line, the same kind from another place."""
    log.trouble(1000)
    log.log.warning("another thing")
    for _ in range(100):
        log.fail(ValueError("one"))
    log.fail(KeyError("another"))
    try:
        int("no number")
    except ValueError as error:
        log.fail(error)
    assert "another thing" in log.lines[LINES]
    assert sum("KeyError: 'another'" in line for line in log.lines) == 1
    assert sum("no number" in line for line in log.lines) >= 1


def test_each_failure_keeps_its_error_id_and_few_have_a_traceback(log: Log) -> None:
    """The id is what somebody looks for; the traceback of the same place is there already."""
    for number in range(WITH_ID + 10):
        log.fail(ValueError("broken"), "error %s: it failed", f"ID-{number}")
    assert sum("error ID-" in line for line in log.lines) == WITH_ID
    assert sum(line.startswith("Traceback") for line in log.lines) == TRACEBACKS
    assert sum("a traceback of the same place" in line for line in log.lines) == WITH_ID - TRACEBACKS
    log.moment += 60
    log.fail(ValueError("broken"), "error %s: it failed", "ID-later")
    assert sum(line.startswith("Traceback") for line in log.lines) == TRACEBACKS + 1


@pytest.mark.parametrize(
    ("name", "level"), [("astral.handled", logging.INFO), ("astral.plugins.moon", logging.INFO), ("x", logging.DEBUG)]
)
def test_some_lines_are_promised(monkeypatch: pytest.MonkeyPatch, name: str, level: int) -> None:
    """One for each handled row, what plugins tell, and details that somebody asked for."""
    log = Log(monkeypatch, name)
    for number in range(1000):
        log.log.log(level, "row %d", number)
    assert len(log.lines) == 1000


def test_other_handlers_get_the_traceback(log: Log) -> None:
    """What is left out is left out of this log alone."""
    seen: list[logging.LogRecord] = []

    class Other(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(record)

    log.log.addHandler(Other())
    for _ in range(TRACEBACKS + 3):
        log.fail(ValueError("broken"))
    assert all(record.exc_info for record in seen)


def test_the_log_of_a_bot_is_such_a_one() -> None:
    """It is what `configure_logging` installs."""
    root = logging.getLogger()
    kept, level = root.handlers[:], root.level
    try:
        configure_logging(stream=io.StringIO())
        assert [type(handler) for handler in root.handlers] == [SparingHandler]
    finally:
        root.handlers[:] = kept
        root.setLevel(level)


def test_lines_that_somebody_needs_one_by_one_are_all_written() -> None:
    """They say so themselves, such as those of messages that may have gone out twice."""
    stream = io.StringIO()
    log = logging.Logger("astral.inbox")  # noqa: LOG001  # nobody else gets it
    log.addHandler(SparingHandler(stream))
    for number in range(3 * LINES):
        log.warning("message %d is doubtful", number, extra={EACH: True})
    assert stream.getvalue().count("is doubtful") == 3 * LINES


def test_two_handlers_that_fail_in_the_same_library_each_have_their_traceback() -> None:
    """The way to the failure tells them apart, not its end alone."""

    def first() -> None:
        json.loads("{")

    def second() -> None:
        json.loads("{")

    stream = io.StringIO()
    log = logging.Logger("astral.inbox")  # noqa: LOG001  # nobody else gets it
    log.addHandler(SparingHandler(stream))
    for handler in (*[first] * 5, second):
        try:
            handler()
        except ValueError:
            log.exception("error %s: a row is dead", "ABCD-EFGH")
    text = stream.getvalue()
    assert text.count("in first") == TRACEBACKS
    assert text.count("in second") == 1


def test_what_cannot_even_be_shown_does_not_break_who_logs_it() -> None:
    """The message of a line may be anything."""

    class Odd:
        def __str__(self) -> str:
            raise RuntimeError("no text")

    log = logging.Logger("astral.plugins.odd")  # noqa: LOG001  # the same
    log.addHandler(SparingHandler(io.StringIO()))
    raising, logging.raiseExceptions = logging.raiseExceptions, False
    try:
        log.error(Odd())
    finally:
        logging.raiseExceptions = raising
