"""What the six distributions promise on PyPI: one version, one licence, metadata that resolvers can use."""

from __future__ import annotations

import importlib.metadata
import json
import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))
PROJECTS = [ROOT, *PLUGINS]
LGPL = {"python-telegram-bot"}  # LGPL-3.0, used unmodified: a bot of any licence may depend on it
plugins = pytest.mark.parametrize("folder", PLUGINS, ids=lambda folder: folder.name)


def project(folder: Path) -> dict[str, Any]:
    """Return the table [project] of a pyproject file."""
    return tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def closure() -> Iterator[Distribution]:
    """Walk what an installation of the six brings along here, extras only where they are asked for."""
    todo = [(project(folder)["name"], "") for folder in PROJECTS]
    seen: set[tuple[str, str]] = set()
    while todo:
        name, extra = todo.pop()
        if (name, extra) in seen:
            continue
        if name not in {other for other, _ in seen}:
            yield importlib.metadata.distribution(name)
        seen.add((name, extra))
        for line in importlib.metadata.distribution(name).requires or []:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                todo += [(canonicalize_name(requirement.name), part) for part in {"", *requirement.extras}]


def licence(dist: Distribution) -> str:
    """Return what a distribution declares: its expression, classifiers or field, else its licence file's head."""
    classifiers = [line for line in dist.metadata.get_all("Classifier", []) if line.startswith("License ::")]
    given = dist.metadata.get("License-Expression") or " ".join(classifiers) or dist.metadata.get("License", "")
    text = given or dist.read_text(f"licenses/{dist.metadata.get('License-File')}") or ""
    return " ".join(text[:400].split())


def components(dist: Distribution) -> dict[str, str]:
    """Return the licences of the libraries compiled into a wheel, where it brings a CycloneDX list of them."""
    lists = [path for path in dist.files or [] if path.suffix == ".json" and "sboms" in path.parts]
    parts = [part for path in lists for part in json.loads(path.read_text())["components"]]
    return {part["name"]: json.dumps(part.get("licenses", "")) for part in parts}


def test_there_are_six() -> None:
    """The core and its five plugins, by the names that the documentation uses."""
    names = {project(folder)["name"] for folder in PROJECTS}
    assert names == {f"astral-{part}" for part in ("core", "profile", "natal", "payments", "analytics", "playground")}


@plugins
def test_licence_is_the_same_everywhere(folder: Path) -> None:
    """Each plugin carries a real copy of the licence: a link would break the wheel built from its sdist."""
    copy = folder / "LICENSE"
    assert not copy.is_symlink()
    assert copy.read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert project(folder)["license"] == project(ROOT)["license"] == "MIT"
    assert project(folder)["license-files"] == ["LICENSE"]


def test_one_version_for_all() -> None:
    """All distributions are released together: the installed metadata of the six agree."""
    assert len({importlib.metadata.version(project(folder)["name"]) for folder in PROJECTS}) == 1


@plugins
def test_plugin_folder_is_complete(folder: Path) -> None:
    """A plugin has a README worth the name, the marker of typed packages, and the keyword to be found by."""
    meta = project(folder)
    package = folder / meta["name"].replace("-", "_")
    assert (package / "py.typed").is_file()
    assert len((folder / meta["readme"]).read_text(encoding="utf-8").split()) >= 20
    assert "astral-plugin" in meta["keywords"]
    assert meta["requires-python"] == project(ROOT)["requires-python"]


@plugins
def test_entry_point_is_the_plugins_id(folder: Path) -> None:
    """The entry point is named by the plugin's id and names `plugin` in a module of its own package."""
    points = project(folder)["entry-points"]["astral.plugins"]
    assert list(points) == [folder.name]
    assert re.fullmatch("[a-z][a-z0-9]{1,15}", folder.name)
    name, _, attribute = points[folder.name].partition(":")
    module = folder.joinpath(*name.split("."))
    assert (name.partition(".")[0], attribute) == (f"astral_{folder.name}", "plugin")
    assert module.with_suffix(".py").is_file() or (module / "__init__.py").is_file()


@plugins
def test_plugin_asks_for_this_core(folder: Path) -> None:
    """A plugin takes the core of its own minor version and no other, and other plugins in the same way."""
    version = Version(importlib.metadata.version("astral-core"))
    wanted = f">={version.major}.{version.minor},<{version.major}.{version.minor + 1}"
    requirements = [Requirement(line) for line in project(folder)["dependencies"]]
    ours = {each.name: each.specifier for each in requirements if each.name.startswith("astral-")}
    assert "astral-core" in ours
    assert [str(each) for each in ours.values() if each != Requirement(f"x{wanted}").specifier] == []


@pytest.mark.parametrize("folder", PROJECTS, ids=lambda folder: folder.name)
def test_every_dependency_has_a_lower_bound(folder: Path) -> None:
    """Each requirement says the lowest version that works (the tox environment ``lowest`` proves it)."""
    lines = project(folder)["dependencies"]
    open_ended = [line for line in lines if not any(part.operator == ">=" for part in Requirement(line).specifier)]
    assert open_ended == []


STRONG = re.compile(r"(?<!L)GPL|(Affero|GNU) General Public")
WEAK = re.compile(r"LGPL|Lesser General Public")


def test_no_copyleft_in_the_runtime_closure() -> None:
    """Nothing that a default installation brings is under GPL or AGPL, or under LGPL unless listed above."""
    licences = {canonicalize_name(dist.metadata["Name"]): licence(dist) for dist in closure()}
    assert {"aiohttp", "numpy", "yookassa", "greenlet"} <= set(licences)  # the walk reached every corner
    assert [name for name, text in licences.items() if not text] == []
    assert {name: text for name, text in licences.items() if STRONG.search(text)} == {}
    assert {name for name, text in licences.items() if WEAK.search(text)} <= LGPL


def test_no_copyleft_is_compiled_into_a_wheel() -> None:
    """Rust wheels list the crates that they contain: none of them has the GPL or AGPL as its only licence."""
    found = {name: text for dist in closure() for name, text in components(dist).items()}
    assert "resvg" in found  # the lists were read
    assert {name: text for name, text in found.items() if STRONG.search(text) and " OR " not in text} == {}


@pytest.mark.parametrize("text", ["AGPL-3.0-only", "GPL-2.0-or-later", "GNU General Public License v3 (GPLv3)"])
def test_the_guard_knows_copyleft(text: str) -> None:
    """The pattern of the two tests above finds the ways in which copyleft licences are written."""
    assert STRONG.search(text)
    assert not STRONG.search("LGPL-3.0-only")
    assert WEAK.search("GNU Lesser General Public License v3 (LGPLv3)")
