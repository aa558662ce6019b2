"""What is in the box: three wishes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from astral_payments.api import Price, Product

Translate = Callable[..., str]  # (text, **values): `t` of a handler's context


def N_(text: str) -> str:  # noqa: N802  # gettext's own name: marks a text that is translated later
    """Mark a source text."""
    return text


@dataclass(frozen=True)
class Wish:
    """A wish. `title` and `description` are texts by language for the shop, `text` is the greeting's source text."""

    code: str
    sign: str
    title: Mapping[str, str]
    description: Mapping[str, str]
    text: str

    def product(self, stars: int) -> Product:
        """The wish as something to sell."""
        return Product(self.code, self.title, self.description, (Price("XTR", stars),), opens="gifts:box")

    def title_in(self, language: str) -> str:
        """The title in a language, or in English."""
        return self.title.get(language, self.title["en"])


WISHES = {
    wish.code: wish
    for wish in (
        Wish(
            "gifts.luck",
            "🍀",
            {"en": "A wish of luck", "ru": "Пожелание удачи"},
            {"en": "A box with good luck in it, for you", "ru": "Коробка, а в ней удача для вас"},
            N_("{name}, may the green light wait for you, and the last piece of cake too."),
        ),
        Wish(
            "gifts.love",
            "💛",
            {"en": "A wish of love", "ru": "Пожелание любви"},
            {"en": "A box with warm words in it, for you", "ru": "Коробка, а в ней тёплые слова для вас"},
            N_("{name}, may there always be someone who asks whether you got home well."),
        ),
        Wish(
            "gifts.calm",
            "🌿",
            {"en": "A wish of calm", "ru": "Пожелание покоя"},
            {"en": "A box with a quiet evening in it, for you", "ru": "Коробка, а в ней тихий вечер для вас"},
            N_("{name}, may your phone be silent tonight, and the tea be hot."),
        ),
    )
}


def frames(wish: Wish, name: str, language: str, t: Translate) -> list[str]:
    """The texts that a message shows one after the other while the box is unwrapped; the last one stays."""
    return ["🎁", "✨ 🎁 ✨", f"🎉 {wish.sign} 🎉", greeting(wish, name, language, t)]


def greeting(wish: Wish, name: str, language: str, t: Translate) -> str:
    """The wish itself."""
    title = t("{sign} <b>{title}</b>", sign=wish.sign, title=wish.title_in(language))
    return f"{title}\n\n{t(wish.text, name=name)}"
