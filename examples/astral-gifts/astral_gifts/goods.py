"""What is in the box: three wishes."""

from collections.abc import Mapping
from dataclasses import dataclass

from astral_core import N_, Context, Markup, html
from astral_payments.api import Price, Product


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


def frames(ctx: Context, wish: Wish) -> list[str]:
    """The texts that a message shows one after the other while the box is unwrapped; the last one stays."""
    return ["🎁", "✨ 🎁 ✨", f"🎉 {wish.sign} 🎉", greeting(ctx, wish)]


def greeting(ctx: Context, wish: Wish) -> Markup:
    """The wish itself."""
    title = ctx.t("{sign} <b>{title}</b>", sign=wish.sign, title=wish.title_in(ctx.language))
    return html("{title}\n\n{text}", title=title, text=ctx.t(wish.text, name=ctx.user.first_name))
