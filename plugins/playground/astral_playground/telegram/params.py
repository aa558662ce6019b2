"""Parameters of one Bot API call, however they came: query, form, multipart or JSON.

The real server knows strings only: JSON values that are no strings are their own JSON text, `null` is absent.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from .errors import bad_request

_LEADING_INTEGER = re.compile(r"\s*([+-]?\d{1,19})")
_INT32 = (1 << 31) - 1


@dataclass(slots=True, frozen=True)
class Upload:
    """A file part of a multipart request."""

    data: bytes
    file_name: str
    mime_type: str

    def __repr__(self) -> str:
        return f"Upload({self.file_name!r}, {len(self.data)} bytes)"


@dataclass(slots=True)
class Params:
    """String parameters and uploaded files of one call."""

    values: dict[str, str] = field(default_factory=dict)
    files: dict[str, Upload] = field(default_factory=dict)

    def add_json(self, body: dict[str, Any]) -> None:
        """Take the members of a JSON object."""
        for name, value in body.items():
            if value is not None:
                self.values[name] = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

    def check(self) -> None:
        """Refuse half surrogates, which no UTF-8 text can hold."""
        for value in self.values.values():
            try:
                value.encode("utf-8")
            except UnicodeEncodeError:
                raise bad_request("Strings must be encoded in UTF-8") from None

    def has(self, name: str) -> bool:
        """Was the parameter given and not empty?"""
        return bool(self.values.get(name))

    def text(self, name: str) -> str:
        """The parameter, empty when it is absent."""
        return self.values.get(name, "")

    def required(self, name: str) -> str:
        """The parameter; 400 when it is absent or empty."""
        value = self.text(name)
        if not value:
            raise bad_request(f'Parameter "{name}" is required')
        return value

    def flag(self, name: str) -> bool:
        """Is the parameter true, yes or 1?"""
        return self.text(name).strip().lower() in {"true", "yes", "1"}

    def integer(self, name: str, default: int = 0, low: int = 0, high: int = _INT32) -> int:
        """A number brought into `low`..`high`; what is no number counts as 0, as at Telegram."""
        value = self.text(name)
        if not value:
            number = default
        else:
            match = _LEADING_INTEGER.match(value)
            number = int(match[1]) if match else 0
        return min(max(number, low), high)

    def json(self, name: str, what: str) -> Any:
        """The decoded JSON parameter, None when absent; 400 `Can't parse <what> JSON object`."""
        value = self.text(name)
        if not value:
            return None
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            raise bad_request(f"Can't parse {what} JSON object") from None

    def shown(self) -> dict[str, Any]:
        """Parameters for a log: JSON decoded, files as name and size."""
        result: dict[str, Any] = {}
        for name, value in self.values.items():
            result[name] = value
            if value[:1] in {"{", "["}:
                try:
                    result[name] = json.loads(value)
                except (ValueError, RecursionError):
                    result[name] = value
        for name, upload in self.files.items():
            result[name] = {"file_name": upload.file_name, "size": len(upload.data)}
        return result
