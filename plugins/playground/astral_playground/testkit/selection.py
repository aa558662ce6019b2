"""Which plugins a test is about: those that it names, or the one whose project it belongs to."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from types import ModuleType

from astral_core.config import Host
from astral_core.errors import ConfigError, PluginLoadError
from astral_core.host.discover import GROUP, dependencies, discover, from_file
from astral_core.host.state import LoadedPlugin

Choice = str | Path | ModuleType | LoadedPlugin


class Selection:
    """Turns what a test names into plugins. Looks for installed ones once."""

    @cached_property
    def installed(self) -> list[LoadedPlugin]:
        """All installed plugins, also those that are off by default; dependencies first."""
        return discover(Host(disabled=()))

    def plugins(self, choices: Iterable[Choice], folders: Sequence[Path]) -> list[LoadedPlugin]:
        """The plugins that `choices` name, and before them those that they require.

        A choice is an installed plugin's id, a module that has a `plugin`, or the path of a one-file plugin; paths
        that are not absolute start in one of `folders`, the first in which there is such a file.
        """
        found = [self._plugin(choice, folders) for choice in choices]
        needed = _with_requirements({plugin.id for plugin in found if plugin in self.installed}, self.installed)
        taken = [plugin for plugin in self.installed if plugin.id in needed]
        taken += [plugin for plugin in found if plugin not in taken]
        for plugin in taken:
            if not plugin.alive:
                raise PluginLoadError(plugin.id, plugin.reason)
        return taken

    def _plugin(self, choice: Choice, folders: Sequence[Path]) -> LoadedPlugin:
        if isinstance(choice, LoadedPlugin):
            return choice
        if isinstance(choice, ModuleType):
            return self._of_module(choice)
        if isinstance(choice, Path) or choice.endswith(".py"):
            return _of_file(Path(choice), folders)
        for plugin in self.installed:
            if plugin.id == choice:
                return plugin
        names = ", ".join(plugin.id for plugin in self.installed) or "none"
        raise ConfigError(
            f"no plugin {choice!r} is installed; these are: {names}. Fix: pip install -e . in its folder, or name "
            "its file (weather.py)."
        )

    def _of_module(self, module: ModuleType) -> LoadedPlugin:
        for plugin in self.installed:
            if plugin.module_name == module.__name__:
                return plugin
        if sys.modules.get(module.__name__) is not module:
            raise ConfigError(f"the module {module.__name__!r} is not imported under its name. Fix: import it.")
        return LoadedPlugin(_id_of(module.__name__), module.__name__, "0", module.__name__)


def project_plugins(folder: Path) -> list[str]:
    """The ids that the nearest project around `folder` gives to its plugins; ConfigError where there is none."""
    for place in (folder, *folder.parents):
        file = place / "pyproject.toml"
        if file.is_file():
            project = tomllib.loads(file.read_text(encoding="utf-8")).get("project", {})
            if ids := list(project.get("entry-points", {}).get(GROUP, {})):
                return ids
    raise ConfigError(
        f"{folder}: no plugin to test is named, and no pyproject.toml around has an entry point in {GROUP}. "
        'Fix: write @pytest.mark.astral(plugins=["weather"]) at the test, or astral_plugins = "weather" in '
        "pytest's settings; an id, a module, or a path like weather.py."
    )


def _id_of(module: str) -> str:
    """astral_weather.plugin, test_weather and weather are all the plugin `weather`."""
    parts = [part for part in module.split(".") if part != "plugin"]
    return parts[-1].removeprefix("astral_").removeprefix("test_").replace("_", "")


def _of_file(path: Path, folders: Sequence[Path]) -> LoadedPlugin:
    places = [folder / path for folder in folders]
    for place in places:
        if place.is_file():
            return from_file(place)
    raise ConfigError(f"there is no one-file plugin {' or '.join(map(str, places))}. Fix: mend the path.")


def _with_requirements(ids: set[str], installed: Sequence[LoadedPlugin]) -> set[str]:
    """`ids` and those of all that they require; `installed` are in dependency order."""
    for plugin in reversed(installed):
        if plugin.id in ids:
            ids = ids | dependencies(plugin, installed)
    return ids
