"""From a name to a folder: the name is checked, the templates are filled, the folder is there whole or not at all.

A template is a Jinja text whose path tells where it goes: `NAME` in it is the name, `dot-` at a file's beginning is
a dot (a template called .gitignore would already count here), and the ending `.tmpl` falls away.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping
from datetime import date
from importlib.metadata import EntryPoint
from pathlib import Path, PurePosixPath
from typing import Any

from packaging.version import Version

from astral_core._version import __version__
from astral_core.config import Host
from astral_core.core_plugin import plugin as core_plugin
from astral_core.errors import AstralError, PluginError
from astral_core.host.discover import GROUP, discover
from astral_core.kinds.command import Command
from astral_core.scaffold.settings import settings_as_env, settings_as_toml

_BOT = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST_BOT = 31  # the longest name that Linux allows a user to have


def new_plugin(name: str, parent: Path, author: str | None = None) -> Path:
    """Make the project `astral-<name>` in the folder `parent`; return its path.

    Raises PluginError where the host would refuse such a plugin, AstralError where the folder cannot be made. What
    was there before is never touched.
    """
    _check_plugin_name(name)
    author = author or f"The astral-{name} authors"
    if not author.isprintable():
        raise PluginError(name, "the author has a line break or another control character.", "write it in one line.")
    values = {
        "id": name,
        "title": name.capitalize(),
        "author": author,
        "author_toml": json.dumps(author, ensure_ascii=False),  # of printable text, JSON and TOML make the same
        "year": date.today().year,  # noqa: DTZ011  # the author's own calendar
        "core": core_range(__version__),
    }
    return _make("plugin", name, parent / f"astral-{name}", values)


def new_bot(name: str, parent: Path) -> Path:
    """Make the project of a bot, `<name>`, in the folder `parent`; return its path. Raises as `new_plugin` does."""
    if not _BOT.fullmatch(name) or len(name) > _LONGEST_BOT:
        raise AstralError(
            f"a bot called {name!r}: this cannot be the name of a folder, a service and a user. Fix: take up to "
            f"{_LONGEST_BOT} of a-z 0-9 with single hyphens between them, beginning with a letter."
        )
    values = {
        "name": name,
        "core": core_range(__version__),
        "settings": settings_as_toml(),
        "secrets": settings_as_env(),
    }
    return _make("bot", name, parent / name, values)


def core_range(version: str) -> str:
    """The versions of the core that a project made with `version` asks for: until 1.0 a minor one may break it."""
    core = Version(version)
    lowest = str(core) if core.is_prerelease else f"{core.major}.{core.minor}"
    return f">={lowest},<{core.major + 1}" if core.major else f">={lowest},<0.{core.minor + 1}"


def _check_plugin_name(name: str) -> None:
    """Ask the host itself, as if such a plugin were installed; the command has the plugin's name too."""
    (plugin,) = discover(Host(disabled=()), [EntryPoint(name, f"astral_{name}:plugin", GROUP)])
    if not plugin.alive:
        raise PluginError(name, f"{plugin.reason}.", "choose another name, such as in: astral new plugin weather")
    if name in _core_commands():
        raise PluginError(name, f"/{name} is a command of the bot itself.", "choose another name.")


def _core_commands() -> set[str]:
    return {item.name for item in core_plugin if isinstance(item, Command)}


def _make(kind: str, name: str, target: Path, values: Mapping[str, Any]) -> Path:
    """Write everything beside `target` and move it there in one step, which fails where something has come up."""
    try:
        if target.is_symlink() or (target.exists() and not _is_empty_folder(target)):
            raise AstralError(
                f"{target} is there already and is not an empty folder. Nothing was changed. "
                "Fix: move it away, or choose another name or another --path."
            )
        with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as beside:
            made = Path(beside, target.name)
            for path, text in render(kind, name, values).items():
                file = made / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8", newline="\n")
            made.rename(target)  # over an empty folder too, over nothing else
    except OSError as error:
        raise AstralError(
            f"{target} cannot be made: {error.strerror}. Nothing was changed. "
            "Fix: give with --path a folder that exists and that you may write into."
        ) from error
    return target


def _is_empty_folder(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())


def render(kind: str, name: str, values: Mapping[str, Any]) -> dict[str, str]:
    """Every file of a project of this kind, "plugin" or "bot": its path and its text."""
    import jinja2  # the rest of the command line needs none of it

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("astral_core.scaffold", f"templates/{kind}"),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  # no HTML comes out of it
    )
    return {
        _place(path, name): environment.get_template(path).render(values)
        for path in environment.list_templates(extensions=["tmpl"])
    }


def _place(path: str, name: str) -> str:
    """Where the file of a template goes."""
    parts = PurePosixPath(path.removesuffix(".tmpl").replace("NAME", name)).parts
    return str(PurePosixPath(*(f".{part[4:]}" if part.startswith("dot-") else part for part in parts)))
