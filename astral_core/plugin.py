"""`Plugin`: the one object of a plugin."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, overload

from astral_core.declare import Event, Hook, Tables
from astral_core.errors import DeclarationError
from astral_core.kinds.raw import Build
from astral_core.kinds.roles import check_roles
from astral_core.routes import Routes
from astral_core.state import State
from astral_core.wording import Introduction

if TYPE_CHECKING:
    import click
    from pydantic import BaseModel

H = TypeVar("H", bound=Callable[..., Any])


class Plugin(Routes):
    """A plugin: what an entry point of the group `astral.plugins` names, and `plugin` in a plugin of one file.

    `settings` is the pydantic model of `[plugins.<id>]`. `tables` are the plugin's, with migrations in `migrations`
    beside the module of this object. `routes` are the collectors of other files, `events` the classes of events that
    this plugin emits, `states` those of its small state, and `cli` is the click command `astral <id>`.

    `roles` are the roles that the owner of the bot gives to people, with what each is for:
    `roles={"support": N_("Answers people")}`. Two plugins that name the same role mean the same people.

    What the plugin says of itself on the core's pages, each a text such as `N_("...")`: `about` is what it does, in a
    sentence or two, for /about and, if there is no `greeting`, for /start; `greeting=""` says nothing there.
    `personal` is which data it keeps and why, for /privacy. `kept` is what stays when a person deletes their data,
    and why, for /privacy and /forget. The texts may name the bot as `{bot}`.
    """

    def __init__(
        self,
        *,
        settings: type[BaseModel] | None = None,
        tables: Tables | None = None,
        routes: Iterable[Routes] = (),
        events: Iterable[type[Event]] = (),
        states: Iterable[type[State]] = (),
        cli: click.Command | None = None,
        roles: Mapping[str, str] | None = None,
        about: str | None = None,
        greeting: str | None = None,
        personal: str | None = None,
        kept: str | None = None,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.tables = tables
        self.routes = tuple(routes)
        for collector in self.routes:
            if not isinstance(collector, Routes):
                raise DeclarationError("?", f"Plugin(routes=[...]) holds {collector!r}, which is no Routes.")
        self.events = tuple(events)
        self.states = tuple(states)
        self.cli = cli
        self.roles = check_roles("?", roles) if roles is not None else {}
        self.introduction = Introduction(about, greeting, personal, kept)
        self.hooks: list[Hook] = []
        self.hookspecs: list[Callable[..., Any]] = []

    def __iter__(self) -> Iterator[Any]:
        for collector in self.routes:
            yield from collector
        yield from self.declared

    @overload
    def hook(self, function: H, /) -> H: ...
    @overload
    def hook(self, /, *, optional: bool) -> Callable[[H], H]: ...
    def hook(self, function: Any = None, /, *, optional: bool = False) -> Any:
        """Implement the hook that the function is named after: `@plugin.hook async def astral_health(ctx): ...`.

        Sync or async is a part of each hook; `astral hooks` lists them. Of a hook that another plugin brings, which
        may be missing, say `@plugin.hook(optional=True)`.
        """

        def add(function: H) -> H:
            if not hasattr(function, "__name__"):
                raise DeclarationError("?", f"the hook {function!r} has no name.", "give a function.")
            self.hooks.append(Hook(function, optional))
            return function

        return add(function) if function is not None else add

    def hookspec(self, function: H) -> H:
        """Bring a hook of your own: other plugins implement it, and `ctx.collect` gives you what they return.

        The function has a docstring, its arguments and no body; the first argument is `ctx`.
        """
        self.hookspecs.append(function)
        return function


class CorePlugin(Plugin):
    """The core's own plugin. `foreign` makes the bots of python-telegram-bot that plugins hold."""

    def __init__(self, *, foreign: Build, **options: Any) -> None:
        super().__init__(**options)
        self.foreign = foreign
