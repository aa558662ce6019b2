"""Refusals of the emulated API, in the shape and the words of YooKassa."""

from __future__ import annotations

from typing import Any

__all__ = ["ApiError", "forbidden", "invalid", "not_found"]


class ApiError(Exception):
    """An answer of the API that is not 200.

    :param extra: further members of the JSON body (`retry_after`).
    """

    def __init__(self, status: int, code: str, description: str, parameter: str | None = None, **extra: Any) -> None:
        super().__init__(description)
        self.status = status
        self.code = code
        self.description = description
        self.parameter = parameter
        self.extra = extra

    def body(self, error_id: str) -> dict[str, Any]:
        """The JSON body of the answer."""
        body: dict[str, Any] = {
            "type": "error",
            "id": error_id,
            "code": self.code,
            "description": self.description,
        }
        if self.parameter is not None:
            body["parameter"] = self.parameter
        return body | self.extra


def invalid(description: str, parameter: str | None = None) -> ApiError:
    """400: the request is wrong."""
    return ApiError(400, "invalid_request", description, parameter)


def forbidden(description: str) -> ApiError:
    """403: the shop may not do this."""
    return ApiError(403, "forbidden", description)


def not_found(what: str) -> ApiError:
    """404 for `what`, "payment" or "refund": it is missing, or it belongs to another shop."""
    return ApiError(404, "not_found", f"{what.capitalize()} not found or forbidden", f"{what}_id")
