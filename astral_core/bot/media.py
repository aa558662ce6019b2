"""How a handler sends files."""

from __future__ import annotations

from collections.abc import Sequence

from astral_core.bot import files
from astral_core.bot.buttons import Buttons
from astral_core.bot.handling import Handling, check_name
from astral_core.db.tables import CACHE_WIDTH
from astral_core.inbox.effect import OnDoubt, Ref


class MediaVerbs(Handling):
    """Messages with a file, and albums."""

    # --- messages

    def send_photo(
        self,
        photo: bytes | str,
        caption: str = "",
        buttons: Buttons | None = None,
        *,
        cache: str | None = None,
        on_doubt: OnDoubt = "resend",
    ) -> Ref:
        """Send a picture: PNG or JPEG bytes, a file_id or an address. `cache` keeps Telegram's file_id.

        The file_id is kept for as long as nobody asks the bot to forget the person for whom it was sent last.
        """
        scope = self._scope
        return files.file(
            scope.effects, scope.plugin, scope.address, "sendPhoto", "photo", photo, self._html(caption), buttons,
            cache=self._cache(cache), owner=scope.user.id if cache and scope.user else None, filename="picture.png",
            on_doubt=on_doubt,
        )  # fmt: skip

    def send_album(
        self, photos: Sequence[bytes | str], caption: str = "", *, silent: bool = False, on_doubt: OnDoubt = "resend"
    ) -> Ref:
        """Send 2 to 10 pictures as one album: bytes, file_ids or addresses. The reference is to the first one."""
        scope = self._scope
        return files.album(
            scope.effects, scope.plugin, scope.address, photos, self._html(caption), silent=silent, on_doubt=on_doubt
        )

    def send_document(
        self, document: bytes | str, filename: str, caption: str = "", buttons: Buttons | None = None
    ) -> Ref:
        """Send a file."""
        scope = self._scope
        return files.file(
            scope.effects, scope.plugin, scope.address, "sendDocument", "document", document, self._html(caption),
            buttons, filename=filename,
        )  # fmt: skip

    def _cache(self, key: str | None) -> str | None:
        if not key:
            return None
        name = f"{self.id}:{key}"
        check_name("a cache key with its plugin", name, CACHE_WIDTH)
        return name
