"""A poll as a state machine: open, voted in, retracted from, closed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from .errors import PageError
from .records import Message


@dataclass(slots=True)
class Option:
    """An answer. `text` is the Bot API's text and text_entities; `added` says who added it later, and when."""

    persistent_id: str
    text: dict[str, Any]
    media: dict[str, Any] | None = None
    added: dict[str, Any] = field(default_factory=dict)

    def to_dict(self, voters: int) -> dict[str, Any]:
        """The Bot API's PollOption with this number of voters."""
        found = {"persistent_id": self.persistent_id, **self.text, "voter_count": voters, **self.added}
        return found if self.media is None else {**found, "media": self.media}


@dataclass(slots=True)
class Poll:
    """A poll or quiz, shown by `messages` (its own and those that forward it).

    `question`, `explanation` and `about` (description and media) are the Bot API's fields. `votes` are the chosen
    places by person, in growing order. `closes_at` is a Unix time, 0 for never; `open_period` are seconds.
    """

    id: str
    question: dict[str, Any]
    options: list[Option]
    by_bot: bool = True
    is_anonymous: bool = True
    quiz: bool = False
    several: bool = False
    revoting: bool = True
    open_to_options: bool = False
    members_only: bool = False
    countries: list[str] = field(default_factory=list)
    correct: list[int] = field(default_factory=list)
    explanation: dict[str, Any] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    open_period: int = 0
    closes_at: int = 0
    is_closed: bool = False
    votes: dict[int, tuple[int, ...]] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)

    def vote(self, voter: int, places: Collection[int]) -> tuple[int, ...]:
        """Take somebody's choice; PageError if the poll does not allow it. Returns what counts now."""
        chosen = tuple(sorted(set(places)))
        if self.is_closed:
            raise PageError(409, "the poll is closed")
        if not chosen or any(not 0 <= place < len(self.options) for place in chosen):
            raise PageError(400, f"the poll has the options 0..{len(self.options) - 1}", "options")
        if len(chosen) > 1 and not self.several:
            raise PageError(400, "the poll takes one answer", "options")
        if voter in self.votes and not self.revoting:
            raise PageError(409, "the poll takes no second vote")
        self.votes[voter] = chosen
        return chosen

    def retract(self, voter: int) -> None:
        """Take somebody's vote back; PageError if there is none, or the poll does not allow it."""
        if self.is_closed:
            raise PageError(409, "the poll is closed")
        if voter not in self.votes:
            raise PageError(409, "there is no vote to take back")
        if not self.revoting:
            raise PageError(409, "a vote in this poll stays")
        del self.votes[voter]

    def add_option(self, text: str, added: dict[str, Any]) -> Option:
        """Somebody adds an answer; PageError if the poll does not take any."""
        if self.is_closed or not self.open_to_options:
            raise PageError(409, "the poll takes no more options")
        option = Option(f"{len(self.options)}", {"text": text}, added=added)
        self.options.append(option)
        return option

    def close(self) -> bool:
        """No more votes; False if it was closed already."""
        was, self.is_closed = self.is_closed, True
        return not was

    @property
    def counts(self) -> list[int]:
        """How many chose each option."""
        return [sum(place in chosen for chosen in self.votes.values()) for place in range(len(self.options))]

    def to_dict(self, *, whole: bool = True) -> dict[str, Any]:
        """The Bot API's Poll; not `whole`: without description and media, as in updates about its votes."""
        found: dict[str, Any] = {
            "id": self.id, **self.question, "total_voter_count": len(self.votes),
            "options": [option.to_dict(count) for option, count in zip(self.options, self.counts, strict=True)],
            "is_closed": self.is_closed, "is_anonymous": self.is_anonymous,
            "type": "quiz" if self.quiz else "regular", "allows_multiple_answers": self.several,
            "allows_revoting": self.revoting, "members_only": self.members_only,
        }  # fmt: skip
        if self.open_period and self.closes_at:
            found |= {"open_period": self.open_period, "close_date": self.closes_at}
        if self.countries:
            found["country_codes"] = self.countries
        if self.quiz:
            if self.by_bot or self.is_closed:
                found["correct_option_ids"] = self.correct
            found |= self.explanation
        return {**found, **self.about} if whole else found
