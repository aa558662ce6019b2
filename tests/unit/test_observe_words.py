"""What the update at hand says is in no log line and in no stored error."""

from __future__ import annotations

import io
import json
import logging
import time
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import quote

import pytest

from astral_core.observe.logs import configure_logging, told
from astral_core.observe.redactor import Redactor
from astral_core.observe.words import Said, said, unquoted

UPDATE = {
    "update_id": 1,
    "message": {
        "message_id": 5, "chat": {"id": 7, "type": "private"},
        "from": {"id": 7, "first_name": "Ксения", "last_name": "Li", "username": "xenia_l"},
        "text": "/born 31.12.1899 in Zürich,\nnear the Schauspielhaus", "location": {"latitude": 47.3651},
        "contact": {"phone_number": "+41791234567"},
    },
}  # fmt: skip


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """The log, while an update is being handled; afterwards all is as it was."""
    root, stream = logging.getLogger(), io.StringIO()
    kept, level = root.handlers[:], root.level
    configure_logging(stream=stream)
    token = said.set(Said(json.dumps(UPDATE)))
    yield stream
    said.reset(token)
    root.handlers[:] = kept
    root.setLevel(level)


def fail(what: str) -> None:
    """Fail as plugins do."""
    raise ValueError(what)


QUOTES = {
    "the text": "bad date '31.12.1899'",
    "its repr": f"cannot read {UPDATE['message']['text']!r}",
    "its JSON": f"cannot send {json.dumps(UPDATE['message']['text'])}",
    "its bytes": f"cannot decode {'Zürich'.encode()!r}",
    "in small letters": "no place is called 'zürich'",
    "a name": "Ксения Li (@xenia_l) has no chart",
    "a name in JSON": f"{json.dumps('Ксения')} has no chart",
    "a phone number": "no such number: +41791234567",
    "a place": "47.3651 is no longitude",
}
NEEDLES = ("31.12", "1899", "rich", "Schauspielhaus", "Ксения", "\\u041a", "Li ", "xenia_l", "41791234567", "3651")


@pytest.mark.parametrize("quoting", QUOTES.values(), ids=QUOTES.keys())
@pytest.mark.parametrize("as_json", [False, True])
def test_an_exception_quotes_nobody(stream: io.StringIO, quoting: str, as_json: bool) -> None:
    """Neither in the log, also where it was raised from another one that quotes, nor where it is stored."""
    configure_logging(stream=stream, as_json=as_json)
    try:
        try:
            fail(quoting)
        except ValueError as error:
            stored = told(error)
            raise LookupError(f"wrapped: {error}") from error
    except LookupError as error:
        error.add_note(quoting)
        logging.getLogger("astral.inbox").exception("row 5 is dead")
    for output in (stream.getvalue(), stored):
        assert not [needle for needle in NEEDLES if needle in output], output
    assert stored.startswith("ValueError: ")
    for useful in ("row 5 is dead", "LookupError: wrapped", "fail(quoting)", "test_observe_words.py"):
        assert useful in stream.getvalue()


def test_a_line_of_a_plugin_quotes_nobody(stream: io.StringIO) -> None:
    """Arguments, whole messages and extras lose what the update says; the plugin's own words and numbers stay."""
    log = logging.getLogger("astral.plugins.moon")
    text = UPDATE["message"]["text"]
    log.warning("cannot read %r of number %d", text, 12)
    log.warning(f"this is {text}")  # somebody will
    log.warning("%(what)s is bad", {"what": text}, extra={"text": text})
    logging.getLogger("some.library").error("parse error in %s", text)
    with suppress(TypeError):  # pytest's own handler raises, ours does not
        log.warning("%d", text)
    assert not [needle for needle in NEEDLES if needle in stream.getvalue()]
    assert "cannot read" in stream.getvalue()
    assert "of number 12" in stream.getvalue()
    assert "parse error in" in stream.getvalue()


def test_what_was_formatted_before_is_formatted_anew(stream: io.StringIO) -> None:
    """Another handler leaves its text of the exception on the record; it is not taken over."""
    record = logging.makeLogRecord({"name": "astral.inbox", "msg": "dead", "levelno": logging.ERROR})
    try:
        fail(QUOTES["the text"])
    except ValueError as error:
        record.exc_info = (type(error), error, error.__traceback__)
        record.exc_text = f"ValueError: {error}"
    logging.getLogger().handle(record)
    assert "ValueError: bad date" in stream.getvalue()
    assert "1899" not in stream.getvalue()


def test_the_core_s_own_lines_and_code_stay_readable(stream: io.StringIO) -> None:
    """Who sends the words of a line or of the code does not take them out of there."""
    said.set(
        Said(json.dumps({"update_id": 1, "message": {"text": "error payments dead fail raise ValueError what"}}))
    )
    try:
        fail("no payments")
    except ValueError:
        logging.getLogger("astral.inbox").exception("error %s is dead: plugin %r", "K7QM", "payments")
    assert "error K7QM is dead: plugin 'payments'" in stream.getvalue()
    assert "raise ValueError(what)" in stream.getvalue()
    assert "ValueError: no [hidden]" in stream.getvalue()


def test_the_rows_that_a_database_quotes_are_hidden() -> None:
    """PostgreSQL shows whole rows in the detail of an error: they are somebody's, of whatever update."""
    error = RuntimeError("duplicate key\nDETAIL:  Key (name)=(Anna) already exists.\n[SQL: INSERT]")
    assert told(error) == "RuntimeError: duplicate key\nDETAIL: [hidden]\n[SQL: INSERT]"


def test_the_arguments_of_a_durable_step_are_words_too() -> None:
    """A step carries what its handler was told; the names of routes are no words."""
    heard = Said(json.dumps({"route": "moon.remind", "args": {"text": "Schauspielhaus"}}))
    assert heard.hide("moon.remind cannot find Schauspielhaus") == "moon.remind cannot find [hidden]"


GLUED = {
    "a no-break space in a repr": repr("\xa0Secretov"),
    "one before a Russian word": repr("\xa0Петров"),
    "one in pure ASCII": ascii("\xa0Петров"),
    "a space without width in a repr": repr("\u200bSecretov"),
    "a repr of a repr": repr(repr("\u200bSecretov")),
    "a rare character in a repr": repr("\U000e0001Secretov"),
    "a character by its name": "\\N{NO-BREAK SPACE}Secretov",
    "JSON in JSON": json.dumps(json.dumps("\xa0Петров")),
    "a URL": "https://example.org/?q=%20Secretov",
    "a URL in a URL": "https://example.org/?next=%2520Secretov",
    "a Russian URL": f"https://example.org/{quote(' Петров')}",
    "bytes of another encoding": repr("é".encode("latin-1") + b"Secretov"),
    "bytes after bytes": repr("— Петров".encode()),
    "one name of many": "user_Secretov has no chart",
    "many of one name": "Popova has no chart",
    "no escape": "100%Achmatova",
}


@pytest.mark.parametrize("line", GLUED.values(), ids=GLUED.keys())
def test_a_word_is_found_whatever_it_is_glued_to(line: str) -> None:
    """Reprs, JSON, URLs and names with underscores put letters before a word that are none of it."""
    text = "Петров, Secretov, Achmatova"
    heard = Said(json.dumps({"update_id": 1, "message": {"text": text, "from": {"username": "Anna_Popova"}}}))
    shown = heard.hide(line)
    needles = (
        "ecretov",
        "етров",
        json.dumps("етров")[1:-1],
        quote("етров"),
        repr("етров".encode())[2:-1],
        "Popova",
        "matova",
    )
    assert "[hidden]" in shown
    assert not [needle for needle in needles if needle in shown]


@pytest.mark.parametrize("line", ["C:\\new\\folder", "100% of user_id", "a\\nb\\xa0c", "%zz \\x \\N{} \\U99999999"])
def test_what_nobody_said_stays_as_it_is(line: str) -> None:
    """Escapes are read for the comparison alone."""
    assert Said(json.dumps({"update_id": 1, "message": {"text": "Secretov"}})).hide(line) == line


def test_a_note_of_an_exception_is_hidden_whole(stream: io.StringIO) -> None:
    """A note's first word is nobody's kind of exception; the kind itself stays, also where it was said."""
    said.set(Said(json.dumps({"update_id": 1, "message": {"text": "Secretov ValueError"}})))
    try:
        fail("Secretov")
    except ValueError as error:
        error.add_note("Secretov")
        error.add_note("Secretov: not a date")
        logging.getLogger("astral.inbox").exception("row 5 is dead")
    shown = stream.getvalue().partition("raise ValueError(what)")[2]
    assert "Secretov" not in shown
    assert "ValueError: [hidden]" in shown
    assert "[hidden]: not a date" in shown


def test_an_alert_in_the_log_is_the_plugin_s_words(stream: io.StringIO) -> None:
    """The core writes it, but a plugin has worded it."""
    logging.getLogger("astral.alerts").warning("alert %s of plugin %r: %s", "late", "moon", "Schauspielhaus is away")
    assert "alert late of plugin 'moon': [hidden] is away" in stream.getvalue()


def test_escapes_cost_little() -> None:
    """A line with escapes takes some times as long as one without, also where very much was said."""
    letters = "абвгдежзийклмнопрстуфхцчшщыэюя"
    text = " ".join(letters[number % 20 :][: 3 + number % 7] + letters[number % 29] for number in range(600))
    heard = Said(json.dumps({"update_id": 1, "message": {"text": text}}))

    def seconds(line: str) -> float:
        taken = []
        for _ in range(5):
            began = time.thread_time()
            heard.hide(line)
            taken.append(time.thread_time() - began)
        return min(taken)

    plain = seconds(text)
    assert seconds("100% of it cannot be read \\n") < plain
    assert max(seconds(line) for line in (json.dumps(text), quote(text), repr(text.encode()))) < 30 * plain


def test_what_is_no_update_is_taken_word_by_word() -> None:
    """A body that is no JSON, or too deep for it, is hidden all the same."""
    for body in ("Schauspielhaus {", "[" * 100_000 + '"Schauspielhaus"'):
        assert "Schauspielhaus" not in Said(body).hide("no Schauspielhaus")


def test_telegram_s_answer_loses_what_it_quotes_of_the_message() -> None:
    """A refusal names what was wrong in the message; what remains says which kind of mistake it is."""
    params = {"chat_id": 5, "text": "Hello, Ксения", "reply_markup": {"inline_keyboard": [[{"url": "http://xenia"}]]}}
    answer = 'Bad Request: wrong HTTP URL "http://xenia" below "Hello, Ксения"'
    assert unquoted(answer, params) == 'Bad Request: wrong HTTP URL "[hidden]" below "[hidden]"'


def test_digits_cost_no_square() -> None:
    """Eight times as many digits take some eight times as long, whatever stands among them."""

    def seconds(digits: int) -> float:
        line = "%3A" + "7" * digits
        taken = []
        for _ in range(3):
            began = time.thread_time()
            Redactor()(line)
            taken.append(time.thread_time() - began)
        return min(taken)

    assert seconds(16_000) < 30 * max(seconds(2_000), 1e-5)
