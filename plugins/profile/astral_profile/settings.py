"""Settings of `[plugins.profile]`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ProfileSettings(BaseModel):
    """What an owner may set."""

    model_config = ConfigDict(extra="forbid")

    draft_days: int = Field(
        default=30, ge=1, le=3650, description="days without an answer after which a questionnaire is deleted"
    )
