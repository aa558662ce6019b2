"""One assertion for all that can be checked of a plugin without a running bot."""

from __future__ import annotations

from collections.abc import Sequence

from astral_core.audit import audit_plugin


def assert_plugin_ok(plugin_id: str, *, databases: Sequence[str] = (), ignore: Sequence[str] = ()) -> None:
    """Fail with a list of what the audit finds wrong with an installed plugin, and how to mend it.

    Its migrations run on SQLite, and on `databases` too: URLs of empty ones. `ignore` holds codes of findings that
    do not count.
    """
    findings = [finding for finding in audit_plugin(plugin_id, databases) if finding.code not in ignore]
    if findings:
        count = "1 finding" if len(findings) == 1 else f"{len(findings)} findings"
        lines = "\n".join(f"  {finding}" for finding in findings)
        raise AssertionError(f"plugin {plugin_id!r}: {count}.\n{lines}")
