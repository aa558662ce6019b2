"""parse_mode HTML: Telegram's own small grammar, which is neither HTML nor XML.

Rules and error texts as observed from the Bot API: https://core.telegram.org/bots/api#html-style .
"""

from __future__ import annotations

from dataclasses import dataclass

from .entities import Entity, link_entity, sort_entities
from .scanner import MarkupError, Output, Source

_SIMPLE = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "span": "spoiler",
}
_TAGS = frozenset({*_SIMPLE, "a", "code", "pre", "blockquote", "tg-emoji"})
_SPACES = frozenset(b" \t\n\r\v\f\x00")
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_ALNUM = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")


@dataclass(slots=True)
class _Open:
    tag: str
    argument: str
    offset: int
    position: int


def parse(markup: str) -> tuple[str, list[Entity]]:
    """Text and entities of `markup`; raises MarkupError in Telegram's words."""
    source, out, stack = Source(markup), Output(), list[_Open]()
    entities: list[Entity] = []
    while not source.at_end:
        char = source.peek()
        if char == ord("&"):
            decoded = _character_reference(source)
            out.add(decoded if decoded is not None else source.take_char())
        elif char != ord("<"):
            out.add(source.take_char())
        elif source.peek(1) == ord("/"):
            _close(source, out, stack, entities)
        else:
            stack.append(_start_tag(source, out))
    if stack:
        raise MarkupError(f'Can\'t find end tag corresponding to start tag "{stack[-1].tag}"')
    text = out.text()
    if any(0xD800 <= ord(char) <= 0xDFFF for char in text):
        raise MarkupError(
            "Text contains invalid Unicode characters after decoding HTML entities, "
            "check for unmatched surrogate code units"
        )
    return text, sort_entities([_without_language(entity) for entity in entities])


def _without_language(entity: Entity) -> Entity:
    return Entity("code", entity.offset, entity.length) if entity.type == "code" else entity


def _character_reference(source: Source) -> str | None:
    """The character of a reference at the cursor, which then stands behind it; None when it is none."""
    start = source.position
    end = start + 1
    if source.byte(end) == ord("#"):
        end += 1
        base, digits = 10, b"0123456789"
        if source.byte(end) == ord("x"):
            end, base, digits = end + 1, 16, b"0123456789abcdefABCDEF"
        first = end
        while source.byte(end) in digits and source.byte(end):
            end += 1
        code = int(source.slice(first, end) or "0", base) if end - start < 10 else 0
        if code == 0 or code >= 0x10FFFF:
            return None
        decoded = chr(code)
    else:
        while chr(source.byte(end)).isascii() and chr(source.byte(end)).isalpha():
            end += 1
        named = _NAMED.get(source.slice(start + 1, end))
        if named is None:
            return None
        decoded = named
    source.position = end + 1 if source.byte(end) == ord(";") else end
    return decoded


def _start_tag(source: Source, out: Output) -> _Open:
    begin = source.position
    source.position += 1
    name_begin = source.position
    source.skip_until(_SPACES | {ord(">")})
    if source.at_end:
        raise MarkupError(f"Unclosed start tag at byte offset {begin}")
    tag = source.slice(name_begin, source.position).lower()
    if tag not in _TAGS:
        raise MarkupError(f'Unsupported start tag "{tag}" at byte offset {begin}')
    argument = ""
    while True:
        source.skip_while(_SPACES)
        if source.at_end:
            raise MarkupError(f"Unclosed start tag at byte offset {begin}")
        if source.peek() == ord(">"):
            source.position += 1
            break
        argument = _attribute(source, tag, begin) or argument
    if tag == "span" and argument != "spoiler":
        raise MarkupError(f'Tag "span" must have class "tg-spoiler" at byte offset {begin}')
    return _Open(tag, argument, out.utf16, out.size)


def _attribute(source: Source, tag: str, begin: int) -> str:
    """Read one attribute; the argument that it means for the tag, or an empty string."""
    name_begin = source.position
    source.skip_until(_SPACES | {ord("="), ord(">")})
    name = source.slice(name_begin, source.position)
    if not name:
        raise MarkupError(f'Empty attribute name in the tag "{tag}" at byte offset {begin}')
    source.skip_while(_SPACES)
    if source.peek() != ord("="):
        if tag == "blockquote" and name == "expandable":
            return "1"
        raise MarkupError(
            f'Expected equal sign in declaration of an attribute of the tag "{tag}" at byte offset {begin}'
        )
    source.position += 1
    source.skip_while(_SPACES)
    if source.at_end:
        raise MarkupError(f'Unclosed start tag "{tag}" at byte offset {begin}')
    value = _attribute_value(source)
    if source.at_end:
        raise MarkupError(f"Unclosed start tag at byte offset {begin}")
    match tag, name:
        case ("a", "href") | ("tg-emoji", "emoji-id"):
            return value
        case ("code", "class") if value.startswith("language-"):
            return value.removeprefix("language-")
        case ("span", "class") if value.startswith("tg-"):
            return value.removeprefix("tg-")
        case ("blockquote", "expandable"):
            return "1"
        case _:
            return ""


def _attribute_value(source: Source) -> str:
    quote = source.peek()
    if quote not in b"'\"":
        begin = source.position
        source.skip_while(_ALNUM | {ord("."), ord("-")})
        if not source.at_end and source.peek() not in _SPACES and source.peek() != ord(">"):
            raise MarkupError(f"Unexpected end of name token at byte offset {begin}")
        return source.slice(begin, source.position).lower()
    source.position += 1
    parts: list[str] = []
    while not source.at_end and source.peek() != quote:
        decoded = _character_reference(source) if source.peek() == ord("&") else None
        parts.append(decoded if decoded is not None else source.take_char())
    if not source.at_end:
        source.position += 1
    return "".join(parts)


def _close(source: Source, out: Output, stack: list[_Open], entities: list[Entity]) -> None:
    begin = source.position
    if not stack:
        raise MarkupError(f"Unexpected end tag at byte offset {begin}")
    source.position += 2
    name_begin = source.position
    source.skip_until(_SPACES | {ord(">")})
    name = source.slice(name_begin, source.position).lower()
    source.skip_while(_SPACES)
    if source.at_end or source.peek() != ord(">"):
        raise MarkupError(f"Unclosed end tag at byte offset {begin}")
    source.position += 1
    opened = stack.pop()
    if name and name != opened.tag:
        raise MarkupError(f'Unmatched end tag at byte offset {begin}, expected "</{opened.tag}>", found "</{name}>"')
    if out.utf16 > opened.offset:
        _add(opened, out, entities)


def _add(opened: _Open, out: Output, entities: list[Entity]) -> None:
    offset, length = opened.offset, out.utf16 - opened.offset
    last = entities[-1] if entities else None
    inner = last if last is not None and (last.offset, last.length) == (offset, length) else None
    match opened.tag:
        case "a":
            link = link_entity(offset, length, opened.argument or out.text(opened.position))
            if link is not None:
                entities.append(link)
        case "tg-emoji":
            entities.append(Entity("custom_emoji", offset, length, {"custom_emoji_id": emoji_id(opened.argument)}))
        case "pre":
            if inner is not None and inner.type == "code" and "language" in inner.extra:
                entities[-1] = Entity("pre", offset, length, inner.extra)
            else:
                entities.append(Entity("pre", offset, length))
        case "code":
            extra = {"language": opened.argument} if opened.argument else {}
            if inner is not None and inner.type == "pre" and extra:
                entities[-1] = Entity("pre", offset, length, extra)
            else:
                entities.append(Entity("code", offset, length, extra))
        case "blockquote":
            kind = "expandable_blockquote" if opened.argument else "blockquote"
            entities.append(Entity(kind, offset, length))
        case tag:
            entities.append(Entity(_SIMPLE[tag], offset, length))


def emoji_id(value: str) -> str:
    """A custom emoji's identifier, checked: a signed 64-bit number other than zero."""
    if not value.isascii() or not value.isdecimal() or value.startswith("0") or int(value) >= 1 << 63:
        raise MarkupError("Invalid custom emoji identifier specified")
    return value
