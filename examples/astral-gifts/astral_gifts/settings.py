"""Settings of `[plugins.gifts]`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class GiftsSettings(BaseModel):
    """What an owner may set."""

    model_config = ConfigDict(extra="forbid")

    price: int = Field(default=25, ge=1, le=100_000, description="price of a wish in Telegram Stars")
    pause: float = Field(default=0.7, ge=0, le=3, description="seconds between the pictures of the unwrapping")
