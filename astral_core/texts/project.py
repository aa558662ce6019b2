"""Whose texts are meant: of the plugin in this folder, of a plugin in one file, or of a bot's installed ones."""

from __future__ import annotations

import importlib.util
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from astral_core import core_plugin
from astral_core.config import Settings, config_file, load_settings
from astral_core.errors import TextsError
from astral_core.host.discover import GROUP, from_file
from astral_core.host.host import load
from astral_core.host.state import LoadedPlugin
from astral_core.languages.catalogs import Catalogs, package_folder
from astral_core.languages.po import Key
from astral_core.languages.spoken import Languages
from astral_core.texts.sources import Source, declared, sources_of


@dataclass(frozen=True)
class Target:
    """The texts of one package, and where files with them are written.

    `is_owners`: the package is somebody else's, and a file is needed for what it does not translate itself.
    """

    domain: str
    sources: dict[Key, Source]
    catalogs: Catalogs
    folder: Path
    is_owners: bool

    @property
    def template(self) -> Path:
        """The file with all source texts."""
        return self.folder / f"{self.domain}.pot"

    def file(self, language: str) -> Path:
        """The catalogue of a language that is written: the one that is there, in any spelling, else a new one."""
        for found in self.catalogs.files(language):
            if found.is_own is not self.is_owners and isinstance(found.path, Path):
                return found.path
        if self.is_owners or self.catalogs.file is not None:
            return self.folder / language / f"{self.domain}.po"
        return self.folder / f"{language}.po"


@dataclass(frozen=True)
class Project:
    """What a command of `astral texts` works on. `spoken` is what the bot offers, if a bot is meant."""

    targets: list[Target]
    spoken: Languages | None = None


def find_project(files: Sequence[Path] = (), *, installed: bool = False) -> Project:
    """Plugins in single files, else the plugin whose project this folder is, else the bot whose astral.toml is here.

    With `installed` the bot is meant in any case. TextsError where there is nothing to work on.
    """
    if files:
        return Project([_of_file(path) for path in files])
    packages = [] if installed else list(dict.fromkeys(_packages(Path("pyproject.toml"))))
    if packages:
        return Project([_of_package(package) for package in packages])
    if not installed and not config_file().is_file():
        raise TextsError(
            "there is no plugin's pyproject.toml in this folder, and no astral.toml. Fix: go to the folder of "
            "either, name a plugin in one file (--plugin hello.py), or say --installed for a bot that has none."
        )
    return _of_bot(load_settings())


def _packages(pyproject: Path) -> Iterator[str]:
    """The packages of the plugins that a project has."""
    if not pyproject.is_file():
        return
    try:
        project = tomllib.loads(pyproject.read_text("utf-8")).get("project", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TextsError(f"pyproject.toml cannot be read: {error}.") from error
    for module in project.get("entry-points", {}).get(GROUP, {}).values():
        yield str(module).partition(":")[0].partition(".")[0].strip()


def _of_package(package: str) -> Target:
    places = [Path(package), Path("src") / package]
    installed = package_folder(package)
    if isinstance(installed, Path) and installed.resolve().is_relative_to(Path.cwd()):
        places.append(installed)  # a layout of the project's own
    folder = next((place for place in places if (place / "__init__.py").is_file()), None)
    if folder is None:
        raise TextsError(
            f"pyproject.toml has a plugin in the package {package!r}, which is neither here nor in src/. Fix: a "
            f"plugin with translations is a package, so that it can hold them in {package}/locales."
        )
    return Target(package, _read(folder), Catalogs(package, folder=folder), folder / "locales", is_owners=False)


def _of_file(path: Path) -> Target:
    plugin = from_file(path)
    if not plugin.alive:
        raise TextsError(f"{plugin.reason}.")
    catalogs = Catalogs(plugin.package, file=path)
    return Target(catalogs.domain, _read(path), catalogs, path.parent / "locales", is_owners=False)


def _of_bot(settings: Settings) -> Project:
    host = load(settings, core_plugin.plugin, enforce=False)
    spoken, folder = host.languages(), config_file().parent / "locales"
    targets: dict[str, Target] = {}
    for plugin in host.alive:
        catalogs = spoken.catalogs[plugin.id]
        sources = _sources_of_installed(plugin, catalogs)
        if catalogs.domain in targets:  # a package with two plugins
            sources = {**targets[catalogs.domain].sources, **sources}
        if sources:
            targets[catalogs.domain] = Target(catalogs.domain, sources, catalogs, folder, is_owners=True)
    return Project(list(targets.values()), spoken)


def _sources_of_installed(plugin: LoadedPlugin, catalogs: Catalogs) -> dict[Key, Source]:
    """The texts in the code; where that cannot be read, those that the package's catalogues tell of."""
    spec = importlib.util.find_spec(plugin.package)
    folder, found = package_folder(plugin.package), dict(declared(plugin))
    place = folder if folder is not None else Path(spec.origin) if spec is not None and spec.origin else None
    try:
        if isinstance(place, Path):
            sources = sources_of(place)
            return sources | {key: source for key, source in found.items() if key not in sources}
    except (SyntaxError, OSError):
        pass  # of a module that nothing imports
    return {**dict.fromkeys(catalogs.known(), Source()), **found}


def _read(path: Path) -> dict[Key, Source]:
    try:
        return sources_of(path)
    except SyntaxError as error:
        raise TextsError(f"{error.filename}:{error.lineno} is no Python: {error.msg}.") from error
