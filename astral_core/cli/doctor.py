"""`astral doctor`: what keeps the bot from working, and what to do about it."""

from __future__ import annotations

import json

import click

from astral_core.doctor import diagnose


@click.command()
@click.option("--offline", is_flag=True, help="Do not ask Telegram.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def doctor(offline: bool, as_json: bool) -> None:  # click passes flags so
    """Look for what keeps the bot from working.

    Works without a token, without a database and with broken plugins, changes nothing and shows no secret. The exit
    code is 1 where something has to be mended."""
    findings = diagnose(offline=offline)
    fatal = sum(finding.fatal for finding in findings)
    if as_json:
        click.echo(json.dumps([finding.record() for finding in findings], ensure_ascii=False, indent=2))
    else:
        for finding in findings:
            click.echo(f"{'wrong' if finding.fatal else 'note':<6} {finding}")
        click.echo(f"{fatal} to mend" if fatal else "all is well")
    raise SystemExit(1 if fatal else 0)
