"""`astral plugins check`: the audit of one plugin."""

from __future__ import annotations

import json

import click

from astral_core.cli.hiding import hide


@click.command()
@click.argument("plugin")
@click.option(
    "--database",
    "databases",
    multiple=True,
    metavar="URL",
    help="Run its migrations there too; empty, e.g. PostgreSQL.",
)
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def check(plugin: str, databases: tuple[str, ...], as_json: bool) -> None:  # click passes flags so
    """Look for everything that is wrong with PLUGIN.

    Its package, hooks, settings, declarations, texts and migrations. Needs no token and no database. The exit code
    is 1 where anything was found."""
    from astral_core.audit import audit_plugin  # an author's tool: no other command loads it

    findings = audit_plugin(plugin, databases)
    if as_json:
        records = [_hidden(finding.record(), databases) for finding in findings]
        click.echo(json.dumps(records, ensure_ascii=False, indent=2))
    else:
        for finding in findings:
            click.echo(hide(f"{'error' if finding.fatal else 'warning'}: {finding}", *databases))
        click.echo(f"{plugin}: {len(findings) or 'nothing'} found")
    if findings:
        raise SystemExit(1)


def _hidden(record: dict[str, object], databases: tuple[str, ...]) -> dict[str, object]:
    return {name: hide(value, *databases) if isinstance(value, str) else value for name, value in record.items()}
