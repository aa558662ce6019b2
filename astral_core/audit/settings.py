"""What is wrong with a plugin's settings model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from astral_core.finding import Finding


def check_settings(plugin: str, model: type[BaseModel]) -> Iterator[Finding]:
    """Unknown keys are refused, and every key says what it is for; one without a default says so why it is needed."""
    where = f"[plugins.{plugin}]"
    if model.model_config.get("extra") != "forbid":
        yield Finding(
            "settings-extra", where, f"{model.__name__} takes keys that it does not know.",
            'set model_config = ConfigDict(extra="forbid"): a misspelt key must not be silence.', fatal=False,
        )  # fmt: skip
    for name, field in model.model_fields.items():
        if not (field.description or "").strip():
            reason = ", and why it has no default" if field.is_required() else ""
            yield Finding(
                "settings-description", f"{where} {name}", "has no description.",
                f'say what it is for{reason}: Field(description="...").', fatal=False,
            )  # fmt: skip


def unset(model: type[BaseModel], section: Mapping[str, Any]) -> list[str]:
    """The settings without a default that the owner has not set."""
    return [name for name, field in model.model_fields.items() if field.is_required() and name not in section]
