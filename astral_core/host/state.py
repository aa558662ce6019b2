"""What is known of each plugin: where it came from, how far it got, and why it stopped there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from astral_core.db.people import People, people_of
from astral_core.declare import Event, Hook, Tables
from astral_core.errors import AstralError
from astral_core.state import scope_of
from astral_core.wording import Introduction

if TYPE_CHECKING:
    import click
    from pydantic import BaseModel


class State(StrEnum):
    """Where a plugin stands."""

    DISABLED = "disabled"
    INCOMPATIBLE = "incompatible"
    FAILED = "failed"
    QUARANTINED = "quarantined"
    LOADED = "loaded"
    ACTIVE = "active"


@dataclass
class Declarations:
    """What a plugin's object holds. `tables` knows where its migrations are."""

    routes: list[Any] = field(default_factory=list)
    events: list[type[Event]] = field(default_factory=list)
    states: list[type[Any]] = field(default_factory=list)
    hooks: list[Hook] = field(default_factory=list)
    hookspecs: list[Callable[..., Any]] = field(default_factory=list)
    settings: type[BaseModel] | None = None
    tables: Tables | None = None
    cli: click.Command | None = None
    roles: dict[str, str] = field(default_factory=dict)
    introduction: Introduction = field(default_factory=Introduction)


@dataclass
class LoadedPlugin:
    """One plugin as the host sees it. `phase` and `reason` tell where and why it failed.

    `attribute` is the name of its Plugin object in the module `module_name`.
    """

    id: str
    distribution: str
    version: str
    module_name: str
    attribute: str = "plugin"
    requires: tuple[str, ...] = ()
    state: State = State.LOADED
    phase: str = ""
    reason: str = ""
    error: BaseException | None = None
    path: Path | None = None  # a plugin in one file, without a package
    is_imported: bool = False
    declared: Declarations = field(default_factory=Declarations)
    told: bool = False  # the log says why it is set aside

    @property
    def alive(self) -> bool:
        """Whether the plugin takes part."""
        return self.state in (State.LOADED, State.ACTIVE)

    @property
    def roles(self) -> dict[str, str]:
        """The roles that it names, with what each is for."""
        return self.declared.roles

    @property
    def provider(self) -> str:
        """Who it is, for messages: id, distribution, version."""
        return f"{self.id!r} ({f'{self.distribution} {self.version}'.strip()})"

    @property
    def package(self) -> str:
        """The top-level package of the plugin's module."""
        return self.module_name.partition(".")[0]

    @property
    def keeps_state_of_people(self) -> bool:
        """Whether some of the plugin's small state is a person's."""
        return any(scope_of(one) in ("user", "member") for one in self.declared.states)

    def fail(self, phase: str, error: BaseException, state: State = State.FAILED) -> None:
        """Stop here, and remember where and why."""
        self.state = state
        self.phase = phase
        text = str(error).removeprefix(f"plugin {self.id!r}: ").removeprefix("plugin '?': ")
        if not text.endswith("..."):
            text = text.removesuffix(".")
        self.reason = text if isinstance(error, AstralError) else f"{type(error).__name__}: {text}"
        self.error = error

    def set_aside(self, state: State, phase: str, reason: str) -> None:
        """Stop here for a reason that is no exception."""
        self.state, self.phase, self.reason = state, phase, reason


def people_in(plugins: Iterable[LoadedPlugin]) -> People:
    """Whose the rows in the tables of these plugins are. The core answers for its own."""
    return people_of({
        plugin.id: plugin.declared.tables.metadata
        for plugin in plugins
        if plugin.declared.tables is not None and plugin.id != "core"
    })  # fmt: skip
