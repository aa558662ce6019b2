"""How a handler answers a press or a query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from astral_core import limits
from astral_core.bot.buttons import Buttons
from astral_core.bot.handling import Handling
from astral_core.errors import EffectError
from astral_core.inbox.effect import RECORDED, Effect
from astral_core.markup import utf16


class Answers(Handling):
    """Answers to presses of buttons, payments and inline queries."""

    # --- messages

    def answer(self, text: str = "", *, alert: bool = False) -> None:
        """Answer the button press, on routes with `answer="manual"`."""
        scope = self._scope
        if scope.callback_id is None:
            raise EffectError("ctx.answer: there is no button press to answer.")
        if scope.answer != "manual":
            raise EffectError(
                f"route {scope.route!r} is answered at once. Fix: declare it with "
                '@routes.callback(..., answer="manual") to answer it yourself.'
            )
        said = self._texts.plain(text)
        if utf16(said) > limits.ANSWER:
            raise EffectError(f"a callback answer has at most {limits.ANSWER} UTF-16 units.")
        scope.answered = True
        params = {"callback_query_id": scope.callback_id, "text": said, "show_alert": alert}
        scope.effects.add(Effect(method="answerCallbackQuery", params=params, plugin=scope.plugin))
        return RECORDED

    def answer_pre_checkout(self, error: str | None = None) -> None:
        """Let the payment go on, or decline it with a reason that the buyer reads."""
        return self._answer_query("pre_checkout", "answerPreCheckoutQuery", error)

    def answer_shipping(self, options: Sequence[dict[str, Any]] = (), error: str | None = None) -> None:
        """Offer the Bot API's ShippingOptions for an address, or say why nothing can be sent there."""
        more = {"shipping_options": self._translated(list(options))} if error is None else {}
        return self._answer_query("shipping", "answerShippingQuery", error, **more)

    def answer_inline(
        self, results: Sequence[dict[str, Any]], *, cache: float = 0, personal: bool = True, next_offset: str = ""
    ) -> None:
        """Answer an inline query with the Bot API's InlineQueryResults; `inline_article` makes one.

        Telegram keeps them for `cache` seconds, for this person alone if they are `personal`.
        """
        return self._answer_query(
            "inline", "answerInlineQuery", None, results=self._translated(list(results)), cache_time=int(cache),
            is_personal=personal, next_offset=next_offset,
        )  # fmt: skip

    def inline_article(
        self,
        name: str,
        title: str,
        text: str,
        buttons: Buttons | None = None,
        *,
        description: str = "",
    ) -> dict[str, Any]:
        """A result for `answer_inline`: what is listed, and the text to send if it is chosen. `name` is its id."""
        return self._scope.effects.article(
            name, self._texts.plain(title), self._html(text), buttons, self._texts.plain(description)
        )

    def _answer_query(self, kind: str, method: str, error: str | None, **more: Any) -> None:
        scope = self._scope
        if scope.query_id is None or not scope.row.kind.startswith(kind):
            raise EffectError(f"route {scope.route!r}: there is no {kind} query to answer.")
        params = {f"{kind}_query_id": scope.query_id, **more}
        if kind != "inline":
            params["ok"] = error is None
        if error is not None:
            params["error_message"] = self._texts.plain(error)
        scope.effects.add(Effect(method=method, params=params, plugin=scope.plugin))
        return RECORDED
