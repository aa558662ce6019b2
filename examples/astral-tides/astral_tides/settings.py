"""Settings of `[plugins.tides]`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class TidesSettings(BaseModel):
    """What an owner may set."""

    model_config = ConfigDict(extra="forbid")

    hour: int = Field(default=7, ge=0, le=23, description="hour of the daily message, in universal time")
