"""What the update at hand says: no log line and no stored error repeats it.

An exception is somebody's code talking about somebody's data: `ValueError: bad date '32.13.1990'`. The words are read
out of the update when something has failed, and only then.
"""

from __future__ import annotations

import contextvars
import json
import re
from collections.abc import Iterator
from typing import Any

HIDDEN = "[hidden]"
# Names of things, not words of a person: hiding these would hide what an owner needs to find the fault.
_TECHNICAL = frozenset({
    "type", "status", "language_code", "file_id", "file_unique_id", "chat_instance", "inline_message_id", "mime_type",
    "currency", "invoice_payload", "telegram_payment_charge_id", "provider_payment_charge_id", "data",
    "media_group_id", "query_id", "custom_emoji_id", "shipping_option_id", "callback_data",
    "parse_mode",
})  # fmt: skip
_INTERNAL = ("args", "data")  # of a durable row: what its handler is given
# As reprs, JSON and URLs spell characters and bytes, also where one of them quotes another. An escape begins with the
# first of many backslashes: looked for at each of them, they would cost their square.
_ESCAPES = (
    r"(?:(?<!\\)\\++(?:u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|[abfnrtv]|U[0-9a-fA-F]{8}|N\{[^{}\n]{1,99}\})"
    r"|%(?:25)*[0-9a-fA-F]{2})++"
)
_ESCAPED = re.compile(_ESCAPES)
_TOKEN = re.compile(rf"(?:\w++|{_ESCAPES})++")  # an escape is glued to the next word
_WORD, _PART = re.compile(r"\w+"), re.compile(r"[^\W_]+")
_QUOTED_AGAIN = re.compile(r"(?<=\\)\\+|(?<=%)(?:25)+(?=[0-9a-fA-F]{2})")
_HALVES, _WIDE = re.compile("[\ud800-\udfff]"), re.compile("[^\\x00-\xff]")
_RUN = re.compile(r"\[hidden\](?:[^\w\n\[]{1,3}\[hidden\])+")
_KIND = re.compile(r"[A-Za-z_][\w.]*(?=:|$)")  # of an exception, before its message
# PostgreSQL quotes whole rows there.
_DETAIL = re.compile(r"^DETAIL:.*$", re.MULTILINE)
_SHORT, _SHORT_NAME, _QUOTED = 4, 2, 4  # letters


class Said:
    """The texts and names of one row of the inbox, which is JSON. Reads nothing before it is asked."""

    __slots__ = ("_names", "_payload", "_words")

    def __init__(self, payload: str) -> None:
        self._payload = payload
        self._names: list[str] = []
        self._words: frozenset[str] | None = None

    def add(self, *names: str | None) -> None:
        """Names of the person that do not stand in the row."""
        self._names += [name for name in names if name]

    def hide(self, text: str) -> str:
        """`text` without the words of this row, however reprs, JSON, URLs and bytes spell them."""
        if self._words is None:
            self._words = frozenset(self._read())
        if not self._words:
            return text
        return _RUN.sub(HIDDEN, _TOKEN.sub(self._hidden, text))

    def _hidden(self, found: re.Match[str]) -> str:
        """A word of a line, without what was said: one with escapes is hidden whole, of others a part is, too."""
        token, words = found[0], self._words or frozenset()
        if "\\" in token or "%" in token:
            return HIDDEN if any(not words.isdisjoint(reading) for reading in _readings(token)) else token
        if token.casefold() in words:
            return HIDDEN
        if "_" not in token:
            return token
        return _PART.sub(lambda part: HIDDEN if part[0].casefold() in words else part[0], token)

    def _read(self) -> Iterator[str]:
        for name in self._names:
            yield from _tokens(name, _SHORT_NAME)
        try:
            body = json.loads(self._payload)
        except (ValueError, RecursionError):
            yield from _tokens(self._payload, _SHORT)
            return
        if isinstance(body, dict) and "update_id" not in body:
            body = [body.get(key) for key in _INTERNAL]
        for key, value in _strings(body):
            alone = key.endswith("name") or len(_WORD.findall(value)) == 1
            yield from _tokens(value, _SHORT_NAME if alone else _SHORT)


said: contextvars.ContextVar[Said | None] = contextvars.ContextVar("astral_said", default=None)


def hush(text: str) -> str:
    """`text` without what the update at hand says, and without the rows that a database quotes."""
    heard = said.get()
    text = _DETAIL.sub(f"DETAIL: {HIDDEN}", text)
    return heard.hide(text) if heard is not None else text


def hush_error(text: str) -> str:
    """The same of an exception's last line; its kind stays."""
    kind = _KIND.match(text)
    place = kind.end() if kind else 0
    return text[:place] + hush(text[place:])


def unquoted(text: str, params: Any) -> str:
    """`text`, Telegram's answer to a call with `params`, without the texts of the call that it quotes."""
    for value in sorted({value for _, value in _strings(params)}, key=len, reverse=True):
        if len(value) >= _QUOTED:
            text = text.replace(value, HIDDEN)
    return hush(text)


def _strings(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """All texts in a JSON value with the names of their members, and the numbers of places."""
    if isinstance(value, str):
        if key not in _TECHNICAL:
            yield key, value
    elif isinstance(value, float):
        yield key, repr(value)
    elif isinstance(value, dict):
        for name, member in value.items():
            yield from _strings(member, name)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item, key)


def _tokens(text: str, shortest: int) -> Iterator[str]:
    """The words of a text that tell something: not a command's name, not "in" and "the"."""
    if text.startswith("/"):
        text = text.partition(" ")[2]
    for word in re.findall(r"\w+", text):
        tells = word[0].isupper() or not word.isascii() or not word.isalpha()
        if len(word) >= (min(shortest, 2 if word.isdigit() else 3) if tells else shortest):
            yield word.casefold()
        if "_" in word:
            yield from _tokens(word.replace("_", " "), shortest)


def _readings(token: str) -> Iterator[list[str]]:
    """The words of a token with escapes, for each way to read it: nobody knows who spelled it, and how."""
    if "%" not in token and "\\x" not in token:
        yield _words(_ESCAPED.sub(_as_characters, token))
        return
    for read in (_as_text, _as_characters, " "):  # bytes of UTF-8, or of an encoding that nobody knows
        yield _words(_ESCAPED.sub(read, token))
    yield _words(token)  # 100%Acht has no escape


def _words(text: str) -> list[str]:
    folded = text.casefold()
    return _WORD.findall(folded) + _PART.findall(folded) if "_" in folded else _WORD.findall(folded)


def _as_characters(found: re.Match[str]) -> str:
    escapes = found[0]
    if "\\\\" in escapes or "%25" in escapes:
        escapes = _QUOTED_AGAIN.sub("", escapes)
    read = escapes.replace("%", "\\x").encode().decode("unicode_escape", "replace")
    if _HALVES.search(read):  # JSON spells rare characters as two
        return read.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return read


def _as_text(found: re.Match[str]) -> str:
    """The same, where the characters are UTF-8's bytes."""
    read = _as_characters(found)
    return read if _WIDE.search(read) else read.encode("latin-1").decode("utf-8", "replace")
