"""What an owner may set."""

from pydantic import BaseModel, ConfigDict, Field


class HelpdeskSettings(BaseModel):
    """What an owner may set in `[plugins.helpdesk]`."""

    model_config = ConfigDict(extra="forbid")

    group: int = Field(default=0, le=0, description="id of the helpers' group, a forum; 0 while there is none")
    album_pause: float = Field(default=1, ge=0, le=5, description="seconds in which the pictures of an album come")
