"""Checked reading of the page's JSON bodies."""

from __future__ import annotations

import json
import math
from collections.abc import Collection
from typing import Any, Self

from aiohttp import web

from .errors import PageError

_MAX_TEXT = 20_000


class Fields:
    """The members of a JSON object; each reader checks type and bounds, PageError 400 names the field."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.given = given
        self._read: set[str] = set()

    @classmethod
    async def read(cls, request: web.Request) -> Self:
        """The body of a request, which must be a JSON object with its content type."""
        if request.content_type != "application/json":
            raise PageError(415, "the body must be JSON with Content-Type: application/json")
        try:
            body = json.loads(await request.text())
        except (ValueError, LookupError, RecursionError):  # LookupError: an unknown charset
            raise PageError(400, "the body is no JSON") from None
        if not isinstance(body, dict):
            raise PageError(400, "the body must be a JSON object")
        return cls(body)

    def has(self, name: str) -> bool:
        """Is the field there and not null?"""
        self._read.add(name)
        return self.given.get(name) is not None

    def text(self, name: str, *, required: bool = False, limit: int = _MAX_TEXT) -> str:
        """A string."""
        if not self.has(name):
            if required:
                raise PageError(400, f"{name} is missing", name)
            return ""
        value = self.given[name]
        if not isinstance(value, str):
            raise PageError(400, f"{name} must be a string", name)
        if len(value) > limit:
            raise PageError(400, f"{name} is longer than {limit} characters", name)
        return value

    def integer(self, name: str, *, required: bool = False, low: int = 0, high: int = 1 << 53) -> int | None:
        """A whole number within bounds, None when absent."""
        if not self.has(name):
            if required:
                raise PageError(400, f"{name} is missing", name)
            return None
        value = self.given[name]
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise PageError(400, f"{name} must be a whole number from {low} to {high}", name)
        return value

    def number(self, name: str, *, low: float = -math.inf, high: float = math.inf) -> float:
        """A number within bounds."""
        if not self.has(name):
            raise PageError(400, f"{name} is missing", name)
        value = self.given[name]
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise PageError(400, f"{name} must be a number", name)
        if not low <= value <= high:
            raise PageError(400, f"{name} must be from {low} to {high}", name)
        return float(value)

    def flag(self, name: str) -> bool | None:
        """true or false, None when absent."""
        if not self.has(name):
            return None
        value = self.given[name]
        if not isinstance(value, bool):
            raise PageError(400, f"{name} must be true or false", name)
        return value

    def choice(self, name: str, choices: Collection[str]) -> str:
        """One of `choices`."""
        value = self.text(name, required=True)
        if value not in choices:
            raise PageError(400, f"{name} must be one of {', '.join(choices)}", name)
        return value

    def numbers(self, name: str, *, limit: int = 200) -> list[int]:
        """A list of whole numbers, empty when absent."""
        value = self.given[name] if self.has(name) else []
        if not isinstance(value, list) or any(isinstance(one, bool) or not isinstance(one, int) for one in value):
            raise PageError(400, f"{name} must be a list of whole numbers", name)
        if len(value) > limit:
            raise PageError(400, f"{name} has more than {limit} entries", name)
        return value

    def texts(self, name: str, *, limit: int = 200) -> list[str]:
        """A list of strings, empty when absent."""
        value = self.given[name] if self.has(name) else []
        if not isinstance(value, list) or any(not isinstance(one, str) for one in value):
            raise PageError(400, f"{name} must be a list of strings", name)
        if len(value) > limit:
            raise PageError(400, f"{name} has more than {limit} entries", name)
        return value

    def objects(self, name: str, *, limit: int) -> list[dict[str, Any]]:
        """A list of JSON objects."""
        value = self.given.get(name) if self.has(name) else None
        if not isinstance(value, list) or any(not isinstance(item, dict) for item in value):
            raise PageError(400, f"{name} must be a list of objects", name)
        if len(value) > limit:
            raise PageError(400, f"{name} has more than {limit} entries", name)
        return value

    def nothing_else(self, *known: str) -> None:
        """Refuse fields that nobody has read: a misspelt one must not be lost silently."""
        unknown = sorted(self.given.keys() - self._read - set(known))
        if unknown:
            raise PageError(400, f"unknown field {unknown[0]!r}", unknown[0])
