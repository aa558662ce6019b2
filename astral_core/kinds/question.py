"""Questions: the next message of somebody who was asked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ParamSpec

from astral_core.botapi.table import table
from astral_core.declare import OWNER, PRIVATE, Call, ChatKind, Flood, Route
from astral_core.errors import DeclarationError
from astral_core.kinds.base import PEOPLE, Claims, Incoming, Kind, Match, Owner, check_chat, registered, typed

P = ParamSpec("P")
ANYTHING = "any"  # in `accept`: whatever people send


class QuestionCall(Call):
    """Who takes the answer that `ctx.ask` waits for."""

    __slots__ = ()


@dataclass(frozen=True, eq=False)
class QuestionRoute(Route[P]):
    """Takes the next message of a user who was asked (`ctx.ask`); kept, with `park`, while the plugin is away.

    `accept` names the content that answers: members of the Bot API's Message.
    """

    park: bool = False
    chat: ChatKind = PRIVATE
    role: str | None = None
    accept: tuple[str, ...] = ("text",)
    flood: Flood | None = None
    timeout: float | None = None

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> QuestionCall:
        """A question with these arguments, which are kept until it is answered."""
        return QuestionCall(self, self.arguments(args, kwargs))


class Questions(Kind):
    """Found by the question that is open for who writes, in the place where they write."""

    declares = QuestionRoute
    name, plural = "question", "questions"
    updates = frozenset(("message", "edited_message"))  # who edits the last message may have answered so
    always = True  # those of plugins that are away

    def add(self, plugin: Owner, declared: QuestionRoute[Any], claims: Claims) -> str | None:
        """Check what it accepts."""
        del claims
        key, what = f"{plugin.id}.{declared.name}", f"question {declared.name!r}"
        route = registered(plugin, declared, Questions, declared.name, named=None)
        check_chat(plugin, what, declared.chat, PEOPLE)
        if ANYTHING not in declared.accept:
            check_content(plugin, what, declared.accept)
        if not declared.accept:
            raise DeclarationError(plugin.id, f"the {what} accepts nothing.", 'accept=("text",)')
        if key in self.routes:
            raise DeclarationError(plugin.id, f"two question routes are called {declared.name!r}.")
        self.routes[key] = route
        return key

    def wanted(self) -> Iterable[str]:
        """Edited messages of all people are not asked for, only because an owner may answer the core by an edit."""
        people = any(route.role != OWNER for route in self.routes.values())
        return self.updates if people else {"message"} if self.routes else ()

    def find(self, incoming: Incoming) -> Match | None:
        """The route of the open question; a hint for what is no answer to it."""
        question = incoming.question
        if question is None or incoming.is_command:
            return None
        found, route = self._found(incoming, question), self.routes.get(question.route)
        if found is not None and route is not None and route.role is not None:  # also the hints are for who may
            found.role, found.instead = route.role, incoming.closed()
        return found

    def _found(self, incoming: Incoming, question: Any) -> Match | None:
        if incoming.kind == "edited_message":
            return self._edited(incoming)
        route = self.routes.get(question.route)
        if route is None:
            if not incoming.says_something:
                return None
            return incoming.asked(incoming.away(question.route.partition(".")[0], question.route))
        accept = route.declared.accept
        if incoming.says_something if ANYTHING in accept else incoming.says(frozenset(accept)):
            return _answered(incoming.asked(incoming.here(route, kwargs=typed(route.handler, question.args))))
        return incoming.no_answer() if incoming.says_something and incoming.chat in route.chat else None

    def _edited(self, incoming: Incoming) -> Match | None:
        """Who edits the last message instead of writing a new one answers so; of an older one they are told."""
        question = incoming.question
        if question.edits_from is None or incoming.message.text is None:
            return None
        if incoming.message.message_id < question.edits_from:
            return incoming.too_old()
        route = self.routes.get(question.route)
        if route is None:
            return incoming.asked(incoming.away(question.route.partition(".")[0], question.route))
        if not {"text", ANYTHING} & {*route.declared.accept}:
            return None
        return _answered(incoming.asked(incoming.here(route, kwargs=typed(route.handler, question.args))))


def _answered(match: Match | None) -> Match | None:
    """The question is over, also if a group was led to the private chat with it."""
    if match is not None:
        match.answers = True
    return match


def check_content(plugin: Owner, what: str, kinds: tuple[str, ...]) -> None:
    """DeclarationError if a name is no member of the Bot API's Message."""
    known = table().types["Message"]
    for kind in kinds:
        if kind not in known:
            raise DeclarationError(
                plugin.id, f"the {what} names {kind!r}, which no message has.",
                "name members of the Bot API's Message, such as text, photo, contact.",
            )  # fmt: skip
