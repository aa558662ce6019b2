"""Errors of the emulated Bot API and of the chat page."""

from __future__ import annotations

# Telegram answers a server-side constant (MESSAGE_ID_INVALID) as it is and begins its own sentences in lower case.
_PREFIX = "Bad Request"


class ApiError(Exception):
    """An error answer of the Bot API: HTTP status `code`, Telegram's `description`, seconds of `retry_after`.

    `migrate_to` is the supergroup that the group has become.
    """

    def __init__(self, code: int, description: str, *, retry_after: int = 0, migrate_to: int = 0) -> None:
        super().__init__(f"{code} {description}")
        self.code = code
        self.description = description
        self.retry_after = retry_after
        self.migrate_to = migrate_to

    def body(self) -> dict[str, object]:
        """The JSON object that Telegram sends for this error."""
        body: dict[str, object] = {"ok": False, "error_code": self.code, "description": self.description}
        if self.retry_after:
            body["parameters"] = {"retry_after": self.retry_after}
        if self.migrate_to:
            body["parameters"] = {"migrate_to_chat_id": self.migrate_to}
        return body


class DroppedConnection(Exception):
    """A fault rule says that the call was accepted, and its answer must never reach the bot."""


class PageError(Exception):
    """What an emulated user asked for cannot be done: HTTP `status`, a sentence, the `field` at fault."""

    def __init__(self, status: int, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.field = field


def bad_request(message: str) -> ApiError:
    """A 400 in Telegram's form: `Bad Request: ` and the message with its first letter in lower case.

    A second letter in upper case (or `_`) marks a constant of Telegram's servers, which stays as it is.
    """
    if len(message) > 1 and (message[1] == "_" or "A" <= message[1] <= "Z"):
        return ApiError(400, f"{_PREFIX}: {message}")
    return ApiError(400, f"{_PREFIX}: {message[:1].lower()}{message[1:]}")


def forbidden(message: str) -> ApiError:
    """A 403 in Telegram's form."""
    return ApiError(403, f"Forbidden: {message}")


def too_many_requests(retry_after: int) -> ApiError:
    """A 429 in Telegram's form; `retry_after` in seconds."""
    return ApiError(429, f"Too Many Requests: retry after {retry_after}", retry_after=retry_after)
