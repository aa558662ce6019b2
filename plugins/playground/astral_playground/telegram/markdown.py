"""parse_mode MarkdownV2.

Rules and error texts as observed from the Bot API: https://core.telegram.org/bots/api#markdownv2-style .
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl

from .entities import Entity, link_entity, sort_entities
from .html import emoji_id
from .scanner import MarkupError, Output, Source

_RESERVED = frozenset(b"_*[]()~`>#+-=|{}.!\n")
_CODE_RESERVED = frozenset(b"`")
_SIMPLE = {"Bold": "bold", "Italic": "italic", "Underline": "underline", "Strikethrough": "strikethrough"}
_KINDS = {**_SIMPLE, "Spoiler": "spoiler", "Code": "code", "Pre": "pre", "PreCode": "pre"}
_ENDS = {
    "Bold": b"*",
    "Code": b"`",
    "Pre": b"```",
    "PreCode": b"```",
    "TextUrl": b"]",
    "CustomEmoji": b"]",
    "Underline": b"__",
    "Strikethrough": b"~",
    "Spoiler": b"||",
}
_EMOJI_URL = re.compile(r"^tg:(?://)?(?P<host>[^/?#]*)/?(?:\?(?P<query>[^#]*))?(?:#.*)?$", re.DOTALL)


@dataclass(slots=True)
class _Open:
    kind: str
    argument: str
    offset: int
    byte_offset: int
    position: int

    def unclosed(self) -> MarkupError:
        return MarkupError(f"Can't find end of {self.kind} entity at byte offset {self.byte_offset}")


def parse(markup: str) -> tuple[str, list[Entity]]:
    """Text and entities of `markup`; raises MarkupError in Telegram's words."""
    return _Parser(markup).run()


class _Parser:
    def __init__(self, markup: str) -> None:
        self._source = Source(markup)
        self._out = Output()
        self._stack: list[_Open] = []
        self._entities: list[Entity] = []
        self._in_quote = False
        self._may_quote = True

    def run(self) -> tuple[str, list[Entity]]:
        source = self._source
        while not source.at_end:
            char = source.peek()
            if char == ord("\\") and 0 < source.peek(1) <= 126:
                source.position += 1
                self._plain()
            elif char not in self._reserved():
                self._plain()
            elif self._ends_here(char):
                self._end(char)
            else:
                self._begin(char)
        self._finish()
        return self._out.text(), sort_entities(self._entities)

    def _plain(self) -> None:
        char = self._source.take_char()
        self._out.add(char)
        if char != "\r":
            self._may_quote = False

    def _reserved(self) -> frozenset[int]:
        in_code = bool(self._stack) and self._stack[-1].kind in {"Code", "Pre", "PreCode"}
        return _CODE_RESERVED if in_code else _RESERVED

    def _ends_here(self, char: int) -> bool:
        if not self._stack:
            return False
        if self._in_quote and char == ord("\n") and self._source.peek(1) != ord(">"):
            return True
        kind = self._stack[-1].kind
        if kind == "Italic":
            return char == ord("_") and self._source.peek(1) != ord("_")
        end = _ENDS.get(kind)
        return end is not None and all(self._source.peek(i) == byte for i, byte in enumerate(end))

    def _begin(self, char: int) -> None:
        source, start, argument = self._source, self._source.position, ""
        match chr(char):
            case "_":
                kind = "Underline" if source.peek(1) == ord("_") else "Italic"
                source.position += 2 if kind == "Underline" else 1
            case "*" | "~" | "[":
                kind = {"*": "Bold", "~": "Strikethrough", "[": "TextUrl"}[chr(char)]
                source.position += 1
            case "|" if source.peek(1) == ord("|"):
                kind = "Spoiler"
                source.position += 2
            case "!" if source.peek(1) == ord("["):
                kind = "CustomEmoji"
                source.position += 2
            case "`":
                kind, argument = self._code_fence()
            case "\n":
                self._plain()
                self._may_quote = True
                return
            case ">" if self._may_quote:
                source.position += 1
                if self._in_quote:
                    return
                kind, self._in_quote = "BlockQuote", True
            case reserved:
                raise MarkupError(f"Character '{reserved}' is reserved and must be escaped with the preceding '\\'")
        self._stack.append(_Open(kind, argument, self._out.utf16, start, self._out.size))

    def _code_fence(self) -> tuple[str, str]:
        source = self._source
        if source.peek(1) != ord("`") or source.peek(2) != ord("`"):
            source.position += 1
            return "Code", ""
        source.position += 3
        begin = source.position
        end = begin
        while end < source.size and source.byte(end) not in b" \t\n\r\v\f\x00`":
            end += 1
        kind, language = "Pre", ""
        if begin != end and end < source.size and source.byte(end) != ord("`"):
            kind, language = "PreCode", source.slice(begin, end)
            source.position = end
        first, second = source.peek(), source.peek(1)
        if first and first in b"\n\r":
            source.position += 2 if second and second in b"\n\r" and first != second else 1
        return kind, language

    def _end(self, char: int) -> None:
        if char == ord("\n") and self._stack[-1].kind not in _ENDS.keys() - {"Spoiler"}:
            self._end_quote()
            return
        opened = self._stack[-1]
        if char == ord("\n"):
            raise opened.unclosed()
        self._source.position += 1 if opened.kind == "Italic" else len(_ENDS[opened.kind])
        offset, length = opened.offset, self._out.utf16 - opened.offset
        match opened.kind:
            case "TextUrl":
                url = self._address("a URL")
                entity = link_entity(offset, length, self._out.text(opened.position) if url is None else url)
            case "CustomEmoji":
                emoji = _custom_emoji(self._address("a custom emoji URL"))
                entity = Entity("custom_emoji", offset, length, {"custom_emoji_id": emoji})
            case kind:
                extra = {"language": opened.argument} if opened.argument else {}
                entity = Entity(_KINDS[kind], offset, length, extra)
        if length and entity is not None:
            self._entities.append(entity)
        self._stack.pop()

    def _address(self, what: str) -> str | None:
        """The text in parentheses at the cursor; None when there are none."""
        source = self._source
        if source.peek() != ord("("):
            return None
        source.position += 1
        begin = source.position
        parts: list[str] = []
        while not source.at_end and source.peek() != ord(")"):
            if source.peek() == ord("\\") and 0 < source.peek(1) <= 126:
                source.position += 1
            parts.append(source.take_char())
        if source.at_end:
            raise MarkupError(f"Can't find end of {what} at byte offset {begin}")
        source.position += 1
        return "".join(parts)

    def _end_quote(self) -> None:
        """A line of a quote has ended, and the next one does not belong to it."""
        opened = self._stack.pop()
        expandable = False
        if opened.kind == "Spoiler":
            mark = opened.byte_offset
            here = self._source.position
            if here - mark != 2 and not (here - mark == 3 and self._out.last() == "\r"):
                raise opened.unclosed()
            opened, expandable = self._stack.pop(), True
        if opened.kind != "BlockQuote":
            raise opened.unclosed()
        self._source.position += 1
        self._out.add("\n")
        self._in_quote, self._may_quote = False, True
        self._add_quote(opened, expandable=expandable)

    def _add_quote(self, opened: _Open, *, expandable: bool) -> None:
        length = self._out.utf16 - opened.offset
        if length:
            kind = "expandable_blockquote" if expandable else "blockquote"
            self._entities.append(Entity(kind, opened.offset, length))

    def _finish(self) -> None:
        if self._in_quote:
            last, expandable = self._stack[-1], False
            if last.kind == "Spoiler" and last.byte_offset == self._source.size - 2:
                self._stack.pop()
                expandable = True
            if self._stack[-1].kind == "BlockQuote":
                self._add_quote(self._stack.pop(), expandable=expandable)
        if self._stack:
            raise self._stack[-1].unclosed()


def _custom_emoji(url: str | None) -> str:
    if url is None:
        raise MarkupError("Custom emoji entity must contain a tg://emoji URL")
    parts = _EMOJI_URL.match(url.strip())
    if parts is None:
        raise MarkupError("Custom emoji URL must have scheme tg")
    if parts["host"].lower() != "emoji":
        raise MarkupError('Custom emoji URL must have host "emoji"')
    for name, value in parse_qsl(parts["query"] or "", keep_blank_values=True):
        if name == "id":
            return emoji_id(value)
    raise MarkupError("Custom emoji URL must have an emoji identifier")
