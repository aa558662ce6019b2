"""The members of a class, by task: the comments `# --- title` of its source are the groups."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from functools import cache, cached_property
from typing import Any, NamedTuple

OTHERS = "others"
# What an author looks for first; other groups follow in the order of the source.
FIRST = (
    "who and where", "texts", "storage", "durable work", "questions", "messages", "buttons and links", "slow things",
)  # fmt: skip


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

    @property
    def is_shown(self) -> bool:
        """Whether it is of use: a property that always raises is not."""
        read = getattr(self.value, "fget", None) or getattr(self.value, "func", None)
        refused = "NoReturn" in str(getattr(read, "__annotations__", {}).get("return"))
        return inspect.isfunction(self.function) or (self.is_property and not refused)

    def says_the_same(self, other: Member | None) -> bool:
        """Whether what `other` says of itself holds for this one, too."""
        if other is None or self.is_property != other.is_property:
            return False
        return self.value is other.value or (
            self.is_property and inspect.getdoc(self.function) == inspect.getdoc(other.function)
        )


def members(kind: type) -> Iterator[Member]:
    """What `kind` has of public methods and properties, its own first, then those of the bases of this project."""
    seen: set[str] = set()
    owners = [base for base in kind.__mro__ if base.__module__.startswith("astral_")]
    titles: dict[str, str] = {}
    for owner in owners:  # one that is overridden without a title keeps the title of the base
        titles = {**_groups(owner), **titles}
    for owner in owners:
        for name, value in vars(owner).items():
            member = Member(name, owner, value, titles.get(name, OTHERS))
            if name not in seen and not name.startswith("_") and member.is_shown:
                seen.add(name)
                yield member


def by_group(found: list[Member]) -> dict[str, list[Member]]:
    """The members below their groups; what has none comes last."""
    order = dict.fromkeys([*FIRST, *(member.group for member in found if member.group != OTHERS), OTHERS])
    return {title: inner for title in order if (inner := [member for member in found if member.group == title])}


@cache
def _groups(kind: type) -> dict[str, str]:
    title = ""
    found: dict[str, str] = {}
    for line in inspect.getsource(kind).splitlines():
        if mark := re.match(r"    # --- (.+)", line):
            title = mark[1].strip()
        elif made := re.match(r"    (?:async )?def (\w+)", line):
            found.setdefault(made[1], title)
    return {name: title for name, title in found.items() if title}
