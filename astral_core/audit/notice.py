"""What a plugin does not say to the people whose data it keeps."""

from __future__ import annotations

from collections.abc import Iterator

from astral_core.finding import Finding
from astral_core.host.host import Host
from astral_core.host.state import LoadedPlugin


def check_notice(host: Host, plugin: LoadedPlugin) -> Iterator[Finding]:
    """Whoever keeps something of people tells them what, and why."""
    if plugin.id in host.registry.keepers and not plugin.declared.introduction.personal:
        yield Finding(
            "texts-personal", plugin.id, "it keeps something of people, and /privacy can name only the plugin.",
            'say what it keeps and why: Plugin(personal=N_("Your reminders: so that they reach you in time.")).',
            fatal=False,
        )  # fmt: skip
