"""Outgoing messages are checked in the handler that makes them, by Telegram's own limits and grammar."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from astral_core import Button, Ref, cut, limits, text_length
from astral_core.bot.buttons import check_buttons, keyboard
from astral_core.bot.effects import Effects
from astral_core.bot.uploads import Limit, taken
from astral_core.errors import EffectError
from astral_core.i18n import fill
from astral_core.inbox.address import Address
from astral_core.markup import check_html, utf16, visible

HERE = Address(chat=1)


def test_length_is_counted_in_utf16_units_after_entities() -> None:
    """An emoji beyond the first plane is two units; tags and escapes are not counted as they are written."""
    assert utf16("🌙") == 2
    fits = "🌙" * (limits.TEXT // 2)
    assert check_html(fits, limits.TEXT) == fits
    with pytest.raises(EffectError, match="4098 UTF-16 units, Telegram allows 4096"):
        check_html(fits + "🌙", limits.TEXT)
    tagged = "<b>" + "&lt;" * limits.TEXT + "</b>"
    assert check_html(tagged, limits.TEXT) == tagged


def test_a_text_is_not_empty_but_a_caption_may_be() -> None:
    """Telegram refuses messages without text; pictures need none."""
    for empty in ("", "  \n", "<b> </b>"):
        with pytest.raises(EffectError, match="the text is empty"):
            check_html(empty, limits.TEXT)
    assert check_html("", limits.CAPTION) == ""


@pytest.mark.parametrize(
    "text",
    [
        "<b>a <i>b</i></b>",
        '<a href="https://example.org/?a=1&amp;b=2">here</a>',
        "<a href='https://example.org/?a>b'>here</a>",
        '<span class="tg-spoiler">x</span> <tg-spoiler>y</tg-spoiler>',
        '<pre><code class="language-python">x</code></pre>',
        "<blockquote expandable>long</blockquote>",
        "<B>loud</B >",
        "AT&T & others &copy;",
        "a > b",
    ],
)
def test_what_telegram_takes_is_taken(text: str) -> None:
    """The known tags with their attributes, bare ampersands and closing angles."""
    assert check_html(text, limits.TEXT) == text


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("<h1>x</h1>", "<h1"),
        ("<p>x</p>", "<p>"),
        ("a<br/>b", "bare '<'"),
        ("a < b", "bare '<'"),
        ("I <3 you", "bare '<'"),
        ("<!-- x -->", "bare '<'"),
        ("<b", "bare '<'"),
        ("<b>x", "<b> is never closed"),
        ("<b><i>x</b></i>", "</b> closes nothing"),
        ("x</b>", "</b> closes nothing"),
    ],
)
def test_what_telegram_refuses_fails_in_the_handler(text: str, complaint: str) -> None:
    """Unknown tags, tags that do not nest and a bare '<' are errors with the way out."""
    with pytest.raises(EffectError) as caught:
        check_html(text, limits.TEXT)
    assert complaint in str(caught.value)


@given(st.text(min_size=1, max_size=60).filter(lambda text: text.strip()))
def test_whatever_a_user_writes_is_safe_once_filled_in(text: str) -> None:
    """Values of ctx.t are escaped, so that no name can break a message or add a tag to it."""
    filled = fill("<b>{name}</b>", {"name": text})
    assert check_html(filled, limits.TEXT) == filled


def test_keyboards_keep_telegrams_limits() -> None:
    """At most 8 in a row and 100 in all, each with a text, one action and at most 64 bytes."""
    good = Button("ok", "callback_data", "m:x")
    check_buttons([[good] * 8] * 12)
    for rows in (
        [[good] * 9],
        [[good] * 8] * 13,
        [[Button("", "callback_data", "m:x")]],
        [[Button("x")]],
        [[Button("x", "callback_data", "ё" * 33)]],
        [[Button("x", "callback_data", "")]],
        [[Button("pay", "pay", True)]],
    ):
        with pytest.raises(EffectError):
            check_buttons(rows)


def test_a_pay_button_is_the_first_of_an_invoice() -> None:
    """Anywhere else Telegram refuses the message."""
    pay, other = Button("pay", "pay", True), Button("more", "url", "https://example.org")
    check_buttons([[pay], [other]], invoice=True)
    with pytest.raises(EffectError, match="first button of an invoice"):
        check_buttons([[other], [pay]], invoice=True)


def test_keyboards_are_written_as_the_bot_api_wants_them() -> None:
    """Empty rows are left out; every button carries exactly its action."""
    buttons = [
        [Button("a", "callback_data", "m:a"), Button("b", "url", "https://b.example")],
        [],
        [Button("c", "pay", True)],
    ]
    assert keyboard(buttons) == {
        "inline_keyboard": [
            [{"text": "a", "callback_data": "m:a"}, {"text": "b", "url": "https://b.example"}],
            [{"text": "c", "pay": True}],
        ]
    }


def test_files_are_checked_by_size() -> None:
    """An empty file and one beyond the limit fail where they are made, with the number and the way out."""
    for kind, size in (("photo", limits.PHOTO_BYTES), ("document", limits.FILE_BYTES)):
        for content in (b"", bytes(size + 1)):
            with pytest.raises(EffectError, match="Telegram takes 1 to"):
                taken(content, Limit(kind, size))
    own = Limit("document", limits.FILE_BYTES, local=True)
    assert taken(bytes(limits.FILE_BYTES + 1), own)[1] == "document.bin"
    with pytest.raises(EffectError, match="file:///"):
        own.check(limits.STORED_BYTES + 1)
    with pytest.raises(EffectError, match=r"telegram\.local_server"):
        Limit("video", limits.FILE_BYTES).check(limits.FILE_BYTES + 1)


def test_references_count_the_effects_of_a_handler() -> None:
    """A reference names the message that an earlier effect will have sent."""
    effects = Effects()
    first = effects.text("moon", HERE, "one", None)
    second = effects.text("moon", HERE, "two", None, {"disable_notification": True})
    effects.edit("moon", HERE, "editMessageText", first, {"text": "three"}, None)
    assert (first, second) == (Ref(0), Ref(1))
    assert effects.contents[1].effect.params["disable_notification"] is True
    assert effects.contents[2].effect.message == first


@pytest.mark.parametrize(
    "params",
    [
        {"payload": "sun:1"},
        {"payload": "moon:" + "x" * 124},
        {"payload": ""},
        {"payload": "moon:1", "currency": "XTR", "prices": [1, 2]},
        {"payload": "moon:1", "currency": "XTR", "prices": [1], "provider_token": "t"},
    ],
)
def test_invoices_that_would_go_astray_are_refused(params: dict[str, object]) -> None:
    """The payload leads the payment back to its plugin; Stars have one price and no provider."""
    with pytest.raises(EffectError):
        Effects().invoice("moon", HERE, params, None)


PIECES = st.lists(
    st.sampled_from(["<b>", "<i>", '<a href="https://a.b/?x=1&amp;y">', "&lt;", "&amp;", "&#128512;", "🌙", "word "])
    | st.text(alphabet="ab é🌙", max_size=4),
    max_size=30,
)  # fmt: skip


@st.composite
def marked(draw: st.DrawFn) -> Markup:
    """HTML whose tags nest."""
    made: list[str] = []
    opened: list[str] = []
    for piece in draw(PIECES):
        made.append(piece)
        if piece.startswith("<"):
            opened.append(piece[1])
        elif opened and draw(st.booleans()):
            made.append(f"</{opened.pop()}>")
    return Markup("".join(made) + "".join(f"</{name}>" for name in reversed(opened)))  # noqa: S704  # made above


@given(marked(), st.integers(0, 40), st.sampled_from(["…", "", " [more]", "<&>"]))
def test_a_text_is_cut_where_telegram_would_refuse_it(text: Markup, limit: int, end: str) -> None:
    """What is left fits, is a beginning of the text, and has its tags closed; what fits stays as it is."""
    whole, left = visible(text), cut(text, limit, end)
    assert text_length(left) <= limit
    if utf16(whole) <= limit:
        assert left == text
        return
    seen = visible(left)
    assert whole.startswith(seen.removesuffix(end) if len(seen) >= len(end) and utf16(end) <= limit else seen)
    assert isinstance(left, Markup)


@given(st.text(), st.integers(0, 20))
def test_plain_text_is_cut_between_characters(text: str, limit: int) -> None:
    """No half of an emoji is left."""
    left = cut(text, limit)
    assert utf16(left) <= limit
    left.encode()
    assert text_length(text) > limit or left == text


def test_lengths_are_those_that_telegram_counts() -> None:
    """Tags of a Markup are not counted; in plain text everything is."""
    assert (text_length("<b>🌙</b>"), text_length(Markup("<b>🌙 &amp;</b>"))) == (9, 4)
    assert cut("a long word", 6) == "a lon…"
    assert cut(Markup("<b>a long <i>word</i></b>"), 8) == Markup("<b>a long <i>…</i></b>")
