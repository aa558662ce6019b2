"""What is wrong with a plugin's tables about people, beside what its start refuses."""

from __future__ import annotations

from collections.abc import Iterator

from astral_core.finding import Finding
from astral_core.host.host import Host
from astral_core.host.state import LoadedPlugin


def check_mentions(host: Host, plugin: LoadedPlugin) -> Iterator[Finding]:
    """Columns that still name a person after /forget."""
    for column in host.people().stubborn(plugin.id):
        yield Finding(
            "people-mention", f"{column.table.name}.{column.name}",
            "mentions a person and may not be NULL: after /forget it still has their id.",
            'say nullable=True, or info={"person": "owner"} if the row goes with this person, too.', fatal=False,
        )  # fmt: skip
