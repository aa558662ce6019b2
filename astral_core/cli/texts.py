"""`astral texts`: what translators need, for authors of plugins and for owners of bots."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import click

from astral_core.errors import TextsError
from astral_core.languages.tags import canonical
from astral_core.texts.files import Written, update, write_template
from astral_core.texts.project import Project, find_project
from astral_core.texts.report import Report, misplaced, reports

F = TypeVar("F", bound=Callable[..., Any])


def _tags(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """The codes of languages as gettext writes them; a usage error for one that Babel does not know."""
    from babel import Locale, UnknownLocaleError  # an author's tool: the bot may not need it

    found = []
    for value in values:
        try:
            found.append(canonical(value))
            Locale.parse(found[-1])
        except (ValueError, UnknownLocaleError) as error:
            raise click.BadParameter(f"{str(error).rstrip('.')}.", ctx, param) from error
    return tuple(dict.fromkeys(found))


def _choice(command: F) -> F:
    """The options that say whose texts are meant."""
    file = click.option(
        "--plugin",
        "files",
        multiple=True,
        type=click.Path(path_type=Path),
        help="A plugin in one file; may be repeated.",
    )
    installed = click.option(
        "--installed", is_flag=True, help="The bot's installed plugins and its core, in any case."
    )
    return file(installed(command))


@click.group()
def texts() -> None:
    """Texts in other languages, for translators.

    In the folder of a plugin's project these commands are about that plugin, in that of a bot (beside astral.toml)
    about the core and all plugins that take part."""


@texts.command()
@_choice
def extract(files: tuple[Path, ...], installed: bool) -> None:  # click passes flags so
    """Write all source texts into a template, <package>.pot.

    It is the same file each time, until a text changes."""
    for target in _project(files, installed).targets:
        written = write_template(target)
        click.echo(f"{written.path}: {written.texts} texts{'' if written.changed else ', unchanged'}")


@texts.command("update")
@click.argument("languages", nargs=-1, callback=_tags)
@_choice
def update_(languages: tuple[str, ...], files: tuple[Path, ...], installed: bool) -> None:  # the same
    """Begin the translation into LANGUAGES, such as de or pt-br, or bring it up to date.

    Without LANGUAGES, those that are there. Nothing that a translator wrote is lost. For a bot the files are
    locales/<language>/<package>.po, with what the packages themselves do not translate."""
    project = _project(files, installed)
    failed = False
    for language in languages or _present(project):
        for target in project.targets:
            try:
                written = update(target, language)
            except TextsError as error:
                click.echo(f"astral: {error}", err=True)
                failed = True
            else:
                click.echo(_said(written) if written else f"{target.domain}: {language} is complete.")
    if failed:
        raise SystemExit(1)


@texts.command("check")
@click.argument("languages", nargs=-1, callback=_tags)
@_choice
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def check(languages: tuple[str, ...], files: tuple[Path, ...], installed: bool, as_json: bool) -> None:  # the same
    """Say how far each translation is, and what is wrong with it.

    The exit code is 1 where something is broken. What is broken or missing is shown in another language."""
    project = _project(files, installed)
    wrong, found = misplaced(project), list(reports(project, languages))
    if as_json:
        record = {"catalogues": [asdict(one) for one in found], "faults": [asdict(fault) for fault in wrong]}
        click.echo(json.dumps(record, ensure_ascii=False, indent=2))
    else:
        _show(project, found)
        for fault in [*wrong, *(fault for one in found for fault in one.faults)]:
            click.echo(f"error: {fault}")
    if wrong or any(one.faults for one in found):
        raise SystemExit(1)


def _project(files: tuple[Path, ...], installed: bool) -> Project:
    project = find_project(files, installed=installed)
    if not any(target.sources for target in project.targets):
        raise TextsError("there is no text to translate. Fix: mark texts with N_, ctx.t and ctx.nt.")
    return project


def _present(project: Project) -> list[str]:
    """The languages that somebody has begun here; of installed packages those that the owner has begun."""
    found = sorted({
        language
        for target in project.targets
        for language in target.catalogs.languages()
        if any(file.is_own is not target.is_owners for file in target.catalogs.files(language))
    })  # fmt: skip
    if not found:
        raise TextsError("there is no translation yet. Fix: name the language, as in `astral texts update de`.")
    return found


def _said(written: Written) -> str:
    left = _counts(missing=written.missing, fuzzy=written.fuzzy, obsolete=written.obsolete) or "complete"
    return f"{written.path}: {written.texts} texts, {left}{'' if written.changed else ', unchanged'}"


def _show(project: Project, found: Iterable[Report]) -> None:
    for one in found:
        counts = _counts(missing=one.missing, fuzzy=one.fuzzy, broken=one.broken, obsolete=one.obsolete)
        click.echo(f"{one.language:<8} {one.domain:<24} {one.translated} of {one.texts} {counts}".rstrip())
    spoken = project.spoken
    if spoken is None:
        return
    for language in spoken.spoken[1:]:  # the source language has every text
        offered = (
            "offered" if language in spoken.offered else "not offered: half of all texts is needed, or `languages`"
        )
        click.echo(f"{language:<8} {spoken.share(language):.0%} of all, {offered}")


def _counts(**counts: int) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)
