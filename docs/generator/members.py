"""The members of a class, by task: the comments `# --- title` of its source are the groups."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from functools import cache, cached_property
from typing import Any, NamedTuple

# What an author looks for first; other groups follow in the order of the source.
OTHERS = "others"
FIRST = ("who and where", "texts", "messages", "buttons", "storage", "durable work", "slow things")


class Member(NamedTuple):
    """A method or a property: its name, the class that has it, what it is there, and its group."""

    name: str
    owner: type
    value: Any
    group: str

    @property
    def function(self) -> Any:
        """What has the docstring."""
        return getattr(self.value, "__func__", self.value)

    @property
    def is_property(self) -> bool:
        """Whether it is read, not called."""
        return isinstance(self.value, (property, cached_property))


def members(kind: type) -> Iterator[Member]:
    """What `kind` has of public methods and properties, its own first, then those of the bases of this project."""
    seen: set[str] = set()
    for owner in (base for base in kind.__mro__ if base.__module__.startswith("astral_")):
        for name, value in vars(owner).items():
            member = Member(name, owner, value, _groups(owner).get(name, OTHERS))
            shown = member.is_property or inspect.isfunction(member.function)
            if shown and name not in seen and not name.startswith("_"):
                seen.add(name)
                yield member


def by_group(found: list[Member]) -> dict[str, list[Member]]:
    """The members below their groups; what has none comes last."""
    order = dict.fromkeys([*FIRST, *(member.group for member in found if member.group != OTHERS), OTHERS])
    return {title: inner for title in order if (inner := [member for member in found if member.group == title])}


@cache
def _groups(kind: type) -> dict[str, str]:
    title, found = OTHERS, {}
    for line in inspect.getsource(kind).splitlines():
        if mark := re.match(r"    # --- (.+)", line):
            title = mark[1].strip()
        elif made := re.match(r"    (?:async )?def (\w+)", line):
            found.setdefault(made[1], title)
    return found
