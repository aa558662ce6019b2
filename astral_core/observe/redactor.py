"""Takes known secrets out of a text, however they are spelled there."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from itertools import groupby

from astral_core.observe.words import HIDDEN

SHORTEST = 6  # characters: what is shorter would be found in many innocent words
_TOKEN = re.compile(r"(?<!\d)\d{6,}(?::|%3A)[\w-]{30,}")  # looked for at each digit, many would cost their square
_HINT = re.compile(r":[\w-]{30}")
_LEVELS = 8  # backslashes before a character of a text that was escaped three times
_WIDEST = 64  # characters of one spelled character
_CONTROL = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f", "\v": "v", "\a": "a"}
_IN_HTML = {
    "<": "lt|#60|#x3[cC]", ">": "gt|#62|#x3[eE]", '"': "quot|#34|#x22", "'": "apos|#39|#x27",
}  # fmt: skip


class Redactor:
    """Replaces known secrets, also as URLs, JSON, reprs, HTML and base64 spell them, and whatever looks like a token.

    A secret of less than SHORTEST characters is not looked for.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        given = {form for secret in secrets for form in (secret, " ".join(secret.split()))}
        known = sorted((secret for secret in given if len(secret) >= SHORTEST), key=lambda one: (-len(one), one))
        coded = {piece for secret in known for piece in _in_base64(secret)}
        plus = {secret.replace(" ", "+") for secret in known if " " in secret}
        self._plain = [*known, *sorted(plus | coded, key=lambda one: (-len(one), one))]
        self._spelled = re.compile("|".join(map(_spelled, known))) if known else None
        self._longest = len(known[0]) if known else 0

    def __call__(self, text: str) -> str:
        # Every line passes here, and few lines have one of the three signs that other spellings need.
        for secret in self._plain:
            text = text.replace(secret, HIDDEN)
        if self._spelled is not None and ("%" in text or "\\" in text or "&" in text):
            text = self._without_spelled(self._spelled, text)
        if _HINT.search(text) or "%3A" in text:
            text = _TOKEN.sub(HIDDEN, text)
        if text.isascii():
            return text
        # A lone surrogate, which anybody may send, would make the stream refuse the line.
        return text.encode("utf-8", "backslashreplace").decode()

    def _without_spelled(self, spelled: re.Pattern[str], text: str) -> str:
        """`text` without spellings that have a sign: it is enough to look from the first sign to the last one."""
        first = min(place for place in map(text.find, "%\\&") if place >= 0)
        last = max(map(text.rfind, "%\\&"))
        begin, end = max(first - self._longest, 0), last + self._longest + _WIDEST
        return text[:begin] + spelled.sub(HIDDEN, text[begin:end]) + text[end:]


def _in_base64(secret: str) -> Iterator[str]:
    """What base64 makes of `secret`, whatever stands before and after it, such as a user's name: three texts."""
    for encoding in ("utf-8", "latin-1"):  # HTTP's Basic has been spelled in both
        try:
            data = secret.encode(encoding)
        except UnicodeEncodeError:
            continue
        for before in range(3):
            coded = b64encode(bytes(before) + data).decode().rstrip("=")
            whole = (before + len(data)) % 3 == 0
            piece = coded[(0, 2, 3)[before] : len(coded) if whole else -1]  # the rest depends on its neighbours, too
            yield piece
            yield piece.replace("+", "-").replace("/", "_")


def _spelled(secret: str) -> str:
    """A pattern of `secret` with each of its characters as it is or as URLs, JSON, reprs and HTML spell it."""
    parts = []
    for is_backslash, run in groupby(secret, lambda one: one == "\\"):
        characters = "".join(run)
        if is_backslash:  # one pattern for the run: one for each would try all ways to share a longer run
            count = len(characters)
            hexed = "".join(_in_percent(b"\\" * count))
            parts.append(rf"(?:\\{{{count},{count * _LEVELS}}}|{hexed})")
        else:
            parts += [f"(?:{'|'.join(_ways(one))})" for one in characters]
    return "".join(parts)


def _ways(character: str) -> Iterator[str]:
    data = character.encode("utf-8", "surrogatepass")
    yield rf"\\{{0,{_LEVELS}}}{re.escape(character)}" if character in "\"'/" else re.escape(character)
    yield "".join(_in_percent(data))
    if character == " ":
        yield r"\+"
    if character == "&":
        yield "&(?:amp;){1,3}"
    elif character in _IN_HTML:
        yield rf"&(?:amp;){{0,3}}(?:{_IN_HTML[character].replace('#', '[#]')});"
    if character.isascii() and character.isalnum():
        return
    number, escape = ord(character), rf"\\{{1,{_LEVELS}}}"
    units = character.encode("utf-16-be", "surrogatepass")
    yield "".join(f"{escape}u{_hex(units[n])}{_hex(units[n + 1])}" for n in range(0, len(units), 2))
    if number < 0x100:
        yield f"{escape}x{_hex(number)}"
    if not character.isascii():
        yield "".join(f"{escape}x{_hex(byte)}" for byte in data)  # of the bytes' repr
    if number > 0xFFFF:
        yield f"{escape}U{''.join(map(_hex, number.to_bytes(4, 'big')))}"
    if character in _CONTROL:
        yield f"{escape}{_CONTROL[character]}"


def _in_percent(data: bytes) -> Iterator[str]:
    for byte in data:
        yield f"%(?:25){{0,3}}{_hex(byte)}"


def _hex(byte: int) -> str:
    """Two digits, large or small."""
    return "".join(digit if digit.isdigit() else f"[{digit}{digit.upper()}]" for digit in f"{byte:02x}")
