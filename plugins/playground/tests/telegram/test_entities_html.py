"""The HTML parser: Telegram's grammar, words and UTF-16 offsets; hostile input."""

from __future__ import annotations

import html as std_html
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from astral_playground.telegram import html
from astral_playground.telegram.scanner import MarkupError

SIMPLE = {
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
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
}


def parsed(markup: str) -> tuple[str, list[dict[str, Any]]]:
    """Text and entities as the Bot API gives them."""
    text, entities = html.parse(markup)
    return text, [entity.to_dict() for entity in entities]


def entity(kind: str, offset: int, length: int, **extra: Any) -> dict[str, Any]:
    """One expected entity."""
    return {"type": kind, "offset": offset, "length": length, **extra}


@pytest.mark.parametrize(("tag", "kind"), SIMPLE.items())
def test_simple_tags(tag: str, kind: str) -> None:
    """Each tag makes its entity, in any case, with white space in the end tag."""
    assert parsed(f"a<{tag}>🌟б</{tag}>c") == ("a🌟бc", [entity(kind, 1, 3)])
    assert parsed(f"<{tag.upper()}>x</{tag.upper()} >") == ("x", [entity(kind, 0, 1)])


@pytest.mark.parametrize(
    ("markup", "text", "entities"),
    [
        ("", "", []),
        ("просто", "просто", []),
        ("<b></b>x", "x", []),
        ("<b>a<i>b</i></b>", "ab", [entity("bold", 0, 2), entity("italic", 1, 1)]),
        ("<i><b>a</b></i>", "a", [entity("bold", 0, 1), entity("italic", 0, 1)]),
        ("<b>a</>", "a", [entity("bold", 0, 1)]),
        ('<span class="tg-spoiler">x</span>', "x", [entity("spoiler", 0, 1)]),
        ("<a href='http://example.org'>x</a>", "x", [entity("text_link", 0, 1, url="http://example.org/")]),
        ("<a href=example.org>x</a>", "x", [entity("text_link", 0, 1, url="http://example.org/")]),
        (
            "<a>https://example.org/y</a>",
            "https://example.org/y",
            [entity("text_link", 0, 21, url="https://example.org/y")],
        ),
        ("<a href=''>no link</a>", "no link", []),
        ("<a href='javascript:alert(1)'>x</a>", "x", []),
        ("<a href='tg://user?id=123'>x</a>", "x", [entity("text_mention", 0, 1, user_id=123)]),
        ("<a href='mailto:a@example.org'>x</a>", "x", [entity("text_link", 0, 1, url="mailto:a@example.org")]),
        (
            '<a href="https://e.org/?a=1&amp;b=2">x</a>',
            "x",
            [entity("text_link", 0, 1, url="https://e.org/?a=1&b=2")],
        ),
        ("<pre>x</pre>", "x", [entity("pre", 0, 1)]),
        ('<pre><code class="language-python">x</code></pre>', "x", [entity("pre", 0, 1, language="python")]),
        ('<code class="language-c"><pre>x</pre></code>', "x", [entity("pre", 0, 1, language="c")]),
        ('<code class="language-c">x</code>', "x", [entity("code", 0, 1)]),
        ("<blockquote expandable>x</blockquote>", "x", [entity("expandable_blockquote", 0, 1)]),
        ('<blockquote expandable="">x</blockquote>', "x", [entity("expandable_blockquote", 0, 1)]),
        (
            '<tg-emoji emoji-id="5368324170671202286">👍</tg-emoji>',
            "👍",
            [entity("custom_emoji", 0, 2, custom_emoji_id="5368324170671202286")],
        ),
        ("&lt;b&gt; &amp;amp; &quot;&#1071;&#x42F;", '<b> &amp; "ЯЯ', []),
        ("&nbsp;&bad; & &#0; &#x110000;", "&nbsp;&bad; & &#0; &#x110000;", []),
        ("&lt;&lt no semicolon", "<< no semicolon", []),
        ("a > b", "a > b", []),
        ("<b title='x'>y</b>", "y", [entity("bold", 0, 1)]),
    ],
)
def test_markup(markup: str, text: str, entities: list[dict[str, Any]]) -> None:
    """Texts, nesting, links, code with a language, quotes, emoji, character references."""
    assert parsed(markup) == (text, entities)


@pytest.mark.parametrize(
    ("markup", "words"),
    [
        ("<b>x", 'Can\'t find end tag corresponding to start tag "b"'),
        ("я<b", "Unclosed start tag at byte offset 2"),
        ("<", "Unclosed start tag at byte offset 0"),
        ("a < b", 'Unsupported start tag "" at byte offset 2'),
        ("a < b>", 'Unsupported start tag "" at byte offset 2'),
        ("<h1>x</h1>", 'Unsupported start tag "h1" at byte offset 0'),
        ("я<br/>", 'Unsupported start tag "br/" at byte offset 2'),
        ("<!-- x -->", 'Unsupported start tag "!--" at byte offset 0'),
        ("x</b>", "Unexpected end tag at byte offset 1"),
        ("<b>x</i>", 'Unmatched end tag at byte offset 4, expected "</b>", found "</i>"'),
        ("<b><i>x</b></i>", 'Unmatched end tag at byte offset 7, expected "</i>", found "</b>"'),
        ("<b>x</b", "Unclosed end tag at byte offset 4"),
        ("<b>x</b x>", "Unclosed end tag at byte offset 4"),
        ("<span>x</span>", 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
        ("<span class='red'>x</span>", 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
        ("<a href>x</a>", 'Expected equal sign in declaration of an attribute of the tag "a" at byte offset 0'),
        ("<a ='x'>y</a>", 'Empty attribute name in the tag "a" at byte offset 0'),
        ("<a href=", 'Unclosed start tag "a" at byte offset 0'),
        ("<a href='x", "Unclosed start tag at byte offset 0"),
        ("<a href=http://e.org>x</a>", "Unexpected end of name token at byte offset 8"),
        ("<tg-emoji>x</tg-emoji>", "Invalid custom emoji identifier specified"),
        ("<tg-emoji emoji-id='-5'>x</tg-emoji>", "Invalid custom emoji identifier specified"),
        ("&#xD800;", "Text contains invalid Unicode characters after decoding HTML entities"),
    ],
)
def test_words_of_errors(markup: str, words: str) -> None:
    """Mistakes are named in Telegram's words, with byte offsets."""
    with pytest.raises(MarkupError) as error:
        html.parse(markup)
    assert str(error.value).startswith(words)


PLAIN = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@given(PLAIN)
def test_escaped_text_is_itself(text: str) -> None:
    """Escaping is all that a plain text needs; the standard library's escaping will do."""
    assert parsed(_escaped(text)) == (text, [])
    assert parsed(std_html.escape(text, quote=False))[0] == text


TREES = st.recursive(
    PLAIN,
    lambda inner: st.tuples(st.sampled_from(sorted(SIMPLE)), st.lists(inner, max_size=3)),
    max_leaves=8,
)


def _build(tree: Any, offset: int, found: list[tuple[str, int, int]]) -> tuple[str, str]:
    """Markup and text of a tree; what should be found goes to `found`."""
    if isinstance(tree, str):
        return _escaped(tree), tree
    tag, children = tree
    markup, text = "", ""
    for child in children:
        inner_markup, inner_text = _build(child, offset + len(text.encode("utf-16-le")) // 2, found)
        markup += inner_markup
        text += inner_text
    length = len(text.encode("utf-16-le")) // 2
    if length:
        found.append((SIMPLE[tag], offset, length))
    return f"<{tag}>{markup}</{tag}>", text


@given(TREES)
def test_any_nesting(tree: Any) -> None:
    """Any nesting of tags gives exactly its text and one entity for each tag that holds something."""
    expected: list[tuple[str, int, int]] = []
    markup, text = _build(tree, 0, expected)
    got_text, got = html.parse(markup)
    assert got_text == text
    assert sorted((e.type, e.offset, e.length) for e in got) == sorted(expected)
    starts = [(e.offset, -e.length) for e in got]
    assert starts == sorted(starts)


@given(st.text(st.sampled_from("<>/&;#xab \"'=\n🌟яhref-tgspoilcdeu123"), max_size=40))
def test_hostile_markup(markup: str) -> None:
    """Whatever comes, the parser ends, with entities inside the text or with one of its own errors."""
    try:
        text, entities = html.parse(markup)
    except MarkupError:
        return
    size = len(text.encode("utf-16-le")) // 2
    assert all(e.offset >= 0 and e.length > 0 and e.end <= size for e in entities)


def test_deep_nesting_is_no_recursion() -> None:
    """Ten thousand open tags neither overflow a stack nor take long."""
    depth = 10_000
    text, entities = html.parse("<b>" * depth + "x" + "</b>" * depth)
    assert text == "x"
    assert len(entities) == depth
