"""The MarkdownV2 parser: grammar, words and UTF-16 offsets; hostile input."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telegram.helpers import escape_markdown

from astral_playground.telegram import markdown
from astral_playground.telegram.scanner import MarkupError


def parsed(markup: str) -> tuple[str, list[dict[str, Any]]]:
    """Text and entities as the Bot API gives them."""
    text, entities = markdown.parse(markup)
    return text, [entity.to_dict() for entity in entities]


def entity(kind: str, offset: int, length: int, **extra: Any) -> dict[str, Any]:
    """One expected entity."""
    return {"type": kind, "offset": offset, "length": length, **extra}


@pytest.mark.parametrize(
    ("markup", "text", "entities"),
    [
        ("", "", []),
        ("*ж*", "ж", [entity("bold", 0, 1)]),
        ("_к_", "к", [entity("italic", 0, 1)]),
        ("__п__", "п", [entity("underline", 0, 1)]),
        ("~з~", "з", [entity("strikethrough", 0, 1)]),
        ("||с||", "с", [entity("spoiler", 0, 1)]),
        ("`к`", "к", [entity("code", 0, 1)]),
        ("🌟 *🌟*", "🌟 🌟", [entity("bold", 3, 2)]),
        ("*a _b_ __c__*", "a b c", [entity("bold", 0, 5), entity("italic", 2, 1), entity("underline", 4, 1)]),
        ("___a_ b__", "a b", [entity("underline", 0, 3), entity("italic", 0, 1)]),
        ("``", "", []),
        ("```\nкод\n```", "код\n", [entity("pre", 0, 4)]),
        ("```python\nx = 1\n```", "x = 1\n", [entity("pre", 0, 6, language="python")]),
        ("```a b```", " b", [entity("pre", 0, 2, language="a")]),
        ("`a*b_c`", "a*b_c", [entity("code", 0, 5)]),
        (r"\*не жирно\*", "*не жирно*", []),
        (r"a\\b\.", "a\\b.", []),
        ("конец\\", "конец\\", []),
        ("[сайт](https://example.org/)", "сайт", [entity("text_link", 0, 4, url="https://example.org/")]),
        (r"[x](https://e.org/a_\(b\))", "x", [entity("text_link", 0, 1, url="https://e.org/a_(b)")]),
        ("[http://e\\.org/]", "http://e.org/", [entity("text_link", 0, 13, url="http://e.org/")]),
        ("[x](нет)", "x", []),
        ("[*x*](tg://user?id=5)", "x", [entity("bold", 0, 1), entity("text_mention", 0, 1, user_id=5)]),
        (
            "![👍](tg://emoji?id=5368324170671202286)",
            "👍",
            [entity("custom_emoji", 0, 2, custom_emoji_id="5368324170671202286")],
        ),
        (">цитата\n>ещё\nконец", "цитата\nещё\nконец", [entity("blockquote", 0, 11)]),
        (">ещё *жирно*", "ещё жирно", [entity("blockquote", 0, 9), entity("bold", 4, 5)]),
        (">a\n>b||", "a\nb", [entity("expandable_blockquote", 0, 3)]),
        (">a||\nx", "a\nx", [entity("expandable_blockquote", 0, 2)]),
        (">a\n\n>b", "a\n\nb", [entity("blockquote", 0, 2), entity("blockquote", 3, 1)]),
    ],
)
def test_markup(markup: str, text: str, entities: list[dict[str, Any]]) -> None:
    """Styles, nesting, code with a language, links, mentions, emoji, quotes."""
    assert parsed(markup) == (text, entities)


@pytest.mark.parametrize("char", list("]()>#+-=|{}.!"))
def test_reserved_characters(char: str) -> None:
    """Each reserved character must be escaped, except for a quote's mark at the beginning of a line."""
    with pytest.raises(MarkupError) as error:
        markdown.parse(f"a{char}")
    assert str(error.value) == f"Character '{char}' is reserved and must be escaped with the preceding '\\'"
    assert parsed(f"a\\{char}") == (f"a{char}", [])


@pytest.mark.parametrize(
    ("markup", "words"),
    [
        ("я я_abc", "Can't find end of Italic entity at byte offset 5"),
        ("*a", "Can't find end of Bold entity at byte offset 0"),
        ("*a _b*", "Can't find end of Bold entity at byte offset 5"),
        ("__a", "Can't find end of Underline entity at byte offset 0"),
        ("~a", "Can't find end of Strikethrough entity at byte offset 0"),
        ("a||b", "Can't find end of Spoiler entity at byte offset 1"),
        ("`a", "Can't find end of Code entity at byte offset 0"),
        ("```a", "Can't find end of Pre entity at byte offset 0"),
        ("```a b", "Can't find end of PreCode entity at byte offset 0"),
        ("[a", "Can't find end of TextUrl entity at byte offset 0"),
        ("[я](asd", "Can't find end of a URL at byte offset 5"),
        ("![", "Can't find end of CustomEmoji entity at byte offset 0"),
        ("![я]", "Custom emoji entity must contain a tg://emoji URL"),
        ("![я](tg://emoji?id=1", "Can't find end of a custom emoji URL at byte offset 6"),
        ("![я](t://emoji?id=1)", "Custom emoji URL must have scheme tg"),
        ("![я](tg:emojis?id=1)", 'Custom emoji URL must have host "emoji"'),
        ("![я](tg://emoji?x=1)", "Custom emoji URL must have an emoji identifier"),
        ("![я](tg://emoji?id=01)", "Invalid custom emoji identifier specified"),
        (">*a\nb*", "Can't find end of Bold entity at byte offset 1"),
        (">||*a\nb", "Can't find end of Bold entity at byte offset 3"),
        (">a||\n>b", "Can't find end of Spoiler entity at byte offset 2"),
        ("*>a", "Can't find end of"),
    ],
)
def test_words_of_errors(markup: str, words: str) -> None:
    """Mistakes are named in Telegram's words, with byte offsets."""
    with pytest.raises(MarkupError) as error:
        markdown.parse(markup)
    assert str(error.value).startswith(words)


PLAIN = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=20)


@given(PLAIN)
def test_escaped_text_is_itself(text: str) -> None:
    """What python-telegram-bot escapes comes out as it was."""
    assert parsed(escape_markdown(text, version=2)) == (text, [])


STYLES = {"*": "bold", "_": "italic", "__": "underline", "~": "strikethrough", "||": "spoiler"}


@given(st.lists(st.tuples(st.sampled_from([*STYLES, ""]), PLAIN), max_size=5))
def test_runs_of_styles(runs: list[tuple[str, str]]) -> None:
    """Styled pieces beside each other get exactly their places in UTF-16 units."""
    markup, text, expected = "", "", []
    for mark, piece in runs:
        clean = piece.replace("\n", " ") + "."
        offset = len(text.encode("utf-16-le")) // 2
        markup += f"{mark}{escape_markdown(clean, version=2)}{mark} "
        text += clean + " "
        if mark:
            expected.append(entity(STYLES[mark], offset, len(clean.encode("utf-16-le")) // 2))
    assert parsed(markup) == (text, expected)


@given(st.text(st.sampled_from("*_~|`[]()!>\\\n\r#. abя🌟"), max_size=30))
def test_hostile_markup(markup: str) -> None:
    """Whatever comes, the parser ends, with entities inside the text or with one of its own errors."""
    try:
        text, entities = markdown.parse(markup)
    except MarkupError:
        return
    size = len(text.encode("utf-16-le")) // 2
    assert all(e.offset >= 0 and e.length > 0 and e.end <= size for e in entities)
